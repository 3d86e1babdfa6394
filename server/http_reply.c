/* See http_reply.h. Owns the security headers and the text of every status. */
#include "server/http_reply.h"

#include <unistd.h>

#include "server/http_date.h"

/* Cross-origin isolation (SharedArrayBuffer for the engine's threads) needs COOP and COEP on
 * the page and on its workers; the rest closes what the editor does not use. Sent with every
 * reply: an error page is a page too. wasm-unsafe-eval allows compiling wasm, nothing else. */
static const char SECURITY_HEADERS[] =
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Embedder-Policy: require-corp\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "worker-src 'self'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'\r\n";

static const char *status_text(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 403: return "Forbidden";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 423: return "Locked";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 460: return "Checksum Mismatch"; /* tus */
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 507: return "Insufficient Storage";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}

void http_reply_begin(http_reply *reply) {
  *reply =
      (http_reply){.status = 500, .file = -1, .range_total = -1, .validator = {.modified_s = -1}};
}

void http_reply_drop(http_reply *reply) {
  if (reply->file >= 0) close(reply->file);
  free(reply->memory);
  free(reply->fields);
  reply->file = -1;
  reply->memory = reply->fields = nullptr;
}

void http_reply_error(http_reply *reply, int status, const char *why, bool close_after) {
  i64 total = status == 416 ? reply->range_total : -1;
  http_reply_drop(reply);
  http_reply_begin(reply);
  reply->status = status;
  reply->range_total = total;
  reply->why = why != nullptr ? why : status_text(status);
  reply->close = close_after;
  reply->content_type = "text/plain; charset=utf-8";
  reply->cache_control = "no-store";
  reply->fixed = reply->why;
  reply->body_bytes = (i64)strlen(reply->why);
}

/* ---- the head ---- */

static char *add(char *at, const char *s, size_t n) { return (char *)memcpy(at, s, n) + n; }
static char *add_str(char *at, const char *s) { return add(at, s, strlen(s)); }
static char *add_number(char *at, i64 n) {
  char digits[20];
  int len = 0;
  ASSERT(n >= 0);
  do {
    digits[len++] = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  while (len > 0) *at++ = digits[--len];
  return at;
}
/* "Name: value\r\n" with `name` given as "Name: ". */
static char *add_field(char *at, const char *name, const char *value) {
  return add(add_str(add_str(at, name), value), "\r\n", 2);
}
#define ADD(literal) at = add(at, literal, sizeof(literal) - 1)

static char *range_add(char *at, const http_reply *reply) {
  ADD("Content-Range: bytes ");
  if (reply->status == 416) {
    ADD("*");
  } else {
    at = add_number(at, reply->range_from);
    ADD("-");
    at = add_number(at, reply->range_from + reply->body_bytes - 1);
  }
  ADD("/");
  at = add_number(at, reply->range_total);
  ADD("\r\n");
  return at;
}

isize http_reply_head_write(const http_reply *reply, bool keep_alive, bool http10, const char *date,
                            char *out) {
  char *at = out;
  ADD("HTTP/1.1 ");
  at = add_number(at, reply->status);
  ADD(" ");
  at = add_field(at, "", status_text(reply->status));
  ADD("Server: nearfield\r\nDate: ");
  at = add(at, date, (size_t)HTTP_DATE_BYTES);
  ADD("\r\n");
  if (!keep_alive) ADD("Connection: close\r\n");
  if (keep_alive && http10) ADD("Connection: keep-alive\r\n");
  if (reply->status != 304 && reply->status != 204) {
    if (reply->body_bytes >= 0) {
      ADD("Content-Length: ");
      at = add_number(at, reply->body_bytes);
      ADD("\r\n");
    } else if (!http10) {
      ADD("Transfer-Encoding: chunked\r\n");
    }
    if (reply->content_type != nullptr) at = add_field(at, "Content-Type: ", reply->content_type);
    if (reply->content_encoding != nullptr) {
      at = add_field(at, "Content-Encoding: ", reply->content_encoding);
    }
  }
  if (reply->range_total >= 0) at = range_add(at, reply);
  if (reply->accept_ranges) ADD("Accept-Ranges: bytes\r\n");
  if (reply->validator.etag[0] != 0) at = add_field(at, "ETag: ", reply->validator.etag);
  if (reply->validator.modified_s >= 0) {
    char modified[29];
    http_date_write(reply->validator.modified_s, modified);
    ADD("Last-Modified: ");
    at = add(at, modified, sizeof modified);
    ADD("\r\n");
  }
  if (reply->cache_control != nullptr) at = add_field(at, "Cache-Control: ", reply->cache_control);
  if (reply->vary_encoding) ADD("Vary: Accept-Encoding\r\n");
  if (reply->location[0] != 0) at = add_field(at, "Location: ", reply->location);
  if (reply->disposition != nullptr) {
    at = add_field(at, "Content-Disposition: ", reply->disposition);
  }
  if (reply->allow != nullptr) at = add_field(at, "Allow: ", reply->allow);
  if (reply->retry_after_s > 0) {
    ADD("Retry-After: ");
    at = add_number(at, reply->retry_after_s);
    ADD("\r\n");
  }
  if (reply->fields != nullptr) {
    ASSERT(strlen(reply->fields) <= HTTP_REPLY_FIELDS_BYTES_MAX);
    at = add_str(at, reply->fields);
  }
  if (reply->status == 401) ADD("WWW-Authenticate: Bearer\r\n");
  ADD(SECURITY_HEADERS);
  ADD("\r\n");
  ASSERT(at - out <= HTTP_REPLY_HEAD_BYTES_MAX);
  return at - out;
}
