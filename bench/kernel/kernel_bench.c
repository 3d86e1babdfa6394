/* Times of single kernels, one thread: the measuring half, without libc, so that the same code
 * runs natively (main.c) and in WebAssembly (tests/wasm/wasm_kernel.c + run_kernel.mjs).
 * Owns the matrix it measures with. Read next: main.c. */
#include "kernel_bench.h"

#include "gguf/quant.h"
#include "os/os.h"

static u32 seed = 1;
static u32 any(void) { return seed = seed * 1664525 + 1013904223; }

static void fill(u8 *at, gguf_type type, isize bytes) {
  isize block = quant_layout_of(type).block_bytes;
  for (isize i = 0; i + 4 <= bytes; i += 4) {
    u32 r = any() >> 8;
    bytes_copy(at + i, &r, 4);
  }
  for (isize i = 0; i < bytes; i += block) {
    at[i + 1] = 0x2C; /* a scale near 1/16 */
    if (type == GGUF_Q4_1) at[i + 3] = 0x2C;
  }
}

bool bench_product(const k_table *table, gguf_type type, isize n_rows, isize cols, isize m,
                   bench_result *out) {
  isize bytes = quant_row_bytes(type, cols) * n_rows, scratch_bytes = 1 << 20;
  isize rows_bytes = k_rows_bytes(m, cols), y_bytes = m * n_rows * 4, x_bytes = m * cols * 4;
  u8 *matrix = os_memory_get(bytes), *scratch = os_memory_get(scratch_bytes);
  u8 *block = os_memory_get(rows_bytes);
  f32 *x = os_memory_get(x_bytes), *y = os_memory_get(y_bytes);
  if (!matrix || !scratch || !block || !x || !y) return false;
  fill(matrix, type, bytes);
  k_weight w = {.type = type, .rows = n_rows, .cols = cols, .at = matrix};
  k_weight_pack(&w, matrix, scratch);
  for (isize i = 0; i < m * cols; i++) x[i] = (f32)(i32)any() * 0x1p-31f;
  k_rows rows = k_rows_place(block, m, cols);
  table->rows_quantize(&rows, x, 0, m);
  i64 best = INT64_MAX;
  i64 end = os_clock_ns() + 150'000'000;
  for (isize round = 0; round < 3 || os_clock_ns() < end; round++) {
    isize n = isize_max(1, 20'000'000 / (n_rows * cols * m));
    i64 from = os_clock_ns();
    for (isize i = 0; i < n; i++) table->matmul(y, n_rows, &w, &rows, m, 0, k_tiles(&w));
    i64 took = (os_clock_ns() - from) / n;
    best = took < best ? took : best;
  }
  *out = (bench_result){
      .ns = (f64)best, .bytes = (f64)bytes, .macs = (f64)n_rows * (f64)cols * (f64)m};
  os_memory_release(matrix, bytes);
  os_memory_release(scratch, scratch_bytes);
  os_memory_release(block, rows_bytes);
  os_memory_release(x, x_bytes);
  os_memory_release(y, y_bytes);
  return true;
}

/* What surrounds the products in one layer of SmolLM2-135M, for m rows of which the last sees
 * n_keys: nanoseconds each. */
void bench_around(const k_table *table, isize m, isize n_keys, bench_times *out) {
  enum { D = 576, FF = 1536, HEAD = 64, N_KV = 3, N_HEADS = 9, M_MAX = 64, KEYS_MAX = 512 };
  static f32 x[M_MAX * FF], y[M_MAX * FF], w[FF], kv[2 * KEYS_MAX * HEAD];
  static f32 scratch[16 * (KEYS_MAX + 2 * HEAD)];
  static u8 block[M_MAX * FF * 4];
  for (isize i = 0; i < m * FF; i++) x[i] = (f32)(i32)any() * 0x1p-29f;
  for (isize i = 0; i < FF; i++) w[i] = (f32)(i32)any() * 0x1p-31f;
  for (isize i = 0; i < 2 * n_keys * HEAD; i++) kv[i] = (f32)(i32)any() * 0x1p-31f;
  k_rows rows = k_rows_place(block, m, FF);
  k_attention a = {.out = y,
                   .q = x,
                   .out_stride = D,
                   .q_stride = D,
                   .k = kv,
                   .v = kv + n_keys * HEAD,
                   .kv_stride = HEAD,
                   .d = HEAD,
                   .n_heads = N_HEADS / N_KV,
                   .m = m,
                   .n = n_keys - m + 1,
                   .scale = 0.125f,
                   .scratch = scratch};
  i64 best[5] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
  for (isize round = 0; round < 60; round++) {
    i64 at[6] = {os_clock_ns()};
    for (isize i = 0; i < m; i++) table->rms_norm(y + i * D, x + i * D, w, D, 1e-5f);
    at[1] = os_clock_ns();
    table->rows_quantize(&rows, x, 0, m);
    at[2] = os_clock_ns();
    for (isize i = 0; i < m * N_HEADS; i++) table->rope(y + i * HEAD, w, HEAD);
    at[3] = os_clock_ns();
    for (isize h = 0; h < N_KV; h++) table->attention_rows(&a);
    at[4] = os_clock_ns();
    for (isize i = 0; i < m; i++) table->swiglu(y + i * FF, x + i * FF, w, FF);
    at[5] = os_clock_ns();
    for (isize i = 0; i < 5; i++)
      best[i] = at[i + 1] - at[i] < best[i] ? at[i + 1] - at[i] : best[i];
  }
  *out = (bench_times){(f64)best[0], (f64)best[1], (f64)best[2], (f64)best[3], (f64)best[4]};
}
