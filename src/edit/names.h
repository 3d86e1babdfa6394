/* What an edit must leave as it is: numbers, names (by case and by a list), the user's terms.
 * Finds them in a text and tells whether another text still has them. English, by spelling only.
 * Owns no text; does not decide what becomes of an edit (guard.h) nor force tokens (decode.c). */
#pragma once
#include "edit/words.h"

/* A word that carries no content of its own, or one of them contracted ("you're"). */
bool is_small_word(nf_bytes w);
/* "um", "er": what may go wherever it stands. */
bool is_filler(nf_bytes w);
/* "Sca- Scarecrow": word i was begun, and then said. */
bool is_false_start(word_list list, isize i);
/* Word i has a capital inside a sentence and is no small word or false start, or is a weekday or
 * month. Its case may be mended. */
bool name_at(word_list list, isize i);
/* Is the name there, case, a possessive 's and apostrophes aside? */
bool name_kept(word_list list, nf_bytes name);

typedef enum : u8 { KEEP_NUMBER, KEEP_NAME, KEEP_TERM } keep_kind;
typedef struct {
  i32 from, to; /* bytes of the text */
  keep_kind kind;
} keep_span;
/* At most cap spans, ascending by `from`; they may overlap (a number within a term).
 * NF_NO_MEMORY: scratch too small (text.len * sizeof(word)) */
[[nodiscard]] nf_status keep_find(nf_bytes text, const nf_bytes *terms, isize n_terms,
                                  arena scratch, keep_span *spans, isize cap, isize *n);
/* The first span of `text` that `other` lost: said less often there. n: none was. */
[[nodiscard]] nf_status keep_lost(nf_bytes text, const keep_span *spans, isize n, nf_bytes other,
                                  arena scratch, isize *first);
