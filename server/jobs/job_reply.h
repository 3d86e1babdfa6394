/* Requests about jobs as tasks: what they keep of the request, and their answers as JSON. */
#pragma once
#include "server/jobs/jobs_state.h"
#include "server/text_buf.h"

/* One request that waits for the store. Counted in jobs.n_tasks; freed by its last owner. */
typedef struct {
  http_task task; /* first */
  store_call call;
  jobs *jobs;
  job_id id;
  store_job job;
  bool posted; /* the call is on its way, or was */
  bool tus;    /* its answers name the protocol's version */
  bool gone; /* the client is not there any more: when the call is back, all is dropped */
} job_task;

/* size: of the struct that begins with a job_task; zeroed. null: no memory, reply is filled. */
job_task *job_task_new(jobs *j, isize size, http_reply *reply);
void job_task_free(job_task *t);
void job_task_post(job_task *t, store_status (*work)(store *s, store_call *call),
                   void (*done)(store_call *call));
/* For http_task_kind.gone: true when no call is on its way, so that nobody else frees it. */
bool job_task_gone(http_task *task);

/* Answer with JSON (taken), or with an error of one line, and free t. */
void job_task_json(job_task *t, int status, text_buf *json);
void job_task_error(job_task *t, int status, const char *line);
/* The store's word as an answer: its own line only where it tells the client something. */
void job_task_store_error(job_task *t);
