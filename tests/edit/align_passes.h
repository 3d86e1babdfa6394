/* How many passes an answer costs when drafts follow align.h's guesses: no model is needed, for
 * speculation changes no token. Guesses beside the likeliest are looked at as far as a pass of
 * `rows` rows has room for them (session_verify_tree: on a CPU few, on a GPU all). */
#pragma once
#include "edit/align.h"

/* answer[n_answer] ends with the source's last token; texts as in align_source. */
static inline isize align_passes(align_source source, align_source answer, isize rows) {
  align a = align_start(source, 0);
  for (isize given = 0, passes = 1;; passes++) {
    isize best = 0, i_best = 0, free = rows;
    for (isize g = 0; g < a.n_guesses; g++) {
      isize at = a.guesses[g], n = 0;
      isize looked = source.n - at;
      if (g > 0) looked = isize_min(looked, free - 1);
      if (looked <= 0) continue;
      free -= 1 + looked;
      while (n < looked && given + n < answer.n && source.ids[at + n] == answer.ids[given + n]) {
        n++;
      }
      if (n > best) best = n, i_best = g;
    }
    given += best;
    if (given >= answer.n - 1) return passes; /* the end was accepted, or is what comes next */
    isize from = given > 0 ? answer.ends[given - 1] : 0;
    nf_bytes text = bytes_of(answer.text + from, answer.ends[given] - from);
    align_leave(&a, i_best, best, answer.ids[given++], text);
  }
}
