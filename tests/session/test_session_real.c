/* Verification with the real model: drafts taken from the prompt itself, as an edit does, and
 * from the damaged right answer; the tokens are those of plain greedy decoding, in fewer passes.
 * Prompts: tests/data/golden_smollm2.gguf. Needs the model file: fails without it. */
#include "model/engine_fixture.h"
#include "session/session.h"

constexpr isize ctx = 256, n_out = 24;

typedef struct {
  os_map map, golden_map;
  test_engine e;
  gguf_file golden;
  void *golden_directory, *blocks[2];
  session *plain, *guess;
} world;

static void world_open(world *w) {
  nf_error error = {};
  *w = (world){};
  if (os_file_map(real_model_path(), &w->map, &error)) fail_msg("%s", error.line);
  test_engine_open_at(&w->e, w->map.at, w->map.len, nullptr, 2, ctx);
  if (os_file_map(NF_SOURCE_DIR "/tests/data/golden_smollm2.gguf", &w->golden_map, &error)) {
    fail_msg("%s", error.line);
  }
  assert_int_equal(test_directory(bytes_of(w->golden_map.at, w->golden_map.len),
                                  &w->golden_directory, &w->golden, &error),
                   NF_OK);
  session **sessions[2] = {&w->plain, &w->guess};
  for (isize i = 0; i < 2; i++) {
    isize bytes = session_bytes(w->e.m, ctx);
    w->blocks[i] = malloc((size_t)bytes);
    arena a = arena_of(w->blocks[i], bytes);
    assert_int_equal(session_open(w->e.m, w->e.scratch, w->e.threads, ctx, &a, sessions[i]), NF_OK);
  }
}

static void world_close(world *w) {
  test_engine_close(&w->e);
  os_file_unmap(&w->map);
  os_file_unmap(&w->golden_map);
  free(w->golden_directory);
  free(w->blocks[0]);
  free(w->blocks[1]);
}

static isize prompt_get(const world *w, isize prompt, i32 *tokens) {
  char key[32];
  gguf_array array;
  snprintf(key, sizeof key, "p%d.tokens", (int)prompt);
  assert_true(gguf_array_get(&w->golden, key, GGUF_KV_I32, &array));
  memcpy(tokens, array.bytes.at, (size_t)array.n * 4);
  return array.n;
}

static void greedy_plain(world *w, const i32 *prompt, isize n_prompt, i32 *out) {
  isize cached;
  assert_int_equal(session_set(w->plain, prompt, n_prompt, &cached), NF_OK);
  for (isize i = 0; i < n_out; i++) {
    nf_status status;
    while ((status = session_run(w->plain)) == NF_PENDING) {
    }
    assert_int_equal(status, NF_OK);
    out[i] =
        (i32)k_table_best()->argmax(session_logits(w->plain), model_shape_get(w->e.m)->n_vocab);
    assert_int_equal(session_push(w->plain, out[i]), NF_OK);
  }
}

static void greedy_with_draft(world *w, const i32 *prompt, isize n_prompt, const i32 *draft,
                              isize n_draft, i32 *out) {
  isize cached, n = 0;
  assert_int_equal(session_set(w->guess, prompt, n_prompt, &cached), NF_OK);
  while (n < n_out) {
    session_verdict v;
    nf_status status;
    while ((status = session_verify(w->guess, draft, n_draft, &v)) == NF_PENDING) {
    }
    assert_int_equal(status, NF_OK);
    for (isize i = 0; i < v.n_accepted && n < n_out; i++) out[n++] = draft[i];
    if (n < n_out) out[n++] = v.next;
    assert_int_equal(session_push(w->guess, v.next), NF_OK);
    isize used = isize_min(v.n_accepted + 1, n_draft);
    draft += used;
    n_draft -= used;
  }
}

static void drafts_change_the_passes_not_the_tokens(void **state) {
  (void)state;
  world w;
  world_open(&w);
  isize n_plain = 0, n_guess = 0;
  u64 seed = 1;
  for (isize prompt = 0; prompt < 9; prompt += under_sanitizer ? 4 : 1) {
    i32 tokens[ctx], truth[n_out], draft[n_out], got[n_out];
    isize n = prompt_get(&w, prompt, tokens);
    greedy_plain(&w, tokens, n, truth);
    for (isize round = 0; round < 4; round++) {
      for (isize i = 0; i < n_out; i++) {
        bool own = round == 0 && n > 2 * n_out; /* the end of the prompt, as it stands */
        draft[i] = own ? tokens[n - n_out + i] : truth[i];
        if (!own && make_random(&seed) % 6 == 0) draft[i] = (i32)(make_random(&seed) % 49152);
      }
      greedy_with_draft(&w, tokens, n, draft, n_out, got);
      assert_memory_equal(got, truth, sizeof got);
      n_guess += session_passes(w.guess);
      n_plain += n_out;
    }
  }
  print_message("%d tokens in %d passes\n", (int)n_plain, (int)n_guess);
  assert_true(n_guess * 2 < n_plain);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(drafts_change_the_passes_not_the_tokens)};
  return cmocka_run_group_tests_name("session_real", tests, nullptr, nullptr);
}
