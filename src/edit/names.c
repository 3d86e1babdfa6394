/* See names.h. */
#include "edit/names.h"

static bool is_listed(nf_bytes w, const char *const *listed, isize n) {
  for (isize i = 0; i < n; i++) {
    if (word_same_letters(w, bytes_from_str(listed[i]))) return true;
  }
  return false;
}

static bool is_listed_name(nf_bytes w) {
  static const char *const listed[] = {"monday",   "tuesday", "wednesday", "thursday",  "friday",
                                       "saturday", "sunday",  "january",   "february",  "april",
                                       "june",     "july",    "august",    "september", "october",
                                       "november", "december"};
  return is_listed(w, listed, (isize)(sizeof listed / sizeof *listed));
}

bool is_small_word(nf_bytes w) {
  static const char *const small[] = {
      "a",   "an",   "the",  "and",   "or",    "but",  "of",  "to",   "in",   "on",   "at",
      "for", "with", "by",   "from",  "is",    "are",  "was", "were", "be",   "been", "am",
      "it",  "its",  "i",    "we",    "you",   "they", "he",  "she",  "that", "this", "not",
      "do",  "does", "did",  "don't", "has",   "have", "had", "will", "can",  "as",   "so",
      "if",  "my",   "your", "our",   "their", "his",  "her"};
  isize apostrophe = bytes_find(w, bytes_from_str("'"));
  bool whole = word_same_letters(w, bytes_from_str("don't")); /* Don is a name */
  if (apostrophe > 0 && !whole) w.len = apostrophe;
  return is_listed(w, small, (isize)(sizeof small / sizeof *small));
}

bool is_filler(nf_bytes w) {
  static const char *const fillers[] = {"um", "uh", "er", "uhm", "erm", "hm", "hmm", "mm"};
  return is_listed(w, fillers, (isize)(sizeof fillers / sizeof *fillers));
}

bool is_false_start(word_list list, isize i) {
  if (list.at[i].kind != WORD_LETTERS || i + 2 >= list.n || list.at[i + 1].text.at[0] != '-') {
    return false;
  }
  isize next = i + 2;
  if (list.at[next].kind != WORD_SPACE || next + 1 >= list.n) return false; /* "co-ordinate" */
  nf_bytes begun = list.at[i].text, said = list.at[next + 1].text;
  return begun.len <= said.len && word_same_letters(begun, bytes_slice(said, 0, begun.len));
}

static bool has_small_letter(nf_bytes w) {
  for (isize i = 0; i < w.len; i++) {
    if (w.at[i] >= 'a' && w.at[i] <= 'z') return true;
  }
  return false;
}

/* "I DO NOT KNOW": capitals tell nothing. */
static bool all_shouted(word_list list) {
  for (isize i = 0; i < list.n; i++) {
    if (has_small_letter(list.at[i].text)) return false;
  }
  return true;
}

bool name_at(word_list list, isize i) {
  const word *w = &list.at[i];
  if (w->kind != WORD_LETTERS || w->text.len < 2) return false;
  if (is_listed_name(w->text)) return true;
  if (w->text.at[0] < 'A' || w->text.at[0] > 'Z' || w->text.at[1] == '\'') return false;
  bool will = word_same_letters(w->text, bytes_from_str("will")),
       shouted = !has_small_letter(w->text);
  bool small = is_small_word(w->text) && !will && !shouted; /* "Your Majesty", not "Will", "IT" */
  if (small || is_false_start(list, i)) return false;
  if (shouted && all_shouted(list)) return false;
  for (isize k = i - 1; k >= 0; k--) {
    u8 c = list.at[k].text.at[0];
    if (list.at[k].kind == WORD_SPACE || c == '"' || c == '-') continue;
    return c != '.' && c != '!' && c != '?' && c != ':';
  }
  return false; /* first word: capital by position */
}

/* "Dana's" keeps the name of "Dana". */
static nf_bytes without_possessive(nf_bytes w) {
  for (isize i = w.len - 1; i > 0 && i >= w.len - 2; i--) {
    if (w.at[i] == '\'') return bytes_slice(w, 0, i);
  }
  return w;
}

/* "Connies" and "Connie's". */
static bool same_but_apostrophes(nf_bytes a, nf_bytes b) {
  isize i = 0, j = 0;
  while (i < a.len || j < b.len) {
    if (i < a.len && a.at[i] == '\'') {
      i++;
    } else if (j < b.len && b.at[j] == '\'') {
      j++;
    } else if (i == a.len || j == b.len || (a.at[i] | 32) != (b.at[j] | 32)) {
      return false;
    } else {
      i++;
      j++;
    }
  }
  return true;
}

bool name_kept(word_list list, nf_bytes name) {
  nf_bytes owner = without_possessive(name);
  for (isize i = 0; i < list.n; i++) {
    nf_bytes w = list.at[i].text;
    if (word_same_letters(without_possessive(w), owner) || same_but_apostrophes(w, name)) {
      return true;
    }
  }
  return false;
}

typedef struct {
  keep_span *at;
  isize n, cap;
} span_list;

static void span_add(span_list *list, nf_bytes text, nf_bytes part, keep_kind kind) {
  if (list->n == list->cap) return;
  i32 from = (i32)(part.at - text.at);
  isize i = list->n++;
  for (; i > 0 && list->at[i - 1].from > from; i--) list->at[i] = list->at[i - 1];
  list->at[i] = (keep_span){.from = from, .to = from + (i32)part.len, .kind = kind};
}

nf_status keep_find(nf_bytes text, const nf_bytes *terms, isize n_terms, arena scratch,
                    keep_span *spans, isize cap, isize *n) {
  span_list list = {.at = spans, .cap = cap};
  word_list words;
  if (words_split(text, &scratch, &words) != NF_OK) return NF_NO_MEMORY;
  for (isize i = 0; i < words.n; i++) {
    if (words.at[i].kind == WORD_NUMBER) span_add(&list, text, words.at[i].text, KEEP_NUMBER);
    if (name_at(words, i)) span_add(&list, text, words.at[i].text, KEEP_NAME);
  }
  for (isize t = 0; t < n_terms; t++) {
    for (isize i = 0; i + terms[t].len <= text.len && terms[t].len > 0; i++) {
      if (term_stands_at(text, i, terms[t])) {
        span_add(&list, text, bytes_slice(text, i, i + terms[t].len), KEEP_TERM);
      }
    }
  }
  *n = list.n;
  return NF_OK;
}

static isize number_count(word_list list, nf_bytes number) {
  isize n = 0;
  for (isize i = 0; i < list.n; i++) {
    n += list.at[i].kind == WORD_NUMBER && bytes_equal(list.at[i].text, number);
  }
  return n;
}

nf_status keep_lost(nf_bytes text, const keep_span *spans, isize n, nf_bytes other, arena scratch,
                    isize *first) {
  word_list words;
  if (words_split(other, &scratch, &words) != NF_OK) return NF_NO_MEMORY;
  for (isize i = 0; i < n; i++) {
    nf_bytes own = bytes_slice(text, spans[i].from, spans[i].to);
    isize said = 1; /* the how-manieth of its kind it is */
    for (isize k = 0; k < i; k++) {
      said += spans[k].kind == spans[i].kind &&
              bytes_equal(bytes_slice(text, spans[k].from, spans[k].to), own);
    }
    bool kept = spans[i].kind == KEEP_NUMBER ? number_count(words, own) >= said
                : spans[i].kind == KEEP_NAME ? name_kept(words, own)
                                             : term_count(other, own) >= said;
    if (kept) continue;
    *first = i;
    return NF_OK;
  }
  *first = n;
  return NF_OK;
}
