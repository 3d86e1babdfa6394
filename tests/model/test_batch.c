/* Tests of a batch on the tiny model: passes of timelines in caches of their own, run as one, give
 * what each alone gives, whatever each wants of its rows; one that is dropped leaves no trace. */
#include "base/math.h"
#include "model/engine_fixture.h"
#include "model/model_internal.h"

constexpr isize keys_max = 90, members = 20, rows_most = 30;

typedef struct {
  void *cache_block, *scratch_block;
  model_kv kv;
  model_scratch *scratch;
  i32 tokens[keys_max], asked[rows_most];
  u64 seed;
  model_choice choice;
  model_span span;
  model_pass pass;
  i32 best[rows_most];
  f32 log_p_best[rows_most], log_p_asked[rows_most];
  f32 logits[rows_most * TINY_N_VOCAB];
  bool going;
} member;

typedef struct {
  gguf_make g;
  test_engine e;
  void *block, *alone_block;
  model_kv alone;
  model_batch *batch;
  member at[members];
} world;

static void world_open(world *w, isize n_threads) {
  tiny_llama(&w->g, (tiny_llama_desc){.type = GGUF_Q4_1, .embed_type = GGUF_Q8_0});
  test_engine_open(&w->e, gguf_make_finish(&w->g), nullptr, n_threads, keys_max);
  w->alone = test_kv_open(&w->e, &w->alone_block);
  isize bytes = model_batch_bytes(w->e.m, keys_max, n_threads);
  w->block = malloc((size_t)bytes);
  arena a = arena_of(w->block, bytes);
  assert_int_equal(model_batch_open(w->e.m, keys_max, n_threads, &a, &w->batch), NF_OK);
  for (isize i = 0; i < members; i++) {
    member *one = &w->at[i];
    one->kv = test_kv_open(&w->e, &one->cache_block);
    bytes = model_scratch_bytes(w->e.m, keys_max, n_threads);
    one->scratch_block = malloc((size_t)bytes);
    a = arena_of(one->scratch_block, bytes);
    assert_int_equal(model_scratch_open(w->e.m, keys_max, n_threads, &a, &one->scratch), NF_OK);
    model_batch_join(w->batch, one->scratch);
  }
}

static void world_close(world *w) {
  for (isize i = 0; i < members; i++) {
    model_batch_leave(w->at[i].scratch);
    free(w->at[i].cache_block);
    free(w->at[i].scratch_block);
  }
  model_batch_close(w->batch);
  free(w->block);
  free(w->alone_block);
  test_engine_close(&w->e);
  gguf_make_free(&w->g);
}

/* A new timeline of random length; its last rows want some of the things a pass can give. */
static void member_begin(world *w, member *one, u64 *seed) {
  isize m = 1 + (isize)(make_random(seed) % rows_most);
  u64 kind = make_random(seed) % 4;
  test_tokens_fill(one->tokens, m, TINY_N_VOCAB, make_random(seed));
  test_tokens_fill(one->asked, m, TINY_N_VOCAB, make_random(seed));
  one->seed = make_random(seed);
  one->choice =
      (model_choice){.temperature = 0.5f + (f32)kind, .min_p = 0.05f, .seeds = &one->seed};
  one->span = (model_span){.kv = one->kv, .tokens = one->tokens, .m = m};
  one->span.n_out_rows = (isize)(make_random(seed) % (u64)(m + 1));
  one->pass = (model_pass){.spans = &one->span, .n_spans = 1};
  if (kind != 1) one->pass.best = one->best;
  if (kind != 1) one->pass.log_p_best = one->log_p_best;
  if (kind == 0 || kind == 2) one->pass.asked = one->asked;
  if (kind == 0 || kind == 2) one->pass.log_p_asked = one->log_p_asked;
  if (kind == 1 || kind == 2) one->pass.logits = one->logits;
  if (kind >= 2) one->pass.choice = &one->choice;
  one->going = model_pass_run(w->e.m, one->scratch, w->e.threads, &one->pass) == NF_PENDING;
  assert_true(one->going);
}

/* The same pass alone in another cache. */
static void member_check(world *w, const member *one) {
  static member own;
  own = *one;
  isize n = one->span.n_out_rows;
  own.span.kv = w->alone;
  own.pass.spans = &own.span;
  if (own.pass.best) own.pass.best = own.best;
  if (own.pass.log_p_best) own.pass.log_p_best = own.log_p_best;
  if (own.pass.log_p_asked) own.pass.log_p_asked = own.log_p_asked;
  if (own.pass.logits) own.pass.logits = own.logits;
  memset(own.best, 0xEE, sizeof own.best);
  memset(own.logits, 0xEE, sizeof own.logits);
  memset(own.log_p_best, 0xEE, sizeof own.log_p_best);
  memset(own.log_p_asked, 0xEE, sizeof own.log_p_asked);
  (void)test_pass_run(&w->e, &own.pass);
  if (one->pass.best) assert_memory_equal(one->best, own.best, (size_t)n * 4);
  if (one->pass.logits) {
    assert_memory_equal(one->logits, own.logits, (size_t)(n * TINY_N_VOCAB) * sizeof(f32));
  }
  if (one->pass.log_p_best) assert_memory_equal(one->log_p_best, own.log_p_best, (size_t)n * 4);
  if (one->pass.log_p_asked) assert_memory_equal(one->log_p_asked, own.log_p_asked, (size_t)n * 4);
}

static void passes_as_one_are_what_each_is_alone(void **state) {
  (void)state;
  u64 seed = 3;
  isize n_done = 0, n_dropped = 0, n_runs = 0;
  for (isize round = 0; round < 6; round++) {
    static world w;
    w = (world){};
    world_open(&w, 1 + round % 3);
    for (isize turn = 0; turn < 300; turn++) {
      member *one = &w.at[make_random(&seed) % members];
      if (!one->going) {
        member_begin(&w, one, &seed);
      } else if (make_random(&seed) % 3 == 0) { /* its memory is another's at once */
        model_pass_drop(w.e.m, one->scratch);
        memset(one->cache_block, 0xFF, (size_t)model_cache_bytes(w.e.m, keys_max));
        arena a = arena_of(one->cache_block, model_cache_bytes(w.e.m, keys_max));
        assert_int_equal(model_cache_open(w.e.m, keys_max, &a, &one->kv.cache), NF_OK);
        one->going = false;
        n_dropped++;
      }
      if (turn % 6 > 0) continue;
      isize n_passes;
      (void)model_batch_run(w.batch, w.e.threads, &n_passes);
      n_runs += n_passes > 0;
      for (isize i = 0; i < members && n_passes > 0; i++) {
        member *other = &w.at[i];
        if (!other->going || other->scratch->place != PLACE_DONE) continue;
        assert_int_equal(model_pass_run(w.e.m, other->scratch, w.e.threads, &other->pass), NF_OK);
        member_check(&w, other);
        other->going = false;
        n_done++;
        n_passes--;
      }
      assert_int_equal(n_passes, 0);
    }
    world_close(&w);
  }
  assert_true(n_done > n_runs * 2); /* several as one */
  assert_true(n_dropped > 50);
}

/* Pieces: one that is dropped between two of them writes nothing any more. */
static void dropped_between_pieces(void **state) {
  (void)state;
  static world w;
  w = (world){};
  world_open(&w, 2);
  u64 seed = 9;
  for (isize pieces = 1; pieces < 14; pieces++) {
    isize n_passes = 0;
    for (isize i = 0; i < 3; i++) {
      do {
        if (w.at[i].going) model_pass_drop(w.e.m, w.at[i].scratch);
        member_begin(&w, &w.at[i], &seed);
      } while (w.at[i].span.n_out_rows == 0 || w.at[i].span.m > 20);
    }
    w.batch->scratch->piece_products = 1;
    for (isize i = 0; i < pieces && n_passes == 0; i++) {
      (void)model_batch_run(w.batch, w.e.threads, &n_passes);
    }
    if (n_passes == 0) {
      model_pass_drop(w.e.m, w.at[1].scratch);
      memset(w.at[1].best, 0x55, sizeof w.at[1].best);
      memset(w.at[1].cache_block, 0xFF, (size_t)model_cache_bytes(w.e.m, keys_max));
      while (n_passes == 0) (void)model_batch_run(w.batch, w.e.threads, &n_passes);
      assert_int_equal(n_passes, 2);
      for (isize i = 0; i < rows_most; i++) assert_int_equal(w.at[1].best[i], 0x55555555);
      const u8 *cache = w.at[1].cache_block;
      isize bytes = model_cache_bytes(w.e.m, keys_max);
      for (isize i = 0; i < bytes; i++) assert_int_equal(cache[i], 0xFF);
      arena a = arena_of(w.at[1].cache_block, bytes);
      assert_int_equal(model_cache_open(w.e.m, keys_max, &a, &w.at[1].kv.cache), NF_OK);
      w.at[1].going = false;
    }
    for (isize i = 0; i < 3; i++) {
      if (!w.at[i].going) continue;
      assert_int_equal(model_pass_run(w.e.m, w.at[i].scratch, w.e.threads, &w.at[i].pass), NF_OK);
      member_check(&w, &w.at[i]);
      w.at[i].going = false;
    }
  }
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(passes_as_one_are_what_each_is_alone),
      cmocka_unit_test(dropped_between_pieces),
  };
  return cmocka_run_group_tests_name("batch", tests, nullptr, nullptr);
}
