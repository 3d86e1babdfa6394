/* A timeline of tokens over one model: what is in the KV cache, the next pass, the choice of
 * the next token, stop rules. Works in tokens; text belongs to text/ and edit/.
 *
 * Owns one KV cache and one logits buffer. "Feed" compares with what the cache already holds
 * and computes only the rest: that is the prefix cache. */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "model/model.h"

typedef struct session session;

isize session_bytes(const model_shape *shape, isize ctx_tokens);
/* Borrows model, scratch and pool. */
[[nodiscard]] nf_status session_open(const model *m, model_scratch *scratch, pool *threads,
                                     isize ctx_tokens, arena *a, session **out);
isize session_ctx_tokens(const session *s);

/* Make the timeline be tokens[0, n): keep the longest common prefix that is in the cache, forget
 * the rest, remember what is to be computed. n < ctx. Returns how many were cached (at most
 * n - 1: the last is always run, its logits are wanted). errors NF_BAD_INPUT does not fit */
[[nodiscard]] nf_status session_set(session *s, const i32 *tokens, isize n, isize *cached);
/* Run at most one pass towards the end of the timeline. NF_PENDING: more passes needed;
 * NF_OK: logits of the last token are ready. */
[[nodiscard]] nf_status session_run(session *s);
const f32 *session_logits(const session *s); /* [n_vocab], after NF_OK */
/* Append one chosen token (then session_run again). NF_BAD_INPUT: the context is full. */
[[nodiscard]] nf_status session_push(session *s, i32 token);
isize session_tokens(const session *s, const i32 **tokens);
isize session_passes(const session *s); /* passes since the last session_set */

/* ---- sampling (sampler.c) ---- */
typedef struct {
  u64 state; /* from nf_sampling.seed */
} session_rng;
session_rng session_rng_of(u64 seed);
/* Choose from logits[n_vocab] (changed in place). history: tokens that penalties look at.
 * temperature 0 is argmax. Order: penalties, top-k, min-p, top-p, temperature. scratch holds
 * n_vocab candidates (sampler_scratch_bytes). */
isize sampler_scratch_bytes(isize n_vocab);
i32 sampler_choose(f32 *logits, isize n_vocab, const nf_sampling *how, const i32 *history,
                   isize n_history, session_rng *rng, void *scratch);
