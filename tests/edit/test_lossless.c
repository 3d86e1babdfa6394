/* Speculation is lossless, over many captions with the real model: see lossless.h.
 *   test_lossless [LINES [FIRST [THREADS]]]    default: a slice for CI; ./dev soak runs 5,000
 * Needs the model file: fails without it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit/lossless.h"
#include "model/engine_fixture.h"

static i32 n_lines = 40, first_line = 0, threads_wanted = 0;

static nf_bytes corpus_read(void) {
  static u8 text[1 << 16];
  FILE *f = fopen(NF_SOURCE_DIR "/tests/data/edit_lines.txt", "rb");
  assert_non_null(f);
  size_t n = fread(text, 1, sizeof text, f);
  fclose(f);
  return bytes_of(text, (isize)n);
}

static u32 run(i32 n_threads) {
  static lossless l;
  os_map map;
  nf_error error = {};
  if (os_file_map(test_model_path(), &map, &error)) fail_msg("%s", error.line);
  if (lossless_open(&l, map.at, map.len, corpus_read(), n_threads)) fail_msg("%s", l.error.line);
  for (i32 i = first_line; i < first_line + n_lines; i++) {
    if (!lossless_line(&l, i, i % 8 == 0)) {
      u8 text[1024];
      isize len = lossless_caption(&l, i, text);
      fail_msg("line %d, %d threads: %s: %.*s", i, n_threads, l.wrong, (int)len, text);
    }
    if (n_lines > 100 && (i + 1) % 100 == 0) {
      fprintf(stderr, "%d lines, %d skipped\n", i + 1 - first_line, l.n_skipped);
    }
  }
  print_message(
      "%d threads: %d captions equal (%d kept as they are), %d sampled answers equal, %d "
      "skipped (spans put back); %d tokens; passes: one guess %d, CPU tree (every 8th "
      "caption) %d, GPU tree %d, one by one %d; hash %08x\n",
      n_threads, l.n_lines, l.n_kept, l.n_draws, l.n_skipped, l.n_tokens, l.passes[0], l.passes[1],
      l.passes[2], l.passes[3], (unsigned)l.hash);
  assert_true(l.n_lines >= n_lines * 9 / 10);
  assert_true(l.n_kept < l.n_lines);
  u32 hash = l.hash;
  lossless_close(&l);
  os_file_unmap(&map);
  return hash;
}

static void speculation_changes_no_token(void **state) {
  (void)state;
  if (threads_wanted > 0) {
    (void)run(threads_wanted);
  } else {
    u32 one = run(1);
    assert_int_equal(one, run(2));
  }
}

int main(int argc, char **argv) {
  if (argc > 1) n_lines = atoi(argv[1]);
  if (argc > 2) first_line = atoi(argv[2]);
  if (argc > 3) threads_wanted = atoi(argv[3]);
  const struct CMUnitTest tests[] = {cmocka_unit_test(speculation_changes_no_token)};
  return cmocka_run_group_tests_name("lossless", tests, nullptr, nullptr);
}
