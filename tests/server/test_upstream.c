/* The pure parts of upstreams: events out of bytes, what a reply is taken for, addresses, and what
 * a request may cost. The whole of it, with an upstream: upstream*.test.mjs. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "cmocka_all.h"
#include "server/upstream/sse_reader.h"
#include "server/upstream/upstream_address.h"
#include "server/upstream/upstream_cost.h"
#include "server/upstream/upstream_reply.h"
#include "server/upstream/upstream_request.h"

/* All events of `from`, fed in pieces of n bytes, each followed by '|'; then the fault's number. */
static void events_of(const char *from, isize n, char out[512]) {
  sse_reader r = {0};
  nf_bytes rest = text(from), data;
  text_buf all = {0};
  while (rest.len > 0) {
    nf_bytes part = bytes_from(rest.at, rest.len < n ? rest.len : n);
    rest = bytes_after(rest, part.len);
    while (sse_next(&r, &part, &data)) {
      text_buf_add(&all, data);
      text_buf_str(&all, "|");
    }
  }
  snprintf(out, 512, "%.*s%d", (int)all.len, all.len > 0 ? all.at : "", r.fault);
  free(all.at);
  sse_free(&r);
}

static void events_do_not_depend_on_the_cut(void **state) {
  (void)state;
  static const struct {
    const char *from, *events;
  } rows[] = {
      {"data: a\n\ndata:b\n\n", "a|b|0"},
      {"data: a\r\n\r\ndata: b\r\rdata: c\n\n", "a|b|c|0"},
      {"\xEF\xBB\xBF"
       "data: a\n\n",
       "a|0"},
      {": comment\n\nevent: x\nid: 1\nretry: 5\ndata:  a\ndata\ndata: b\n\n", " a\n\nb|0"},
      {"event: only\n\n\n\ndata: a\n\n", "a|0"},
      {"data: not whole\n", "0"},
      {"data: a\n\nnonsense\n\ndata: b\n\n", "a|1"},
      {"Data: a\n\n", "1"},
      {" data: a\n\n", "1"},
      {"data\n\n", "|0"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (isize n = 1; n < 9; n++) {
      char out[512];
      events_of(rows[i].from, n, out);
      assert_string_equal(out, rows[i].events);
    }
  }
}

static void a_line_and_an_event_have_an_end(void **state) {
  (void)state;
  static char block[65536];
  memset(block, 'x', sizeof block);
  nf_bytes data;
  for (int many = 0; many < 2; many++) { /* one long line; many lines of one event */
    sse_reader r = {0};
    isize n = 0;
    while (r.fault == SSE_GOOD && n < 64) {
      nf_bytes start = text(many || n == 0 ? "data:" : ""), end = text(many ? "\n" : "");
      nf_bytes part = bytes_from(block, sizeof block);
      assert_false(sse_next(&r, &start, &data) || sse_next(&r, &part, &data) ||
                   sse_next(&r, &end, &data));
      n++;
    }
    assert_int_equal(r.fault, SSE_TOO_LONG);
    assert_in_range(n, 15, 17);
    sse_free(&r);
  }
}

static void replies_are_known_by_their_shape(void **state) {
  (void)state;
  reply_usage usage = {0};
#define CHUNK(json) upstream_chunk_read(text(json), &usage)
#define WHOLE(json) upstream_whole_read(text(json), &usage)
  assert_int_equal(CHUNK("{\"choices\":[{\"index\":0,\"delta\":{}}]}"), REPLY_GOOD);
  assert_false(usage.known);
  assert_int_equal(CHUNK("{\"choices\":[],\"usage\":null}"), REPLY_GOOD);
  assert_int_equal(CHUNK("{\"choices\":[],\"prompt_filter_results\":[]}"), REPLY_GOOD);
  assert_false(usage.known);
  assert_int_equal(
      CHUNK("{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}"),
      REPLY_USAGE);
  assert_true(usage.known && usage.input_tokens == 3 && usage.output_tokens == 4);
  usage = (reply_usage){0};
  const char *const none[] = {
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":-3,\"completion_tokens\":4}}",
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":3.5,\"completion_tokens\":4}}",
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":\"3\",\"completion_tokens\":4}}",
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":3}}",
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":18446744073709551615}}",
      "{\"choices\":[],\"usage\":[3,4]}"};
  for (int i = 0; i < 6; i++) {
    assert_int_equal(CHUNK(none[i]), i < 5 ? REPLY_USAGE : REPLY_GOOD);
    assert_false(usage.known);
  }
  const char *const bad[] = {"",
                             "null",
                             "7",
                             "[]",
                             "{}",
                             "{\"choices\":{}}",
                             "{\"choices\":[7]}",
                             "{\"choices\":[{\"index\":-1,\"delta\":{}}]}",
                             "{\"choices\":[{\"index\":0,\"delta\":\"a\"}]}",
                             "{\"choices\":[]} x"};
  for (int i = 0; i < 10; i++) {
    assert_int_equal(CHUNK(bad[i]), REPLY_BAD);
    assert_int_equal(WHOLE(bad[i]), REPLY_BAD);
  }
  assert_int_equal(WHOLE("{\"choices\":[]}"), REPLY_BAD);
  assert_int_equal(WHOLE("{\"choices\":[{\"index\":0,\"message\":{}}]}"), REPLY_GOOD);
  assert_int_equal(CHUNK("{\"error\":{\"message\":\"no\"},\"choices\":[]}"), REPLY_ERROR);
  assert_int_equal(WHOLE("{\"error\":null,\"choices\":[{\"index\":0,\"message\":{}}]}"),
                   REPLY_GOOD);
}

static void an_error_is_told_in_one_line_without_the_key(void **state) {
  (void)state;
  char out[12];
  nf_bytes key = text("sk-1");
  upstream_error_read(text("{\"error\":{\"message\":\"a\\nb\\u00e9 and so on\"}}"), key, out, 12);
  assert_string_equal(out, "a?b?? and s");
  upstream_error_read(text("{\"error\":\"plain\"}"), key, out, 12);
  assert_string_equal(out, "plain");
  const char *const nothing[] = {"",
                                 "x",
                                 "{}",
                                 "{\"error\":{}}",
                                 "{\"error\":{\"message\":7}}",
                                 "{\"error\":{\"message\":\"not at all: sk-\\u0031\"}}"};
  for (int i = 0; i < 6; i++) {
    upstream_error_read(text(nothing[i]), key, out, 12);
    assert_string_equal(out, "");
  }
}

static void a_key_is_found_in_every_spelling_of_json(void **state) {
  (void)state;
  static const struct {
    const char *secret, *bytes;
    bool leaks;
  } rows[] = {
      {"sk-1", "key sk-1", true},
      {"sk-1", "\\u0073k-1", true},
      {"sk-1", "a\\u002D \\u0073\\u006b\\u002D\\u0031", true},
      {"a/b+c=", "\"a\\/b\\u002Bc=\"", true},
      {"a/b+c=", "\"a/b+c=\"", true},
      {"a/b", "a\\u002Fb", true},
      {"a\\b\"c", "a\\\\b\\\"c", true},
      {"a\\b\"c", "a\\u005cb\\u0022c", true},
      {"a\\b", "a\\b", true},
      {"usk", "\\u0075sk", true},
      {"sk-1", "", false},
      {"sk-1", "sk\\-1", false},
      {"sk-1", "\\u0173k-1", false},
      {"sk-1", "sk-\\u003", false},
      {"sk-1", "sk-\\", false},
      {"sk-1", "sk-\\u002d1", false},
      {"", "a\\/", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_int_equal(upstream_leaks(text(rows[i].bytes), text(rows[i].secret)), rows[i].leaks);
  }
}

static void a_cost_is_rounded_up_and_has_an_end(void **state) {
  (void)state;
  const config_upstream_model m = {.input_micro = 150000, .output_micro = 10000000000};
  assert_int_equal(upstream_cost(&m, 0, 0), 0);
  assert_int_equal(upstream_cost(&m, 1, 0), 1);
  assert_int_equal(upstream_cost(&m, 20, 2), 20003);
  assert_int_equal(upstream_cost(&m, 100000000, 100000000), 1000015000000);
  assert_int_equal(upstream_cost(&m, 1, 8 * (i64)INT32_MAX), INT64_MAX);
  const config_upstream_model both = {.input_micro = 10000000000, .output_micro = 10000000000};
  assert_int_equal(upstream_cost(&both, 600000000, 600000000), INT64_MAX);
}

static address_kind kind_of(const char *address) {
  struct sockaddr_in v4 = {.sin_family = AF_INET};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
    return upstream_address_kind((struct sockaddr *)&v4);
  }
  assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
  return upstream_address_kind((struct sockaddr *)&v6);
}

static void addresses_at_the_edges(void **state) {
  (void)state;
  static const char *const open[] = {
      "1.1.1.1",         "9.255.255.255",   "11.0.0.0",       "100.63.255.255",
      "100.128.0.0",     "126.255.255.255", "128.0.0.0",      "169.253.255.255",
      "169.255.0.0",     "172.15.255.255",  "172.32.0.0",     "192.0.1.0",
      "192.167.255.255", "192.169.0.0",     "198.17.255.255", "198.20.0.0",
      "223.255.255.255", "2606:4700::1",    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"};
  static const char *const own[] = {
      "10.0.0.0",   "10.255.255.255", "100.64.0.0",      "127.255.255.255",
      "172.16.0.0", "172.31.255.255", "192.168.255.255", "::1",
      "fc00::",     "fdff:ffff::1",   "::ffff:10.0.0.1", "fd20:ce::253"};
  static const char *const never[] = {"0.0.0.0",
                                      "0.255.255.255",
                                      "169.254.0.0",
                                      "169.254.255.255",
                                      "224.0.0.0",
                                      "255.255.255.255",
                                      "100.100.100.200",
                                      "168.63.129.16",
                                      "::",
                                      "::2",
                                      "::ffff:169.254.1.1",
                                      "64:ff9b::10.0.0.1",
                                      "64:ff9b:1::1",
                                      "fe80::",
                                      "febf::1",
                                      "ff00::",
                                      "2002::",
                                      "2001::1",
                                      "2001:db8::",
                                      "3fff::1",
                                      "fd00:ec2::254",
                                      "fd20:ce::254",
                                      "1fff::",
                                      "4000::"};
  for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
    assert_int_equal(kind_of(open[i]), ADDRESS_PUBLIC);
  }
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    assert_int_equal(kind_of(own[i]), ADDRESS_PRIVATE);
  }
  for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
    assert_int_equal(kind_of(never[i]), ADDRESS_NEVER);
  }
  assert_int_equal(upstream_address_kind(&(struct sockaddr){.sa_family = AF_UNIX}), ADDRESS_NEVER);
}

static void a_request_has_bounds(void **state) {
  (void)state;
  const char *body =
      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"n\":3,"
      "\"stream\":true,\"stream_options\":{\"include_usage\":false},\"max_tokens\":null}";
  api_error error = {0};
  yyjson_doc *doc;
  json_object root;
  assert_true(json_body_read(text(body), &doc, &root, &error));
  upstream_request r;
  assert_true(upstream_request_read(&root, 120, 40, &r));
  assert_string_equal(r.body,
                      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],"
                      "\"n\":3,\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                      "\"max_tokens\":40}");
  assert_true(r.stream && !r.include_usage);
  assert_int_equal(r.input_tokens_max, 120);
  assert_int_equal(r.output_tokens_max, 120); /* of three answers */
  free(r.body);
  assert_true(upstream_request_read(&root, 120, 0, &r)); /* not bounded */
  assert_int_equal(r.output_tokens_max, 0);
  assert_null(strstr(r.body, "\"max_tokens\":4"));
  free(r.body);
  yyjson_doc_free(doc);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_do_not_depend_on_the_cut),
      cmocka_unit_test(a_line_and_an_event_have_an_end),
      cmocka_unit_test(replies_are_known_by_their_shape),
      cmocka_unit_test(an_error_is_told_in_one_line_without_the_key),
      cmocka_unit_test(a_key_is_found_in_every_spelling_of_json),
      cmocka_unit_test(a_cost_is_rounded_up_and_has_an_end),
      cmocka_unit_test(addresses_at_the_edges),
      cmocka_unit_test(a_request_has_bounds),
  };
  return cmocka_run_group_tests_name("upstream", tests, nullptr, nullptr);
}
