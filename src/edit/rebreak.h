/* Line breaks of a cue text that has too many lines: its words re-flowed over fewer, by the lint
 * profile's line length, as even as can be. Knows tags (never broken inside), not tasks. */
#pragma once
#include "base/base.h"

/* out[cap >= text.len], *len. A line holds at most line_chars visible characters; the fewest lines
 * that takes, then the narrowest width.
 * false, nothing written: it takes over lines_max lines; or a line begins with a dash, a note or a
 * sound ("- Yes.", "♪", "[door]"), whose breaks say who speaks; or text.len > cap */
bool rebreak(nf_bytes text, nf_caption_format format, isize lines_max, isize line_chars, u8 *out,
             isize cap, isize *len);
