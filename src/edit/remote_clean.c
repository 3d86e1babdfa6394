/* See remote.h: a foreign answer as the caption it is meant to be. The rules are few and never
 * touch a word: what they do not know is left for the guard to refuse. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "caption/markup.h"
#include "edit/remote.h"
#include "edit/words.h"

constexpr isize LABEL_BYTES_MAX = 60;

static nf_bytes trimmed(nf_bytes text) {
  while (text.len > 0 && ascii_is_space(text.at[0])) text = bytes_slice(text, 1, text.len);
  while (text.len > 0 && ascii_is_space(text.at[text.len - 1])) text.len--;
  return text;
}

/* Shows nothing, or turns what is shown: zero width, direction marks, soft hyphens, line
 * separators, annotations, tag characters. */
static bool is_hidden(u32 c) {
  return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0x80 && c <= 0x9F) || c == 0xAD ||
         c == 0x61C || c == 0x180E || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE007F);
}

static isize count_hidden(nf_bytes text) {
  isize n = 0;
  for (isize at = 0; at < text.len;) {
    u32 c;
    at = utf8_next(text, at, &c);
    n += is_hidden(c);
  }
  return n;
}

static isize count(nf_bytes text, u8 c) {
  isize n = 0;
  for (isize i = 0; i < text.len; i++) n += text.at[i] == c;
  return n;
}

static isize count_tags(nf_bytes text) {
  isize n = 0;
  mark m;
  for (isize i = 0; i < text.len; i++) {
    bool may = text.at[i] == '<' || text.at[i] == '{';
    n += may && mark_at(text, MARKUP_ANY, i, &m) && (m.kind == MARK_TAG || m.kind == MARK_OVERRIDE);
  }
  return n;
}

/* A caption that has a '<' of its own may not be given a "<b>", nor a tag in its place. */
static bool adds_markup(nf_bytes answer, nf_bytes plain) {
  return count(answer, '<') > count(plain, '<') || count(answer, '{') > count(plain, '{') ||
         count_tags(answer) > count_tags(plain);
}

static const char *bytes_refuse(nf_bytes answer, nf_bytes plain) {
  for (isize i = 0; i < answer.len; i++) {
    u8 c = answer.at[i];
    if (c == '\n' || c == '\r') return "the answer has several lines";
    if (c < 0x20 || c == 0x7F) return "the answer has control characters";
  }
  if (count_hidden(answer) > count_hidden(plain)) return "the answer has hidden characters";
  nf_bytes arrow = bytes_from_str("-->"); /* between the times of a cue, in both formats */
  bool arrows = bytes_find(answer, arrow) >= 0 && bytes_find(plain, arrow) < 0;
  return arrows || adds_markup(answer, plain) ? "markup was added" : nullptr;
}

static bool is_label_word(nf_bytes w) {
  static const char *const words[] = {
      "answer", "caption", "casual",    "corrected", "correction", "edited",  "fixed",
      "formal", "here",    "here's",    "improved",  "is",         "of",      "output",
      "result", "revised", "rewritten", "shorter",   "shortened",  "simple",  "simplified",
      "sure",   "text",    "the",       "version",   "your",       "subtitle"};
  for (isize i = 0; i < (isize)(sizeof words / sizeof *words); i++) {
    if (word_same_letters(w, bytes_from_str(words[i]))) return true;
  }
  return false;
}

static bool is_letter(u8 c) { return ascii_is_letter(c) || c == '\'' || c >= 0x80; }

/* Bytes of a label with its colon and the blanks behind it: words of the list only, with marks
 * between them. 0: there is none, or the caption begins so itself. */
static isize label_bytes(nf_bytes answer, nf_bytes plain) {
  isize at = 0, n_words = 0;
  while (at < answer.len && at < LABEL_BYTES_MAX && answer.at[at] != ':') {
    u8 c = answer.at[at];
    isize end = at;
    while (end < answer.len && is_letter(answer.at[end])) end++;
    if (end > at) {
      if (!is_label_word(bytes_slice(answer, at, end))) return 0;
      n_words++;
    } else if (c != ' ' && c != ',' && c != '!' && c != '*') {
      return 0;
    }
    at = end > at ? end : at + 1;
  }
  if (n_words == 0 || at >= answer.len || answer.at[at] != ':') return 0;
  nf_bytes label = bytes_slice(answer, 0, at + 1);
  bool own = plain.len >= label.len && word_same_letters(bytes_slice(plain, 0, label.len), label);
  while (!own && at + 1 < answer.len &&
         (ascii_is_space(answer.at[at + 1]) || answer.at[at + 1] == '*')) {
    at++;
  }
  return own ? 0 : at + 1;
}

/* Is a quote inside of a word, an apostrophe? */
static bool is_apostrophe(nf_bytes text, isize at) {
  return at > 0 && at + 1 < text.len && is_letter(text.at[at - 1]) && is_letter(text.at[at + 1]);
}

/* Without one pair of quotes around all of it, where the caption has not both and nothing between
 * them is such a quote. */
static nf_bytes unquoted(nf_bytes answer, nf_bytes plain) {
  static const struct {
    const char *open, *close;
  } pairs[] = {{"\"", "\""},         {"'", "'"},           {"`", "`"},
               {"\u201C", "\u201D"}, {"\u2018", "\u2019"}, {"\u201E", "\u201C"},
               {"\u00AB", "\u00BB"}};
  for (isize i = 0; i < (isize)(sizeof pairs / sizeof *pairs); i++) {
    nf_bytes open = bytes_from_str(pairs[i].open), close = bytes_from_str(pairs[i].close);
    if (answer.len < open.len + close.len || !bytes_start_with(answer, open)) continue;
    nf_bytes end = bytes_slice(answer, answer.len - close.len, answer.len);
    nf_bytes inside = bytes_slice(answer, open.len, answer.len - close.len);
    bool own = plain.len >= close.len && bytes_start_with(plain, open) &&
               bytes_equal(bytes_slice(plain, plain.len - close.len, plain.len), close);
    if (!bytes_equal(end, close) || own) continue;
    bool alone = true;
    for (isize k = 0; k + 1 <= inside.len; k++) {
      nf_bytes rest = bytes_slice(inside, k, inside.len);
      bool quote = bytes_start_with(rest, open) || bytes_start_with(rest, close);
      alone = alone && (!quote || (open.at[0] == '\'' && is_apostrophe(inside, k)));
    }
    if (alone) return trimmed(inside);
  }
  return answer;
}

nf_bytes remote_answer_clean(nf_bytes answer, nf_bytes plain, const char **why) {
  *why = "the answer is too long";
  if (answer.len > REMOTE_ANSWER_BYTES_MAX) return (nf_bytes){};
  *why = "the answer is not UTF-8";
  if (!utf8_valid(answer)) return (nf_bytes){};
  answer = trimmed(answer);
  isize label = label_bytes(answer, plain);
  answer = unquoted(bytes_slice(answer, label, answer.len), plain);
  *why = answer.len == 0 ? "the answer is empty" : bytes_refuse(answer, plain);
  return *why == nullptr ? answer : (nf_bytes){};
}
