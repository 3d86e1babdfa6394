/* Tests of an unmerged adapter: the pass against a dense W + sBA in f64, results that depend on
 * neither chunks nor threads, memory counted exactly, and files that are refused. */
#include "model/adapter.h"

#include "model/adapter_make.h"
#include "model/engine_fixture.h"
#include "model/reference_forward.h"

constexpr isize n_tokens = 40;
static const tiny_llama_desc base_desc = {.n_layers = MAKE_LAYERS, .embed_type = GGUF_Q8_0};

typedef struct {
  model_adapter *adapter;
  void *block, *directory;
  gguf_file gguf;
} test_adapter;

static nf_status adapter_open(test_adapter *t, nf_bytes file, const model_shape *shape,
                              isize bytes_less, nf_error *error) {
  *t = (test_adapter){};
  nf_status status = test_directory(file, &t->directory, &t->gguf, error);
  isize bytes = 0;
  if (!status) status = model_adapter_bytes(&t->gguf, shape, &bytes, error);
  if (status) return status;
  bytes -= bytes_less;
  t->block = malloc((size_t)bytes);
  assert_non_null(t->block);
  arena a = arena_of(t->block, bytes);
  status = model_adapter_open(&t->gguf, file, shape, &a, &t->adapter, error);
  if (status) assert_ptr_equal(a.at, t->block);
  return status;
}

static void adapter_close(test_adapter *t) {
  free(t->block);
  free(t->directory);
}

/* Bounds: with f32 activations (ref) and a file already in Q8_0 and F16, only the order of sums
 * differs; A in F16 is rounded to Q8_0; other tables have 8-bit activations. */
static void check(isize rank, f32 alpha, gguf_type a_type, gguf_type b_type, u32 which) {
  gguf_make base = {}, lora = {};
  tiny_llama(&base, base_desc);
  adapter_make(&lora, rank, alpha, a_type, b_type, which);
  nf_bytes base_file = gguf_make_finish(&base), lora_file = gguf_make_finish(&lora);
  u8 *merged = malloc((size_t)base_file.len);
  assert_non_null(merged);
  memcpy(merged, base_file.at, (size_t)base_file.len);
  reference ref;
  reference_open(&ref, bytes_of(merged, base_file.len));
  static f64 plain[n_tokens * TINY_N_VOCAB], want[n_tokens * TINY_N_VOCAB];
  static f32 got[n_tokens * TINY_N_VOCAB];
  i32 tokens[n_tokens];
  test_tokens_fill(tokens, n_tokens, TINY_N_VOCAB, 7);
  reference_forward(&ref, tokens, n_tokens, plain);
  test_adapter t;
  nf_error error = {};
  if (adapter_open(&t, lora_file, &ref.shape, 0, &error)) fail_msg("%s", error.line);
  adapter_make_merge(&ref.gguf, merged, &t.gguf, lora_file.at, rank, alpha);
  reference_forward(&ref, tokens, n_tokens, want);
  for (isize i = 0; i < n_test_tables; i++) {
    if (!k_table_named(test_tables[i])) continue;
    test_logits(base_file, test_tables[i], t.adapter, (test_tokens){tokens, n_tokens}, got);
    f64 off = logit_error_of(got, want, n_tokens * TINY_N_VOCAB).relative_rms;
    f64 limit = i == 0 ? (a_type == GGUF_Q8_0 && b_type == GGUF_F16 ? 1e-5 : 0.01) : 0.03;
    if (!(off < limit)) fail_msg("rank %d, %s: relative error %g", (int)rank, test_tables[i], off);
    off = logit_error_of(got, plain, n_tokens * TINY_N_VOCAB).relative_rms;
    assert_true(off > 0.05); /* it does something */
  }
  adapter_close(&t);
  reference_close(&ref);
  free(merged);
  gguf_make_free(&base);
  gguf_make_free(&lora);
}

static void a_pass_equals_the_dense_model(void **state) {
  (void)state;
  check(8, 16, GGUF_Q8_0, GGUF_F16, 0x7F);
  check(8, 16, GGUF_F16, GGUF_F32, 0x7F);
  check(1, 1, GGUF_F32, GGUF_F32, 0x7F);
  check(64, 32, GGUF_Q8_0, GGUF_Q8_0, 0x7F);
  check(5, 0, GGUF_Q8_0, GGUF_F16, 0x05); /* q and v only; alpha 0: scale 1 */
}

static void results_do_not_depend_on_chunks_or_threads(void **state) {
  (void)state;
  gguf_make base = {}, lora = {};
  tiny_llama_desc desc = base_desc;
  desc.type = GGUF_Q4_1;
  tiny_llama(&base, desc);
  adapter_make(&lora, 12, 24, GGUF_F16, GGUF_F16, 0x7F);
  nf_bytes base_file = gguf_make_finish(&base), lora_file = gguf_make_finish(&lora);
  static f32 want[n_tokens * TINY_N_VOCAB], got[n_tokens * TINY_N_VOCAB];
  i32 tokens[n_tokens];
  test_tokens_fill(tokens, n_tokens, TINY_N_VOCAB, 3);
  static const isize chunks[] = {40, 1, 2, 5, 16, 33};
  for (isize i = 0; i < n_test_tables; i++) {
    if (!k_table_named(test_tables[i])) continue;
    for (isize n_threads = 1; n_threads <= 3; n_threads++) {
      test_engine e;
      test_adapter t;
      test_engine_open(&e, base_file, test_tables[i], n_threads, 64);
      assert_int_equal(adapter_open(&t, lora_file, model_shape_get(e.m), 0, nullptr), NF_OK);
      for (isize c = 0; c < 6; c++) {
        bool first = n_threads == 1 && c == 0;
        void *block;
        model_kv kv = test_kv_open(&e, &block);
        test_run_in_chunks(&e, kv, t.adapter, (test_tokens){tokens, n_tokens}, chunks[c],
                           first ? want : got);
        if (!first) assert_memory_equal(got, want, sizeof want);
        free(block);
      }
      adapter_close(&t);
      test_engine_close(&e);
    }
  }
  gguf_make_free(&base);
  gguf_make_free(&lora);
}

static void expect(gguf_make *lora, nf_status want, const char *word, isize bytes_less) {
  gguf_make base = {};
  tiny_llama(&base, base_desc);
  test_engine e;
  test_adapter t;
  nf_error error = {};
  test_engine_open(&e, gguf_make_finish(&base), "ref", 1, 64);
  nf_status status =
      adapter_open(&t, gguf_make_finish(lora), model_shape_get(e.m), bytes_less, &error);
  if (status != want || !strstr(error.line, word)) {
    fail_msg("status %d, \"%s\"; expected %d and \"%s\"", status, error.line, want, word);
  }
  adapter_close(&t);
  test_engine_close(&e);
  gguf_make_free(&base);
  gguf_make_free(lora);
}

static void wrong_files_are_refused(void **state) {
  (void)state;
  u64 seed = 1;
  gguf_make g = {};
  tiny_llama(&g, base_desc);
  expect(&g, NF_BAD_INPUT, "not an adapter", 0);
  g = (gguf_make){};
  lora_make_keys(&g, 8);
  expect(&g, NF_BAD_INPUT, "no tensors", 0);
  g = (gguf_make){};
  lora_make_keys(&g, -1);
  expect(&g, NF_BAD_INPUT, "alpha", 0);
  g = (gguf_make){};
  lora_make_keys(&g, 8);
  gguf_make_random(&g, "blk.0.attn_q.weight.lora_a", GGUF_F16, MAKE_D, 8, &seed, 1);
  expect(&g, NF_BAD_INPUT, "lora_b", 0);
  g = (gguf_make){};
  lora_make_keys(&g, 8);
  gguf_make_random(&g, "blk.0.attn_q.weight.lora_a", GGUF_F16, 2 * MAKE_D, 8, &seed, 1);
  gguf_make_random(&g, "blk.0.attn_q.weight.lora_b", GGUF_F16, 8, MAKE_D, &seed, 1);
  expect(&g, NF_BAD_INPUT, "another base model", 0);
  g = (gguf_make){};
  adapter_make(&g, 65, 8, GGUF_F16, GGUF_F16, 1);
  expect(&g, NF_UNSUPPORTED, "rank 65", 0);
  g = (gguf_make){};
  adapter_make(&g, 8, 8, GGUF_Q4_0, GGUF_F16, 1);
  expect(&g, NF_UNSUPPORTED, "Q4_0", 0);
  g = (gguf_make){};
  adapter_make(&g, 8, 8, GGUF_F16, GGUF_F16, 1);
  gguf_make_random(&g, "token_embd.weight.lora_a", GGUF_F16, MAKE_D, 8, &seed, 1);
  expect(&g, NF_UNSUPPORTED, "1 tensors", 0);
  g = (gguf_make){};
  adapter_make(&g, 1, 8, GGUF_F32, GGUF_F32, 2);
  f32 values[MAKE_D] = {[3] = INFINITY};
  gguf_make_values(&g, "blk.0.attn_q.weight.lora_a", GGUF_F32, MAKE_D, 1, values);
  gguf_make_random(&g, "blk.0.attn_q.weight.lora_b", GGUF_F32, 1, MAKE_D, &seed, 1);
  expect(&g, NF_BAD_INPUT, "not a number", 0);
}

static void memory_is_counted_before(void **state) {
  (void)state;
  gguf_make g = {};
  adapter_make(&g, 8, 8, GGUF_F16, GGUF_F16, 0x7F);
  expect(&g, NF_OK, "", 0);
  g = (gguf_make){};
  adapter_make(&g, 8, 8, GGUF_F16, GGUF_F16, 0x7F);
  expect(&g, NF_NO_MEMORY, "bytes", 4096);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pass_equals_the_dense_model),
      cmocka_unit_test(results_do_not_depend_on_chunks_or_threads),
      cmocka_unit_test(wrong_files_are_refused),
      cmocka_unit_test(memory_is_counted_before),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
