/* See align.h. */
#include "edit/align.h"

constexpr isize DELETED_TOKENS_MAX = 6;

void align_leave(align *a, isize n_accepted, i32 token) {
  if (n_accepted > 0) {
    a->anchor = a->next += n_accepted;
    a->rejected = 0;
  } else {
    a->rejected++;
  }
  isize to = isize_min(a->n, a->anchor + DELETED_TOKENS_MAX + 1);
  for (isize i = a->anchor; i < to; i++) {
    if (a->source[i] == token) {
      a->next = i + 1;
      return;
    }
  }
  a->next = isize_min(a->next + 1, a->n);
}

void align_rejoin(align *a, i32 before_last, i32 last) {
  for (isize i = isize_max(a->anchor, 1); i < a->n; i++) {
    if (a->source[i - 1] == before_last && a->source[i] == last) {
      a->next = a->anchor = i + 1;
      a->rejected = 0;
      return;
    }
  }
}
