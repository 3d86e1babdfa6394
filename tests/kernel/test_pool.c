/* The thread pool: every part runs once per job, barriers hold everybody, more threads than
 * cores still end, sleeping members wake. Under tsan this is the race test of the pool. */
#include "cmocka_all.h"
#include "kernel/pool.h"
#include "os/os.h"

typedef struct {
  pool *p;
  _Atomic u32 runs[16];
  _Atomic u32 count, wrong;
  isize plain[16]; /* written by one part, read by others after a barrier: tsan watches */
  isize rounds;
} job;

static void job_body(void *context, isize i_part, isize n_parts) {
  job *j = context;
  atomic_fetch_add(&j->runs[i_part], 1);
  for (isize round = 1; round <= j->rounds; round++) {
    j->plain[i_part] = round * 100 + i_part;
    atomic_fetch_add(&j->count, 1);
    pool_barrier(j->p);
    if (atomic_load(&j->count) != (u32)(round * n_parts)) atomic_store(&j->wrong, 1);
    isize other = (i_part + 1) % n_parts;
    if (j->plain[other] != round * 100 + other) atomic_store(&j->wrong, 2);
    pool_barrier(j->p);
  }
}

static void jobs_try(isize n_threads, isize n_jobs, isize rounds) {
  alignas(64) static u8 block[16384];
  arena a = arena_of(block, sizeof block);
  pool *p;
  assert_int_equal(pool_start(&a, n_threads, &p), NF_OK);
  assert_int_equal(pool_threads(p), n_threads);
  for (isize i = 0; i < n_jobs; i++) {
    job j = {.p = p, .rounds = rounds};
    pool_run(p, job_body, &j);
    assert_int_equal(j.wrong, 0);
    for (isize part = 0; part < n_threads; part++) assert_int_equal(j.runs[part], 1);
    for (isize part = 0; part < n_threads; part++) { /* plain reads after the job */
      if (rounds > 0) assert_int_equal(j.plain[part], rounds * 100 + part);
    }
  }
  pool_stop(p);
}

static void every_part_runs_once(void **state) {
  (void)state;
  for (isize n = 1; n <= 4; n++) jobs_try(n, 200, 0);
}
static void barriers_hold_everybody(void **state) {
  (void)state;
  for (isize n = 1; n <= 4; n++) jobs_try(n, 50, 20);
}
static void more_threads_than_cores_end(void **state) {
  (void)state;
  jobs_try(12, 10, 10);
}
static void starting_and_stopping_without_work(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) jobs_try(3, 0, 0);
}

static void sleeping_members_wake(void **state) {
  (void)state;
  alignas(64) static u8 block[4096];
  arena a = arena_of(block, sizeof block);
  pool *p;
  assert_int_equal(pool_start(&a, 3, &p), NF_OK);
  for (int i = 0; i < 5; i++) {
    _Atomic u32 never = 0;
    os_wait(&never, 0, 20'000'000); /* 20 ms: far longer than members spin */
    job j = {.p = p, .rounds = 3};
    pool_run(p, job_body, &j);
    assert_int_equal(j.wrong, 0);
    assert_int_equal(j.count, 9);
  }
  pool_stop(p);
}

static void too_small_an_arena_is_an_answer(void **state) {
  (void)state;
  u8 block[64];
  arena a = arena_of(block, sizeof block);
  pool *p = nullptr;
  assert_int_equal(pool_start(&a, 4, &p), NF_NO_MEMORY);
  assert_null(p);
  assert_ptr_equal(a.at, block);
}

static void shares_cover_everything_once(void **state) {
  (void)state;
  for (isize n = 0; n < 40; n++) {
    for (isize parts = 1; parts < 9; parts++) {
      isize at = 0;
      for (isize i = 0; i < parts; i++) {
        isize from, to;
        pool_share(n, i, parts, &from, &to);
        assert_int_equal(from, at);
        assert_true(to >= from && to - from <= (n + parts - 1) / parts);
        at = to;
      }
      assert_int_equal(at, n);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_part_runs_once),
      cmocka_unit_test(barriers_hold_everybody),
      cmocka_unit_test(more_threads_than_cores_end),
      cmocka_unit_test(starting_and_stopping_without_work),
      cmocka_unit_test(sleeping_members_wake),
      cmocka_unit_test(too_small_an_arena_is_an_answer),
      cmocka_unit_test(shares_cover_everything_once),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
