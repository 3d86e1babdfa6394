/* Cue texts from one format's markup into the other's. Owns the rules; the file around the
 * texts is convert.c's. What the target lacks is dropped and reported, one flag a kind. */
#pragma once
#include "base/base.h"
#include "caption/buffer.h"

typedef enum : u32 {
  CONVERT_TAG = 1,      /* a tag without a counterpart */
  CONVERT_OVERRIDE = 2, /* {\...} without a counterpart */
  CONVERT_SETTING = 4,  /* position, size, region, X1:... */
  CONVERT_BLANK = 8,    /* a blank line inside the text */
  CONVERT_ARROW = 16,   /* "-->" that would have read as a time line */
  CONVERT_TIME = 32,    /* a time stamp inside the text */
} convert_loss;

/* Append the text, lines separated by '\n', no empty line, to out. Returns losses (a set of
 * convert_loss). Memory failure is out->failed.
 * settings: SRT to WebVTT writes " line:0 ..." there for {\an8} and its like (cap 64, at least);
 * WebVTT to SRT reads the cue's settings and begins the text with {\anN}. */
u32 convert_srt_text(nf_bytes text, buffer *out, char *settings, isize *settings_len);
u32 convert_vtt_text(nf_bytes text, nf_bytes settings, buffer *out);
/* Where a WebVTT cue stands, as ASS's {\anN}: 1..9, a telephone's keys upside down. What else the
 * settings ask for is added to losses. */
i32 convert_settings_place(nf_bytes settings, u32 *losses);
