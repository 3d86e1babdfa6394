/* A request to a model of an upstream, from its body to the last byte of its answer: what it may
 * cost is reserved, it is tried a few times, a stream is passed on no faster than the client reads,
 * and what it did cost is settled. It is a client's, passed on, or one that a part of this server
 * asks (edit_call.c). Read next: upstream_transfer.h. */
#pragma once
#include "server/json_body.h"
#include "server/server.h"
#include "server/upstream/upstream_reply.h"
#include "server/upstream/upstream_request.h"

/* Answer c later, or fill reply with what is wrong. doc: of json_body_read, with its root; taken.
 */
void upstream_call_take(http_conn *c, yyjson_doc *doc, const json_object *root,
                        const config_upstream_model *model, isize body_bytes, http_reply *reply);

/* How a request of a part of this server has ended. */
typedef struct {
  const api_error *error; /* null: body is a whole completion, as upstream_whole_read takes it */
  nf_bytes body;          /* borrowed during the call */
  reply_usage usage;
  i64 cost_micro; /* what it did cost, or may have */
} upstream_said;
typedef struct {
  const config_upstream_model *model;
  upstream_request request; /* no stream; its body is taken, also on a failure */
  const char *client;       /* whose budget it is: api_client_name */
  i64 most_ms;              /* all of it may take */
  int tries_max;
  void *owner;
  /* Once, on a later turn of the loop, and not after upstream_call_cancel; the call is no more. */
  void (*said)(void *owner, const upstream_said *said);
} upstream_call_desc;
typedef struct upstream_call upstream_call;
/* null: error says why. */
upstream_call *upstream_call_begin(server *s, const upstream_call_desc *desc, api_error *error);
/* Its connection is closed, and what it may have cost, which is the answer, is settled. */
i64 upstream_call_cancel(upstream_call *a);
