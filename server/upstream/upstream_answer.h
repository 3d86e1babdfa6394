/* What an upstream answers to one request, and what of it the client gets: events one by one, each
 * looked at and passed on, or a whole body. Owns what was kept of it and the faults that lie in the
 * bytes. Does not own: tries, deadlines, costs (upstream_call.c), the transfer. */
#pragma once
#include "server/api_error.h"
#include "server/http_conn.h"
#include "server/upstream/sse_reader.h"
#include "server/upstream/upstream_fault.h"
#include "server/upstream/upstream_reply.h"
#include "server/upstream/upstream_request.h"
#include "server/upstream/upstream_transfer.h"

typedef struct {
  http_conn *conn; /* null: answered, or the client has gone */
  /* borrowed for as long as the request runs */
  const upstream_request *request;
  const upstream_transfer *transfer;
  const char *key; /* must not stand in it; "": none */
  sse_reader events;
  text_buf body; /* of an answer that is no stream, or of an error */
  reply_usage usage;
  bool has_bytes;
  bool streaming; /* its head is sent to the client */
  bool whole;     /* the last event has come */
  upstream_fault fault; /* found in the bytes */
} upstream_answer;

/* A try begins. */
void upstream_answer_begin(upstream_answer *a);
/* What the client has not read yet is so much that the upstream is to wait. */
bool upstream_answer_is_ahead(const upstream_answer *a);
/* The next bytes; a->fault says what is wrong with them. */
void upstream_answer_take(upstream_answer *a, nf_bytes bytes);
/* The transfer has ended with `fault`, FAULT_NONE for well: what the whole answer came to. */
upstream_fault upstream_answer_fault(upstream_answer *a, upstream_fault fault);
/* Bytes of an answer came, not those of an error. */
bool upstream_answer_has_begun(const upstream_answer *a);
/* The client has all of it, or is told why not; conn is null then. */
void upstream_answer_finish(upstream_answer *a);
void upstream_answer_error(upstream_answer *a, const api_error *error);
void upstream_answer_free(upstream_answer *a);
