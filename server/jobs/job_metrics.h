/* What an operator asks about jobs, for /metrics: those the store has now, by kind and state, and
 * what this process did. Owns the numbers and when the store is counted: at the start, and when
 * somebody asks and the last count is a few seconds old, so that /metrics never waits for a store.
 * A worker elsewhere is seen through the store. */
#pragma once
#include "server/jobs/job_kind.h"
#include "server/store/store_thread.h"
#include "server/text_buf.h"

typedef struct jobs jobs;

/* What a try came to, here. */
typedef enum : u8 {
  TRIED_DONE,
  TRIED_FAILED,    /* for good: the input, a limit */
  TRIED_AGAIN,     /* it broke; another one follows, or the job is dead */
  TRIED_CANCELLED,
  TRIED_RELEASED,  /* given back: this process stops */
  TRIED_LOST,      /* its lease was over: another worker may have the job */
  N_TRY_OUTCOMES,
} job_try_outcome;

enum { N_TRY_BUCKETS = 8, COUNT_ROWS_MAX = 48 };

typedef struct {
  i64 n_accepted, n_tries[N_TRY_OUTCOMES], n_bucket[N_TRY_BUCKETS], try_ms;
} job_kind_counts;

typedef struct {
  job_kind_counts kinds[JOB_KINDS_MAX];
  store_count rows[COUNT_ROWS_MAX], fresh[COUNT_ROWS_MAX]; /* as counted last; being counted */
  int n_rows, n_fresh;
  i64 counted_ms, counted_s; /* of the loop's clock; since 1970. 0: not yet */
  bool counting;
  store_call call;
} job_metrics;

void job_metrics_accepted(job_metrics *m, const job_kind *kind);
void job_metrics_try(job_metrics *m, const job_kind *kind, job_try_outcome outcome,
                     i64 duration_ms);
/* Count the store, unless that is on its way or was done a moment ago. */
void job_metrics_refresh(jobs *j);
void job_metrics_write(const job_metrics *m, const store_thread *store, text_buf *out);
