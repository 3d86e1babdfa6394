/* Tests of passes of several spans: branches that share a trunk, wherever their slots lie, give
 * what each alone gives; a pass in pieces is the same pass; draws are pick.h's. */
#include <math.h>

#include "base/math.h"
#include "model/engine_fixture.h"
#include "model/model_internal.h"
#include "model/pick.h"

constexpr isize slots = 200, keys_max = 120;

typedef struct {
  gguf_make g;
  test_engine e;
  void *blocks[2];
  model_cache *cache, *alone;
} world;

static model_cache *cache_new(const test_engine *e, isize n_slots, void **block) {
  isize bytes = model_cache_bytes(e->m, n_slots);
  *block = malloc((size_t)bytes);
  memset(*block, 0xFF, (size_t)bytes); /* NaN: reading what was not written shows */
  arena a = arena_of(*block, bytes);
  model_cache *cache;
  assert_int_equal(model_cache_open(e->m, n_slots, &a, &cache), NF_OK);
  return cache;
}

static void world_open(world *w, gguf_type type, const char *table, isize n_threads) {
  *w = (world){};
  tiny_llama(&w->g, (tiny_llama_desc){.type = type, .embed_type = GGUF_Q8_0});
  test_engine_open(&w->e, gguf_make_finish(&w->g), table, n_threads, keys_max);
  w->cache = cache_new(&w->e, slots, &w->blocks[0]);
  w->alone = cache_new(&w->e, keys_max, &w->blocks[1]);
}

static void world_close(world *w) {
  model_cache_close(w->cache);
  model_cache_close(w->alone);
  test_engine_close(&w->e);
  free(w->blocks[0]);
  free(w->blocks[1]);
  gguf_make_free(&w->g);
}

typedef struct {
  i32 best[MODEL_ROWS_MAX + MODEL_MORE_MAX];
  f32 log_p_best[MODEL_ROWS_MAX + MODEL_MORE_MAX], log_p_asked[MODEL_ROWS_MAX];
} results;

/* A random number of branches over one trunk, each of any length, with any out rows; adds the
 * same timeline alone in another cache, row range by row range. */
static void branches_are_what_each_is_alone(void **state) {
  (void)state;
  u64 seed = 1;
  static f32 logits[MODEL_ROWS_MAX * TINY_N_VOCAB], own[MODEL_ROWS_MAX * TINY_N_VOCAB];
  isize n_pieces = 0, n_spans_seen = 0;
  for (isize round = 0; round < 60; round++) {
    static const gguf_type types[] = {GGUF_Q4_1, GGUF_Q8_0, GGUF_F32};
    world w;
    world_open(&w, types[round % 3], nullptr, 1 + round % 3);
    if (round % 2) w.e.scratch->piece_products = 1 + (i64)(make_random(&seed) % 200'000);
    i32 tokens[MODEL_SPANS_MAX][keys_max], asked[MODEL_ROWS_MAX];
    isize n_trunk = 1 + (isize)(make_random(&seed) % 50), slot = n_trunk;
    test_tokens_fill(tokens[0], n_trunk, TINY_N_VOCAB, make_random(&seed));
    test_tokens_fill(asked, MODEL_ROWS_MAX, TINY_N_VOCAB, make_random(&seed));
    test_span_run(&w.e, (model_kv){.cache = w.cache}, tokens[0], n_trunk, 0, 0, (model_pass){});
    isize n_spans = 1 + (isize)(make_random(&seed) % MODEL_SPANS_MAX), n_rows = 0, n_out = 0;
    model_span spans[MODEL_SPANS_MAX];
    for (isize i = 0; i < n_spans; i++) {
      isize left = MODEL_ROWS_MAX - n_rows - (n_spans - 1 - i);
      isize m = 1 + (isize)(make_random(&seed) % (u64)isize_min(left, 1 + 3 * (round % 8)));
      isize shared = i == 0 ? n_trunk : (isize)(make_random(&seed) % (u64)(n_trunk + 1));
      memcpy(tokens[i], tokens[0], (size_t)shared * sizeof(i32));
      test_tokens_fill(tokens[i] + shared, m, TINY_N_VOCAB, make_random(&seed));
      spans[i] = (model_span){.kv = {.cache = w.cache, .n_shared = shared, .gap = slot - shared},
                              .tokens = tokens[i] + shared,
                              .m = m,
                              .pos = shared,
                              .n_out_rows = (isize)(make_random(&seed) % (u64)(m + 1))};
      if (slot == shared) spans[i].kv.n_shared = 0; /* the trunk itself */
      slot += m;
      n_rows += m;
      n_out += spans[i].n_out_rows;
    }
    results got;
    model_pass pass = {.spans = spans,
                       .n_spans = n_spans,
                       .logits = round % 5 == 0 ? logits : nullptr,
                       .best = got.best,
                       .asked = asked,
                       .log_p_asked = got.log_p_asked,
                       .log_p_best = got.log_p_best};
    n_pieces += test_pass_run(&w.e, &pass);
    n_spans_seen += n_spans;
    w.e.scratch->piece_products = MODEL_PIECE_PRODUCTS;
    isize row = 0;
    for (isize i = 0; i < n_spans; i++) {
      isize n = spans[i].pos + spans[i].m, out = spans[i].n_out_rows;
      for (isize at = 0; at < n; at += 16) { /* alone: other rows a pass, other slots */
        isize m = isize_min(16, n - at);
        test_forward(&w.e, (model_kv){.cache = w.alone}, tokens[i] + at, m, at, m, own);
        for (isize j = isize_max(n - out - at, 0); j < m; j++) {
          const f32 *want = own + j * TINY_N_VOCAB;
          isize r = row + at + j - (n - out);
          if (pass.logits) {
            assert_memory_equal(logits + r * TINY_N_VOCAB, want, TINY_N_VOCAB * sizeof(f32));
          }
          assert_int_equal(got.best[r], k_table_named("ref")->argmax(want, TINY_N_VOCAB));
          f64 sum = 0;
          for (isize k = 0; k < TINY_N_VOCAB; k++) sum += exp((f64)want[k]);
          assert_true(fabs((f64)got.log_p_asked[r] - ((f64)want[asked[r]] - log(sum))) < 1e-4);
        }
      }
      row += out;
    }
    assert_int_equal(row, n_out);
    /* a branch's rows moved into the trunk: the timeline goes on from there */
    const model_span *last = &spans[n_spans - 1];
    if (last->kv.n_shared > 0) {
      model_cache_move(last->kv, last->pos, last->m);
      isize n = last->pos + last->m;
      test_forward(&w.e, (model_kv){.cache = w.cache}, tokens[n_spans - 1], 1, n, 1, own);
      test_forward(&w.e, (model_kv){.cache = w.alone}, tokens[n_spans - 1], 1, n, 1, logits);
      assert_memory_equal(own, logits, TINY_N_VOCAB * sizeof(f32));
    }
    world_close(&w);
  }
  assert_true(n_pieces > 100 && n_spans_seen > 300);
}

/* Largest logit / T + noise over those at least min_p times as likely as the likeliest. */
static i32 drawn(const f32 *row, const model_choice *how, u64 seed, isize pos) {
  f32 top = row[0], most = 0;
  for (isize t = 1; t < TINY_N_VOCAB; t++) top = row[t] > top ? row[t] : top;
  f32 least = top + how->temperature * (f32)math_log((f64)how->min_p);
  i32 best = -1;
  for (isize t = 0; t < TINY_N_VOCAB; t++) {
    f32 key = row[t] / how->temperature + pick_gumbel(pick_hash(seed, (u32)pos, (u32)t));
    if (row[t] < least || (best >= 0 && key <= most)) continue;
    best = (i32)t;
    most = key;
  }
  return best;
}

static void draws_are_a_function_of_seed_and_position(void **state) {
  (void)state;
  static f32 logits[MODEL_ROWS_MAX * TINY_N_VOCAB];
  isize n_other = 0;
  for (isize round = 0; round < 24; round++) {
    static const f32 temperatures[] = {0.3f, 0.9f, 2, 20}, min_ps[] = {1, 0.05f, 1e-6f};
    world w;
    world_open(&w, round % 2 ? GGUF_Q4_1 : GGUF_F32, nullptr, 1 + round % 3);
    if (round % 5 == 0) w.e.scratch->piece_products = 1;
    i32 tokens[40];
    u64 seeds[2] = {(u64)round, ~(u64)round};
    test_tokens_fill(tokens, 40, TINY_N_VOCAB, (u64)round + 50);
    const model_choice how = {
        .temperature = temperatures[round % 4], .min_p = min_ps[round % 3], .seeds = seeds};
    const model_span spans[2] = {
        {.kv = {.cache = w.cache}, .tokens = tokens, .m = 40, .n_out_rows = 20},
        {.kv = {.cache = w.cache, .n_shared = 0, .gap = 60},
         .tokens = tokens,
         .m = 20,
         .n_out_rows = 20}};
    results with, without;
    model_pass pass = {.spans = spans,
                       .n_spans = 2,
                       .choice = &how,
                       .logits = logits,
                       .best = with.best,
                       .log_p_best = with.log_p_best};
    (void)test_pass_run(&w.e, &pass);
    pass.logits = nullptr;
    pass.best = without.best;
    pass.log_p_best = without.log_p_best;
    (void)test_pass_run(&w.e, &pass);
    assert_memory_equal(with.best, without.best, 40 * sizeof(i32));
    assert_memory_equal(with.log_p_best, without.log_p_best, 40 * sizeof(f32));
    for (isize i = 0; i < 40; i++) {
      const f32 *row = logits + i * TINY_N_VOCAB;
      isize pos = i < 20 ? 20 + i : i - 20;
      i32 want = drawn(row, &how, seeds[i / 20], pos + 1);
      assert_int_equal(with.best[i], want);
      f64 sum = 0;
      for (isize k = 0; k < TINY_N_VOCAB; k++) sum += exp((f64)row[k]);
      assert_true(fabs((f64)with.log_p_best[i] - ((f64)row[want] - log(sum))) < 1e-4);
      isize largest = k_table_named("ref")->argmax(row, TINY_N_VOCAB);
      n_other += want != largest;
      if (how.min_p == 1) assert_int_equal(want, largest);
    }
    world_close(&w);
  }
  assert_true(n_other > 100);
}

/* The further steps of a pass are passes of one row. */
static void further_steps_are_one_row_passes(void **state) {
  (void)state;
  for (isize sampled = 0; sampled < 2; sampled++) {
    world w;
    world_open(&w, GGUF_Q4_1, nullptr, 2);
    i32 tokens[30 + MODEL_MORE_MAX];
    u64 seeds[1] = {77};
    const model_choice how = {.temperature = 1, .min_p = 0.01f, .seeds = seeds};
    test_tokens_fill(tokens, 30, TINY_N_VOCAB, 12);
    results more, one;
    model_span span = {.kv = {.cache = w.cache}, .tokens = tokens, .m = 30, .n_out_rows = 3};
    model_pass pass = {.spans = &span,
                       .n_spans = 1,
                       .choice = sampled ? &how : nullptr,
                       .n_more = MODEL_MORE_MAX,
                       .best = more.best,
                       .log_p_best = more.log_p_best};
    (void)test_pass_run(&w.e, &pass);
    span.kv.cache = w.alone;
    pass.n_more = 0;
    pass.best = one.best;
    pass.log_p_best = one.log_p_best;
    (void)test_pass_run(&w.e, &pass);
    for (isize i = 3; i < 3 + MODEL_MORE_MAX; i++) {
      tokens[27 + i] = one.best[i - 1];
      span = (model_span){.kv = {.cache = w.alone},
                          .tokens = tokens + 27 + i,
                          .m = 1,
                          .pos = 27 + i,
                          .n_out_rows = 1};
      pass.best = one.best + i;
      pass.log_p_best = one.log_p_best + i;
      (void)test_pass_run(&w.e, &pass);
    }
    assert_memory_equal(more.best, one.best, (3 + MODEL_MORE_MAX) * sizeof(i32));
    assert_memory_equal(more.log_p_best, one.log_p_best, (3 + MODEL_MORE_MAX) * sizeof(f32));
    world_close(&w);
  }
}

/* A dropped pass leaves room for another one, whatever piece it was in. */
static void a_dropped_pass_leaves_no_trace(void **state) {
  (void)state;
  world w;
  world_open(&w, GGUF_Q4_1, nullptr, 2);
  w.e.scratch->piece_products = 1;
  i32 tokens[50], want[50], got[50];
  test_tokens_fill(tokens, 50, TINY_N_VOCAB, 2);
  test_span_run(&w.e, (model_kv){.cache = w.alone}, tokens, 50, 0, 50, (model_pass){.best = want});
  const model_span other = {
      .kv = {.cache = w.cache}, .tokens = tokens + 7, .m = 30, .n_out_rows = 30};
  i32 ignored[50];
  const model_pass dropped = {.spans = &other, .n_spans = 1, .best = ignored};
  for (isize pieces = 1; pieces < 12; pieces++) {
    nf_status status = NF_PENDING;
    for (isize i = 0; i < pieces && status == NF_PENDING; i++) {
      status = model_pass_run(w.e.m, w.e.scratch, w.e.threads, &dropped);
    }
    model_pass_drop(w.e.m, w.e.scratch);
    model_pass_drop(w.e.m, w.e.scratch); /* none under way: nothing happens */
    test_span_run(&w.e, (model_kv){.cache = w.cache}, tokens, 50, 0, 50, (model_pass){.best = got});
    assert_memory_equal(got, want, sizeof want);
  }
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(branches_are_what_each_is_alone),
      cmocka_unit_test(draws_are_a_function_of_seed_and_position),
      cmocka_unit_test(further_steps_are_one_row_passes),
      cmocka_unit_test(a_dropped_pass_leaves_no_trace),
  };
  return cmocka_run_group_tests_name("spans", tests, nullptr, nullptr);
}
