/* What is wrong with a request to /v1, in OpenAI's shape:
 *   {"error": {"message", "type", "param", "code"}}
 * The message says what, where, and what was expected. Pure. */
#pragma once
#include "server/http_reply.h"
#include "server/text_buf.h"

typedef struct {
  int status;       /* 0: nothing is wrong */
  const char *code; /* static: "invalid_value", "model_not_found", ...; goes into the log */
  char param[64];   /* where in the body, e.g. "messages[2].content"; "": no place */
  char line[256];
  int retry_after_s;
} api_error;

/* Returns false, for the callers that do. param may be null; format as printf's. */
[[gnu::format(printf, 5, 6)]] bool api_error_set(api_error *error, int status, const char *code,
                                                 const char *param, const char *format, ...);
/* The object itself, without a line end. */
void api_error_json(const api_error *error, text_buf *out);
/* Turn `reply` into this error. close: the connection ends after it. */
void api_error_reply(const api_error *error, bool close, http_reply *reply);
