/* The gate every request passes: finds the end of a head, parses it with llhttp, and refuses
 * whatever two HTTP implementations might read differently. Pure: bytes in, request or a status
 * code out; the same functions run in the tests and under the fuzzer.
 * Does not own: body framing (http_body.h), deadlines and closing (http_conn.c).
 * source RFC 9112; the list of refusals is in docs/server.md */
#pragma once
#include "server/http_request.h"

enum { HTTP_HEAD_BYTES_MAX = 16384, HTTP_HEADERS_MAX = 100 };

/* Why a request was refused. status 0: it was not. */
typedef struct {
  int status;
  const char *why; /* static, for the log and the reply's text */
} http_refusal;

/* ---- end of the head, found while bytes arrive ---- */
/* Zero is the start of a head. */
typedef struct {
  isize n_bytes; /* seen so far */
  u8 last;       /* the byte before */
  u8 n_newlines; /* line ends in a row */
  bool in_line;  /* a byte of the request line was seen */
} http_head_scan;

typedef struct {
  bool complete;   /* the head ends at bytes[used) */
  isize used;      /* bytes that belong to this head */
  http_refusal refusal;
} http_head_found;
/* Feed the next bytes. Refuses at once: control bytes, CR without LF, LF without CR, more than
 * one empty line before the request line, more than HTTP_HEAD_BYTES_MAX bytes (431). */
http_head_found http_head_scan_add(http_head_scan *scan, nf_bytes bytes);

/* ---- the whole head ---- */
typedef struct {
  nf_bytes allowed[16]; /* "localhost:8080", compared without case */
  int n_allowed;
} http_hosts;

/* head     complete, as http_head_scan_add found it; borrowed by `request` afterwards
 * request  written also when refused, as far as it was understood (method_name, path_len) */
http_refusal http_head_parse(nf_bytes head, const http_hosts *hosts, http_request *request);

/* Request target -> decoded path; the query is dropped. 0, 400 or 414.
 * origin-form only; see http_guard.c for absolute-form. path[HTTP_PATH_BYTES_MAX] */
http_refusal http_path_decode(nf_bytes target, u8 *path, isize *path_len);
