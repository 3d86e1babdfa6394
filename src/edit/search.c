/* See search.h. */
#include "edit/search.h"

#include "base/math.h"
#include "base/utf8.h"
#include "edit/state.h"
#include "model/log_p.h"

constexpr isize LOOKED = 16;    /* likeliest tokens of a row that are tried */
constexpr isize BRANCHES = 4;   /* of those that fit, how many a beam goes on with */
static_assert(SEARCH_BEAMS <= SESSION_LOGITS_MAX && SEARCH_BEAMS <= SESSION_BRANCHES_MAX);
constexpr f64 END_LOG_P = -3.0; /* the model itself holds the text complete: at least 5 % */

void search_begin(edit_search *search, isize chars_max) {
  *search = (edit_search){.n_live = 1, .chars_max = chars_max};
}

/* The LOOKED likeliest tokens of a row, likeliest first; equal ones by number. */
static void likeliest(const f32 *logits, isize n_vocab, i32 *tokens) {
  isize n = 0;
  for (isize t = 0; t < n_vocab; t++) {
    if (n == LOOKED && !(logits[t] > logits[tokens[n - 1]])) continue;
    isize i = n < LOOKED ? n++ : LOOKED - 1;
    for (; i > 0 && logits[t] > logits[tokens[i - 1]]; i--) tokens[i] = tokens[i - 1];
    tokens[i] = (i32)t;
  }
}

static f64 score_of(const search_beam *b) { return b->log_p / (f64)(b->n + 1); }

/* Into a list of at most SEARCH_BEAMS, best first. */
static void keep(search_beam *list, isize *n, const search_beam *beam, bool by_token) {
  f64 score = by_token ? score_of(beam) : beam->log_p;
  isize i = *n;
  if (i == SEARCH_BEAMS) {
    i--;
    if (!(score > (by_token ? score_of(&list[i]) : list[i].log_p))) return;
  } else {
    (*n)++;
  }
  for (; i > 0 && score > (by_token ? score_of(&list[i - 1]) : list[i - 1].log_p); i--) {
    list[i] = list[i - 1];
  }
  list[i] = *beam;
}

/* Within the limit, and one line. A space in front is not counted: it is trimmed. */
static bool fits(const edit *e, const search_beam *beam) {
  u8 text[1024];
  isize len = edit_decode(e, beam->tokens, beam->n, text, (isize)sizeof text);
  nf_bytes all = bytes_of(text, len);
  if (bytes_find(all, bytes_from_str("\n")) >= 0) return false;
  if (len > 0 && text[0] == ' ') all = bytes_slice(all, 1, len);
  return grapheme_count(all) <= e->search->chars_max;
}

static bool has_text(const edit *e, i32 token) {
  u8 text[256];
  return text_decode(e->vocab, token, false, text, (isize)sizeof text) > 0;
}

/* The row behind `beam` is there: its ends and its continuations that fit. */
static void extend(edit *e, const search_beam *beam, const f32 *logits, bool beside) {
  edit_search *s = e->search;
  i32 tokens[LOOKED] = {};
  likeliest(logits, e->n_vocab, tokens);
  f32 top = logits[tokens[0]];
  f64 log_sum = math_log((f64)log_p_exp_sum(logits, e->n_vocab, top));
  isize taken = 0;
  for (isize i = 0; i < LOOKED && taken < BRANCHES; i++) {
    f64 log_p = (f64)(logits[tokens[i]] - top) - log_sum;
    search_beam longer = *beam;
    longer.log_p += log_p;
    if (text_is_end(e->vocab, tokens[i])) {
      if (beam->n > 0 && log_p >= END_LOG_P) keep(s->done, &s->n_done, &longer, true);
      continue;
    }
    if (beam->n == s->tokens_max || !has_text(e, tokens[i])) continue;
    longer.tokens[longer.n++] = tokens[i];
    if (!fits(e, &longer)) continue;
    keep(s->next, &s->n_next, &longer, false);
    taken++;
  }
  edit_note_pass(e, (edit_note){.kind = NOTE_BEAM,
                                .beside = beside,
                                .at = (i32)beam->n,
                                .n_looked = (i32)s->n_done,
                                .next = tokens[0],
                                .log_p_next = (f32)-log_sum});
}

/* The timeline is the prompt; each beam a branch of it, at first the empty one alone. */
static nf_status beams_begin(edit *e) {
  edit_search *s = e->search;
  nf_status status = edit_timeline_set(e, e->answer, 0);
  if (status != NF_OK) return status;
  isize slots = (e->ctx_tokens - e->n_prompt) / SEARCH_BEAMS;
  s->tokens_max = isize_min(SEARCH_TOKENS_MAX, slots - 1);
  if (s->tokens_max < 1) s->n_live = 0; /* no room for a search */
  if (s->n_live == 0) return NF_OK;
  session_branches_begin(e->timeline, SEARCH_BEAMS, s->tokens_max);
  s->at_beams = true;
  return NF_OK;
}

/* next becomes live: the first beam that comes from a branch goes on in it, each other one in a
 * copy, made where no beam goes on. */
static nf_status beams_advance(edit *e) {
  edit_search *s = e->search;
  bool used[SEARCH_BEAMS] = {}, first[SEARCH_BEAMS] = {};
  for (isize i = 0; i < s->n_next; i++) {
    first[i] = !used[s->next[i].branch];
    used[s->next[i].branch] = true;
  }
  isize unused = 0;
  for (isize i = 0; i < s->n_next; i++) {
    if (first[i]) continue;
    while (used[unused]) unused++;
    used[unused] = true;
    session_branch_copy(e->timeline, unused, s->next[i].branch);
    s->next[i].branch = unused;
  }
  s->n_live = s->n_next;
  s->n_next = 0;
  nf_status status = NF_OK;
  for (isize i = 0; i < s->n_live && status == NF_OK; i++) {
    search_beam *beam = &s->live[i];
    *beam = s->next[i];
    status = session_branch_push(e->timeline, beam->branch, beam->tokens[beam->n - 1]);
  }
  return status;
}

nf_status search_pass(edit *e) {
  edit_search *s = e->search;
  nf_status status = s->at_beams ? NF_OK : beams_begin(e);
  if (status != NF_OK || s->n_live == 0) return status;
  bool over[SEARCH_BEAMS];
  for (isize i = 0; i < SEARCH_BEAMS; i++) over[i] = true;
  for (isize i = 0; i < s->n_live; i++) over[s->live[i].branch] = false;
  status = session_branches_run(e->timeline, over);
  if (status != NF_OK) return status; /* more of it, or an error */
  for (isize i = 0; i < s->n_live; i++) {
    extend(e, &s->live[i], session_branch_logits(e->timeline, s->live[i].branch), i > 0);
    if (s->n_done == SEARCH_BEAMS || ++s->n_rows == SEARCH_ROWS_MAX) return NF_OK;
  }
  status = beams_advance(e);
  return status == NF_OK && s->n_live > 0 ? NF_PENDING : status;
}
