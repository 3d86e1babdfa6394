/* Speculation is lossless, over many captions with the real model: see lossless.h.
 *   test_lossless [LINES [FIRST [THREADS [ADAPTER]]]]
 * default: a slice for CI, another with a LoRA made here; ./dev soak runs 5,000
 * In a run of more than 100 captions only every 16th is compared with passes of one row; for the
 * others 16 captions go side by side, one token each a pass, which costs a fifth.
 * Needs the model file: fails without it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit/lossless.h"
#include "gguf/lora_make.h"
#include "model/engine_fixture.h"

static i32 n_lines = 40, first_line = 0, threads_wanted = 0;
static const char *adapter_path;

static nf_bytes corpus_read(void) {
  static u8 text[1 << 16];
  FILE *f = fopen(NF_SOURCE_DIR "/tests/data/edit_lines.txt", "rb");
  assert_non_null(f);
  size_t n = fread(text, 1, sizeof text, f);
  fclose(f);
  return bytes_of(text, (isize)n);
}

/* ---- one token a pass for each of 16 captions side by side ---- */
constexpr isize SIDE_MAX = MODEL_SPANS_MAX, OWN_MAX = 96, TRUNK_MAX = 256;
static struct {
  i32 line, tokens[TRUNK_MAX + OWN_MAX]; /* prompt, answer, perhaps its end */
  isize n_prompt, n, n_shared, n_cached;
  bool ended;
} side[SIDE_MAX];
static isize n_side, n_trunk;
static i32 trunk[TRUNK_MAX];
static model_cache *side_cache;

static void side_pass(lossless *l, const model_pass *wanted) {
  nf_status status;
  model_pass pass = *wanted;
  pass.adapter = l->adapter ? l->adapter->tuning.adapter : nullptr;
  while ((status = model_pass_run(l->engine->model, l->plain->pass_scratch, l->engine->threads,
                                  &pass)) == NF_PENDING) {
  }
  assert_int_equal(status, NF_OK);
}

static model_span side_span(isize i, isize m, isize n_out) {
  isize slot = TRUNK_MAX + i * OWN_MAX;
  const model_kv kv = {side_cache, side[i].n_shared, slot - side[i].n_shared};
  return (model_span){.kv = kv,
                      .tokens = side[i].tokens + side[i].n_cached,
                      .m = m,
                      .pos = side[i].n_cached,
                      .n_out_rows = n_out};
}

static void side_run(lossless *l) {
  for (isize i = 0; i < n_side; i++) { /* the prompts, but for their last token */
    isize m = side[i].n_prompt - 1 - side[i].n_cached;
    if (m == 0) continue;
    const model_span span = side_span(i, m, 0);
    side_pass(l, &(model_pass){.spans = &span, .n_spans = 1});
    side[i].n_cached += m;
  }
  for (;;) {
    model_span spans[SIDE_MAX];
    isize of[SIDE_MAX], n = 0;
    for (isize i = 0; i < n_side; i++) {
      if (side[i].n_cached == side[i].n - !side[i].ended) continue;
      of[n] = i;
      spans[n++] = side_span(i, 1, 1);
    }
    if (n == 0) break;
    i32 best[SIDE_MAX];
    side_pass(l, &(model_pass){.spans = spans, .n_spans = n, .best = best});
    l->passes[3]++;
    for (isize j = 0; j < n; j++) {
      isize i = of[j], at = ++side[i].n_cached;
      bool same =
          at == side[i].n ? text_is_end(l->engine->vocab, best[j]) : best[j] == side[i].tokens[at];
      if (!same) fail_msg("caption %d differs at token %d", side[i].line, (int)at);
    }
  }
  n_side = 0;
}

static bool side_compare(lossless *l, i32 line, const i32 *prompt, isize n_prompt,
                         const i32 *tokens, isize n, bool ended) {
  if (n_trunk == 0) { /* the first prompt is what the others share the beginning of */
    n_trunk = n_prompt;
    assert_true(n_prompt <= TRUNK_MAX);
    memcpy(trunk, prompt, (size_t)n_prompt * sizeof(i32));
    for (isize at = 0; at < n_prompt; at += MODEL_ROWS_MAX) {
      const model_span span = {.kv = {.cache = side_cache},
                               .tokens = trunk + at,
                               .m = isize_min(MODEL_ROWS_MAX, n_prompt - at),
                               .pos = at};
      side_pass(l, &(model_pass){.spans = &span, .n_spans = 1});
    }
  }
  isize shared = session_tokens_common(trunk, n_trunk, prompt, n_prompt - 1);
  bool fits = n_prompt + n <= TRUNK_MAX + OWN_MAX && n_prompt + n + 1 - shared <= OWN_MAX &&
              n_prompt - shared <= MODEL_ROWS_MAX;
  if (!fits) return lossless_same(l, prompt, n_prompt, tokens, n, ended, 0, 0);
  isize i = n_side++;
  side[i].line = line;
  side[i].n_prompt = n_prompt;
  side[i].n = n_prompt + n;
  side[i].n_shared = side[i].n_cached = shared;
  side[i].ended = ended;
  memcpy(side[i].tokens, prompt, (size_t)n_prompt * sizeof(i32));
  memcpy(side[i].tokens + n_prompt, tokens, (size_t)n * sizeof(i32));
  if (n_side == SIDE_MAX) side_run(l);
  return true;
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

static u32 run(i32 n_threads, bool made_adapter) {
  static lossless l;
  os_map map;
  nf_error error = {};
  if (os_file_map(real_model_path(), &map, &error)) fail_msg("%s", error.line);
  if (lossless_open(&l, map.at, map.len, corpus_read(), n_threads)) fail_msg("%s", l.error.line);
  adapter_take(&l, made_adapter);
  arena a = {};
  if (n_lines > 100) {
    isize bytes = model_cache_bytes(l.engine->model, TRUNK_MAX + SIDE_MAX * OWN_MAX);
    a = arena_of(malloc((size_t)bytes), bytes);
    assert_int_equal(
        model_cache_open(l.engine->model, TRUNK_MAX + SIDE_MAX * OWN_MAX, &a, &side_cache), NF_OK);
    l.compare = side_compare;
  }
  for (i32 i = first_line; i < first_line + n_lines; i++) {
    if (!lossless_line(&l, i, i % (n_lines > 100 ? 16 : 8) == 0)) {
      u8 text[1024];
      isize len = lossless_caption(&l, i, text);
      fail_msg("line %d, %d threads: %s: %.*s", i, n_threads, l.wrong, (int)len, text);
    }
    if (n_lines > 100 && (i + 1) % 100 == 0) {
      fprintf(stderr, "%d lines, %d skipped\n", i + 1 - first_line, l.n_skipped);
    }
  }
  if (n_side > 0) side_run(&l);
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
    (void)run(threads_wanted, false);
  } else {
    u32 one = run(1, false);
    assert_int_equal(one, run(2, false));
  }
}

static void nor_with_an_adapter(void **state) {
  (void)state;
  if (threads_wanted > 0) return; /* a run by hand names its own */
  n_lines = 16;
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
