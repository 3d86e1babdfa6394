/* What clients ask of the store: enqueue, get, list, cancel, events. Each change of a job and the
 * event that tells of it are one transaction. Read next: store_worker.c. */
#include "server/store/store_sql.h"

typedef struct {
  const store_request *request;
  const job_id *id;
  store_job *job;
  bool existed;
} client_args;

/* Run it; on anything but `kept` the job that may have been read is dropped. */
static store_status client_call(store *s, store_work *work, client_args *a) {
  *a->job = (store_job){0};
  store_status status = store_transact(s, work, a);
  if (status != STORE_OK) store_job_drop(a->job);
  return status;
}

static bool number_read(void *to, const nf_bytes *cells, isize n) {
  (void)n;
  (void)bytes_number(cells[0], to);
  return true;
}

/* What was there under this id (a repeat of our own) or key. */
static store_status enqueue_existing(store *s, client_args *a) {
  const store_request *r = a->request;
  a->existed = true;
  store_status status = STORE_RUN(s, SQL_BY_ID, store_job_read, a->job, db_str(r->id.hex));
  if (status != STORE_OK || job_found(a->job)) return status;
  status = STORE_RUN(s, SQL_BY_KEY, store_job_read, a->job, db_text(r->key));
  if (status != STORE_OK) return status;
  if (!job_found(a->job)) return STORE_DOWN; /* forgotten in between: the next try makes it */
  bool same = strcmp(a->job->kind, r->kind) == 0 && bytes_same(text(a->job->input), r->input);
  return same ? STORE_OK : STORE_CONFLICT;
}

static store_status enqueue_work(store *s, void *to) {
  client_args *a = to;
  const store_request *r = a->request;
  store_job_drop(a->job);
  *a->job = (store_job){0};
  a->existed = false;
  i64 now = store_wall_ms(), n_queued = 0;
  store_status status = STORE_RUN(s, SQL_INSERT, store_job_read, a->job, db_str(r->id.hex),
                                  db_str(r->kind), db_text(r->input), db_text(r->key), db_int(now));
  if (status != STORE_OK) return status;
  if (!job_found(a->job)) return enqueue_existing(s, a);
  status = store_run(s, SQL_CROWD, nullptr, 0, number_read, &n_queued);
  if (status != STORE_OK) return status;
  if (n_queued > s->desc.queue_max) {
    snprintf(s->error.line, sizeof s->error.line, "%lld jobs wait already",
             (long long)s->desc.queue_max);
    return STORE_CROWDED;
  }
  return store_state_tell(s, a->job);
}

store_status store_enqueue(store *s, const store_request *r, store_job *job, bool *existed) {
  client_args a = {.request = r, .job = job};
  store_status status = client_call(s, enqueue_work, &a);
  if (status == STORE_OK) *existed = a.existed;
  return status;
}

static store_status get_work(store *s, void *to) {
  client_args *a = to;
  store_job_drop(a->job);
  *a->job = (store_job){0};
  store_status status = STORE_RUN(s, SQL_BY_ID, store_job_read, a->job, db_str(a->id->hex));
  return status == STORE_OK && !job_found(a->job) ? STORE_NONE : status;
}

store_status store_get(store *s, const job_id *id, store_job *job) {
  return client_call(s, get_work, &(client_args){.id = id, .job = job});
}

typedef struct {
  store_job *jobs;
  isize n, n_max;
} list_args;

static bool list_row(void *to, const nf_bytes *cells, isize n) {
  list_args *a = to;
  if (a->n == a->n_max || !store_job_read(&a->jobs[a->n], cells, n)) return false;
  a->n++;
  return true;
}
static void list_drop(list_args *a) {
  while (a->n > 0) store_job_drop(&a->jobs[--a->n]);
}
static store_status list_work(store *s, void *to) {
  list_args *a = to;
  list_drop(a);
  return STORE_RUN(s, SQL_LIST, list_row, a, db_int(a->n_max));
}

store_status store_list(store *s, store_job *jobs, isize n_max, isize *n) {
  list_args a = {jobs, 0, n_max};
  store_status status = store_transact(s, list_work, &a);
  if (status != STORE_OK) {
    list_drop(&a);
    return status;
  }
  *n = a.n;
  return STORE_OK;
}

typedef struct {
  const job_id *upload;
  bool found;
} wanted_args;

static bool wanted_row(void *to, const nf_bytes *cells, isize n) {
  (void)cells, (void)n;
  ((wanted_args *)to)->found = true;
  return true;
}
static store_status wanted_work(store *s, void *to) {
  wanted_args *a = to;
  char pattern[JOB_ID_LEN + 24]; /* an id has no sign that LIKE knows */
  snprintf(pattern, sizeof pattern, "%%\"upload\":\"%s\"%%", a->upload->hex);
  a->found = false;
  return STORE_RUN(s, SQL_UPLOAD_WANTED, wanted_row, a, db_str(pattern));
}

store_status store_upload_wanted(store *s, const job_id *upload) {
  wanted_args a = {.upload = upload};
  store_status status = store_transact(s, wanted_work, &a);
  return status == STORE_OK && !a.found ? STORE_NONE : status;
}

typedef struct {
  store_job_each *each;
  void *to;
} jobs_args;

static bool jobs_row(void *to, const nf_bytes *cells, isize n) {
  jobs_args *a = to;
  store_job job;
  if (!store_job_read(&job, cells, n)) return false;
  a->each(a->to, &job);
  store_job_drop(&job);
  return true;
}
static store_status jobs_work(store *s, void *to) {
  return store_run(s, SQL_ALL, nullptr, 0, jobs_row, to);
}

store_status store_jobs(store *s, store_job_each *each, void *to) {
  return store_transact(s, jobs_work, &(jobs_args){each, to});
}

typedef struct {
  store_count_each *each;
  void *to;
} counts_args;

static bool counts_row(void *to, const nf_bytes *cells, isize n) {
  counts_args *a = to;
  ASSERT(n == 6);
  store_count row = {.state = store_state_read(cells[1])};
  snprintf(row.kind, sizeof row.kind, "%.*s", (int)cells[0].len, (const char *)cells[0].at);
  i64 *numbers[] = {&row.n, &row.n_tries, &row.ms, &row.oldest_ms};
  for (int i = 0; i < 4; i++) (void)bytes_number(cells[2 + i], numbers[i]);
  a->each(a->to, &row);
  return true;
}
static store_status counts_work(store *s, void *to) {
  return store_run(s, SQL_COUNTS, nullptr, 0, counts_row, to);
}

store_status store_counts(store *s, store_count_each *each, void *to) {
  return store_transact(s, counts_work, &(counts_args){each, to});
}

typedef struct {
  const job_id *id;
  const char *last_of; /* null: not asked for */
  i64 after, n_max;
  store_event_each *each;
  void *to;
} events_args;

static bool event_row(void *to, const nf_bytes *cells, isize n) {
  events_args *a = to;
  ASSERT(n == 3);
  char type[JOB_KIND_BYTES];
  snprintf(type, sizeof type, "%.*s", (int)cells[1].len, (const char *)cells[1].at);
  store_event event = {.type = type, .data = cells[2]};
  if (!bytes_number(cells[0], &event.seq) || event.seq <= a->after) return true;
  a->after = event.seq; /* a repeat after a lost connection gives each event once */
  a->each(a->to, &event);
  return true;
}
static store_status events_work(store *s, void *to) {
  events_args *a = to;
  if (a->last_of != nullptr) {
    return STORE_RUN(s, SQL_EVENT_LAST, event_row, a, db_str(a->id->hex), db_str(a->last_of));
  }
  return STORE_RUN(s, SQL_EVENTS, event_row, a, db_str(a->id->hex), db_int(a->after),
                   db_int(a->n_max));
}

store_status store_events(store *s, const job_id *id, i64 after, i64 n_max, store_event_each *each,
                          void *to) {
  return store_transact(
      s, events_work,
      &(events_args){.id = id, .after = after, .n_max = n_max, .each = each, .to = to});
}

store_status store_event_last(store *s, const job_id *id, const char *type, store_event_each *each,
                              void *to) {
  return store_transact(s, events_work,
                        &(events_args){.id = id, .last_of = type, .each = each, .to = to});
}

static store_status cancel_work(store *s, void *to) {
  client_args *a = to;
  store_job_drop(a->job);
  *a->job = (store_job){0};
  store_status status = STORE_RUN(s, SQL_OWNED, store_job_read, a->job, db_str(a->id->hex));
  if (status != STORE_OK) return status;
  if (!job_found(a->job)) return STORE_NONE;
  job_state state = a->job->state;
  if (state == JOB_QUEUED) {
    return store_state_set(s, a->job,
                           &(store_change){.state = JOB_CANCELLED, .n_tries = a->job->n_tries});
  }
  if (state != JOB_RUNNING) return STORE_OK;
  /* not state_set: the worker keeps its lease until it has ended the work */
  store_job_drop(a->job);
  status = STORE_RUN(s, SQL_CANCELLING, store_job_read, a->job, db_int(store_wall_ms()),
                     db_str(a->id->hex));
  return status == STORE_OK ? store_state_tell(s, a->job) : status;
}

store_status store_cancel(store *s, const job_id *id, store_job *job) {
  return client_call(s, cancel_work, &(client_args){.id = id, .job = job});
}
