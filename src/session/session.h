/* A timeline of tokens over one model: what is in the KV cache, the next pass, the choice of
 * the next token, stop rules. Works in tokens; text belongs to text/ and edit/.
 *
 * Owns one KV cache and a few rows of logits. "Feed" compares with what the cache already holds
 * and computes only the rest: that is the prefix cache. */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "model/model.h"

typedef struct session session;

/* Arena bytes session_open takes: KV cache, tokens, SESSION_LOGITS_MAX rows of logits. */
isize session_bytes(const model *m, isize ctx_tokens);
/* Borrows model, scratch and pool. ctx_tokens >= 2, at most the scratch's.
 * errors NF_NO_MEMORY */
[[nodiscard]] nf_status session_open(const model *m, model_scratch *scratch, pool *threads,
                                     isize ctx_tokens, arena *a, session **out);
void session_close(session *s); /* what does not lie in the arena; forgets a pass under way */
void session_drop(session *s); /* a pass under way, if there is one; the timeline stays */
/* Passes from now on add this adapter (borrowed until the next one is set; null: none). With
 * another key (adapter.h) it is another model: nothing cached before counts. */
void session_adapter_set(session *s, const model_adapter *adapter);
isize session_ctx_tokens(const session *s);

/* Make the timeline be tokens[0, n): keep the longest common prefix that is in the cache, forget
 * the rest, remember what is to be computed. 1 <= n < ctx. Returns how many were cached (at
 * most n - 1: the last is always run, its logits are wanted).
 * errors NF_BAD_INPUT does not fit, or a token is none of the model's; then nothing changed */
[[nodiscard]] nf_status session_set(session *s, const i32 *tokens, isize n, isize *cached);
/* Run at most one pass, or the next piece of one, towards the end of the timeline. NF_PENDING:
 * more of them needed; NF_OK: logits of the last token are ready. errors NF_BAD_INPUT the timeline
 * is empty; those of model_pass_run */
[[nodiscard]] nf_status session_run(session *s);
/* [n_vocab], after NF_OK of session_run and until the timeline changes; the caller may write
 * there (a sampler does). */
f32 *session_logits(session *s);
/* Append one chosen token (then session_run again). NF_BAD_INPUT: the context is full, or the
 * token is none of the model's. */
[[nodiscard]] nf_status session_push(session *s, i32 token);
isize session_tokens(const session *s, const i32 **tokens);
isize session_passes(const session *s); /* passes done since the last session_set */

/* Draft tokens that one verification looks at; more are ignored (offer the rest next time). */
constexpr isize SESSION_DRAFT_MAX = MODEL_ROWS_MAX - 1;
constexpr isize SESSION_GUESSES_MAX = 4;
/* A guess at how a timeline goes on. */
typedef struct {
  const i32 *tokens; /* [n], borrowed */
  isize n;
} session_draft;

typedef struct {
  isize n_offered;  /* draft tokens that were looked at, of all guesses together */
  isize i_guess;    /* the guess that came furthest, the first of equals; of it: */
  isize n_looked;   /* tokens looked at: min(n, SESSION_DRAFT_MAX, room) */
  isize n_accepted; /* of those, the longest run the model would have chosen itself */
  i32 next;         /* the model's own choice after the accepted ones; not on the timeline */
  const f32 *log_p_draft; /* [n_looked] log P(draft[i] | all before it), nats; until the next one */
  f32 log_p_next; /* log P of `next` */
  const isize *looked, *accepted; /* [n_guesses] of each guess; until the next verification */
} session_verdict;
/* Greedy decoding with a guess: one pass over what is pending on the timeline and draft[0, n)
 * together. The timeline is extended by the accepted tokens; what was computed for the others
 * is forgotten. The tokens are exactly those of session_run, argmax, session_push, one by one
 * (a row's result does not depend on the pass it ran in); n = 0 is such a step.
 * Usual loop: session_set; then verify a draft, session_push(next), verify the rest, ...
 * session_run afterwards runs the last token again.
 * NF_PENDING: a pass of a long prompt, or a piece of a pass, was run; call again with the same
 * draft (another one makes the pass start anew). NF_OK: *verdict is filled. errors NF_BAD_INPUT
 * the timeline is empty, or a draft token is none of the model's; those of model_pass_run
 * source Leviathan et al. 2023, arXiv:2211.17192 (verification); Ge et al. 2022,
 *        arXiv:2205.10350 (drafts from the input) */
[[nodiscard]] nf_status session_verify(session *s, const i32 *draft, isize n,
                                       session_verdict *verdict);
/* Where a GPU computes the steps after a plain one along with it: no more than n of those behind
 * the next pass's own are of use. For that pass only. */
void session_more_wanted(session *s, isize n);
/* Rows up to which a pass costs about what one row does: model_rows_cheap. */
isize session_rows_cheap(const session *s);
/* The same with 1..SESSION_GUESSES_MAX guesses, likeliest first, as branches of one pass: the one
 * that came furthest extends the timeline, its rows move to the trunk. The tokens stay the same.
 * The first guess is looked at as session_verify does; the others as far as there is room and it
 * pays (model_rows_cheap): what the first one's rows leave free of them.
 * What repeats an earlier guess is not looked at. */
[[nodiscard]] nf_status session_verify_tree(session *s, const session_draft *guesses,
                                            isize n_guesses, session_verdict *verdict);

/* ---- branches: timelines that go on from the present one, each its own way, in passes together
 * (variants of an answer). Any change of the timeline ends them all. ---- */
constexpr isize SESSION_BRANCHES_MAX = 8;
/* How many branches of up to tokens_max tokens there is room for. */
isize session_branches_room(const session *s, isize tokens_max);
/* Begin branch 0..n-1 behind the timeline's last token. 1 <= n <= both SESSION_BRANCHES_MAX and
 * session_branches_room; the timeline is not empty. */
void session_branches_begin(session *s, isize n, isize tokens_max);
/* What one branch offers and how it chooses. */
typedef struct {
  session_draft draft; /* a guess, looked at as far as the branch's share of rows and room goes */
  u64 seed; /* of model_choice */
  bool over; /* takes no part any more */
} session_branch_draft;
/* One pass over all branches that take part: session_verify for each of them, its choice drawn as
 * model_choice has it (temperature, min_p; seeds are in the drafts). So a token is a function of
 * seed, position and what stands before it, and drafts change none. log_p_draft is filled for the
 * accepted tokens only. verdicts[n]; those of branches that are over stay as they are.
 * NF_PENDING and errors as session_verify's. */
[[nodiscard]] nf_status session_branches_verify(session *s, const session_branch_draft *drafts,
                                                f32 temperature, f32 min_p,
                                                session_verdict *verdicts);
/* Append one token to a branch. NF_BAD_INPUT: it is full, or the token is none of the model's. */
[[nodiscard]] nf_status session_branch_push(session *s, isize i_branch, i32 token);
/* Branch `to` becomes what `from` is, cache included: a beam that goes on in two ways. */
void session_branch_copy(session *s, isize to, isize from);
/* session_run for every branch that takes part, in one pass: at most SESSION_LOGITS_MAX of them.
 * over[n]: takes none. NF_PENDING and errors as session_run's. */
constexpr isize SESSION_LOGITS_MAX = 4;
[[nodiscard]] nf_status session_branches_run(session *s, const bool *over);
/* [n_vocab] behind a branch's last token, after NF_OK of session_branches_run in which it took part
 * and until the next pass. */
const f32 *session_branch_logits(const session *s, isize i_branch);

/* ---- snapshots: the cached start of a timeline, kept aside (a task's instruction and examples,
 * the same for every request) ---- */
typedef struct session_snapshot session_snapshot;
isize session_snapshot_bytes(const model *m, isize tokens_max);
/* Empty; holds prefixes of up to tokens_max tokens. NF_NO_MEMORY */
[[nodiscard]] nf_status session_snapshot_open(const model *m, isize tokens_max, arena *a,
                                              session_snapshot **out);
void session_snapshot_close(session_snapshot *snapshot); /* what does not lie in the arena */
void session_snapshot_clear(session_snapshot *snapshot);
isize session_snapshot_tokens(const session_snapshot *snapshot); /* how many; 0: it is empty */
/* Keep the first n tokens, or as many of them as are cached and fit. */
void session_save(const session *s, isize n, session_snapshot *to);
/* Keys and values of a snapshot of n <= tokens_max tokens as bytes (model_cache_values_*): how
 * many, 0 on the GPU, where the other two must not be called. */
isize session_snapshot_values_bytes(const session_snapshot *snapshot, isize n);
void session_snapshot_get(const session_snapshot *snapshot, u8 *values); /* of all it holds */
void session_snapshot_set(session_snapshot *snapshot, const model_adapter *adapter,
                          const i32 *tokens, isize n, const u8 *values);
/* Where tokens[0, n) begins with the snapshot, made under the same adapter key, and the cache
 * shares less with it: put the snapshot into the cache. The session_set that follows finds it
 * there. */
void session_restore(session *s, const session_snapshot *from, const i32 *tokens, isize n);

/* ---- sampling (sampler.c) ---- */
typedef struct {
  u64 state; /* from nf_sampling.seed */
} session_rng;
session_rng session_rng_of(u64 seed);
f64 session_rng_unit(session_rng *rng); /* [0, 1), 53 random bits */

/* Ranges, which the caller has checked with sampler_valid (api/ refuses the rest):
 *   temperature 0..100, top_k >= 0, top_p 0..1, min_p 0..1 (1 is 0 and 1: off for top_p; min_p
 *   1 keeps only the largest), repeat_penalty 0 (off) or 0.01..100, presence and frequency
 *   penalties -100..100; none NaN */
bool sampler_valid(const nf_sampling *how);
/* The choice is the largest logit, whatever stands before it: session_verify's. */
bool sampler_greedy(const nf_sampling *how);
/* Choose from logits[n_vocab] (changed in place). history: tokens that penalties look at, each
 * in [0, n_vocab).
 * Order: penalties, top-k, min-p, top-p, temperature: every filter sees probabilities at
 * temperature 1 of what the one before it left. temperature 0 is argmax after penalties. Equal
 * logits count as ordered by token id, lower first. NaN logits are never chosen.
 * penalties: for a token that occurs c > 0 times in history, logit is divided by repeat_penalty
 * when positive, else multiplied; then presence + c * frequency is subtracted.
 * scratch: sampler_scratch_bytes(n_vocab), 8-byte aligned. Same inputs give the same token on
 * every platform.
 * source Keskar et al. 2019, arXiv:1909.05858 (repeat); Fan et al. 2018, arXiv:1805.04833
 *        (top-k); Holtzman et al. 2020, arXiv:1904.09751 (top-p); Nguyen et al. 2024,
 *        arXiv:2407.01082 (min-p) */
isize sampler_scratch_bytes(isize n_vocab);
i32 sampler_choose(f32 *logits, isize n_vocab, const nf_sampling *how, const i32 *history,
                   isize n_history, session_rng *rng, void *scratch);
