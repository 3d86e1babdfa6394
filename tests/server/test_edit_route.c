/* The pure parts of edits with two places: what the router is told and learns, an edit as a chat
 * completion and its answer back, receipts. The whole of it: edit_route.test.mjs. */
#include "cmocka_all.h"
#include "server/edit_route.h"
#include "server/edit_upstream.h"

static inference *engine;
static uv_loop_t loop;

typedef struct {
  edit_request request;
  config config;
  models_entry model;
  upstream to;
  config_upstream_model far;
  edit_router router;
  edit_facts facts;
} world;

static world *world_make(void) {
  static world w;
  memset(&w, 0, sizeof w);
  config_defaults(&w.config);
  strcpy(w.config.edit_upstream, "far");
  w.request.desc = (nf_edit_desc){.task = NF_TASK_FIX, .text = text("their going too the libary")};
  w.model = (models_entry){.name = "own", .path = "own.gguf", .ready = true};
  w.to.breaker = (nf_breaker){.failures_max = 2, .pause_ms = 1000};
  w.far = (config_upstream_model){.model = "far", .input_micro = 1000000, .output_micro = 2000000};
  w.facts = (edit_facts){.request = &w.request,
                         .config = &w.config,
                         .model = &w.model,
                         .inference = engine,
                         .to = &w.to,
                         .far = &w.far,
                         .now_ms = 1000};
  return &w;
}

static nf_route_plan plan_of(world *w) {
  edit_work expected;
  return edit_router_plan(&w->router, &w->facts, &expected);
}

static void each_fact_reaches_the_router(void **state) {
  (void)state;
  world *w = world_make();
  assert_int_equal(plan_of(w).why, NF_WHY_DEVICE_PREFERRED);
  w->facts.mode = NF_ONLY_ON_DEVICE;
  nf_route_plan plan = plan_of(w);
  assert_int_equal(plan.first, NF_ON_DEVICE);
  assert_int_equal(plan.second, NF_NOWHERE);
  assert_int_equal(plan.why, NF_WHY_ONLY_ON_DEVICE);
  w->facts.mode = NF_ONLY_IN_CLOUD;
  assert_int_equal(plan_of(w).why, NF_WHY_ONLY_IN_CLOUD);
  w->facts.mode = NF_PREFER_ON_DEVICE;
  w->request.desc.task = NF_TASK_REWRITE;
  assert_int_equal(plan_of(w).why, NF_WHY_NOT_OFFERED);
  w->facts.tuned = true;
  assert_int_equal(plan_of(w).first, NF_ON_DEVICE);
  w->facts.tuned = false;
  w->request.desc.even_if_poor = true;
  assert_int_equal(plan_of(w).first, NF_ON_DEVICE);
  w->model.ready = false;
  assert_int_equal(plan_of(w).why, NF_WHY_DEVICE_LOADING);
  w->model.failed = true;
  assert_int_equal(plan_of(w).why, NF_WHY_DEVICE_ABSENT);
  w = world_make();
  w->config.context_tokens = 100;
  assert_int_equal(plan_of(w).why, NF_WHY_CONTEXT);
  w->facts.to = nullptr;
  plan = plan_of(w);
  assert_int_equal(plan.first, NF_NOWHERE);
  assert_int_equal(plan.server_why, NF_WHY_SERVER_AWAY);
  w = world_make();
  for (int i = 0; i < 2; i++) {
    i64 era, wait_ms;
    assert_true(nf_breaker_take(&w->to.breaker, 1000, &era, &wait_ms));
    nf_breaker_give(&w->to.breaker, era, NF_TRY_FAILED, 1000);
  }
  plan = plan_of(w);
  assert_int_equal(plan.why, NF_WHY_SERVER_FAILING);
  assert_int_equal(plan.second, NF_NOWHERE);
}

static edit_ended ended_at(nf_place place, edit_outcome outcome, double ms) {
  return (edit_ended){.attempt = {.place = place, .outcome = outcome, .ms = ms},
                      .expected = {.read_tokens = 20, .output_tokens = 10, .passes = 5},
                      .own_ms = ms};
}

static void what_tries_took_decides(void **state) {
  (void)state;
  world *w = world_make();
  w->config.edit_patience_ms = 0;
  (void)plan_of(w); /* whose answers are measured */
  const nf_receipt done = {
      .input_tokens = 220, .cached_tokens = 200, .output_tokens = 10, .passes = 5};
  for (int i = 0; i < 8; i++) {
    edit_ended far = ended_at(NF_IN_CLOUD, TRY_OK, 40), own = ended_at(NF_ON_DEVICE, TRY_OK, 900);
    own.done = &done;
    edit_router_learn(&w->router, &far, 1000);
    edit_router_learn(&w->router, &own, 1000);
  }
  assert_true(w->router.pass.mean > 99 && w->router.pass.mean < 101); /* 900 / (5 + 0.2 * 20) */
  assert_true(w->router.share.mean == 0.5);
  assert_int_equal(plan_of(w).why, NF_WHY_SERVER_FASTER);
  w->request.deadline_ms = 200;
  assert_int_equal(plan_of(w).why, NF_WHY_SERVER_DEADLINE);
  w->request.deadline_ms = 0;
  w->config.edit_patience_ms = 100000;
  assert_int_equal(plan_of(w).why, NF_WHY_DEVICE_PREFERRED);
  w->config.edit_patience_ms = 0;
  w->facts.mode = NF_PREFER_IN_CLOUD;
  w->config.edit_second_micro = 1; /* a second is worth next to nothing */
  assert_int_equal(plan_of(w).why, NF_WHY_DEVICE_CHEAPER);
  strcpy(w->config.edit_upstream, "another"); /* nothing is known of it */
  strcpy(w->far.model, "another");
  (void)plan_of(w);
  assert_int_equal(w->router.answer.n, 0);
}

static void a_model_that_a_request_names_teaches_nothing_of_edit_upstream(void **state) {
  (void)state;
  world *w = world_make();
  w->config.edit_patience_ms = 0;
  (void)plan_of(w);
  edit_ended own = ended_at(NF_ON_DEVICE, TRY_OK, 900), far = ended_at(NF_IN_CLOUD, TRY_OK, 40);
  far.model = "far";
  edit_router_learn(&w->router, &own, 1000);
  edit_router_learn(&w->router, &far, 1000);
  assert_true(w->router.answer.mean == 40);
  strcpy(w->far.model, "named");
  w->facts.mode = NF_ONLY_IN_CLOUD;
  nf_route_plan plan = plan_of(w);
  assert_int_equal(plan.why, NF_WHY_ONLY_IN_CLOUD);
  assert_true(plan.expected_ms != 40); /* those are not its answers */
  edit_ended named = ended_at(NF_IN_CLOUD, TRY_OK, 9000);
  named.model = "named";
  edit_router_learn(&w->router, &named, 1000);
  assert_int_equal(w->router.n_tries[NF_IN_CLOUD][TRY_OK], 2);
  assert_true(w->router.answer.n == 1 && w->router.answer.mean == 40);
  strcpy(w->far.model, "far");
  w->facts.mode = NF_PREFER_ON_DEVICE;
  assert_int_equal(plan_of(w).why, NF_WHY_SERVER_FASTER);
}

static void what_was_cut_short_is_a_bound(void **state) {
  (void)state;
  world *w = world_make();
  edit_router *r = &w->router;
  edit_ended never_began = ended_at(NF_ON_DEVICE, TRY_CANCELLED, 50);
  never_began.own_ms = 0; /* it waited for its turn */
  edit_router_learn(r, &never_began, 1000);
  assert_int_equal(r->pass.n, 0);
  edit_ended slow = ended_at(NF_IN_CLOUD, TRY_CANCELLED, 300);
  edit_router_learn(r, &slow, 1000); /* nothing was known: it takes at least so long */
  assert_true(r->answer.mean == 300);
  edit_ended soon = ended_at(NF_IN_CLOUD, TRY_CANCELLED, 10);
  edit_router_learn(r, &soon, 1000);
  edit_ended failed = ended_at(NF_IN_CLOUD, TRY_NETWORK, 900);
  edit_router_learn(r, &failed, 1000);
  assert_true(r->answer.mean == 300);
  const nf_receipt by_rules = {.passes = 0};
  edit_ended rules = ended_at(NF_ON_DEVICE, TRY_OK, 1);
  rules.done = &by_rules;
  edit_router_learn(r, &rules, 1000);
  assert_int_equal(r->pass.n, 0);
  text_buf out = {0};
  edit_router_metrics(r, &out);
  text_buf_add(&out, bytes_from("", 1));
  assert_non_null(
      strstr(out.at, "nearfield_edit_tries_total{place=\"upstream\",outcome=\"cancelled\"} 2\n"));
  free(out.at);
}

/* ---- an edit as a completion, and back ---- */

static nf_remote *remote;

static void a_completion_is_asked_for_in_bounds(void **state) {
  (void)state;
  nf_error error;
  upstream_request r;
  config_upstream_model far = {.model = "far \"x\"", .output_tokens_max = 50};
  nf_edit_desc desc = {.text = text("a \"b\"\nc"), .n_variants = 3};
  assert_int_equal(nf_remote_begin(remote, &desc, &error), NF_OK);
  assert_true(edit_upstream_ask(remote, &desc, &far, &r));
  assert_true(r.n == 3 && r.output_tokens_max == 150 && r.input_tokens_max == r.body_bytes);
  yyjson_doc *doc = yyjson_read(r.body, (size_t)r.body_bytes, 0);
  yyjson_val *root = yyjson_doc_get_root(doc);
  assert_true(yyjson_equals_str(yyjson_obj_get(root, "model"), "far \"x\""));
  assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "max_tokens")), 50);
  yyjson_val *last = yyjson_arr_get_last(yyjson_obj_get(root, "messages"));
  assert_true(yyjson_equals_str(yyjson_obj_get(last, "content"), "Caption: a \"b\" c"));
  yyjson_doc_free(doc);
  free(r.body);
}

static void answers_are_told_apart(void **state) {
  (void)state;
  static const struct {
    const char *choices;
    edit_answer answer;
    const char *result; /* stands in it */
  } rows[] = {
      {"{\"message\":{\"content\":\"They're here.\"},\"finish_reason\":\"stop\"}", ANSWER_HELD,
       "\"text\":\"They're here.\",\"verdict\":\"changed\""},
      {"{\"message\":{\"content\":\"their here\"},\"finish_reason\":\"stop\"}", ANSWER_HELD,
       "\"verdict\":\"unchanged\",\"why\":\"already right\",\"changes\":[],\"variants\":[]"},
      {"{\"message\":{\"content\":\"They're here 9\"},\"finish_reason\":\"stop\"}", ANSWER_UNFIT,
       "\"text\":\"their here\",\"verdict\":\"unchanged\",\"why\":\"a number was added\""},
      {"{\"message\":{\"content\":\"They're\"},\"finish_reason\":\"length\"}", ANSWER_UNFIT,
       "the answer did not end"},
      {"{\"message\":{\"content\":\"They're here.\"}}", ANSWER_UNFIT, "the answer did not end"},
      {"{\"message\":{\"content\":\"\"},\"finish_reason\":\"stop\"}", ANSWER_EMPTY, nullptr},
      {"{\"message\":{\"content\":7},\"finish_reason\":\"stop\"}", ANSWER_EMPTY, nullptr},
      {"{\"message\":{\"content\":\"x\",\"refusal\":\"no\"},\"finish_reason\":\"stop\"}",
       ANSWER_DECLINED, nullptr},
      {"{\"message\":{\"content\":\"x\"},\"finish_reason\":\"content_filter\"}", ANSWER_DECLINED,
       nullptr},
      {"{\"message\":{\"content\":\"\"}},{\"message\":{\"content\":\"They're here.\"},"
       "\"finish_reason\":\"stop\"}",
       ANSWER_HELD, "\"text\":\"They're here.\""},
      /* two were asked for: a third is not looked at */
      {"{},{},{\"message\":{\"content\":\"They're here.\"},\"finish_reason\":\"stop\"}",
       ANSWER_EMPTY, nullptr},
  };
  const nf_edit_desc desc = {.text = text("their here"), .n_variants = 2};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char body[512];
    text_buf out = {0};
    snprintf(body, sizeof body, "{\"choices\":[%s]}", rows[i].choices);
    edit_answer answer = edit_upstream_take(remote, &desc, text(body), &out);
    if (answer != rows[i].answer) fail_msg("row %zu: %d", i, answer);
    text_buf_add(&out, bytes_from("", 1));
    if (rows[i].result == nullptr) {
      assert_int_equal(out.len, 1);
    } else if (strstr(out.at, rows[i].result) == nullptr) {
      fail_msg("row %zu: %s", i, out.at);
    }
    assert_false(out.failed);
    free(out.at);
  }
  text_buf out = {0}; /* what was JSON and cannot be read: no memory, not an answer's fault */
  (void)edit_upstream_take(remote, &desc, text("{"), &out);
  assert_true(out.failed && out.at == nullptr);
}

/* {"x": 0, "receipt": ...}, read again; to be freed. */
static yyjson_doc *receipt_read(const edit_receipt *receipt) {
  text_buf out = {0};
  text_buf_str(&out, "{\"x\":0");
  edit_receipt_write(receipt, &out);
  text_buf_str(&out, "}");
  yyjson_doc *doc = yyjson_read(out.at, (size_t)out.len, 0);
  free(out.at);
  return doc;
}

static void a_receipt_says_what_was_tried(void **state) {
  (void)state;
  edit_receipt receipt = {.place = NF_IN_CLOUD,
                          .model_id = "far \"x\"",
                          .counts = {.total_ms = 12.5, .input_tokens = 7},
                          .why = "device_lost",
                          .bytes_sent = 99,
                          .cost_micro = 58,
                          .attempts = {{NF_ON_DEVICE, TRY_LOST, 3}, {NF_IN_CLOUD, TRY_OK, 9}},
                          .n_attempts = 2};
  yyjson_doc *doc = receipt_read(&receipt);
  yyjson_val *r = yyjson_obj_get(yyjson_doc_get_root(doc), "receipt");
  assert_true(yyjson_equals_str(yyjson_obj_get(r, "backend"), "upstream"));
  assert_true(yyjson_equals_str(yyjson_obj_get(r, "why"), "device_lost"));
  assert_true(yyjson_get_num(yyjson_obj_get(r, "costUsd")) == 58e-6);
  yyjson_val *model = yyjson_obj_get(r, "model");
  assert_true(yyjson_equals_str(yyjson_obj_get(model, "id"), "far \"x\""));
  assert_true(yyjson_equals_str(yyjson_obj_get(model, "sha256"), ""));
  assert_true(yyjson_is_null(yyjson_obj_get(r, "adapter")));
  yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(r, "attempts"));
  assert_true(yyjson_equals_str(yyjson_obj_get(first, "outcome"), "lost"));
  assert_true(yyjson_equals_str(yyjson_obj_get(first, "backend"), "native"));
  yyjson_doc_free(doc);
}

static void a_receipt_names_the_adapter(void **state) {
  (void)state;
  u8 sha256[32] = {0xab};
  const edit_receipt receipt = {.place = NF_ON_DEVICE,
                                .model_id = "m",
                                .adapter_name = "a \"b\"",
                                .adapter_sha256 = sha256,
                                .adapter_problem = "x\ny",
                                .why = "server"};
  yyjson_doc *doc = receipt_read(&receipt);
  yyjson_val *r = yyjson_obj_get(yyjson_doc_get_root(doc), "receipt");
  yyjson_val *adapter = yyjson_obj_get(r, "adapter");
  assert_true(yyjson_equals_str(yyjson_obj_get(adapter, "name"), "a \"b\""));
  const char *hex = yyjson_get_str(yyjson_obj_get(adapter, "sha256"));
  assert_true(hex != nullptr && strlen(hex) == 64 && memcmp(hex, "ab00", 4) == 0);
  assert_true(yyjson_equals_str(yyjson_obj_get(r, "adapterProblem"), "x\ny"));
  yyjson_doc_free(doc);
}

static int all_open(void **state) {
  (void)state;
  const inference_options options = {.sessions_max = 1, .queue_max = 1};
  if (uv_loop_init(&loop) != 0) return -1;
  engine = inference_new(&loop, &options);
  return engine != nullptr && nf_remote_open(&remote, nullptr) == NF_OK ? 0 : -1;
}

static void handle_close(uv_handle_t *handle, void *unused) {
  (void)unused;
  uv_close(handle, nullptr);
}

static int all_close(void **state) {
  (void)state;
  inference_stop(engine);
  uv_walk(&loop, handle_close, nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  inference_free(engine);
  nf_remote_close(remote);
  return uv_loop_close(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_fact_reaches_the_router),
      cmocka_unit_test(what_tries_took_decides),
      cmocka_unit_test(a_model_that_a_request_names_teaches_nothing_of_edit_upstream),
      cmocka_unit_test(what_was_cut_short_is_a_bound),
      cmocka_unit_test(a_completion_is_asked_for_in_bounds),
      cmocka_unit_test(answers_are_told_apart),
      cmocka_unit_test(a_receipt_says_what_was_tried),
      cmocka_unit_test(a_receipt_names_the_adapter),
  };
  return cmocka_run_group_tests(tests, all_open, all_close);
}
