/* See rebreak.h. */
#include "edit/rebreak.h"

#include "caption/plain.h"

static bool is_blank(u8 c) { return c == ' ' || c == '\n'; } /* where a line may break */

/* The end of the word that begins at `at`: blanks inside a tag do not end it. */
static isize word_end(nf_bytes text, isize at) {
  u8 closing = 0;
  for (; at < text.len && (closing != 0 || !is_blank(text.at[at])); at++) {
    u8 c = text.at[at];
    if (closing != 0) {
      if (c == closing) closing = 0;
    } else if (c == '<' || c == '{') {
      u8 close = c == '<' ? '>' : '}';
      nf_bytes rest = bytes_slice(text, at, text.len);
      if (bytes_find(rest, bytes_of(&close, 1)) > 0) closing = close;
    }
  }
  return at;
}

/* Breaks that mean something: speakers, lyrics, sounds. */
static bool lines_speak(nf_bytes text) {
  for (isize at = 0; at < text.len;) {
    isize end = at;
    while (end < text.len && text.at[end] != '\n') end++;
    nf_bytes line = bytes_slice(text, at, end);
    while (line.len > 0 && (line.at[0] == ' ' || line.at[0] == '<')) { /* blanks and tags */
      isize skip = line.at[0] == ' ' ? 1 : bytes_find(line, bytes_from_str(">")) + 1;
      if (skip == 0) break;
      line = bytes_slice(line, skip, line.len);
    }
    bool mark = line.len > 0 && (line.at[0] == '-' || line.at[0] == '[' || line.at[0] == '(');
    if (mark || bytes_start_with(line, bytes_from_str("\u266A")) ||
        bytes_start_with(line, bytes_from_str("\u2013"))) {
      return true;
    }
    at = end + 1;
  }
  return false;
}

/* Fill lines of at most `width`. Returns how many, or lines_max + 1 when they are more or a word
 * is wider. out may be null: count only. */
static isize fill(nf_bytes text, nf_caption_format format, isize lines_max, isize width, u8 *out,
                  isize *len) {
  isize lines = 1, used = 0, n = 0;
  for (isize at = 0; at < text.len;) {
    if (is_blank(text.at[at])) {
      at++;
      continue;
    }
    isize end = word_end(text, at);
    nf_bytes w = bytes_slice(text, at, end);
    isize chars = plain_measure(w, format).chars;
    bool first = n == 0;
    bool fits = first || used + 1 + chars <= width;
    if (chars > width) return lines_max + 1;
    if (!fits && ++lines > lines_max) return lines;
    if (out != nullptr) {
      if (!first) out[n++] = fits ? ' ' : '\n';
      bytes_copy(out + n, w.at, w.len);
    } else {
      n += !first;
    }
    n += w.len;
    used = fits && !first ? used + 1 + chars : chars;
    at = end;
  }
  *len = n;
  return lines;
}

bool rebreak(nf_bytes text, nf_caption_format format, isize lines_max, isize line_chars, u8 *out,
             isize cap, isize *len) {
  if (text.len > cap || lines_speak(text)) return false;
  isize lines = fill(text, format, lines_max, line_chars, nullptr, len);
  if (lines > lines_max) return false;
  isize width = 1;
  while (fill(text, format, lines, width, nullptr, len) > lines) width++;
  fill(text, format, lines, width, out, len);
  return true;
}
