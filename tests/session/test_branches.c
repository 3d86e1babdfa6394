/* Tests of trees and branches: several guesses in a pass, and several sampled timelines in one,
 * give the tokens that each alone gives step by step, copied branches its logits; a pass may be
 * left in any piece. */
#include "base/math.h"
#include "model/engine_fixture.h"
#include "model/model_internal.h"
#include "model/pick.h"
#include "session/timeline.h"

typedef struct {
  gguf_make g;
  test_engine e;
  void *blocks[2];
  session *plain, *s;
} world;

constexpr isize ctx = 160;

static void world_open(world *w, gguf_type type, isize n_threads) {
  *w = (world){};
  tiny_llama(&w->g, (tiny_llama_desc){.type = type, .embed_type = GGUF_Q8_0});
  test_engine_open(&w->e, gguf_make_finish(&w->g), nullptr, n_threads, ctx);
  session **sessions[2] = {&w->plain, &w->s};
  for (isize i = 0; i < 2; i++) {
    isize bytes = session_bytes(w->e.m, ctx);
    w->blocks[i] = malloc((size_t)bytes);
    memset(w->blocks[i], 0xFF, (size_t)bytes);
    arena a = arena_of(w->blocks[i], bytes);
    assert_int_equal(session_open(w->e.m, w->e.scratch, w->e.threads, ctx, &a, sessions[i]), NF_OK);
  }
}

static void world_close(world *w) {
  session_close(w->plain);
  session_close(w->s);
  test_engine_close(&w->e);
  free(w->blocks[0]);
  free(w->blocks[1]);
  gguf_make_free(&w->g);
}

static const f32 *logits_of(session *s) {
  nf_status status;
  while ((status = session_run(s)) == NF_PENDING) {
  }
  assert_int_equal(status, NF_OK);
  return session_logits(s);
}

/* pick.h and model.h, once more and plainly. */
static i32 drawn(const f32 *logits, f32 temperature, f32 min_p, u64 seed, isize pos) {
  f32 top = logits[0], most = 0;
  for (isize t = 1; t < TINY_N_VOCAB; t++) top = logits[t] > top ? logits[t] : top;
  f32 least = top + temperature * (f32)math_log((f64)min_p);
  i32 best = -1;
  for (isize t = 0; t < TINY_N_VOCAB; t++) {
    f32 key = logits[t] / temperature + pick_gumbel(pick_hash(seed, (u32)pos, (u32)t));
    if (logits[t] < least || (best >= 0 && key <= most)) continue;
    best = (i32)t;
    most = key;
  }
  return best;
}

/* truth[n] behind prompt; temperature 0: greedy. */
static void one_by_one(session *s, const i32 *prompt, isize n_prompt, f32 temperature, u64 seed,
                       i32 *truth, isize n) {
  isize cached;
  assert_int_equal(session_set(s, prompt, n_prompt, &cached), NF_OK);
  for (isize i = 0; i < n; i++) {
    const f32 *logits = logits_of(s);
    truth[i] = temperature > 0 ? drawn(logits, temperature, 0.05f, seed, n_prompt + i)
                               : (i32)k_table_named("ref")->argmax(logits, TINY_N_VOCAB);
    assert_int_equal(session_push(s, truth[i]), NF_OK);
  }
}

/* truth[from, n) right for a while, then not. */
static isize guess_make(const i32 *truth, isize from, isize n, i32 *draft, u64 *seed) {
  isize right = (isize)(make_random(seed) % 9), len = isize_min(n - from, right + 4);
  for (isize i = 0; i < len; i++) {
    bool good = i < right && make_random(seed) % 16 != 0;
    draft[i] = good ? truth[from + i] : (i32)(make_random(seed) % TINY_N_VOCAB);
  }
  return len;
}

static void a_tree_gives_the_tokens_of_plain_decoding(void **state) {
  (void)state;
  u64 seed = 3;
  static const gguf_type types[] = {GGUF_Q4_1, GGUF_Q8_0, GGUF_F32};
  isize n_later_won = 0, passes = 0, tokens = 0;
  for (isize type = 0; type < 3; type++) {
    world w;
    world_open(&w, types[type], 1 + type % 2);
    w.e.scratch->piece_products = type == 1 ? 1 : MODEL_PIECE_PRODUCTS; /* many pieces */
    for (isize round = 0; round < 80; round++) {
      w.s->rows_cheap = round % 2 ? 4 : MODEL_ROWS_MAX; /* as on a CPU, as on a GPU */
      w.s->more_max = round % 3 ? 0 : 1 + round % MODEL_MORE_MAX;
      constexpr isize n = 40;
      i32 prompt[120], truth[n], got[n], drafts[SESSION_GUESSES_MAX][16];
      isize n_prompt = 1 + (isize)(make_random(&seed) % 119), n_got = 0, cached;
      test_tokens_fill(prompt, n_prompt, TINY_N_VOCAB, make_random(&seed));
      one_by_one(w.plain, prompt, n_prompt, 0, 0, truth, n);
      assert_int_equal(session_set(w.s, prompt, n_prompt, &cached), NF_OK);
      while (n_got < n) {
        session_draft guesses[SESSION_GUESSES_MAX];
        isize n_guesses = 1 + (isize)(make_random(&seed) % SESSION_GUESSES_MAX);
        bool plain = make_random(&seed) % 4 == 0;
        for (isize i = 0; i < n_guesses; i++) {
          guesses[i] = (session_draft){drafts[i], guess_make(truth, n_got, n, drafts[i], &seed)};
          if (plain) guesses[i].n = 0;
        }
        session_verdict v;
        nf_status status;
        while ((status = session_verify_tree(w.s, guesses, n_guesses, &v)) == NF_PENDING) {
        }
        assert_int_equal(status, NF_OK);
        isize offered = 0;
        for (isize i = 0; i < n_guesses; i++) {
          offered += v.looked[i];
          assert_true(v.accepted[i] <= v.accepted[v.i_guess]);
        }
        assert_int_equal(offered, v.n_offered);
        assert_int_equal(v.n_accepted, v.accepted[v.i_guess]);
        n_later_won += v.i_guess > 0;
        for (isize i = 0; i < v.n_accepted && n_got < n; i++) got[n_got++] = drafts[v.i_guess][i];
        if (n_got < n) got[n_got++] = v.next;
        assert_int_equal(session_push(w.s, v.next), NF_OK);
      }
      assert_memory_equal(got, truth, sizeof got);
      passes += session_passes(w.s);
      tokens += n;
    }
    world_close(&w);
  }
  assert_true(n_later_won > 100);
  print_message("%d tokens in %d passes, a later guess won %d times\n", (int)tokens, (int)passes,
                (int)n_later_won);
}

/* Twenty tokens, up to seven steps ahead allowed; truth: what follows them one by one. */
static void ahead_open(world *w, i32 truth[20]) {
  i32 prompt[20];
  isize cached;
  world_open(w, GGUF_Q4_1, 1);
  test_tokens_fill(prompt, 20, TINY_N_VOCAB, 6);
  one_by_one(w->plain, prompt, 20, 0, 0, truth, 20);
  w->s->more_max = 7;
  assert_int_equal(session_set(w->s, prompt, 20, &cached), NF_OK);
}
static i32 ahead_next(world *w) {
  session_verdict v;
  nf_status status;
  while ((status = session_verify(w->s, nullptr, 0, &v)) == NF_PENDING) {
  }
  assert_int_equal(status, NF_OK);
  return v.next;
}

static void steps_ahead_are_passes_that_need_no_call(void **state) {
  (void)state;
  world w;
  i32 truth[20];
  ahead_open(&w, truth);
  for (isize i = 0; i < 20; i++) {
    i32 next = ahead_next(&w);
    assert_int_equal(next, truth[i]);
    assert_int_equal(session_passes(w.s), i < 3 ? 3 : 10); /* 2 ahead, then 6 */
    if (i == 4) { /* another token than foreseen: what lies ahead is void */
      assert_int_equal(session_push(w.s, (truth[i] + 1) % TINY_N_VOCAB), NF_OK);
      const i32 *tokens;
      isize cached, n = session_tokens(w.s, &tokens);
      assert_int_equal(session_set(w.s, tokens, n - 1, &cached), NF_OK);
      assert_int_equal(session_push(w.s, truth[i]), NF_OK);
      const f32 *logits = logits_of(w.s);
      assert_int_equal(k_table_named("ref")->argmax(logits, TINY_N_VOCAB), truth[5]);
      break;
    }
    assert_int_equal(session_push(w.s, next), NF_OK);
  }
  world_close(&w);
}

static void no_more_steps_ahead_than_are_wanted(void **state) {
  (void)state;
  static const isize wanted[] = {1, -1, 0, -1}; /* before pass i; -1: nothing was said */
  static const isize passes[] = {2, 2, 3, 11, 11}; /* 2 would have come ahead, then 6; 7 at most */
  world w;
  i32 truth[20];
  ahead_open(&w, truth);
  for (isize i = 0; i < 5; i++) {
    if (i < 4 && wanted[i] >= 0) session_more_wanted(w.s, wanted[i]);
    i32 next = ahead_next(&w);
    assert_int_equal(next, truth[i]);
    assert_int_equal(session_passes(w.s), passes[i]);
    assert_int_equal(session_push(w.s, next), NF_OK);
  }
  world_close(&w);
}

/* Every branch: drafts of any kind, the tokens of the same seed alone. */
static void branches_draw_what_each_alone_draws(void **state) {
  (void)state;
  u64 seed = 8;
  constexpr isize n = 30;
  constexpr f32 temperature = 0.9f, min_p = 0.05f;
  isize passes = 0, tokens = 0;
  for (isize round = 0; round < 40; round++) {
    world w;
    world_open(&w, round % 2 ? GGUF_Q4_1 : GGUF_F32, 1 + round % 3);
    if (round % 3 == 1) w.e.scratch->piece_products = 1;
    i32 prompt[100], truth[SESSION_BRANCHES_MAX][n], got[SESSION_BRANCHES_MAX][n];
    i32 drafts[SESSION_BRANCHES_MAX][16];
    isize n_prompt = 1 + (isize)(make_random(&seed) % 100), n_got[SESSION_BRANCHES_MAX] = {};
    test_tokens_fill(prompt, n_prompt, TINY_N_VOCAB, make_random(&seed));
    isize cached, n_live = isize_min(1 + round % SESSION_BRANCHES_MAX, (ctx - n_prompt) / 31);
    for (isize i = 0; i < n_live; i++) {
      one_by_one(w.plain, prompt, n_prompt, temperature, (u64)(round * 10 + i), truth[i], n);
    }
    assert_int_equal(session_set(w.s, prompt, n_prompt, &cached), NF_OK);
    assert_true(session_branches_room(w.s, n) >= n_live);
    session_branches_begin(w.s, n_live, n);
    isize n_over = 0;
    while (n_over < n_live) {
      session_branch_draft offers[SESSION_BRANCHES_MAX];
      session_verdict v[SESSION_BRANCHES_MAX];
      for (isize i = 0; i < n_live; i++) {
        offers[i] = (session_branch_draft){
            .draft = {drafts[i], guess_make(truth[i], n_got[i], n, drafts[i], &seed)},
            .seed = (u64)(round * 10 + i),
            .over = n_got[i] == n};
      }
      nf_status status;
      while ((status = session_branches_verify(w.s, offers, temperature, min_p, v)) == NF_PENDING) {
      }
      assert_int_equal(status, NF_OK);
      for (isize i = 0; i < n_live; i++) {
        if (offers[i].over) continue;
        for (isize j = 0; j < v[i].n_accepted; j++) got[i][n_got[i]++] = drafts[i][j];
        if (n_got[i] < n) {
          assert_int_equal(session_branch_push(w.s, i, v[i].next), NF_OK);
          got[i][n_got[i]++] = v[i].next;
        }
        n_over += n_got[i] == n;
      }
    }
    for (isize i = 0; i < n_live; i++) {
      assert_memory_equal(got[i], truth[i], sizeof got[i]);
      tokens += n;
    }
    passes += session_passes(w.s);
    /* the trunk is as it was */
    i32 greedy[5], again[5];
    one_by_one(w.plain, prompt, n_prompt, 0, 0, greedy, 5);
    for (isize i = 0; i < 5; i++) {
      again[i] = (i32)k_table_named("ref")->argmax(logits_of(w.s), TINY_N_VOCAB);
      assert_int_equal(session_push(w.s, again[i]), NF_OK);
    }
    assert_memory_equal(again, greedy, sizeof greedy);
    world_close(&w);
  }
  print_message("%d tokens in %d passes\n", (int)tokens, (int)passes);
  assert_true(passes * 3 < tokens);
}

/* Logits behind prompt and branch, in a timeline of their own: the same bits. */
static void rows_are_as_alone(world *w, const i32 *prompt, isize n_prompt, const i32 *tokens,
                              isize n, const f32 *logits) {
  i32 all[ctx];
  isize cached;
  memcpy(all, prompt, (size_t)n_prompt * sizeof *all);
  memcpy(all + n_prompt, tokens, (size_t)n * sizeof *all);
  assert_int_equal(session_set(w->plain, all, n_prompt + n, &cached), NF_OK);
  assert_memory_equal(logits, logits_of(w->plain), TINY_N_VOCAB * sizeof(f32));
}

/* Beams: branches that are copied, at random, and run for their logits, all in one pass. */
static void copied_branches_go_on_as_each_alone(void **state) {
  (void)state;
  u64 seed = 21;
  constexpr isize n_beams = SESSION_LOGITS_MAX, n = 9;
  isize n_copies = 0;
  for (isize round = 0; round < 12; round++) {
    world w;
    world_open(&w, round % 2 ? GGUF_Q4_1 : GGUF_F32, 1 + round % 3);
    if (round % 3 == 1) w.e.scratch->piece_products = 1;
    i32 prompt[100], tokens[n_beams][n] = {};
    isize n_prompt = 1 + (isize)(make_random(&seed) % 100), n_tokens[n_beams] = {}, cached;
    test_tokens_fill(prompt, n_prompt, TINY_N_VOCAB, make_random(&seed));
    assert_int_equal(session_set(w.s, prompt, n_prompt, &cached), NF_OK);
    session_branches_begin(w.s, n_beams, n);
    for (isize step = 0; step < n; step++) {
      bool over[n_beams];
      for (isize i = 0; i < n_beams; i++) over[i] = i > 0 && make_random(&seed) % 4 == 0;
      nf_status status;
      isize passes = session_passes(w.s);
      while ((status = session_branches_run(w.s, over)) == NF_PENDING) {
      }
      assert_int_equal(status, NF_OK);
      if (step > 0) assert_int_equal(session_passes(w.s), passes + 1);
      for (isize i = 0; i < n_beams; i++) {
        if (over[i]) continue;
        rows_are_as_alone(&w, prompt, n_prompt, tokens[i], n_tokens[i],
                          session_branch_logits(w.s, i));
      }
      isize from = (isize)(make_random(&seed) % n_beams),
            to = (isize)(make_random(&seed) % n_beams);
      if (from != to) {
        session_branch_copy(w.s, to, from);
        memcpy(tokens[to], tokens[from], sizeof tokens[to]);
        n_tokens[to] = n_tokens[from];
        n_copies++;
      }
      for (isize i = 0; i < n_beams; i++) {
        if (make_random(&seed) % 8 == 0 && step % 4 != 0) continue; /* runs its last row anew */
        i32 token = (i32)(make_random(&seed) % TINY_N_VOCAB);
        assert_int_equal(session_branch_push(w.s, i, token), NF_OK);
        tokens[i][n_tokens[i]++] = token;
      }
    }
    world_close(&w);
  }
  assert_true(n_copies > 50);
}

/* Left in any piece for something else, then begun again: nothing shows. */
static void a_pass_left_in_the_middle_leaves_nothing(void **state) {
  (void)state;
  world w;
  world_open(&w, GGUF_Q4_1, 2);
  w.e.scratch->piece_products = 1;
  i32 prompt[90], truth[20], other[30];
  isize cached;
  test_tokens_fill(prompt, 90, TINY_N_VOCAB, 4);
  test_tokens_fill(other, 30, TINY_N_VOCAB, 5);
  one_by_one(w.plain, prompt, 90, 0, 0, truth, 20);
  isize n_pieces = 0;
  for (isize at = 0; at < 60; at++) {
    session_verdict v;
    assert_int_equal(session_set(w.s, prompt, 90, &cached), NF_OK);
    nf_status status = NF_PENDING;
    for (isize i = 0; i < at && status == NF_PENDING; i++) {
      status = session_verify(w.s, truth, 20, &v);
      n_pieces++;
    }
    switch (at % 4) {
      case 0: assert_int_equal(session_set(w.s, other, 30, &cached), NF_OK); break;
      case 1: session_branches_begin(w.s, 2, 10); break;
      case 2: (void)session_run(w.s); break;
      default: (void)session_verify(w.s, other, 5, &v); break; /* another draft */
    }
    assert_int_equal(session_set(w.s, prompt, 90, &cached), NF_OK);
    while ((status = session_verify(w.s, truth, 19, &v)) == NF_PENDING) {
    }
    assert_int_equal(status, NF_OK);
    assert_int_equal(v.n_accepted, 19);
    assert_int_equal(v.next, truth[19]);
  }
  assert_true(n_pieces > 200);
  world_close(&w);
}

static void bad_drafts_end_in_a_status(void **state) {
  (void)state;
  world w;
  world_open(&w, GGUF_Q4_1, 1);
  i32 tokens[ctx], unknown[2] = {3, TINY_N_VOCAB};
  isize cached;
  session_verdict v[SESSION_BRANCHES_MAX];
  test_tokens_fill(tokens, ctx, TINY_N_VOCAB, 8);
  session_draft guesses[SESSION_GUESSES_MAX + 1] = {{tokens, 2}, {unknown, 1}};
  assert_int_equal(session_verify_tree(w.s, guesses, 1, v), NF_BAD_INPUT); /* empty timeline */
  assert_int_equal(session_set(w.s, tokens, 10, &cached), NF_OK);
  assert_int_equal(session_verify_tree(w.s, guesses, 0, v), NF_BAD_INPUT);
  assert_int_equal(session_verify_tree(w.s, guesses, SESSION_GUESSES_MAX + 1, v), NF_BAD_INPUT);
  (void)logits_of(w.s);
  w.s->rows_cheap = MODEL_ROWS_MAX;
  guesses[1].n = 2;
  assert_int_equal(session_verify_tree(w.s, guesses, 2, v), NF_BAD_INPUT);
  guesses[1].n = -1;
  assert_int_equal(session_verify_tree(w.s, guesses, 2, v), NF_BAD_INPUT);
  /* branches: full, unknown tokens, none that takes part, no room */
  session_branch_draft offers[2] = {{.draft = {unknown, 2}}, {.over = true}};
  session_branches_begin(w.s, 2, 3);
  assert_int_equal(session_branches_verify(w.s, offers, 0.9f, 0.1f, v), NF_BAD_INPUT);
  offers[0].over = true;
  assert_int_equal(session_branches_verify(w.s, offers, 0.9f, 0.1f, v), NF_BAD_INPUT);
  assert_int_equal(session_branches_run(w.s, (bool[]){true, true}), NF_BAD_INPUT);
  assert_int_equal(session_branch_push(w.s, 0, -1), NF_BAD_INPUT);
  for (isize i = 0; i < 3; i++) assert_int_equal(session_branch_push(w.s, 0, 5), NF_OK);
  assert_int_equal(session_branch_push(w.s, 0, 5), NF_BAD_INPUT);
  assert_int_equal(session_set(w.s, tokens, ctx - 1, &cached), NF_OK);
  assert_int_equal(session_branches_room(w.s, 1000), 0); /* the trunk's last token once more */
  assert_int_equal(session_set(w.s, tokens, 20, &cached), NF_OK);
  assert_int_equal(session_branches_room(w.s, ctx), 0);
  assert_int_equal(session_branches_room(w.s, ctx - 21), 1);
  assert_int_equal(session_branches_room(w.s, 9), (ctx - 20) / 10);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tree_gives_the_tokens_of_plain_decoding),
      cmocka_unit_test(steps_ahead_are_passes_that_need_no_call),
      cmocka_unit_test(no_more_steps_ahead_than_are_wanted),
      cmocka_unit_test(branches_draw_what_each_alone_draws),
      cmocka_unit_test(copied_branches_go_on_as_each_alone),
      cmocka_unit_test(a_pass_left_in_the_middle_leaves_nothing),
      cmocka_unit_test(bad_drafts_end_in_a_status),
  };
  return cmocka_run_group_tests_name("branches", tests, nullptr, nullptr);
}
