/* Length of a cue text whose format is not known (an edit request): tags of both formats are
 * not counted, references count as one character. See plain.h for the exact measures. */
#pragma once
#include "caption/markup.h"
#include "caption/plain.h"

typedef nf_text_measure text_measure;
static inline text_measure caption_measure(nf_bytes cue) { return plain_measure(cue, MARKUP_ANY); }
