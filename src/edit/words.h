/* Text as words, and the difference of two texts in words. A word is a run of letters, digits
 * and apostrophes (bytes >= 0x80 count as letters), a run of white space, or one other byte.
 * Owns nothing; does not know tags, tokens or languages. Read next: guard.h, edit.h. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

typedef enum : u8 { WORD_LETTERS, WORD_NUMBER, WORD_SPACE, WORD_OTHER } word_kind;

typedef struct {
  nf_bytes text; /* borrowed */
  word_kind kind; /* WORD_NUMBER: letters and digits with at least one digit */
} word;

typedef struct {
  const word *at;
  isize n;
} word_list;

/* Concatenated, the words are the text. null list and NF_NO_MEMORY when the arena is small:
 * it takes at most text.len * sizeof(word). */
[[nodiscard]] nf_status words_split(nf_bytes text, arena *a, word_list *out);

/* Letters compared without case (ASCII only); everything else byte for byte. */
bool word_same_letters(nf_bytes a, nf_bytes b);

/* Letters to put in, leave out, exchange, or swap with the next one, to make one word of the other;
 * case aside (ASCII). Words over 32 bytes: as many as the longer one has.
 * source Boytsov 2011, "Indexing methods for approximate dictionary searching", the optimal string
 * alignment distance */
isize word_distance(nf_bytes a, nf_bytes b);

/* How often `term` stands in `text` byte for byte, not inside a longer run of ASCII letters. */
isize term_count(nf_bytes text, nf_bytes term);
bool term_stands_at(nf_bytes text, isize i, nf_bytes term); /* one of those that count */

/* The fewest whole-word replacements that turn `before` into `after`, ascending, merged when
 * only white space lies between them. Offsets are bytes and UTF-16 units of `before`;
 * replacements borrow from `after`. changes[cap > 512], or words of `before` + 1 if less.
 * source Wagner & Fischer 1974 (longest common subsequence); texts whose differing middle is
 * over 512 words give one replacement of that middle. Uses and gives back scratch. */
[[nodiscard]] nf_status words_diff(nf_bytes before, nf_bytes after, arena *scratch,
                                   nf_change *changes, isize cap, isize *n);
