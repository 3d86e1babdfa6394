/* Several edits and generations in a batch, with the real model: each gives what it gives alone,
 * in fewer passes over the weights; one that is dropped half-way disturbs nobody.
 * Needs the model file: fails without it. */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "edit/edit_fixture.h"

constexpr i32 n_sessions = 6, n_works = under_sanitizer ? 10 : 24;
constexpr i32 n_drops = under_sanitizer ? 2 : 8;
static nf_session *sessions[n_sessions];
static nf_batch *batch;

static const char *const lines[] = {
    "their going too the libary",           "I have been working here for ten years",
    "she dont like the the new office",     "we was waiting for you at the station",
    "Could you send me the report by noon", "it is a very very importent meeting",
};

/* Work i of the test: an edit, an edit with variants, or a sampled or greedy generation. */
static nf_status work_begin(nf_session *s, i32 i) {
  nf_error error;
  nf_bytes line = bytes_from_str(lines[i % 6]);
  if (i % 4 < 2) {
    const nf_edit_desc desc = {
        .text = line, .seed = (u64)i, .n_variants = i % 4 == 1 ? 3 : 1, .even_if_poor = true};
    return nf_edit_begin(s, &desc, &error);
  }
  const nf_message message = {NF_USER, line};
  const nf_generate_desc desc = {.messages = &message,
                                 .n_messages = 1,
                                 .output_tokens_max = 12,
                                 .sampling = {.temperature = i % 4 == 2 ? 0 : 0.8f, .seed = 7}};
  return nf_generate_begin(s, &desc, &error);
}

typedef struct {
  char text[4096];
  size_t len;
  i32 drafted, accepted, output_tokens;
} answer;

static nf_status work_step(nf_session *s, i32 i, answer *a) {
  nf_error error;
  nf_bytes piece = {};
  nf_receipt receipt = {};
  nf_status status = i % 4 < 2 ? nf_edit_step(s, &error) : nf_generate_step(s, &piece, &error);
  if (status < NF_OK) fail_msg("%s", error.line);
  if (piece.len > 0) memcpy(a->text + a->len, piece.at, (size_t)piece.len);
  a->len += (size_t)piece.len;
  if (status == NF_PENDING) return status;
  if (i % 4 < 2) {
    nf_edit_result result;
    nf_edit_result_get(s, &result);
    receipt = result.receipt;
    for (i32 v = 0; v < result.n_variants; v++) {
      nf_variant variant;
      nf_edit_variant_get(s, v, &variant);
      memcpy(a->text + a->len, variant.text.at, (size_t)variant.text.len);
      a->len += (size_t)variant.text.len;
    }
  } else {
    nf_generate_receipt(s, &receipt);
  }
  a->drafted = receipt.drafted;
  a->accepted = receipt.accepted;
  a->output_tokens = receipt.output_tokens;
  return status;
}

static void a_batch_gives_what_each_gives_alone(void **state) {
  (void)state;
  static answer alone[n_works], together[n_works];
  for (i32 i = 0; i < n_works; i++) {
    assert_int_equal(work_begin(work, i), NF_OK);
    while (work_step(work, i, &alone[i]) == NF_PENDING) {
    }
  }
  i32 at[n_sessions], next = 0, n_done = 0, n_passes = 0, n_joined = 0, n_dropped = 0;
  memset(at, -1, sizeof at);
  for (i32 turn = 0; n_done < n_works; turn++) {
    assert_true(turn < 10'000);
    for (i32 i = 0; i < n_sessions; i++) {
      if (at[i] < 0 && next < n_works) {
        at[i] = next++;
        assert_int_equal(work_begin(sessions[i], at[i]), NF_OK);
      }
      if (at[i] < 0) continue;
      if (turn % 17 == 3 * i &&
          n_dropped < n_drops) { /* begun anew: the half answer is forgotten */
        together[at[i]] = (answer){};
        nf_session_drop(sessions[i]);
        assert_int_equal(work_begin(sessions[i], at[i]), NF_OK);
        n_dropped++;
      }
      nf_status status = NF_PENDING;
      while (status == NF_PENDING && !nf_session_waits(sessions[i])) {
        status = work_step(sessions[i], at[i], &together[at[i]]);
      }
      if (status == NF_PENDING) continue;
      at[i] = -1;
      n_done++;
    }
    i32 n = 0;
    (void)nf_batch_run(batch, &n);
    n_passes += n > 0;
    n_joined += n;
  }
  for (i32 i = 0; i < n_works; i++) {
    assert_int_equal(alone[i].len, together[i].len);
    assert_memory_equal(alone[i].text, together[i].text, alone[i].len);
    assert_int_equal(alone[i].drafted, together[i].drafted);
    assert_int_equal(alone[i].accepted, together[i].accepted);
    assert_int_equal(alone[i].output_tokens, together[i].output_tokens);
    if (i % 4 > 1) assert_true(alone[i].len > 0);
  }
  print_message("%d passes of works in %d of the model\n", n_joined, n_passes);
  assert_true(n_joined > 2 * n_passes && n_dropped == n_drops);
}

static void what_a_batch_refuses(void **state) {
  (void)state;
  nf_error error;
  assert_int_equal(nf_batch_join(batch, sessions[0], &error), NF_BAD_INPUT);
  assert_non_null(strstr(error.line, "in a batch already"));
  assert_true(nf_batch_bytes(engine) > 1 << 20);
  i32 n = 5;
  assert_int_equal(nf_batch_run(batch, &n), NF_OK); /* nothing waits */
  assert_int_equal(n, 0);
}

static int open_all(void **state) {
  nf_error error;
  if (open_model(state) || nf_batch_open(engine, &batch, &error)) return -1;
  for (i32 i = 0; i < n_sessions; i++) {
    if (nf_session_open(engine, &sessions[i], &error)) return -1;
    if (nf_batch_join(batch, sessions[i], &error)) return -1;
  }
  return 0;
}

static int close_all(void **state) {
  for (i32 i = 0; i < n_sessions; i++) nf_session_close(sessions[i]);
  nf_batch_close(batch);
  return close_model(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_batch_gives_what_each_gives_alone),
      cmocka_unit_test(what_a_batch_refuses),
  };
  return cmocka_run_group_tests_name("edit_batch", tests, open_all, close_all);
}
