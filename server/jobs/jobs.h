/* Heavy and long work: the queue's HTTP side and the worker side, over one store.
 *
 *   POST   /v1/uploads            the file itself as the body -> {"upload": ID}
 *   HEAD, PATCH, ... /v1/uploads/ID    resumable (job_tus.h)
 *   POST   /v1/jobs               {"kind", "input", ...}, Idempotency-Key
 *   GET    /v1/jobs, /v1/jobs/ID
 *   GET    /v1/jobs/ID/events     server-sent events, Last-Event-ID
 *   GET    /v1/jobs/ID/result[/NAME]   with ranges
 *   DELETE /v1/jobs/ID            cancel
 *
 * Files below config.data: uploads/ID, uploads/ID.part, work/ID/FENCE (a try's own folder),
 * results/ID/FENCE. What counts is the store alone: a folder that it does not name is rubbish, and
 * is swept. Owns nothing of HTTP but these routes. Read next: store/store.h, jobs_state.h. */
#pragma once
#include <uv.h>

#include "server/config.h"
#include "server/http_task.h"
#include "server/log.h"
#include "server/text_buf.h"
#include "server/token.h"

typedef struct jobs jobs;

typedef struct {
  uv_loop_t *loop;
  const config *config; /* with data set; outlives the jobs */
  server_log *log;
  const tokens *tokens; /* one is asked for when there are any; null: no routes, a worker only */
} jobs_desc;

/* Open the store and begin to take jobs. false: the line says why; machine: the store cannot be
 * reached or written (exit code 3), else what was asked for is at fault (1). */
bool jobs_start(const jobs_desc *desc, jobs **j, nf_error *error, bool *machine);
/* Take no more jobs, end the running ones and give them back, let go of the loop, free all. */
void jobs_stop(jobs *j);
/* path: what follows "/v1". Fills the reply, or leaves a task in it. j null: jobs are off. */
void jobs_reply(jobs *j, nf_bytes path, const http_request *request, http_reply *reply);
/* For /metrics; what the store has is as it was up to some seconds ago. */
void jobs_metrics(jobs *j, text_buf *out);
