/* Tests of adapters through the public interface, with a tiny model: what one adapter left in a
 * cache is never another's, an adapter's keys are the edit's, what does not fit is refused. */
#include "api/internal.h"
#include "cmocka_all.h"
#include "generate_text.h"
#include "model/adapter_make.h"

constexpr isize N_ADAPTERS = 3; /* and none */

typedef struct {
  gguf_make base;
  u8 *copy; /* of the base's file, repacked by the engine */
  nf_engine *engine;
  gguf_make files[N_ADAPTERS];
  nf_adapter *adapters[N_ADAPTERS + 1]; /* the last is none */
} world;

static nf_bytes str(const char *s) { return bytes_from_str(s); }

static u8 *aligned_copy(nf_bytes file) {
  u8 *copy = aligned_alloc(64, (size_t)round_up(file.len, 64));
  assert_non_null(copy);
  memcpy(copy, file.at, (size_t)file.len);
  return copy;
}

static nf_engine *engine_open(gguf_make *g, tiny_llama_desc desc, u8 **copy) {
  nf_error error = {};
  nf_engine *engine = nullptr;
  nf_bytes file = tiny_llama_file(g, desc);
  *copy = aligned_copy(file);
  const nf_engine_desc how = {.n_threads = 1};
  if (nf_engine_open_memory(*copy, file.len, &how, &engine, &error)) fail_msg("%s", error.line);
  return engine;
}

static nf_adapter *adapter_open(const nf_engine *engine, gguf_make *g) {
  nf_error error = {};
  nf_adapter *adapter = nullptr;
  if (nf_adapter_open_memory(engine, gguf_make_finish(g), &adapter, &error)) {
    fail_msg("%s", error.line);
  }
  return adapter;
}

static void world_open(world *w) {
  *w = (world){};
  w->engine = engine_open(&w->base, (tiny_llama_desc){.n_layers = MAKE_LAYERS, .ctx_tokens = 1024},
                          &w->copy);
  static const f32 alphas[N_ADAPTERS] = {4, 16, 24};
  for (isize i = 0; i < N_ADAPTERS; i++) {
    adapter_make(&w->files[i], 8, alphas[i], GGUF_F16, GGUF_F16, 0x7F);
    w->adapters[i] = adapter_open(w->engine, &w->files[i]);
  }
}

static void world_close(world *w) {
  for (isize i = 0; i < N_ADAPTERS; i++) {
    nf_adapter_close(w->adapters[i]);
    gguf_make_free(&w->files[i]);
  }
  nf_engine_close(w->engine);
  gguf_make_free(&w->base);
  free(w->copy);
}

static nf_session *session_new(const world *w) {
  nf_session *session = nullptr;
  nf_error error = {};
  if (nf_session_open(w->engine, &session, &error)) fail_msg("%s", error.line);
  return session;
}

/* The trace of an edit, likelihoods and all; its receipt in *receipt. */
static nf_bytes edit_run(nf_session *session, nf_task task, const nf_adapter *adapter,
                         nf_receipt *receipt) {
  nf_error error = {};
  nf_status status;
  const nf_edit_desc desc = {
      .task = task, .text = str("He go to it."), .trace = true, .adapter = adapter};
  if (nf_edit_begin(session, &desc, &error)) fail_msg("%s", error.line);
  while ((status = nf_edit_step(session, &error)) == NF_PENDING) {
  }
  if (status) fail_msg("%s", error.line);
  nf_edit_result result;
  nf_edit_result_get(session, &result);
  *receipt = result.receipt;
  return nf_edit_trace(session);
}

/* What the passes found: the trace's end, without the number of passes a cache saves. */
static nf_bytes found_of(nf_bytes trace) {
  isize at = bytes_find(trace, str("log P(copy)"));
  assert_true(at > 0);
  return bytes_slice(trace, at, trace.len);
}

static void generate(nf_session *session, const nf_adapter *adapter, char *out, isize cap) {
  const nf_generate_desc desc = {.raw_prompt = str("He go to it, and then he went."),
                                 .output_tokens_max = 12,
                                 .adapter = adapter};
  generate_text(session, &desc, out, cap);
}

static void a_cache_of_another_adapter_is_never_used(void **state) {
  (void)state;
  world w;
  world_open(&w);
  nf_session *used = session_new(&w);
  u64 seed = 5;
  isize n_cached = 0, n_different = 0;
  char first[256] = {};
  for (isize round = 0; round < 40; round++) {
    const nf_adapter *adapter = w.adapters[make_random(&seed) % (N_ADAPTERS + 1)];
    nf_session *fresh = session_new(&w);
    nf_receipt receipt, fresh_receipt;
    if (make_random(&seed) % 3 == 0) {
      char got[256], want[256];
      generate(used, adapter, got, sizeof got);
      generate(fresh, adapter, want, sizeof want);
      assert_string_equal(got, want);
      if (first[0] == 0) memcpy(first, got, sizeof first);
      n_different += strcmp(first, got) != 0;
    } else {
      nf_task task = make_random(&seed) % 2 ? NF_TASK_FIX : NF_TASK_SHORTEN;
      nf_bytes got = found_of(edit_run(used, task, adapter, &receipt));
      nf_bytes want = found_of(edit_run(fresh, task, adapter, &fresh_receipt));
      if (!bytes_equal(got, want)) {
        fail_msg("round %d:\n%.*s\nbut fresh:\n%.*s", (int)round, (int)got.len, got.at,
                 (int)want.len, want.at);
      }
      assert_int_equal(fresh_receipt.cached_tokens, 0);
      assert_int_equal(receipt.accepted, fresh_receipt.accepted);
      assert_int_equal(receipt.output_tokens, fresh_receipt.output_tokens);
      n_cached += receipt.cached_tokens > 0;
    }
    nf_session_close(fresh);
  }
  assert_true(n_cached > 3);    /* prefixes are kept, */
  assert_true(n_different > 0); /* and adapters matter */
  nf_session_close(used);
  world_close(&w);
}

static void the_same_file_opened_again_is_the_same_adapter(void **state) {
  (void)state;
  world w;
  world_open(&w);
  nf_session *session = session_new(&w);
  nf_receipt receipt;
  (void)edit_run(session, NF_TASK_FIX, w.adapters[0], &receipt);
  assert_int_equal(receipt.cached_tokens, 0);
  nf_adapter_close(w.adapters[0]); /* another one may get its address: its key tells them apart */
  w.adapters[0] = adapter_open(w.engine, &w.files[1]);
  (void)edit_run(session, NF_TASK_FIX, w.adapters[0], &receipt);
  assert_int_equal(receipt.cached_tokens, 0);
  nf_adapter_close(w.adapters[0]);
  w.adapters[0] = adapter_open(w.engine, &w.files[0]);
  (void)edit_run(session, NF_TASK_FIX, w.adapters[0], &receipt);
  assert_true(receipt.cached_tokens > 0);
  nf_session_close(session);
  world_close(&w);
}

static void an_adapters_keys_are_the_edits(void **state) {
  (void)state;
  world w;
  world_open(&w);
  gguf_make g = {};
  adapter_make(&g, 2, 4, GGUF_F16, GGUF_F16, 1);
  gguf_make_str(&g, "general.name", "a tuned one");
  gguf_make_str(&g, "nearfield.task", "formal");
  gguf_make_str(&g, "nearfield.system", "Be formal.");
  gguf_make_f32(&g, "nearfield.gate", 7.25f);
  nf_adapter *formal = adapter_open(w.engine, &g);
  nf_adapter_info info;
  nf_adapter_info_get(formal, &info);
  assert_string_equal(info.name, "a tuned one");
  assert_string_equal(info.task, "formal");
  assert_int_equal(info.rank, 2);
  assert_int_equal(strlen(info.sha256), 64);
  nf_session *session = session_new(&w);
  nf_receipt receipt, table;
  nf_bytes trace = edit_run(session, NF_TASK_FORMAL, formal, &receipt); /* it makes it offered */
  assert_true(bytes_find(trace, str("gate 7.25")) > 0);
  (void)edit_run(session, NF_TASK_FIX, nullptr, &table);
  assert_true(receipt.input_tokens < table.input_tokens / 2); /* no examples in its prompt */
  nf_error error = {};
  nf_edit_desc desc = {.task = NF_TASK_FIX, .text = str("He go."), .adapter = formal};
  assert_int_equal(nf_edit_begin(session, &desc, &error), NF_BAD_INPUT);
  assert_non_null(strstr(error.line, "for the task formal, not fix"));
  nf_session_close(session);
  nf_adapter_close(formal);
  gguf_make_free(&g);
  world_close(&w);
}

static void expect_refused(const world *w, gguf_make *g, nf_status want, const char *word) {
  nf_error error = {};
  nf_adapter *adapter = nullptr;
  nf_status status = nf_adapter_open_memory(w->engine, gguf_make_finish(g), &adapter, &error);
  if (status != want || !strstr(error.line, word)) fail_msg("%d: %s", status, error.line);
  assert_null(adapter);
  gguf_make_free(g);
  adapter_make(g, 2, 4, GGUF_F16, GGUF_F16, 1);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  world w, other;
  world_open(&w);
  world_open(&other);
  gguf_make g = {};
  adapter_make(&g, 2, 4, GGUF_F16, GGUF_F16, 1);
  gguf_make_str(&g, "nearfield.task", "poetry");
  expect_refused(&w, &g, NF_UNSUPPORTED, "the task poetry");
  gguf_make_str(&g, "nearfield.system", "\xFF");
  expect_refused(&w, &g, NF_BAD_INPUT, "system message");
  gguf_make_f32(&g, "nearfield.gate", __builtin_nanf(""));
  expect_refused(&w, &g, NF_BAD_INPUT, "gate");
  const f32 gates[32] = {1, 2, __builtin_inff(), 4, 5, 6, 7};
  gguf_make_array(&g, "nearfield.gates", GGUF_KV_F32, gates, 7, 7 * sizeof(f32));
  expect_refused(&w, &g, NF_BAD_INPUT, "gate");
  gguf_make_array(&g, "nearfield.gates", GGUF_KV_F32, gates, 6, 6 * sizeof(f32));
  expect_refused(&w, &g, NF_UNSUPPORTED, "each of 6 kinds");
  gguf_make_array(&g, "nearfield.gates", GGUF_KV_F32, gates, 32, sizeof gates);
  expect_refused(&w, &g, NF_UNSUPPORTED, "each of 32 kinds");
  gguf_make_free(&g);
  tiny_llama(&g, (tiny_llama_desc){});
  expect_refused(&w, &g, NF_BAD_INPUT, "not an adapter");
  gguf_make_free(&g);

  nf_error error = {};
  nf_adapter *adapter = nullptr;
  nf_bytes file = gguf_make_finish(&w.files[0]);
  static const isize lengths[] = {0, 3, 100, 700};
  for (isize i = 0; i < 4; i++) { /* cut */
    nf_status status =
        nf_adapter_open_memory(w.engine, bytes_slice(file, 0, lengths[i]), &adapter, &error);
    assert_int_equal(status, NF_BAD_INPUT);
    assert_true(error.line[0] != 0);
  }
  gguf_make small = {};
  u8 *copy;
  nf_engine *one_layer = engine_open(&small, (tiny_llama_desc){.n_layers = 1}, &copy);
  nf_status status = nf_adapter_open_memory(one_layer, file, &adapter, &error);
  assert_int_equal(status, NF_UNSUPPORTED); /* tensors of a layer the base lacks */
  nf_engine_close(one_layer);
  gguf_make_free(&small);
  free(copy);

  nf_session *session = session_new(&w);
  const nf_edit_desc edit = {.text = str("He go."), .adapter = other.adapters[0]};
  assert_int_equal(nf_edit_begin(session, &edit, &error), NF_BAD_INPUT);
  assert_non_null(strstr(error.line, "another engine"));
  const nf_generate_desc talk = {.raw_prompt = str("He"), .adapter = other.adapters[0]};
  assert_int_equal(nf_generate_begin(session, &talk, &error), NF_BAD_INPUT);
  nf_session_close(session);
  world_close(&other);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cache_of_another_adapter_is_never_used),
      cmocka_unit_test(the_same_file_opened_again_is_the_same_adapter),
      cmocka_unit_test(an_adapters_keys_are_the_edits),
      cmocka_unit_test(what_does_not_fit_is_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
