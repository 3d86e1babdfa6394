/* The 8-bit activations of the CPU choose the token that f32 activations choose, on the job itself:
 * rows that decide a token of edited captions, teacher-forced, whose f32 answers lie in
 * tests/data/agreement_smollm2.txt (made by bench/agreement_bench.c from the 100 captions of
 * tests/data/edit_lines.txt; its f32 products give kernel_ref.c's tokens). Needs the model file:
 * fails without it. What the share is over more rows, and why: docs/performance.md. */
#include "model/engine_fixture.h"

constexpr isize ctx = 512, n_rows_most = under_sanitizer ? 100 : 1 << 20;

/* The next number of *text; false: there is none. */
static bool number_next(const char **text, i32 *out) {
  char *end;
  *out = (i32)strtol(*text, &end, 10);
  bool found = end != *text;
  *text = end;
  return found;
}

static void tokens_next(const char **text, i32 *tokens, isize n) {
  for (isize i = 0; i < n; i++) assert_true(number_next(text, &tokens[i]));
}

static char *rows_read(void) {
  static char text[1 << 18];
  FILE *f = fopen(NF_SOURCE_DIR "/tests/data/agreement_smollm2.txt", "rb");
  assert_non_null(f);
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = 0;
  return text;
}

static void eight_bits_choose_the_same_tokens(void **state) {
  (void)state;
  os_map map;
  nf_error error = {};
  test_engine e;
  void *block;
  i32 tokens[ctx], best[MODEL_ROWS_MAX], n_prefix, n_tail, n_out;
  isize n_rows = 0, n_same = 0;
  if (os_file_map(real_model_path(), &map, &error)) fail_msg("%s", error.line);
  test_engine_open_at(&e, map.at, map.len, nullptr, 2, ctx);
  model_kv kv = test_kv_open(&e, &block);
  const char *text = rows_read();
  assert_true(number_next(&text, &n_prefix) && n_prefix < ctx);
  tokens_next(&text, tokens, n_prefix);
  for (isize at = 0; at < n_prefix; at += MODEL_ROWS_MAX) {
    isize m = isize_min(MODEL_ROWS_MAX, n_prefix - at);
    test_span_run(&e, kv, tokens + at, m, at, 0, (model_pass){});
  }
  while (n_rows < n_rows_most && number_next(&text, &n_tail)) {
    assert_true(number_next(&text, &n_out) && n_out <= n_tail && n_tail <= MODEL_ROWS_MAX);
    tokens_next(&text, tokens, n_tail);
    test_span_run(&e, kv, tokens, n_tail, n_prefix, n_out, (model_pass){.best = best});
    for (isize i = 0; i < n_out; i++) {
      i32 want, margin;
      assert_true(number_next(&text, &want) && number_next(&text, &margin));
      n_rows++;
      n_same += best[i] == want;
      if (best[i] != want && margin > 1000) fail_msg("another token by %d / 1000 nats", margin);
    }
  }
  print_message("%s: the same token in %d of %d rows\n", k_table_best()->name, (int)n_same,
                (int)n_rows);
  assert_true(n_rows > (under_sanitizer ? 99 : 1000));
  assert_true(n_same * 100 >= n_rows * 99);
  free(block);
  test_engine_close(&e);
  os_file_unmap(&map);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(eight_bits_choose_the_same_tokens)};
  return cmocka_run_group_tests_name("agreement", tests, nullptr, nullptr);
}
