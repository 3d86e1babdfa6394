/* gguf + kernels -> (tokens, positions) to logits. The llama architecture: GQA, RoPE, SwiGLU,
 * RMS norm, tied or separate head. One recipe of kernel calls, forward_cpu.c.
 *
 * Owns: the table of weights (in the caller's arena) that borrows the file's bytes; KV caches
 *       live in memory the caller gives. Does NOT know text, sampling or requests.
 * Memory is computed before creation: model_bytes, model_kv_bytes, model_scratch_bytes.
 * Read next: arch.h (names), shape.c (checks), forward_cpu.c (the recipe). */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "gguf/gguf.h"
#include "kernel/kernel.h"
#include "kernel/pool.h"

typedef struct {
  isize n_layers, d_model, d_ff, n_heads, n_kv_heads, d_head, d_rope, n_vocab;
  isize ctx_tokens_train;
  f32 rope_base, rms_eps;
  bool tied;                /* the head is the embedding matrix: no output.weight */
  isize pack_scratch_bytes; /* of the largest matrix; what model_open borrows while it packs */
} model_shape;

typedef struct model model;

/* Read shape and check every tensor's type and dims against it. shape holds no pointer: it
 * stays valid without the file.
 * errors NF_UNSUPPORTED another architecture, or an option, a tensor (biases, experts) or a
 *        size of it this build lacks (widths are multiples of 32, a head's of 8 and at most
 *        256); the line names it. NF_BAD_INPUT a key or tensor missing or of the wrong
 *        size, a number out of any sense */
[[nodiscard]] nf_status model_shape_read(const gguf_file *file, model_shape *shape,
                                         nf_error *error);
isize model_bytes(const model_shape *shape); /* arena bytes model_open takes */
/* file_at: the whole file's bytes, writable, 64-byte aligned, borrowed as long as the model
 * lives. Weights are repacked in place: the bytes are no GGUF file any more, and one copy of
 * them opens once. They are untouched unless NF_OK. The directory `file` may go afterwards.
 * errors those of model_shape_read; NF_BAD_INPUT a rope factor below 1; NF_NO_MEMORY the arena
 *        has less than model_bytes left */
[[nodiscard]] nf_status model_open(const gguf_file *file, u8 *file_at, const k_table *table,
                                   arena *a, model **out, nf_error *error);
const model_shape *model_shape_get(const model *m);

/* One timeline's keys and values: [layer][k|v][kv_head][ctx][d_head] f32. */
typedef struct model_kv model_kv;
isize model_kv_bytes(const model_shape *shape, isize ctx_tokens);
[[nodiscard]] nf_status model_kv_open(const model_shape *shape, isize ctx_tokens, arena *a,
                                      model_kv **out);
/* Copy positions [0, n) of another cache of the same shape. */
void model_kv_copy(model_kv *to, const model_kv *from, isize n_tokens);

typedef struct model_adapter model_adapter; /* adapter.h */

constexpr isize MODEL_ROWS_MAX = 64; /* rows of one pass */

/* Scratch for passes of up to MODEL_ROWS_MAX rows, shared by all sessions of a thread. */
typedef struct model_scratch model_scratch;
isize model_scratch_bytes(const model_shape *shape, isize ctx_tokens, isize n_threads);
[[nodiscard]] nf_status model_scratch_open(const model_shape *shape, isize ctx_tokens,
                                           isize n_threads, arena *a, model_scratch **out);

/* One batched pass: tokens[m] at positions [pos, pos + m) of the timeline; their keys and
 * values are written there. 1 <= m <= MODEL_ROWS_MAX, pos + m <= the cache's ctx, every token
 * in [0, n_vocab). A row's result does not depend on m, nor on the number of threads.
 * What is wanted of the last n_out_rows rows (0..m; 0 only fills the cache); null: not wanted */
typedef struct {
  const i32 *tokens;
  isize m, pos, n_out_rows;
  const model_adapter *adapter; /* of the same shape; null: the base model alone */
  f32 *logits; /* [n_out_rows][n_vocab] */
  i32 *best;   /* [n_out_rows] lowest index of the largest logit; costs no logits buffer */
  const i32 *asked; /* [n_out_rows] a token of each row, in [0, n_vocab); needs the next two */
  f32 *log_p_asked; /* [n_out_rows] log softmax of the row at that token, nats, error < 1e-4 */
  f32 *log_p_best;  /* [n_out_rows] the same at best; neither costs a logits buffer */
} model_pass;
/* threads has at most the scratch's n_threads. The whole pass is one pool_run; it allocates
 * nothing and returns when the results lie there. */
void model_pass_run(const model *m_, model_kv *kv, model_scratch *scratch, pool *threads,
                    const model_pass *pass);

/* The same, logits only: rows [m - n_logit_rows, m) into logits[n_logit_rows][n_vocab]. */
void model_forward(const model *m_, model_kv *kv, model_scratch *scratch, pool *threads,
                   const i32 *tokens, isize m, isize pos, isize n_logit_rows, f32 *logits);
