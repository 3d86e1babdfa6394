/* One caption edit as a state machine: cue text + constraints -> prompt, drafted copy, verified
 * passes, gate and guard -> new cue text with its changes. A step is at most one pass of the
 * model, or a piece of a long one, so the caller can stop soon.
 *
 * Owns its buffers (in the caller's arena). Borrows vocabulary and timeline. Does NOT know
 * files, threads or clocks. The draft is the input itself: what a caption edit mostly gives back
 * (Sun et al. 2021, arXiv:2106.04970; Ge et al. 2022, arXiv:2205.10350). The tokens are exactly
 * those plain greedy decoding gives. Read next: tasks.h, align.h, guard.h. */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "edit/tuning.h"
#include "session/session.h"
#include "text/text.h"

typedef struct edit edit;

constexpr isize EDIT_TEXT_BYTES_MAX = 4096; /* longest cue text taken */

/* arena bytes edit_open takes: buffers, and the prefix snapshots of the tasks used last */
isize edit_bytes(const model *m, isize ctx_tokens);
/* errors NF_NO_MEMORY; NF_UNSUPPORTED the vocabulary has no token that ends an answer */
[[nodiscard]] nf_status edit_open(const text_vocab *vocab, text_template chat, session *timeline,
                                  const model *m, isize ctx_tokens, arena *a, edit **out);
void edit_close(edit *e); /* what does not lie in the arena */

/* tuning: the adapter of desc and what it says, borrowed until the edit is done; null: none.
 * errors NF_BAD_INPUT not UTF-8, over EDIT_TEXT_BYTES_MAX, does not fit the context, an adapter for
 *        another task; NF_UNSUPPORTED the task is not offered on the device */
[[nodiscard]] nf_status edit_begin(edit *e, const nf_edit_desc *desc, const edit_tuning *tuning,
                                   nf_error *error);
/* At most one pass, or a piece of one. NF_PENDING: call again; NF_OK: the result is there. */
[[nodiscard]] nf_status edit_step(edit *e, nf_error *error);
/* After NF_OK, borrowed until the next begin. Times in the receipt are left to the caller. */
void edit_result_get(const edit *e, nf_edit_result *result);
void edit_variant_get(const edit *e, isize i, nf_variant *variant); /* 0 <= i < n_variants */
/* Tokens the answer has so far (0: nothing decided yet). */
isize edit_output_tokens(const edit *e);
/* See nf_edit_trace. */
nf_bytes edit_trace_get(const edit *e);
