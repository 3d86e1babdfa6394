/* See guard.h. */
#include "edit/guard.h"

#include "edit/names.h"

/* How often a number stands there; the case of letters in it does not matter ("mp3", "MP3"). */
static isize count_number(word_list list, nf_bytes number) {
  isize n = 0;
  for (isize i = 0; i < list.n; i++) {
    if (list.at[i].kind == WORD_NUMBER && word_same_letters(list.at[i].text, number)) n++;
  }
  return n;
}

static bool has_letters(word_list list, nf_bytes letters) {
  for (isize i = 0; i < list.n; i++) {
    if (word_same_letters(list.at[i].text, letters)) return true;
  }
  return false;
}

/* Changed letters in common: enough to be the same word in another form. */
static bool is_form_of(nf_bytes a, nf_bytes b) {
  isize same = 0;
  while (same < a.len && same < b.len && (a.at[same] | 32) == (b.at[same] | 32)) same++;
  return same >= 3 || (same >= 2 && isize_max(a.len, b.len) <= 5) ||
         (same >= 1 && isize_max(a.len, b.len) <= 3);
}

/* "lettle" and "little", "wake" and "woke": a slip of the pen, or a vowel of the form. */
static bool is_spelt_like(nf_bytes a, nf_bytes b) {
  isize longest = isize_max(a.len, b.len);
  return word_distance(a, b) <= (longest >= 6 ? 2 : longest >= 3 ? 1 : 0);
}

/* "Ionly" had "only" in it, and "Alright" had "right". */
static bool is_end_of(nf_bytes whole, nf_bytes w) {
  return w.len >= 3 && whole.len > w.len &&
         word_same_letters(bytes_slice(whole, whole.len - w.len, whole.len), w);
}

static bool comes_from(word_list before, nf_bytes w) {
  if (is_small_word(w)) return true;
  for (isize i = 0; i < before.n; i++) {
    nf_bytes own = before.at[i].text;
    if (before.at[i].kind != WORD_LETTERS) continue;
    if (is_form_of(own, w) || is_spelt_like(own, w) || is_end_of(own, w)) return true;
  }
  return false;
}

static const char *numbers_refuse(word_list a, word_list b) {
  for (isize i = 0; i < a.n; i++) {
    nf_bytes w = a.at[i].text;
    if (a.at[i].kind == WORD_NUMBER && count_number(b, w) != count_number(a, w)) {
      return "a number was lost";
    }
  }
  for (isize i = 0; i < b.n; i++) {
    if (b.at[i].kind == WORD_NUMBER && count_number(a, b.at[i].text) == 0) {
      return "a number was added";
    }
  }
  return nullptr;
}

static const char *names_refuse(word_list a, word_list b) {
  for (isize i = 0; i < a.n; i++) {
    if (name_at(a, i) && !name_kept(b, a.at[i].text)) return "a name was lost";
  }
  for (isize i = 0; i < b.n; i++) {
    if (name_at(b, i) && !has_letters(a, b.at[i].text) && !comes_from(a, b.at[i].text)) {
      return "a name was added";
    }
  }
  return nullptr;
}

/* Words said twice in a row ("the the") count once, words begun and then said, and fillers, not. */
static isize distinct_words(word_list list) {
  isize n = 0;
  nf_bytes last = {};
  for (isize i = 0; i < list.n; i++) {
    if (list.at[i].kind != WORD_LETTERS && list.at[i].kind != WORD_NUMBER) continue;
    if (is_filler(list.at[i].text) || is_false_start(list, i)) continue;
    if (!word_same_letters(list.at[i].text, last)) n++;
    last = list.at[i].text;
  }
  return n;
}

static nf_bytes first_word(word_list list) {
  for (isize i = 0; i < list.n; i++) {
    if (list.at[i].kind == WORD_LETTERS) return list.at[i].text;
  }
  return (nf_bytes){};
}

/* The first word that is no filler. */
static nf_bytes first_said(word_list list) {
  for (isize i = 0; i < list.n; i++) {
    if (list.at[i].kind == WORD_LETTERS && !is_filler(list.at[i].text)) return list.at[i].text;
  }
  return first_word(list);
}

/* A task that mends must not leave words out: "So every jar" stays "So every jar". One word may
 * go inside the sentence ("discuss about", a contraction), none at its start. */
static const char *omissions_refuse(word_list a, word_list b) {
  isize n_a = distinct_words(a), n_b = distinct_words(b);
  if (n_b + 1 < n_a) return "words were left out";
  nf_bytes first = first_said(a), kept = first_said(b);
  bool same = is_form_of(first, kept) || is_spelt_like(first, kept);
  return n_b < n_a && !same ? "the first word was left out" : nullptr;
}

static bool is_negated(nf_bytes w) {
  static const char *const words[] = {"not", "never", "no", "nothing", "nobody", "none", "cannot"};
  for (isize i = 0; i < (isize)(sizeof words / sizeof *words); i++) {
    if (word_same_letters(w, bytes_from_str(words[i]))) return true;
  }
  return w.len > 3 && word_same_letters(bytes_slice(w, w.len - 3, w.len), bytes_from_str("n't"));
}

/* "do not" and "don't" begin alike: so does every contraction with what it stands for. */
static bool is_contraction_of(word_list list, isize i, nf_bytes w) {
  nf_bytes full = list.at[i].text;
  isize apostrophe = bytes_find(w, bytes_from_str("'"));
  if (apostrophe < 1 || i + 2 >= list.n) return false;
  isize same = isize_min(full.len, apostrophe - 1);
  return same > 0 && word_same_letters(bytes_slice(full, 0, same), bytes_slice(w, 0, same));
}

/* What a sentence may begin with and lose. */
static bool is_opener(nf_bytes w) {
  static const char *const words[] = {"well", "so",   "and", "but",  "now",    "then", "oh",
                                      "ah",   "okay", "ok",  "look", "listen", "yes"};
  for (isize i = 0; i < (isize)(sizeof words / sizeof *words); i++) {
    if (word_same_letters(w, bytes_from_str(words[i]))) return true;
  }
  return false;
}

static bool is_be(nf_bytes w) {
  static const char *const words[] = {"am", "is", "are", "was", "were"};
  for (isize i = 0; i < (isize)(sizeof words / sizeof *words); i++) {
    if (word_same_letters(w, bytes_from_str(words[i]))) return true;
  }
  isize apostrophe = bytes_find(w, bytes_from_str("'"));
  return apostrophe > 0 && w.len <= apostrophe + 3; /* "it's", "they're", "isn't" */
}

static isize count_be(word_list list) {
  isize n = 0;
  for (isize i = 0; i < list.n; i++) n += list.at[i].kind == WORD_LETTERS && is_be(list.at[i].text);
  return n;
}

static isize count_quotes(word_list list) {
  isize n = 0;
  for (isize i = 0; i < list.n; i++) n += list.at[i].text.at[0] == '"';
  return n;
}

static const char *ends_refuse(word_list a, word_list b) {
  nf_bytes first = first_word(a), kept = first_word(b);
  isize i = 0;
  while (i < a.n && a.at[i].kind != WORD_LETTERS) i++;
  bool same = word_same_letters(first, kept) || is_contraction_of(a, i, kept);
  if (!is_opener(first) && !same) return "the first word was left out";
  if (count_be(a) > 0 && count_be(b) == 0) return "a verb was left out";
  return count_quotes(a) == count_quotes(b) ? nullptr : "a quotation mark was left out";
}

/* Left out, not said otherwise, and neither end lost: a broadcaster's rule for shortening. */
static const char *leaving_out_refuses(word_list a, word_list b) {
  isize i = -1, last_a = -1, last_b = -1, n_a = 0, n_b = 0;
  const char *why = ends_refuse(a, b);
  if (why != nullptr) return why;
  for (isize k = 0; k < a.n; k++) {
    if (a.at[k].kind != WORD_LETTERS && a.at[k].kind != WORD_NUMBER) continue;
    last_a = k;
    n_a += is_negated(a.at[k].text);
  }
  for (isize k = 0; k < b.n; k++) {
    nf_bytes w = b.at[k].text;
    if (b.at[k].kind != WORD_LETTERS && b.at[k].kind != WORD_NUMBER) continue;
    for (i++; i < a.n; i++) {
      if (word_same_letters(a.at[i].text, w) || is_contraction_of(a, i, w)) break;
    }
    if (i >= a.n) return "words were put otherwise";
    last_b = i;
    n_b += is_negated(w);
  }
  if (last_b != last_a) return "the last word was left out";
  return n_a == n_b ? nullptr : "a negation was lost";
}

static const char *words_refuse(const edit_task *task, word_list a, word_list b) {
  isize letters_a = 0, letters_b = 0, foreign = 0;
  for (isize i = 0; i < a.n; i++) letters_a += a.at[i].kind == WORD_LETTERS;
  for (isize i = 0; i < b.n; i++) {
    if (b.at[i].kind != WORD_LETTERS) continue;
    letters_b++;
    foreign += !comes_from(a, b.at[i].text);
  }
  if (letters_b == 0 && letters_a > 0) return "nothing was left";
  if (foreign > task->new_words_max) return "the meaning may have changed";
  if (letters_b * 100 < letters_a * task->kept_percent_min) return "too much was cut";
  if (letters_b > letters_a + letters_a / 3 + 2) return "too much was added";
  return nullptr;
}

/* Ends in a question mark, quotes and blanks aside. */
static bool is_question(nf_bytes text) {
  while (text.len > 0) {
    u8 c = text.at[text.len - 1];
    if (c != ' ' && c != '"' && c != '\'') return c == '?';
    text.len--;
  }
  return false;
}

const char *guard_refuses(const edit_task *task, nf_bytes before, nf_bytes after,
                          const nf_bytes *protect, isize n_protect, arena *scratch) {
  arena local = *scratch;
  word_list a, b;
  if (words_split(before, &local, &a) != NF_OK || words_split(after, &local, &b) != NF_OK) {
    return "too long to check";
  }
  for (isize i = 0; i < after.len; i++) {
    if (after.at[i] == '\n') return "a line was added";
    if (after.at[i] == '<' || after.at[i] == '{') {
      if (bytes_find(before, bytes_of(&after.at[i], 1)) < 0) return "markup was added";
    }
  }
  for (isize i = 0; i < n_protect; i++) {
    if (term_count(after, protect[i]) < term_count(before, protect[i])) {
      return "a protected term was lost";
    }
  }
  if (is_question(before) && !is_question(after)) return "a question was lost";
  const char *why = numbers_refuse(a, b);
  if (why == nullptr) why = names_refuse(a, b);
  if (why == nullptr) why = words_refuse(task, a, b);
  if (why == nullptr && task->keeps_words) why = omissions_refuse(a, b);
  if (why == nullptr && task->only_leaves_out) why = leaving_out_refuses(a, b);
  return why;
}
