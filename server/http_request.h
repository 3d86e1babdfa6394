/* One parsed request head: what routes and files may look at. All bytes are borrowed from the
 * connection's input and live only while the request is being routed; absent headers have a
 * null `at`. Read next: http_guard.h, which fills it. */
#pragma once
#include "server/words.h"

typedef enum : u8 {
  METHOD_GET,
  METHOD_HEAD,
  METHOD_POST, /* from here on something may change */
  METHOD_DELETE,
  METHOD_PATCH,
  METHOD_OPTIONS,
  METHOD_OTHER,
} http_method;

enum { HTTP_PATH_BYTES_MAX = 1024 };

typedef struct {
  http_method method;
  const char *method_name; /* static, for the log */
  bool http10;
  bool keep_alive;       /* the client allows another request on this connection */
  bool has_body;         /* Content-Length above 0, or chunked */
  bool expect_continue;  /* the client waits for "100 Continue" */
  i64 content_length;    /* -1: none given, or chunked */
  nf_bytes host;
  nf_bytes accept_encoding, authorization;
  nf_bytes content_type, origin, fetch_site, idempotency_key, last_event_id;
  nf_bytes tus_resumable, upload_length, upload_offset, upload_metadata, upload_checksum;
  nf_bytes method_override;
  nf_bytes range, if_range, if_match, if_none_match, if_modified_since, if_unmodified_since;
  isize path_len;
  u8 path[HTTP_PATH_BYTES_MAX]; /* percent-decoded, starts with '/', no NUL or '\', no "." or
                                   ".." segment, valid UTF-8; not NUL-terminated. Last: the
                                   rest is cleared for each request, this is not */
} http_request;
