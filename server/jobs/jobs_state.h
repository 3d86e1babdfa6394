/* What the files of server/jobs/ share: the state behind jobs.h and the small calls between them.
 */
#pragma once
#include "server/jobs/job_kind.h"
#include "server/jobs/job_metrics.h"
#include "server/jobs/jobs.h"
#include "server/store/store_thread.h"

typedef struct job_run job_run;
typedef struct job_stream job_stream;
typedef struct job_upload job_upload;

enum { JOB_PATH_BYTES = CONFIG_PATH_BYTES + 128 };

struct jobs {
  jobs_desc desc;
  store_thread *store;
  char data[CONFIG_PATH_BYTES];       /* absolute, as is the worker's folder */
  char owner[96];                     /* host and pid, for the operator */
  const char *kinds[JOB_KINDS_MAX + 1]; /* what can run here, NULL-terminated */
  int media_root;                     /* -1, or the open folder that input paths lie under */
  bool sandbox;                       /* bubblewrap works here */
  job_run *runs;                      /* doubly linked, as are streams and uploads */
  int n_runs;
  job_stream *streams;
  job_upload *uploads;
  uv_timer_t claim_timer, stream_timer, sweep_timer;
  int n_timers;                       /* not closed yet */
  store_call claim, sweep;
  store_job claimed;
  char *claimed_told; /* jobs.c, told_read */
  job_metrics metrics;
  bool claiming, sweeping, stopping;
  i64 n_sweeps; /* the sweep's own */
  int n_tasks; /* requests that wait for the store or for a file */
};

/* "DATA/FOLDER/NAME" into out[JOB_PATH_BYTES]. */
void jobs_path(const jobs *j, const char *folder, const char *name, char *out);
void jobs_claim_soon(jobs *j);
/* Remove what the tries of an ended job left in work/ID; what cannot be removed now is swept. */
void jobs_work_remove(jobs *j, const job_id *id);
/* A job changed here: whoever streams its events asks the store now. */
void jobs_changed(jobs *j, const job_id *id);
/* Called when something ended that jobs_stop waits for. */
void jobs_stop_check(jobs *j);
/* HTTP's word for a store's. */
int jobs_http_status(store_status status);

/* job_run.c: start `job` (taken over, as is told: jobs.c), end the run of a job that is being
 * cancelled, end all. */
void job_run_start(jobs *j, store_job *job, char *told);
void job_run_cancel(jobs *j, const job_id *id);
void job_runs_stop(jobs *j);

/* job_stream.c */
void job_stream_reply(jobs *j, const job_id *id, const http_request *request, http_reply *reply);
void job_streams_poll(jobs *j);
void job_streams_stop(jobs *j);
