/* Captions as an ASS script (Advanced SubStation Alpha) that draws them over a picture. What it
 * holds is ours alone: the text is escaped, bold, italic, underline and the nine places are written
 * anew, every other tag or override of the file is dropped, so that no file can ask a renderer for
 * more than letters. Owns nothing; the rules of cue markup are convert.h's and markup.h's.
 * source libass 0.17, ass_parse.c: "\{" is a brace, "\N" a line end, "{\...}" an override */
#pragma once
#include "caption/document.h"

/* What one frame may cost: a cue's visible text, and cues on the screen at a time. */
constexpr isize ASS_CUE_BYTES_MAX = 4000;
constexpr i32 ASS_AT_ONCE_MAX = 16;

/* Into doc->out; as nf_caption_ass. */
[[nodiscard]] nf_status caption_write_ass(caption_doc *doc, const nf_ass_desc *desc,
                                          nf_error *error);
