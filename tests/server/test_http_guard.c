/* Heads, paths and bodies as pure functions: every cut of a head gives the same verdict, every
 * request's body ends where it should. The malformed corpus itself runs over sockets
 * (malformed.test.mjs). */
#include "cmocka_all.h"
#include "server/http_body.h"
#include "server/http_guard.h"

static const http_hosts HOSTS = {.allowed = {{(const u8 *)"localhost:8080", 14}}, .n_allowed = 1};

static http_refusal parse(const char *head, http_request *request) {
  return http_head_parse(text(head), &HOSTS, request);
}

static void a_head_is_understood(void **state) {
  (void)state;
  static http_request r;
  http_refusal refusal = parse(
      "GET /a%20b/c.js?q=%00 HTTP/1.1\r\nHost: LOCALHOST:8080\r\nRange: bytes=1-2\r\n"
      "If-None-Match:\t\"x\" \r\nAccept-Encoding:\r\n\r\n",
      &r);
  assert_int_equal(refusal.status, 0);
  assert_int_equal(r.method, METHOD_GET);
  assert_string_equal(r.method_name, "GET");
  assert_true(bytes_same(bytes_from(r.path, r.path_len), text("/a b/c.js")));
  assert_true(bytes_same(r.range, text("bytes=1-2")));
  assert_true(bytes_same(r.if_none_match, text("\"x\"")));
  assert_non_null(r.accept_encoding.at);
  assert_int_equal(r.accept_encoding.len, 0);
  assert_null(r.if_range.at);
  assert_true(r.keep_alive);
  assert_false(r.has_body || r.http10 || r.expect_continue);
}

static void headers_that_count_once(void **state) {
  (void)state;
  static http_request r;
  assert_int_equal(parse("GET / HTTP/1.1\r\nHost: localhost:8080\r\nRange: bytes=0-1\r\n"
                         "Range: bytes=1-2\r\n\r\n",
                         &r)
                       .status,
                   0);
  assert_null(r.range.at);
  assert_int_equal(parse("GET / HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: a\r\n"
                         "Authorization: b\r\n\r\n",
                         &r)
                       .status,
                   400);
}

/* Two of those that decide where bytes go are none that is good. */
static void uploads_fields_are_read(void **state) {
  (void)state;
  static http_request r;
  assert_int_equal(parse("PATCH /v1/uploads/x HTTP/1.1\r\nHost: localhost:8080\r\n"
                         "Tus-Resumable: 1.0.0\r\nUPLOAD-checksum: sha1 x\r\nupload-offset: "
                         "7\r\nUpload-Length: 9\r\n"
                         "Upload-Metadata: a Yg==\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
                         &r)
                       .status,
                   0);
  assert_int_equal(r.method, METHOD_PATCH);
  assert_true(bytes_same(r.tus_resumable, text("1.0.0")));
  assert_true(bytes_same(r.upload_offset, text("7")));
  assert_true(bytes_same(r.upload_length, text("9")));
  assert_true(bytes_same(r.upload_metadata, text("a Yg==")));
  assert_true(bytes_same(r.upload_checksum, text("sha1 x")));
  assert_true(bytes_same(r.method_override, text("DELETE")));
  assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: localhost:8080\r\nUpload-Offset: 1\r\n"
                         "Upload-Offset: 2\r\n\r\n",
                         &r)
                       .status,
                   0);
  assert_int_equal(r.method, METHOD_OPTIONS);
  i64 number;
  assert_false(bytes_number(r.upload_offset, &number));
  assert_null(r.tus_resumable.at);
}

static void keep_alive_follows_the_version(void **state) {
  (void)state;
  static http_request r;
  assert_int_equal(
      parse("GET / HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n", &r).status, 0);
  assert_false(r.keep_alive);
  assert_int_equal(parse("HEAD / HTTP/1.0\r\nHost: localhost:8080\r\n\r\n", &r).status, 0);
  assert_false(r.keep_alive);
  assert_true(r.http10);
  assert_int_equal(
      parse("GET / HTTP/1.0\r\nHost: localhost:8080\r\nConnection: Keep-Alive\r\n\r\n", &r).status,
      0);
  assert_true(r.keep_alive);
}

/* Feed `input` in two pieces cut at `cut`; the bytes of the head, or -status. */
static isize scan_cut(nf_bytes input, isize cut) {
  http_head_scan scan = {0};
  http_head_found found = http_head_scan_add(&scan, bytes_from(input.at, cut));
  if (found.refusal.status != 0) return -found.refusal.status;
  if (!found.complete) found = http_head_scan_add(&scan, bytes_after(input, cut));
  if (found.refusal.status != 0) return -found.refusal.status;
  return found.complete ? scan.n_bytes : 0;
}

static void a_head_ends_at_the_same_byte_however_it_is_cut(void **state) {
  (void)state;
  const struct {
    const char *input;
    isize expected;
  } rows[] = {
      {"GET / HTTP/1.1\r\nA: b\r\n\r\nGET /next", 24},
      {"\r\nGET / HTTP/1.1\r\n\r\nrest", 20},
      {"GET / HTTP/1.1\r\nA: b\r\n", 0},
      {"GET / HTTP/1.1\r\nA: b\n\r\n", -400},
      {"GET / HTTP/1.1\r\nA: b\rX\r\n\r\n", -400},
      {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", -400},
      {"GET / HTTP/1.1\r\n\tA: b\r\n\r\n", -400},
      {"GET / HTTP/1.1\r\nA: \x01\r\n\r\n", -400},
      {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", -400},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    nf_bytes input = text(rows[i].input);
    for (isize cut = 0; cut <= input.len; cut++) {
      assert_int_equal(scan_cut(input, cut), rows[i].expected);
    }
  }
}

static void the_head_limit_is_exact(void **state) {
  (void)state;
  static char head[HTTP_HEAD_BYTES_MAX + 16];
  memset(head, 'a', sizeof head);
  memcpy(head, "GET / HTTP/1.1\r\nA: ", 19);
  for (isize total = HTTP_HEAD_BYTES_MAX - 2; total <= HTTP_HEAD_BYTES_MAX + 2; total++) {
    memset(head + total - 8, 'a', 12);
    memcpy(head + total - 4, "\r\n\r\n", 4);
    isize got = scan_cut(bytes_from(head, total), 100);
    if (total <= HTTP_HEAD_BYTES_MAX) assert_int_equal(got, total);
    if (total > HTTP_HEAD_BYTES_MAX) assert_int_equal(got, -431);
  }
}

static void paths_are_decoded_once_and_strictly(void **state) {
  (void)state;
  static const struct {
    const char *target, *path;
    int status;
  } rows[] = {
      {"/", "/", 0},          {"/a?b=c", "/a", 0},     {"/%41", "/A", 0},
      {"/%2541", "/%41", 0},  {"/a+b", "/a+b", 0},     {"/%C3%BC", "/\xc3\xbc", 0},
      {"/...", "/...", 0},    {"/.a", "/.a", 0},       {"/a..b", "/a..b", 0},
      {"/.", "", 400},        {"/..", "", 400},        {"/a/../b", "", 400},
      {"/%2e%2e/b", "", 400}, {"/%2E./b", "", 400},    {"/a%2fb", "", 400},
      {"/a%2Fb", "", 400},    {"/a%5cb", "", 400},     {"/a\\b", "", 400},
      {"/%00", "", 400},      {"/%0a", "", 400},       {"/%7f", "", 400},
      {"/%", "", 400},        {"/%4", "", 400},        {"/%4g", "", 400},
      {"/%c0%af", "", 400},   {"/%ed%a0%80", "", 400}, {"/%f4%90%80%80", "", 400},
      {"/%c3", "", 400},      {"/a#b", "", 400},       {"a", "", 400},
      {"", "", 400},          {"*", "", 400},          {"?/", "", 400},
  };
  u8 path[HTTP_PATH_BYTES_MAX];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    isize len;
    http_refusal refusal = http_path_decode(text(rows[i].target), path, &len);
    assert_int_equal(refusal.status, rows[i].status);
    assert_true(bytes_same(bytes_from(path, len), text(rows[i].path)));
  }
  static char long_path[HTTP_PATH_BYTES_MAX + 2];
  memset(long_path, 'a', sizeof long_path - 1);
  long_path[0] = '/';
  isize len;
  assert_int_equal(http_path_decode(bytes_from(long_path, HTTP_PATH_BYTES_MAX), path, &len).status,
                   0);
  assert_int_equal(http_path_decode(text(long_path), path, &len).status, 414);
}

/* The bytes of the body, or -status; 0 when it does not end. */
static isize body_cut(const http_request *request, nf_bytes input, isize cut, i64 max) {
  http_body *body = http_body_new(request, max, false);
  assert_non_null(body);
  isize used = 0, result = 0;
  for (int piece = 0; piece < 2 && result == 0; piece++) {
    nf_bytes part = piece == 0 ? bytes_from(input.at, cut) : bytes_after(input, cut);
    if (part.len == 0) continue;
    http_body_found found = http_body_add(body, part);
    used += found.used;
    if (found.refusal.status != 0)
      result = -found.refusal.status;
    else if (found.complete)
      result = used;
  }
  http_body_free(body);
  return result;
}

static void a_body_ends_at_the_same_byte_however_it_is_cut(void **state) {
  (void)state;
  static http_request chunked = {.has_body = true, .content_length = -1};
  static http_request five = {.has_body = true, .content_length = 5};
  const struct {
    const http_request *request;
    const char *input;
    isize expected;
  } rows[] = {
      {&five, "helloGET", 5},
      {&five, "hell", 0},
      {&chunked, "3\r\nabc\r\n0\r\n\r\nGET /", 13},
      {&chunked, "3;x=\"y\"\r\nabc\r\n000\r\nT: u\r\n\r\nrest", 27},
      {&chunked, "A\r\n0123456789\r\n0\r\n\r\n", 20},
      {&chunked, "3\r\nabc\r\n0\r\n", 0},
      {&chunked, "3\r\nabcd\r\n0\r\n\r\n", -400},
      {&chunked, "g\r\n", -400},
      {&chunked, "3\nabc", -400},
      {&chunked, "fffffffffffffffff\r\n", -400},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    nf_bytes input = text(rows[i].input);
    for (isize cut = 0; cut <= input.len; cut++) {
      assert_int_equal(body_cut(rows[i].request, input, cut, 1000), rows[i].expected);
    }
  }
  assert_int_equal(body_cut(&five, text("hello"), 0, 4), -413);
  assert_int_equal(body_cut(&chunked, text("3\r\nabc\r\n0\r\n\r\n"), 0, 12), -413);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_head_is_understood),
      cmocka_unit_test(headers_that_count_once),
      cmocka_unit_test(uploads_fields_are_read),
      cmocka_unit_test(keep_alive_follows_the_version),
      cmocka_unit_test(a_head_ends_at_the_same_byte_however_it_is_cut),
      cmocka_unit_test(the_head_limit_is_exact),
      cmocka_unit_test(paths_are_decoded_once_and_strictly),
      cmocka_unit_test(a_body_ends_at_the_same_byte_however_it_is_cut),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
