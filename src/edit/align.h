/* Where in the source an answer goes on after it left the source: ranked guesses, each the start
 * of a draft. Pure arithmetic on token lists and their texts; a wrong guess costs a pass, never a
 * wrong token. Does NOT run the model (edit.c), nor know tasks.
 * source Sun et al. 2021, arXiv:2106.04970 (input-guided aggressive decoding) */
#pragma once
#include "base/base.h"

constexpr isize ALIGN_GUESSES_MAX = 3;

/* The source as tokens with their texts; the last one ends an answer and has no text. Borrowed. */
typedef struct {
  const i32 *ids;  /* [n] */
  const i32 *ends; /* [n] text of token i: text[i > 0 ? ends[i - 1] : 0, ends[i]) */
  const u8 *text;
  isize n;
} align_source;

/* Follows one answer through its source. */
typedef struct {
  align_source source;
  isize guesses[ALIGN_GUESSES_MAX]; /* source positions to go on at, likeliest first */
  isize n_guesses;                  /* 0: a plain step */
  isize anchor;   /* first source position not known to be passed */
  isize off;      /* tokens given since the answer left the source at `anchor` */
  isize rejected; /* drafts in a row of which not one token was accepted */
  i32 before;     /* the last token but one, -1: none */
} align;

/* The one guess is source[at, n): at 0 the whole of it. */
align align_start(align_source source, isize at);

/* Guess `i_guess` (ignored after a plain step) was right for n_accepted tokens; then came `token`,
 * whose text is `text`, instead of the source's own. Ranks the guesses anew:
 *   deletion      `token` stands a little further on in the source: behind that place
 *   substitution  behind the source's token, or its whole word when `token` begins a word
 *   insertion     where the source was left: punctuation and small words are mostly added
 *   two for one   when `token` follows one that stood for nothing: where the source was left
 * After three drafts in a row that were rejected at once only a token that stands in the source
 * makes a guess again (input-guided fallback to plain steps). */
void align_leave(align *a, isize i_guess, isize n_accepted, i32 token, nf_bytes text);
