/* Counters of the server in Prometheus' text format. Owns numbers, no time series. */
#pragma once
#include "server/text_buf.h"

/* What a request to the model came to. */
typedef enum {
  ANSWER_OK,
  ANSWER_REFUSED, /* 4xx */
  ANSWER_BUSY,    /* no room in the queue */
  ANSWER_LATE,
  ANSWER_GONE, /* the client went */
  ANSWER_FAILED,
  N_ANSWERS,
} metrics_answer;

typedef struct {
  i64 n_requests[600]; /* by status */
  i64 bytes_sent;
  i64 n_connections, n_connections_total, n_connections_refused;
  i64 n_replies_cut;     /* client gone or too slow */
  i64 n_deadlines;       /* connections ended by a deadline */
  i64 started_s;         /* seconds since 1970 */
  i64 n_models, n_models_ready;
  i64 n_log_dropped;
  i64 n_answers[N_ANSWERS];
  i64 n_edits[2]; /* of ANSWER_OK, by this server's engine: without an adapter, with one */
  i64 n_input_tokens, n_output_tokens;
  i64 n_passes, n_pass_works, n_works_queued, n_works_running;
} metrics;

/* source: Prometheus exposition formats, "Text-based format", version 0.0.4 */
void metrics_write(const metrics *m, text_buf *out);
