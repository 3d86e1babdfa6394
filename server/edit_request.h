/* The body of POST /v1/edit: the fields of the SDK's edit (sdk/src/types.ts, EditRequest) -> what
 * to edit, or what is wrong with them. Pure. Not taken: signal (close the connection), key; of
 * protect strings only, of adapter null. */
#pragma once
#include "server/json_body.h"

enum { EDIT_PROTECT_MAX = 256, EDIT_BYTES_MAX = 4096 };

typedef struct {
  yyjson_doc *doc; /* texts borrow it */
  nf_bytes model;  /* as asked for; .at null: whichever there is */
  nf_bytes protect[EDIT_PROTECT_MAX];
  nf_edit_desc desc; /* points into the above */
  int priority;      /* 0 now, 1 focus, 2 next, 3 idle */
  bool alone;        /* adapter: null, the model without this server's adapter for the task */
  bool has_mode;
  nf_route_mode mode; /* device: this server's own model; cloud: an upstream's */
  i64 deadline_ms;    /* an answer after it is worth nothing; 0: none */
} edit_request;

/* r is zeroed by the caller. false: error is set. Either way edit_request_free is called. */
bool edit_request_read(nf_bytes body, edit_request *r, api_error *error);
void edit_request_free(edit_request *r); /* what it owns */
