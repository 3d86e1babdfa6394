/* What an answer costs when drafts follow align.h's guesses: no model is needed, for speculation
 * changes no token. Guesses beside the likeliest are looked at as far as a pass of `rows` rows has
 * room for them (session_verify_tree: on a CPU few, on a GPU all). */
#pragma once
#include "edit/align.h"

typedef struct {
  isize passes, drafted, accepted; /* as nf_receipt has them */
} align_cost;

/* Source tokens [at, at + n) are those of an earlier guess of the same pass. */
static inline bool align_repeats(const align *a, const isize *looked, isize i_guess, isize n) {
  const i32 *ids = a->source.ids, *own = ids + a->guesses[i_guess];
  for (isize j = 0; j < i_guess; j++) {
    isize same = 0;
    while (same < isize_min(n, looked[j]) && ids[a->guesses[j] + same] == own[same]) same++;
    if (same == n) return true;
  }
  return false;
}

/* answer[n_answer] ends with the source's last token; texts as in align_source. */
static inline align_cost align_passes(align_source source, align_source answer, isize rows) {
  align a = align_start(source, 0);
  align_cost cost = {};
  for (isize given = 0;;) {
    isize best = 0, i_best = 0, free = rows, looks[ALIGN_GUESSES_MAX] = {};
    cost.passes++;
    for (isize g = 0; g < a.n_guesses; g++) {
      isize at = a.guesses[g], n = 0;
      isize looked = source.n - at;
      if (g > 0) looked = isize_min(looked, free - 1);
      if (looked <= 0 || align_repeats(&a, looks, g, looked)) continue;
      looks[g] = looked;
      free -= 1 + looked;
      cost.drafted += looked;
      while (n < looked && given + n < answer.n && source.ids[at + n] == answer.ids[given + n]) {
        n++;
      }
      if (n > best) best = n, i_best = g;
    }
    given += best;
    cost.accepted += best;
    if (given >= answer.n - 1) return cost; /* the end was accepted, or is what comes next */
    isize from = given > 0 ? answer.ends[given - 1] : 0;
    nf_bytes text = bytes_of(answer.text + from, answer.ends[given] - from);
    align_leave(&a, i_best, best, answer.ids[given++], text);
  }
}
