/* The kernel cases and measurements as a wasm module: what run_kernel.mjs calls.
 * Strings go out as addresses of NUL-terminated bytes. Owns the last measurement. */
#include "../kernel/kernel_cases.h"
#include "gguf/gguf.h"
#include "kernel/pool.h"
#include "kernel_bench.h"
#include "os/os.h"

#define EXPORT(name) __attribute__((export_name(#name)))
EXPORT(case_name) const char *case_name(i32 i);
EXPORT(case_run) const char *case_run(const char *table, i32 i);
EXPORT(table_best) const char *table_best(void);
EXPORT(table_has) i32 table_has(const char *table);
EXPORT(text_buffer) char *text_buffer(void);
EXPORT(measure_product)
f64 measure_product(const char *table, u32 type, i32 rows, i32 cols, i32 m, i32 want_gmacs);
EXPORT(measure_around) f64 *measure_around(const char *table, i32 m, i32 n_keys);
EXPORT(pool_try) i32 pool_try(i32 n_threads);
EXPORT(memory_try) i32 memory_try(void);
EXPORT(pause_ns) f64 pause_ns(void);

static char text[64];
char *text_buffer(void) { return text; }
const char *case_name(i32 i) { return kernel_cases[i].name; }
const char *case_run(const char *table, i32 i) { return kernel_cases[i].run(k_table_named(table)); }
const char *table_best(void) { return k_table_best()->name; }
i32 table_has(const char *table) { return k_table_named(table) != nullptr; }

f64 measure_product(const char *table, u32 type, i32 rows, i32 cols, i32 m, i32 want_gmacs) {
  bench_result r;
  if (!bench_product(k_table_named(table), (gguf_type)type, rows, cols, m, &r)) return -1;
  return (want_gmacs ? r.macs : r.bytes) / r.ns;
}

f64 *measure_around(const char *table, i32 m, i32 n_keys) {
  static f64 ns[5];
  bench_times b;
  bench_around(k_table_named(table), m, n_keys, &b);
  ns[0] = b.rms_norm, ns[1] = b.rows_quantize, ns[2] = b.rope, ns[3] = b.attention,
  ns[4] = b.swiglu;
  return ns;
}

/* Threads add up and meet at barriers; the number of threads, or -1 when one ran ahead. */
typedef struct {
  pool *p;
  _Atomic u32 count, wrong;
} meeting;
static void meet(void *context, isize i_part, isize n_parts) {
  meeting *m = context;
  (void)i_part;
  for (u32 round = 1; round <= 20; round++) {
    atomic_fetch_add(&m->count, 1);
    pool_barrier(m->p);
    if (atomic_load(&m->count) != round * (u32)n_parts) atomic_store(&m->wrong, 1);
    pool_barrier(m->p);
  }
}
i32 pool_try(i32 n_threads) {
  static u8 block[8192];
  arena a = arena_of(block, sizeof block);
  pool *p;
  if (pool_start(&a, n_threads, &p) != NF_OK) return -2;
  i32 n = (i32)pool_threads(p);
  for (i32 i = 0; i < 300; i++) {
    meeting m = {.p = p};
    pool_run(p, meet, &m);
    if (m.wrong || m.count != (u32)(20 * n)) return -1;
  }
  pool_stop(p);
  return n;
}

f64 pause_ns(void) {
  constexpr i32 N = 10000;
  i64 from = os_clock_ns();
  for (i32 i = 0; i < N; i++) os_spin_pause();
  return (f64)(os_clock_ns() - from) / N;
}

/* Blocks are zeroed, aligned, apart, and come back after release. 0: right. */
i32 memory_try(void) {
  u8 *at[20] = {};
  isize sizes[20];
  for (i32 round = 0; round < 50; round++) {
    for (i32 i = 0; i < 20; i++) {
      if (at[i] != nullptr) {
        for (isize j = 0; j < sizes[i]; j += 97) {
          if (at[i][j] != (u8)i + 1) return 1; /* another block wrote here */
        }
        os_memory_release(at[i], sizes[i]);
        at[i] = nullptr;
      }
      if ((i * 7 + round) % 3 == 0) continue;
      sizes[i] = 1 + (i * 7919 + round * 104729) % 300000;
      at[i] = os_memory_get(sizes[i]);
      if (at[i] == nullptr) return 2;
      if ((uintptr_t)at[i] % 64 != 0) return 3;
      for (isize j = 0; j < sizes[i]; j++) {
        if (at[i][j] != 0) return 4;
      }
      __builtin_memset(at[i], i + 1, (size_t)sizes[i]);
    }
  }
  for (i32 i = 0; i < 20; i++) os_memory_release(at[i], at[i] ? sizes[i] : 0);
  u8 *big = os_memory_get(4'000'000); /* what was taken in pieces is whole again */
  isize pages = (isize)__builtin_wasm_memory_size(0);
  os_memory_release(big, 4'000'000);
  for (i32 i = 0; i < 100; i++) os_memory_release(os_memory_get(4'000'000), 4'000'000);
  if ((isize)__builtin_wasm_memory_size(0) != pages) return 5;
  return os_memory_get(ISIZE_MAX) == nullptr ? 0 : 6;
}
