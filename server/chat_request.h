/* The body of POST /v1/chat/completions: bytes -> what to generate, or what is wrong with them.
 * Pure. What is not supported is refused, not ignored, unless it says nothing (null, false, empty)
 * or only names who asks. source OpenAI's API reference, "Create chat completion" */
#pragma once
#include "server/json_body.h"

enum { CHAT_STOPS_MAX = 4, CHAT_CHOICES_MAX = 8, CHAT_MESSAGES_MAX = 256 };

typedef struct {
  yyjson_doc *doc; /* texts borrow it */
  nf_bytes model;  /* as asked for */
  nf_message messages[CHAT_MESSAGES_MAX];
  char *joined; /* texts that came in several parts */
  nf_bytes stops[CHAT_STOPS_MAX];
  nf_generate_desc desc; /* points into the above; seed: of the first choice, where has_seed */
  int n;
  bool has_seed, stream, include_usage;
} chat_request;

/* r is zeroed by the caller. false: error is set. Either way chat_request_free is called. */
bool chat_request_read(nf_bytes body, chat_request *r, api_error *error);
void chat_request_free(chat_request *r); /* what it owns */
