/* What workers ask of the store: claim, report, end a try, forget old jobs. */
#include <sys/random.h>

#include "server/store/store_sql.h"

typedef struct {
  const char *const *kinds;
  const char *owner;
  const job_id *id;
  store_job *job;
  i64 fence, progress;
  const store_event *events;
  isize n_events;
  nf_bytes result;
  const char *why;
  i64 before_ms;
  enum : u8 { END_DONE, END_FAILED, END_AGAIN, END_RELEASED, END_CANCELLED } end;
} worker_args;

/* Jobs left behind by workers that are gone: all that have had their tries, all to be cancelled. */
static store_status lost_end(store *s, i64 now) {
  store_status status = STORE_OK;
  store_job job;
  for (int i = 0; i < 2; i++) {
    do {
      job = (store_job){0};
      db_value furthest = db_int(2 * s->desc.lease_ms + 60000);
      status = i == 0 ? STORE_RUN(s, SQL_DEAD, store_job_read, &job, db_int(now),
                                  db_int(s->desc.tries_max), furthest)
                      : STORE_RUN(s, SQL_CANCELLED, store_job_read, &job, db_int(now), furthest);
      if (status == STORE_OK && job_found(&job)) status = store_state_tell(s, &job);
      store_job_drop(&job);
    } while (status == STORE_OK && job_found(&job));
    if (status != STORE_OK) return status;
  }
  return STORE_OK;
}

enum { KINDS_MAX = 4 };

static store_status claim_work(store *s, void *to) {
  worker_args *a = to;
  store_job_drop(a->job);
  *a->job = (store_job){0};
  i64 now = store_wall_ms();
  store_status status = lost_end(s, now);
  if (status != STORE_OK) return status;
  db_value kinds[KINDS_MAX] = {0};
  for (int i = 0; a->kinds[i] != nullptr; i++) {
    ASSERT(i < KINDS_MAX);
    kinds[i] = db_str(a->kinds[i]);
  }
  db_value owner = db_str(a->owner), lease = db_int(s->desc.lease_ms), at = db_int(now);
  status = STORE_RUN(s, SQL_CLAIM_LOST, store_job_read, a->job, owner, lease, at,
                     db_int(s->desc.tries_max), db_int(2 * s->desc.lease_ms + 60000), kinds[0],
                     kinds[1], kinds[2], kinds[3]);
  if (status == STORE_OK && !job_found(a->job)) {
    status = STORE_RUN(s, SQL_CLAIM, store_job_read, a->job, owner, lease, at,
                       db_int(400 * s->desc.backoff_ms), kinds[0], kinds[1], kinds[2], kinds[3]);
  }
  return status == STORE_OK && job_found(a->job) ? store_state_tell(s, a->job) : status;
}

store_status store_claim(store *s, const char *const *kinds, const char *owner, store_job *job) {
  worker_args a = {.kinds = kinds, .owner = owner, .job = job};
  *job = (store_job){0};
  store_status status = store_transact(s, claim_work, &a);
  if (status == STORE_OK && !job_found(job)) return STORE_NONE; /* what lost_end did is kept */
  if (status != STORE_OK) store_job_drop(job);
  return status;
}

/* Read and lock the job; STORE_FENCED unless this try still has it. */
static store_status owned(store *s, const worker_args *a, store_job *job) {
  store_status status = STORE_RUN(s, SQL_OWNED, store_job_read, job, db_str(a->id->hex));
  if (status != STORE_OK) return status;
  if (!job_found(job)) return STORE_NONE;
  bool running = job->state == JOB_RUNNING || job->state == JOB_CANCELLING;
  if (running && job->fence == a->fence) return STORE_OK;
  snprintf(s->error.line, sizeof s->error.line, "job %s is %s, fence %lld", job->id.hex,
           job_state_name(job->state), (long long)job->fence);
  return STORE_FENCED;
}

static store_status report_write(store *s, const worker_args *a, const store_job *job) {
  i64 now = store_wall_ms();
  db_value id = db_str(job->id.hex);
  store_status status = STORE_RUN(s, SQL_REPORT, nullptr, nullptr, db_int(s->desc.lease_ms),
                                  db_int(a->progress < 0 ? job->progress : a->progress),
                                  db_int(a->n_events), db_int(now), id);
  for (isize i = 0; i < a->n_events && status == STORE_OK; i++) {
    status = STORE_RUN(s, SQL_EVENT_ADD, nullptr, nullptr, id, db_int(job->n_events + 1 + i),
                       db_str(a->events[i].type), db_text(a->events[i].data), db_int(now));
  }
  if (status != STORE_OK) return status;
  return job->state == JOB_CANCELLING ? STORE_CANCELLED : STORE_OK;
}

static store_status report_work(store *s, void *to) {
  worker_args *a = to;
  store_job job = {0};
  store_status status = owned(s, a, &job);
  if (status == STORE_OK) status = report_write(s, a, &job);
  store_job_drop(&job);
  return status;
}

store_status store_report(store *s, const job_id *id, i64 fence, i64 progress,
                          const store_event *events, isize n_events) {
  return store_transact(
      s, report_work,
      &(worker_args){
          .id = id, .fence = fence, .progress = progress, .events = events, .n_events = n_events});
}

/* backoff x 2^tries, at most 300 x backoff, +-20 %: tries of one outage do not come together. */
static i64 pause_after(const store *s, i64 n_tries) {
  i64 factor = n_tries > 8 ? 300 : (i64)1 << n_tries;
  if (factor > 300) factor = 300;
  u32 random = 0;
  (void)!getrandom(&random, sizeof random, 0);
  return s->desc.backoff_ms * factor * (800 + random % 401) / 1000;
}

static store_change change_of(const store *s, const worker_args *a, const store_job *job) {
  store_change c = {.n_tries = job->n_tries, .error = a->why};
  if (job->state == JOB_CANCELLING || a->end == END_CANCELLED) {
    c.state = JOB_CANCELLED;
    c.error = nullptr;
  } else if (a->end == END_DONE) {
    c.state = JOB_DONE;
    c.result = a->result;
  } else if (a->end == END_RELEASED) {
    c.state = JOB_QUEUED;
    c.n_tries--;
    c.error = job->error;
  } else if (a->end == END_FAILED) {
    c.state = JOB_FAILED;
  } else if (job->n_tries >= s->desc.tries_max) {
    c.state = JOB_DEAD;
  } else {
    c.state = JOB_QUEUED;
    c.pause_ms = pause_after(s, job->n_tries);
  }
  return c;
}

static store_status end_work(store *s, void *to) {
  worker_args *a = to;
  store_job job = {0};
  store_status status = owned(s, a, &job);
  if (status == STORE_FENCED && a->end == END_DONE && job.state == JOB_DONE &&
      job.fence == a->fence) {
    status = STORE_OK; /* done before, and the answer was lost */
  } else if (status == STORE_OK && a->end == END_DONE && job.state == JOB_CANCELLING) {
    status = STORE_CANCELLED;
  } else if (status == STORE_OK) {
    store_change c = change_of(s, a, &job);
    char *kept = c.error == job.error ? job.error : nullptr; /* state_set drops the job it reads */
    if (kept != nullptr) job.error = nullptr;
    status = store_state_set(s, &job, &c);
    free(kept);
  }
  store_job_drop(&job);
  return status;
}

store_status store_complete(store *s, const job_id *id, i64 fence, nf_bytes result) {
  return store_transact(
      s, end_work, &(worker_args){.id = id, .fence = fence, .result = result, .end = END_DONE});
}
store_status store_fail(store *s, const job_id *id, i64 fence, bool again, const char *why) {
  return store_transact(
      s, end_work,
      &(worker_args){.id = id, .fence = fence, .why = why, .end = again ? END_AGAIN : END_FAILED});
}
store_status store_release(store *s, const job_id *id, i64 fence) {
  return store_transact(s, end_work, &(worker_args){.id = id, .fence = fence, .end = END_RELEASED});
}
store_status store_cancel_end(store *s, const job_id *id, i64 fence) {
  return store_transact(s, end_work,
                        &(worker_args){.id = id, .fence = fence, .end = END_CANCELLED});
}

static bool id_read(void *to, const nf_bytes *cells, isize n) {
  (void)n;
  (void)job_id_read(cells[0], to);
  return true;
}
static store_status forget_work(store *s, void *to) {
  worker_args *a = to;
  job_id id = {0};
  store_status status = STORE_RUN(s, SQL_FORGET, id_read, &id, db_int(a->before_ms));
  if (status != STORE_OK) return status;
  if (id.hex[0] == 0) return STORE_NONE;
  a->job->id = id;
  return STORE_RUN(s, SQL_EVENTS_FORGET, nullptr, nullptr, db_str(id.hex));
}

store_status store_forget(store *s, i64 before_ms, job_id *id) {
  store_job job = {0};
  store_status status =
      store_transact(s, forget_work, &(worker_args){.before_ms = before_ms, .job = &job});
  if (status == STORE_OK) *id = job.id;
  return status;
}
