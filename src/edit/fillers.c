/* See fillers.h. Phrases are matched on whole words without case. */
#include "edit/fillers.h"

#include "base/utf8.h"
#include "edit/words.h"

/* Where a phrase is a filler and not part of what is said. */
typedef enum : u8 {
  ANYWHERE = 0,
  HEDGE,       /* after "not" only where a word follows: "not really sure", not "not really." */
  LIMIT,       /* never after "not": "not just", "not quite" say something else without it */
  OPENING,     /* at the start of a sentence, a comma behind it: "Well, yes", not "Well done" */
  SET_OFF,     /* between commas or a comma and an end: not "do you know him" */
  BEFORE_WORD, /* another word follows: "it is late", not "that's what it is." */
} place;

typedef struct {
  const char *phrase;
  const char *instead; /* "" leaves it out */
  u8 rank;             /* 0: says nothing; higher: costs a shade of meaning */
  place where;
} filler;

static const filler fillers[] = {
    {"um", "", 0, ANYWHERE},
    {"uh", "", 0, ANYWHERE},
    {"er", "", 0, ANYWHERE},
    {"you know", "", 0, SET_OFF},
    {"i mean", "", 0, OPENING},
    {"well", "", 0, OPENING},
    {"so", "", 0, OPENING},
    {"okay", "", 0, OPENING},
    {"basically", "", 0, ANYWHERE},
    {"literally", "", 0, LIMIT},
    {"actually", "", 0, HEDGE},
    {"kind of", "", 0, HEDGE},
    {"sort of", "", 0, HEDGE},
    {"and so", "", 0, OPENING},
    {"and then", "then", 1, ANYWHERE},
    {"of course", "", 1, HEDGE},
    {"obviously", "", 1, HEDGE},
    {"honestly", "", 1, HEDGE},
    {"really", "", 1, HEDGE},
    {"just", "", 1, LIMIT},
    {"quite", "", 1, LIMIT},
    {"very", "", 1, HEDGE},
    {"in order to", "to", 1, ANYWHERE},
    {"due to the fact that", "because", 1, ANYWHERE},
    {"at this point in time", "now", 1, ANYWHERE},
    {"a lot of", "lots of", 2, ANYWHERE},
    {"do not", "don't", 2, ANYWHERE},
    {"does not", "doesn't", 2, ANYWHERE},
    {"did not", "didn't", 2, ANYWHERE},
    {"cannot", "can't", 2, ANYWHERE},
    {"can not", "can't", 2, ANYWHERE},
    {"will not", "won't", 2, ANYWHERE},
    {"is not", "isn't", 2, ANYWHERE},
    {"are not", "aren't", 2, ANYWHERE},
    {"was not", "wasn't", 2, ANYWHERE},
    {"it is", "it's", 2, BEFORE_WORD},
    {"that is", "that's", 2, BEFORE_WORD},
    {"i am", "I'm", 2, BEFORE_WORD},
    {"we are", "we're", 2, BEFORE_WORD},
    {"they are", "they're", 2, BEFORE_WORD},
    {"you are", "you're", 2, BEFORE_WORD},
    {"i have been", "I've been", 2, ANYWHERE},
    {"i will", "I'll", 2, BEFORE_WORD},
};
constexpr isize N_FILLERS = (isize)(sizeof fillers / sizeof *fillers);
constexpr u8 RANK_MAX = 2;

static bool is_word(const word *w) { return w->kind == WORD_LETTERS || w->kind == WORD_NUMBER; }

/* The word before entry i, only blanks between; empty when there is none. */
static nf_bytes word_before(word_list list, isize i) {
  bool found = i >= 2 && list.at[i - 1].kind == WORD_SPACE && is_word(&list.at[i - 2]);
  return found ? list.at[i - 2].text : (nf_bytes){};
}

static bool is_one_of(nf_bytes w, const char *const *words, isize n) {
  for (isize i = 0; i < n; i++) {
    if (word_same_letters(w, bytes_from_str(words[i]))) return true;
  }
  return false;
}

/* "a kind of bee", "what sort of": the phrase is a noun there, not a hedge. */
static bool is_determiner(nf_bytes w) {
  static const char *const determiners[] = {
      "a",     "an",    "the", "this", "that", "what", "some", "any", "one",   "every", "which",
      "these", "those", "new", "no",   "my",   "your", "his",  "her", "their", "our",   "same"};
  return is_one_of(w, determiners, (isize)(sizeof determiners / sizeof *determiners));
}

static bool is_negation(nf_bytes w) {
  static const char *const negations[] = {"not", "never", "no", "cannot", "nothing", "without"};
  if (w.len >= 3 && word_same_letters(bytes_slice(w, w.len - 3, w.len), bytes_from_str("n't"))) {
    return true;
  }
  return is_one_of(w, negations, (isize)(sizeof negations / sizeof *negations));
}

/* "where you are now": the verb ends a clause there and is said in full. */
static bool keeps_verb_full(nf_bytes w) {
  static const char *const words[] = {"where", "what", "who", "how", "when", "than", "as", "here"};
  return is_one_of(w, words, (isize)(sizeof words / sizeof *words));
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

static bool terms_kept(nf_bytes before, nf_bytes after, const nf_bytes *protect, isize n_protect) {
  for (isize i = 0; i < n_protect; i++) {
    if (term_count(after, protect[i]) < term_count(before, protect[i])) return false;
  }
  return true;
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

/* "I DO NOT KNOW": two capitals or more and no small letter. */
static bool is_shouted(word_list list, isize i, isize n) {
  isize capitals = 0;
  for (isize k = i; k < i + n; k++) {
    for (isize c = 0; c < list.at[k].text.len; c++) {
      u8 letter = list.at[k].text.at[c];
      if (letter >= 'a' && letter <= 'z') return false;
      capitals += letter >= 'A' && letter <= 'Z';
    }
  }
  return capitals >= 2;
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
    isize n_upper = !upper ? 0 : is_shouted(list, i, n) ? instead.len : 1;
    for (isize k = o.len - instead.len; k < o.len - instead.len + n_upper; k++) {
      if (o.at[k] >= 'a' && o.at[k] <= 'z') o.at[k] &= 0xDF;
    }
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

static bool mark_at(word_list list, isize i, const char *marks) {
  return i >= 0 && i < list.n && list.at[i].kind == WORD_OTHER &&
         bytes_find(bytes_from_str(marks), list.at[i].text) >= 0;
}

static bool word_follows(word_list list, isize next) {
  return next + 1 < list.n && list.at[next].kind == WORD_SPACE && is_word(&list.at[next + 1]);
}

/* Is the phrase, entries [i, i + n), a filler where it stands? */
static bool stands_as_filler(const filler *f, word_list list, isize i, isize n) {
  isize next = i + n;
  nf_bytes before = word_before(list, i);
  switch (f->where) {
    case ANYWHERE: return true;
    case HEDGE:
      if (n > 1 && is_determiner(before)) return false;
      return word_follows(list, next) || !is_negation(before);
    case LIMIT: return !is_negation(before);
    case OPENING: return sentence_starts_at(list, i) && mark_at(list, next, ",");
    case SET_OFF:
      if (sentence_starts_at(list, i)) return mark_at(list, next, ",");
      return i >= 2 && mark_at(list, i - 2, ",") && (next == list.n || mark_at(list, next, ",.!?"));
    case BEFORE_WORD: return word_follows(list, next) && !keeps_verb_full(before);
  }
  return false;
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
    nf_bytes instead = bytes_from_str(fillers[f].instead);
    for (isize i = 0; i < list.n; i++) {
      isize n = match_at(list, i, phrase);
      if (n == 0 || !stands_as_filler(&fillers[f], list, i, n)) continue;
      if (instead.len == 0 && words_besides(list, i, n) < 2) continue;
      isize shorter = write_without(list, i, n, instead, out);
      if (shorter >= text.len || !terms_kept(text, bytes_of(out, shorter), protect, n_protect))
        continue;
      *len = shorter;
      return true;
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
