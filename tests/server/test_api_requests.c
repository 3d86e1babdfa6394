/* The bodies of /v1 as pure functions: what is read out of them, and the JSON that goes back. What
 * is refused is a table of api_refused.test.mjs. */
#include "cmocka_all.h"
#include "server/chat_json.h"
#include "server/chat_request.h"
#include "server/edit_request.h"

static void a_chat_is_read(void **state) {
  (void)state;
  static chat_request r;
  api_error error = {0};
  bool ok = chat_request_read(
      text(
          "{\"model\":\"m\",\"n\":2,\"seed\":-5,\"temperature\":0.5,\"top_p\":0.9,\"max_tokens\":7,"
          "\"max_completion_tokens\":9,\"stop\":\"\\n\",\"stream\":true,\"tools\":null,"
          "\"stream_options\":{\"include_usage\":true},\"messages\":["
          "{\"role\":\"developer\",\"content\":\"be \\u00e9\"},"
          "{\"role\":\"user\",\"name\":\"me\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
          "{\"type\":\"text\",\"text\":\"\\u0000b\"}]}]}"),
      &r, &error);
  if (!ok) fail_msg("%s", error.line);
  assert_true(bytes_same(r.model, text("m")));
  assert_int_equal(r.n, 2);
  assert_true(r.has_seed && r.desc.sampling.seed == (u64)-5);
  assert_true(r.desc.sampling.temperature == 0.5f && r.desc.sampling.top_p == 0.9f);
  assert_int_equal(r.desc.output_tokens_max, 9);
  assert_true(r.stream && r.include_usage);
  assert_int_equal(r.desc.n_stops, 1);
  assert_true(bytes_same(r.desc.stops[0], text("\n")));
  assert_int_equal(r.desc.n_messages, 2);
  assert_int_equal(r.desc.messages[0].role, NF_SYSTEM);
  assert_true(bytes_same(r.desc.messages[0].text, text("be \xC3\xA9")));
  assert_int_equal(r.desc.messages[1].role, NF_USER);
  assert_true(bytes_same(r.desc.messages[1].text, bytes_from("a\0b", 3)));
  chat_request_free(&r);
}

static void what_is_not_said_is_the_default(void **state) {
  (void)state;
  static chat_request r, narrow;
  static edit_request e;
  api_error error = {0};
  assert_true(chat_request_read(
      text("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}"), &r, &error));
  assert_true(r.n == 1 && !r.has_seed && !r.stream && r.desc.output_tokens_max == 0);
  assert_true(r.desc.sampling.temperature == 1 && r.desc.sampling.top_p == 0);
  chat_request_free(&r);
  /* 0 is said: the narrowest for OpenAI, "off" for nearfield.h */
  assert_true(
      chat_request_read(text("{\"model\":\"m\",\"top_p\":0,\"temperature\":1.5,\"messages\":["
                             "{\"role\":\"user\",\"content\":\"\"}]}"),
                        &narrow, &error));
  assert_true(narrow.desc.sampling.temperature == 0);
  chat_request_free(&narrow);
  assert_true(edit_request_read(text("{\"task\":\"shorten\",\"text\":\"\"}"), &e, &error));
  assert_int_equal(e.desc.task, NF_TASK_SHORTEN);
  assert_int_equal(e.desc.n_variants, 1);
  assert_null(e.model.at);
  assert_true(e.desc.format == NF_SRT && e.priority == 0 && e.desc.max_chars == 0 && !e.alone);
  edit_request_free(&e);
}

static void an_edit_is_read(void **state) {
  (void)state;
  static edit_request r;
  api_error error = {0};
  bool ok = edit_request_read(
      text("{\"task\":\"fix\",\"text\":\"<i>a\\nb</i>\",\"format\":\"vtt\",\"maxChars\":42,"
           "\"maxLines\":2,\"maxCps\":17.5,\"durationMs\":1500,\"protect\":[\"x\",\"\"],"
           "\"variants\":3,\"seed\":9,\"evenIfPoor\":true,\"priority\":\"next\","
           "\"mode\":\"only_in_cloud\",\"deadlineMs\":700,"
           "\"context\":{\"before\":\"p\",\"after\":null},\"adapter\":null}"),
      &r, &error);
  if (!ok) fail_msg("%s", error.line);
  assert_true(bytes_same(r.desc.text, text("<i>a\nb</i>")));
  assert_true(r.desc.format == NF_VTT && r.desc.max_chars == 42 && r.desc.max_lines == 2);
  assert_true(r.desc.max_cps == 17.5f && r.desc.duration_ms == 1500);
  assert_true(r.desc.n_protect == 2 && bytes_same(r.desc.protect[0], text("x")));
  assert_true(r.desc.n_variants == 3 && r.desc.seed == 9 && r.desc.even_if_poor);
  assert_int_equal(r.priority, 2);
  assert_true(r.has_mode && r.mode == NF_ONLY_IN_CLOUD && r.deadline_ms == 700 && r.alone);
  assert_true(bytes_same(r.desc.before, text("p")) && r.desc.after.at == nullptr);
  edit_request_free(&r);
}

/* Depth counts brackets outside of strings only. */
static void depth_is_counted_where_it_is(void **state) {
  (void)state;
  static edit_request r;
  api_error error = {0};
  const char *brackets = "{\"task\":\"fix\",\"text\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[{{{{\"}";
  assert_true(edit_request_read(text(brackets), &r, &error));
  edit_request_free(&r);
  char deep[200] = "{\"text\":";
  for (int i = 0; i < JSON_BODY_DEPTH_MAX; i++) strcat(deep, "[");
  for (int i = 0; i < JSON_BODY_DEPTH_MAX; i++) strcat(deep, "]");
  strcat(deep, "}");
  memset(&r, 0, sizeof r);
  assert_false(edit_request_read(text(deep), &r, &error));
  assert_non_null(strstr(error.line, "nested deeper"));
  edit_request_free(&r);
}

static void answers_are_json(void **state) {
  (void)state;
  const chat_head head = {.id = "id", .model = "m \"q\"", .created_s = 7, .include_usage = true};
  const chat_usage usage = {.input_tokens = 3, .cached_tokens = 2, .output_tokens = 4};
  text_buf out = {0};
  chat_json_begin(&head, &out);
  chat_json_choice(0, text("a\"\n\xC3\xA9"), NF_END_STOP, &out);
  chat_json_choice(1, text(""), NF_END_LENGTH, &out);
  chat_json_end(&usage, &out);
  yyjson_doc *doc = yyjson_read(out.at, (size_t)out.len, 0);
  assert_non_null(doc);
  yyjson_val *root = yyjson_doc_get_root(doc);
  yyjson_val *choices = yyjson_obj_get(root, "choices");
  assert_int_equal(yyjson_arr_size(choices), 2);
  yyjson_val *message = yyjson_obj_get(yyjson_arr_get(choices, 0), "message");
  assert_string_equal(yyjson_get_str(yyjson_obj_get(message, "content")), "a\"\n\xC3\xA9");
  assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_arr_get(choices, 1), "finish_reason")),
                      "length");
  assert_int_equal(yyjson_get_int(yyjson_obj_get(yyjson_obj_get(root, "usage"), "total_tokens")),
                   7);
  yyjson_doc_free(doc);
  out.len = 0;
  chat_event(&head, 1, true, text("x\n"), NF_END_NONE, &out);
  chat_event_usage(&head, &usage, &out);
  text_buf_add(&out, bytes_from("", 1));
  assert_non_null(strstr(out.at, "\"delta\":{\"role\":\"assistant\",\"content\":\"x\\u000a\"}"));
  assert_non_null(strstr(out.at, "\"finish_reason\":null}],\"usage\":null}\n\ndata: {"));
  assert_non_null(strstr(out.at, "\"choices\":[],\"usage\":{\"prompt_tokens\":3,"));
  free(out.at);
}

static void an_error_names_its_kind(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *type;
  } cases[] = {{400, "invalid_request_error"},
               {401, "authentication_error"},
               {403, "permission_error"},
               {429, "rate_limit_error"},
               {503, "server_error"}};
  for (int i = 0; i < 5; i++) {
    api_error error;
    text_buf out = {0};
    assert_false(api_error_set(&error, cases[i].status, "c", i == 0 ? "p" : nullptr, "%s", "l\n"));
    api_error_json(&error, &out);
    text_buf_add(&out, bytes_from("", 1));
    assert_non_null(strstr(out.at, cases[i].type));
    assert_non_null(strstr(out.at, i == 0 ? "\"param\":\"p\"" : "\"param\":null"));
    assert_non_null(strstr(out.at, "\"message\":\"l\\u000a\""));
    free(out.at);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_chat_is_read),   cmocka_unit_test(what_is_not_said_is_the_default),
      cmocka_unit_test(an_edit_is_read),  cmocka_unit_test(depth_is_counted_where_it_is),
      cmocka_unit_test(answers_are_json), cmocka_unit_test(an_error_names_its_kind),
  };
  return cmocka_run_group_tests_name("api_requests", tests, nullptr, nullptr);
}
