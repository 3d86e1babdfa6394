/* Tests of session/: a reused prefix equals a fresh run bit for bit, verification gives exactly
 * the tokens of plain greedy decoding, limits end in a status. */
#include "model/engine_fixture.h"
#include "session/session.h"

typedef struct {
  gguf_make g;
  test_engine e;
  void *block;
  session *s;
} world;

constexpr isize ctx = 200;

static void world_open(world *w, tiny_llama_desc desc, isize n_threads) {
  *w = (world){};
  tiny_llama(&w->g, desc);
  test_engine_open(&w->e, gguf_make_finish(&w->g), nullptr, n_threads, ctx);
}

static session *session_new(world *w, void **block) {
  isize bytes = session_bytes(w->e.m, ctx);
  *block = malloc((size_t)bytes);
  memset(*block, 0xFF, (size_t)bytes);
  arena a = arena_of(*block, bytes);
  session *s;
  assert_int_equal(session_open(w->e.m, w->e.scratch, w->e.threads, ctx, &a, &s), NF_OK);
  return s;
}

static void world_close(world *w) {
  test_engine_close(&w->e);
  gguf_make_free(&w->g);
}

static void run_to_end(session *s) {
  nf_status status;
  while ((status = session_run(s)) == NF_PENDING) {
  }
  assert_int_equal(status, NF_OK);
}

static const tiny_llama_desc tiny = {.type = GGUF_Q4_1, .embed_type = GGUF_Q8_0};

static void prefix_reuse_equals_a_fresh_run(void **state) {
  (void)state;
  world w;
  world_open(&w, tiny, 2);
  void *used_block, *fresh_block;
  session *used = session_new(&w, &used_block);
  i32 tokens[180];
  u64 seed = 11;
  test_tokens_fill(tokens, 180, TINY_N_VOCAB, 1);
  isize n_before = 0;
  for (isize round = 0; round < 25; round++) {
    /* change the timeline somewhere and its length */
    isize from = (isize)(make_random(&seed) % 170), n = 1 + (isize)(make_random(&seed) % 180);
    i32 old[180];
    memcpy(old, tokens, sizeof old);
    test_tokens_fill(tokens + from, 180 - from, TINY_N_VOCAB, make_random(&seed));
    isize common = 0, cached;
    while (common < isize_min(n_before, n - 1) && tokens[common] == old[common]) common++;
    assert_int_equal(session_set(used, tokens, n, &cached), NF_OK);
    assert_int_equal(cached, common);
    run_to_end(used);
    assert_int_equal(session_passes(used), (n - cached + MODEL_ROWS_MAX - 1) / MODEL_ROWS_MAX);
    session *fresh = session_new(&w, &fresh_block);
    assert_int_equal(session_set(fresh, tokens, n, &cached), NF_OK);
    assert_int_equal(cached, 0);
    run_to_end(fresh);
    assert_memory_equal(session_logits(used), session_logits(fresh), TINY_N_VOCAB * sizeof(f32));
    free(fresh_block);
    n_before = n;
  }
  free(used_block);
  world_close(&w);
}

static i32 largest(const f32 *logits) {
  return (i32)k_table_named("ref")->argmax(logits, TINY_N_VOCAB);
}

static void greedy_plain(session *s, const i32 *prompt, isize n_prompt, i32 *out, isize n) {
  isize cached;
  assert_int_equal(session_set(s, prompt, n_prompt, &cached), NF_OK);
  for (isize i = 0; i < n; i++) {
    run_to_end(s);
    out[i] = largest(session_logits(s));
    assert_int_equal(session_push(s, out[i]), NF_OK);
  }
}

/* A draft that is right in parts: the true answer with tokens changed, left out, put in. */
static isize draft_of(const i32 *truth, isize n, i32 *draft, u64 *seed) {
  isize n_draft = 0;
  u64 rate = 2 + make_random(seed) % 12;
  for (isize i = 0; i < n; i++) {
    u64 dice = make_random(seed) % (4 * rate);
    if (dice == 0) continue;
    if (dice == 1) draft[n_draft++] = (i32)(make_random(seed) % TINY_N_VOCAB);
    draft[n_draft++] = dice == 2 ? (i32)(make_random(seed) % TINY_N_VOCAB) : truth[i];
  }
  return n_draft;
}

/* The usual loop of session.h. Returns passes used. */
static isize greedy_with_draft(session *s, const i32 *prompt, isize n_prompt, const i32 *draft,
                               isize n_draft, i32 *out, isize n) {
  isize cached, n_out = 0;
  assert_int_equal(session_set(s, prompt, n_prompt, &cached), NF_OK);
  while (n_out < n) {
    session_verdict v;
    nf_status status;
    while ((status = session_verify(s, draft, n_draft, &v)) == NF_PENDING) {
    }
    assert_int_equal(status, NF_OK);
    assert_true(0 <= v.n_accepted && v.n_accepted <= v.n_looked && v.n_looked <= n_draft);
    const i32 *tokens;
    assert_int_equal(session_tokens(s, &tokens), n_prompt + n_out + v.n_accepted);
    for (isize i = 0; i < v.n_accepted && n_out < n; i++) out[n_out++] = draft[i];
    if (n_out < n) out[n_out++] = v.next;
    assert_int_equal(session_push(s, v.next), NF_OK);
    isize used = isize_min(v.n_accepted + 1, n_draft); /* as if next replaced a draft token */
    draft += used;
    n_draft -= used;
  }
  return session_passes(s);
}

static void verification_gives_the_tokens_of_plain_decoding(void **state) {
  (void)state;
  u64 seed = 5;
  isize n_drafted_passes = 0, n_plain_passes = 0;
  for (isize type = 0; type < 3; type++) {
    static const gguf_type types[] = {GGUF_Q4_1, GGUF_Q8_0, GGUF_F32};
    world w;
    world_open(&w, (tiny_llama_desc){.type = types[type], .embed_type = GGUF_Q8_0}, 1 + type % 2);
    void *plain_block, *guess_block;
    session *plain = session_new(&w, &plain_block), *guess = session_new(&w, &guess_block);
    for (isize round = 0; round < 60; round++) {
      isize n_prompt = 1 + (isize)(make_random(&seed) % 100), n = 80;
      i32 prompt[100], truth[80], draft[160], got[80];
      test_tokens_fill(prompt, n_prompt, TINY_N_VOCAB, make_random(&seed));
      greedy_plain(plain, prompt, n_prompt, truth, n);
      n_plain_passes += session_passes(plain);
      isize n_draft = draft_of(truth, n, draft, &seed);
      n_drafted_passes += greedy_with_draft(guess, prompt, n_prompt, draft, n_draft, got, n);
      assert_memory_equal(got, truth, sizeof got);
    }
    free(plain_block);
    free(guess_block);
    world_close(&w);
  }
  assert_true(n_drafted_passes < n_plain_passes); /* the drafts were of use */
}

static void a_right_draft_costs_one_pass(void **state) {
  (void)state;
  world w;
  world_open(&w, tiny, 2);
  void *block;
  session *s = session_new(&w, &block);
  i32 prompt[20], truth[70];
  isize cached;
  test_tokens_fill(prompt, 20, TINY_N_VOCAB, 4);
  greedy_plain(s, prompt, 20, truth, 70);
  session_verdict v;
  assert_int_equal(session_set(s, prompt, 20, &cached), NF_OK);
  assert_int_equal(cached, 19);
  assert_int_equal(session_verify(s, truth, 40, &v), NF_OK);
  assert_int_equal(v.n_accepted, 40);
  assert_int_equal(v.next, truth[40]);
  assert_int_equal(session_passes(s), 1);
  /* nothing pending: the last token is run again beside the draft */
  assert_int_equal(session_verify(s, truth + 40, 30, &v), NF_OK);
  assert_int_equal(v.n_accepted, 30);
  assert_int_equal(session_passes(s), 2);
  /* logits after a verification: of the last token, as if it had come one by one */
  run_to_end(s);
  assert_int_equal(largest(session_logits(s)), v.next);
  /* more than fits one pass is cut, and said so */
  assert_int_equal(session_set(s, prompt, 20, &cached), NF_OK);
  nf_status status = session_verify(s, truth, 70, &v);
  assert_int_equal(status, NF_OK); /* 1 pending + 63 */
  assert_int_equal(v.n_looked, SESSION_DRAFT_MAX);
  assert_int_equal(v.n_accepted, SESSION_DRAFT_MAX);
  assert_int_equal(v.next, truth[SESSION_DRAFT_MAX]);
  /* a fresh session: 20 pending + 63 do not fit one pass */
  void *other_block;
  session *other = session_new(&w, &other_block);
  assert_int_equal(session_set(other, prompt, 20, &cached), NF_OK);
  assert_int_equal(session_verify(other, truth, 63, &v), NF_PENDING);
  assert_int_equal(session_verify(other, truth, 63, &v), NF_OK);
  assert_int_equal(v.n_accepted, 63);
  assert_int_equal(session_passes(other), 2);
  free(other_block);
  free(block);
  world_close(&w);
}

static void limits_end_in_a_status(void **state) {
  (void)state;
  world w;
  world_open(&w, tiny, 1);
  void *block;
  session *s = session_new(&w, &block);
  i32 tokens[ctx];
  isize cached = 77;
  session_verdict v;
  test_tokens_fill(tokens, ctx, TINY_N_VOCAB, 8);
  assert_int_equal(session_run(s), NF_BAD_INPUT);
  assert_int_equal(session_verify(s, tokens, 1, &v), NF_BAD_INPUT);
  assert_int_equal(session_set(s, tokens, 0, &cached), NF_BAD_INPUT);
  assert_int_equal(session_set(s, tokens, ctx, &cached), NF_BAD_INPUT);
  assert_int_equal(cached, 77);
  i32 unknown[2] = {3, TINY_N_VOCAB};
  assert_int_equal(session_set(s, unknown, 2, &cached), NF_BAD_INPUT);
  assert_int_equal(session_set(s, tokens, ctx - 1, &cached), NF_OK);
  assert_int_equal(session_verify(s, unknown, 2, &v), NF_PENDING); /* cut to the 1 that fits */
  assert_int_equal(session_push(s, -1), NF_BAD_INPUT);
  assert_int_equal(session_push(s, 5), NF_OK);
  assert_int_equal(session_push(s, 5), NF_BAD_INPUT);
  run_to_end(s); /* a full context still has its last logits */
  assert_int_equal(session_verify(s, tokens, 9, &v), NF_OK);
  assert_int_equal(v.n_looked, 0);
  assert_int_equal(v.next, largest((run_to_end(s), session_logits(s))));
  unknown[0] = -1;
  assert_int_equal(session_set(s, tokens, 5, &cached), NF_OK);
  assert_int_equal(session_verify(s, unknown, 2, &v), NF_BAD_INPUT);
  run_to_end(s);
  free(block);
  isize bytes = session_bytes(w.e.m, ctx);
  block = malloc((size_t)bytes);
  arena a = arena_of(block, bytes - 400);
  assert_int_equal(session_open(w.e.m, w.e.scratch, w.e.threads, ctx, &a, &s), NF_NO_MEMORY);
  assert_ptr_equal(a.at, block);
  free(block);
  world_close(&w);
}

static void setting_ones_own_tokens_shortens(void **state) {
  (void)state;
  world w;
  world_open(&w, tiny, 1);
  void *block;
  session *s = session_new(&w, &block);
  i32 tokens[50];
  isize cached;
  test_tokens_fill(tokens, 50, TINY_N_VOCAB, 2);
  assert_int_equal(session_set(s, tokens, 50, &cached), NF_OK);
  run_to_end(s);
  const i32 *own;
  (void)session_tokens(s, &own);
  assert_int_equal(session_set(s, own, 30, &cached), NF_OK);
  assert_int_equal(cached, 29);
  assert_int_equal(session_tokens(s, &own), 30);
  assert_memory_equal(own, tokens, 30 * sizeof(i32));
  free(block);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prefix_reuse_equals_a_fresh_run),
      cmocka_unit_test(verification_gives_the_tokens_of_plain_decoding),
      cmocka_unit_test(a_right_draft_costs_one_pass),
      cmocka_unit_test(limits_end_in_a_status),
      cmocka_unit_test(setting_ones_own_tokens_shortens),
  };
  return cmocka_run_group_tests_name("session", tests, nullptr, nullptr);
}
