/* A cue text = plain words + protected spans. Split lifts out what a language model must not
 * touch (tags, overrides, line breaks, dialogue dashes, music notes, speaker labels, [sounds]);
 * join puts it back around an edited version of the words.
 *
 * Lossless: join(split(text), plain) == text, whatever the text (fuzzed). When words changed,
 * spans follow the words they stood at, found by a longest common subsequence; they keep their
 * order, so tags stay balanced. Only a break that has no place left (one line's words were
 * all deleted) goes, with its dash.
 * Owns nothing: positions refer to the caller's text. cue_split.c, cue_join.c, cue_align.c. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

constexpr isize CUE_SPANS_MAX = 256;
constexpr isize CUE_LINE_CHARS = 42; /* a break moves when its line would grow over this */

typedef enum : u8 {
  CUE_PAD = 0,   /* blanks at the edge of a line */
  CUE_OPEN,      /* a tag that stays before its word: <i>, <00:01.000>, {\an8} */
  CUE_CLOSE,     /* a tag that stays behind its word: </i> */
  CUE_BREAK,     /* '\n' */
  CUE_DASH,      /* "-" before a speaker's words */
  CUE_MUSIC,     /* a note */
  CUE_LABEL,     /* "DANA:" */
  CUE_SOUND,     /* "[noise]", "(laughs)" */
  CUE_REFERENCE, /* "&amp;": the plain text has the character */
} cue_kind;

typedef struct {
  i32 from, to;      /* the span's bytes in the cue text */
  i32 at, plain_len; /* what stands for it in the plain text; plain_len is mostly 0 */
  cue_kind kind;
} cue_span;

typedef struct {
  cue_span spans[CUE_SPANS_MAX]; /* ascending */
  isize n_spans, plain_len;
  bool references; /* the text writes '&' and '<' as references: new ones are written so too */
} cue_text;

/* text: UTF-8, lines separated by '\n', under 1 GiB. plain: room for text.len bytes; it gets one
 * line without blanks at its ends.
 * errors NF_BAD_INPUT more than CUE_SPANS_MAX spans */
[[nodiscard]] nf_status cue_text_split(nf_bytes text, cue_text *split, u8 *plain, isize *plain_len);

/* text: the one that was split. plain: the edited words. out[cap], *out_len. scratch is used and
 * given back; with too little of it words in the middle count as replaced.
 * errors NF_NO_MEMORY scratch under cue_text_join_bytes, or more than cap bytes of result
 *        (text.len + 6 * plain.len is always enough) */
[[nodiscard]] nf_status cue_text_join(const cue_text *split, nf_bytes text, nf_bytes plain,
                                      arena scratch, u8 *out, isize cap, isize *out_len);
/* Scratch that join needs for these lengths (about 40 bytes a byte at worst). */
isize cue_text_join_bytes(isize text_len, isize plain_len);
