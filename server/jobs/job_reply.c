/* See job_reply.h. */
#include "server/jobs/job_reply.h"

job_task *job_task_new(jobs *j, isize size, http_reply *reply) {
  job_task *t = store_thread_is_crowded(j->store) ? nullptr : calloc(1, (size_t)size);
  if (t == nullptr) {
    http_reply_error(reply, 503, "too many requests wait for the store", true);
    reply->retry_after_s = 1;
    return nullptr;
  }
  t->jobs = j;
  j->n_tasks++;
  reply->task = &t->task;
  return t;
}

void job_task_free(job_task *t) {
  jobs *j = t->jobs;
  store_job_drop(&t->job);
  free(t);
  j->n_tasks--;
  jobs_stop_check(j);
}

void job_task_post(job_task *t, store_status (*work)(store *s, store_call *call),
                   void (*done)(store_call *call)) {
  t->call.work = work;
  t->call.done = done;
  t->posted = true;
  store_thread_post(t->jobs->store, &t->call);
}

bool job_task_gone(http_task *task) {
  job_task *t = (job_task *)task;
  t->gone = true;
  return !t->posted;
}

static void reply_json(http_reply *reply, int status, text_buf *json) {
  reply->status = status;
  reply->content_type = "application/json";
  reply->cache_control = "no-store";
  reply->memory = json->at;
  reply->body_bytes = json->len;
  if (status == 423 || status == 429 || status == 503) reply->retry_after_s = 1;
}

void job_task_json(job_task *t, int status, text_buf *json) {
  http_reply reply;
  http_reply_begin(&reply);
  if (json->failed) {
    free(json->at);
    http_reply_error(&reply, 503, "no memory", false);
  } else {
    reply_json(&reply, status, json);
    if (status == 201)
      snprintf(reply.location, sizeof reply.location, "/v1/jobs/%s", t->job.id.hex);
  }
  if (t->tus) reply.fields = strdup("Tus-Resumable: 1.0.0\r\n");
  http_task_answer(&t->task, &reply);
  job_task_free(t);
}

void job_task_error(job_task *t, int status, const char *line) {
  text_buf json = {0};
  text_buf_str(&json, "{\"error\":");
  text_buf_json(&json, text(line), true);
  text_buf_str(&json, "}\n");
  job_task_json(t, status, &json);
}

void job_task_store_error(job_task *t) {
  store_status status = t->call.status;
  if (status != STORE_NONE && status != STORE_CONFLICT && status != STORE_CROWDED) {
    log_event(t->jobs->desc.log, "the store failed", t->call.error.line);
  }
  const char *line = status == STORE_NONE       ? "no such job"
                     : status == STORE_CONFLICT ? "this Idempotency-Key belongs to another request"
                     : status == STORE_CROWDED  ? "too many jobs wait already"
                     : status == STORE_FULL     ? "no space left for jobs"
                     : status == STORE_DOWN     ? "the store is not reachable now; try again"
                                                : "the store failed; the server's log says why";
  job_task_error(t, jobs_http_status(status), line);
}
