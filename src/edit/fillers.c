/* See fillers.h. Phrases are matched on whole words without case. */
#include "edit/fillers.h"

#include "base/utf8.h"
#include "edit/words.h"

typedef struct {
  const char *phrase;
  const char *instead; /* "" leaves it out */
  u8 rank;             /* 0: says nothing; higher: costs a shade of meaning */
  bool opening;        /* only at the start of a sentence */
} filler;

static const filler fillers[] = {
    {"um", "", 0, false},
    {"uh", "", 0, false},
    {"er", "", 0, false},
    {"you know", "", 0, false},
    {"i mean", "", 0, true},
    {"well", "", 0, true},
    {"so", "", 0, true},
    {"okay", "", 0, true},
    {"basically", "", 0, false},
    {"literally", "", 0, false},
    {"actually", "", 0, false},
    {"kind of", "", 0, false},
    {"sort of", "", 0, false},
    {"and so", "", 0, true},
    {"and then", "then", 1, false},
    {"of course", "", 1, false},
    {"obviously", "", 1, false},
    {"honestly", "", 1, false},
    {"really", "", 1, false},
    {"just", "", 1, false},
    {"quite", "", 1, false},
    {"very", "", 1, false},
    {"in order to", "to", 1, false},
    {"due to the fact that", "because", 1, false},
    {"at this point in time", "now", 1, false},
    {"a lot of", "many", 2, false},
    {"do not", "don't", 2, false},
    {"does not", "doesn't", 2, false},
    {"did not", "didn't", 2, false},
    {"cannot", "can't", 2, false},
    {"can not", "can't", 2, false},
    {"will not", "won't", 2, false},
    {"is not", "isn't", 2, false},
    {"are not", "aren't", 2, false},
    {"was not", "wasn't", 2, false},
    {"it is", "it's", 2, false},
    {"that is", "that's", 2, false},
    {"i am", "I'm", 2, false},
    {"we are", "we're", 2, false},
    {"they are", "they're", 2, false},
    {"you are", "you're", 2, false},
    {"i have", "I've", 2, false},
    {"i will", "I'll", 2, false},
};
constexpr isize N_FILLERS = (isize)(sizeof fillers / sizeof *fillers);
constexpr u8 RANK_MAX = 2;

static bool is_word(const word *w) { return w->kind == WORD_LETTERS || w->kind == WORD_NUMBER; }

/* "a kind of bee", "what sort of": the phrase is a noun there, not a hedge. */
static bool follows_determiner(word_list list, isize i) {
  static const char *const determiners[] = {"a",   "an",  "the",   "this",  "that",  "what", "some",
                                            "any", "one", "every", "which", "these", "new",  "no"};
  if (i < 2) return false;
  for (isize d = 0; d < (isize)(sizeof determiners / sizeof *determiners); d++) {
    if (word_same_letters(list.at[i - 2].text, bytes_from_str(determiners[d]))) return true;
  }
  return false;
}

/* How many list entries (words and the spaces between) match the phrase at i; 0: none. */
static isize match_at(word_list list, isize i, nf_bytes phrase) {
  isize k = i;
  for (isize at = 0; at < phrase.len; k++) {
    isize end = at;
    while (end < phrase.len && phrase.at[end] != ' ') end++;
    if (end == at) end++; /* a space of the phrase */
    if (k >= list.n) return 0;
    nf_bytes part = bytes_slice(phrase, at, end);
    bool space = part.at[0] == ' ';
    if (space ? list.at[k].kind != WORD_SPACE : !word_same_letters(list.at[k].text, part)) return 0;
    at = end;
  }
  return k - i;
}

static bool sentence_starts_at(word_list list, isize i) {
  for (isize k = i - 1; k >= 0; k--) {
    if (list.at[k].kind == WORD_SPACE) continue;
    u8 c = list.at[k].text.at[0];
    return c == '.' || c == '!' || c == '?' || c == '-' || c == '"';
  }
  return true;
}

static bool is_protected(word_list list, isize i, isize n, const nf_bytes *protect,
                         isize n_protect) {
  for (isize p = 0; p < n_protect; p++) {
    for (isize k = i; k < i + n; k++) {
      if (is_word(&list.at[k]) && bytes_find(protect[p], list.at[k].text) >= 0) return true;
    }
  }
  return false;
}

/* Words left in `list`: at least two must stay, or a caption would be emptied. */
static isize words_besides(word_list list, isize i, isize n) {
  isize left = 0;
  for (isize k = 0; k < list.n; k++) left += is_word(&list.at[k]) && (k < i || k >= i + n);
  return left;
}

typedef struct {
  u8 *at;
  isize len;
} writer;

static void put(writer *o, nf_bytes text) {
  bytes_copy(o->at + o->len, text.at, text.len);
  o->len += text.len;
}

/* Write the list without entries [i, i + n), `instead` in their place; mend spaces, commas and
 * the capital of a sentence's first word. */
static isize write_without(word_list list, isize i, isize n, nf_bytes instead, u8 *out) {
  writer o = {.at = out};
  bool opening = sentence_starts_at(list, i);
  bool upper = list.at[i].text.at[0] >= 'A' && list.at[i].text.at[0] <= 'Z';
  for (isize k = 0; k < i; k++) put(&o, list.at[k].text);
  isize next = i + n;
  if (instead.len > 0) {
    put(&o, instead);
    if (upper && o.at[o.len - instead.len] >= 'a') o.at[o.len - instead.len] &= 0xDF;
  } else {
    /* ", you know," and "Well, ..." take their comma along */
    bool comma = next < list.n && list.at[next].text.at[0] == ',';
    isize before = o.len;
    while (before > 0 && o.at[before - 1] == ' ') before--;
    bool comma_before = before > 0 && o.at[before - 1] == ',';
    if (comma && (opening || comma_before)) next++;
    if (comma_before && next < list.n && list.at[next].kind == WORD_OTHER) before--;
    if (next < list.n && list.at[next].kind == WORD_SPACE) {
      if (o.len == 0 || before < o.len) next++;
    } else {
      o.len = before; /* the end, or punctuation, follows: no space before it */
    }
  }
  isize first = o.len;
  for (isize k = next; k < list.n; k++) put(&o, list.at[k].text);
  if (opening && upper && instead.len == 0 && first < o.len && o.at[first] >= 'a' &&
      o.at[first] <= 'z') {
    o.at[first] &= 0xDF;
  }
  return o.len;
}

/* One removal of rank `rank`; false when there is none. */
static bool remove_one(nf_bytes text, i32 rank, const nf_bytes *protect, isize n_protect,
                       arena local, u8 *out, isize *len, nf_status *status) {
  word_list list;
  *status = words_split(text, &local, &list);
  if (*status != NF_OK) return false;
  for (isize f = 0; f < N_FILLERS; f++) {
    if (fillers[f].rank != rank) continue;
    nf_bytes phrase = bytes_from_str(fillers[f].phrase);
    for (isize i = 0; i < list.n; i++) {
      isize n = match_at(list, i, phrase);
      if (n == 0 || is_protected(list, i, n, protect, n_protect)) continue;
      if (n > 1 && fillers[f].rank == 0 && follows_determiner(list, i)) continue;
      if (fillers[f].opening) {
        /* "Well, yes" opens; "well done" and "so much" do not */
        bool comma = i + n < list.n && list.at[i + n].text.at[0] == ',';
        if (!sentence_starts_at(list, i) || !comma) continue;
      }
      nf_bytes instead = bytes_from_str(fillers[f].instead);
      if (instead.len == 0 && words_besides(list, i, n) < 2) continue;
      *len = write_without(list, i, n, instead, out);
      return *len < text.len;
    }
  }
  return false;
}

nf_status fillers_remove(nf_bytes text, isize chars_max, const nf_bytes *protect, isize n_protect,
                         arena *scratch, u8 *out, isize *len) {
  arena local = *scratch;
  u8 *other = arena_new(&local, text.len + 1, u8);
  if (other == nullptr) return NF_NO_MEMORY;
  bytes_copy(out, text.at, text.len);
  *len = text.len;
  u8 rank_max = chars_max > 0 ? RANK_MAX : 0;
  for (i32 rank = 0; rank <= rank_max; rank++) {
    for (;;) {
      nf_bytes now = bytes_of(out, *len);
      if (chars_max > 0 && grapheme_count(now) <= chars_max) return NF_OK;
      isize shorter;
      nf_status status;
      if (!remove_one(now, rank, protect, n_protect, local, other, &shorter, &status)) {
        if (status != NF_OK) return status;
        break;
      }
      bytes_copy(out, other, shorter);
      *len = shorter;
    }
  }
  return NF_OK;
}
