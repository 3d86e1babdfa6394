/* Shortening without a model: leave out fillers and hedges, use contractions, most dispensable
 * first, until the text fits. Never drops a number, a name or a protected term; never cuts a
 * word. English only. Owns its phrase list; the caller owns all text. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

/* Writes to out[cap >= text.len] and sets *len. chars_max counts grapheme clusters; 0: leave
 * out every plain filler, keep the rest. The result may still be too long: the caller measures.
 * Equal to `text` when there was nothing to leave out. NF_NO_MEMORY scratch too small. */
[[nodiscard]] nf_status fillers_remove(nf_bytes text, isize chars_max, const nf_bytes *protect,
                                       isize n_protect, arena *scratch, u8 *out, isize *len);
