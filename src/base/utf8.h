/* UTF-8: check, decode, encode; user-perceived characters (grapheme clusters); lengths in
 * UTF-16 units, which is how JavaScript counts.
 *
 * Owns the grapheme table (grapheme_table.h, made by tools/make_unicode.py). Allocates nothing.
 * Does NOT normalise, change case or measure columns on a screen.
 * Damaged text never stops anything here: a byte that starts no well-formed sequence counts as
 * one U+FFFD of length 1.
 * Source: Unicode 17.0, chapter 3.9 (UTF-8) and UAX #29 (grapheme clusters). */
#pragma once
#include "base/base.h"

constexpr u32 UTF8_REPLACEMENT = 0xFFFD;

/* Well-formed throughout: no overlong forms, no surrogates, nothing past U+10FFFF. */
bool utf8_valid(nf_bytes text);

/* Decode the code point at text[at]; returns the position after it, at most 4 further.
 * A damaged byte gives UTF8_REPLACEMENT and at + 1 (a real U+FFFD is 3 bytes long).
 * 0 <= at < text.len */
isize utf8_next(nf_bytes text, isize at, u32 *codepoint);

/* Encode; returns 1..4, the bytes written. What is no Unicode scalar value becomes U+FFFD. */
isize utf8_put(u32 codepoint, u8 out[4]);

/* End of the extended grapheme cluster that starts at text[at]; 0 <= at < text.len. Scanning
 * from 0 gives the clusters of the text; `at` must be a place such a scan stops at. */
isize grapheme_next(nf_bytes text, isize at);
isize grapheme_count(nf_bytes text);

/* Length of the text as a JavaScript string. Exact for well-formed text; a damaged byte is 1. */
isize utf16_units(nf_bytes text);
