/* What this machine streams and multiplies, as the edit benchmark's roofline needs it:
 *   roofline_bench [THREADS]   prints one JSON object:
 *   read_gb_s      summing 96 MiB a thread that no cache holds, all threads together
 *   f32_gmac_s     independent fused multiply-adds on vectors, all threads
 *   int8_gmac_s    the int8 dot instruction the engine uses (x86 VNNI); 0: the CPU has none
 *   wasm_gmac_s    what V8 makes of relaxed SIMD's dot on x86 without VEX VNNI, on registers alone:
 *                  16 bytes multiplied, pairs added, added to a sum; 0: no x86
 * Best of five runs each: other processes only make a figure smaller.
 * Owns the loops only; what a pass of the model needs is bench/edit/roofline.mjs's. */
#define _GNU_SOURCE /* NOLINT: pthread barriers */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/base.h"
#include "os/os.h"

constexpr isize stream_bytes = (isize)96 << 20, rounds = 5, threads_max = 64;
constexpr isize mac_loops = 20'000'000;

typedef f32 f32x16 __attribute__((vector_size(64)));
typedef u64 u64x8 __attribute__((vector_size(64)));

typedef struct {
  u8 *bytes;
  f64 seen; /* keeps the compiler from dropping the work */
} lane;

static void stream_run(lane *l) {
  u64x8 sum[4] = {};
  for (isize i = 0; i < stream_bytes; i += 256) {
    for (isize k = 0; k < 4; k++) sum[k] += *(const u64x8 *)(l->bytes + i + k * 64);
  }
  for (isize k = 0; k < 4; k++) l->seen += (f64)sum[k][0];
}

/* 12 sums of 16: more than two units need to hide a latency of four cycles. Inlined twice, once
 * for the widest vectors of this CPU. */
static inline __attribute__((always_inline)) void f32_body(lane *l) {
  f32x16 sum[12], x, y;
  for (isize i = 0; i < 16; i++) x[i] = 1.0f + (f32)l->bytes[i] * 1e-9f, y[i] = 1e-9f;
  for (isize k = 0; k < 12; k++) sum[k] = x;
  for (isize i = 0; i < mac_loops / 12; i++) {
#pragma clang loop unroll(full)
    for (isize k = 0; k < 12; k++) sum[k] = __builtin_elementwise_fma(sum[k], x, y);
  }
  for (isize k = 0; k < 12; k++) l->seen += (f64)sum[k][0];
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void f32_wide(lane *l) { f32_body(l); }
__attribute__((target("avx2,fma"))) static void f32_narrow(lane *l) { f32_body(l); }
static void f32_run(lane *l) {
  if (__builtin_cpu_supports("avx512f"))
    f32_wide(l);
  else
    f32_narrow(l);
}
__attribute__((target("avx512f,avx512vnni"))) static void int8_run(lane *l) {
  __m512i sum[12], x = _mm512_loadu_si512(l->bytes), y = _mm512_loadu_si512(l->bytes + 64);
  for (isize k = 0; k < 12; k++) sum[k] = _mm512_set1_epi32((i32)k);
  for (isize i = 0; i < mac_loops / 12; i++) {
#pragma clang loop unroll(full)
    for (isize k = 0; k < 12; k++) sum[k] = _mm512_dpbusd_epi32(sum[k], x, y);
    __asm__ volatile("" : "+v"(x)); /* the same operands, but the compiler must not know */
  }
  for (isize k = 0; k < 12; k++) l->seen += _mm512_reduce_add_epi32(sum[k]);
}
__attribute__((target("avx2"))) static void wasm_run(lane *l) {
  __m128i sum[8], x = _mm_loadu_si128((const __m128i *)l->bytes), y = x;
  for (isize k = 0; k < 8; k++) sum[k] = _mm_set1_epi16((i16)k);
  for (isize i = 0; i < mac_loops / 8; i++) {
#pragma clang loop unroll(full)
    for (isize k = 0; k < 8; k++) {
      __asm__ volatile("" : "+x"(x)); /* the same operand, but not the same product */
      sum[k] = _mm_add_epi16(sum[k], _mm_maddubs_epi16(x, y));
    }
  }
  for (isize k = 0; k < 8; k++) l->seen += _mm_extract_epi16(sum[k], 0);
}
static bool int8_present(void) { return __builtin_cpu_supports("avx512vnni"); }
static bool wasm_present(void) { return __builtin_cpu_supports("avx2"); }
#else
static void f32_run(lane *l) { f32_body(l); }
static void int8_run(lane *l) { (void)l; }
static void wasm_run(lane *l) { (void)l; }
static bool int8_present(void) { return false; }
static bool wasm_present(void) { return false; }
#endif

typedef struct {
  void (*run)(lane *);
  lane lane;
  pthread_barrier_t *gate;
  i64 start_ns, end_ns; /* taken in the thread: the main one may be woken late */
} job;

static void *job_run(void *at) {
  job *j = at;
  pthread_barrier_wait(j->gate);
  j->start_ns = os_clock_ns();
  j->run(&j->lane);
  j->end_ns = os_clock_ns();
  return nullptr;
}

/* Seconds of the fastest of `rounds` runs on n threads. */
static f64 best_seconds(void (*run)(lane *), lane *lanes, isize n) {
  static job jobs[threads_max];
  f64 best = 1e9;
  for (isize r = 0; r < rounds; r++) {
    pthread_barrier_t gate;
    pthread_t ids[threads_max];
    if (pthread_barrier_init(&gate, nullptr, (unsigned)n) != 0) exit(3);
    for (isize i = 0; i < n; i++) {
      jobs[i] = (job){.run = run, .lane = lanes[i], .gate = &gate};
      if (pthread_create(&ids[i], nullptr, job_run, &jobs[i]) != 0) exit(3);
    }
    i64 start = INT64_MAX, end = 0;
    for (isize i = 0; i < n; i++) {
      pthread_join(ids[i], nullptr);
      lanes[i].seen += jobs[i].lane.seen;
      if (jobs[i].start_ns < start) start = jobs[i].start_ns;
      if (jobs[i].end_ns > end) end = jobs[i].end_ns;
    }
    f64 took = (f64)(end - start) * 1e-9;
    pthread_barrier_destroy(&gate);
    if (took < best) best = took;
  }
  return best;
}

int main(int argc, char **argv) {
  isize n = argc > 1 ? atoi(argv[1]) : 1;
  if (n < 1 || n > threads_max) return 2;
  static lane lanes[threads_max];
  for (isize i = 0; i < n; i++) {
    lanes[i].bytes = aligned_alloc(64, (size_t)stream_bytes);
    if (lanes[i].bytes == nullptr) return 3;
    memset(lanes[i].bytes, (int)i + 1, (size_t)stream_bytes);
  }
  f64 stream = best_seconds(stream_run, lanes, n);
  f64 f32s = best_seconds(f32_run, lanes, n);
  f64 int8s = int8_present() ? best_seconds(int8_run, lanes, n) : 0;
  f64 wasm = wasm_present() ? best_seconds(wasm_run, lanes, n) : 1;
  f64 macs = (f64)(mac_loops / 12 * 12) * (f64)n * 1e-9;
  f64 dots = (f64)(mac_loops / 8 * 8) * (f64)n * 1e-9;
  printf(
      "{\"threads\": %td, \"read_gb_s\": %.2f, \"f32_gmac_s\": %.1f, \"int8_gmac_s\": %.1f, "
      "\"wasm_gmac_s\": %.1f}\n",
      n, (f64)stream_bytes * (f64)n / stream * 1e-9, macs * 16 / f32s,
      int8s > 0 ? macs * 64 / int8s : 0, wasm_present() ? dots * 16 / wasm : 0);
  f64 seen = 0;
  for (isize i = 0; i < n; i++) seen += lanes[i].seen;
  return seen == 0.125 ? 1 : 0; /* never; the sums must be used */
}
