/* General categories of Unicode code points, as far as pre-tokenizers ask for them.
 * Owns the table (category_table.h, made by tools/make_unicode.py). Only for text/. */
#pragma once
#include "base/base.h"

typedef enum : u8 {
  CATEGORY_OTHER = 0,
  CATEGORY_SPACE, /* the property White_Space, which is what \s means to these regexes */
  CATEGORY_LETTER,
  CATEGORY_NUMBER,
  CATEGORY_PUNCTUATION,
  CATEGORY_SYMBOL,
  CATEGORY_MARK,
} category;

category category_of(u32 codepoint);
