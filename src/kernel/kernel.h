/* Arithmetic on raw pointers: one table of functions per instruction set, all giving the same
 * results for the integer parts and, per table, results that do not depend on how many rows
 * are in the call (batch invariance: fixed reduction order per row).
 *
 * Owns nothing: no allocation, no threads (pool.h), no model knowledge.
 * kernel_ref.c is the slow definition (f32 activations, quant_decode_row weights); every other
 * table is one body, kernel_body.inc, compiled over simd.h with other flags.
 * A work is split by the caller with [from, to) ranges of row tiles or heads. */
#pragma once
#include "base/base.h"
#include "gguf/gguf.h"

constexpr isize K_TILE_ROWS = 16; /* weight rows per tile of a packed matrix */

/* A weight matrix [rows][cols], repacked in place from GGUF blocks into tile order by
 * k_weight_pack (same number of bytes). Types without a packed form keep the file's rows. */
typedef struct {
  gguf_type type;
  isize rows, cols;
  const u8 *at;
  bool packed;
  isize live; /* over 0: nobody reads what rows from here on give, and products may leave it out */
} k_weight;

/* m rows of d activations, as products read them: integers in [-127, 127] per 32-block with
 * scale and sum, beside the f32 rows for weights that are not packed. Made by k_rows_bytes +
 * k_rows_place. Rows lie in groups of K_ROW_GROUP, a group's block together:
 * row i, block b is entry ((i / 8) * d/32 + b) * 8 + i % 8.
 * Where one block holds K_FINE_SHARE of a row's squared scales (a channel far above the others),
 * what rounding left of it is one more entry of the row, behind those of all rows: docs/adr/0012.
 */
constexpr isize K_ROW_GROUP = 8;
constexpr f32 K_FINE_SHARE = 0.7f;
typedef struct {
  isize d, m_max;
  isize first; /* products take row first + i for row i: a copy of the struct is a view */
  const f32 *x; /* [m][d], borrowed: the rows last quantized; must live until the products end */
  u8 *q; /* 32 values per entry, in the table's own order and width */
  f32 *scale; /* per entry: value = scale * integer */
  f32 *sum; /* per entry: scale * isum */
  i32 *isum; /* per entry: sum of the block's integers */
  u8 *fine; /* per row: 1 + the block that has one more entry; 0: none has */
} k_rows;

/* Attention of m rows at successive positions, for the query heads that share one kv head.
 * The key of position p lies in row p < n_shared ? p : p + gap of k and v: two ranges of one cache.
 * Where they lie changes no bit of the result; with gap 0 n_shared says nothing. */
typedef struct {
  f32 *out; /* row i, head h: d floats at out + i * out_stride + h * d */
  const f32 *q; /* the same with q_stride; head 0 is the group's first */
  isize out_stride, q_stride; /* floats */
  const f32 *k, *v; /* this kv head's rows [.][d], kv_stride floats apart */
  isize kv_stride;
  isize n_shared, gap; /* rows; gap may be negative as long as no row is */
  isize d; /* head size, a multiple of 8 */
  isize n_heads; /* query heads that share k and v */
  isize m; /* rows */
  isize n; /* keys row 0 sees (its own included); row i sees n + i */
  f32 scale;
  f32 *scratch; /* k_attention_floats(d, n + m - 1) floats */
} k_attention;

/* A low-rank correction: y[i][0..n) += sum over j < rank of h[i][j] b[j][0..n), j first to last.
 * A row's result does not depend on m. source Hu et al. 2021, arXiv:2106.09685 */
typedef struct {
  f32 *y; /* row i at y + i * y_stride */
  isize y_stride;
  const f32 *h; /* [m][rank], h_stride floats apart */
  isize h_stride;
  const u8 *b; /* [rank][n] f16, b_stride_bytes apart */
  isize b_stride_bytes;
  isize m, rank, n;
} k_lora;

typedef struct k_table {
  const char *name; /* "ref", "scalar", "avx2", "avx512vnni", "neon", "simd128", "relaxed",
                     "relaxed32" */

  /* Quantize rows [from, to) of x[m][d] into rows. d is a multiple of 32. */
  void (*rows_quantize)(k_rows *rows, const f32 *x, isize from, isize to);
  /* y[i][r] = dot(w[r], x[first + i]) for i in [0, m), r in tiles [tile_from, tile_to); row i of y
   * is at y + i * y_stride. */
  void (*matmul)(f32 *y, isize y_stride, const k_weight *w, const k_rows *x, isize m,
                 isize tile_from, isize tile_to);
  /* y[d] = x[d] / sqrt(mean(x^2) + eps) * w[d]; y may alias x.
   * source Zhang & Sennrich 2019, arXiv:1910.07467, eq. 4 */
  void (*rms_norm)(f32 *y, const f32 *x, const f32 *w, isize d, f32 eps);
  /* y[n] = gate[n] * sigmoid(gate[n]) * up[n]; y may alias either. source Shazeer 2020,
   * arXiv:2002.05202 (SwiGLU) */
  void (*swiglu)(f32 *y, const f32 *gate, const f32 *up, isize n);
  void (*add)(f32 *y, const f32 *x, isize n); /* y += x */
  void (*lora_add)(const k_lora *work);
  /* Rotate adjacent pairs (x[2i], x[2i+1]) of one head by cos_sin[2i], cos_sin[2i+1]
   * (llama.cpp's "norm" RoPE, the order GGUF llama files are permuted for).
   * source Su et al. 2021, arXiv:2104.09864. n even, <= head_dim */
  void (*rope)(f32 *x, const f32 *cos_sin, isize n);
  /* out[d] = softmax(q[d] . k[0..n)[d] * scale) . v[0..n)[d]; k, v are [n][d] rows with stride
   * kv_stride floats. scratch holds n floats. */
  void (*attention)(f32 *out, const f32 *q, const f32 *k, const f32 *v, isize d, isize n,
                    isize kv_stride, f32 scale, f32 *scratch);
  /* The same for a whole group, much faster: keys and values are read once for up to 16
   * queries. A row's result depends neither on m nor on n_heads; it is not bit-equal to
   * `attention`. MODEL: use this one; split the work over kv heads and over row ranges. */
  void (*attention_rows)(const k_attention *work);
  isize (*argmax)(const f32 *x, isize n); /* lowest index of the largest value; NaN never wins */
} k_table;

const k_table *k_table_best(void); /* fastest that this machine runs right */
const k_table *k_table_named(const char *name); /* null: not built in, or cannot run here */

/* Bring a matrix into the order every table reads, in place: w->at must point into writable
 * memory of quant_row_bytes(type, cols) * rows bytes. scratch: k_pack_scratch_bytes(w), 0 for
 * the types that stay as they are (all but Q4_0, Q4_1, Q8_0).
 * Packed: for each whole tile of 16 rows, for each 32-block: the rows' integers, four columns
 * of the 16 rows together (64 bytes; nibbles: columns 4g..4g+3 low, 16 more high; Q8_0 plus
 * 128), then 16 f16 scales, then (Q4_1) 16 f16 minima. rows % 16 last rows stay in file order. */
isize k_pack_scratch_bytes(const k_weight *w);
void k_weight_pack(k_weight *w, u8 *writable, u8 *scratch);
static inline isize k_tiles(const k_weight *w) { return (w->rows + K_TILE_ROWS - 1) / K_TILE_ROWS; }
/* Scratch of attention_rows when the last row sees n_keys. */
static inline isize k_attention_floats(isize d, isize n_keys) { return 16 * (n_keys + 2 * d); }
/* dst[cols] = row r of w, decoded, packed or not (embedding look-up). */
void k_weight_row(const k_weight *w, isize r, f32 *dst);

isize k_rows_bytes(isize m_max, isize d);
k_rows k_rows_place(void *block, isize m_max, isize d);
