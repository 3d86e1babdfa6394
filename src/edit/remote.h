/* An edit that a model elsewhere answers: what that model is asked, and what of its answers stands.
 * Owns prompt and cleaning; the constraints are those of every edit (outcome.c), but for the gate,
 * which needs the model's likelihoods. Does NOT send anything. Foreign text comes in here: it is
 * bounded, valid and plain before anything else looks at it. Read next: guard.h. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

typedef struct edit_remote edit_remote;

constexpr isize REMOTE_ANSWER_BYTES_MAX = 8192; /* longer is no answer to a caption */

isize edit_remote_bytes(void); /* arena bytes edit_remote_open takes */
/* errors NF_NO_MEMORY */
[[nodiscard]] nf_status edit_remote_open(arena *a, edit_remote **out);

/* desc: text, limits, protect, context; borrowed during this call only. errors as edit_begin's, but
 * that every task is offered and no context can be too short; context texts over
 * EDIT_TEXT_BYTES_MAX */
[[nodiscard]] nf_status edit_remote_begin(edit_remote *r, const nf_edit_desc *desc,
                                          nf_error *error);
/* The result is there already: no model is needed. */
bool edit_remote_settled(const edit_remote *r);
/* The question, not when settled: messages[NF_REMOTE_MESSAGES_MAX], borrowed until the next begin.
 * Returns how many. */
isize edit_remote_messages(const edit_remote *r, nf_message *messages);
/* One of the answers, any bytes; whole: the model ended it. Not when settled. */
void edit_remote_take(edit_remote *r, nf_bytes answer, bool whole);
/* No more comes. Borrowed until the next begin. false: no answer held; the result is the input. */
bool edit_remote_finish(edit_remote *r, nf_edit_result *result);
void edit_remote_variant_get(const edit_remote *r, isize i, nf_variant *variant);

/* answer -> the caption that it is meant to be, a part of it: without blanks around, one label
 * before ("Corrected caption:") and one pair of quotes around it that `plain` has not. null, and
 * *why: it is no caption: empty, over REMOTE_ANSWER_BYTES_MAX, not UTF-8, several lines, control or
 * hidden characters, "-->". Pure. */
nf_bytes remote_answer_clean(nf_bytes answer, nf_bytes plain, const char **why);
