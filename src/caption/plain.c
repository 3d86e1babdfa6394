/* See plain.h. One walk over the pieces of markup.h feeds a sink. */
#include "caption/plain.h"

#include "base/utf8.h"
#include "caption/markup.h"

/* The visible bytes of one piece; `spare` holds a decoded reference. */
static nf_bytes visible(nf_bytes text, nf_caption_format format, mark m, u8 spare[4]) {
  switch (m.kind) {
    case MARK_TEXT:
    case MARK_BREAK: return bytes_slice(text, m.from, m.to);
    case MARK_ENTITY: return bytes_of(spare, utf8_put(m.codepoint, spare));
    case MARK_OVERRIDE: return format == NF_VTT ? bytes_slice(text, m.from, m.to) : (nf_bytes){};
    case MARK_TAG: break;
  }
  return (nf_bytes){};
}

isize plain_text(nf_bytes text, nf_caption_format format, u8 *out, isize cap) {
  isize len = 0;
  bool full = false;
  for (isize at = 0; at < text.len;) {
    mark m = mark_next(text, format, at);
    u8 spare[4];
    nf_bytes seen = visible(text, format, m, spare);
    if (!full && seen.len > 0) {
      isize n = isize_min(seen.len, cap - len);
      while (n > 0 && n < seen.len && (seen.at[n] & 0xC0) == 0x80) n--;
      if (n > 0) bytes_copy(out + len, seen.at, n);
      full = n < seen.len;
    }
    len += seen.len;
    at = m.to;
  }
  return len;
}

typedef struct {
  u8 line[PLAIN_LINE_BYTES];
  isize len;
  i32 line_chars;
  nf_text_measure sum;
} measurer;

static void line_flush(measurer *m) {
  m->line_chars += (i32)grapheme_count(bytes_of(m->line, m->len));
  m->len = 0;
}

static void line_finish(measurer *m) {
  line_flush(m);
  m->sum.chars += m->line_chars;
  if (m->line_chars > m->sum.line_chars_max) m->sum.line_chars_max = m->line_chars;
  m->sum.lines++;
  m->line_chars = 0;
}

nf_text_measure plain_measure(nf_bytes text, nf_caption_format format) {
  measurer m;
  m.len = m.line_chars = 0;
  m.sum = (nf_text_measure){};
  for (isize at = 0; at < text.len;) {
    mark piece = mark_next(text, format, at);
    at = piece.to;
    if (piece.kind == MARK_BREAK) {
      line_finish(&m);
      continue;
    }
    u8 spare[4];
    nf_bytes seen = visible(text, format, piece, spare);
    for (isize i = 0; i < seen.len; i++) {
      bool starts = (seen.at[i] & 0xC0) != 0x80;
      if (m.len > PLAIN_LINE_BYTES - 8 && starts) line_flush(&m);
      if (m.len == PLAIN_LINE_BYTES) line_flush(&m);
      m.line[m.len++] = seen.at[i];
    }
  }
  if (text.len > 0) line_finish(&m);
  return m.sum;
}
