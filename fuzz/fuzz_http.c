/* The HTTP gate under arbitrary bytes. The first byte says where the input is cut; the rest is a
 * stream of requests. Checked: the verdict does not depend on the cut; an accepted head ends
 * with an empty line, has exactly one way to be framed and a path without traps; two parses of
 * the same head agree. Owns no connection: the loop below is the one of http_conn.c in short. */
#include "server/encoding.h"
#include "server/etag.h"
#include "server/http_body.h"

static const http_hosts HOSTS = {.allowed = {{(const u8 *)"h:1", 3}}, .n_allowed = 1};

static void request_check(const http_request *r) {
  ASSERT(r->path_len >= 1 && r->path_len <= HTTP_PATH_BYTES_MAX && r->path[0] == '/');
  for (isize i = 0; i < r->path_len; i++) {
    ASSERT(r->path[i] >= 0x20 && r->path[i] != 0x7F && r->path[i] != '\\');
    if (r->path[i] == '/' && i + 2 < r->path_len && r->path[i + 1] == '.' &&
        r->path[i + 2] == '.') {
      ASSERT(i + 3 < r->path_len && r->path[i + 3] != '/');
    }
  }
  ASSERT(!(r->http10 && r->has_body && r->content_length < 0));
  validator v = {.etag = "\"tag\"", .modified_s = 784111777};
  (void)cond_check(r, &v);
  (void)cond_range_allowed(r, &v);
  (void)encoding_parse(r->accept_encoding);
}

/* One head from the front of `input`: bytes used, 0 when it does not end, -status when refused.
 * cut: where the scan is interrupted. */
static isize head_read(nf_bytes input, isize cut, http_request *request) {
  http_head_scan scan = {0};
  if (cut > input.len) cut = input.len;
  http_head_found found = http_head_scan_add(&scan, bytes_from(input.at, cut));
  if (found.refusal.status == 0 && !found.complete) {
    found = http_head_scan_add(&scan, bytes_after(input, cut));
  }
  if (found.refusal.status != 0) return -found.refusal.status;
  if (!found.complete) return 0;
  ASSERT(scan.n_bytes <= HTTP_HEAD_BYTES_MAX && scan.n_bytes <= input.len);
  ASSERT(memcmp(input.at + scan.n_bytes - 4, "\r\n\r\n", 4) == 0);
  http_refusal refusal = http_head_parse(bytes_from(input.at, scan.n_bytes), &HOSTS, request);
  if (refusal.status != 0) return -refusal.status;
  return scan.n_bytes;
}

static isize body_read(const http_request *request, nf_bytes input, isize cut) {
  http_body *body = http_body_new(request, 4096, cut % 2 == 0);
  ASSERT(body != nullptr);
  isize used = 0, result = 0;
  if (cut > input.len) cut = input.len;
  for (int piece = 0; piece < 2 && result == 0; piece++) {
    nf_bytes part = piece == 0 ? bytes_from(input.at, cut) : bytes_after(input, cut);
    if (part.len == 0) continue;
    http_body_found found = http_body_add(body, part);
    ASSERT(found.used >= 0 && found.used <= part.len);
    used += found.used;
    if (found.refusal.status != 0) result = -found.refusal.status;
    if (found.refusal.status == 0 && found.complete) result = used;
  }
  http_body_free(body);
  return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  isize cut = data[0];
  nf_bytes input = bytes_from(data + 1, (isize)size - 1);
  static http_request one, two;
  while (input.len > 0) {
    isize used = head_read(input, cut, &one);
    ASSERT(used == head_read(input, input.len, &two));
    if (used <= 0) break;
    ASSERT(one.path_len == two.path_len && memcmp(one.path, two.path, (size_t)one.path_len) == 0);
    request_check(&one);
    input = bytes_after(input, used);
    if (!one.has_body || input.len == 0) continue;
    used = body_read(&one, input, cut);
    isize whole = body_read(&one, input, input.len);
    /* 413 may come before or after 400 when both are true: only "refused" is promised */
    ASSERT(used == whole || (used < 0 && whole < 0));
    if (used <= 0) break;
    input = bytes_after(input, used);
  }
  return 0;
}
