/* One try at an upstream: one POST over curl, from its connect to its last byte. It watches what it
 * may watch alone - address, status, headers - and hands the body's bytes on. Does not own retries,
 * deadlines after the connect, or what the bytes mean: upstream_call.c. */
#pragma once
#include "server/upstream/curl_loop.h"
#include "server/upstream/upstream_fault.h"

typedef enum : u8 { BYTES_TAKEN, BYTES_LATER, BYTES_UNWANTED } bytes_answer;

typedef struct {
  const char *url;
  struct curl_slist *headers; /* with the key; the transfer frees them */
  const char *ca_file; /* null: the system's */
  bool is_private;
  i64 connect_ms;
  bool once; /* not sent again by curl either, where a kept connection broke before an answer */
  nf_bytes body; /* borrowed until it has ended, as all of these are */
  void *owner;
  /* The next bytes of a body whose head is in the fields below. LATER: they come again after
   * upstream_transfer_resume; UNWANTED: it ends. */
  bytes_answer (*bytes)(void *owner, nf_bytes bytes);
  /* It has ended, and is freed; fault: of connection and head, FAULT_NONE when the owner had
   * BYTES_UNWANTED or all is well. */
  void (*done)(void *owner, upstream_fault fault);
} upstream_transfer_desc;

typedef struct upstream_transfer {
  upstream_transfer_desc desc;
  CURL *easy; /* null: none runs */
  curl_loop *loop;
  curl_transfer entry;
  bool in_callback, refused, unwanted, sent;
  /* the head */
  isize header_bytes;
  int status, retry_after_s;
  bool head_whole;
  bool is_json, is_events, is_encoded;
} upstream_transfer;

/* t: zeroed or ended. false: no memory, and neither callback comes. */
bool upstream_transfer_begin(upstream_transfer *t, curl_loop *loop,
                             const upstream_transfer_desc *desc);
/* After LATER. Both callbacks may come from within: t may have ended. */
void upstream_transfer_resume(upstream_transfer *t);
/* End it and close its connection; no callback comes any more. Not from `bytes`. */
void upstream_transfer_cancel(upstream_transfer *t);
