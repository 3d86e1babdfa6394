/* What can go wrong with an upstream, each with its own answer to the client: a status, a code, a
 * line, whether the request may be sent again, whether the breaker counts it. Pure. */
#pragma once
#include <curl/curl.h>

#include "server/api_error.h"

typedef enum : u8 {
  FAULT_NONE,
  FAULT_UNREACHABLE,     /* no such name, refused, no route */
  FAULT_ADDRESS,         /* its name leads where no upstream may lie */
  FAULT_CONNECT_TIMEOUT,
  FAULT_TLS,
  FAULT_FIRST_BYTE,      /* a stream that is silent for upstream_first_ms */
  FAULT_STALLED,         /* silent for upstream_idle_ms in the middle */
  FAULT_LATE,            /* inference_ms is over */
  FAULT_CUT,             /* the connection ended before the answer did */
  FAULT_MALFORMED,       /* no HTTP, no JSON, no events, or of another shape */
  FAULT_TOO_LARGE,       /* a line, an event or a body */
  FAULT_CONTENT_TYPE,
  FAULT_ENCODING,        /* compressed: none was asked for */
  FAULT_REDIRECT,
  FAULT_KEY,             /* 401, 403 */
  FAULT_NOT_FOUND,       /* 404: its URL or the model's id is wrong */
  FAULT_REQUEST,         /* 400, 413, 422: the client's own */
  FAULT_BUSY,            /* 429 */
  FAULT_SERVER,          /* 5xx, or an error in the middle of a stream */
  FAULT_LEAK,            /* its key stands in the answer */
  FAULT_NO_MEMORY,       /* ours */
  FAULT_OPEN,            /* the breaker is open: it was not asked */
  N_FAULTS,
} upstream_fault;

/* Of a transfer that curl ended itself; FAULT_NONE for CURLE_OK. */
upstream_fault upstream_fault_of_curl(CURLcode result);
/* Of an answer's status; FAULT_NONE for 200. */
upstream_fault upstream_fault_of_status(int status);

/* May it be sent again, as long as no byte of an answer has come? Not when the upstream may be at
 * work on it still. */
bool upstream_fault_is_passing(upstream_fault fault);
/* Did the try certainly cost nothing? An error in the middle of an answer is not one of these. */
bool upstream_fault_is_free(upstream_fault fault);
nf_try_outcome upstream_fault_outcome(upstream_fault fault);
/* For the client. name: of the upstream; message: its own, of FAULT_REQUEST, "" else. */
void upstream_fault_error(upstream_fault fault, const char *name, const char *message,
                          int retry_after_s, api_error *error);
const char *upstream_fault_code(upstream_fault fault);
