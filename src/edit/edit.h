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
/* ---- prefix_file.c: what the edits of a task and adapter begin with, as bytes to keep ---- */
typedef struct {
  const nf_edit_desc *desc; /* task, even_if_poor */
  const edit_tuning *tuning; /* as edit_begin's */
  nf_bytes model, kernels; /* what the values depend on beside adapter and tokens */
} edit_prefix_ask;
typedef struct {
  u8 key[32]; /* SHA-256 of all that the values depend on */
  isize file_bytes; /* of its file; 0: nothing to keep (a GPU's cache, no common beginning) */
  bool ready; /* it is in memory */
} edit_prefix_facts;
/* Each of them drops what is being edited. errors of all: as edit_begin's of such a request */
[[nodiscard]] nf_status edit_prefix_find(edit *e, const edit_prefix_ask *ask,
                                         edit_prefix_facts *facts, nf_error *error);
/* Writes file[file_bytes <= cap). errors NF_BAD_INPUT it is not ready, or has no file; cap is
 * less */
[[nodiscard]] nf_status edit_prefix_write(edit *e, const edit_prefix_ask *ask, u8 *file, isize cap,
                                          nf_error *error);
/* Takes the prefix from a file of any bytes; ready already: does nothing. errors NF_BAD_INPUT no
 * such file, or damaged; NF_UNSUPPORTED of another version or key. Nothing is taken then */
[[nodiscard]] nf_status edit_prefix_read(edit *e, const edit_prefix_ask *ask, nf_bytes file,
                                         nf_error *error);

/* Tokens the answer has so far (0: nothing decided yet). */
isize edit_output_tokens(const edit *e);
/* See nf_edit_trace. */
nf_bytes edit_trace_get(const edit *e);
