/* The rules of jobs, one suite over both databases: SQLite in a file and a PostgreSQL that is
 * started for the test. Faults: a full disk at each of the first 200 writes (SQLite, by a failing
 * file system; PostgreSQL by the same error code raised in a trigger), a server that is restarted,
 * workers that lose their lease, clocks that jump. */
#include <libpq-fe.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "failing_vfs.h"
#include "server/store/store.h"

enum { LEASE_MS = 300 };
static const char *const KINDS[] = {"transcribe", nullptr};
static char folder[64], url[160];
static bool on_postgresql;

static void sleep_ms(long ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&pause, nullptr);
}
static i64 clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (i64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static store *open_with(store_desc desc) {
  store *s = nullptr;
  nf_error error = {0};
  desc.url = url;
  if (desc.lease_ms == 0) desc.lease_ms = 60000;
  if (desc.backoff_ms == 0) desc.backoff_ms = 1;
  if (store_open(&desc, &s, &error) != STORE_OK) fail_msg("%s", error.line);
  return s;
}
/* The statement of a person at the database's own prompt. */
static void by_hand(const char *sql) {
  if (on_postgresql) {
    PGconn *c = PQconnectdb(url);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s", PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
    return;
  }
  sqlite3 *db;
  assert_int_equal(sqlite3_open(url + 7, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
}

static store_status add(store *s, const char *input, const char *key, store_job *job,
                        bool *existed) {
  store_request r = {.kind = "transcribe", .input = text(input)};
  if (key != nullptr) r.key = text(key);
  job_id_make(&r.id);
  return store_enqueue(s, &r, job, existed);
}
static job_id add_one(store *s, const char *input) {
  store_job job;
  bool existed;
  store_status status = add(s, input, nullptr, &job, &existed);
  if (status != STORE_OK) fail_msg("%d: %s", status, store_error(s));
  assert_false(existed);
  job_id id = job.id;
  store_job_drop(&job);
  return id;
}
static job_state state_of(store *s, const job_id *id, i64 *n_tries) {
  store_job job;
  assert_int_equal(store_get(s, id, &job), STORE_OK);
  job_state state = job.state;
  if (n_tries != nullptr) *n_tries = job.n_tries;
  store_job_drop(&job);
  return state;
}
static i64 claim_one(store *s, const job_id *expected) {
  store_job job;
  store_status status = store_claim(s, KINDS, "test", &job);
  if (status != STORE_OK) fail_msg("claim %d: %s", status, store_error(s));
  assert_string_equal(job.id.hex, expected->hex);
  assert_int_equal(job.state, JOB_RUNNING);
  i64 fence = job.fence;
  store_job_drop(&job);
  return fence;
}
static void claim_none(store *s) {
  store_job job;
  assert_int_equal(store_claim(s, KINDS, "test", &job), STORE_NONE);
}

typedef struct {
  i64 n, last;
  char types[512], data[2048];
} seen_events;
static void event_see(void *to, const store_event *e) {
  seen_events *seen = to;
  assert_int_equal(e->seq, seen->last + 1);
  seen->last = e->seq;
  seen->n++;
  strncat(seen->types, e->type, sizeof seen->types - strlen(seen->types) - 2);
  strcat(seen->types, " ");
  strncat(seen->data, (const char *)e->data.at, (size_t)e->data.len);
}

/* ---- the rules ---- */

static void a_job_lives(void **state) {
  (void)state;
  store *s = open_with((store_desc){0});
  /* a value is a value: quotes, a statement, all of UTF-8's lengths, an escaped NUL */
  const char *input =
      "{\"a\":\"'; DROP TABLE nf_jobs; -- \\u0000 \xC3\xA9 \xE2\x82\xAC "
      "\xF0\x9F\x8E\xAC $1\"}";
  job_id id = add_one(s, input);
  i64 fence = claim_one(s, &id);
  assert_int_equal(fence, 1);
  claim_none(s);
  store_event events[] = {{.type = "segment", .data = text("{\"i\":1}")},
                          {.type = "segment", .data = text("{\"i\":2}")}};
  assert_int_equal(store_report(s, &id, fence, 250, events, 2), STORE_OK);
  assert_int_equal(store_report(s, &id, fence, -1, nullptr, 0), STORE_OK);
  assert_int_equal(store_complete(s, &id, fence, text("{\"files\":[]}")), STORE_OK);
  assert_int_equal(store_complete(s, &id, fence, text("{\"files\":[]}")), STORE_OK);
  assert_int_equal(store_fail(s, &id, fence, true, "late"), STORE_FENCED);
  store_job job;
  assert_int_equal(store_get(s, &id, &job), STORE_OK);
  assert_int_equal(job.state, JOB_DONE);
  assert_int_equal(job.progress, 1000);
  assert_string_equal(job.input, input);
  assert_string_equal(job.result, "{\"files\":[]}");
  assert_null(job.error);
  assert_int_equal(job.n_events, 5);
  store_job_drop(&job);
  seen_events seen = {0};
  assert_int_equal(store_events(s, &id, 0, 3, event_see, &seen), STORE_OK);
  assert_int_equal(seen.n, 3);
  assert_int_equal(store_events(s, &id, seen.last, 100, event_see, &seen), STORE_OK);
  assert_string_equal(seen.types, "state state segment segment state ");
  assert_non_null(strstr(seen.data, "{\"i\":1}{\"i\":2}{\"state\":\"done\",\"try\":1}"));
  store_close(s);
  s = open_with((store_desc){0}); /* and is there for the next process */
  assert_int_equal(state_of(s, &id, nullptr), JOB_DONE);
  store_close(s);
}

static void the_newest_are_listed(void **state) {
  (void)state;
  store *s = open_with((store_desc){0});
  job_id last = {0};
  for (int i = 0; i < 5; i++) {
    sleep_ms(2);
    last = add_one(s, "{}");
  }
  store_job jobs[3];
  isize n = 0;
  assert_int_equal(store_list(s, jobs, 3, &n), STORE_OK);
  assert_int_equal(n, 3);
  assert_string_equal(jobs[0].id.hex, last.hex);
  assert_true(jobs[1].created_ms >= jobs[2].created_ms);
  for (int i = 0; i < 3; i++) store_job_drop(&jobs[i]);
  job_id none;
  job_id_make(&none);
  assert_int_equal(store_get(s, &none, jobs), STORE_NONE);
  assert_int_equal(store_cancel(s, &none, jobs), STORE_NONE);
  store_close(s);
}

static void *add_with_key(void *to) {
  char(*ids)[JOB_ID_LEN + 2] = to; /* 5 of them: '1' for "existed", then the id */
  store *s = open_with((store_desc){0});
  for (int i = 0; i < 5; i++) {
    store_job job;
    bool existed;
    store_status status = add(s, "{\"n\":1}", "key-1", &job, &existed);
    if (status != STORE_OK) fail_msg("%d: %s", status, store_error(s));
    snprintf(ids[i], sizeof ids[i], "%d%s", existed, job.id.hex);
    store_job_drop(&job);
  }
  store_close(s);
  return nullptr;
}

static void a_hundred_requests_with_one_key_make_one_job(void **state) {
  (void)state;
  static char ids[20][5][JOB_ID_LEN + 2];
  pthread_t threads[20];
  store *s = open_with((store_desc){0});
  for (int i = 0; i < 20; i++) pthread_create(&threads[i], nullptr, add_with_key, ids[i]);
  for (int i = 0; i < 20; i++) pthread_join(threads[i], nullptr);
  int n_made = 0;
  for (int i = 0; i < 100; i++) {
    n_made += ids[i / 5][i % 5][0] == '0';
    assert_string_equal(ids[i / 5][i % 5] + 1, ids[0][0] + 1);
  }
  assert_int_equal(n_made, 1);
  store_job job;
  bool existed;
  assert_int_equal(add(s, "{\"n\":2}", "key-1", &job, &existed), STORE_CONFLICT);
  assert_int_equal(add(s, "{\"n\":1}", "key-2", &job, &existed), STORE_OK);
  assert_false(existed);
  store_job_drop(&job);
  store_close(s);
}

static void a_lost_lease_is_fenced(void **state) {
  (void)state;
  store *s = open_with((store_desc){.lease_ms = LEASE_MS});
  job_id id = add_one(s, "{}");
  i64 old = claim_one(s, &id);
  for (int i = 0; i < 4; i++) { /* heartbeats hold it for longer than one lease */
    sleep_ms(LEASE_MS / 3);
    assert_int_equal(store_report(s, &id, old, -1, nullptr, 0), STORE_OK);
    claim_none(s);
  }
  sleep_ms(LEASE_MS + 50);
  i64 fence = claim_one(s, &id);
  assert_int_equal(fence, old + 1);
  for (int i = 0; i < 250; i++) {
    store_event e = {.type = "segment", .data = text("{}")};
    assert_int_equal(store_report(s, &id, old, 500, &e, 1), STORE_FENCED);
    assert_int_equal(store_complete(s, &id, old, text("{}")), STORE_FENCED);
    assert_int_equal(store_fail(s, &id, old, i & 1, "zombie"), STORE_FENCED);
    assert_int_equal(store_release(s, &id, old), STORE_FENCED);
  }
  store_job job;
  assert_int_equal(store_get(s, &id, &job), STORE_OK);
  assert_int_equal(job.state, JOB_RUNNING);
  assert_int_equal(job.n_events, 3);
  assert_int_equal(job.progress, 0);
  store_job_drop(&job);
  assert_int_equal(store_complete(s, &id, fence, text("{}")), STORE_OK);
  store_close(s);
}

static void a_poison_job_dies_after_five_tries(void **state) {
  (void)state;
  store *s = open_with((store_desc){.lease_ms = 20});
  job_id poison = add_one(s, "{}");
  for (int i = 0; i < 5; i++) { /* its worker dies without a word */
    (void)claim_one(s, &poison);
    sleep_ms(40);
  }
  claim_none(s);
  i64 n_tries;
  assert_int_equal(state_of(s, &poison, &n_tries), JOB_DEAD);
  assert_int_equal(n_tries, 5);

  job_id failing_job = add_one(s, "{}");
  i64 fence = 0;
  for (int i = 1; i <= 5; i++) {
    store_job job;
    i64 end = clock_ms() + 2000;
    while (store_claim(s, KINDS, "test", &job) == STORE_NONE) assert_true(clock_ms() < end);
    fence = job.fence;
    store_job_drop(&job);
    assert_int_equal(store_fail(s, &failing_job, fence, true, "no \"luck\""), STORE_OK);
    assert_int_equal(state_of(s, &failing_job, nullptr), i < 5 ? JOB_QUEUED : JOB_DEAD);
  }
  seen_events seen = {0};
  assert_int_equal(store_events(s, &failing_job, 0, 100, event_see, &seen), STORE_OK);
  assert_int_equal(seen.n, 11);
  assert_non_null(strstr(seen.data, "{\"state\":\"dead\",\"try\":5,\"error\":\"no \\u0022luck"));
  job_id bad_input = add_one(s, "{}"); /* another is not touched by any of this */
  fence = claim_one(s, &bad_input);
  assert_int_equal(store_fail(s, &bad_input, fence, false, "no audio"), STORE_OK);
  assert_int_equal(state_of(s, &bad_input, &n_tries), JOB_FAILED);
  assert_int_equal(n_tries, 1);
  store_close(s);
}

static void a_failed_try_waits(void **state) {
  (void)state;
  store *s = open_with((store_desc){.backoff_ms = 200});
  job_id id = add_one(s, "{}");
  i64 fence = claim_one(s, &id);
  i64 from = clock_ms();
  assert_int_equal(store_fail(s, &id, fence, true, "once"), STORE_OK);
  store_job job;
  while (store_claim(s, KINDS, "test", &job) == STORE_NONE) sleep_ms(2);
  i64 waited = clock_ms() - from;
  assert_in_range(waited, 310, 1500); /* 400 ms +-20 %, and what a busy machine adds */
  assert_int_equal(job.n_tries, 2);
  assert_string_equal(job.error, "once");
  fence = job.fence;
  store_job_drop(&job);
  assert_int_equal(store_release(s, &id, fence), STORE_OK); /* does not count, does not wait */
  assert_int_equal(claim_one(s, &id), fence + 1);
  i64 n_tries;
  (void)state_of(s, &id, &n_tries);
  assert_int_equal(n_tries, 2);
  store_close(s);
}

static void a_job_is_cancelled(void **state) {
  (void)state;
  store *s = open_with((store_desc){.lease_ms = LEASE_MS});
  store_job job;
  job_id id = add_one(s, "{}");
  assert_int_equal(store_cancel(s, &id, &job), STORE_OK); /* waiting: at once */
  assert_int_equal(job.state, JOB_CANCELLED);
  store_job_drop(&job);
  claim_none(s);

  id = add_one(s, "{}");
  i64 fence = claim_one(s, &id);
  assert_int_equal(store_cancel(s, &id, &job), STORE_OK);
  assert_int_equal(job.state, JOB_CANCELLING);
  store_job_drop(&job);
  assert_int_equal(store_report(s, &id, fence, 10, nullptr, 0), STORE_CANCELLED);
  assert_int_equal(store_complete(s, &id, fence, text("{}")), STORE_CANCELLED);
  assert_int_equal(state_of(s, &id, nullptr), JOB_CANCELLING);
  assert_int_equal(store_cancel_end(s, &id, fence), STORE_OK);
  assert_int_equal(state_of(s, &id, nullptr), JOB_CANCELLED);
  assert_int_equal(store_cancel(s, &id, &job), STORE_OK); /* again: nothing changes */
  assert_int_equal(job.n_events, 4);
  store_job_drop(&job);

  id = add_one(s, "{}"); /* its worker dies before it hears of it */
  (void)claim_one(s, &id);
  assert_int_equal(store_cancel(s, &id, &job), STORE_OK);
  store_job_drop(&job);
  sleep_ms(LEASE_MS + 50);
  claim_none(s);
  assert_int_equal(state_of(s, &id, nullptr), JOB_CANCELLED);

  id = add_one(s, "{}"); /* a try that fails while it is being cancelled is not tried again */
  fence = claim_one(s, &id);
  assert_int_equal(store_cancel(s, &id, &job), STORE_OK);
  store_job_drop(&job);
  assert_int_equal(store_fail(s, &id, fence, true, "killed"), STORE_OK);
  assert_int_equal(state_of(s, &id, nullptr), JOB_CANCELLED);
  store_close(s);
}

enum { N_SHARED = 200 };
static void *work_until_empty(void *to) {
  store *s = open_with((store_desc){0});
  store_job job;
  store_status status;
  while ((status = store_claim(s, KINDS, "test", &job)) == STORE_OK) {
    int i = atoi(job.input + 5);
    assert_in_range(i, 0, N_SHARED - 1);
    __atomic_fetch_add((int *)to + i, 1, __ATOMIC_RELAXED);
    assert_int_equal(store_complete(s, &job.id, job.fence, text("{}")), STORE_OK);
    store_job_drop(&job);
  }
  if (status != STORE_NONE) fail_msg("%d: %s", status, store_error(s));
  store_close(s);
  return nullptr;
}

static void workers_share_the_queue(void **state) {
  (void)state;
  static int n_runs[N_SHARED];
  memset(n_runs, 0, sizeof n_runs);
  store *s = open_with((store_desc){0});
  for (int i = 0; i < N_SHARED; i++) {
    char input[32];
    snprintf(input, sizeof input, "{\"i\":%d}", i);
    (void)add_one(s, input);
  }
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) pthread_create(&threads[i], nullptr, work_until_empty, n_runs);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], nullptr);
  for (int i = 0; i < N_SHARED; i++) assert_int_equal(n_runs[i], 1);
  store_close(s);
}

static void the_queue_has_an_end(void **state) {
  (void)state;
  store *s = open_with((store_desc){.queue_max = 3});
  for (int i = 0; i < 3; i++) (void)add_one(s, "{}");
  store_job job, jobs[10];
  bool existed;
  isize n;
  assert_int_equal(add(s, "{}", nullptr, &job, &existed), STORE_CROWDED);
  assert_int_equal(store_list(s, jobs, 10, &n), STORE_OK);
  assert_int_equal(n, 3);
  for (int i = 0; i < 3; i++) store_job_drop(&jobs[i]);
  store_close(s);
}

static void uploads_are_wanted_while_a_job_is_open(void **state) {
  (void)state;
  store *s = open_with((store_desc){0});
  job_id one, two, none;
  job_id_make(&one);
  job_id_make(&two);
  job_id_make(&none);
  char input[200];
  snprintf(input, sizeof input,
           "{\"input\":{\"upload\":\"%s\"},\"captions\":{\"upload\":\"%s\"},\"mode\":\"soft\"}",
           one.hex, two.hex);
  job_id id = add_one(s, input);
  assert_int_equal(store_upload_wanted(s, &one), STORE_OK);
  assert_int_equal(store_upload_wanted(s, &two), STORE_OK);
  assert_int_equal(store_upload_wanted(s, &none), STORE_NONE);
  assert_int_equal(store_upload_wanted(s, &id), STORE_NONE);
  store_job job;
  assert_int_equal(store_cancel(s, &id, &job), STORE_OK);
  store_job_drop(&job);
  assert_int_equal(store_upload_wanted(s, &one), STORE_NONE);
  store_close(s);
}

static void last_take(void *to, const store_event *event) {
  snprintf(to, 40, "%lld %s %.*s", (long long)event->seq, event->type, (int)event->data.len,
           (const char *)event->data.at);
}

static void the_last_event_of_a_type_is_found(void **state) {
  (void)state;
  store *s = open_with((store_desc){0});
  job_id other = add_one(s, "{}");
  store_job job;
  assert_int_equal(store_claim(s, KINDS, "test", &job), STORE_OK);
  assert_string_equal(job.id.hex, other.hex);
  const store_event events[] = {{.type = "segment", .data = text("{\"i\":0}")},
                                {.type = "segment", .data = text("{\"i\":1}")},
                                {.type = "progress", .data = text("{}")}};
  char found[40] = "none";
  assert_int_equal(store_event_last(s, &job.id, "segment", last_take, found), STORE_OK);
  assert_string_equal(found, "none");
  assert_int_equal(store_report(s, &job.id, job.fence, -1, events, 3), STORE_OK);
  assert_int_equal(store_event_last(s, &job.id, "segment", last_take, found), STORE_OK);
  assert_string_equal(found, "4 segment {\"i\":1}"); /* behind queued and running */
  assert_int_equal(store_event_last(s, &job.id, "checkpoint", last_take, found), STORE_OK);
  assert_string_equal(found, "4 segment {\"i\":1}");
  assert_int_equal(store_fail(s, &job.id, job.fence, true, "lost"), STORE_OK);
  store_job_drop(&job);
  store_close(s);
}

static void old_jobs_are_forgotten(void **state) {
  (void)state;
  store *s = open_with((store_desc){0});
  job_id id = add_one(s, "{}"), other = {0};
  store_job job;
  assert_int_equal(store_cancel(s, &id, &job), STORE_OK);
  i64 ended = job.updated_ms;
  store_job_drop(&job);
  job_id open_job = add_one(s, "{}");
  assert_int_equal(store_forget(s, ended, &other), STORE_NONE);
  assert_int_equal(store_forget(s, ended + 1, &other), STORE_OK);
  assert_string_equal(other.hex, id.hex);
  assert_int_equal(store_forget(s, ended + 100000, &other), STORE_NONE);
  assert_int_equal(state_of(s, &open_job, nullptr), JOB_QUEUED);
  seen_events seen = {0};
  assert_int_equal(store_events(s, &id, 0, 10, event_see, &seen), STORE_OK);
  assert_int_equal(seen.n, 0);
  store_close(s);
}

/* ---- faults ---- */

typedef struct {
  i64 n, n_tries, n_queued, n_running, n_done, n_inputs;
} seen_jobs;
static void count_see(void *to, const store_count *c) {
  seen_jobs *seen = to;
  assert_string_equal(c->kind, KINDS[0]);
  assert_true(c->ms >= 0 && c->ms < 60000 && c->oldest_ms > 0);
  seen->n_tries += c->n_tries;
  if (c->state == JOB_QUEUED) seen->n_queued += c->n;
  if (c->state == JOB_RUNNING) seen->n_running += c->n;
  if (c->state == JOB_DONE) seen->n_done += c->n;
}
static void job_see(void *to, const store_job *job) {
  seen_jobs *seen = to;
  seen->n++;
  seen->n_inputs += job->input != nullptr && strcmp(job->input, "{\"i\":1}") == 0;
}
static void jobs_are_counted_and_walked(void **state) {
  (void)state;
  store *s = open_with((store_desc){0});
  seen_jobs seen = {0};
  assert_int_equal(store_counts(s, count_see, &seen), STORE_OK);
  assert_int_equal(store_jobs(s, job_see, &seen), STORE_OK);
  assert_int_equal(seen.n + seen.n_queued + seen.n_running + seen.n_done, 0);
  for (int i = 0; i < 300; i++) (void)add_one(s, "{\"i\":1}");
  store_job job;
  for (int i = 0; i < 20; i++) {
    assert_int_equal(store_claim(s, KINDS, "test", &job), STORE_OK);
    if (i < 5) {
      assert_int_equal(store_complete(s, &job.id, job.fence, text("{\"files\":[]}")), STORE_OK);
    }
    store_job_drop(&job);
  }
  assert_int_equal(store_counts(s, count_see, &seen), STORE_OK);
  assert_int_equal(seen.n_queued, 280);
  assert_int_equal(seen.n_running, 15);
  assert_int_equal(seen.n_done, 5);
  assert_int_equal(seen.n_tries, 20);
  assert_int_equal(store_jobs(s, job_see, &seen), STORE_OK);
  assert_int_equal(seen.n, 300);
  assert_int_equal(seen.n_inputs, 300);
  store_close(s);
}

static void a_clock_set_back_holds_nothing(void **state) {
  (void)state;
  store *s = open_with((store_desc){.lease_ms = 1000});
  job_id one = add_one(s, "{}");
  (void)claim_one(s, &one);
  by_hand("UPDATE nf_jobs SET lease_until = lease_until + 86400000");
  assert_int_equal(claim_one(s, &one), 2);
  assert_int_equal(store_fail(s, &one, 2, true, "x"), STORE_OK);
  by_hand("UPDATE nf_jobs SET not_before = not_before + 86400000");
  assert_int_equal(claim_one(s, &one), 3);
  store_close(s);
}

static void a_newer_schema_is_left_alone(void **state) {
  (void)state;
  store_close(open_with((store_desc){0}));
  by_hand("UPDATE nf_meta SET value = '7' WHERE name = 'schema'");
  store *s = nullptr;
  nf_error error = {0};
  assert_int_equal(store_open(&(store_desc){.url = url}, &s, &error), STORE_FAILED);
  assert_null(s);
  assert_non_null(strstr(error.line, "schema 7"));
  by_hand("UPDATE nf_meta SET value = '2' WHERE name = 'schema'");
  store_close(open_with((store_desc){0}));
}

/* Jobs whose enqueue said OK must be there; those refused must not; afterwards all goes on. */
static void disk_full_sqlite(void) {
  char path[100];
  for (long i = 0; i < 200; i++) {
    snprintf(path, sizeof path, "%s/full-%ld", folder, i);
    store *s = nullptr;
    nf_error error = {0};
    failing_after(i);
    store_status status = store_open(&(store_desc){.url = path}, &s, &error);
    if (status != STORE_OK) {
      assert_int_equal(status, STORE_FULL);
      assert_non_null(strstr(error.line, "the disk is full"));
      failing_after(-1);
      assert_int_equal(store_open(&(store_desc){.url = path}, &s, &error), STORE_OK);
      store_close(s);
      continue;
    }
    static job_id kept[400];
    int n_kept = 0, n_full = 0;
    for (int k = 0; k < 400 && n_full < 3; k++) {
      store_job job;
      bool existed;
      status = add(s, "{}", nullptr, &job, &existed);
      assert_true(status == STORE_OK || status == STORE_FULL);
      n_full += status == STORE_FULL;
      if (status != STORE_OK) continue;
      kept[n_kept++] = job.id;
      store_job_drop(&job);
    }
    assert_int_equal(n_full, 3);
    failing_after(-1);
    kept[n_kept++] = add_one(s, "{}");
    store_close(s);
    assert_int_equal(store_open(&(store_desc){.url = path}, &s, &error), STORE_OK);
    for (int k = 0; k < n_kept; k++) assert_int_equal(state_of(s, &kept[k], nullptr), JOB_QUEUED);
    static store_job jobs[500];
    isize n;
    assert_int_equal(store_list(s, jobs, 500, &n), STORE_OK);
    assert_int_equal(n, n_kept);
    while (n > 0) store_job_drop(&jobs[--n]);
    store_close(s);
  }
}

static void disk_full_postgresql(void) {
  store *s = open_with((store_desc){0});
  job_id before = add_one(s, "{}");
  by_hand(
      "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION"
      " ''could not extend file'' USING ERRCODE = ''53100''; END'");
  by_hand("CREATE TRIGGER full_disk BEFORE INSERT ON nf_events EXECUTE FUNCTION full_disk()");
  store_job job;
  bool existed;
  for (int i = 0; i < 20; i++) {
    assert_int_equal(add(s, "{}", nullptr, &job, &existed), STORE_FULL);
    assert_int_equal(store_claim(s, KINDS, "test", &job), STORE_FULL);
  }
  by_hand("DROP TRIGGER full_disk ON nf_events");
  by_hand("DROP FUNCTION full_disk");
  job_id after = add_one(s, "{}");
  (void)claim_one(s, &before);
  (void)claim_one(s, &after);
  claim_none(s);
  store_close(s);
}

static void a_full_disk_loses_nothing(void **state) {
  (void)state;
  if (on_postgresql) {
    disk_full_postgresql();
  } else {
    disk_full_sqlite();
  }
}

static void server_do(const char *verb) {
  char line[256];
  snprintf(line, sizeof line, NF_SOURCE_DIR "/tests/server/postgresql.sh %s %s", verb, folder);
  if (system(line) != 0) fail_msg("%s", line);
}

static void a_restart_of_the_database_is_survived(void **state) {
  (void)state;
  if (!on_postgresql) { /* SQLite's: the file is opened by another process meanwhile, and locked */
    store *s = open_with((store_desc){0});
    job_id id = add_one(s, "{}");
    sqlite3 *other;
    assert_int_equal(sqlite3_open(url + 7, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    store_job job;
    bool existed;
    assert_int_equal(add(s, "{}", nullptr, &job, &existed), STORE_DOWN);
    sqlite3_close(other);
    (void)claim_one(s, &id);
    claim_none(s);
    store_close(s);
    return;
  }
  store *s = open_with((store_desc){0});
  job_id id = add_one(s, "{}");
  for (int i = 0; i < 3; i++) {
    i64 fence = claim_one(s, &id);
    server_do(i % 2 ? "stop" : "kill");
    store_job job;
    bool existed;
    i64 from = clock_ms();
    assert_int_equal(add(s, "{}", nullptr, &job, &existed), STORE_DOWN);
    assert_int_equal(add(s, "{}", nullptr, &job, &existed), STORE_DOWN);
    assert_true(clock_ms() - from < 3000);
    assert_true(strncmp(store_error(s), "postgresql: ", 12) == 0);
    server_do("start");
    sleep_ms(1100); /* between attempts it fails at once */
    assert_int_equal(store_report(s, &id, fence, 1, nullptr, 0), STORE_OK);
    assert_int_equal(store_release(s, &id, fence), STORE_OK);
    server_do("stop"); /* seen by no call: the next finds a dead connection and a live server */
    server_do("start");
    assert_int_equal(state_of(s, &id, nullptr), JOB_QUEUED);
  }
  store_close(s);
}

/* ---- budgets ---- */

static store_charge charge_of(const char *client, i64 micro) {
  store_charge c = {
      .day = 20000, .client = client, .micro = micro, .client_max = 60, .all_max = 100};
  job_id_make(&c.id);
  return c;
}
static i64 spent_of(store *s, i64 day, const char *client) {
  i64 micro = -1;
  assert_int_equal(store_budget_get(s, day, client, &micro), STORE_OK);
  return micro;
}

static void a_charge_is_reserved_and_settled(void **state) {
  (void)state;
  store *s = open_with((store_desc){0});
  i64 all = -1;
  store_charge a = charge_of("token:a", 50), more = charge_of("token:a", 11);
  store_charge b = charge_of("address:b", 50), none = charge_of("token:c", 1);
  assert_int_equal(store_reserve(s, &a, &all), STORE_OK);
  assert_int_equal(store_reserve(s, &a, &all), STORE_OK); /* a repeat of the same: once */
  assert_int_equal(spent_of(s, 20000, ""), 50);
  assert_int_equal(store_reserve(s, &more, &all), STORE_SPENT); /* its own limit */
  assert_string_equal(store_error(s), "the day's budget of this client is spent");
  assert_int_equal(spent_of(s, 20000, ""), 50); /* and nothing of it is left behind */
  assert_int_equal(spent_of(s, 20000, "token:a"), 50);
  assert_int_equal(store_reserve(s, &b, &all), STORE_OK);
  assert_int_equal(all, 100);
  assert_int_equal(store_reserve(s, &none, &all), STORE_SPENT); /* everybody's */
  assert_string_equal(store_error(s), "the day's budget of the server is spent");
  assert_int_equal(store_settle(s, &a.id, 7, &all), STORE_OK);
  assert_int_equal(all, 57);
  assert_int_equal(store_settle(s, &a.id, 7, &all), STORE_NONE); /* once */
  assert_int_equal(store_settle(s, &none.id, 7, &all), STORE_NONE);
  assert_int_equal(spent_of(s, 20000, "token:a"), 7);
  assert_int_equal(store_reserve(s, &more, &all), STORE_OK);
  assert_int_equal(store_settle(s, &more.id, 90, &all), STORE_OK); /* it cost more than it might */
  assert_int_equal(spent_of(s, 20000, ""), 147);
  none = charge_of("token:c", 0);
  assert_int_equal(store_reserve(s, &none, &all), STORE_SPENT);
  none.day++; /* the next day is a new one */
  assert_int_equal(store_reserve(s, &none, &all), STORE_OK);
  store_close(s);
  s = open_with((store_desc){0}); /* what was reserved when the server died stays reserved */
  assert_int_equal(spent_of(s, 20000, "address:b"), 50);
  assert_int_equal(store_budget_forget(s, 20001), STORE_OK);
  assert_int_equal(spent_of(s, 20000, ""), 0);
  assert_int_equal(store_settle(s, &b.id, 1, &all), STORE_NONE);
  assert_int_equal(store_settle(s, &none.id, 3, &all), STORE_OK);
  assert_int_equal(spent_of(s, 20001, "token:c"), 3);
  store_close(s);
}

static void *spend_ten_times(void *to) {
  store *s = open_with((store_desc){0});
  for (int i = 0; i < 10; i++) {
    char client[16];
    snprintf(client, sizeof client, "token:%d", i % 2);
    store_charge c = charge_of(client, 3);
    i64 all;
    store_status status = store_reserve(s, &c, &all);
    if (status != STORE_OK && status != STORE_SPENT) fail_msg("%d: %s", status, store_error(s));
    if (status != STORE_OK) continue;
    __atomic_fetch_add((int *)to, 1, __ATOMIC_RELAXED);
    assert_in_range(all, 3, 100);
  }
  store_close(s);
  return nullptr;
}

static void many_at_once_spend_no_more_than_there_is(void **state) {
  (void)state;
  pthread_t threads[20];
  int n = 0;
  store *s = open_with((store_desc){0});
  for (int i = 0; i < 20; i++) pthread_create(&threads[i], nullptr, spend_ten_times, &n);
  for (int i = 0; i < 20; i++) pthread_join(threads[i], nullptr);
  assert_int_equal(n, 33); /* of 200, each of 3 out of 100 */
  assert_int_equal(spent_of(s, 20000, ""), 99);
  assert_int_equal(spent_of(s, 20000, "token:0") + spent_of(s, 20000, "token:1"), 99);
  assert_true(spent_of(s, 20000, "token:0") <= 60 && spent_of(s, 20000, "token:1") <= 60);
  store_close(s);
}

static void a_store_of_the_first_schema_is_brought_up_to_date(void **state) {
  (void)state;
  store *s = open_with((store_desc){0});
  job_id id = add_one(s, "{}");
  store_close(s);
  by_hand("DROP TABLE nf_budgets");
  by_hand("DROP TABLE nf_charges");
  by_hand("UPDATE nf_meta SET value = '1' WHERE name = 'schema'");
  s = open_with((store_desc){0});
  i64 all;
  store_charge c = charge_of("token:a", 5);
  assert_int_equal(store_reserve(s, &c, &all), STORE_OK);
  assert_int_equal(state_of(s, &id, nullptr), JOB_QUEUED);
  store_close(s);
}

/* ---- both databases ---- */

static int fresh(void **state) {
  (void)state;
  if (on_postgresql) {
    by_hand("DROP TABLE IF EXISTS nf_jobs, nf_events, nf_meta, nf_budgets, nf_charges");
    return 0;
  }
  static int n;
  snprintf(url, sizeof url, "sqlite:%s/store-%d", folder, n++);
  return 0;
}

static int sqlite_begin(void **state) {
  (void)state;
  failing_vfs_use();
  on_postgresql = false;
  return 0;
}
static int postgresql_begin(void **state) {
  (void)state;
  on_postgresql = true;
  server_do("start");
  snprintf(url, sizeof url, "postgresql:///postgres?host=%s&user=postgres", folder);
  return 0;
}
static int postgresql_end(void **state) {
  (void)state;
  server_do("stop");
  return 0;
}

int main(void) {
  str_copy(folder, sizeof folder, "/tmp/nearfield-store-XXXXXX");
  if (mkdtemp(folder) == nullptr) return 3;
#define TEST(f) cmocka_unit_test_setup(f, fresh)
  const struct CMUnitTest tests[] = {
      TEST(a_job_lives),
      TEST(the_newest_are_listed),
      TEST(a_hundred_requests_with_one_key_make_one_job),
      TEST(a_lost_lease_is_fenced),
      TEST(a_poison_job_dies_after_five_tries),
      TEST(a_failed_try_waits),
      TEST(a_job_is_cancelled),
      TEST(workers_share_the_queue),
      TEST(the_queue_has_an_end),
      TEST(uploads_are_wanted_while_a_job_is_open),
      TEST(the_last_event_of_a_type_is_found),
      TEST(old_jobs_are_forgotten),
      TEST(jobs_are_counted_and_walked),
      TEST(a_clock_set_back_holds_nothing),
      TEST(a_newer_schema_is_left_alone),
      TEST(a_full_disk_loses_nothing),
      TEST(a_restart_of_the_database_is_survived),
      TEST(a_charge_is_reserved_and_settled),
      TEST(many_at_once_spend_no_more_than_there_is),
      TEST(a_store_of_the_first_schema_is_brought_up_to_date),
  };
  int bad = cmocka_run_group_tests_name("store sqlite", tests, sqlite_begin, nullptr);
  bad += cmocka_run_group_tests_name("store postgresql", tests, postgresql_begin, postgresql_end);
  char line[128];
  snprintf(line, sizeof line, "rm -rf %s", folder);
  if (system(line) != 0) bad++;
  return bad;
}
