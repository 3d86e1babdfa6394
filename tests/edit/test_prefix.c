/* Prefixes as files, with a tiny model: a session that loads one is, bit for bit, the one that
 * computed it; any other file is refused and changes nothing. */
#include "api/internal.h"
#include "cmocka_all.h"
#include "model/adapter_make.h"

constexpr isize FILE_CAP = 1 << 18;

typedef struct {
  gguf_make base, lora;
  u8 *copy; /* of the base's file, repacked by the engine */
  nf_engine *engine;
  nf_adapter *adapter;
} world;

static nf_bytes str(const char *s) { return bytes_from_str(s); }

static void world_open(world *w, const char *kernels) {
  *w = (world){};
  nf_error error = {};
  const tiny_llama_desc desc = {.n_layers = MAKE_LAYERS, .ctx_tokens = 1024};
  nf_bytes file = tiny_llama_file(&w->base, desc);
  w->copy = aligned_alloc(64, (size_t)round_up(file.len, 64));
  assert_non_null(w->copy);
  memcpy(w->copy, file.at, (size_t)file.len);
  const nf_engine_desc how = {.n_threads = 1, .kernels = kernels};
  if (nf_engine_open_memory(w->copy, file.len, &how, &w->engine, &error)) {
    fail_msg("%s", error.line);
  }
  adapter_make(&w->lora, 8, 16, GGUF_F16, GGUF_F16, 0x7F);
  gguf_make_str(&w->lora, "nearfield.system", "Mend.");
  nf_bytes lora = gguf_make_finish(&w->lora);
  if (nf_adapter_open_memory(w->engine, lora, &w->adapter, &error)) fail_msg("%s", error.line);
}

static void world_close(world *w) {
  nf_adapter_close(w->adapter);
  nf_engine_close(w->engine);
  gguf_make_free(&w->base);
  gguf_make_free(&w->lora);
  free(w->copy);
}

static nf_session *session_new(const world *w) {
  nf_session *session = nullptr;
  nf_error error = {};
  if (nf_session_open(w->engine, &session, &error)) fail_msg("%s", error.line);
  return session;
}

static nf_edit_desc edit_of(nf_task task, const nf_adapter *adapter) {
  return (nf_edit_desc){
      .task = task, .text = str("He go to it."), .trace = true, .adapter = adapter};
}

/* What the passes found, likelihoods and all, without the number of passes a cache saves; how many
 * tokens were cached in *cached. */
static nf_bytes edit_run(nf_session *session, const nf_edit_desc *desc, isize *cached) {
  nf_error error = {};
  nf_status status;
  if (nf_edit_begin(session, desc, &error)) fail_msg("%s", error.line);
  while ((status = nf_edit_step(session, &error)) == NF_PENDING) {
  }
  if (status) fail_msg("%s", error.line);
  nf_edit_result result;
  nf_edit_result_get(session, &result);
  *cached = result.receipt.cached_tokens;
  nf_bytes trace = nf_edit_trace(session);
  isize at = bytes_find(trace, str("log P(copy)"));
  assert_true(at > 0);
  return bytes_slice(trace, at, trace.len);
}

static nf_prefix_info info_of(nf_session *session, const nf_edit_desc *desc) {
  nf_error error = {};
  nf_prefix_info info = {};
  if (nf_prefix_info_get(session, desc, str("tiny"), &info, &error)) fail_msg("%s", error.line);
  return info;
}

static isize save(nf_session *session, const nf_edit_desc *desc, u8 *file) {
  nf_error error = {};
  nf_prefix_info info = info_of(session, desc);
  assert_true(info.ready && info.file_bytes > 0 && info.file_bytes <= FILE_CAP);
  if (nf_prefix_save(session, desc, str("tiny"), file, FILE_CAP, &error)) {
    fail_msg("%s", error.line);
  }
  return (isize)info.file_bytes;
}

static void a_loaded_prefix_is_the_computed_one(void **state) {
  (void)state;
  world w;
  world_open(&w, nullptr);
  u8 *file = malloc(FILE_CAP), *again = malloc(FILE_CAP);
  for (isize i = 0; i < 4; i++) {
    nf_error error = {};
    const nf_edit_desc desc =
        edit_of(i & 1 ? NF_TASK_SHORTEN : NF_TASK_FIX, i & 2 ? w.adapter : nullptr);
    isize none, kept, cached;
    nf_session *computing = session_new(&w), *loading = session_new(&w);
    assert_false(info_of(computing, &desc).ready);
    nf_bytes want = edit_run(computing, &desc, &none);
    assert_int_equal(none, 0);
    isize len = save(computing, &desc, file);
    assert_string_equal(info_of(computing, &desc).key, info_of(loading, &desc).key);
    if (nf_prefix_load(loading, &desc, str("tiny"), bytes_of(file, len), &error)) {
      fail_msg("%s", error.line);
    }
    assert_true(info_of(loading, &desc).ready);
    nf_bytes got = edit_run(loading, &desc, &cached);
    assert_true(bytes_equal(got, want));
    const nf_edit_desc other = edit_of(NF_TASK_FIX, i & 2 ? nullptr : w.adapter);
    (void)edit_run(computing, &other, &none);
    (void)edit_run(computing, &desc, &kept); /* its own prefix from memory */
    assert_true(cached > 0);
    assert_int_equal(cached, kept);
    assert_int_equal(save(loading, &desc, again), len);
    assert_memory_equal(again, file, (size_t)len);
    /* ready already: another file is not looked at */
    assert_int_equal(nf_prefix_load(loading, &desc, str("tiny"), str("?"), &error), NF_OK);
    nf_session_close(computing);
    nf_session_close(loading);
  }
  free(file);
  free(again);
  world_close(&w);
}

/* The load is refused so, with a line, and the session has no prefix after it. */
static void expect_refused(nf_session *session, const nf_edit_desc *desc, const char *model,
                           nf_bytes file, nf_status want) {
  nf_error error = {};
  nf_status status = nf_prefix_load(session, desc, str(model), file, &error);
  if (status != want || error.line[0] == 0) fail_msg("%d: %s", status, error.line);
  assert_false(info_of(session, desc).ready);
}

static void another_prefix_is_refused(void **state) {
  (void)state;
  world w, scalar;
  world_open(&w, nullptr);
  world_open(&scalar, "scalar");
  const nf_edit_desc fix = edit_of(NF_TASK_FIX, nullptr);
  const nf_edit_desc shorten = edit_of(NF_TASK_SHORTEN, nullptr);
  const nf_edit_desc tuned = edit_of(NF_TASK_FIX, w.adapter);
  u8 *block = malloc(FILE_CAP);
  isize cached;
  nf_session *session = session_new(&w), *fresh = session_new(&w);
  nf_session *other = session_new(&scalar);
  (void)edit_run(session, &fix, &cached);
  nf_bytes file = bytes_of(block, save(session, &fix, block));
  expect_refused(fresh, &fix, "another", file, NF_UNSUPPORTED);
  expect_refused(fresh, &shorten, "tiny", file, NF_UNSUPPORTED);
  expect_refused(fresh, &tuned, "tiny", file, NF_UNSUPPORTED);
  bool same_kernels = strcmp(w.engine->kernels->name, "scalar") == 0;
  if (!same_kernels) expect_refused(other, &fix, "tiny", file, NF_UNSUPPORTED);
  nf_edit_desc rewrite = edit_of(NF_TASK_REWRITE, nullptr); /* not offered */
  nf_error error = {};
  nf_prefix_info info;
  assert_int_equal(nf_prefix_info_get(fresh, &rewrite, str("tiny"), &info, &error), NF_UNSUPPORTED);
  rewrite.even_if_poor = true;
  assert_int_equal(nf_prefix_info_get(fresh, &rewrite, str("tiny"), &info, &error), NF_OK);
  const nf_edit_desc formal = edit_of(NF_TASK_FORMAL, nullptr); /* goes by rules: no prompt */
  assert_int_equal(nf_prefix_info_get(fresh, &formal, str("tiny"), &info, &error), NF_OK);
  assert_int_equal(info.file_bytes, 0);
  assert_int_equal(nf_prefix_info_get(fresh, &fix, str(""), &info, &error), NF_BAD_INPUT);
  nf_session_close(session);
  nf_session_close(fresh);
  nf_session_close(other);
  free(block);
  world_close(&w);
  world_close(&scalar);
}

static void a_damaged_file_is_refused(void **state) {
  (void)state;
  constexpr isize head = 56;
  world w;
  world_open(&w, nullptr);
  const nf_edit_desc fix = edit_of(NF_TASK_FIX, nullptr);
  u8 *block = calloc(1, FILE_CAP);
  isize cached, n_refused = 0;
  nf_session *session = session_new(&w), *fresh = session_new(&w);
  nf_error error = {};
  assert_int_equal(nf_prefix_save(session, &fix, str("tiny"), block, FILE_CAP, &error),
                   NF_BAD_INPUT); /* nothing computed yet */
  nf_bytes want = edit_run(session, &fix, &cached);
  isize len = save(session, &fix, block);
  assert_int_equal(nf_prefix_save(session, &fix, str("tiny"), block, len - 1, &error),
                   NF_BAD_INPUT);
  for (isize n = 0; n < len; n += n < 2 * head ? 1 : 997) {
    expect_refused(fresh, &fix, "tiny", bytes_of(block, n), NF_BAD_INPUT);
  }
  expect_refused(fresh, &fix, "tiny", bytes_of(block, len + 8), NF_BAD_INPUT);
  for (isize at = 0; at < len; at += at < head ? 1 : 1009) {
    for (isize bit = 0; bit < 8; bit++) {
      block[at] ^= (u8)(1 << bit);
      nf_status status = nf_prefix_load(fresh, &fix, str("tiny"), bytes_of(block, len), &error);
      assert_true((status == NF_BAD_INPUT || status == NF_UNSUPPORTED) && error.line[0] != 0);
      block[at] ^= (u8)(1 << bit);
      n_refused++;
    }
  }
  assert_true(n_refused > 8 * head);
  assert_false(info_of(fresh, &fix).ready);
  assert_true(bytes_equal(edit_run(fresh, &fix, &cached), want)); /* as if nothing had been */
  assert_int_equal(cached, 0);
  nf_session_close(session);
  nf_session_close(fresh);
  free(block);
  world_close(&w);
}

/* It is between two edits, or drops the one that runs; never within one. */
static void a_running_edit_is_dropped(void **state) {
  (void)state;
  world w;
  world_open(&w, nullptr);
  const nf_edit_desc fix = edit_of(NF_TASK_FIX, nullptr);
  nf_session *session = session_new(&w), *fresh = session_new(&w);
  nf_error error = {};
  isize cached;
  assert_int_equal(nf_edit_begin(session, &fix, &error), NF_OK);
  assert_int_equal(nf_edit_step(session, &error), NF_PENDING);
  (void)info_of(session, &fix);
  assert_int_equal(nf_edit_step(session, &error), NF_BAD_INPUT);
  nf_bytes got = edit_run(session, &fix, &cached);
  assert_true(bytes_equal(got, edit_run(fresh, &fix, &cached)));
  nf_session_close(session);
  nf_session_close(fresh);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_loaded_prefix_is_the_computed_one),
      cmocka_unit_test(another_prefix_is_refused),
      cmocka_unit_test(a_damaged_file_is_refused),
      cmocka_unit_test(a_running_edit_is_dropped),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
