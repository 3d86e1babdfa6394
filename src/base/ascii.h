/* Classes of ASCII characters: a code point above 0x7F, or a byte of one, belongs to none. Does
 * NOT know Unicode: text/category.h. */
#pragma once
#include "base/base.h"

static inline bool ascii_is_digit(u32 c) { return c >= '0' && c <= '9'; }
static inline bool ascii_is_upper(u32 c) { return c >= 'A' && c <= 'Z'; }
static inline bool ascii_is_letter(u32 c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
static inline bool ascii_is_blank(u32 c) { return c == ' ' || c == '\t'; }
static inline bool ascii_is_space(u32 c) { return ascii_is_blank(c) || c == '\n' || c == '\r'; }
static inline u8 ascii_lower(u8 c) { return ascii_is_upper(c) ? (u8)(c + 32) : c; }

/* Is `a`, with its capitals made small, `lower`? */
static inline bool ascii_equal_lower(nf_bytes a, const char *lower) {
  nf_bytes b = bytes_from_str(lower);
  if (a.len != b.len) return false;
  for (isize i = 0; i < a.len; i++) {
    if (ascii_lower(a.at[i]) != b.at[i]) return false;
  }
  return true;
}
