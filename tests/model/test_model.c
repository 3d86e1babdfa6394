/* Tests of model/: a tiny GGUF against the plain f64 forward, results that do not depend on
 * chunks and threads, memory counted exactly, and what is refused. */
#include "model/engine_fixture.h"
#include "model/model_internal.h"
#include "model/reference_forward.h"

constexpr isize n_tokens = 40;

static void check_against_reference(tiny_llama_desc desc, bool rope_factors) {
  gguf_make g = {};
  tiny_llama(&g, desc);
  if (rope_factors) {
    f32 factors[128];
    isize d_head = 64 / 4;
    for (isize i = 0; i < d_head / 2; i++) factors[i] = 1 + (f32)i;
    gguf_make_values(&g, "rope_freqs.weight", GGUF_F32, d_head / 2, 1, factors);
  }
  nf_bytes file = gguf_make_finish(&g);
  reference ref;
  reference_open(&ref, file);
  i32 tokens[n_tokens];
  test_tokens_fill(tokens, n_tokens, TINY_N_VOCAB, 7);
  static f64 want[n_tokens * TINY_N_VOCAB];
  static f32 got[n_tokens * TINY_N_VOCAB];
  reference_forward(&ref, tokens, n_tokens, want);
  for (isize i = 0; i < n_test_tables; i++) {
    if (!k_table_named(test_tables[i])) continue;
    test_logits(file, test_tables[i], nullptr, (test_tokens){tokens, n_tokens}, got);
    logit_error error = logit_error_of(got, want, n_tokens * TINY_N_VOCAB);
    /* ref computes with f32 activations; the others with 8-bit ones (about 0.4 % a block) */
    f64 limit = i == 0 ? 1e-5 : 0.03;
    if (!(error.relative_rms < limit)) {
      fail_msg("type %d, table %s: relative error %g, largest %g", (int)desc.type, test_tables[i],
               error.relative_rms, error.largest);
    }
  }
  reference_close(&ref);
  gguf_make_free(&g);
}

static void tiny_models_match_the_plain_forward(void **state) {
  (void)state;
  static const gguf_type types[] = {GGUF_F32,  GGUF_F16,  GGUF_BF16, GGUF_Q4_0,
                                    GGUF_Q4_1, GGUF_Q5_0, GGUF_Q5_1, GGUF_Q8_0};
  for (isize i = 0; i < 8; i++) {
    check_against_reference((tiny_llama_desc){.type = types[i], .embed_type = types[i]}, false);
  }
  static const gguf_type k_types[] = {GGUF_Q4_K, GGUF_Q5_K, GGUF_Q6_K};
  for (isize i = 0; i < 3; i++) {
    check_against_reference((tiny_llama_desc){.type = k_types[i],
                                              .embed_type = GGUF_Q8_0,
                                              .d_model = 256,
                                              .d_ff = 512,
                                              .n_layers = 1},
                            false);
  }
}

static void heads_groups_and_separate_heads_match(void **state) {
  (void)state;
  static const isize kv_heads[] = {1, 2, 4};
  for (isize i = 0; i < 3; i++) {
    check_against_reference((tiny_llama_desc){.type = GGUF_Q4_1,
                                              .embed_type = GGUF_Q8_0,
                                              .head_separate = i % 2,
                                              .n_kv_heads = kv_heads[i],
                                              .seed = (u64)i},
                            false);
  }
  /* heads narrower than a tile of weight rows, and a width that is no multiple of 64 */
  check_against_reference((tiny_llama_desc){.type = GGUF_Q8_0,
                                            .embed_type = GGUF_Q4_1,
                                            .d_model = 96, /* heads of 8 */
                                            .d_ff = 160,
                                            .n_heads = 12,
                                            .n_kv_heads = 3},
                          false);
}

static void rope_factors_are_used(void **state) {
  (void)state;
  check_against_reference((tiny_llama_desc){.type = GGUF_F32}, true);
}

static void results_do_not_depend_on_chunks_or_threads(void **state) {
  (void)state;
  constexpr isize n = 150;
  static f32 want[n * TINY_N_VOCAB], got[n * TINY_N_VOCAB];
  i32 tokens[n];
  test_tokens_fill(tokens, n, TINY_N_VOCAB, 3);
  static const isize chunks[] = {1, 2, 3, 5, 16, 33, 64};
  for (isize t = 0; t < n_test_tables; t++) {
    if (!k_table_named(test_tables[t])) continue;
    for (isize type = 0; type < 2; type++) {
      gguf_make g = {};
      nf_bytes file = tiny_llama_file(&g, (tiny_llama_desc){.type = type ? GGUF_Q4_1 : GGUF_Q8_0,
                                                            .embed_type = GGUF_Q8_0,
                                                            .n_heads = 4,
                                                            .n_kv_heads = 1});
      void *want_block = nullptr;
      model_kv want_kv = {};
      for (isize n_threads = 1; n_threads <= 3; n_threads++) {
        test_engine e;
        test_engine_open(&e, file, test_tables[t], n_threads, 160);
        for (isize c = 0; c < 7; c++) {
          void *block;
          model_kv kv = test_kv_open(&e, &block);
          bool first = !want_kv.cache;
          test_run_in_chunks(&e, kv, nullptr, (test_tokens){tokens, n}, chunks[c],
                             first ? want : got);
          if (first) {
            want_kv = kv;
            want_block = block;
            continue;
          }
          assert_memory_equal(got, want, sizeof got);
          const model_cache *a = kv.cache, *b = want_kv.cache;
          isize planes = 2 * a->n_layers * a->n_kv_heads, plane = a->n_slots * a->d_head;
          for (isize i = 0; i < planes; i++) {
            assert_memory_equal(a->at + i * plane, b->at + i * plane,
                                (size_t)(n * a->d_head) * sizeof(f32));
          }
          free(block);
        }
        test_engine_close(&e);
      }
      free(want_block);
      gguf_make_free(&g);
    }
  }
}

static void wanted_rows_are_those_of_a_whole_pass(void **state) {
  (void)state;
  gguf_make g = {};
  tiny_llama(&g, (tiny_llama_desc){.type = GGUF_Q4_1, .embed_type = GGUF_Q8_0});
  test_engine e;
  void *block;
  test_engine_open(&e, gguf_make_finish(&g), nullptr, 2, 64);
  model_kv kv = test_kv_open(&e, &block);
  i32 tokens[30], best[30];
  test_tokens_fill(tokens, 30, TINY_N_VOCAB, 9);
  static f32 all[30 * TINY_N_VOCAB], some[30 * TINY_N_VOCAB];
  test_run_in_chunks(&e, kv, nullptr, (test_tokens){tokens, 30}, 30, all);
  for (isize n = 0; n <= 30; n += 5) {
    test_span_run(&e, kv, tokens, 30, 0, n, (model_pass){.logits = some, .best = best});
    assert_memory_equal(some, all + (30 - n) * TINY_N_VOCAB,
                        (size_t)(n * TINY_N_VOCAB) * sizeof(f32));
    for (isize i = 0; i < n; i++) {
      isize want = k_table_named("ref")->argmax(some + i * TINY_N_VOCAB, TINY_N_VOCAB);
      assert_int_equal(best[i], want);
    }
    i32 alone[30]; /* without a logits buffer */
    test_span_run(&e, kv, tokens, 30, 0, n, (model_pass){.best = alone});
    assert_memory_equal(alone, best, (size_t)n * sizeof(i32));
  }
  free(block);
  test_engine_close(&e);
  gguf_make_free(&g);
}

/* Against libm over the same logits; bit for bit the same whatever the threads and rows. */
static void log_p_is_log_softmax(void **state) {
  (void)state;
  gguf_make g = {};
  nf_bytes file =
      tiny_llama_file(&g, (tiny_llama_desc){.type = GGUF_Q4_1, .embed_type = GGUF_Q8_0});
  i32 tokens[30], best[30], asked[30];
  test_tokens_fill(tokens, 30, TINY_N_VOCAB, 9);
  test_tokens_fill(asked, 30, TINY_N_VOCAB, 10);
  static f32 logits[30 * TINY_N_VOCAB];
  f32 of_asked[4][30], of_best[4][30];
  for (isize n_threads = 1; n_threads <= 3; n_threads++) {
    test_engine e;
    void *block;
    test_engine_open(&e, file, nullptr, n_threads, 64);
    model_kv kv = test_kv_open(&e, &block);
    model_pass wanted = {.best = best,
                         .asked = asked,
                         .log_p_asked = of_asked[n_threads],
                         .log_p_best = of_best[n_threads]};
    test_span_run(&e, kv, tokens, 30, 0, 30, wanted);
    assert_memory_equal(of_asked[n_threads], of_asked[1], sizeof of_asked[1]);
    assert_memory_equal(of_best[n_threads], of_best[1], sizeof of_best[1]);
    wanted = (model_pass){.logits = logits,
                          .best = best + 29,
                          .asked = asked + 29,
                          .log_p_asked = of_asked[0],
                          .log_p_best = of_best[0]};
    test_span_run(&e, kv, tokens + 29, 1, 29, 1, wanted); /* the last row alone */
    assert_memory_equal(of_asked[0], of_asked[1] + 29, sizeof(f32));
    assert_memory_equal(of_best[0], of_best[1] + 29, sizeof(f32));
    test_run_in_chunks(&e, kv, nullptr, (test_tokens){tokens, 30}, 30, logits);
    for (isize i = 0; i < 30; i++) {
      const f32 *row = logits + i * TINY_N_VOCAB;
      f64 sum = 0;
      for (isize k = 0; k < TINY_N_VOCAB; k++) sum += exp((f64)row[k]);
      assert_true(fabs((f64)of_asked[1][i] - ((f64)row[asked[i]] - log(sum))) < 1e-4);
      assert_true(fabs((f64)of_best[1][i] - ((f64)row[best[i]] - log(sum))) < 1e-4);
    }
    free(block);
    test_engine_close(&e);
  }
  gguf_make_free(&g);
}

static void a_copied_cache_goes_on_the_same(void **state) {
  (void)state;
  gguf_make g = {};
  tiny_llama(&g, (tiny_llama_desc){.type = GGUF_Q8_0});
  test_engine e;
  void *one_block, *two_block;
  test_engine_open(&e, gguf_make_finish(&g), nullptr, 1, 64);
  model_kv one = test_kv_open(&e, &one_block), two = test_kv_open(&e, &two_block);
  i32 tokens[20];
  test_tokens_fill(tokens, 20, TINY_N_VOCAB, 5);
  static f32 want[20 * TINY_N_VOCAB], got[20 * TINY_N_VOCAB];
  test_run_in_chunks(&e, one, nullptr, (test_tokens){tokens, 20}, 20, want);
  model_cache_copy(two.cache, one.cache, 12);
  test_forward(&e, two, tokens + 12, 8, 12, 8, got);
  assert_memory_equal(got, want + 12 * TINY_N_VOCAB, 8 * TINY_N_VOCAB * sizeof(f32));
  free(one_block);
  free(two_block);
  test_engine_close(&e);
  gguf_make_free(&g);
}

/* Open `file`; the status, and the line in error. */
static nf_status open_status(nf_bytes file, isize short_bytes, nf_error *error) {
  void *directory;
  gguf_file gguf;
  nf_status status = test_directory(file, &directory, &gguf, error);
  model_shape shape;
  if (!status) status = model_shape_read(&gguf, &shape, error);
  if (!status) {
    isize bytes = model_bytes(&shape) - short_bytes;
    u8 *block = malloc((size_t)bytes), *copy = aligned_alloc(64, (size_t)round_up(file.len, 64));
    memcpy(copy, file.at, (size_t)file.len);
    arena a = arena_of(block, bytes);
    model *m;
    status = model_open(&gguf, copy, k_table_named("ref"), &a, &m, error);
    if (status) {
      assert_ptr_equal(a.at, block);
      assert_memory_equal(copy, file.at, (size_t)file.len);
    }
    free(block);
    free(copy);
  }
  free(directory);
  return status;
}

static void memory_is_counted_before(void **state) {
  (void)state;
  gguf_make g = {};
  nf_bytes file =
      tiny_llama_file(&g, (tiny_llama_desc){.type = GGUF_Q4_1, .embed_type = GGUF_Q8_0});
  nf_error error;
  assert_int_equal(open_status(file, 0, &error), NF_OK);
  assert_int_equal(open_status(file, 300, &error), NF_NO_MEMORY);
  assert_non_null(strstr(error.line, "bytes"));
  test_engine e;
  test_engine_open(&e, file, "ref", 1, 64);
  isize kv = model_cache_bytes(e.m, 100), scratch = model_scratch_bytes(e.m, 100, 3);
  u8 *block = malloc((size_t)isize_max(kv, scratch));
  for (isize less = 0; less <= 200; less += 200) {
    nf_status want = less ? NF_NO_MEMORY : NF_OK;
    arena a = arena_of(block, kv - less);
    model_cache *k;
    assert_int_equal(model_cache_open(e.m, 100, &a, &k), want);
    a = arena_of(block, scratch - less);
    model_scratch *s;
    assert_int_equal(model_scratch_open(e.m, 100, 3, &a, &s), want);
  }
  assert_int_equal(kv / 1024, 2 * 2 * 2 * 100 * 16 * 4 / 1024); /* layers, k and v, heads, ... */
  assert_int_equal(model_cache_bytes(e.m, ISIZE_MAX / 8), ISIZE_MAX);
  free(block);
  test_engine_close(&e);
  gguf_make_free(&g);
}

static void expect(gguf_make *g, nf_status want, const char *word) {
  nf_error error = {};
  nf_status status = open_status(gguf_make_finish(g), 0, &error);
  if (status != want || !strstr(error.line, word)) {
    fail_msg("status %d, line \"%s\"; expected %d naming %s", status, error.line, want, word);
  }
  gguf_make_free(g);
}

static void other_models_are_refused_by_name(void **state) {
  (void)state;
  gguf_make g = {};
  const tiny_llama_desc plain = {.type = GGUF_F32};
  tiny_llama(&g, (tiny_llama_desc){.architecture = "mamba"});
  expect(&g, NF_UNSUPPORTED, "mamba");
  expect(&g, NF_BAD_INPUT, "general.architecture"); /* an empty file */
  tiny_llama(&g, plain);
  gguf_make_str(&g, "llama.rope.scaling.type", "yarn");
  expect(&g, NF_UNSUPPORTED, "llama.rope.scaling.type");
  tiny_llama(&g, plain);
  gguf_make_u32(&g, "llama.expert_count", 8);
  expect(&g, NF_UNSUPPORTED, "llama.expert_count");
  u64 seed = 1;
  tiny_llama(&g, plain);
  gguf_make_random(&g, "blk.0.attn_q.bias", GGUF_F32, 64, 1, &seed, 1);
  expect(&g, NF_UNSUPPORTED, "blk.0.attn_q.bias");
  tiny_llama(&g, plain);
  gguf_make_random(&g, "blk.2.attn_q.weight", GGUF_F32, 64, 64, &seed, 1);
  expect(&g, NF_UNSUPPORTED, "blk.2.attn_q.weight"); /* it has layers 0 and 1 */
  tiny_llama(&g, (tiny_llama_desc){.d_model = 48, .n_heads = 4, .d_ff = 64});
  expect(&g, NF_UNSUPPORTED, "multiples of 32");
  tiny_llama(&g, (tiny_llama_desc){.n_heads = 4, .n_kv_heads = 3});
  expect(&g, NF_UNSUPPORTED, "number of heads");
  tiny_llama(&g, (tiny_llama_desc){.n_heads = 64, .n_kv_heads = 64});
  expect(&g, NF_UNSUPPORTED, "multiples of 8");
  tiny_llama(&g, (tiny_llama_desc){.ctx_tokens = 1 << 21});
  expect(&g, NF_UNSUPPORTED, "llama.context_length");
}

/* A GGUF that says one thing in its keys and another in its tensors. */
static void damaged_dims_are_refused_by_name(void **state) {
  (void)state;
  static const struct {
    const char *key;
    u32 value;
    nf_status want;
    const char *word;
  } cases[] = {
      {"llama.block_count", 3, NF_BAD_INPUT, "attn_norm"},
      {"llama.block_count", 0, NF_BAD_INPUT, "block_count"},
      {"llama.block_count", 0xFFFFFFFF, NF_UNSUPPORTED, "block_count"},
      {"llama.block_count", 1, NF_UNSUPPORTED, "blk.1."},
      {"llama.embedding_length", 128, NF_BAD_INPUT, "token_embd"},
      {"llama.feed_forward_length", 64, NF_BAD_INPUT, "ffn_gate"},
      {"llama.attention.head_count", 0, NF_BAD_INPUT, "head_count"},
      {"llama.attention.head_count_kv", 4, NF_BAD_INPUT, "attn_k"},
      {"llama.attention.head_count_kv", 5, NF_UNSUPPORTED, "head_count_kv"},
      {"llama.rope.dimension_count", 66, NF_UNSUPPORTED, "rope.dimension_count"},
      {"llama.vocab_size", 271, NF_BAD_INPUT, "vocab_size"},
      {"llama.context_length", 0, NF_BAD_INPUT, "context_length"},
  };
  for (isize i = 0; i < (isize)(sizeof cases / sizeof *cases); i++) {
    gguf_make g = {};
    tiny_llama(&g, (tiny_llama_desc){.type = GGUF_F32});
    isize at = bytes_find(bytes_of(g.kvs.at, g.kvs.len), bytes_from_str(cases[i].key));
    assert_true(at >= 0);
    memcpy(g.kvs.at + at + (isize)strlen(cases[i].key) + 4, &cases[i].value, 4);
    expect(&g, cases[i].want, cases[i].word);
  }
}

static void missing_and_odd_tensors_are_refused(void **state) {
  (void)state;
  static const char *const names[] = {"token_embd.weight", "output_norm.weight",
                                      "blk.1.attn_v.weight", "blk.0.ffn_norm.weight"};
  for (isize i = 0; i < 4; i++) {
    gguf_make g = {};
    tiny_llama(&g, (tiny_llama_desc){.type = GGUF_F32});
    isize at = bytes_find(bytes_of(g.infos.at, g.infos.len), bytes_from_str(names[i]));
    g.infos.at[at + 2] = 'X'; /* renamed: one is missing, one is unknown */
    const char *dot = strrchr(names[i], '.');
    char word[32];
    isize from = names[i][0] == 'b' ? 6 : 0;
    snprintf(word, sizeof word, "%.*s", (int)(dot - names[i] - from), names[i] + from);
    expect(&g, NF_BAD_INPUT, i == 0 ? "token_embd" : word);
  }
  gguf_make g = {};
  u64 seed = 3;
  tiny_llama(&g, (tiny_llama_desc){.type = GGUF_F32});
  f32 factors[8] = {1, 1, 1, 0.5f, 1, 1, 1, 1};
  gguf_make_values(&g, "rope_freqs.weight", GGUF_F32, 8, 1, factors);
  expect(&g, NF_BAD_INPUT, "rope_freqs.weight");
  tiny_llama(&g, (tiny_llama_desc){.type = GGUF_F32});
  gguf_make_random(&g, "rope_freqs.weight", GGUF_F16, 8, 1, &seed, 1);
  expect(&g, NF_UNSUPPORTED, "F16");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tiny_models_match_the_plain_forward),
      cmocka_unit_test(heads_groups_and_separate_heads_match),
      cmocka_unit_test(rope_factors_are_used),
      cmocka_unit_test(results_do_not_depend_on_chunks_or_threads),
      cmocka_unit_test(wanted_rows_are_those_of_a_whole_pass),
      cmocka_unit_test(log_p_is_log_softmax),
      cmocka_unit_test(a_copied_cache_goes_on_the_same),
      cmocka_unit_test(memory_is_counted_before),
      cmocka_unit_test(other_models_are_refused_by_name),
      cmocka_unit_test(damaged_dims_are_refused_by_name),
      cmocka_unit_test(missing_and_odd_tensors_are_refused),
  };
  return cmocka_run_group_tests_name("model", tests, nullptr, nullptr);
}
