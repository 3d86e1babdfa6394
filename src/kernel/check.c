/* A table tried at start: are its products right on this machine, and how fast is it?
 * Used where the instruction set alone does not say (WebAssembly). Owns nothing; works on the
 * stack: 16 rows by 64 columns. */
#include "gguf/quant.h"
#include "kernel/internal.h"
#include "os/os.h"

constexpr isize COLS = 64, M = 8, MATRIX_MAX = (isize)16 * 2 * 34;

typedef struct {
  alignas(64) u8 matrix[MATRIX_MAX];
  u8 scratch[MATRIX_MAX];
  u8 rows[16 * 1024];
  f32 x[M * COLS], y[M * K_TILE_ROWS];
  k_weight w;
} trial;

/* Bytes and activations from a small generator; rows 0 to 3 extreme: all bits set, largest
 * activations of one sign and of both, where 16-bit sums would overflow if they could. */
static void trial_fill(trial *t, gguf_type type) {
  u32 seed = 12345;
  isize row_bytes = quant_row_bytes(type, COLS), block_bytes = row_bytes / (COLS / 32);
  for (isize i = 0; i < 16 * row_bytes; i++) {
    seed = seed * 1664525 + 1013904223;
    t->matrix[i] = i < 4 * row_bytes ? 0xFF : (u8)(seed >> 24);
  }
  for (isize i = 0; i < 16 * (COLS / 32); i++) { /* scale words: 0.5 and 1.5 */
    u8 *block = t->matrix + i * block_bytes;
    block[0] = 0, block[1] = 0x38;
    if (type == GGUF_Q4_1) block[2] = 0, block[3] = 0x3E;
  }
  for (isize i = 0; i < M * COLS; i++) {
    seed = seed * 1664525 + 1013904223;
    f32 any = (f32)(i32)(seed >> 8) / 8388608 - 1;
    t->x[i] = i < COLS ? 1.f : i < 2 * COLS ? -1.f : i < 3 * COLS ? (i % 2 ? 1.f : -1.f) : any;
  }
  t->w = (k_weight){.type = type, .rows = 16, .cols = COLS, .at = t->matrix};
  k_weight_pack(&t->w, t->matrix, t->scratch);
}

static void trial_run(trial *t, const k_table *table) {
  ASSERT(k_rows_bytes(M, COLS) <= (isize)sizeof t->rows);
  k_rows rows = k_rows_place(t->rows, M, COLS);
  table->rows_quantize(&rows, t->x, 0, M);
  table->matmul(t->y, K_TILE_ROWS, &t->w, &rows, M, 0, 1);
}

bool k_table_right(const k_table *table, const k_table *trusted) {
  static const gguf_type types[] = {GGUF_Q4_0, GGUF_Q4_1, GGUF_Q8_0};
  for (isize i = 0; i < 3; i++) {
    trial t = {};
    f32 right[M * K_TILE_ROWS];
    trial_fill(&t, types[i]);
    trial_run(&t, trusted);
    bytes_copy(right, t.y, sizeof right);
    trial_run(&t, table);
    for (isize j = 0; j < M * K_TILE_ROWS; j++) { /* terms are up to 64 * 128 * 0.5 large */
      f32 difference = t.y[j] - right[j];
      if (!(difference < 0.01f && difference > -0.01f)) return false;
    }
  }
  return true;
}

bool k_table_faster(const k_table *table, const k_table *than) {
  trial t = {};
  trial_fill(&t, GGUF_Q4_1);
  i64 best = INT64_MAX, best_than = INT64_MAX;
  for (isize round = 0; round < 8; round++) { /* the first rounds warm an engine's compiler up */
    i64 start = os_clock_ns();
    for (isize i = 0; i < 400; i++) trial_run(&t, than);
    i64 middle = os_clock_ns();
    for (isize i = 0; i < 400; i++) trial_run(&t, table);
    i64 end = os_clock_ns();
    best_than = middle - start < best_than ? middle - start : best_than;
    best = end - middle < best ? end - middle : best;
  }
  return 10 * best <= 9 * best_than;
}
