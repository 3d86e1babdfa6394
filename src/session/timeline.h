/* The inside of a session, shared by session.c (the timeline), verify.c (drafts) and snapshot.c.
 * Private to this folder. */
#pragma once
#include "session/session.h"

/* What the pass under way is for: a call that wants another one forgets it. */
typedef enum : u8 {
  PASS_NONE,
  PASS_FILL,   /* a part of a long prompt */
  PASS_LOGITS, /* the last token's row */
  PASS_VERIFY, /* a draft, beside the trunk's pending tokens */
} pass_kind;

/* A pass and all it points to: they must live until it is done. */
typedef struct {
  pass_kind kind;
  model_pass pass;
  model_span spans[MODEL_SPANS_MAX];
  isize n_drafted; /* draft tokens in it */
  i32 best[MODEL_ROWS_MAX], asked[MODEL_ROWS_MAX];
  f32 log_p_best[MODEL_ROWS_MAX], log_p_asked[MODEL_ROWS_MAX];
} session_pass;

struct session {
  const model *m;
  model_scratch *scratch;
  pool *threads;
  const model_adapter *adapter; /* what is cached was computed with it */
  model_cache *cache;
  i32 *tokens; /* [ctx_tokens]; those a pass offers lie behind the timeline's */
  f32 *logits; /* [n_vocab] */
  isize n_vocab, ctx_tokens;
  isize n_tokens, n_cached;
  isize n_passes;
  bool logits_ready; /* logits are those of the last token */
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
/* The first or next piece of a pass over `n` pending tokens whose results nobody wants. NF_PENDING,
 * also when that is done: it is never the last pass. */
[[nodiscard]] nf_status session_pass_fill(session *s, isize n);
