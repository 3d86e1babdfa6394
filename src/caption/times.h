/* Time stamps of SRT and WebVTT: text <-> milliseconds. Reading is forgiving and says what it
 * had to forgive; writing follows the format. Owns nothing.
 * source WebVTT: W3C "WebVTT: The Web Video Text Tracks Format", section 4.1 (time stamps),
 *        6.3; SRT has no standard, read as ffmpeg's libavformat/srtdec.c reads it */
#pragma once
#include "base/base.h"
#include "base/text_out.h"

typedef struct {
  isize start_from, start_to, end_from, end_to; /* where the two times are written */
  isize rest_from, rest_to;                     /* what follows, blanks trimmed; may be empty */
  i64 start_ms, end_ms;
  const char *odd; /* static; null: as the format wants it */
} time_line;

/* Read text[from, to) as "START --> END rest". false: it is not such a line.
 * Accepts hours of any width or none, '.', ',' or ':' before the milliseconds, 1 to 9 digits
 * of them (three count), and no milliseconds at all. */
bool time_line_read(nf_bytes text, isize from, isize to, nf_caption_format format, time_line *out);
/* A line with an arrow that begins like a time but is none: a damaged time line, not text. */
bool time_line_damaged(nf_bytes text, isize from, isize to);

constexpr isize TIME_TEXT_BYTES = 32;
/* Write one time stamp; `like` is an older one of the same file ("" if none), whose
 * decimal sign and missing hours are kept. ms >= 0. out has room for TIME_TEXT_BYTES. */
isize time_write(i64 ms, nf_caption_format format, nf_bytes like, u8 *out);
