/* Putting protected spans back around edited words. See cue_text.h.
 *
 * Both texts are cut into tokens and aligned. Where two neighbours of the old text are still
 * neighbours, everything between them is copied as it was; the rest of the spans get a new
 * place between the tokens they stood at. Boundaries are numbered 0..n: k lies before token k.
 * Steps: rebuild the old plain text (places_read), align, place spans (items), put out. */
#include "base/utf8.h"
#include "caption/cue_align.h"
#include "caption/cue_text.h"
#include "caption/markup.h"

typedef struct {
  i32 place; /* boundary of the new text */
  i32 from, to; /* bytes of the old cue text */
  bool right;   /* before the next token, after any blanks; else right behind the one before */
  bool instead; /* has a line break: replaces the blanks */
} item;

typedef struct {
  const cue_text *split;
  nf_bytes text;       /* the old cue text */
  nf_bytes old, fresh; /* plain texts */
  i32 *place_from;     /* [old.len]: where each plain byte lies in `text` */
  i32 *place_to;
  cue_tokens olds, news;
  item *items; /* ascending place */
  isize n_items;
  isize i_span; /* first span not placed yet */
  isize k_moved; /* old boundary of `moved`; 0: none moved */
  item moved;   /* the only break, when it left its words for a better balance; to > from */
  isize old_line_max;
  u8 *out;
  isize len, cap;
  bool cut;
} joiner;

isize cue_text_join_bytes(isize text_len, isize plain_len) {
  return text_len * (1 + 2 * (isize)sizeof(i32) + (isize)sizeof(cue_token)) +
         (plain_len + 2) * (isize)sizeof(cue_token) +
         (CUE_SPANS_MAX * 2 + 8) * (isize)sizeof(item) + 256;
}

/* ---- the old text ---- */

static void places_read(joiner *j, u8 *plain) {
  isize raw = 0, at = 0;
  for (isize i = 0; i <= j->split->n_spans; i++) {
    bool last = i == j->split->n_spans;
    const cue_span *span = &j->split->spans[i];
    isize until = last ? j->text.len : span->from;
    for (; raw < until; raw++, at++) {
      plain[at] = j->text.at[raw];
      j->place_from[at] = (i32)raw;
      j->place_to[at] = (i32)raw + 1;
    }
    if (last) break;
    u8 utf8[4] = {' '};
    mark m;
    if (span->kind == CUE_REFERENCE && mark_at(j->text, MARKUP_ANY, span->from, &m) &&
        (span->plain_len > 1 || (m.codepoint > ' ' && m.codepoint != 0xA0))) {
      (void)utf8_put(m.codepoint, utf8);
    }
    for (isize k = 0; k < span->plain_len; k++, at++) {
      plain[at] = utf8[k];
      j->place_from[at] = span->from;
      j->place_to[at] = span->to;
    }
    raw = span->to;
  }
  ASSERT(at == j->split->plain_len);
  j->old = bytes_of(plain, at);
}

/* Bytes of the cue text between old tokens k-1 and k. */
static i32 gap_from(const joiner *j, isize k) {
  return k == 0 ? 0 : j->place_to[j->olds.at[k - 1].to - 1];
}
static i32 gap_to(const joiner *j, isize k) {
  return k == j->olds.n ? (i32)j->text.len : j->place_from[j->olds.at[k].from];
}

/* The blanks before token k of a text. */
static nf_bytes blanks_before(nf_bytes text, const cue_tokens *tokens, isize k) {
  isize from = k == 0 ? 0 : tokens->at[k - 1].to;
  isize to = k == tokens->n ? text.len : tokens->at[k].from;
  return bytes_slice(text, from, to);
}

/* Is new boundary b an old boundary with the same neighbours and blanks? Then *k is it. */
static bool intact(const joiner *j, isize b, isize *k) {
  if (b <= 0 || b >= j->news.n) return false;
  i32 before = j->news.at[b - 1].match, after = j->news.at[b].match;
  if (before < 0 || after != before + 1) return false;
  if (after == j->k_moved) return false;
  *k = after;
  return bytes_equal(blanks_before(j->old, &j->olds, after), blanks_before(j->fresh, &j->news, b));
}

/* ---- where spans go ---- */

/* New boundaries that an old one may become: from behind the last kept token before it to
 * before the first kept one after it. */
typedef struct {
  isize low, high;   /* new boundaries */
  isize step, steps; /* the old boundary, counted within the replaced old tokens */
} range;

static range range_of(const joiner *j, isize k) {
  isize before = k - 1, after = k;
  while (before >= 0 && j->olds.at[before].match < 0) before--;
  while (after < j->olds.n && j->olds.at[after].match < 0) after++;
  return (range){.low = before < 0 ? 0 : j->olds.at[before].match + 1,
                 .high = after == j->olds.n ? j->news.n : j->olds.at[after].match,
                 .step = k - before - 1,
                 .steps = after - before - 1};
}

static isize target_of(const range *r, bool right) {
  if (!right && r->step == 0) return r->low;
  if (right && r->step == r->steps) return r->high;
  if (r->steps == 0) return right ? r->high : r->low;
  return r->low + (r->step * (r->high - r->low) + r->steps / 2) / r->steps;
}

/* The same, but where nothing says which boundary, not inside what is written as one word. */
static isize word_edge_of(const joiner *j, const range *r, bool right) {
  isize target = target_of(r, right);
  for (isize d = 0; d <= r->high - r->low; d++) {
    for (isize side = -1; side <= 1; side += 2) {
      isize b = target + side * d;
      if (b < r->low || b > r->high) continue;
      bool end = b == r->low || b == r->high;
      if (end || blanks_before(j->fresh, &j->news, b).len > 0) return b;
    }
  }
  return target;
}

static void item_add(joiner *j, item one) {
  if (j->n_items > 0) { /* spans keep their order, so that tags stay balanced */
    const item *last = &j->items[j->n_items - 1];
    if (one.place < last->place) one.place = last->place;
    if (one.place == last->place && last->right) one.right = true;
  }
  j->items[j->n_items++] = one;
}

static bool stays_without_words(cue_kind kind) {
  return kind != CUE_BREAK && kind != CUE_DASH && kind != CUE_PAD && kind != CUE_REFERENCE;
}

static bool span_right(const joiner *j, const cue_span *span) {
  if (span->kind == CUE_CLOSE) return false;
  /* " (laughs)": stands behind a word */
  bool glued = span->from > 0 && j->text.at[span->from - 1] > ' ';
  return span->kind == CUE_OPEN || !glued;
}

/* Can a line break replace what lies at new boundary b? */
static bool break_fits(const joiner *j, isize b) {
  if (b <= 0 || b >= j->news.n || blanks_before(j->fresh, &j->news, b).len == 0) return false;
  for (isize i = j->n_items - 1; i >= 0 && j->items[i].place >= b; i--) {
    if (j->items[i].place == b && j->items[i].instead) return false;
  }
  isize k;
  if (!intact(j, b, &k)) return true;
  for (i32 i = gap_from(j, k); i < gap_to(j, k); i++) {
    if (j->text.at[i] != ' ') return false; /* spans are copied there */
  }
  return true;
}

/* The fitting boundary nearest to `target` within [low, high]; -1: none. */
static isize break_place(const joiner *j, isize target, isize low, isize high) {
  for (isize d = 0; d <= high - low; d++) {
    if (target - d >= low && break_fits(j, target - d)) return target - d;
    if (target + d <= high && break_fits(j, target + d)) return target + d;
  }
  return -1;
}

static isize chars_between(const joiner *j, isize from, isize to) {
  return from >= to ? 0 : grapheme_count(bytes_slice(j->fresh, from, to));
}

/* Length of the longer line when a single break is put at b; blanks at the ends do not count. */
static isize longer_line(const joiner *j, isize b) {
  const cue_token *tokens = j->news.at;
  isize n = j->news.n;
  isize first = b > 0 ? chars_between(j, tokens[0].from, tokens[b - 1].to) : 0;
  isize second = b < n ? chars_between(j, tokens[b].from, tokens[n - 1].to) : 0;
  return isize_max(first, second);
}

/* The fitting boundary that makes the two lines most equal; -1: none. */
static isize break_balanced(const joiner *j) {
  isize best = -1, best_length = ISIZE_MAX;
  for (isize b = 1; b < j->news.n; b++) {
    if (!break_fits(j, b)) continue;
    isize length = longer_line(j, b);
    if (length < best_length) best = b, best_length = length;
  }
  return best;
}

static isize break_count(const joiner *j) {
  isize n = 0;
  for (isize i = 0; i < j->split->n_spans; i++) n += j->split->spans[i].kind == CUE_BREAK;
  return n;
}

/* The only break, at new boundary `place` (-1: nowhere), makes a line too long: let it go where
 * the lines are most equal. False: it stays. */
static bool break_moves(joiner *j, isize k, isize place) {
  if (break_count(j) != 1) return false;
  isize longest = isize_max(CUE_LINE_CHARS, j->old_line_max);
  if (place >= 0 && longer_line(j, place) <= longest) return false;
  isize better = break_balanced(j);
  if (place >= 0 && (better < 0 || longer_line(j, better) >= longer_line(j, place))) return false;
  j->k_moved = k;
  j->moved =
      (item){.place = (i32)better, .from = gap_from(j, k), .to = gap_to(j, k), .instead = true};
  return true;
}

/* The next spans, up to byte `until`: are they a break and blanks only? */
static bool pure_break(const joiner *j, i32 until) {
  bool has_break = false;
  for (isize i = j->i_span; i < j->split->n_spans && j->split->spans[i].from < until; i++) {
    cue_kind kind = j->split->spans[i].kind;
    if (kind != CUE_BREAK && kind != CUE_PAD) return false;
    has_break |= kind == CUE_BREAK;
  }
  return has_break;
}

/* Spans [from, to) hold a line break and move as one; `k` is their old boundary. */
static void break_add(joiner *j, isize k, isize from, isize to, bool pure) {
  const cue_span *spans = j->split->spans;
  bool dash = false;
  for (isize i = from; i < to; i++) dash |= spans[i].kind == CUE_DASH || spans[i].kind == CUE_LABEL;
  range r = range_of(j, k);
  isize place = break_place(j, target_of(&r, dash), r.low, r.high);
  if (pure && break_moves(j, k, place)) return;
  if (place >= 0) {
    item_add(
        j,
        (item){.place = (i32)place, .from = gap_from(j, k), .to = gap_to(j, k), .instead = true});
    return;
  }
  for (isize i = from; i < to; i++) { /* no line left to begin: only what is no line's own */
    if (!stays_without_words(spans[i].kind)) continue;
    bool right = span_right(j, &spans[i]);
    item_add(j, (item){.place = (i32)word_edge_of(j, &r, right),
                       .from = spans[i].from,
                       .to = spans[i].to,
                       .right = right});
  }
}

/* Spans up to byte `until` of the cue text, at old boundary k (or inside a replaced token). */
static void spans_place(joiner *j, isize k, i32 until, bool inside) {
  const cue_span *spans = j->split->spans;
  isize from = j->i_span, to = from;
  bool line_break = false, pure = pure_break(j, until);
  for (; to < j->split->n_spans && spans[to].from < until; to++) {
    line_break |= spans[to].kind == CUE_BREAK;
  }
  j->i_span = to;
  if (line_break) {
    break_add(j, k, from, to, pure);
    return;
  }
  for (isize i = from; i < to; i++) {
    if (spans[i].kind == CUE_REFERENCE || spans[i].kind == CUE_PAD) continue;
    bool right = span_right(j, &spans[i]);
    range r = range_of(j, inside && right ? k : inside ? k + 1 : k);
    item_add(j, (item){.place = (i32)word_edge_of(j, &r, right),
                       .from = spans[i].from,
                       .to = spans[i].to,
                       .right = right});
  }
}

static void all_place(joiner *j) {
  isize n = j->olds.n;
  j->i_span = 0;
  while (j->i_span < j->split->n_spans && j->split->spans[j->i_span].from < gap_to(j, 0)) {
    j->i_span++; /* the head of the text is put out as it is */
  }
  for (isize k = 0; k < n; k++) {
    if (k > 0) {
      isize b = j->olds.at[k].match, same;
      if (b > 0 && intact(j, b, &same) && same == k) {
        if (pure_break(j, gap_to(j, k))) (void)break_moves(j, k, b);
        while (j->i_span < j->split->n_spans && j->split->spans[j->i_span].from < gap_to(j, k)) {
          j->i_span++;
        }
      } else {
        spans_place(j, k, gap_to(j, k), false);
      }
    }
    i32 end = gap_from(j, k + 1);
    if (j->olds.at[k].match < 0) {
      spans_place(j, k, end, true);
    }
    while (j->i_span < j->split->n_spans && j->split->spans[j->i_span].from < end) j->i_span++;
  }
}

/* A break that left its words goes between what closes and what opens at its new place. */
static void moved_insert(joiner *j) {
  if (j->moved.to == j->moved.from || j->moved.place < 0) return;
  isize i = 0;
  while (i < j->n_items && (j->items[i].place < j->moved.place ||
                            (j->items[i].place == j->moved.place && !j->items[i].right))) {
    i++;
  }
  bytes_move(j->items + i + 1, j->items + i, (j->n_items - i) * (isize)sizeof(item));
  j->items[i] = j->moved;
  j->n_items++;
}

/* ---- putting out ---- */

static void put(joiner *j, nf_bytes bytes) {
  if (bytes.len > j->cap - j->len) {
    j->cut = true;
    return;
  }
  if (bytes.len > 0) bytes_copy(j->out + j->len, bytes.at, bytes.len);
  j->len += bytes.len;
}

static void put_raw(joiner *j, i32 from, i32 to) { put(j, bytes_slice(j->text, from, to)); }

/* New words; line ends an editor left in become blanks. */
static void put_fresh(joiner *j, nf_bytes bytes) {
  for (isize i = 0; i < bytes.len; i++) {
    u8 c = bytes.at[i];
    nf_bytes one = bytes_of(&c, 1);
    if (c == '\n' || c == '\r') one = bytes_of(" ", 1);
    if (j->split->references && c == '&') one = bytes_from_str("&amp;");
    if (j->split->references && c == '<') one = bytes_from_str("&lt;");
    put(j, one);
  }
}

static void boundary_put(joiner *j, isize b, isize *i_item) {
  isize k;
  if (intact(j, b, &k) && (*i_item == j->n_items || j->items[*i_item].place > b)) {
    put_raw(j, gap_from(j, k), gap_to(j, k));
    return;
  }
  bool inner = b > 0 && b < j->news.n;
  nf_bytes blanks = inner ? blanks_before(j->fresh, &j->news, b) : (nf_bytes){};
  for (; *i_item < j->n_items && j->items[*i_item].place <= b; *i_item += 1) {
    const item *one = &j->items[*i_item];
    if (one->instead) blanks.len = 0;
    if (one->right && blanks.len > 0) {
      put_fresh(j, blanks);
      blanks.len = 0;
    }
    put_raw(j, one->from, one->to);
  }
  put_fresh(j, blanks);
}

static void all_put(joiner *j) {
  isize i_item = 0, n = j->olds.n, m = j->news.n;
  put_raw(j, 0, gap_to(j, 0));
  for (isize b = 0; b <= m; b++) {
    boundary_put(j, b, &i_item);
    if (b == m) break;
    const cue_token *token = &j->news.at[b];
    if (token->match >= 0) {
      const cue_token *old = &j->olds.at[token->match];
      put_raw(j, j->place_from[old->from], j->place_to[old->to - 1]);
    } else {
      put_fresh(j, bytes_slice(j->fresh, token->from, token->to));
    }
  }
  if (n > 0) put_raw(j, gap_from(j, n), (i32)j->text.len);
}

nf_status cue_text_join(const cue_text *split, nf_bytes text, nf_bytes plain, arena scratch,
                        u8 *out, isize cap, isize *out_len) {
  joiner j = {.split = split, .text = text, .fresh = plain, .out = out, .cap = cap};
  u8 *old = arena_new(&scratch, split->plain_len + 1, u8);
  j.place_from = arena_new(&scratch, split->plain_len + 1, i32);
  j.place_to = arena_new(&scratch, split->plain_len + 1, i32);
  /* a span becomes one item; the boundaries with breaks one more */
  j.items = arena_new(&scratch, 2 * CUE_SPANS_MAX + 4, item);
  if (old == nullptr || j.place_from == nullptr || j.place_to == nullptr || j.items == nullptr) {
    return NF_NO_MEMORY;
  }
  places_read(&j, old);
  nf_status status = cue_tokens_read(j.old, &scratch, &j.olds);
  if (status == NF_OK) status = cue_tokens_read(plain, &scratch, &j.news);
  if (status != NF_OK) return status;
  cue_tokens_align(j.old, &j.olds, plain, &j.news, scratch);
  for (isize k = 0, line = 0; k <= j.olds.n; k++) { /* the longest line there was */
    bool ends = k == j.olds.n;
    for (i32 i = gap_from(&j, k); k > 0 && i < gap_to(&j, k); i++) ends |= text.at[i] == '\n';
    if (!ends || k == 0) continue;
    isize from = j.olds.at[line].from, to = j.olds.at[k - 1].to;
    j.old_line_max = isize_max(j.old_line_max, grapheme_count(bytes_slice(j.old, from, to)));
    line = k;
  }
  all_place(&j);
  moved_insert(&j);
  all_put(&j);
  if (j.cut) return NF_NO_MEMORY;
  *out_len = j.len;
  return NF_OK;
}
