/* gguf + kernels -> (tokens, positions) to logits. The llama architecture: GQA, RoPE, SwiGLU,
 * RMS norm, tied or separate head. One recipe of kernel calls, forward_cpu.c.
 *
 * Owns: the table of weights (in the caller's arena) that borrows the file's bytes; KV caches
 *       live in memory the caller gives. Does NOT know text, sampling or requests.
 * Memory is computed before creation: model_bytes, model_cache_bytes, model_scratch_bytes.
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
/* A model of that shape without weights, on the CPU: to count, before they are there, what caches,
 * scratch and sessions of it take (the *_bytes functions); nothing else may be asked of it. Takes
 * model_bare_bytes of the arena; null: it has less. */
[[nodiscard]] model *model_bare(const model_shape *shape, arena *a);
isize model_bare_bytes(void);

/* Memory for keys and values of n_slots positions, whoever's: timelines say where theirs lie.
 * On the CPU [layer][k|v][kv_head][n_slots][d_head] f32. Its contents are garbage until written. */
typedef struct model_cache model_cache;
isize model_cache_bytes(const model *m, isize n_slots); /* host memory; ISIZE_MAX: too much */
[[nodiscard]] nf_status model_cache_open(const model *m, isize n_slots, arena *a,
                                         model_cache **out);
void model_cache_close(model_cache *cache); /* what does not lie in the arena */
isize model_cache_slots(const model_cache *cache);
/* Copy slots [0, n) of another cache of the same model. */
void model_cache_copy(model_cache *to, const model_cache *from, isize n_slots);
/* Slots [0, n) as bytes to keep elsewhere: [layer][k|v][kv_head][n][d_head] f32, as they lie in
 * memory. How many, 0 on the GPU, where the other two must not be called. */
isize model_cache_values_bytes(const model_cache *cache, isize n_slots);
void model_cache_values_get(const model_cache *cache, isize n_slots, u8 *to);
void model_cache_values_set(model_cache *cache, isize n_slots, const u8 *from);

/* A timeline's place in a cache: position p lies in slot p < n_shared ? p : p + gap.
 * The trunk has n_shared = gap = 0. A branch shares the trunk's first n_shared positions and keeps
 * its own in slots nobody else uses. A plain value. */
typedef struct {
  model_cache *cache;
  isize n_shared, gap;
} model_kv;
/* A branch's positions [pos, pos + n), all of them its own, into the trunk's slots. */
void model_cache_move(model_kv from, isize pos, isize n);

typedef struct model_adapter model_adapter; /* adapter.h */

constexpr isize MODEL_ROWS_MAX = 64;  /* rows of one pass, of all spans together */
constexpr isize MODEL_SPANS_MAX = 16; /* of one pass */
constexpr isize MODEL_MORE_MAX = 16;  /* further steps of one pass */

/* Room to work for passes of up to MODEL_ROWS_MAX rows that see up to n_keys_max keys each. One
 * pass at a time: sessions that take turns between whole passes may share it. */
typedef struct model_scratch model_scratch;
isize model_scratch_bytes(const model *m, isize n_keys_max, isize n_threads);
[[nodiscard]] nf_status model_scratch_open(const model *m, isize n_keys_max, isize n_threads,
                                           arena *a, model_scratch **out);
void model_scratch_close(model_scratch *scratch); /* what does not lie in the arena */

/* m >= 1 successive rows of one timeline: tokens[m] at positions [pos, pos + m); their keys and
 * values are written to its slots. Everything before pos lies in the cache already: no row needs
 * a row of ANOTHER span of its pass, and no two spans write one slot (a branch repeats the
 * pending token as a row of its own). Tokens are in [0, n_vocab); pos + m <= n_keys_max. */
typedef struct {
  model_kv kv;
  const i32 *tokens;
  isize m, pos;
  isize n_out_rows; /* results of the last so many rows are wanted, 0..m */
} model_span;

/* Sampling instead of the largest logit: of the tokens whose logit is at least
 * max + temperature * ln(min_p), the one with the largest logit / temperature + pick_gumbel of
 * (the span's seed, the position the token will have, the token); lowest index among equals. A
 * deterministic function: drafts are verified by equality, as in greedy decoding, and the
 * distribution is softmax(logit / temperature) over those tokens.
 * source pick.h; min-p: Nguyen et al. 2024, arXiv:2407.01082 */
typedef struct {
  f32 temperature; /* > 0 */
  f32 min_p;       /* (0, 1] */
  const u64 *seeds; /* [n_spans] */
} model_choice;

/* What is wanted of the out rows, span after span: R of them in all. null: not wanted. */
typedef struct {
  const model_span *spans; /* [n_spans], 1..MODEL_SPANS_MAX, all of one cache; rows together
                              <= MODEL_ROWS_MAX */
  isize n_spans;
  const model_adapter *adapter; /* of the same shape; null: the base model alone */
  const model_choice *choice;   /* null: greedy. needs best */
  isize n_more; /* 0..MODEL_MORE_MAX: after the last out row so many further one-row steps of the
                   LAST span, each running the token chosen before it; needs best */
  f32 *logits; /* [R][n_vocab]; a GPU reads them back, slowly: edits do without */
  i32 *best;   /* [R + n_more] chosen: lowest index of the largest logit, or by `choice` */
  f32 *log_p_best;  /* [R + n_more] log softmax of the row at best, nats, error < 1e-4 */
  const i32 *asked; /* [R] a token of each row, in [0, n_vocab); needs best and the next */
  f32 *log_p_asked; /* [R] log softmax of the row at that token, the same */
} model_pass;
/* One batched pass. A row's results depend neither on the other rows, spans and threads, nor on
 * where in the cache its timeline lies: bit for bit, on every backend.
 * threads has at most the scratch's n_threads. Allocates nothing.
 * NF_PENDING: not done yet (a GPU works; on the CPU a long pass is cut into pieces of some tens
 * of milliseconds, so that a cancel need not wait). Call again with the same pass object, which
 * must live unchanged with all it points to until NF_OK or model_pass_drop.
 * On a GPU all spans have the same cache.
 * errors NF_LOST the GPU device is gone: the engine must be opened again; NF_NO_MEMORY it had no
 *        room for a cache; NF_UNSUPPORTED it refused a command; all of them for good */
[[nodiscard]] nf_status model_pass_run(const model *m_, model_scratch *scratch, pool *threads,
                                       const model_pass *pass);
/* Forget a pass that is not done, if there is one. What it wrote to its slots is garbage. */
void model_pass_drop(const model *m_, model_scratch *scratch);
/* What the device said when a pass came to NF_LOST, NF_NO_MEMORY or NF_UNSUPPORTED; "" else. */
const char *model_failure_line(const model *m_);

/* ---- a batch: passes of several timelines, each with a scratch and a cache of its own, as one
 * (batch.c). On the CPU only. ---- */
typedef struct model_batch model_batch;
constexpr isize MODEL_MEMBERS_MAX = 64;
isize model_batch_bytes(const model *m, isize n_keys_max, isize n_threads);
[[nodiscard]] nf_status model_batch_open(const model *m, isize n_keys_max, isize n_threads,
                                         arena *a, model_batch **out);
/* From now on model_pass_run with this scratch hands its pass in and says NF_PENDING until
 * model_batch_run has done it; n_more must be 0. No pass of the scratch is under way; at most
 * MODEL_MEMBERS_MAX scratches of the model, none with more n_keys_max or threads than the batch. */
void model_batch_join(model_batch *b, model_scratch *scratch);
void model_batch_leave(model_scratch *scratch); /* drops a pass under way */
/* Its pass is handed in and not done. */
bool model_batch_waits(const model_scratch *scratch);
/* The next piece of a pass over what was handed in: the pass that waits longest and, in order,
 * every other that has its adapter and for whose rows and spans there is room. The results are, bit
 * for bit, what each gives alone. NF_PENDING: call again; NF_OK: nothing waits. n_passes: how many
 * were done as one in this call (0: none yet). */
[[nodiscard]] nf_status model_batch_run(model_batch *b, pool *threads, isize *n_passes);
void model_batch_close(model_batch *b); /* all have left; what does not lie in the arena */

/* Further steps that pay, since a round trip is dear: 0 on the CPU, up to MODEL_MORE_MAX. */
isize model_more_max(const model *m_);
/* A pass without results may still run when model_pass_run has said NF_OK: the next may be begun
 * at once. false: it took its time, and a caller who does more than one thing is asked first. */
bool model_fills_ahead(const model *m_);
/* Rows up to which a pass costs about what one row does: a guess more within them is free. */
isize model_rows_cheap(const model *m_);
