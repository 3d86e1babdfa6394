/* The power goes away at any moment (power_vfs.h) while a server and a worker use one SQLite store:
 * what was acknowledged is there afterwards, as it was; the one call that was cut has been done
 * whole or not at all; nothing ends twice; the store is intact. The same with a drive that lies
 * about its syncs must be found out, or these tests prove nothing.
 * Job ids and the clock are real, so a seed chooses the cuts and does not replay a chain exactly.
 *   test_power [CUTS [SEED]]     300 and 1; ./dev soak power: 10,000 */
#include <stdlib.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "power_vfs.h"
#include "server/store/store.h"

enum { JOBS_MAX = 256, LIVES = 12, CALLS_A_LIFE = 400, DAY = 20000 };
static const char *const KINDS[] = {"transcribe", nullptr};
static char folder[64], url[96];
static long n_cuts_wanted = 300, seed_wanted = 1;

/* What the store has acknowledged of a job. */
typedef struct {
  job_id id;
  char key[16];
  job_state state;
  i64 fence, n_events, n_tries;
  bool lost; /* its worker went with the power: whoever claims may end it */
} known_job;

typedef enum {
  NOTHING,
  ENQUEUE,
  CLAIM,
  REPORT,
  COMPLETE,
  FAIL,
  RELEASE,
  CANCEL,
  CANCEL_END,
  RESERVE,
  SETTLE
} call_kind;

static struct {
  known_job jobs[JOBS_MAX];
  int n_jobs;
  i64 micro; /* acknowledged of DAY */
  job_id charge; /* reserved, not settled */
  i64 charge_micro;
  store *server, *worker;
  call_kind cut; /* the call that the power went away in */
  int cut_job;
  i64 cut_micro;
  long n_cuts, n_in_flight_done; /* for the reader of the log */
  char wrong[400];
} t;

#define WRONG(...) (snprintf(t.wrong, sizeof t.wrong, __VA_ARGS__), false)

static store *store_up(void) {
  store *s = nullptr;
  nf_error error = {0};
  store_desc desc = {.url = url, .lease_ms = 3600000, .backoff_ms = 1};
  store_status status = store_open(&desc, &s, &error);
  if (status != STORE_OK && !power.off) (void)WRONG("it does not open: %s", error.line);
  return status == STORE_OK ? s : nullptr;
}
static void stores_down(void) {
  store_close(t.server);
  store_close(t.worker);
  t.server = t.worker = nullptr;
}
static bool stores_up(void) {
  t.server = store_up();
  if (t.server != nullptr) t.worker = store_up();
  return t.worker != nullptr;
}

/* ---- what must be there ---- */

typedef struct {
  i64 n, n_ends;
  bool in_order;
} seen_events;
static void event_see(void *to, const store_event *e) {
  seen_events *seen = to;
  seen->in_order = seen->in_order && e->seq == seen->n + 1;
  seen->n++;
  if (strcmp(e->type, "state") != 0) return;
  static const char *const ends[] = {"done", "failed", "dead", "cancelled"};
  for (int i = 0; i < 4; i++) {
    char wanted[32];
    snprintf(wanted, sizeof wanted, "\"state\":\"%s\"", ends[i]);
    seen->n_ends += memmem(e->data.at, (size_t)e->data.len, wanted, strlen(wanted)) != nullptr;
  }
}

/* Has the call that was cut, or whoever claims, made this of the job? */
static bool may_have_become(const known_job *k, int i, const store_job *now) {
  bool same_fence = now->fence == k->fence;
  bool target = i == t.cut_job;
  if (now->state == k->state && same_fence) return true;
  if (k->lost && k->state == JOB_RUNNING && now->state == JOB_DEAD) return same_fence;
  if (k->lost && k->state == JOB_CANCELLING && now->state == JOB_CANCELLED) return same_fence;
  if (t.cut == CLAIM && now->state == JOB_RUNNING && now->fence == k->fence + 1) {
    return k->state == JOB_QUEUED || (k->lost && k->state == JOB_RUNNING);
  }
  if (!target || !same_fence) return false;
  switch (t.cut) {
    case COMPLETE: return k->state == JOB_RUNNING && now->state == JOB_DONE;
    case FAIL:
      return k->state == JOB_RUNNING && (now->state == JOB_QUEUED || now->state == JOB_FAILED ||
                                         (now->state == JOB_DEAD && now->n_tries == 5));
    case RELEASE: return k->state == JOB_RUNNING && now->state == JOB_QUEUED;
    case CANCEL:
      return (k->state == JOB_QUEUED && now->state == JOB_CANCELLED) ||
             (k->state == JOB_RUNNING && now->state == JOB_CANCELLING);
    case CANCEL_END: return k->state == JOB_CANCELLING && now->state == JOB_CANCELLED;
    default: return false;
  }
}

static bool job_check(store *s, int i) {
  known_job *k = &t.jobs[i];
  store_job now;
  store_status status = store_get(s, &k->id, &now);
  bool made = k->n_events > 0; /* acknowledged */
  if (status == STORE_NONE && !made) return true;
  if (status != STORE_OK) return WRONG("job %d is lost: %d %s", i, status, store_error(s));
  char wanted[64];
  snprintf(wanted, sizeof wanted, "{\"by\":%lld}", (long long)now.fence);
  seen_events seen = {.in_order = true};
  bool ok = true;
  if (!may_have_become(k, i, &now)) {
    ok = WRONG("job %d was %s %lld, is %s %lld, in call %d of job %d", i, job_state_name(k->state),
               (long long)k->fence, job_state_name(now.state), (long long)now.fence, t.cut,
               t.cut_job);
  } else if (now.n_events < k->n_events) {
    ok = WRONG("job %d: %lld events, there were %lld", i, (long long)now.n_events,
               (long long)k->n_events);
  } else if (now.state == JOB_DONE && strcmp(now.result, wanted) != 0) {
    ok = WRONG("job %d is done, but not by its last try: %.100s", i, now.result);
  } else if (store_events(s, &k->id, 0, 1000, event_see, &seen) != STORE_OK) {
    ok = WRONG("job %d: events: %s", i, store_error(s));
  } else if (!seen.in_order || seen.n != now.n_events) {
    ok = WRONG("job %d: %lld events of %lld", i, (long long)seen.n, (long long)now.n_events);
  } else if (seen.n_ends != job_state_is_final(now.state)) {
    ok = WRONG("job %d is %s and ended %lld times", i, job_state_name(now.state),
               (long long)seen.n_ends);
  }
  t.n_in_flight_done += now.state != k->state;
  k->state = now.state; /* what was cut is known now */
  k->fence = now.fence;
  k->n_events = now.n_events;
  k->n_tries = now.n_tries;
  store_job_drop(&now);
  return ok;
}

static void walk_one(void *to, const store_job *job) { (void)job, ++*(int *)to; }
static int integrity_row(void *to, int n, char **cells, char **names) {
  (void)n, (void)names;
  snprintf(to, 100, "%s", cells[0]);
  return 0;
}
static bool integrity_check(void) {
  sqlite3 *db;
  char found[100] = "nothing";
  int code = sqlite3_open(url + 7, &db);
  if (code == SQLITE_OK) {
    code = sqlite3_exec(db, "PRAGMA integrity_check(1)", integrity_row, found, nullptr);
  }
  sqlite3_close(db);
  return strcmp(found, "ok") == 0 || WRONG("integrity: %s (%d)", found, code);
}

/* Ask again with each key, as a client does that heard nothing. */
static bool keys_check(store *s) {
  for (int i = 0; i < t.n_jobs; i++) {
    known_job *k = &t.jobs[i];
    store_request r = {.kind = KINDS[0], .input = text("{\"n\":1}"), .key = text(k->key)};
    store_job job;
    bool existed, made = k->n_events > 0;
    job_id_make(&r.id);
    store_status status = store_enqueue(s, &r, &job, &existed);
    if (status != STORE_OK) return WRONG("key %s: %d %s", k->key, status, store_error(s));
    bool same = strcmp(job.id.hex, k->id.hex) == 0;
    if (!made) { /* the call that made it was cut; now it is there, by this one or by that */
      k->id = job.id;
      k->state = JOB_QUEUED;
      k->n_events = job.n_events;
    }
    store_job_drop(&job);
    if (made && (!same || !existed)) return WRONG("key %s makes a second job", k->key);
  }
  return true;
}

/* All that is known, asked of the store that survived. */
static bool store_check(void) {
  i64 micro = -1;
  int n = 0, n_known = 0;
  store *s = store_up();
  if (s == nullptr) return false;
  bool ok = integrity_check();
  for (int i = 0; i < t.n_jobs && ok; i++) ok = job_check(s, i);
  ok = ok && keys_check(s);
  for (int i = 0; i < t.n_jobs && ok; i++) n_known += t.jobs[i].n_events > 0;
  if (ok && store_jobs(s, walk_one, &n) != STORE_OK) ok = WRONG("jobs: %s", store_error(s));
  if (ok && n != n_known) ok = WRONG("%d jobs, there were %d", n, n_known);
  if (ok && store_budget_get(s, DAY, "", &micro) != STORE_OK) ok = WRONG("%s", store_error(s));
  if (ok && micro != t.micro && micro != t.micro + t.cut_micro) {
    ok = WRONG("%lld spent, acknowledged %lld, in the call %lld", (long long)micro,
               (long long)t.micro, (long long)t.cut_micro);
  }
  if (ok && t.cut_micro != 0 && micro == t.micro + t.cut_micro) {
    t.charge_micro = t.cut == RESERVE ? t.cut_micro : 0;
  }
  t.micro = micro;
  store_close(s);
  t.cut = NOTHING, t.cut_job = -1, t.cut_micro = 0;
  return ok;
}

/* ---- what goes on ---- */

static int pick(job_state state) {
  int found = -1, n = 0;
  for (int i = 0; i < t.n_jobs; i++) {
    bool one = t.jobs[i].state == state && !t.jobs[i].lost && t.jobs[i].n_events > 0;
    if (one && power_below(++n) == 0) found = i;
  }
  return found;
}

static bool enqueue(void) {
  if (t.n_jobs == JOBS_MAX) return true;
  known_job *k = &t.jobs[t.n_jobs];
  *k = (known_job){0};
  snprintf(k->key, sizeof k->key, "key-%d", t.n_jobs);
  job_id_make(&k->id);
  t.cut = ENQUEUE, t.cut_job = t.n_jobs++;
  store_request r = {
      .id = k->id, .kind = KINDS[0], .input = text("{\"n\":1}"), .key = text(k->key)};
  store_job job;
  bool existed;
  if (store_enqueue(t.server, &r, &job, &existed) != STORE_OK) return false;
  k->n_events = job.n_events;
  store_job_drop(&job);
  return true;
}

static bool claim(void) {
  store_job job;
  t.cut = CLAIM, t.cut_job = -1;
  store_status status = store_claim(t.worker, KINDS, "test", &job);
  if (status == STORE_NONE) return true;
  if (status != STORE_OK) return false;
  for (int i = 0; i < t.n_jobs; i++) {
    known_job *k = &t.jobs[i];
    if (strcmp(k->id.hex, job.id.hex) != 0) continue;
    k->state = JOB_RUNNING, k->fence = job.fence, k->n_tries = job.n_tries;
    k->n_events = job.n_events, k->lost = false;
  }
  store_job_drop(&job);
  return true;
}

/* A worker's word about one of its jobs. */
static bool work(call_kind kind, job_state from) {
  int i = pick(from);
  if (i < 0) return true;
  known_job *k = &t.jobs[i];
  t.cut = kind, t.cut_job = i;
  char result[32];
  store_event events[] = {{.type = "segment", .data = text("{\"text\":\"a line\"}")},
                          {.type = "progress", .data = text("{}")}};
  snprintf(result, sizeof result, "{\"by\":%lld}", (long long)k->fence);
  bool again = power_below(4) > 0;
  store_status status = kind == REPORT ? store_report(t.worker, &k->id, k->fence, 500, events, 2)
                        : kind == COMPLETE
                            ? store_complete(t.worker, &k->id, k->fence, text(result))
                        : kind == FAIL    ? store_fail(t.worker, &k->id, k->fence, again, "no luck")
                        : kind == RELEASE ? store_release(t.worker, &k->id, k->fence)
                                          : store_cancel_end(t.worker, &k->id, k->fence);
  if (status != STORE_OK) return false;
  if (kind == REPORT) k->n_events += 2;
  if (kind != REPORT) k->n_events++;
  if (kind == COMPLETE) k->state = JOB_DONE;
  if (kind == CANCEL_END) k->state = JOB_CANCELLED;
  if (kind == RELEASE) k->state = JOB_QUEUED, k->n_tries--;
  if (kind == FAIL) k->state = !again ? JOB_FAILED : k->n_tries >= 5 ? JOB_DEAD : JOB_QUEUED;
  return true;
}

static bool cancel(void) {
  int i = pick(power_below(2) ? JOB_QUEUED : JOB_RUNNING);
  if (i < 0) return true;
  known_job *k = &t.jobs[i];
  store_job job;
  t.cut = CANCEL, t.cut_job = i;
  if (store_cancel(t.server, &k->id, &job) != STORE_OK) return false;
  k->state = job.state;
  k->n_events = job.n_events;
  store_job_drop(&job);
  return true;
}

static bool spend(void) {
  i64 all;
  if (t.charge_micro == 0) {
    store_charge c = {.day = DAY, .client = "a", .micro = 5};
    job_id_make(&c.id);
    t.charge = c.id;
    t.cut = RESERVE, t.cut_micro = 5;
    if (store_reserve(t.server, &c, &all) != STORE_OK) return false;
    t.charge_micro = 5;
    t.micro += 5;
  } else {
    t.cut = SETTLE, t.cut_micro = 2 - t.charge_micro;
    if (store_settle(t.server, &t.charge, 2, &all) != STORE_OK) return false;
    t.micro += t.cut_micro;
    t.charge_micro = 0;
  }
  t.cut_micro = 0;
  return true;
}

/* The clock that leases are kept by begins anew with the machine: they are void. */
static bool clock_anew(void) {
  sqlite3 *db;
  int code = sqlite3_open(url + 7, &db);
  if (code == SQLITE_OK) {
    code = sqlite3_exec(db,
                        "PRAGMA synchronous = FULL; UPDATE nf_jobs SET lease_until = lease_until"
                        " + 864000000 WHERE state IN ('running', 'cancelling')",
                        nullptr, nullptr, nullptr);
  }
  sqlite3_close(db);
  for (int i = 0; i < t.n_jobs; i++) {
    known_job *k = &t.jobs[i];
    k->lost = k->lost || k->state == JOB_RUNNING || k->state == JOB_CANCELLING;
  }
  return code == SQLITE_OK;
}

/* false: the power is gone (or something is wrong: then it says what). */
static bool one_call(void) {
  bool ok = true;
  switch (power_below(14)) {
    case 0:
    case 1:
    case 2:
    case 3: ok = enqueue(); break;
    case 4:
    case 5:
    case 6: ok = claim(); break;
    case 7: ok = work(REPORT, JOB_RUNNING); break;
    case 8: ok = work(COMPLETE, JOB_RUNNING); break;
    case 9: ok = work(FAIL, JOB_RUNNING); break;
    case 10: ok = cancel(); break;
    case 11: ok = work(CANCEL_END, JOB_CANCELLING); break;
    case 12: ok = spend(); break;
    default:
      if (power_below(4) == 0) { /* all go, and the log is written back */
        t.cut = NOTHING;
        stores_down();
        ok = stores_up();
      } else {
        ok = work(RELEASE, JOB_RUNNING);
      }
  }
  if (!ok && !power.off && t.wrong[0] == 0) {
    (void)WRONG("call %d was refused with the power on", t.cut);
  }
  if (ok) t.cut = NOTHING, t.cut_job = -1;
  return ok;
}

/* The power comes back, and goes again while the store is opened or its log written back. */
static bool cut_again(void) {
  power_cut_after(power_below(30));
  store *s = store_up();
  store_close(s);
  if (t.wrong[0] != 0) return false;
  if (!power.off) power_cut();
  power_on();
  t.n_cuts++;
  return true;
}

/* From one cut to the next. */
static bool life(void) {
  static const long calls[] = {20, 200, 200, 4000};
  t.cut = NOTHING, t.cut_job = -1;
  power_cut_after(power_below(calls[power_below(4)]));
  bool up = stores_up() && clock_anew();
  for (int i = 0; up && i < CALLS_A_LIFE; i++) up = one_call();
  if (t.wrong[0] != 0) return false;
  if (!power.off) power_cut(); /* between two calls */
  stores_down();
  power_on();
  t.n_cuts++;
  while (power_below(2) == 0) {
    if (!cut_again()) return false;
  }
  power_cut_after(-2); /* not while it is looked at */
  return store_check();
}

/* At the end of a chain all that is left is done; each job ends once. */
static bool drain(void) {
  if (!stores_up() || !clock_anew()) return WRONG("it does not open: %s", t.wrong);
  for (int i = 0, none = 0; i < 2000 && none < 3; i++) {
    bool some = false;
    if (!claim()) return WRONG("claim: %s", store_error(t.worker));
    for (int k = 0; k < t.n_jobs; k++)
      some = some || (t.jobs[k].state == JOB_RUNNING && !t.jobs[k].lost);
    if (some && !work(COMPLETE, JOB_RUNNING)) return WRONG("complete: %s", store_error(t.worker));
    for (int k = 0; k < t.n_jobs; k++) some = some || t.jobs[k].state == JOB_QUEUED;
    none = some ? 0 : none + 1;
  }
  stores_down();
  t.cut = NOTHING, t.cut_job = -1;
  if (!store_check()) return false;
  for (int i = 0; i < t.n_jobs; i++) {
    bool ended = job_state_is_final(t.jobs[i].state);
    if (!ended) return WRONG("job %d never ended: %s", i, job_state_name(t.jobs[i].state));
  }
  return true;
}

static int n_stores;
/* A store of its own, cut LIVES times at most. false: t.wrong says what. */
static bool chain(unsigned long long seed, long n_cuts) {
  t.n_jobs = 0, t.micro = 0, t.charge_micro = 0, t.cut_micro = 0, t.wrong[0] = 0;
  power_begin(seed);
  snprintf(url, sizeof url, "sqlite:%s/power-%d", folder, n_stores++);
  bool ok = true;
  for (int i = 0; i < LIVES && i < n_cuts && ok; i++) ok = life();
  if (ok) ok = drain();
  stores_down();
  return ok;
}

static void the_power_goes_at_any_moment(void **state) {
  (void)state;
  long n_jobs = 0;
  power.lies = false;
  t.n_cuts = t.n_in_flight_done = 0;
  for (long i = 0; t.n_cuts < n_cuts_wanted; i++) {
    unsigned long long seed = (unsigned long long)(seed_wanted * 1000000 + i);
    if (!chain(seed, n_cuts_wanted - t.n_cuts)) {
      fail_msg("chain %ld after %ld cuts: %s", i, t.n_cuts, t.wrong);
    }
    n_jobs += t.n_jobs;
  }
  print_message("%ld cuts, %ld jobs, %ld of the calls that were cut were done\n", t.n_cuts, n_jobs,
                t.n_in_flight_done);
  assert_true(n_jobs > n_cuts_wanted);
  assert_true(t.n_in_flight_done > 0);
}

static void a_drive_that_lies_is_found_out(void **state) {
  (void)state;
  int n_found = 0;
  power.lies = true;
  for (int i = 0; i < 10; i++) n_found += !chain((unsigned long long)(7000 + i), LIVES);
  power.lies = false;
  assert_true(n_found >= 8);
}

int main(int n, char **at) {
  if (n > 1) n_cuts_wanted = atol(at[1]);
  if (n > 2) seed_wanted = atol(at[2]);
  str_copy(folder, sizeof folder, "/tmp/nearfield-power-XXXXXX");
  if (mkdtemp(folder) == nullptr) return 3;
  power_vfs_use();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_power_goes_at_any_moment),
      cmocka_unit_test(a_drive_that_lies_is_found_out),
  };
  int bad = cmocka_run_group_tests_name("power", tests, nullptr, nullptr);
  char line[128];
  snprintf(line, sizeof line, "rm -rf %s", folder);
  if (system(line) != 0) bad++;
  return bad;
}
