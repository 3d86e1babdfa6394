/* What holds of every version an edit proposes, whoever made it (a model here or elsewhere, the
 * rules, a new line break), checked last and on the whole cue text as a player would read it: it
 * is UTF-8, has the same tags in the same order, each number as often and each protected term at
 * least as often. The guard sees the words alone and says first why an answer is poor; this sees
 * what became of them once tags and breaks are back. Owns no text; fuzz/fuzz_remote.c checks the
 * same by a second reading. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

/* null: `after` may stand for `before`, a cue text that cue_text_split takes. Otherwise why not, a
 * static phrase for a person; what cannot be checked, for want of scratch or for more spans than
 * are told apart, is refused too. */
const char *whole_refuses(nf_bytes before, nf_bytes after, nf_caption_format format,
                          const nf_bytes *protect, isize n_protect, arena scratch);
