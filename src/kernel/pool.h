/* A persistent pool of threads that run one function together, with barriers inside it.
 * Spins shortly, then sleeps (os_wait). The calling thread is part 0.
 * Owns its threads; the memory it lies in is the caller's. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

typedef struct pool pool;
typedef void pool_body(void *context, isize i_part, isize n_parts);

/* n_threads >= 1, the caller included. errors NF_NO_MEMORY; a thread that cannot be started
 * makes the pool smaller, not an error. */
[[nodiscard]] nf_status pool_start(arena *a, isize n_threads, pool **out);
void pool_stop(pool *p);
isize pool_threads(const pool *p);
/* Run body on every thread; returns when all have returned. One caller at a time. */
void pool_run(pool *p, pool_body *body, void *context);
/* Inside a body: wait until all parts got here. */
void pool_barrier(pool *p);
/* The part of n items that part i of n_parts takes: [*from, *to). */
static inline void pool_share(isize n, isize i_part, isize n_parts, isize *from, isize *to) {
  *from = n * i_part / n_parts;
  *to = n * (i_part + 1) / n_parts;
}
