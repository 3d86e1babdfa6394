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

struct model {
  model_shape shape;
  const k_table *table;
  const f32 *output_norm; /* [d_model], in the file's bytes */
  k_weight embed, head;   /* the same matrix when tied */
  f64 *rope_step;         /* [d_rope / 2] radians per position of each pair */
  model_layer *layers;    /* [n_layers] */
};

struct model_kv {
  isize n_layers, n_kv_heads, d_head, ctx_tokens;
  f32 *at; /* [layer][k|v][kv_head][ctx_tokens][d_head] */
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

/* Up to so many rows, each thread computes the cheap steps of all rows for itself, which costs
 * less than the barriers between sharing them. */
constexpr isize MODEL_OWN_ROWS = 4;

struct model_scratch {
  isize ctx_tokens, n_threads;
  f32 *delta;        /* [ROWS][d_model] what the next norm step adds to x */
  f32 *qkv;          /* [ROWS][(n_heads + 2 n_kv_heads) d_head]: q, then k, then v */
  f32 *attn;         /* [ROWS][n_heads d_head] */
  f32 *ff;           /* [2][ROWS][d_ff]: gate (then the product with up), up */
  model_rows shared; /* [ROWS] */
  model_rows *own;   /* [n_threads], MODEL_OWN_ROWS each */
  f32 *scores;       /* [n_threads][scores_stride] */
  f32 *head;         /* [n_threads][ROWS][MODEL_HEAD_COLS] */
  model_best *best;  /* [n_threads][ROWS] */
  f32 *lora;         /* [n_threads][ROWS][ADAPTER_STACK_MAX] A x, scaled */
  f32 *asked;        /* [ROWS] logits of the tokens asked for */
  model_exp_sum *sums; /* [chunks of the head][ROWS] */
  isize scores_stride;
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
