/* The structs behind model.h, for the files of this folder only, and how their memory is
 * counted: each *_bytes function adds what its *_open takes, block by block. */
#pragma once
#include "model/adapter.h"
#include "model/arch.h"
#include "model/model.h"

typedef struct {
  const f32 *attn_norm, *ffn_norm; /* [d_model], in the file's bytes */
  k_weight q, k, v, o, gate, up, down;
} model_layer;

typedef struct model_gpu model_gpu;           /* gpu_internal.h */
typedef struct gpu_cache gpu_cache;
typedef struct gpu_pass_state gpu_pass_state;

struct model {
  model_shape shape;
  model_gpu *gpu; /* null: it runs on the CPU; else it has nothing but its shape here */
  const k_table *table;
  const f32 *output_norm; /* [d_model], in the file's bytes */
  k_weight embed, head;   /* the same matrix when tied */
  f64 *rope_step;         /* [d_rope / 2] radians per position of each pair */
  model_layer *layers;    /* [n_layers] */
};

struct model_cache {
  isize n_layers, n_kv_heads, d_head, n_slots;
  f32 *at; /* [layer][k|v][kv_head][n_slots][d_head]; null on the GPU */
  gpu_cache *gpu; /* null on the CPU */
};

/* A chunk of the head: weight tiles that one thread finishes before it looks at their logits. */
constexpr isize MODEL_HEAD_TILES = 16;
constexpr isize MODEL_HEAD_COLS = MODEL_HEAD_TILES * K_TILE_ROWS;
static inline isize model_head_chunks(isize n_vocab) {
  return (n_vocab + MODEL_HEAD_COLS - 1) / MODEL_HEAD_COLS;
}

typedef struct {
  f32 value;
  i32 token;
} model_best;

/* Sum of exp(logit - top) over one chunk of the head; top: the chunk's largest logit. */
typedef struct {
  f32 top, sum;
} model_exp_sum;

/* The rows of a pass between its products: written by norms, read by products. */
typedef struct {
  f32 *x;       /* [rows][d_model] the residual stream */
  f32 *norm;    /* [rows][d_model] */
  f32 *cos_sin; /* [rows][d_rope] pairs of the rows' positions */
  k_rows model, attn, ff; /* quantized: norm, attention's result, gate times up */
} model_rows;

/* Rows of one timeline at successive positions whose results are all wanted, or none of them. */
typedef struct {
  model_kv kv;
  isize pos, first, n; /* rows [first, first + n) of the pass, the first one at pos */
  isize i_pass;        /* of the passes that run as one */
} model_segment;

/* What is wanted of one out row: model_pass's arrays at that row. Null: not wanted. */
typedef struct {
  f32 *logits; /* [n_vocab] */
  i32 *best;
  f32 *log_p_best, *log_p_asked;
  i32 asked;               /* -1: none */
  f32 temperature, min_p;  /* 0: greedy */
  u64 seed;
  isize i_pass;
} model_out;

/* A pass under way, or several as one. Rows are ordered anew: first those without results, then
 * the out rows span after span, so that the last layer computes only the end of the list. */
typedef struct {
  const model_pass *pass; /* the caller's; null: none. Of a batch: in its members' plans */
  const model_adapter *adapter;
  model_segment segments[2 * MODEL_SPANS_MAX];
  isize n_segments;
  isize n_rows, n_quiet; /* rows [0, n_quiet) are without results */
  i32 tokens[MODEL_ROWS_MAX];
  isize pos[MODEL_ROWS_MAX];
  isize keys_before[MODEL_ROWS_MAX + 1]; /* keys that rows [0, i) see together */
  model_out outs[MODEL_ROWS_MAX]; /* of rows [n_quiet, n_rows) */
  bool looks, draws; /* some row wants more than its logits; some row is sampled */
  isize i_layer, i_chunk; /* what the next call begins with: a layer, then a chunk of the head */
  isize i_more; /* further steps begun; the present one is `step` in place of the pass */
  model_pass step;
  model_span step_span;
  model_choice step_choice;
} model_plan;

/* Up to so many rows, each thread computes the cheap steps of all rows for itself, which costs
 * less than the barriers between sharing them. */
constexpr isize MODEL_OWN_ROWS = 4;

/* Multiply-adds of one thread between two looks at whether the pass is still wanted: 7 to 30 ms
 * in wasm (9 to 40 GMAC/s), so that a cancel takes effect within 50. */
constexpr i64 MODEL_PIECE_PRODUCTS = (i64)1 << 28;

struct model_scratch {
  isize n_keys_max, n_threads;
  model_batch *batch; /* null: none; else where plan.pass runs */
  enum : u8 { PLACE_NONE, PLACE_WAITS, PLACE_RUNS, PLACE_DONE } place; /* of plan.pass there */
  i64 piece_products; /* multiply-adds of a thread in one piece of a pass: MODEL_PIECE_PRODUCTS */
  model_plan plan;
  gpu_pass_state *gpu; /* null on the CPU; on the GPU nothing below is taken */
  f32 *delta;        /* [ROWS][d_model] what the next norm step adds to x */
  f32 *qkv;          /* [ROWS][(n_heads + 2 n_kv_heads) d_head]: q, then k, then v */
  f32 *attn;         /* [ROWS][n_heads d_head] */
  f32 *ff;           /* [2][ROWS][d_ff]: gate (then the product with up), up */
  model_rows shared; /* [ROWS] */
  model_rows *own;   /* [n_threads], MODEL_OWN_ROWS each */
  f32 *scores;       /* [n_threads][scores_stride] */
  f32 *head;         /* [n_threads][ROWS][MODEL_HEAD_COLS] */
  model_best *best;  /* [n_threads][ROWS] largest logits */
  model_best *drawn; /* [n_threads][ROWS] largest logit / T + noise */
  f32 *lora; /* [n_threads][ROWS][ADAPTER_STACK_MAX] A x, scaled; of many rows the first thread's is
                all's */
  f32 *asked; /* [ROWS] logits of the tokens asked for */
  f32 *chosen; /* [n_threads][ROWS] logits of the tokens drawn */
  model_exp_sum *sums; /* [chunks of the head][ROWS] */
  isize scores_stride;
};

/* batch.c */
struct model_batch {
  const model *m;
  model_scratch *scratch;
  isize n_members;
  model_scratch *waiting[MODEL_MEMBERS_MAX]; /* the longest first */
  isize n_waiting;
  model_scratch *running[MODEL_SPANS_MAX]; /* by i_pass of the plan; null: was dropped */
  isize n_running;
};

/* Bytes of n objects rounded up to whole cache lines; ISIZE_MAX on overflow, and it stays
 * there when added up with bytes_add. */
constexpr isize MODEL_LINE = 64;
static inline isize bytes_of_n(isize n, isize size) {
  isize bytes;
  if (__builtin_mul_overflow(n, size, &bytes) || bytes > ISIZE_MAX - MODEL_LINE) return ISIZE_MAX;
  return round_up(bytes, MODEL_LINE);
}

/* Tensor `which` (of layer i_layer when it is per layer), or null. */
const gguf_tensor *model_tensor_find(const gguf_file *file, const arch_table *arch,
                                     arch_tensor which, isize i_layer);
const arch_table *model_arch_of(const gguf_file *file); /* null: unknown */
/* Radians per position of pair i: base^(-2i / d_rope), divided by the file's factor (llama 3 long
 * context: rope_freqs.weight; null: none). NF_BAD_INPUT: a factor below 1, which would leave
 * math_sincos's range */
[[nodiscard]] nf_status model_rope_step(const model_shape *shape, isize i, const f32 *factor,
                                        f64 *step, nf_error *error);

/* forward_cpu.c: the next piece of the scratch's plan. NF_OK: that was the last */
nf_status cpu_pass_run(const model *m, model_scratch *s, pool *threads);
/* pass.c: passes begin, as one: of one adapter, their rows and spans together within the limits */
void model_plan_fill(model_plan *plan, const model_pass *const *passes, isize n_passes,
                     isize n_vocab);
/* batch.c: model_pass_run and model_pass_drop of a scratch that has joined one */
nf_status batch_pass_run(model_scratch *s, const model_pass *pass);
void batch_pass_drop(model_scratch *s);

/* ---- cache_gpu.c, forward_gpu.c: the GPU's side of model.h ---- */
isize gpu_cache_bytes(const model *m); /* beside the model_cache */
/* errors NF_NO_MEMORY the arena has less, or a layer is more than the device binds at once */
[[nodiscard]] nf_status gpu_cache_open(const model *m, model_cache *cache, arena *a);
void gpu_cache_close(model_cache *cache);
void gpu_cache_copy(model_cache *to, const model_cache *from, isize n_slots);
void gpu_cache_move(const model_kv *from, isize pos, isize n);
isize gpu_pass_state_bytes(void); /* beside the model_scratch */
[[nodiscard]] nf_status gpu_pass_run(const model *m, model_scratch *s); /* of the scratch's plan */
void gpu_pass_drop(const model *m, model_scratch *s);
const char *gpu_failure_line(const model *m);
