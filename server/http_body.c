/* See http_body.h. */
#include "server/http_body.h"

#include "llhttp.h"
#include "server/text_buf.h"

struct http_body {
  llhttp_t parser;
  i64 left;      /* Content-Length bytes to come; -1: chunked */
  i64 wire_left; /* bytes until 413 */
  int n_trailers;
  bool complete, keep;
  text_buf kept;
};

static int on_message_complete(llhttp_t *parser) {
  ((http_body *)parser->data)->complete = true;
  return HPE_PAUSED; /* what follows is the next request's */
}
static int on_data(llhttp_t *parser, const char *at, size_t len) {
  http_body *body = parser->data;
  if (body->keep) text_buf_add(&body->kept, bytes_from(at, (isize)len));
  return 0;
}
static int on_trailer(llhttp_t *parser) {
  return ++((http_body *)parser->data)->n_trailers > HTTP_HEADERS_MAX ? HPE_USER : 0;
}

http_body *http_body_new(const http_request *request, i64 wire_bytes_max, bool keep) {
  static llhttp_settings_t settings;
  http_body *body = calloc(1, sizeof *body);
  if (body == nullptr) return nullptr;
  body->left = request->content_length;
  body->wire_left = wire_bytes_max;
  body->keep = keep;
  if (body->left >= 0) return body;
  if (settings.on_message_complete == nullptr) {
    llhttp_settings_init(&settings);
    settings.on_body = on_data;
    settings.on_header_value_complete = on_trailer;
    settings.on_message_complete = on_message_complete;
  }
  llhttp_init(&body->parser, HTTP_REQUEST, &settings);
  body->parser.data = body;
  /* A head of our own brings the parser to where the body starts: nothing of the client's head
   * has to be kept or trusted. */
  static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  ASSERT(llhttp_execute(&body->parser, head, sizeof head - 1) == HPE_OK);
  return body;
}

void http_body_free(http_body *body) {
  if (body != nullptr) free(body->kept.at);
  free(body);
}

nf_bytes http_body_kept(const http_body *body) { return bytes_from(body->kept.at, body->kept.len); }

void http_body_forget(http_body *body) { body->kept.len = 0; }

http_body_found http_body_add(http_body *body, nf_bytes bytes) {
  ASSERT(!body->complete);
  http_body_found found = {0};
  if (body->left >= 0) {
    if (body->left > body->wire_left) {
      found.refusal = (http_refusal){413, "body is too large"};
      return found;
    }
    found.used = bytes.len < body->left ? bytes.len : (isize)body->left;
    body->left -= found.used;
    body->wire_left -= found.used;
    found.complete = body->complete = body->left == 0;
    if (body->keep) text_buf_add(&body->kept, bytes_from(bytes.at, found.used));
    if (body->kept.failed) found.refusal = (http_refusal){503, "no memory"};
    return found;
  }
  llhttp_errno_t error = llhttp_execute(&body->parser, (const char *)bytes.at, (size_t)bytes.len);
  found.used = bytes.len;
  if (error == HPE_PAUSED && body->complete) {
    found.used = (const u8 *)llhttp_get_error_pos(&body->parser) - bytes.at;
    found.complete = true;
  } else if (error != HPE_OK) {
    found.refusal = (http_refusal){400, "malformed chunked body"};
    return found;
  }
  body->wire_left -= found.used;
  if (body->kept.failed) found.refusal = (http_refusal){503, "no memory"};
  if (body->wire_left < 0) found.refusal = (http_refusal){413, "body is too large"};
  return found;
}
