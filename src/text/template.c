/* A Jinja template brought to one spelling. See template_normalize in chat.h.
 * Source: Jinja 3.1 documentation, "Template Designer": white space control, expressions.
 * Owns nothing. Read next: chat_read.c. */
#include "base/ascii.h"
#include "text/chat.h"

typedef struct {
  u8 *at;
  isize len, cap;
} writer;

/* The bound in chat.h holds for every template that ends its strings; the check is for the rest. */
static void put(writer *w, u8 c) {
  if (w->len < w->cap) w->at[w->len++] = c;
}
static void put_str(writer *w, const char *s) {
  while (*s) put(w, (u8)*s++);
}

static bool is_name(u8 c) { return ascii_is_letter(c) || ascii_is_digit(c) || c == '_'; }

static nf_bytes trimmed(nf_bytes t) {
  isize from = 0, to = t.len;
  while (from < to && ascii_is_space(t.at[from])) from++;
  while (to > from && ascii_is_space(t.at[to - 1])) to--;
  return bytes_slice(t, from, to);
}

/* ---- strings ---- */

/* Position of the closing quote of the string that opens at text[at]; text.len without one. */
static isize string_end(nf_bytes text, isize at) {
  u8 quote = text.at[at];
  for (isize i = at + 1; i < text.len; i++) {
    if (text.at[i] == '\\') {
      i++;
    } else if (text.at[i] == quote) {
      return i;
    }
  }
  return text.len;
}

static void put_unescaped(writer *w, nf_bytes string) {
  for (isize i = 0; i < string.len; i++) {
    u8 c = string.at[i];
    if (c == '\\' && i + 1 < string.len) {
      c = string.at[++i];
      if (c == 'n') c = '\n';
      if (c == 't') c = '\t';
      if (c == 'r') c = '\r';
    }
    put(w, c);
  }
}

/* ---- expressions and statements ---- */

/* ['name'] at text[at], after something it can be an attribute of: the position after it, and
 * the name; `at` when it is something else. */
static isize subscript_end(nf_bytes text, isize at, const writer *w, nf_bytes *name) {
  u8 before = w->len > 0 ? w->at[w->len - 1] : 0;
  if (text.at[at] != '[' || !(is_name(before) || before == ']' || before == ')')) return at;
  isize open = at + 1;
  while (open < text.len && ascii_is_space(text.at[open])) open++;
  if (open >= text.len || (text.at[open] != '\'' && text.at[open] != '"')) return at;
  isize close = string_end(text, open), end = close + 1;
  while (end < text.len && ascii_is_space(text.at[end])) end++;
  if (end >= text.len || text.at[end] != ']') return at;
  *name = bytes_slice(text, open + 1, close);
  for (isize i = 0; i < name->len; i++) {
    if (!is_name(name->at[i])) return at;
  }
  return end + 1;
}

static void put_squeezed(writer *w, nf_bytes text) {
  for (isize i = 0; i < text.len;) {
    nf_bytes name;
    isize after = subscript_end(text, i, w, &name);
    if (after > i) {
      put(w, '.');
      for (isize k = 0; k < name.len; k++) put(w, name.at[k]);
      i = after;
    } else if (text.at[i] == '\'' || text.at[i] == '"') {
      isize end = string_end(text, i);
      put(w, '\'');
      put_unescaped(w, bytes_slice(text, i + 1, end));
      put(w, '\'');
      i = end + 1;
    } else {
      if (!ascii_is_space(text.at[i])) put(w, text.at[i]);
      i++;
    }
  }
}

static void put_operand(writer *w, nf_bytes operand) {
  operand = trimmed(operand);
  bool quoted = operand.len >= 2 && (operand.at[0] == '\'' || operand.at[0] == '"');
  if (quoted && string_end(operand, 0) == operand.len - 1) {
    put_unescaped(w, bytes_slice(operand, 1, operand.len - 1));
    return;
  }
  put(w, TEMPLATE_OPEN);
  put_squeezed(w, operand);
  put(w, TEMPLATE_CLOSE);
}

/* a + b + c : operands one after the other. */
static void put_sum(writer *w, nf_bytes text) {
  isize depth = 0, from = 0;
  for (isize i = 0; i < text.len; i++) {
    u8 c = text.at[i];
    if (c == '\'' || c == '"') i = string_end(text, i);
    if (c == '(' || c == '[' || c == '{') depth++;
    if (c == ')' || c == ']' || c == '}') depth--;
    if (c == '+' && depth == 0) {
      put_operand(w, bytes_slice(text, from, i));
      from = i + 1;
    }
  }
  put_operand(w, bytes_slice(text, from, text.len));
}

static void put_statement(writer *w, nf_bytes text) {
  text = trimmed(text);
  put_str(w, "{%");
  isize equals = 0;
  if (bytes_start_with(text, bytes_from_str("set "))) {
    while (equals < text.len && text.at[equals] != '=') equals++;
  }
  if (equals > 0 && equals < text.len) {
    put_squeezed(w, bytes_slice(text, 0, equals + 1));
    put_sum(w, bytes_slice(text, equals + 1, text.len));
  } else {
    put_squeezed(w, text);
  }
  put_str(w, "%}");
}

/* ---- the template: text and tags ---- */

/* End of the tag that opens at text[at] ("%}" and so on, a string may hold one). */
static isize tag_end(nf_bytes text, isize at, u8 kind) {
  u8 close = kind == '{' ? '}' : kind;
  for (isize i = at + 2; i + 1 < text.len; i++) {
    if (kind != '#' && (text.at[i] == '\'' || text.at[i] == '"')) {
      i = string_end(text, i);
    } else if (text.at[i] == close && text.at[i + 1] == '}') {
      return i;
    }
  }
  return text.len;
}

static isize next_tag(nf_bytes text, isize at) {
  for (; at + 1 < text.len; at++) {
    u8 c = text.at[at + 1];
    if (text.at[at] == '{' && (c == '{' || c == '%' || c == '#')) return at;
  }
  return text.len;
}

nf_bytes template_normalize(nf_bytes text, u8 *out) {
  writer w = {.at = out, .cap = 2 * text.len + 8};
  bool strip_left = false; /* the tag before ended with a dash */
  for (isize at = 0; at < text.len;) {
    isize tag = next_tag(text, at);
    nf_bytes plain = bytes_slice(text, at, tag);
    u8 kind = tag < text.len ? text.at[tag + 1] : 0;
    bool dash = tag + 2 < text.len && text.at[tag + 2] == '-';
    isize from = 0, to = plain.len;
    while (strip_left && from < to && ascii_is_space(plain.at[from])) from++;
    while (dash && to > from && ascii_is_space(plain.at[to - 1])) to--;
    if (kind == '%' || kind == '#') { /* lstrip_blocks: blanks between line start and tag */
      isize line = to;
      while (line > from && (plain.at[line - 1] == ' ' || plain.at[line - 1] == '\t')) line--;
      bool at_line_start =
          line > from ? plain.at[line - 1] == '\n' : at == 0 || text.at[at - 1] == '\n';
      if (at_line_start) to = line;
    }
    for (isize i = from; i < to; i++) put(&w, plain.at[i]);
    if (kind == 0) break;
    isize end = tag_end(text, tag, kind);
    if (end == text.len) break;
    isize inner_from = tag + 2 + (dash || text.at[tag + 2] == '+');
    strip_left = end > inner_from && text.at[end - 1] == '-';
    nf_bytes inner = bytes_slice(text, isize_min(inner_from, end), end - strip_left);
    if (kind == '{') put_sum(&w, inner);
    if (kind == '%') put_statement(&w, inner);
    at = end + 2;
    bool block = kind == '%' || kind == '#';
    if (block && at < text.len && text.at[at] == '\n') at++; /* trim_blocks */
  }
  return bytes_of(out, w.len);
}
