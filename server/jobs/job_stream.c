/* GET /v1/jobs/ID/events: the job's event log as server-sent events, from Last-Event-ID on, until
 * the job has ended. The store is asked twice a second, and at once when the job changed here; so
 * the worker may be anywhere. source WHATWG HTML, "Server-sent events" */
#include "server/jobs/job_reply.h"

enum { EVENTS_CALL = 200, COMMENT_MS = 15000 };

struct job_stream {
  job_task base; /* first */
  job_stream *next, *prev;
  i64 after;
  bool calling, again; /* again: it changed while the store was asked */
  bool streaming, final;
  i64 written_ms;
  i64 n; /* events of this call */
  text_buf out;
};

static void event_write(void *to, const store_event *e) {
  job_stream *m = to;
  char head[80];
  snprintf(head, sizeof head, "id: %lld\nevent: %s\ndata: ", (long long)e->seq, e->type);
  text_buf_str(&m->out, head);
  text_buf_add(&m->out, e->data); /* JSON without line breaks */
  text_buf_str(&m->out, "\n\n");
  m->after = e->seq;
  m->n++;
}

/* The state first: when it is final, no event comes after those that are read then. */
static store_status stream_work(store *s, store_call *call) {
  job_stream *m = (job_stream *)((char *)call - offsetof(job_stream, base.call));
  store_job job;
  store_status status = store_get(s, &m->base.id, &job);
  if (status != STORE_OK) return status;
  bool final = job_state_is_final(job.state);
  store_job_drop(&job);
  m->n = 0;
  status = store_events(s, &m->base.id, m->after, EVENTS_CALL, event_write, m);
  m->final = final && m->n < EVENTS_CALL;
  return status;
}

static void stream_unlink(job_stream *m) {
  if (m->prev != nullptr) m->prev->next = m->next;
  if (m->next != nullptr) m->next->prev = m->prev;
  if (m->base.jobs->streams == m) m->base.jobs->streams = m->next;
  free(m->out.at);
}
static void stream_free(job_stream *m) {
  stream_unlink(m);
  job_task_free(&m->base);
}

static void stream_call(job_stream *m);

/* The first answer decides between a stream and an error. 204 tells a browser not to come back. */
static bool stream_begin(job_stream *m) {
  http_reply reply;
  http_reply_begin(&reply);
  reply.status = m->final && m->out.len == 0 ? 204 : 200;
  reply.cache_control = "no-store";
  if (reply.status == 204) {
    http_task_answer(&m->base.task, &reply);
    stream_free(m);
    return false;
  }
  reply.content_type = "text/event-stream";
  m->streaming = true;
  http_task_stream(&m->base.task, &reply);
  return true;
}

static void stream_done(store_call *call) {
  job_stream *m = (job_stream *)((char *)call - offsetof(job_stream, base.call));
  m->calling = false;
  if (m->base.gone) {
    stream_free(m);
    return;
  }
  if (call->status != STORE_OK && !m->streaming) {
    stream_unlink(m);
    job_task_store_error(&m->base);
    return;
  }
  bool stopping = m->base.jobs->stopping;
  if (call->status != STORE_OK && !stopping) return; /* the next poll asks again */
  if (!m->streaming && !stream_begin(m)) return;
  i64 now = (i64)uv_now(m->base.jobs->desc.loop);
  if (m->out.len == 0 && now - m->written_ms > COMMENT_MS) text_buf_str(&m->out, ":\n\n");
  if (m->out.len > 0) {
    http_task_write(&m->base.task, bytes_from(m->out.at, m->out.len));
    m->out.len = 0;
    m->written_ms = now;
  }
  if (m->final || stopping) { /* the client comes back with Last-Event-ID */
    http_task_end(&m->base.task);
    stream_free(m);
  } else if (m->n == EVENTS_CALL || m->again) {
    stream_call(m);
  }
}

static void stream_call(job_stream *m) {
  m->again = m->calling;
  if (m->calling || m->base.jobs->stopping) return;
  m->calling = true;
  job_task_post(&m->base, stream_work, stream_done);
}

static void stream_start(http_task *task) { stream_call((job_stream *)task); }

static void stream_gone(http_task *task) {
  job_stream *m = (job_stream *)task;
  (void)job_task_gone(task);
  if (!m->calling) stream_free(m);
}

static const http_task_kind STREAM = {nullptr, stream_start, stream_gone};

void job_stream_reply(jobs *j, const job_id *id, const http_request *request, http_reply *reply) {
  i64 after = 0;
  if (request->last_event_id.at != nullptr && request->last_event_id.len > 0 &&
      !bytes_number(request->last_event_id, &after)) {
    http_reply_error(reply, 400, "Last-Event-ID must be a number", request->has_body);
    return;
  }
  job_stream *m = (job_stream *)job_task_new(j, sizeof *m, reply);
  if (m == nullptr) return;
  m->base.task.kind = &STREAM;
  m->base.id = *id;
  m->after = after;
  m->next = j->streams;
  if (j->streams != nullptr) j->streams->prev = m;
  j->streams = m;
}

void job_streams_poll(jobs *j) {
  for (job_stream *m = j->streams; m != nullptr; m = m->next) {
    if (m->streaming && !m->calling) stream_call(m);
  }
}

void jobs_changed(jobs *j, const job_id *id) {
  for (job_stream *m = j->streams; m != nullptr; m = m->next) {
    if (m->streaming && strcmp(m->base.id.hex, id->hex) == 0) stream_call(m);
  }
}

void job_streams_stop(jobs *j) {
  for (job_stream *m = j->streams, *next; m != nullptr; m = next) {
    next = m->next;
    if (m->calling || !m->streaming) continue; /* stream_done ends it */
    http_task_end(&m->base.task);
    stream_free(m);
  }
}
