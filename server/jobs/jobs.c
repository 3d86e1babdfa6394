/* Starting and stopping of jobs, claiming, sweeping. See jobs.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/jobs/job_folder.h"
#include "server/jobs/job_sandbox.h"
#include "server/jobs/job_tus.h"
#include "server/jobs/job_upload.h"
#include "server/jobs/jobs_state.h"
#include "server/text_buf.h"

enum { CLAIM_MS = 500, STREAM_MS = 500, SWEEP_MS = 5000, SWEEPS_ALL = 12, FOLDER_BYTES_MAX = 900 };

void jobs_path(const jobs *j, const char *folder, const char *name, char *out) {
  int n = snprintf(out, JOB_PATH_BYTES, "%s/%s/%s", j->data, folder, name);
  ASSERT(n < JOB_PATH_BYTES);
}

int jobs_http_status(store_status status) {
  switch (status) {
    case STORE_NONE: return 404;
    case STORE_CONFLICT: return 422;
    case STORE_CROWDED: return 429;
    case STORE_FULL: return 507;
    case STORE_DOWN:
    case STORE_NO_MEMORY: return 503;
    default: return 500;
  }
}

/* ---- claiming ---- */

static void told_add(void *to, const store_event *event) {
  text_buf *out = to;
  text_buf_str(out, out->len > 1 ? ",\"" : "\"");
  text_buf_str(out, event->type);
  text_buf_str(out, "\":");
  text_buf_add(out, event->data);
}

/* What the store knows of earlier tries, for a worker that goes on behind them: the data of the
 * newest event of each type that a worker numbers, {"segment": {...}, "checkpoint": {...}}. No
 * earlier try can add to it: the claim has raised the fence. */
static store_status told_read(store *s, const job_id *id, char **told) {
  static const char *const types[] = {"segment", "checkpoint"};
  text_buf out = {0};
  store_status status = STORE_OK;
  text_buf_str(&out, "{");
  for (int i = 0; i < 2 && status == STORE_OK; i++) {
    status = store_event_last(s, id, types[i], told_add, &out);
  }
  text_buf_add(&out, bytes_from("}", 2)); /* and its NUL */
  if (status == STORE_OK && out.failed) status = STORE_NO_MEMORY;
  if (status == STORE_OK) *told = out.at;
  if (status != STORE_OK) free(out.at);
  return status;
}

static store_status claim_work(store *s, store_call *call) {
  jobs *j = (jobs *)((char *)call - offsetof(jobs, claim));
  store_status status = store_claim(s, j->kinds, j->owner, &j->claimed);
  if (status != STORE_OK) return status;
  status = told_read(s, &j->claimed.id, &j->claimed_told);
  if (status == STORE_OK) return status;
  /* given back, so that the try does not count; if not even that, its lease runs out */
  (void)store_release(s, &j->claimed.id, j->claimed.fence);
  store_job_drop(&j->claimed);
  return status;
}

static void claim_done(store_call *call) {
  jobs *j = (jobs *)((char *)call - offsetof(jobs, claim));
  j->claiming = false;
  if (call->status == STORE_OK) {
    job_run_start(j, &j->claimed, j->claimed_told); /* when stopping it is given back at once */
    jobs_claim_soon(j);
  } else if (call->status != STORE_NONE) {
    log_event(j->desc.log, "no job can be claimed", call->error.line);
  }
  jobs_stop_check(j);
}

void jobs_claim_soon(jobs *j) {
  if (j->claiming || j->stopping || j->kinds[0] == nullptr) return;
  if (j->n_runs >= j->desc.config->job_slots) return;
  j->claiming = true;
  j->claim.work = claim_work;
  j->claim.done = claim_done;
  store_thread_post(j->store, &j->claim);
}

static void on_claim_timer(uv_timer_t *timer) { jobs_claim_soon(timer->data); }

static void on_stream_timer(uv_timer_t *timer) {
  jobs *j = timer->data;
  if (j->streams != nullptr) job_streams_poll(j);
}

/* ---- sweeping: on the store's thread ---- */

typedef struct {
  jobs *j;
  store *s;
} sweep_args;

/* A try's folder stays while its job is open; a store that cannot be asked removes nothing. Most of
 * them are gone by then: these are of workers that were killed. */
static void work_sweep(void *to, const char *path, const job_id *id) {
  sweep_args *a = to;
  store_job job;
  store_status status = store_get(a->s, id, &job);
  if (status == STORE_NONE || (status == STORE_OK && job_state_is_final(job.state))) {
    job_folder_remove(path);
  }
  if (status == STORE_OK) store_job_drop(&job);
}
/* Results without a job, and those of tries that were killed before the store had them. */
static void result_sweep(void *to, const char *path, const job_id *id) {
  sweep_args *a = to;
  store_job job;
  char fence[24];
  store_status status = store_get(a->s, id, &job);
  if (status == STORE_NONE ||
      (status == STORE_OK && job_state_is_final(job.state) && job.state != JOB_DONE)) {
    job_folder_remove(path);
  } else if (status == STORE_OK && job.state == JOB_DONE) {
    snprintf(fence, sizeof fence, "%lld", (long long)job.fence);
    job_folder_remove_but(path, fence);
  }
  if (status == STORE_OK) store_job_drop(&job);
}
/* An upload that an open job will read stays, however long that one has waited. */
static void upload_sweep(void *to, const char *path, const job_id *id) {
  sweep_args *a = to;
  if (bytes_finish(text(path), ".tus") && !job_tus_is_orphan(path)) return; /* goes after it */
  if (store_upload_wanted(a->s, id) == STORE_NONE) (void)unlink(path);
}

/* The work folder every time: it is short, and files of a job that ended go within 10 s. */
static store_status sweep_work(store *s, store_call *call) {
  jobs *j = (jobs *)((char *)call - offsetof(jobs, sweep));
  i64 keep_s = (i64)j->desc.config->job_keep_h * 3600;
  i64 before_ms = ((i64)time(nullptr) - keep_s) * 1000;
  char path[JOB_PATH_BYTES];
  job_id id;
  store_status status;
  sweep_args args = {j, s};
  jobs_path(j, "work", "", path);
  job_folder_list(path, 0, work_sweep, &args);
  if (j->n_sweeps++ % SWEEPS_ALL != 0) return STORE_NONE;
  while ((status = store_forget(s, before_ms, &id)) == STORE_OK) continue; /* rows; files below */
  jobs_path(j, "results", "", path);
  job_folder_list(path, 60, result_sweep, &args);
  jobs_path(j, "uploads", "", path);
  job_folder_list(path, keep_s, upload_sweep, &args);
  return status;
}

static void sweep_done(store_call *call) {
  jobs *j = (jobs *)((char *)call - offsetof(jobs, sweep));
  j->sweeping = false;
  if (call->status != STORE_NONE) log_event(j->desc.log, "sweep", call->error.line);
  jobs_stop_check(j);
}

static void on_sweep_timer(uv_timer_t *timer) {
  jobs *j = timer->data;
  if (j->sweeping || j->stopping) return;
  j->sweeping = true;
  j->sweep.work = sweep_work;
  j->sweep.done = sweep_done;
  store_thread_post(j->store, &j->sweep);
}

/* ---- a job that ends without a try ---- */

typedef struct {
  uv_work_t work;
  jobs *jobs;
  char path[JOB_PATH_BYTES];
} removal;

static void removal_work(uv_work_t *work) { job_folder_remove(((removal *)work)->path); }
static void removal_done(uv_work_t *work, int status) {
  jobs *j = ((removal *)work)->jobs;
  (void)status;
  free(work);
  j->n_tasks--;
  jobs_stop_check(j);
}

void jobs_work_remove(jobs *j, const job_id *id) {
  removal *r = calloc(1, sizeof *r);
  if (r == nullptr) return; /* the sweep comes by */
  r->jobs = j;
  jobs_path(j, "work", id->hex, r->path);
  j->n_tasks++;
  if (uv_queue_work(j->desc.loop, &r->work, removal_work, removal_done) == 0) return;
  j->n_tasks--;
  free(r);
}

/* ---- start and stop ---- */

static bool fail(nf_error *error, const char *what, const char *why) {
  snprintf(error->line, sizeof error->line, "%.120s: %.120s", what, why);
  return false;
}

static bool folders_make(jobs *j, nf_error *error) {
  const char *data = j->desc.config->data;
  char path[JOB_PATH_BYTES], *real;
  if (!job_folder_make(data)) return fail(error, data, strerror(errno));
  real = realpath(data, nullptr);
  if (real == nullptr || strlen(real) > FOLDER_BYTES_MAX) {
    free(real);
    return fail(error, data, "the path is too long or cannot be read");
  }
  str_copy(j->data, sizeof j->data, real);
  free(real);
  static const char *const names[] = {"uploads", "work", "results"};
  for (int i = 0; i < 3; i++) {
    jobs_path(j, names[i], "", path);
    if (!job_folder_make(path)) return fail(error, path, strerror(errno));
  }
  return true;
}

static bool store_begin(jobs *j, nf_error *error, bool *machine) {
  const config *c = j->desc.config;
  char path[JOB_PATH_BYTES];
  snprintf(path, sizeof path, "sqlite:%s/nearfield.db", j->data);
  store_desc desc = {.url = c->store[0] != 0 ? c->store : path,
                     .lease_ms = c->job_lease_ms,
                     .backoff_ms = c->job_backoff_ms};
  store *s = nullptr;
  store_status status = store_open(&desc, &s, error);
  *machine = status == STORE_DOWN || status == STORE_FULL || status == STORE_NO_MEMORY;
  if (status != STORE_OK) return false;
  j->store = store_thread_start(j->desc.loop, s);
  *machine = j->store == nullptr;
  return j->store != nullptr || fail(error, "store", "no memory");
}

/* What can run here: a kind whose worker's program is there. */
static bool workers_find(jobs *j, nf_error *error) {
  const config *c = j->desc.config;
  j->media_root = -1;
  if (c->media_root[0] != 0) {
    j->media_root = open(c->media_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->media_root < 0) return fail(error, c->media_root, strerror(errno));
  }
  const job_kind *kind;
  for (int i = 0; (kind = job_kind_at(i)) != nullptr; i++) {
    const char *folder = job_kind_folder(kind, c);
    if (folder == nullptr) continue;
    char program[JOB_PATH_BYTES], why[80];
    snprintf(program, sizeof program, "%s/run", folder);
    snprintf(why, sizeof why, "not there; './dev %s' makes the folder", kind->name);
    if (access(program, X_OK) != 0) return fail(error, program, why);
  }
  if (c->job_slots > 0) job_kinds_runnable(c, j->kinds);
  return true;
}

bool jobs_start(const jobs_desc *desc, jobs **out, nf_error *error, bool *machine) {
  jobs *j = calloc(1, sizeof *j);
  *machine = j == nullptr;
  if (j == nullptr) return fail(error, "jobs", "no memory");
  j->desc = *desc;
  if (!folders_make(j, error) || !workers_find(j, error) || !store_begin(j, error, machine)) {
    free(j);
    return false;
  }
  char host[64] = "";
  (void)gethostname(host, sizeof host - 1);
  snprintf(j->owner, sizeof j->owner, "%s/%d", host, (int)getpid());
  if (j->kinds[0] != nullptr) {
    nf_error why;
    char detail[320];
    j->sandbox = job_sandbox_works(&why);
    snprintf(detail, sizeof detail,
             "workers have only limits and no_new_privs, and see the network and files: %.200s",
             why.line);
    log_event(desc->log, "sandbox", j->sandbox ? "bubblewrap" : detail);
  }
  uv_timer_t *timers[] = {&j->claim_timer, &j->stream_timer, &j->sweep_timer};
  for (int i = 0; i < 3; i++) {
    uv_timer_init(desc->loop, timers[i]);
    j->n_timers++;
    timers[i]->data = j;
  }
  uv_timer_start(&j->claim_timer, on_claim_timer, 0, CLAIM_MS);
  uv_timer_start(&j->stream_timer, on_stream_timer, STREAM_MS, STREAM_MS);
  uv_timer_start(&j->sweep_timer, on_sweep_timer, 0, SWEEP_MS);
  if (desc->tokens != nullptr) job_metrics_refresh(j); /* else nobody asks */
  *out = j;
  return true;
}

static void on_timer_closed(uv_handle_t *handle) {
  jobs *j = handle->data;
  if (--j->n_timers > 0) return;
  if (j->media_root >= 0) close(j->media_root);
  free(j);
}

void jobs_stop_check(jobs *j) {
  if (!j->stopping || j->n_runs > 0 || j->n_tasks > 0 || j->claiming || j->sweeping) return;
  if (j->metrics.counting) return;
  if (uv_is_closing((uv_handle_t *)&j->claim_timer)) return;
  store_thread_stop(j->store);
  uv_close((uv_handle_t *)&j->claim_timer, on_timer_closed);
  uv_close((uv_handle_t *)&j->stream_timer, on_timer_closed);
  uv_close((uv_handle_t *)&j->sweep_timer, on_timer_closed);
}

void jobs_metrics(jobs *j, text_buf *out) {
  job_metrics_refresh(j);
  job_metrics_write(&j->metrics, j->store, out);
}

void jobs_stop(jobs *j) {
  if (j->stopping) return;
  j->stopping = true;
  job_runs_stop(j);
  job_streams_stop(j);
  job_uploads_stop(j);
  jobs_stop_check(j);
}
