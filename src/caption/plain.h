/* What a viewer sees of a cue text, and how long that is. Owns nothing. */
#pragma once
#include "base/base.h"

/* As nf_caption_plain: tags and overrides removed, references decoded, '\n' between lines.
 * At most cap bytes are written (whole characters); returns the full length, never above
 * text.len. */
isize plain_text(nf_bytes text, nf_caption_format format, u8 *out, isize cap);

/* As nf_measure. Lines longer than PLAIN_LINE_BYTES are measured in pieces of that size, which
 * may count a cluster at a seam twice. "" has no line. */
constexpr isize PLAIN_LINE_BYTES = 4096;
nf_text_measure plain_measure(nf_bytes text, nf_caption_format format);
