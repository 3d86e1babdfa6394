/* Tests of nf_load_*: an engine loaded in chunks says what one opened from memory says, whatever
 * the chunks; short, long and foreign files are refused, as early as their directory allows.
 * Failing memory is tests/faults' subject. */
#include "cmocka_all.h"
#include "generate_text.h"
#include "gguf/gguf.h"
#include "gguf/tiny_llama.h"
#include "nearfield.h"

static nf_error error;

/* What `engine` answers to one prompt, greedily. */
static void answer(nf_engine *engine, char *text, isize cap) {
  nf_session *session = nullptr;
  assert_int_equal(nf_session_open(engine, &session, &error), NF_OK);
  const nf_message message = {NF_USER, {(const u8 *)"the end", 7}};
  const nf_generate_desc ask = {.messages = &message, .n_messages = 1, .output_tokens_max = 24};
  generate_text(session, &ask, text, cap);
  nf_session_close(session);
}

/* Give file[0, n) in chunks of `step` bytes; the last status. in_place: put where they belong. */
static nf_status chunks_bring(nf_load *load, nf_bytes file, isize n, isize step, bool in_place) {
  nf_status status = NF_NEED_BYTES;
  for (isize at = 0; at < n && status == NF_NEED_BYTES; at += step) {
    isize len = n - at < step ? n - at : step;
    const u8 *from = file.at + at;
    if (in_place) {
      assert_null(nf_load_place(load, file.len - at + 1));
      u8 *place = nf_load_place(load, len);
      assert_non_null(place);
      from = memcpy(place, from, (size_t)len);
    }
    status = nf_load_bytes(load, (nf_bytes){from, len}, &error);
    if (status >= 0) assert_int_equal(error.line[0], 0);
  }
  return status;
}
static nf_status chunks_give(nf_load *load, nf_bytes file, isize n, isize step) {
  return chunks_bring(load, file, n, step, false);
}

static const nf_engine_desc desc = {.n_threads = 2};

static void chunks_make_the_same_engine(void **state) {
  (void)state;
  const gguf_type types[] = {GGUF_F32, GGUF_F16, GGUF_Q4_0, GGUF_Q4_1, GGUF_Q8_0};
  const isize steps[] = {1, 7, 1000, 65536, 1 << 24};
  for (isize t = 0; t < 5; t++) {
    gguf_make g = {};
    nf_bytes file =
        tiny_llama_file(&g, (tiny_llama_desc){.type = types[t], .embed_type = types[t], .seed = 5});
    char want[512], got[512];
    u8 *copy = aligned_alloc(64, (size_t)(file.len + 63) / 64 * 64);
    assert_non_null(copy);
    memcpy(copy, file.at, (size_t)file.len);
    nf_engine *engine = nullptr;
    assert_int_equal(nf_engine_open_memory(copy, file.len, &desc, &engine, &error), NF_OK);
    answer(engine, want, sizeof want);
    nf_engine_close(engine);
    free(copy);
    for (isize i = 0; i < 10; i++) {
      nf_load *load = nullptr;
      assert_int_equal(nf_load_begin(file.len, &desc, &load, &error), NF_OK);
      assert_int_equal(chunks_bring(load, file, file.len, steps[i % 5], i >= 5), NF_OK);
      assert_int_equal(nf_load_finish(load, &engine, &error), NF_OK);
      assert_null(nf_load_place(load, 0));
      assert_int_equal(nf_load_bytes(load, file, &error), NF_BAD_INPUT); /* it has ended */
      nf_load_close(load);
      nf_engine_info info;
      nf_engine_info_get(engine, &info);
      assert_int_equal(info.file_bytes, file.len);
      answer(engine, got, sizeof got);
      assert_string_equal(got, want);
      nf_engine_close(engine);
    }
    gguf_make_free(&g);
  }
}

static void a_short_or_long_file_is_refused(void **state) {
  (void)state;
  gguf_make g = {};
  nf_bytes file = tiny_llama_file(&g, (tiny_llama_desc){.type = GGUF_Q4_1});
  for (isize n = 0; n < file.len; n += 1 + file.len / 97) {
    nf_load *load = nullptr;
    nf_engine *engine = nullptr;
    assert_int_equal(nf_load_begin(file.len, &desc, &load, &error), NF_OK);
    assert_int_equal(chunks_give(load, file, n, 5000), NF_NEED_BYTES);
    assert_int_equal(nf_load_finish(load, &engine, &error), NF_BAD_INPUT);
    assert_true(error.line[0] != 0);
    assert_null(engine);
    nf_load_close(load);
    if (n == 0) continue;
    assert_int_equal(nf_load_begin(n, &desc, &load, &error), NF_OK); /* announced as short */
    assert_int_equal(chunks_give(load, file, n, 5000), NF_BAD_INPUT);
    assert_int_equal(nf_load_finish(load, &engine, &error), NF_BAD_INPUT);
    nf_load_close(load);
  }
  nf_load *load = nullptr;
  assert_int_equal(nf_load_begin(file.len - 1, &desc, &load, &error), NF_OK);
  assert_int_equal(nf_load_bytes(load, file, &error), NF_BAD_INPUT);
  nf_load_close(load);
  assert_int_equal(nf_load_begin(0, &desc, &load, &error), NF_BAD_INPUT);
  assert_int_equal(nf_load_begin(INT64_MAX, &desc, &load, &error), NF_NO_MEMORY);
  nf_load_close(nullptr);
  gguf_make_free(&g);
}

/* A model this build lacks is refused by its directory, before its tensors were sent. */
static void a_foreign_model_is_refused_early(void **state) {
  (void)state;
  gguf_make g = {};
  nf_bytes file = tiny_llama_file(
      &g, (tiny_llama_desc){.architecture = "mamba", .n_layers = 8, .d_model = 128});
  assert_true(file.len > 1 << 20);
  nf_load *load = nullptr;
  assert_int_equal(nf_load_begin(file.len, &desc, &load, &error), NF_OK);
  assert_int_equal(chunks_give(load, file, 1 << 17, 1000), NF_UNSUPPORTED);
  assert_non_null(strstr(error.line, "mamba"));
  assert_int_equal(nf_load_bytes(load, file, &error), NF_BAD_INPUT);
  nf_load_close(load);
  gguf_make_free(&g);
}

/* Any changed bit of the head: a refusal with a line, or an engine. */
static void a_garbled_head_ends(void **state) {
  (void)state;
  gguf_make g = {};
  nf_bytes file = tiny_llama_file(&g, (tiny_llama_desc){.type = GGUF_Q4_0, .n_layers = 1});
  u8 *copy = malloc((size_t)file.len);
  assert_non_null(copy);
  for (isize i = 0; i < 14000 && i < file.len; i += 13) {
    memcpy(copy, file.at, (size_t)file.len);
    copy[i] ^= (u8)(1 << i % 8);
    nf_load *load = nullptr;
    nf_engine *engine = nullptr;
    assert_int_equal(nf_load_begin(file.len, &desc, &load, &error), NF_OK);
    nf_status status = chunks_give(load, (nf_bytes){copy, file.len}, file.len, 4096);
    if (status == NF_OK) status = nf_load_finish(load, &engine, &error);
    assert_true(status <= 0);
    if (status < 0) assert_true(error.line[0] != 0);
    nf_engine_close(engine);
    nf_load_close(load);
  }
  free(copy);
  gguf_make_free(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chunks_make_the_same_engine),
      cmocka_unit_test(a_short_or_long_file_is_refused),
      cmocka_unit_test(a_foreign_model_is_refused_early),
      cmocka_unit_test(a_garbled_head_ends),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
