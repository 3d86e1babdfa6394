/* See align.h. */
#include "edit/align.h"

#include "base/ascii.h"

constexpr isize DELETED_TOKENS_MAX = 6;
/* Drafts rejected in a row. test_align's 59 changed lines take 2.64 passes with 1, 2.58 with 2,
 * 2.47 with 3 and with 4. One token that stands in the source ends the plain steps. */
constexpr isize PLAIN_AFTER = 3;

static nf_bytes text_of(const align_source *s, isize i) {
  isize from = i > 0 ? s->ends[i - 1] : 0;
  return bytes_of(s->text + from, s->ends[i] - from);
}

static bool begins_word(nf_bytes t) { return t.len > 0 && t.at[0] == ' '; }
static nf_bytes bare(nf_bytes t) { return begins_word(t) ? bytes_slice(t, 1, t.len) : t; }
static bool is_letter(u8 c) { return ascii_is_letter(c) || c >= 0x80; }

static isize common_letters(nf_bytes a, nf_bytes b) {
  isize n = 0;
  while (n < a.len && n < b.len && ascii_lower(a.at[n]) == ascii_lower(b.at[n])) n++;
  return n;
}

static bool same_letters(nf_bytes a, nf_bytes b) {
  return a.len > 0 && a.len == b.len && common_letters(a, b) == a.len;
}

/* Punctuation; "'re" and "'s" go on with a word. */
static bool is_mark(nf_bytes t) {
  t = bare(t);
  if (t.len >= 2 && t.at[0] == '\'' && is_letter(t.at[1])) return false;
  return t.len > 0 && !is_letter(t.at[0]) && !ascii_is_digit(t.at[0]);
}

/* Words that an edit adds more often than it puts them in another's place. */
static bool is_added_word(nf_bytes t) {
  static const char *const words[] = {"a",  "an", "the", "to",   "of",   "is",  "are", "in",
                                      "on", "at", "for", "that", "have", "has", "be",  "and"};
  for (isize i = 0; i < (isize)(sizeof words / sizeof *words); i++) {
    if (same_letters(bare(t), bytes_from_str(words[i]))) return true;
  }
  return false;
}

/* The first token from i on that does not continue the word of the one before it. */
static isize word_end(const align_source *s, isize i) {
  for (i++; i < s->n; i++) {
    nf_bytes t = text_of(s, i);
    if (t.len == 0 || begins_word(t) || is_mark(t)) return i;
  }
  return s->n - 1;
}

typedef struct {
  isize at[ALIGN_GUESSES_MAX], score[ALIGN_GUESSES_MAX];
  isize n;
} ranking;

/* Keep the best, each place once. */
static void rank(ranking *r, const align_source *s, isize at, isize score) {
  if (at >= s->n) return;
  isize i = 0;
  while (i < r->n && r->at[i] != at) i++;
  if (i < r->n && r->score[i] >= score) return;
  if (i == r->n) {
    if (r->n < ALIGN_GUESSES_MAX) {
      r->n++;
    } else if (r->score[--i] >= score) {
      return;
    }
  }
  for (; i > 0 && r->score[i - 1] < score; i--) {
    r->at[i] = r->at[i - 1];
    r->score[i] = r->score[i - 1];
  }
  r->at[i] = at;
  r->score[i] = score;
}

align align_start(align_source source, isize at) {
  i32 before = at > 0 ? source.ids[at - 1] : -1;
  return (align){.source = source, .guesses = {at}, .n_guesses = 1, .anchor = at, .before = before};
}

/* Places behind a token that looks like the one given. */
static void rank_matches(const align *a, i32 token, nf_bytes text, ranking *r) {
  const align_source *s = &a->source;
  isize expected = a->anchor + a->off - 1; /* as many tokens given as passed */
  isize to = isize_min(s->n, a->anchor + a->off + DELETED_TOKENS_MAX);
  for (isize i = a->anchor; i < to; i++) {
    bool same = s->ids[i] == token;
    if (!same && !same_letters(bare(text_of(s, i)), bare(text))) continue;
    isize far = i > expected ? i - expected : expected - i;
    bool pair = i > 0 && s->ids[i - 1] == a->before;
    rank(r, s, i + 1, (same ? 100 : 95) - 9 * far + (pair ? 20 : 0) - (is_mark(text) ? 10 : 0));
  }
}

static void rank_changes(const align *a, nf_bytes text, ranking *r) {
  const align_source *s = &a->source;
  isize left = a->anchor;
  nf_bytes own = text_of(s, left);
  isize insertion = 40, substitution = 60;
  if (is_mark(text) && !is_mark(own)) insertion = 80;
  if (is_added_word(text) && !is_added_word(own)) insertion = 65;
  if (common_letters(bare(own), bare(text)) >= 2) substitution = 75;
  isize word = begins_word(text) || left == 0 ? word_end(s, left) : left + 1;
  if (a->off > 1) { /* this token goes with those before it */
    bool same_word = !begins_word(text) && !is_mark(text);
    rank(r, s, word, same_word ? 70 : 50);
    rank(r, s, word_end(s, word), same_word ? 40 : 60);
    rank(r, s, left, 45);
    return;
  }
  /* " doesn" for " don" of "don't" leaves the "'t"; " its" for "it's" has taken the "'s" */
  nf_bytes suffix = left + 1 < s->n ? text_of(s, left + 1) : (nf_bytes){};
  bool leaves = suffix.len >= 2 && suffix.at[0] == '\'' && text.len > 0 &&
                ascii_lower(text.at[text.len - 1]) != ascii_lower(suffix.at[suffix.len - 1]);
  rank(r, s, left, insertion);
  rank(r, s, word, substitution - (leaves ? 15 : 0));
  rank(r, s, left + 1, substitution - (leaves ? 0 : 15));
  rank(r, s, word_end(s, word), 30);
}

void align_leave(align *a, isize i_guess, isize n_accepted, i32 token, nf_bytes text) {
  if (n_accepted > 0) {
    a->anchor = a->guesses[i_guess] + n_accepted;
    a->off = a->rejected = 0;
    a->before = a->source.ids[a->anchor - 1];
  } else if (a->n_guesses > 0) {
    a->rejected++;
  }
  a->off++;
  ranking r = {};
  rank_matches(a, token, text, &r);
  if (a->rejected < PLAIN_AFTER) rank_changes(a, text, &r);
  a->n_guesses = r.n;
  for (isize i = 0; i < r.n; i++) a->guesses[i] = r.at[i];
  a->before = token;
}
