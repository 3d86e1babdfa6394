/* Branches: several timelines behind one, each in slots of its own, run in passes together. See
 * session.h; the passes' machinery is session.c's.
 * Branch i begins with the trunk's last token once more, so that its first choice has a row of its
 * own to be drawn from. */
#include "session/timeline.h"

/* Tokens of a branch that may be pending: every branch's fit one pass. */
constexpr isize PENDING_MAX = MODEL_ROWS_MAX / SESSION_BRANCHES_MAX;

static isize slots_of(const session *s, isize tokens_max) {
  return isize_min(tokens_max, s->ctx_tokens - s->n_tokens) + 1;
}

isize session_branches_room(const session *s, isize tokens_max) {
  return (s->ctx_tokens - s->n_tokens) / slots_of(s, tokens_max);
}

void session_branches_begin(session *s, isize n, isize tokens_max) {
  ASSERT(s->n_tokens > 0 && 1 <= n && n <= SESSION_BRANCHES_MAX);
  ASSERT(tokens_max >= 1 && n <= session_branches_room(s, tokens_max));
  session_pass_keep(s, PASS_FILL);
  s->branch_slots = slots_of(s, tokens_max);
  s->ahead.at = s->ahead.n = 0; /* its rows lie where branches will */
  s->n_branches = n;
  for (isize i = 0; i < n; i++) {
    isize slot = s->n_tokens + i * s->branch_slots;
    s->branches[i] = (session_branch){.slot = slot, .n_tokens = 1};
    s->tokens[slot] = s->tokens[s->n_tokens - 1];
  }
}

nf_status session_branch_push(session *s, isize i_branch, i32 token) {
  ASSERT(0 <= i_branch && i_branch < s->n_branches);
  session_branch *b = &s->branches[i_branch];
  bool full = b->n_tokens == s->branch_slots || b->n_tokens - b->n_cached == PENDING_MAX;
  if (full || !session_tokens_known(s, &token, 1)) return NF_BAD_INPUT;
  session_pass_keep(s, PASS_FILL);
  s->tokens[b->slot + b->n_tokens++] = token;
  return NF_OK;
}

void session_branch_copy(session *s, isize to, isize from) {
  ASSERT(0 <= to && to < s->n_branches && 0 <= from && from < s->n_branches && to != from);
  session_pass_keep(s, PASS_FILL);
  session_branch *a = &s->branches[to];
  const session_branch *b = &s->branches[from];
  bytes_copy(s->tokens + a->slot, s->tokens + b->slot, b->n_tokens * (isize)sizeof(i32));
  model_kv kv = {.cache = s->cache, .gap = b->slot - a->slot};
  model_cache_move(kv, a->slot, b->n_cached);
  a->n_tokens = b->n_tokens;
  a->n_cached = b->n_cached;
}

/* How much of each branch's draft is looked at: an equal share of the pass's rows. */
static void drafts_cut(const session *s, const session_branch_draft *drafts, isize *looked) {
  isize n_live = 0;
  for (isize i = 0; i < s->n_branches; i++) n_live += !drafts[i].over;
  for (isize i = 0; i < s->n_branches; i++) {
    const session_branch *b = &s->branches[i];
    isize share = MODEL_ROWS_MAX / isize_max(n_live, 1) - isize_max(b->n_tokens - b->n_cached, 1);
    isize room = isize_min(share, s->branch_slots - b->n_tokens);
    looked[i] = drafts[i].over ? 0 : isize_min(drafts[i].draft.n, room);
  }
}

static bool same_drafts(const session *s, const session_branch_draft *drafts, const isize *looked) {
  const session_pass *going = &s->going;
  for (isize i = 0; i < s->n_branches; i++) {
    isize i_span = going->i_span[i];
    if (drafts[i].over != (i_span < 0) || looked[i] != going->looked[i]) return false;
    if (drafts[i].over) continue;
    const i32 *draft = going->spans[i_span].tokens + going->n_pending[i_span];
    if (going->seeds[i_span] != drafts[i].seed ||
        session_tokens_common(draft, looked[i], drafts[i].draft.tokens, looked[i]) != looked[i]) {
      return false;
    }
  }
  return true;
}

static void branches_begin_pass(session *s, pass_kind kind, const session_branch_draft *drafts,
                                const isize *looked) {
  session_pass *going = &s->going;
  isize rows = 0, n_shared = s->n_tokens - 1;
  going->kind = kind;
  going->pass = kind == PASS_BRANCH_LOGITS ? (model_pass){.logits = s->logits}
                                           : (model_pass){.choice = &going->choice,
                                                          .best = going->best,
                                                          .log_p_best = going->log_p_best};
  for (isize i = 0; i < s->n_branches; i++) {
    session_branch *b = &s->branches[i];
    going->i_span[i] = -1;
    going->looked[i] = looked[i];
    if (drafts[i].over) continue;
    if (b->n_cached == b->n_tokens) b->n_cached--; /* its choice is made anew */
    going->i_span[i] = going->pass.n_spans;
    going->seeds[going->pass.n_spans] = drafts[i].seed;
    model_kv kv = {.cache = s->cache, .n_shared = n_shared, .gap = b->slot - n_shared};
    rows += session_span_add(s, rows, kv, n_shared + b->n_cached, s->tokens + b->slot + b->n_cached,
                             b->n_tokens - b->n_cached, drafts[i].draft.tokens, looked[i]);
  }
}

static void branch_end(session *s, isize i_branch, session_verdict *verdict) {
  session_pass *going = &s->going;
  session_branch *b = &s->branches[i_branch];
  isize i_span = going->i_span[i_branch], row = session_span_row(s, i_span);
  const i32 *draft = going->spans[i_span].tokens + going->n_pending[i_span];
  isize n = going->looked[i_branch];
  isize n_accepted = session_tokens_common(draft, n, going->best + row, n);
  going->accepted[i_branch] = n_accepted;
  bytes_copy(s->tokens + b->slot + b->n_tokens, draft, n_accepted * (isize)sizeof(i32));
  b->n_tokens += n_accepted;
  b->n_cached = b->n_tokens;
  *verdict = (session_verdict){.n_offered = n,
                               .n_looked = n,
                               .n_accepted = n_accepted,
                               .next = going->best[row + n_accepted],
                               .log_p_draft = going->log_p_best + row,
                               .log_p_next = going->log_p_best[row + n_accepted],
                               .looked = &going->looked[i_branch],
                               .accepted = &going->accepted[i_branch]};
}

/* Run the next piece of a pass over the branches that take part; the trunk's own tokens first. */
static nf_status branches_go(session *s, pass_kind kind, const session_branch_draft *drafts,
                             const isize *looked, model_choice choice) {
  session_pass *going = &s->going;
  session_pass_keep(s, going->kind == PASS_FILL ? PASS_FILL : kind);
  bool other = going->kind == kind && (!same_drafts(s, drafts, looked) ||
                                       going->choice.temperature != choice.temperature ||
                                       going->choice.min_p != choice.min_p);
  if (other) session_pass_keep(s, PASS_NONE);
  isize n_fill = s->n_tokens - 1 - s->n_cached; /* of the trunk */
  if (n_fill > 0) {
    nf_status status = session_pass_fill(s, isize_min(n_fill, MODEL_ROWS_MAX));
    return status == NF_OK ? branches_go(s, kind, drafts, looked, choice) : status;
  }
  if (going->kind == PASS_NONE) {
    going->choice = choice;
    branches_begin_pass(s, kind, drafts, looked);
  }
  return session_pass_go(s);
}

nf_status session_branches_verify(session *s, const session_branch_draft *drafts, f32 temperature,
                                  f32 min_p, session_verdict *verdicts) {
  isize looked[SESSION_BRANCHES_MAX] = {}, n_live = 0;
  drafts_cut(s, drafts, looked);
  for (isize i = 0; i < s->n_branches; i++) {
    if (looked[i] < 0 || !session_tokens_known(s, drafts[i].draft.tokens, looked[i])) {
      return NF_BAD_INPUT;
    }
    n_live += !drafts[i].over;
  }
  if (n_live == 0) return NF_BAD_INPUT;
  model_choice choice = {.temperature = temperature, .min_p = min_p, .seeds = s->going.seeds};
  nf_status status = branches_go(s, PASS_BRANCHES, drafts, looked, choice);
  for (isize i = 0; i < s->n_branches && status == NF_OK; i++) {
    if (!drafts[i].over) branch_end(s, i, &verdicts[i]);
  }
  return status;
}

nf_status session_branches_run(session *s, const bool *over) {
  session_branch_draft drafts[SESSION_BRANCHES_MAX] = {};
  const isize looked[SESSION_BRANCHES_MAX] = {};
  isize n_live = 0;
  for (isize i = 0; i < s->n_branches; i++) {
    drafts[i].over = over[i];
    n_live += !over[i];
  }
  if (n_live == 0 || n_live > SESSION_LOGITS_MAX) return NF_BAD_INPUT;
  s->logits_ready = false; /* their rows lie where the trunk's does */
  nf_status status = branches_go(s, PASS_BRANCH_LOGITS, drafts, looked, (model_choice){});
  for (isize i = 0; i < s->n_branches && status == NF_OK; i++) {
    if (!over[i]) s->branches[i].n_cached = s->branches[i].n_tokens;
  }
  return status;
}

const f32 *session_branch_logits(const session *s, isize i_branch) {
  ASSERT(0 <= i_branch && i_branch < s->n_branches && s->going.i_span[i_branch] >= 0);
  return s->logits + session_span_row(s, s->going.i_span[i_branch]) * s->n_vocab;
}
