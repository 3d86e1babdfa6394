/* The inside of a session, shared by session.c (the timeline), verify.c (drafts), branches.c and
 * snapshot.c. Private to this folder. */
#pragma once
#include "model/adapter.h"
#include "session/session.h"

/* What the pass under way is for: a call that wants another one forgets it. */
typedef enum : u8 {
  PASS_NONE,
  PASS_FILL,     /* a part of a long prompt */
  PASS_LOGITS,   /* the last token's row */
  PASS_VERIFY,   /* drafts beside the trunk's pending tokens */
  PASS_BRANCHES, /* of every branch what is pending and a draft */
  PASS_BRANCH_LOGITS, /* of every branch what is pending, and its last row */
} pass_kind;

/* A pass and all it points to: they must live until it is done. */
constexpr isize SESSION_MORE_FIRST = 2;

typedef struct {
  pass_kind kind;
  model_pass pass;
  model_span spans[MODEL_SPANS_MAX];
  model_choice choice;
  u64 seeds[MODEL_SPANS_MAX];
  isize n_pending[MODEL_SPANS_MAX]; /* the span's tokens before its draft */
  isize looked[MODEL_SPANS_MAX], accepted[MODEL_SPANS_MAX]; /* of each guess; 0: without a span */
  isize i_span[MODEL_SPANS_MAX]; /* of each guess or branch, -1: without one */
  i32 tokens[MODEL_ROWS_MAX], asked[MODEL_ROWS_MAX];
  i32 best[MODEL_ROWS_MAX + MODEL_MORE_MAX];
  f32 log_p_best[MODEL_ROWS_MAX + MODEL_MORE_MAX], log_p_asked[MODEL_ROWS_MAX];
} session_pass;

/* A timeline behind the trunk's all but last token, which it repeats as its own first one. */
typedef struct {
  isize slot; /* of its first token */
  isize n_tokens, n_cached;
} session_branch;

/* What the model goes on with behind the timeline's last token, as far as passes have shown: its
 * choices tokens[at, n), all but the last of them in the cache already. */
typedef struct {
  i32 tokens[MODEL_MORE_MAX + 1];
  f32 log_p[MODEL_MORE_MAX + 1];
  isize at, n;
} session_ahead;

struct session {
  const model *m;
  model_scratch *scratch;
  pool *threads;
  const model_adapter *adapter; /* of the passes to come */
  model_adapter_key key;        /* of the adapter that what is cached was computed with */
  model_cache *cache; /* ctx_tokens slots: the trunk's, behind them those of guesses or branches */
  i32 *tokens; /* [ctx_tokens] of the trunk's and the branches' slots */
  f32 *logits; /* [SESSION_LOGITS_MAX][n_vocab]: the trunk's row, or those of branches */
  isize n_vocab, ctx_tokens;
  isize n_tokens, n_cached;
  isize n_passes;
  isize more_max; /* further steps of a plain one: model_more_max */
  isize more; /* of the next plain one: SESSION_MORE_FIRST after a draft, since an answer that left
                 it may soon follow it again and what came ahead is for nothing; then ever more */
  isize more_wanted; /* at most, of the next: session_more_wanted */
  isize rows_cheap; /* model_rows_cheap */
  bool logits_ready; /* logits are those of the last token */
  session_ahead ahead;
  session_branch branches[SESSION_BRANCHES_MAX];
  isize n_branches, branch_slots;
  session_pass going;
};

/* Room beyond an object's own, blocks rounded up to a line each. */
constexpr isize SESSION_LINE = 64;

bool session_tokens_known(const session *s, const i32 *tokens, isize n);
/* Tokens that are the same from the start. */
isize session_tokens_common(const i32 *a, isize n_a, const i32 *b, isize n_b);
/* Forget the pass under way, unless it is of this kind. */
void session_pass_keep(session *s, pass_kind kind);
/* Go on with the pass under way (going.pass, but for its adapter). NF_OK: it is done and counted
 * and nothing is under way */
[[nodiscard]] nf_status session_pass_go(session *s);
/* Span i_span of the pass to come, behind the n_rows there are: n_pending tokens and a draft of
 * which `looked` are looked at, at pos of kv. Returns its rows. */
isize session_span_add(session *s, isize n_rows, model_kv kv, isize pos, const i32 *pending,
                       isize n_pending, const i32 *draft, isize looked);
/* Its out rows begin there in best, log_p_best, ... */
isize session_span_row(const session *s, isize i_span);
/* The first or next piece of a pass over `n` pending tokens whose results nobody wants; it is never
 * the last pass. NF_OK: it is done, or on its way, and the caller looks at once what is left;
 * NF_PENDING: call again, also when it is done where passes take their time. */
[[nodiscard]] nf_status session_pass_fill(session *s, isize n);
