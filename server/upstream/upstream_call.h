/* A client's request to a model of an upstream, from its body to the last byte of its answer: what
 * it may cost is reserved, it is tried at most upstream_tries times, a stream is passed on no
 * faster than the client reads, and what it did cost is settled. Read next: upstream_transfer.h. */
#pragma once
#include "server/json_body.h"
#include "server/server.h"

/* Answer c later, or fill reply with what is wrong. doc: of json_body_read, with its root; taken.
 */
void upstream_call_take(http_conn *c, yyjson_doc *doc, const json_object *root,
                        const config_upstream_model *model, isize body_bytes, http_reply *reply);
