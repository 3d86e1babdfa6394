/* Lifting protected spans out of a cue text. See cue_text.h.
 *
 * Line by line: a prefix of dashes, labels, notes and sounds; words with tags between them; a
 * suffix like the prefix. A line break stands in the plain text as one blank, but only between
 * words. Read next: cue_join.c. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "caption/cue_text.h"
#include "caption/markup.h"

typedef struct {
  nf_bytes text;
  cue_text *out;
  u8 *plain;
  isize plain_len;
  isize i_break; /* a lifted break that may still have to stand as a blank; -1 */
  bool full;
} splitter;

typedef struct {
  cue_kind kind;
  isize to; /* -1: nothing to lift here */
} liftable;

static isize blanks_end(nf_bytes text, isize at) {
  while (at < text.len && ascii_is_blank(text.at[at])) at++;
  return at;
}

/* "-", "--", en and em dashes at the start of a line; not the minus of a number. */
static isize dash_end(nf_bytes text, isize at) {
  isize i = at;
  while (i < text.len) {
    u32 c;
    isize next = utf8_next(text, i, &c);
    if (c != '-' && c != 0x2010 && c != 0x2013 && c != 0x2014) break;
    i = next;
  }
  bool minus = i == at + 1 && i < text.len && ascii_is_digit(text.at[i]);
  return i == at || minus ? -1 : i;
}

/* One to three capitalised words and a colon: "DANA:", "Dr. Who:", "MAN 2:". */
static isize label_end(nf_bytes text, isize at) {
  isize i = at, words = 0;
  while (words < 3 && i < text.len && i - at < 32) {
    u8 first = text.at[i];
    if (!ascii_is_upper(first) && first != '#' && !(ascii_is_digit(first) && words > 0)) return -1;
    while (i < text.len && (text.at[i] > ' ' && text.at[i] != ':' && text.at[i] != '<')) {
      u8 c = text.at[i];
      if (c == '!' || c == '?' || c == ',' || c == '[' || c == '(' || c == '{') return -1;
      i++;
    }
    words++;
    if (i < text.len && text.at[i] == ':') {
      u8 after = i + 1 < text.len ? text.at[i + 1] : '\n';
      return ascii_is_blank(after) || after == '\n' || after == '<' ? i + 1 : -1;
    }
    if (i >= text.len || text.at[i] != ' ') return -1;
    i++;
  }
  return -1;
}

/* "[...]" or "(...)", on one line, not nested; a bracketed sentence of speech is no sound. */
static isize sound_end(nf_bytes text, isize at) {
  u8 close = text.at[at] == '[' ? ']' : ')';
  isize blanks = 0;
  for (isize i = at + 1; i < text.len && i - at < 100; i++) {
    u8 c = text.at[i];
    if (c == close) return i + 1;
    if (c == '\n' || c == text.at[at] || c == '<' || c == '{') return -1; /* cuts no tag */
    blanks += c == ' ';
    if (close == ')' && blanks > 2) return -1;
  }
  return -1;
}

static isize music_end(nf_bytes text, isize at) {
  isize i = at;
  while (i + 2 < text.len && text.at[i] == 0xE2 && text.at[i + 1] == 0x99 &&
         text.at[i + 2] >= 0xA9 && text.at[i + 2] <= 0xAF) { /* U+2669..266F */
    i += 3;
  }
  return i == at ? -1 : i;
}

static liftable tag_at(nf_bytes text, isize at) {
  u8 c = text.at[at];
  if (c != '<' && c != '{') return (liftable){.to = -1};
  mark m;
  if (!mark_at(text, MARKUP_ANY, at, &m)) return (liftable){.to = -1};
  if (m.kind == MARK_OVERRIDE) return (liftable){CUE_OPEN, m.to};
  if (m.kind != MARK_TAG) return (liftable){.to = -1};
  return (liftable){text.at[at + 1] == '/' ? CUE_CLOSE : CUE_OPEN, m.to};
}

/* What may be lifted at the edge of a line. Dashes and labels only at its start. */
static liftable edge_at(nf_bytes text, isize at, bool start) {
  if (at >= text.len || text.at[at] == '\n') return (liftable){.to = -1};
  if (ascii_is_blank(text.at[at])) return (liftable){CUE_PAD, blanks_end(text, at)};
  liftable tag = tag_at(text, at);
  if (tag.to >= 0) return tag;
  if (text.at[at] == '[' || text.at[at] == '(') return (liftable){CUE_SOUND, sound_end(text, at)};
  isize to = music_end(text, at);
  if (to >= 0) return (liftable){CUE_MUSIC, to};
  if (!start) return (liftable){.to = -1};
  to = dash_end(text, at);
  if (to >= 0) return (liftable){CUE_DASH, to};
  return (liftable){CUE_LABEL, label_end(text, at)};
}

static bool suffix_begins(nf_bytes text, isize at) {
  while (at < text.len && text.at[at] != '\n') {
    liftable one = edge_at(text, at, false);
    if (one.to < 0) return false;
    at = one.to;
  }
  return true;
}

static void lift(splitter *s, cue_kind kind, isize from, isize to) {
  if (s->out->n_spans == CUE_SPANS_MAX) {
    s->full = true;
    return;
  }
  s->out->spans[s->out->n_spans++] =
      (cue_span){.from = (i32)from, .to = (i32)to, .at = (i32)s->plain_len, .kind = kind};
}

static void plain_add(splitter *s, nf_bytes bytes) {
  if (s->i_break >= 0 && s->plain_len > 0) { /* the break lies between words: one blank */
    cue_span *spans = s->out->spans;
    s->plain[s->plain_len++] = ' ';
    spans[s->i_break].plain_len = 1;
    for (isize i = s->i_break + 1; i < s->out->n_spans; i++) spans[i].at++;
  }
  s->i_break = -1;
  bytes_copy(s->plain + s->plain_len, bytes.at, bytes.len);
  s->plain_len += bytes.len;
}

static isize edge_lift(splitter *s, isize at, bool start) {
  for (;;) {
    liftable one = edge_at(s->text, at, start);
    if (one.to < 0 || s->full) return at;
    lift(s, one.kind, at, one.to);
    at = one.to;
  }
}

/* A note or [sound] among the words: lifted with the blanks behind it when there are blanks
 * before it too, so that the words around it stay one blank apart. */
static isize inner_lift(splitter *s, isize at) {
  nf_bytes text = s->text;
  isize to = text.at[at] == '[' ? sound_end(text, at) : music_end(text, at);
  if (to < 0) return -1;
  bool blank_before = at > 0 && ascii_is_blank(text.at[at - 1]);
  isize after = blanks_end(text, to);
  if (!blank_before && after == to) return -1; /* it holds two words apart: it stays */
  lift(s, text.at[at] == '[' ? CUE_SOUND : CUE_MUSIC, at, blank_before ? after : to);
  return blank_before ? after : to;
}

static isize reference_lift(splitter *s, isize at) {
  mark m;
  if (!mark_at(s->text, MARKUP_ANY, at, &m)) return -1;
  u8 utf8[4];
  bool nbsp = m.codepoint == 0xA0 || m.codepoint == ' ' || m.codepoint == '\n' ||
              m.codepoint == '\r' || m.codepoint == '\t';
  nf_bytes plain = nbsp ? bytes_of(" ", 1) : bytes_of(utf8, utf8_put(m.codepoint, utf8));
  if (s->out->n_spans + 1 >= CUE_SPANS_MAX) {
    s->full = true;
    return m.to;
  }
  bool control = m.codepoint < ' ' && !nbsp; /* nothing a model should see */
  if (control || (s->plain_len == 0 && nbsp)) { /* the plain text begins with a word */
    lift(s, CUE_OPEN, at, m.to);
    return m.to;
  }
  plain_add(s, plain);
  lift(s, CUE_REFERENCE, at, m.to);
  cue_span *span = &s->out->spans[s->out->n_spans - 1];
  span->at -= (i32)plain.len;
  span->plain_len = (i32)plain.len;
  s->out->references = true;
  return m.to;
}

static isize line_split(splitter *s, isize at) {
  nf_bytes text = s->text;
  at = edge_lift(s, at, true);
  while (at < text.len && text.at[at] != '\n' && !s->full) {
    u8 c = text.at[at];
    bool special = ascii_is_blank(c) || c == '<' || c == '{' || c == '[' || c == '(' || c >= 0x80;
    if (special && suffix_begins(text, at)) return edge_lift(s, at, false);
    liftable tag = tag_at(text, at);
    isize next = -1;
    if (tag.to >= 0) {
      lift(s, tag.kind, at, tag.to);
      next = tag.to;
    } else if (c == '&') {
      next = reference_lift(s, at);
    } else if (c == '[' || c == 0xE2) {
      next = inner_lift(s, at);
    }
    if (next < 0) {
      u32 codepoint;
      next = utf8_next(text, at, &codepoint);
      plain_add(s, bytes_slice(text, at, next));
    }
    at = next;
  }
  return at;
}

/* Blanks that ended up at the end of the plain text (before a tag, as references) are lifted:
 * the plain text ends with a word. Only references and plain blanks can be there. */
static void end_trim(splitter *s) {
  cue_text *out = s->out;
  while (s->plain_len > 0 && out->n_spans > 0 && s->plain[s->plain_len - 1] == ' ') {
    bool found = false;
    for (isize i = out->n_spans - 1; i >= 0 && !found; i--) {
      cue_span *span = &out->spans[i];
      if (span->plain_len == 0 || span->at + span->plain_len != s->plain_len) continue;
      span->plain_len = 0; /* the reference or break itself stays in the text */
      if (span->kind == CUE_REFERENCE) span->kind = CUE_CLOSE;
      for (isize k = i + 1; k < out->n_spans; k++) out->spans[k].at--;
      s->plain_len--;
      found = true;
    }
    if (!found) return;
  }
}

nf_status cue_text_split(nf_bytes text, cue_text *split, u8 *plain, isize *plain_len) {
  split->n_spans = split->plain_len = 0;
  split->references = false;
  splitter s = {.text = text, .out = split, .plain = plain, .i_break = -1};
  for (isize at = 0; at < text.len;) {
    at = line_split(&s, at);
    if (s.full) return NF_BAD_INPUT;
    if (at >= text.len) break;
    lift(&s, CUE_BREAK, at, at + 1);
    if (s.full) return NF_BAD_INPUT;
    if (s.i_break < 0) s.i_break = split->n_spans - 1;
    at++;
  }
  end_trim(&s);
  split->plain_len = *plain_len = s.plain_len;
  return NF_OK;
}
