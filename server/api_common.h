/* What requests to a model have alike, whichever path they came by: who the client is and how often
 * it may ask, the model of this server, what a work of the engine came to. Owns no request. */
#pragma once
#include "server/api_error.h"
#include "server/http_conn.h"
#include "server/server.h"

enum { API_CUT_MS = 5000 /* the connection's own deadline behind the request's */ };

/* 200 with this JSON, or 503 where there was no memory for it. Takes out. */
void api_json_reply(text_buf *out, http_reply *reply);
metrics_answer api_answer_of(int status); /* of a refusal or failure */

/* A token's name where it has one, else the address: as a hash, and as a budget knows it. */
u64 api_client_hash(const http_conn *c, const http_reply *reply);
const char *api_client_name(const http_conn *c, const http_reply *reply,
                            char name[STORE_CLIENT_BYTES]);
/* Before the body is looked at: what is wrong costs a request as well. false: reply says so. */
bool api_rate_check(http_conn *c, http_reply *reply);

/* Each: false, and error says why. */
/* The model asked for, which must be this server's own; name .at null: that one. */
bool api_model_choose(const server *s, nf_bytes name, models_entry *model, api_error *error);
bool api_room_check(const server *s, int n_works, api_error *error);

/* Of one that did not come to WORK_OK. */
void api_work_error(const inference_work *work, api_error *error);
metrics_answer api_work_answer(const inference_work *work);
