/* One try of one job: a child process whose standard output is read line by line (job_line.h), the
 * lease, the end. Exit 0: the outputs lie in its folder. The child gets job.json ({"id", "kind",
 * "try", "request", "told"}; told: jobs.c, told_read), the input as file descriptor 3 and a second
 * upload, where its kind has one, as 4: never as paths.
 *
 *   start -> reads, reports every second -> exited -> last report -> publish -> complete
 *                                                                  -> fail, release, cancel_end
 * Does not own: what a try counts for (the store), the sandbox (job_sandbox.h). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "server/jobs/job_folder.h"
#include "server/jobs/job_line.h"
#include "server/jobs/job_sandbox.h"
#include "server/jobs/jobs_state.h"
#include "server/platform.h"
#include "server/text_buf.h"
#include "yyjson.h"

enum {
  TICK_MS = 250,
  REPORT_MS = 1000, /* a heartbeat, and how soon a cancel from another machine is heard of */
  KILL_MS = 2000,
  LINE_BYTES_MAX = 65536,
  EVENTS_MAX = 256, /* held; beyond it the worker's output is not read on */
  STDERR_BYTES = 400,
};

/* Why the child is to go; the first reason stands. */
typedef enum : u8 { GOES_ON, CANCELLED, LOST, STOPPED, TIMED_OUT, MISBEHAVED, STARVED } end_reason;

typedef struct {
  const char *type; /* static */
  char *data;
} held_event;

struct job_run {
  store_call call; /* first: one at a time */
  jobs *jobs;
  job_run *next, *prev;
  store_job job;
  char *told; /* JSON: jobs.c, told_read */
  const job_kind *kind;
  char work[JOB_PATH_BYTES];
  uv_process_t process;
  uv_pipe_t out, err;
  uv_timer_t timer;
  uv_work_t publish; /* or removal */
  int n_open;        /* handles of the child that are not closed yet */
  i64 started_ms, reported_ms, kill_ms; /* of the loop's clock; kill_ms 0: not asked to go */
  bool calling, read_stopped;
  bool publishing, published; /* on the thread pool; back from it, while a report was away */
  bool over;                  /* the store knows the end of the job, not only of this try */
  end_reason reason;
  bool exited, ending, cancelled_late; /* the last: it was done, but is not wanted any more */
  i64 exit_code;
  int exit_signal;
  bool has_error, again; /* the worker said why it fails */
  char error[240];
  char said[STDERR_BYTES + 1]; /* the end of its standard error */
  int said_len;
  text_buf line;
  i64 progress; /* -1: nothing new */
  held_event events[EVENTS_MAX];
  int n_events, n_sent;
  char *result;
  nf_error publish_error;
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

static void remove_work(uv_work_t *work) {
  job_run *r = work->data;
  if (r->work[0] == 0) return; /* not begun */
  if (!r->over && r->kind->keeps) job_folder_leave_kept(r->work);
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
  r->over = call->status == STORE_OK && !another_try;
  run_count(r, call->status == STORE_OK);
  run_over(r);
}

static store_status end_work(store *s, store_call *call) {
  job_run *r = (job_run *)call;
  const job_id *id = &r->job.id;
  i64 fence = r->job.fence;
  switch (r->reason) {
    case CANCELLED: return store_cancel_end(s, id, fence);
    case LOST: return STORE_OK;
    case STOPPED: return store_release(s, id, fence);
    case TIMED_OUT:
    case MISBEHAVED: return store_fail(s, id, fence, false, r->error);
    case STARVED: return store_fail(s, id, fence, true, "no memory for what the worker said");
    case GOES_ON: break;
  }
  if (r->has_error) return store_fail(s, id, fence, r->again, r->error);
  store_status status = store_complete(s, id, fence, text(r->result));
  r->cancelled_late = status == STORE_CANCELLED;
  return r->cancelled_late ? store_cancel_end(s, id, fence) : status;
}

static void end_post(job_run *r) {
  r->call.work = end_work;
  r->call.done = end_done;
  store_thread_post(r->jobs->store, &r->call);
}
static void on_end_retry(uv_timer_t *timer) { end_post(timer->data); }

static void publish(uv_work_t *work) {
  job_run *r = work->data;
  char result[JOB_PATH_BYTES], name[80];
  snprintf(name, sizeof name, "%s/%lld", r->job.id.hex, (long long)r->job.fence);
  jobs_path(r->jobs, "results", name, result);
  if (!job_output_publish(r->kind, r->work, result, &r->result, &r->publish_error)) {
    r->result = nullptr;
  }
}
static void on_published(uv_work_t *work, int status) {
  job_run *r = work->data;
  r->publishing = false;
  if (status != 0 || r->result == nullptr) {
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
  if (r->exited && reason != LOST) return; /* too late: it has ended by itself */
  r->reason = reason;
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

/* {"upload"} or {"path"}, open; -1 and the reason. Never a path that leaves the allowed root.
 * again: it may be there and cannot be opened now. */
static int input_open(const job_run *r, yyjson_val *input, bool *again, char *why, size_t cap) {
  const char *upload = yyjson_get_str(yyjson_obj_get(input, "upload"));
  const char *path = yyjson_get_str(yyjson_obj_get(input, "path"));
  int file = -1;
  if (upload != nullptr) {
    char whole[JOB_PATH_BYTES];
    jobs_path(r->jobs, "uploads", upload, whole);
    file = open(whole, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  } else if (path != nullptr && r->jobs->media_root >= 0) {
    file = platform_open_beneath(r->jobs->media_root, path);
  }
  if (file < 0) {
    *again = platform_fault(errno);
    snprintf(why, cap, "the input %s%s",
             *again ? "cannot be opened now: " : "is not there any more",
             *again ? strerror(errno) : "");
  }
  return file;
}

/* What the worker gets as descriptors 3 and 4; -1: none. false: one of them is gone; again: or it
 * cannot be opened now. */
static bool inputs_open(const job_run *r, int inputs[2], bool *again, char *why, size_t cap) {
  yyjson_doc *doc = yyjson_read(r->job.input, strlen(r->job.input), 0);
  *again = doc == nullptr; /* it was JSON when it was stored */
  if (doc == nullptr) return snprintf(why, cap, "no memory"), false;
  yyjson_val *request = yyjson_doc_get_root(doc);
  const job_option *second = job_kind_upload(r->kind);
  inputs[0] = input_open(r, yyjson_obj_get(request, "input"), again, why, cap);
  bool ok = inputs[0] >= 0;
  if (ok && second != nullptr) {
    inputs[1] = input_open(r, yyjson_obj_get(request, second->name), again, why, cap);
    ok = inputs[1] >= 0;
  }
  yyjson_doc_free(doc);
  return ok;
}

static bool job_file_write(const job_run *r) {
  text_buf out = {0};
  char path[JOB_PATH_BYTES + 16];
  text_buf_str(&out, "{\"id\":\"");
  text_buf_str(&out, r->job.id.hex);
  text_buf_str(&out, "\",\"kind\":\"");
  text_buf_str(&out, r->kind->name);
  text_buf_str(&out, "\",\"try\":");
  text_buf_number(&out, r->job.n_tries);
  text_buf_str(&out, ",\"request\":");
  text_buf_str(&out, r->job.input);
  text_buf_str(&out, ",\"told\":");
  text_buf_str(&out, r->told);
  text_buf_str(&out, "}\n");
  snprintf(path, sizeof path, "%s/job.json", r->work);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool ok = file >= 0 && !out.failed && write(file, out.at, (size_t)out.len) == out.len;
  if (file >= 0) close(file);
  free(out.at);
  return ok;
}

static bool work_make(job_run *r) {
  char name[80], parent[JOB_PATH_BYTES];
  jobs_path(r->jobs, "work", r->job.id.hex, parent);
  if (!job_folder_make(parent)) return false;
  snprintf(name, sizeof name, "%s/%lld", r->job.id.hex, (long long)r->job.fence);
  jobs_path(r->jobs, "work", name, r->work);
  return job_folder_make(r->work) && job_file_write(r) &&
         (!r->kind->keeps || job_kept_take(parent, r->job.fence));
}

static void inputs_close(const int inputs[2]) {
  for (int i = 0; i < 2; i++) {
    if (inputs[i] >= 0) close(inputs[i]);
  }
}

static int child_spawn(job_run *r, const int inputs[2]) {
  const config *c = r->jobs->desc.config;
  char *folder = realpath(job_kind_folder(r->kind, c), nullptr);
  if (folder == nullptr) return -errno;
  char home[JOB_PATH_BYTES + 16];
  snprintf(home, sizeof home, "HOME=%s", r->work);
  char *env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", home, nullptr};
  static job_sandbox_args args;
  job_sandbox_args_make(&(job_sandbox_desc){.sandbox = r->jobs->sandbox,
                                            .folder = folder,
                                            .work = r->work,
                                            .cpu_s = (i64)c->job_wall_s * 4,
                                            .memory_mb = c->job_memory_mb,
                                            .file_mb = c->upload_mb_max},
                        &args);
  /* libuv's flags are an enum of bits */
  uv_stdio_flags pipe = UV_CREATE_PIPE;
  pipe |= UV_WRITABLE_PIPE; // NOLINT(clang-analyzer-optin.core.EnumCastOutOfRange)
  uv_stdio_container_t stdio[] = {{.flags = UV_IGNORE},
                                  {.flags = pipe, .data.stream = (uv_stream_t *)&r->out},
                                  {.flags = pipe, .data.stream = (uv_stream_t *)&r->err},
                                  {.flags = UV_INHERIT_FD, .data.fd = inputs[0]},
                                  {.flags = UV_INHERIT_FD, .data.fd = inputs[1]}};
  uv_process_options_t options = {.file = args.at[0],
                                  .args = args.at,
                                  .env = env,
                                  .cwd = r->work,
                                  .flags = UV_PROCESS_DETACHED, /* a process group of its own */
                                  .stdio = stdio,
                                  .stdio_count = inputs[1] >= 0 ? 5 : 4,
                                  .exit_cb = on_exit_child};
  int bad = uv_spawn(r->jobs->desc.loop, &r->process, &options);
  free(folder);
  return bad;
}

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
  int bad = child_spawn(r, inputs);
  inputs_close(inputs);
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
  bool again, open = inputs_open(r, inputs, &again, why, sizeof why);
  if (j->stopping) {
    inputs_close(inputs);
    r->reason = STOPPED;
    end_post(r);
  } else if (!open) {
    inputs_close(inputs);
    start_failed(r, again, why);
  } else if (!work_make(r)) {
    snprintf(why, sizeof why, "work folder: %.60s", strerror(errno));
    inputs_close(inputs);
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
