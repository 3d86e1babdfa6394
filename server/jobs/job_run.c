/* One try of one job: a child process whose standard output is read line by line (job_line.h), the
 * lease, the end. Exit 0: the outputs lie in its folder. The child gets job.json ({"id", "kind",
 * "try", "request", "told"}; told: jobs.c, told_read), the input as file descriptor 3 and a second
 * upload, where its kind has one, as 4: never as paths.
 *
 *   start -> reads, reports every second -> exited -> last report -> publish -> complete
 *                                                                  -> fail, release, cancel_end
 * Does not own: what a try counts for (the store), the sandbox (job_sandbox.h). */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "server/jobs/job_folder.h"
#include "server/jobs/job_line.h"
#include "server/jobs/job_run_inside.h"
#include "server/text_buf.h"

enum {
  TICK_MS = 250,
  REPORT_MS = 1000, /* a heartbeat, and how soon a cancel from another machine is heard of */
  KILL_MS = 2000,
  LINE_BYTES_MAX = 65536,
};

static i64 now_ms(const job_run *r) { return (i64)uv_now(r->jobs->desc.loop); }

/* ---- the end of a run ---- */

static void on_timer_closed(uv_handle_t *handle) {
  job_run *r = handle->data;
  jobs *j = r->jobs;
  for (int i = 0; i < r->n_events; i++) free(r->events[i].data);
  free(r->line.at);
  free(r->result);
  store_job_drop(&r->job);
  free(r->told);
  free(r);
  j->n_runs--;
  jobs_claim_soon(j);
  jobs_stop_check(j);
}

/* results/ID/FENCE */
static void result_path(const job_run *r, char *out) {
  char name[80];
  snprintf(name, sizeof name, "%s/%lld", r->job.id.hex, (long long)r->job.fence);
  jobs_path(r->jobs, "results", name, out);
}

static void remove_work(uv_work_t *work) {
  job_run *r = work->data;
  if (r->unwanted) {
    char result[JOB_PATH_BYTES];
    result_path(r, result);
    job_result_remove(result);
  }
  if (r->work[0] == 0) return; /* not begun */
  if (!r->over && r->kind->keeps) job_folder_remove_but(r->work, JOB_KEPT);
  if (!r->over && !r->kind->keeps) job_folder_remove(r->work);
  *strrchr(r->work, '/') = 0; /* work/ID */
  if (r->over) job_folder_remove(r->work);
  if (!r->over) (void)rmdir(r->work); /* when this was its only try's folder */
}

static void run_free(uv_work_t *work, int status) {
  job_run *r = work->data;
  (void)status;
  if (r->prev != nullptr) r->prev->next = r->next;
  if (r->next != nullptr) r->next->prev = r->prev;
  if (r->jobs->runs == r) r->jobs->runs = r->next;
  uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}

/* kept: the store has the end; else someone else may have the job. */
static void run_count(const job_run *r, bool kept) {
  job_try_outcome outcome = TRIED_DONE;
  if (!kept || r->reason == LOST) {
    outcome = TRIED_LOST;
  } else if (r->reason == CANCELLED || r->cancelled_late) {
    outcome = TRIED_CANCELLED;
  } else if (r->reason == STOPPED) {
    outcome = TRIED_RELEASED;
  } else if (r->reason == STARVED || (r->reason == GOES_ON && r->has_error && r->again)) {
    outcome = TRIED_AGAIN;
  } else if (r->reason != GOES_ON || r->has_error) {
    outcome = TRIED_FAILED;
  }
  job_metrics_try(&r->jobs->metrics, r->kind, outcome, now_ms(r) - r->started_ms);
}

static void run_over(job_run *r) {
  jobs_changed(r->jobs, &r->job.id);
  r->publish.data = r;
  uv_timer_stop(&r->timer);
  if (uv_queue_work(r->jobs->desc.loop, &r->publish, remove_work, run_free) != 0) {
    run_free(&r->publish, 0);
  }
}

static void on_end_retry(uv_timer_t *timer);

/* A store that is away is asked again until the lease is over; then the try is lost anyway. */
static void end_done(store_call *call) {
  job_run *r = (job_run *)call;
  bool later = call->status == STORE_DOWN || call->status == STORE_FULL;
  if (later && now_ms(r) - r->reported_ms < r->jobs->desc.config->job_lease_ms &&
      !(r->jobs->stopping && r->reason == STOPPED)) {
    uv_timer_start(&r->timer, on_end_retry, REPORT_MS, 0);
    return;
  }
  if (call->status != STORE_OK && call->status != STORE_FENCED) {
    log_event(r->jobs->desc.log, "the end of a job is not stored", call->error.line);
  }
  bool another_try = r->reason == LOST || r->reason == STOPPED || r->reason == STARVED ||
                     (r->reason == GOES_ON && r->has_error && r->again);
  r->over = call->status == STORE_OK && (!another_try || r->was_last);
  run_count(r, call->status == STORE_OK);
  run_over(r);
}

/* Worth another try; the store knows whether there is one. */
static store_status fail_again(store *s, job_run *r, const char *why) {
  store_job now;
  store_status status = store_fail(s, &r->job.id, r->job.fence, true, why);
  if (status == STORE_OK && store_get(s, &r->job.id, &now) == STORE_OK) {
    r->was_last = job_state_is_final(now.state);
    store_job_drop(&now);
  }
  return status;
}

/* A result that another try has made meanwhile, or that nobody wants any more, is not kept. */
static store_status complete(store *s, job_run *r) {
  const job_id *id = &r->job.id;
  r->completing = true;
  store_status status = store_complete(s, id, r->job.fence, text(r->result));
  r->cancelled_late = status == STORE_CANCELLED;
  r->unwanted = r->cancelled_late || status == STORE_FENCED;
  return r->cancelled_late ? store_cancel_end(s, id, r->job.fence) : status;
}

static store_status end_work(store *s, store_call *call) {
  job_run *r = (job_run *)call;
  const job_id *id = &r->job.id;
  i64 fence = r->job.fence;
  r->unwanted = r->reason != GOES_ON && r->result != nullptr && !r->completing;
  switch (r->reason) {
    case CANCELLED: return store_cancel_end(s, id, fence);
    case LOST: return STORE_OK;
    case STOPPED: return store_release(s, id, fence);
    case TIMED_OUT:
    case MISBEHAVED: return store_fail(s, id, fence, false, r->error);
    case STARVED: return fail_again(s, r, "no memory for what the worker said");
    case GOES_ON: break;
  }
  if (r->has_error && r->again) return fail_again(s, r, r->error);
  return r->has_error ? store_fail(s, id, fence, false, r->error) : complete(s, r);
}

static void end_post(job_run *r) {
  r->call.work = end_work;
  r->call.done = end_done;
  store_thread_post(r->jobs->store, &r->call);
}
static void on_end_retry(uv_timer_t *timer) { end_post(timer->data); }

static void publish(uv_work_t *work) {
  job_run *r = work->data;
  char result[JOB_PATH_BYTES];
  result_path(r, result);
  if (!job_output_publish(r->kind, r->work, result, &r->publish_stop, &r->result,
                          &r->publish_error)) {
    r->result = nullptr;
  }
}
static void on_published(uv_work_t *work, int status) {
  job_run *r = work->data;
  r->publishing = false;
  if (r->reason == GOES_ON && (status != 0 || r->result == nullptr)) {
    r->has_error = r->again = true;
    snprintf(r->error, sizeof r->error, "%.200s", r->publish_error.line);
  }
  r->published = r->calling; /* then report_done goes on */
  if (!r->calling) end_post(r);
}

/* ---- the store ---- */

static store_status report_work(store *s, store_call *call) {
  job_run *r = (job_run *)call;
  store_event events[EVENTS_MAX];
  for (int i = 0; i < r->n_sent; i++) {
    events[i] = (store_event){.type = r->events[i].type, .data = text(r->events[i].data)};
  }
  return store_report(s, &r->job.id, r->job.fence, r->progress, events, r->n_sent);
}

static void run_end(job_run *r, end_reason reason);
static void run_finish(job_run *r);
static void output_resume(job_run *r);
static void on_finish_retry(uv_timer_t *timer) { run_finish(timer->data); }

static void report_done(store_call *call) {
  job_run *r = (job_run *)call;
  r->calling = false;
  if (call->status == STORE_OK || call->status == STORE_CANCELLED) {
    r->reported_ms = now_ms(r);
    for (int i = 0; i < r->n_sent; i++) free(r->events[i].data);
    r->n_events -= r->n_sent;
    memmove(r->events, r->events + r->n_sent, (size_t)r->n_events * sizeof r->events[0]);
    jobs_changed(r->jobs, &r->job.id);
    if (call->status == STORE_CANCELLED) run_end(r, CANCELLED);
  } else if (call->status == STORE_FENCED || call->status == STORE_NONE) {
    run_end(r, LOST);
  } else {
    log_event(r->jobs->desc.log, "a job's report is not stored", call->error.line);
  }
  r->n_sent = 0;
  output_resume(r);
  if (r->published) end_post(r);
  if (!r->ending) return;
  if (call->status == STORE_DOWN || call->status == STORE_FULL) {
    uv_timer_start(&r->timer, on_finish_retry, REPORT_MS, 0);
  } else {
    run_finish(r);
  }
}

static void report_post(job_run *r) {
  r->calling = true;
  r->n_sent = r->n_events;
  r->call.work = report_work;
  r->call.done = report_done;
  store_thread_post(r->jobs->store, &r->call);
}

/* The child is gone and all it wrote was read: what it said is stored first, then the end. */
static void run_finish(job_run *r) {
  r->ending = true;
  if (r->calling) return;
  bool kept = r->reason == GOES_ON || r->reason == STOPPED;
  bool lease_over = now_ms(r) - r->reported_ms > r->jobs->desc.config->job_lease_ms;
  if (kept && r->n_events > 0 && !lease_over) {
    report_post(r);
    return;
  }
  r->ending = false;
  if (r->reason == GOES_ON && !r->has_error && (r->exit_code != 0 || r->exit_signal != 0)) {
    const char *what = r->exit_signal != 0 ? "signal" : "exit code";
    r->has_error = r->again = true;
    snprintf(r->error, sizeof r->error, "the worker ended with %s %lld%s%.*s", what,
             r->exit_signal != 0 ? (long long)r->exit_signal : (long long)r->exit_code,
             r->said_len > 0 ? ": " : "", r->said_len < 160 ? r->said_len : 160, r->said);
  }
  if (r->reason == GOES_ON && !r->has_error) {
    r->publish.data = r;
    r->publishing = true;
    if (uv_queue_work(r->jobs->desc.loop, &r->publish, publish, on_published) == 0) return;
    on_published(&r->publish, UV_ENOMEM);
    return;
  }
  end_post(r);
}

/* ---- the child ---- */

static void child_signal(job_run *r, int number) {
  if (!r->exited) (void)kill(-r->process.pid, number); /* the whole group */
}

static void run_end(job_run *r, end_reason reason) {
  if (r->reason != GOES_ON) return;
  bool asked = reason == CANCELLED || reason == STOPPED;
  bool late = r->exited && reason != LOST && reason != STARVED && !(r->publishing && asked);
  if (late) return; /* it has ended by itself, and what it said is read */
  r->reason = reason;
  __atomic_store_n(&r->publish_stop, true, __ATOMIC_RELAXED);
  output_resume(r);
  if (r->exited) return;
  child_signal(r, SIGTERM);
  r->kill_ms = now_ms(r) + KILL_MS;
}

static void on_child_closed(uv_handle_t *handle) {
  job_run *r = handle->data;
  if (--r->n_open == 0) run_finish(r);
}

static void on_exit_child(uv_process_t *process, i64 code, int number) {
  job_run *r = process->data;
  (void)kill(-process->pid, SIGKILL); /* what it left behind, so that its pipes end */
  r->exited = true;
  r->exit_code = code;
  r->exit_signal = number;
  uv_close((uv_handle_t *)process, on_child_closed);
}

static void misbehaved(job_run *r, const char *why) {
  if (r->reason == GOES_ON) snprintf(r->error, sizeof r->error, "%s", why);
  run_end(r, MISBEHAVED);
}

static void line_take(job_run *r, nf_bytes bytes) {
  job_line line;
  if (bytes.len == 0) return;
  job_line_read(bytes, &line);
  if (line.kind == LINE_NO_MEMORY) {
    run_end(r, STARVED);
  } else if (line.kind == LINE_BAD) {
    misbehaved(r, "the worker wrote a line that is no JSON object");
  } else if (line.kind == LINE_ERROR) {
    r->has_error = true;
    r->again = line.again;
    str_copy(r->error, sizeof r->error, line.error);
  } else if (line.kind == LINE_EVENT) {
    held_event *last = r->n_events > r->n_sent ? &r->events[r->n_events - 1] : nullptr;
    if (strcmp(line.type, "progress") == 0) {
      r->progress = line.progress;
      bool replaces = last != nullptr && strcmp(last->type, "progress") == 0;
      if (replaces) free(r->events[--r->n_events].data);
    }
    r->events[r->n_events++] = (held_event){line.type, line.data};
  }
}

/* The whole lines that wait, until so many events do that the store must come first. */
static void lines_take(job_run *r) {
  isize at = 0;
  while (at < r->line.len && r->reason == GOES_ON && r->n_events < EVENTS_MAX) {
    char *end = memchr(r->line.at + at, '\n', (size_t)(r->line.len - at));
    if (end == nullptr) break;
    line_take(r, bytes_from(r->line.at + at, end - (r->line.at + at)));
    at = end + 1 - r->line.at;
  }
  if (r->reason != GOES_ON) at = r->line.len; /* nobody listens any more */
  r->line.len -= at;
  if (at > 0) memmove(r->line.at, r->line.at + at, (size_t)r->line.len);
  bool waits = r->n_events == EVENTS_MAX;
  if (r->line.failed) run_end(r, STARVED);
  if (!waits && r->line.len > LINE_BYTES_MAX) {
    misbehaved(r, "the worker wrote a line of more than 64 KB");
  }
  if (waits) uv_read_stop((uv_stream_t *)&r->out);
  r->read_stopped = waits;
}

static char pipe_buffer[65536]; /* one loop, one thread */
static void buffer_give(uv_handle_t *handle, size_t wanted, uv_buf_t *buf) {
  (void)handle, (void)wanted;
  *buf = uv_buf_init(pipe_buffer, sizeof pipe_buffer);
}

static void on_output(uv_stream_t *stream, isize n, const uv_buf_t *buf) {
  job_run *r = stream->data;
  if (n < 0) {
    uv_close((uv_handle_t *)stream, on_child_closed);
    return;
  }
  text_buf_add(&r->line, bytes_from(buf->base, n));
  lines_take(r);
}

static void output_resume(job_run *r) {
  if (!r->read_stopped) return;
  lines_take(r);
  if (!r->read_stopped) uv_read_start((uv_stream_t *)&r->out, buffer_give, on_output);
}

/* Keep the last line of what it says, as ASCII. */
static void on_stderr(uv_stream_t *stream, isize n, const uv_buf_t *buf) {
  job_run *r = stream->data;
  if (n < 0) {
    uv_close((uv_handle_t *)stream, on_child_closed);
    return;
  }
  for (isize i = 0; i < n; i++) {
    char c = buf->base[i];
    bool begins = r->said_len > 0 && r->said[r->said_len] == '\n';
    if (c == '\n') {
      r->said[r->said_len] = '\n'; /* the line is kept until another begins */
      continue;
    }
    if (begins) r->said_len = 0;
    if (r->said_len == STDERR_BYTES) continue;
    r->said[r->said_len++] = c < 0x20 || c > 0x7E ? '?' : c;
    r->said[r->said_len] = 0;
  }
}

static void on_timer(uv_timer_t *timer) {
  job_run *r = timer->data;
  i64 now = now_ms(r);
  const config *c = r->jobs->desc.config;
  if (!r->exited && r->kill_ms != 0 && now >= r->kill_ms) child_signal(r, SIGKILL);
  if (now - r->reported_ms > c->job_lease_ms) run_end(r, LOST); /* someone else may have it */
  if (now - r->started_ms > (i64)c->job_wall_s * 1000 && r->reason == GOES_ON) {
    snprintf(r->error, sizeof r->error, "took longer than job_wall_s = %d s", c->job_wall_s);
    run_end(r, TIMED_OUT);
  }
  bool idle =
      r->n_open == 0 && !r->publishing; /* a large result is hashed for longer than a lease */
  if (r->calling || idle || r->reason == LOST) return;
  i64 interval = c->job_lease_ms / 3 < REPORT_MS ? c->job_lease_ms / 3 : REPORT_MS;
  if (r->n_events > 0 || now - r->reported_ms >= interval) report_post(r);
}

/* ---- starting ---- */

static void start_failed(job_run *r, bool again, const char *why) {
  snprintf(r->error, sizeof r->error, "%s", why);
  r->has_error = true;
  r->again = again;
  end_post(r);
}

static void child_start(job_run *r, const int inputs[2]) {
  uv_loop_t *loop = r->jobs->desc.loop;
  uv_pipe_init(loop, &r->out, 0);
  uv_pipe_init(loop, &r->err, 0);
  r->process.data = r->out.data = r->err.data = r;
  r->n_open = 3;
  int bad = job_try_spawn(r, inputs, on_exit_child);
  job_try_inputs_close(inputs);
  if (bad != 0) {
    r->exited = true;
    r->has_error = r->again = true;
    snprintf(r->error, sizeof r->error, "the worker cannot be started: %s", uv_strerror(bad));
    bool begun = r->process.type == UV_PROCESS; /* else there is no such handle yet */
    if (!begun) r->n_open--;
    if (begun) uv_close((uv_handle_t *)&r->process, on_child_closed);
    uv_close((uv_handle_t *)&r->out, on_child_closed);
    uv_close((uv_handle_t *)&r->err, on_child_closed);
    return;
  }
  uv_read_start((uv_stream_t *)&r->out, buffer_give, on_output);
  uv_read_start((uv_stream_t *)&r->err, buffer_give, on_stderr);
  uv_timer_start(&r->timer, on_timer, TICK_MS, TICK_MS);
}

void job_run_start(jobs *j, store_job *job, char *told) {
  job_run *r = calloc(1, sizeof *r);
  if (r == nullptr) { /* its lease runs out, and it is tried again */
    store_job_drop(job);
    free(told);
    return;
  }
  r->jobs = j;
  r->job = *job;
  r->told = told;
  r->kind = job_kind_find(text(job->kind));
  ASSERT(r->kind != nullptr); /* only our own kinds are claimed */
  r->progress = -1;
  uv_timer_init(j->desc.loop, &r->timer);
  r->timer.data = r;
  r->started_ms = r->reported_ms = now_ms(r);
  r->next = j->runs;
  if (j->runs != nullptr) j->runs->prev = r;
  j->runs = r;
  j->n_runs++;
  jobs_changed(j, &r->job.id);
  char why[80] = "";
  int inputs[2] = {-1, -1};
  bool again, open = job_try_inputs_open(r, inputs, &again, why, sizeof why);
  if (j->stopping) {
    job_try_inputs_close(inputs);
    r->reason = STOPPED;
    end_post(r);
  } else if (!open) {
    job_try_inputs_close(inputs);
    start_failed(r, again, why);
  } else if (!job_try_folder_make(r)) {
    snprintf(why, sizeof why, "work folder: %.60s", strerror(errno));
    job_try_inputs_close(inputs);
    start_failed(r, true, why);
  } else {
    child_start(r, inputs);
  }
}

void job_run_cancel(jobs *j, const job_id *id) {
  for (job_run *r = j->runs; r != nullptr; r = r->next) {
    if (strcmp(r->job.id.hex, id->hex) == 0) run_end(r, CANCELLED);
  }
}

void job_runs_stop(jobs *j) {
  for (job_run *r = j->runs; r != nullptr; r = r->next) run_end(r, STOPPED);
}
