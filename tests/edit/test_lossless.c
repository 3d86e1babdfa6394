/* Speculation is lossless, over many captions with the real model: see lossless.h.
 *   test_lossless [LINES [FIRST [THREADS [ADAPTER]]]]
 * default: a slice for CI, another with a LoRA made here; ./dev soak runs 5,000, and
 * tests/wasm/run_lossless.mjs does in WebAssembly
 * In a run of more than 100 captions only every 16th is compared with passes of one row, the
 * others as lossless_side.h says. Needs the model file: fails without it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit/lossless_side.h"
#include "gguf/lora_make.h"
#include "model/engine_fixture.h"

static i32 n_lines = under_sanitizer ? 5 : 40, first_line = 0, threads_wanted = 0;
static const char *adapter_path;

static nf_bytes corpus_read(void) {
  static u8 text[1 << 16];
  FILE *f = fopen(NF_SOURCE_DIR "/tests/data/edit_lines.txt", "rb");
  assert_non_null(f);
  size_t n = fread(text, 1, sizeof text, f);
  fclose(f);
  return bytes_of(text, (isize)n);
}

/* Rank 4 for q and v of every layer, numbers large enough to change what the model says. */
static void adapter_make(gguf_make *g) {
  u64 seed = 4;
  lora_make_keys(g, 8);
  for (i32 layer = 0; layer < 30; layer++) {
    for (isize i = 0; i < 2; i++) {
      lora_make_pair(g, layer,
                     (lora_pair_desc){.matrix = i ? "attn_v" : "attn_q",
                                      .cols = 576,
                                      .rows = i ? 192 : 576,
                                      .rank = 4,
                                      .a_type = GGUF_F16,
                                      .b_type = GGUF_F16,
                                      .a_range = 0.03f,
                                      .b_range = 0.06f},
                     &seed);
    }
  }
}

static void adapter_take(lossless *l, bool made) {
  nf_adapter *adapter = nullptr;
  nf_status status = NF_OK;
  if (adapter_path) {
    status = nf_adapter_open_file(l->engine, adapter_path, &adapter, &l->error);
  } else if (made) {
    gguf_make g = {};
    adapter_make(&g);
    status = nf_adapter_open_memory(l->engine, gguf_make_finish(&g), &adapter, &l->error);
    gguf_make_free(&g);
  }
  if (status) fail_msg("%s", l->error.line);
  if (adapter) lossless_adapter_set(l, adapter);
}

static void line_fail(const lossless *l, i32 i, const char *wrong) {
  u8 text[1024];
  isize len = lossless_caption(l, i, text);
  fail_msg("line %d: %s: %.*s", i, wrong, (int)len, text);
}

static u32 run(i32 n_threads, bool made_adapter) {
  static lossless l;
  os_map map;
  nf_error error = {};
  if (os_file_map(real_model_path(), &map, &error)) fail_msg("%s", error.line);
  if (lossless_open(&l, map.at, map.len, corpus_read(), n_threads)) fail_msg("%s", l.error.line);
  adapter_take(&l, made_adapter);
  void *block = nullptr;
  if (n_lines > 100) {
    block = malloc((size_t)lossless_side_bytes(&l));
    assert_int_equal(lossless_side_open(&l, block), NF_OK);
  }
  for (i32 i = first_line; i < first_line + n_lines; i++) {
    if (!lossless_line(&l, i, i % (n_lines > 100 ? 16 : 8) == 0)) line_fail(&l, i, l.wrong);
    if (side.n_differ > 0) line_fail(&l, side.line, "one token a pass, side by side");
    if (n_lines > 100 && (i + 1) % 100 == 0) {
      fprintf(stderr, "%d lines, %d skipped\n", i + 1 - first_line, l.n_skipped);
    }
  }
  lossless_side_finish(&l);
  if (side.n_differ > 0) line_fail(&l, side.line, "one token a pass, side by side");
  print_message(
      "%d threads: %d captions equal (%d kept as they are), %d sampled answers equal, %d "
      "skipped (spans put back); %d tokens; passes: one guess %d, CPU tree (every 8th "
      "caption) %d, GPU tree %d, one by one %d; hash %08x\n",
      n_threads, l.n_lines, l.n_kept, l.n_draws, l.n_skipped, l.n_tokens, l.passes[0], l.passes[1],
      l.passes[2], l.passes[3], (unsigned)l.hash);
  if (n_lines > 100) print_message("%d captions, 0 differ\n", l.n_lines);
  assert_true(l.n_lines >= n_lines * 9 / 10);
  assert_true(l.n_kept < l.n_lines);
  u32 hash = l.hash;
  lossless_close(&l);
  free(block);
  os_file_unmap(&map);
  return hash;
}

static void speculation_changes_no_token(void **state) {
  (void)state;
  if (threads_wanted > 0) {
    (void)run(threads_wanted, false);
  } else {
    u32 one = run(1, false);
    assert_int_equal(one, run(2, false));
  }
}

static void nor_with_an_adapter(void **state) {
  (void)state;
  if (threads_wanted > 0) return; /* a run by hand names its own */
  n_lines = under_sanitizer ? 3 : 16;
  (void)run(2, true);
}

int main(int argc, char **argv) {
  if (argc > 1) n_lines = atoi(argv[1]);
  if (argc > 2) first_line = atoi(argv[2]);
  if (argc > 3) threads_wanted = atoi(argv[3]);
  if (argc > 4) adapter_path = argv[4];
  const struct CMUnitTest tests[] = {cmocka_unit_test(speculation_changes_no_token),
                                     cmocka_unit_test(nor_with_an_adapter)};
  return cmocka_run_group_tests_name("lossless", tests, nullptr, nullptr);
}
