/* See pool.h. Two gates (a counter threads wait to see change) carry everything: `job` opens
 * when there is work or the end, `phase` opens when the last part reaches a barrier. */
#include "kernel/pool.h"

#include "os/os.h"

constexpr isize CACHE_LINE = 64;
/* Looking before sleeping: some 250 us of pauses. A pass has hundreds of gaps between its steps,
 * mostly of a few microseconds, some of tens (the parts are never quite equal), and a sleep costs
 * more than the gap, most of all in a browser. Bounded: more threads than cores only lose time.
 * Measured: docs/performance.md, "Threads in a browser". */
constexpr i32 SPIN_MAX = 10000;

typedef struct {
  alignas(CACHE_LINE) _Atomic u32 word;
  _Atomic u32 n_sleepers;
} gate;

typedef struct {
  pool *p;
  isize i_part;
  os_thread thread;
} pool_member;

struct pool {
  gate job, phase;
  alignas(CACHE_LINE) _Atomic u32 n_arrived;
  alignas(CACHE_LINE) isize n_threads;
  pool_body *body; /* null when the job gate opens: the end */
  void *context;
  pool_member *members; /* [n_threads - 1]: parts 1, 2, ... */
};

static void gate_open(gate *g) {
  /* Both sides are sequentially consistent: either the sleeper sees the new word, or we see
   * the sleeper. */
  atomic_fetch_add(&g->word, 1);
  if (atomic_load(&g->n_sleepers) > 0) os_wake(&g->word, ISIZE_MAX);
}

static void gate_wait(gate *g, u32 seen) {
  for (i32 i = 0; i < SPIN_MAX; i++) {
    if (atomic_load_explicit(&g->word, memory_order_acquire) != seen) return;
    os_spin_pause();
  }
  atomic_fetch_add(&g->n_sleepers, 1);
  while (atomic_load(&g->word) == seen) os_wait(&g->word, seen, -1);
  atomic_fetch_sub(&g->n_sleepers, 1);
}

void pool_barrier(pool *p) {
  if (p->n_threads == 1) return;
  /* read before arriving: afterwards the last part may open the gate at any moment */
  u32 seen = atomic_load_explicit(&p->phase.word, memory_order_acquire);
  if (atomic_fetch_add(&p->n_arrived, 1) + 1 < (u32)p->n_threads) {
    gate_wait(&p->phase, seen);
    return;
  }
  atomic_store_explicit(&p->n_arrived, 0, memory_order_relaxed);
  gate_open(&p->phase);
}

static void member_main(void *arg) {
  pool_member *self = arg;
  pool *p = self->p;
  for (u32 seen = 0;; seen++) { /* jobs come one by one: the gate cannot be two ahead */
    gate_wait(&p->job, seen);
    if (p->body == nullptr) return;
    p->body(p->context, self->i_part, p->n_threads);
    pool_barrier(p);
  }
}

nf_status pool_start(arena *a, isize n_threads, pool **out) {
  ASSERT(n_threads >= 1);
  arena before = *a;
  pool *p = arena_new(a, 1, pool);
  pool_member *members = arena_new(a, n_threads - 1, pool_member);
  if (p == nullptr || members == nullptr) {
    *a = before;
    return NF_NO_MEMORY;
  }
  p->members = members;
  isize n = 1;
  for (; n < n_threads; n++) {
    members[n - 1] = (pool_member){.p = p, .i_part = n};
    if (os_thread_start(&members[n - 1].thread, member_main, &members[n - 1]) != NF_OK) break;
  }
  p->n_threads = n; /* members read it only after the first job gate */
  *out = p;
  return NF_OK;
}

void pool_stop(pool *p) {
  p->body = nullptr;
  gate_open(&p->job);
  for (isize i = 1; i < p->n_threads; i++) os_thread_join(p->members[i - 1].thread);
}

isize pool_threads(const pool *p) { return p->n_threads; }

void pool_run(pool *p, pool_body *body, void *context) {
  if (p->n_threads == 1) {
    body(context, 0, 1);
    return;
  }
  p->body = body;
  p->context = context;
  gate_open(&p->job);
  body(context, 0, p->n_threads);
  pool_barrier(p);
}
