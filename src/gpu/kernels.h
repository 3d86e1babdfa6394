/* The arithmetic of a model on the GPU: WGSL pipelines for one model's shape, the formats its
 * weights have there, and how each kernel is bound (once) and dispatched (in the loop).
 *
 * Owns: pipelines, weight buffers made by gpu_weight_make, a few small buffers of its own. Does
 *       NOT own activations, caches, the recipe of a pass (model/forward_gpu.c) or files.
 * Every result is a matter of the row alone: the same bits for every number of rows in the
 * dispatch, every variant of a kernel, and wherever in the cache keys lie. The order of every
 * sum is written down in wgsl/README.md; kernel_ref.c is the definition up to rounding.
 * Read next: wgsl/README.md, kernels.c (choice of variants), kernels_check.c (known answers). */
#pragma once
#include "base/arena.h"
#include "gguf/gguf.h"
#include "gpu/gpu.h"

/* ---- weights ---- */

/* How a matrix lies on the GPU: integers (q) and scales (s) apart, rows of 32-blocks.
 * value = scale * integer + minimum. Bytes are of one block of 32 columns: q, s. */
typedef enum : u8 {
  GPU_N4H, /* 16, 4: nibbles as in Q4_0; f16 scale, f16 minimum */
  GPU_N4F, /* 16, 8: the same nibbles; f32 scale, f32 minimum */
  GPU_B8,  /* 32, 4: signed bytes; f32 scale */
  GPU_B8F, /* 32, 16: signed bytes; f32 scale, f32 minimum of each 16 columns */
  GPU_F16, /* 64, 0 */
  GPU_F32, /* 128, 0 */
  GPU_FORMATS,
} gpu_format;
/* The smallest format that holds the type's values exactly: Q4_0, Q4_1 N4H; Q4_K N4F; Q8_0 B8;
 * Q5_0, Q5_1, Q5_K, Q6_K B8F; F16; F32, BF16 F32. Any type can also be repacked into F32, any
 * quantized one but Q8_0's own into every format after it in that list up to B8F. */
gpu_format gpu_format_of(gguf_type type);
/* For matrices of different types in one buffer (q, k, v; gate, up): the smallest that holds
 * both exactly. gpu_format_join(a, a) is a. */
gpu_format gpu_format_join(gpu_format a, gpu_format b);

constexpr isize GPU_SLICES_MAX = 16;
/* A matrix [rows][cols] in one buffer, or in several when a binding cannot hold it: each has
 * rows_slice rows (a multiple of 4), the last the rest. A slice's buffer: q of its rows, then
 * from the next multiple of GPU_ALIGN on s of its rows. */
typedef struct {
  gpu_format format;
  isize rows, cols; /* cols a multiple of 32 */
  isize rows_slice, n_slices;
  i32 buffers[GPU_SLICES_MAX];
} gpu_weight;
/* Makes the buffers (zeroed). errors NF_UNSUPPORTED: it does not fit this device's bindings */
[[nodiscard]] nf_status gpu_weight_make(gpu_format format, isize rows, isize cols, gpu_weight *w,
                                        nf_error *error);
void gpu_weight_free(gpu_weight *w);
i64 gpu_weight_bytes(const gpu_weight *w); /* device memory it takes */

/* ---- the kernels of one model ---- */

/* What a matrix product reads and writes: it decides the pipelines, with the weight's format.
 * d_attn = n_heads d_head. NORM: x is normed first (RMS, times a weight per column). */
typedef enum : u8 {
  GPU_NORM_STORE, /* y = W norm(x), cols d_model: qkv */
  GPU_NORM_SWIGLU, /* y = silu(gate) * up, cols d_model: rows of W are gate 0, up 0, gate 1, ... */
  GPU_ADD_ATTN, /* y = add + W x, cols d_attn: o */
  GPU_ADD_FF, /* y = add + W x, cols d_ff: down */
  GPU_NORM_HEAD, /* as GPU_NORM_STORE, for very many rows of W: the head */
  GPU_NORM_STORE_LORA, /* the first four with a low-rank addition, in their order */
  GPU_NORM_SWIGLU_LORA,
  GPU_ADD_ATTN_LORA,
  GPU_ADD_FF_LORA,
  GPU_OPS,
} gpu_op;
/* One of the first four with an addition. */
static inline gpu_op gpu_op_lora(gpu_op op) { return (gpu_op)(GPU_NORM_STORE_LORA + op); }

/* Workgroup shapes of a product: rows of W a workgroup (even) and of those a thread (a divisor). */
typedef struct {
  i32 vec_rows, vec_each; /* one row of x */
  i32 vec4_rows, vec4_each; /* 2-4 rows; rows <= 64 */
  i32 chunk_rows, chunk_each; /* 5-64 rows; each 1, 2 or 4 */
  i32 chunk_m, chunk_tiles; /* rows of x a workgroup, 4 or 8; times chunk_rows that it does */
} gpu_shape;
typedef enum : i32 {
  GPU_ATTENTION_MEASURED = 0,
  GPU_ATTENTION_PLAIN,
  GPU_ATTENTION_QUAD
} gpu_choice;
/* How products are computed where the weights are integers: see wgsl/README.md. */
typedef enum : i32 { GPU_PRODUCTS_MEASURED = 0, GPU_PRODUCTS_F32, GPU_PRODUCTS_INT } gpu_products;
/* What may be tried out (bench); 0: the default. A product's bits do not depend on shapes; they do
 * on `products`, and the last bits of attention and of log p on the rest: one choice for an opened
 * model. */
typedef struct {
  gpu_shape shape[GPU_OPS], shape_int[GPU_OPS];
  gpu_products products;
  gpu_choice attention; /* GPU_ATTENTION_QUAD: where the device can, whatever was measured */
  i32 attention_threads, pick_threads; /* multiples of 16; attention: at least d_head / 4 */
} gpu_tune;
/* For benchmarks: what every gpu_kernels_open from now on uses where its desc says 0. asked:
 * "norm_head.chunk_m=8,*.vec_rows=16,attention=2"; ops as in pipelines' names, * all of them. The
 * fields named are set, the others stay. false: no such op or field, no number; nothing changed. */
bool gpu_tune_set(nf_bytes asked);

/* AUTO: FAST, but PLAIN on a software device, where it is faster and compiles ten times faster. */
typedef enum : u8 { GPU_VARIANTS_AUTO = 0, GPU_VARIANTS_PLAIN, GPU_VARIANTS_FAST } gpu_variants;

typedef struct {
  isize d_model, d_ff, n_heads, n_kv_heads, d_head, d_rope, n_vocab; /* d_rope 0: no attention,
                                                                        n_vocab 0: no pick */
  f32 rms_eps;
  /* Which pipelines to make: bit (1 << format) for each. */
  u8 matmul[GPU_OPS]; /* of those with an addition none: gpu_kernels_more */
  u8 embed; /* the embedding matrix's format */
  u8 repack[GGUF_BF16 + 1]; /* by gguf_type: the formats its matrices go to */
  gpu_variants variants;
  gpu_tune tune;
} gpu_kernels_desc;

typedef struct gpu_kernels gpu_kernels;
isize gpu_kernels_bytes(void); /* what gpu_kernels_open takes of the arena */
/* Asks for every pipeline; they compile in the background. The repack pipelines come first.
 * Between the calls of the functions below nothing of the caller's may be recorded and not yet
 * submitted while gpu_kernels_poll says NF_PENDING after the repacking is done: see there. */
[[nodiscard]] nf_status gpu_kernels_open(const gpu_kernels_desc *desc, arena *a, gpu_kernels **out);
/* Asks for the pipelines of one of the first four ops with an addition of that rank, unless they
 * are there; gpu_kernels_poll then says NF_PENDING until they are tried. It may be bound at once,
 * and run after NF_OK. */
void gpu_kernels_more(gpu_kernels *k, gpu_op op, gpu_format format, isize rank);
void gpu_kernels_close(gpu_kernels *k); /* frees pipelines and its own buffers; null is fine */

/* The repack pipelines alone: loading may begin. NF_PENDING, NF_OK, errors as below. */
[[nodiscard]] nf_status gpu_kernels_poll_repack(gpu_kernels *k, nf_error *error);
/* All pipelines: compiled, then each tried on known input against the CPU's arithmetic. A wrong
 * fast variant is replaced by the plain one (gpu_kernels_facts says which). It records and
 * submits work of its own: the caller must have submitted what it recorded. Call again while
 * NF_PENDING. errors NF_UNSUPPORTED a plain kernel does not compile or is wrong here, the line
 * names it; NF_LOST; NF_NO_MEMORY */
[[nodiscard]] nf_status gpu_kernels_poll(gpu_kernels *k, nf_error *error);

/* After NF_OK. */
typedef struct {
  i32 n_pipelines; /* in use */
  bool fast; /* GPU_VARIANTS_FAST: the two below were chosen; as gpu_tune_set's products, attention
              */
  bool attention_quad; /* attention by subgroups was the faster one here */
  bool products_int; /* products by 8-bit dots were */
  i32 n_replaced; /* fast variants that were wrong here, or did not compile */
  char replaced[96]; /* their names, "matmul_chunk:norm_store:n4h ...", cut at the end */
} gpu_kernels_facts;
void gpu_kernels_facts_get(const gpu_kernels *k, gpu_kernels_facts *facts);

/* ---- loading ---- */
constexpr isize GPU_REPACKS_MAX = 64;
/* Records: rows [row, row + n_rows) of the file's matrix, which lie one after the other in
 * `staging` (GPU_STORAGE, of at most binding_bytes_max) from byte `at` on (any), into the rows
 * row0 + step * r of w, r the row in the file. Of w's other rows nothing is touched.
 * At most GPU_REPACKS_MAX calls between two gpu_submit, of which gpu_kernels_repack_submitted
 * tells; staging must not be written again before that submit. */
typedef struct {
  gguf_type type;
  i32 staging;
  i64 at, staging_bytes; /* staging_bytes: the buffer's whole size */
  isize row, n_rows;
  const gpu_weight *w;
  isize row0, step; /* qkv: 0 / n_q / n_q + n_kv and 1; gate, up: 0 / 1 and 2; step 0 means 1 */
} gpu_repack;
void gpu_kernels_repack(gpu_kernels *k, const gpu_repack *repack);
/* The caller has called gpu_submit after its last gpu_kernels_repack. */
void gpu_kernels_repack_submitted(gpu_kernels *k);

/* ---- a pass: what the caller writes into a uniform buffer and a record buffer ---- */

constexpr isize GPU_ROWS_MAX = 64;
/* A dispatch's scalars: a slot of the caller's uniform buffer, GPU_PASS_STRIDE apart; its place
 * is the dynamic offset of every function below. A pass needs three when only some rows are
 * asked for: (1) all rows; (2) attention and o of the last layer, and the pick: m = out rows,
 * rows[] = where they are; (3) the rest of the last layer and the head: m = out rows, rows[]
 * counting up. When every row is asked for, one slot serves them all. */
typedef struct {
  u32 m; /* rows this dispatch computes: 1..GPU_ROWS_MAX */
  u32 row0; /* attention only: its first row of `out` (rows in several caches) */
  u32 record0; /* the pass's first row record */
  u32 kv_ctx; /* slots of the cache bound to the attention */
  u32 result0; /* pick: row i's result is results[result0 + i] */
  u32 spare[11];
  u32 rows[GPU_ROWS_MAX]; /* row i of the dispatch is this row of the pass: which record, which
                             row of qkv (attention) and of `add` (matmul) it reads */
} gpu_pass;
constexpr isize GPU_PASS_STRIDE = 512;
static_assert(sizeof(gpu_pass) == 320);

/* One row of a pass: which token it embeds, where it lies in its timeline, what is picked. */
typedef struct {
  i32 token; /* < 0: the token of results[chain], chosen before it in the same queue */
  u32 chain;
  u32 pos; /* of this row */
  u32 n_shared; /* as in model_kv: position p lies in slot p < n_shared ? p : p + gap */
  i32 gap;
  u32 span_row; /* the row of the pass where its span begins, and that row's position: keys at */
  u32 span_pos; /* positions >= span_pos are rows of the pass */
  i32 asked; /* token whose log p is wanted; < 0: none */
  u32 seed_low, seed_high; /* of pick_hash */
  f32 inv_temperature; /* 0: greedy, the largest logit */
  f32 min_p_log; /* temperature * ln(min_p), <= 0: tokens under largest + this are out */
} gpu_row;
static_assert(sizeof(gpu_row) == 48);

/* What a row comes to: 16 bytes. */
typedef struct {
  i32 token; /* chosen; the lowest of equals; 0 when all are NaN */
  f32 log_p_best; /* log softmax at `token`, nats */
  f32 log_p_asked; /* at the row's `asked`; 0 when none */
  f32 logit; /* of `token` */
} gpu_result;
static_assert(sizeof(gpu_result) == 16);

/* ---- kernels: bound once, dispatched in the loop ---- */

/* A low-rank addition to a product: y[n] += sum over j < rank of scale[p] b[n][j] h[p rank + j],
 * h = A x (A norm(x) where the product norms), p the pair of row n of W: for GPU_NORM_STORE
 * (n >= pair_from[0]) + (n >= pair_from[1]), n % 2 for swiglu, else 0. A rides along in the
 * product's own dispatch. */
typedef struct {
  isize rank; /* of every pair (shorter ones padded with zeros), at most GPU_RANK_MAX */
  const gpu_weight *a; /* gpu_lora_make's */
  gpu_binding b; /* [rows of W][rank, rounded up to GPU_RANK_STEP] f16, zeros at the end */
  f32 scale[3];
  isize pair_from[2]; /* 0: no such pair */
  i32 slices; /* a GPU_UNIFORM of the caller's, where gpu_matmul_bind keeps its numbers: from */
  i64 slices_at; /* this multiple of GPU_ALIGN on, GPU_ALIGN a slice of W */
} gpu_lora;
constexpr isize GPU_RANK_MAX = 64, GPU_RANK_STEP = 8;
/* An A of so many rows (zeros) beside a W of that format and those columns, which must not be so
 * many that it does not fit one binding. errors NF_UNSUPPORTED */
[[nodiscard]] nf_status gpu_lora_make(gpu_format format, isize rows, isize cols, gpu_weight *a,
                                      nf_error *error);
/* Its row r: n_blocks blocks of Q8_0 (2 + 32 bytes each). Exact; of F16 22 bits. */
void gpu_lora_write(const gpu_weight *a, isize r, const u8 *q8_0);

typedef struct {
  gpu_op op;
  const gpu_weight *w;
  i32 pass; /* the uniform buffer of gpu_pass slots */
  gpu_binding x; /* [m][cols] f32 */
  gpu_binding norm; /* [cols] f32, NORM ops */
  gpu_binding add; /* [rows][w->rows] f32, whole 16 bytes, ADD ops; not y's range */
  gpu_binding y; /* [m][w->rows] f32; SWIGLU: [m][w->rows / 2] */
  const gpu_lora *lora; /* of ops with an addition */
} gpu_matmul_desc;
/* The binds of one product. A plain value: copy it; end it with gpu_matmul_free. */
typedef struct {
  gpu_op op;
  gpu_format format;
  isize rows, rows_slice, n_slices;
  isize pair_end[GPU_SLICES_MAX][2]; /* of an addition's pairs, rows of the slice */
  i32 binds[GPU_SLICES_MAX];
} gpu_matmul;
void gpu_matmul_bind(gpu_kernels *k, const gpu_matmul_desc *desc, gpu_matmul *out);
void gpu_matmul_free(gpu_matmul *matmul);
/* pass_at: the slot's byte place; m: its m. One dispatch a slice. */
void gpu_matmul_run(const gpu_kernels *k, const gpu_matmul *matmul, u32 pass_at, i32 m);

/* x[i] = the embedding of row i's token. */
typedef struct {
  const gpu_weight *w; /* [n_vocab][d_model] */
  i32 pass, records, results; /* whole buffers */
  i64 records_bytes, results_bytes;
  gpu_binding x; /* [m][d_model] f32 */
} gpu_embed_desc;
typedef struct {
  gpu_format format;
  isize n_slices;
  i32 binds[GPU_SLICES_MAX];
} gpu_embed;
void gpu_embed_bind(gpu_kernels *k, const gpu_embed_desc *desc, gpu_embed *out);
void gpu_embed_free(gpu_embed *embed);
void gpu_embed_run(const gpu_kernels *k, const gpu_embed *embed, u32 pass_at, i32 m);

/* out[row0 + i] = attention of row rows[i], its q and its span's k and v as the product left them
 * (not rotated) in qkv, the keys before the span from the cache; the row's rotated k and its v go
 * into the cache. Several dispatches, one a cache, may share one `out`. */
typedef struct {
  i32 pass, records;
  i64 records_bytes;
  gpu_binding qkv; /* [rows][(n_heads + 2 n_kv_heads) d_head] f32 */
  gpu_binding rope; /* [ctx][d_rope] f32: pairs cos, sin of each position */
  gpu_binding kv; /* one layer: [k|v][kv_head][kv_ctx][d_head] f32 */
  gpu_binding out; /* [m][n_heads d_head] f32 */
} gpu_attention_desc;
i32 gpu_attention_bind(gpu_kernels *k, const gpu_attention_desc *desc); /* gpu_bind_free ends it */
void gpu_attention_run(const gpu_kernels *k, i32 bind, u32 pass_at, i32 m);

/* Slots [from_slot, from_slot + n) of some layers' caches into [to_slot, to_slot + n), which lies
 * apart from it: a branch that was accepted. A slot of a uniform buffer, GPU_ALIGN apart. */
typedef struct {
  u32 from_slot, to_slot, n;
  u32 n_slots; /* kv_ctx of the caches */
  u32 layer_floats; /* from where a layer's cache begins to where the next one's does */
  u32 spare[3];
} gpu_move;
/* moves: that buffer; kv: the layers' caches, see gpu_attention_desc. gpu_bind_free ends it */
i32 gpu_move_bind(gpu_kernels *k, i32 moves, gpu_binding kv);
/* move_at: the slot's byte place; n: its n; of the first n_layers layers bound. */
void gpu_move_run(const gpu_kernels *k, i32 bind, u32 move_at, i32 n, i32 n_layers);

/* results[result0 + i] from logits[i] and the record of row rows[i]. */
typedef struct {
  i32 pass, records, results;
  i64 records_bytes, results_bytes;
  gpu_binding logits; /* [m][n_vocab] f32 */
} gpu_pick_desc;
i32 gpu_pick_bind(gpu_kernels *k, const gpu_pick_desc *desc);
void gpu_pick_run(const gpu_kernels *k, i32 bind, u32 pass_at, i32 m);
