/* The pre-tokenizers' regular expressions as code. See pretok.h.
 * Source: tokenizer.json of SmolLM2, Llama 3 and Qwen2; the names and the passes of "default"
 * are llama.cpp's (llama-vocab.cpp), which is who writes tokenizer.ggml.pre. */
#include "text/pretok.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "text/category.h"

#define PASSES_SMOLLM {PRETOK_DIGIT, PRETOK_GPT2}
#define PASSES_DEFAULT {PRETOK_PUNCTUATION, PRETOK_GPT2, PRETOK_NUMBER, PRETOK_DIGIT3}
static const pretok_rules known_rules[] = {
    {.name = "smollm", .passes = PASSES_SMOLLM},
    {.name = "starcoder", .passes = PASSES_SMOLLM},
    {.name = "refact", .passes = PASSES_SMOLLM},
    {.name = "command-r", .passes = PASSES_SMOLLM},
    {.name = "codeshell", .passes = PASSES_SMOLLM},
    {.name = "exaone", .passes = PASSES_SMOLLM},
    {.name = "minerva-7b", .passes = PASSES_SMOLLM},
    {.name = "default", .passes = PASSES_DEFAULT},
    {.name = "gpt-2", .passes = {PRETOK_GPT2}},
    {.name = "phi-2", .passes = {PRETOK_GPT2}},
    {.name = "mpt", .passes = {PRETOK_GPT2}},
    {.name = "olmo", .passes = {PRETOK_GPT2}},
    {.name = "exaone4", .passes = {PRETOK_GPT2}},
    {.name = "trillion", .passes = {PRETOK_GPT2}},
    {.name = "granite-docling", .passes = {PRETOK_GPT2}},
    {.name = "llama-bpe", .passes = {PRETOK_LLAMA3}, .whole_words = true, .bos = true},
    {.name = "llama3", .passes = {PRETOK_LLAMA3}, .whole_words = true, .bos = true},
    {.name = "llama-v3", .passes = {PRETOK_LLAMA3}, .whole_words = true, .bos = true},
    {.name = "falcon3", .passes = {PRETOK_LLAMA3}, .whole_words = true, .bos = true},
    {.name = "lfm2", .passes = {PRETOK_LLAMA3}, .whole_words = true, .bos = true},
    {.name = "smaug-bpe", .passes = {PRETOK_LLAMA3}},
    {.name = "dbrx", .passes = {PRETOK_LLAMA3}},
    {.name = "qwen2", .passes = {PRETOK_QWEN2}},
    {.name = "deepseek-r1-qwen", .passes = {PRETOK_QWEN2}},
    {.name = "stablelm2", .passes = {PRETOK_QWEN2}},
    {.name = "megrez", .passes = {PRETOK_QWEN2}},
    {.name = "hunyuan", .passes = {PRETOK_QWEN2}},
    {.name = "grok-2", .passes = {PRETOK_QWEN2}},
    {.name = "qwen35", .passes = {PRETOK_QWEN35}},
};

const pretok_rules *pretok_rules_find(nf_bytes name) {
  for (isize i = 0; i < (isize)(sizeof known_rules / sizeof *known_rules); i++) {
    if (bytes_equal(name, bytes_from_str(known_rules[i].name))) return &known_rules[i];
  }
  return nullptr;
}

/* ---- one character ---- */

typedef struct {
  u32 cp;
  category kind;
  isize after; /* position after it */
} letter;

/* The character at `at`; at the end a blank one that is of no class and as long as nothing. */
static letter letter_at(nf_bytes text, isize at) {
  if (at >= text.len) return (letter){.cp = UINT32_MAX, .after = at};
  letter c;
  c.after = utf8_next(text, at, &c.cp);
  if (ascii_is_letter(c.cp)) {
    c.kind = CATEGORY_LETTER;
  } else if (c.cp == ' ') {
    c.kind = CATEGORY_SPACE;
  } else {
    c.kind = category_of(c.cp);
  }
  return c;
}

static bool is_line_break(letter c) { return c.cp == '\r' || c.cp == '\n'; }

static isize run_end(nf_bytes text, isize at, category kind) {
  for (letter c; at < text.len; at = c.after) {
    c = letter_at(text, at);
    if (c.kind != kind) break;
  }
  return at;
}

/* ---- pieces shared by the expressions; each returns `at` when it does not match ---- */

/* 's 't 're 've 'm 'll 'd. With any_case also U+017F, the long s, which (?i:s) matches. */
static isize contraction_end(nf_bytes text, isize at, bool any_case) {
  if (text.at[at] != '\'') return at;
  letter one = letter_at(text, at + 1), two = letter_at(text, one.after);
  u32 a = one.cp, b = two.cp;
  if (any_case) {
    if (a == 0x17F) a = 's';
    if (ascii_is_upper(a)) a += 32;
    if (ascii_is_upper(b)) b += 32;
  }
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return one.after;
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return two.after;
  return at;
}

/* \s+(?!\S)|\s+ : all white space but the last character before a word. With breaks_first,
 * \s*[\r\n]+ is tried before: up to and with the last line break. */
static isize space_end(nf_bytes text, isize at, bool breaks_first) {
  isize last = at, after_break = at, next = at;
  while (next < text.len) {
    letter c = letter_at(text, next);
    if (c.kind != CATEGORY_SPACE) break;
    last = next;
    next = c.after;
    if (is_line_break(c)) after_break = next;
  }
  if (breaks_first && after_break > at) return after_break;
  return next == text.len || last == at ? next : last;
}

/* ---- the expressions; text is cut at the piece's end, at < text.len, the result is > at ---- */

static isize gpt2_end(nf_bytes text, isize at) {
  isize end = contraction_end(text, at, false);
  if (end > at) return end;
  letter first = letter_at(text, at);
  isize word = at;
  if (first.cp == ' ') { /* ` ?`: belongs to what follows, unless that is white space */
    word = first.after;
    first = letter_at(text, word);
  }
  if (word < text.len && first.kind != CATEGORY_SPACE) {
    if (first.kind == CATEGORY_LETTER || first.kind == CATEGORY_NUMBER) {
      return run_end(text, word, first.kind);
    }
    for (; word < text.len; word = first.after) {
      first = letter_at(text, word);
      if (first.kind == CATEGORY_SPACE || first.kind == CATEGORY_LETTER ||
          first.kind == CATEGORY_NUMBER) {
        break;
      }
    }
    return word;
  }
  return space_end(text, at, false);
}

/* Llama 3's expression and its relatives. */
typedef struct {
  isize digits_max;
  bool marks; /* \p{M} counts as a letter */
} cl100k_style;

static bool is_word(letter c, cl100k_style style) {
  return c.kind == CATEGORY_LETTER || (style.marks && c.kind == CATEGORY_MARK);
}

static isize word_run_end(nf_bytes text, isize at, cl100k_style style) {
  for (letter c; at < text.len; at = c.after) {
    c = letter_at(text, at);
    if (!is_word(c, style)) break;
  }
  return at;
}

static isize cl100k_end(nf_bytes text, isize at, cl100k_style style) {
  isize end = contraction_end(text, at, true);
  if (end > at) return end;
  letter first = letter_at(text, at), second = letter_at(text, first.after);
  bool skips = !is_line_break(first) && first.kind != CATEGORY_LETTER &&
               first.kind != CATEGORY_NUMBER && is_word(second, style);
  if (skips) return word_run_end(text, first.after, style);
  if (is_word(first, style)) return word_run_end(text, at, style);
  if (first.kind == CATEGORY_NUMBER) {
    end = first.after;
    for (isize n = 1; n < style.digits_max; n++) {
      letter c = letter_at(text, end);
      if (c.kind != CATEGORY_NUMBER) break;
      end = c.after;
    }
    return end;
  }
  isize other = first.cp == ' ' ? first.after : at;
  end = other;
  for (letter c; end < text.len; end = c.after) {
    c = letter_at(text, end);
    if (c.kind == CATEGORY_SPACE || c.kind == CATEGORY_NUMBER || is_word(c, style)) break;
  }
  if (end > other) {
    while (end < text.len && (text.at[end] == '\r' || text.at[end] == '\n')) end++;
    return end;
  }
  return space_end(text, at, true);
}

/* ---- passes that cut out matches and leave what is between ---- */

/* End of a match at `at`, or `at`. */
static isize match_end(pretok_pass pass, nf_bytes text, isize at) {
  letter c = letter_at(text, at);
  switch (pass) {
    case PRETOK_DIGIT: return c.kind == CATEGORY_NUMBER ? c.after : at;
    case PRETOK_NUMBER: return run_end(text, at, CATEGORY_NUMBER);
    case PRETOK_DIGIT3:
      if (at + 3 > text.len) return at;
      for (isize i = at; i < at + 3; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return at;
      }
      return at + 3;
    case PRETOK_PUNCTUATION:
      while (at < text.len) {
        c = letter_at(text, at);
        bool listed = c.cp == '$' || c.cp == '+' || c.cp == '<' || c.cp == '=' || c.cp == '>' ||
                      c.cp == '^' || c.cp == '~' || c.cp == '|';
        if (c.kind != CATEGORY_PUNCTUATION && !listed) break;
        at = c.after;
      }
      return at;
    default: ASSERT(false); return at;
  }
}

static isize cut_end(pretok_pass pass, nf_bytes text, isize at) {
  isize end = match_end(pass, text, at);
  if (end > at) return end;
  do {
    at = letter_at(text, at).after;
  } while (at < text.len && match_end(pass, text, at) == at);
  return at;
}

/* End of the piece that `pass` sees at `at` of a text that ends where the piece before ends. */
static isize pass_end(pretok_pass pass, nf_bytes text, isize at) {
  switch (pass) {
    case PRETOK_GPT2: return gpt2_end(text, at);
    case PRETOK_LLAMA3: return cl100k_end(text, at, (cl100k_style){.digits_max = 3});
    case PRETOK_QWEN2: return cl100k_end(text, at, (cl100k_style){.digits_max = 1});
    case PRETOK_QWEN35: return cl100k_end(text, at, (cl100k_style){.digits_max = 1, .marks = true});
    default: return cut_end(pass, text, at);
  }
}

bool pretok_next(pretok *p, nf_bytes *word) {
  if (p->at >= p->text.len) return false;
  isize end = p->text.len;
  for (isize i = 0; i < PRETOK_PASSES_MAX && p->rules->passes[i] != PRETOK_NONE; i++) {
    if (p->ends[i] <= p->at) {
      p->ends[i] = pass_end(p->rules->passes[i], bytes_slice(p->text, 0, end), p->at);
    }
    end = p->ends[i];
  }
  *word = bytes_slice(p->text, p->at, end);
  p->at = end;
  return true;
}
