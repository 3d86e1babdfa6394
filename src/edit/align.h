/* Where in the source an answer goes on after it left the source: the guess that makes the next
 * draft. Pure arithmetic on token lists; a wrong guess costs a pass, never a wrong token.
 * source Sun et al. 2021, arXiv:2106.04970 (input-guided aggressive decoding) */
#pragma once
#include "base/base.h"

/* Follows one answer through its source. */
typedef struct {
  const i32 *source; /* [n], borrowed */
  isize n;
  isize next;     /* source position that the answer is thought to copy next */
  isize anchor;   /* first source position not known to be passed */
  isize rejected; /* drafts in a row of which not one token was accepted */
} align;

/* The answer copied `n_accepted` tokens from `next` and then gave `token` instead of the source's
 * own. Moves `next` to the likeliest continuation: after a near place of `token` (what lies
 * between was deleted), else after the token it stands for (substituted). */
void align_leave(align *a, isize n_accepted, i32 token);

/* Draft to offer: source[next, n). 0 while the answer is off the source (two drafts in a row
 * rejected): then plain steps, until align_rejoin. */
static inline isize align_draft_tokens(const align *a) {
  return a->rejected >= 2 ? 0 : a->n - a->next;
}

/* In plain steps: the last two tokens given. Returns to drafting when they stand next to each
 * other in the source. */
void align_rejoin(align *a, i32 before_last, i32 last);
