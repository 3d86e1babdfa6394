/* Which words of one text are words of another: tokens and their longest common subsequence.
 * Shared by cue_join.c and its tests. Owns nothing. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

typedef struct {
  i32 from, to; /* bytes of the text; never blanks */
  i32 match;    /* index of the same token in the other text, -1: none */
} cue_token;

typedef struct {
  cue_token *at;
  isize n;
} cue_tokens;

/* Words, single punctuation marks, single CJK characters. NF_NO_MEMORY: the arena is too small;
 * text.len tokens are the most. */
[[nodiscard]] nf_status cue_tokens_read(nf_bytes text, arena *a, cue_tokens *out);

/* Fill both `match` lists. Common ends first; the middle by dynamic programming (Wagner &
 * Fischer 1974) when its table fits CUE_ALIGN_CELLS and the scratch, else it stays unmatched. */
constexpr isize CUE_ALIGN_CELLS = 1 << 18;
void cue_tokens_align(nf_bytes old_text, cue_tokens *olds, nf_bytes new_text, cue_tokens *news,
                      arena scratch);
