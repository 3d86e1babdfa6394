/* Lines of a text: "\n", "\r\n" and a lone "\r" all end one. Walking only; owns nothing. */
#pragma once
#include "base/base.h"

typedef enum : u8 { EOL_NONE = 0, EOL_LF, EOL_CRLF, EOL_CR } line_end;

typedef struct {
  isize from, to; /* content, without its end */
  isize next;     /* start of the next line; == text.len after the last */
  line_end end;
} text_line;

/* The line that begins at `from` (0 <= from <= text.len). */
static inline text_line line_at(nf_bytes text, isize from) {
  isize i = from;
  while (i < text.len && text.at[i] != '\n' && text.at[i] != '\r') i++;
  if (i == text.len) return (text_line){from, i, i, EOL_NONE};
  if (text.at[i] == '\n') return (text_line){from, i, i + 1, EOL_LF};
  if (i + 1 < text.len && text.at[i + 1] == '\n') return (text_line){from, i, i + 2, EOL_CRLF};
  return (text_line){from, i, i + 1, EOL_CR};
}

static inline const char *line_end_str(line_end end) {
  return end == EOL_CRLF ? "\r\n" : end == EOL_CR ? "\r" : "\n";
}

/* Nothing to see on it: blanks and control bytes (a Ctrl-Z at the end of old files) only. */
static inline bool line_is_blank(nf_bytes text, text_line line) {
  for (isize i = line.from; i < line.to; i++) {
    if (text.at[i] > 0x20) return false;
  }
  return true;
}
