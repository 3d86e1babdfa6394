/* What inside a cue text is not plain text: tags, {\overrides}, character references, line
 * breaks. One walk, used by plain text, measuring, conversion and protected spans.
 * Owns nothing. source W3C WebVTT section 6.4 (cue text tokenizer) and 4.2.2; SRT has no
 * standard: a tag is '<' letter ... '>' or its closing form, on one line */
#pragma once
#include "base/base.h"

typedef enum : u8 {
  MARK_TEXT = 0, /* a run of characters that stand for themselves */
  MARK_TAG,      /* <i>, </i>, <c.loud>, <v Dana>, <00:01.000> */
  MARK_OVERRIDE, /* {\an8}: ASS's, common in SRT; in WebVTT players show it */
  MARK_ENTITY,   /* &amp; (WebVTT only) */
  MARK_BREAK,    /* '\n' */
} mark_kind;

typedef struct {
  mark_kind kind;
  isize from, to;
  u32 codepoint; /* MARK_ENTITY: the character */
} mark;

/* For callers that know no format: SRT's tags and time stamps are tags, references are
 * references. A lone '<' or '&' stays text in all of them. */
constexpr nf_caption_format MARKUP_ANY = (nf_caption_format)2;

/* The piece at text[at], 0 <= at < text.len. Pieces follow each other without a gap. */
mark mark_next(nf_bytes text, nf_caption_format format, isize at);

/* Does something other than plain text begin at text[at]? Then it is *out. */
bool mark_at(nf_bytes text, nf_caption_format format, isize at, mark *out);

typedef struct {
  bool closing;
  bool time;        /* <00:01.000> */
  nf_bytes name;    /* "i", "c", "font" as written; "" for a time stamp */
  nf_bytes classes; /* ".loud.red" or "" (WebVTT) */
  nf_bytes rest;    /* annotation or attributes, blanks trimmed */
} tag_parts;
tag_parts tag_read(nf_bytes tag); /* the bytes of a MARK_TAG */
bool tag_name_is(const tag_parts *tag, const char *lower_name); /* ignores ASCII case */
