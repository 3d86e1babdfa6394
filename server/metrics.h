/* Counters of the server in Prometheus' text format. Owns numbers, no time series. */
#pragma once
#include "server/text_buf.h"

typedef struct {
  i64 n_requests[600]; /* by status */
  i64 bytes_sent;
  i64 n_connections, n_connections_total, n_connections_refused;
  i64 n_replies_cut;     /* client gone or too slow */
  i64 n_deadlines;       /* connections ended by a deadline */
  i64 started_s;         /* seconds since 1970 */
  i64 n_models, n_models_ready;
  i64 n_log_dropped;
} metrics;

/* source: Prometheus exposition formats, "Text-based format", version 0.0.4 */
void metrics_write(const metrics *m, text_buf *out);
