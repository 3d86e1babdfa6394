/* UTF-8 <-> code points. Owns no memory. Grapheme clusters are in grapheme.c. */
#include "base/utf8.h"

/* Length of the well-formed sequence at p (left bytes are there), 0 when there is none.
 * Unicode 17.0, table 3-7: the second byte's range is what rules out overlong forms,
 * surrogates and values past U+10FFFF. */
static isize sequence_bytes(const u8 *p, isize left) {
  u8 first = p[0];
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4 || left < 2) return 0;
  u8 low = 0x80, high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  if (p[1] < low || p[1] > high) return 0;
  isize n = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (left < n) return 0;
  for (isize i = 2; i < n; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
  }
  return n;
}

bool utf8_valid(nf_bytes text) {
  for (isize at = 0; at < text.len;) {
    isize n = sequence_bytes(text.at + at, text.len - at);
    if (n == 0) return false;
    at += n;
  }
  return true;
}

isize utf8_next(nf_bytes text, isize at, u32 *codepoint) {
  ASSERT(0 <= at && at < text.len);
  const u8 *p = text.at + at;
  isize n = sequence_bytes(p, text.len - at);
  switch (n) {
    case 1: *codepoint = p[0]; break;
    case 2: *codepoint = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu); break;
    case 3: *codepoint = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu); break;
    case 4:
      *codepoint =
          (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
      break;
    default: *codepoint = UTF8_REPLACEMENT; n = 1;
  }
  return at + n;
}

isize utf8_put(u32 cp, u8 out[4]) {
  if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) cp = UTF8_REPLACEMENT;
  if (cp < 0x80) {
    out[0] = (u8)cp;
    return 1;
  }
  isize n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
  for (isize i = n - 1; i > 0; i--) {
    out[i] = (u8)(0x80 | (cp & 0x3F));
    cp >>= 6;
  }
  static const u8 lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
  out[0] = (u8)(lead[n] | cp);
  return n;
}

isize utf16_units(nf_bytes text) {
  isize units = 0;
  for (isize at = 0; at < text.len;) {
    u32 cp;
    at = utf8_next(text, at, &cp);
    units += cp >= 0x10000 ? 2 : 1;
  }
  return units;
}
