/* An edit as a chat completion of an upstream, and what its answer is as an edit. Between
 * nf_remote, which knows prompts and constraints, and upstream_call.h, which knows requests. Pure.
 * The answer is foreign: nothing of it is taken that nf_remote did not let stand. */
#pragma once
#include "server/config.h"
#include "server/edit_request.h"
#include "server/text_buf.h"
#include "server/upstream/upstream_request.h"

/* remote holds the edit, begun and not settled. r->body is the caller's. false: no memory. */
bool edit_upstream_ask(nf_remote *remote, const nf_edit_desc *desc,
                       const config_upstream_model *model, upstream_request *r);

typedef enum : u8 {
  ANSWER_HELD,    /* out has a result that may be given */
  ANSWER_UNFIT, /* out has the input as the result, with why */
  ANSWER_EMPTY,   /* a completion with no text */
  ANSWER_DECLINED, /* the model, or its filter, did not want to */
} edit_answer;
/* body: of upstream_said, a whole completion; of its choices no more are judged than were asked
 * for. Adds edit_json_write's members to out, which is left alone on the last two. out->failed:
 * there was no memory, and the rest says nothing. */
edit_answer edit_upstream_take(nf_remote *remote, const nf_edit_desc *desc, nf_bytes body,
                               text_buf *out);
