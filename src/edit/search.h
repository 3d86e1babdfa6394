/* Answers that cannot grow too long: a few beams over the model's own distribution in which a
 * token that does not fit is never taken, looking for one that the model itself ends. For limits
 * that the greedy answer missed. Owns the beams; does NOT judge answers (outcome.c), and never
 * ends one by force: a word is never cut.
 * source beam search with a length constraint: Kikuchi et al. 2016, arXiv:1609.09552, "fixLen" */
#pragma once
#include "edit/edit.h"

constexpr isize SEARCH_BEAMS = 4;
constexpr isize SEARCH_TOKENS_MAX = 96; /* of an answer; longer captions are not searched */
constexpr isize SEARCH_ROWS_MAX = 64;   /* extended beams, of all passes together */

typedef struct {
  i32 tokens[SEARCH_TOKENS_MAX];
  isize n;
  isize branch; /* of the timeline; that of the beam it comes from as long as it is in `next` */
  f64 log_p; /* of the tokens, nats */
} search_beam;

typedef struct {
  search_beam live[SEARCH_BEAMS]; /* of one length, likeliest first */
  search_beam next[SEARCH_BEAMS]; /* the same, a token longer */
  search_beam done[SEARCH_BEAMS]; /* ended by the model, likeliest token on average first */
  isize n_live, n_next, n_done;
  isize chars_max; /* grapheme clusters an answer may have */
  isize tokens_max; /* of an answer: at most SEARCH_TOKENS_MAX, less where the context is short */
  isize n_rows;
  bool at_beams; /* the timeline branches into them */
} edit_search;

/* chars_max >= 1 */
void search_begin(edit_search *search, isize chars_max);
/* One pass, over all beams of a length together. NF_PENDING: more of them; NF_OK: the search is
 * over, done[0, n_done) is what it found. errors NF_BAD_INPUT the context is full */
[[nodiscard]] nf_status search_pass(edit *e);
