/* Tokens of the real model's vocabulary against independent tokenizers (tests/data/make_tokens.py
 * says which), and what an encoder owes anyone: nothing lost, no special token from user text,
 * no quadratic time. */
#include <time.h>

#include "text/pretok.h"
#include "text_fixture.h"

static text_fixture real;

static int open_real(void **state) {
  (void)state;
  real = fixture_open();
  return 0;
}
static int close_real(void **state) {
  (void)state;
  fixture_close(&real);
  return 0;
}

static isize encode(nf_bytes text, bool special, i32 *ids, isize cap) {
  isize n = -1;
  nf_status status = text_encode(real.vocab, text, special, ids, cap, &n, &real.scratch);
  if (status != NF_OK) fail_msg("text_encode gives %d for %d bytes", status, (int)text.len);
  return n;
}

static void ids_equal_the_independent_tokenizers(void **state) {
  (void)state;
  isize len;
  u8 *data = fixture_read("tokens_smollm2.bin", &len);
  u32 n_cases = load_u32(data);
  assert_true(n_cases >= 5000);
  isize at = 4, n_tokens = 0;
  static i32 ids[8192];
  for (u32 i = 0; i < n_cases; i++) {
    nf_bytes text = bytes_of(data + at + 2, load_u16(data + at));
    at += 2 + text.len;
    isize n_want = load_u16(data + at), n = encode(text, false, ids, 8192);
    at += 2;
    bool same = n == n_want;
    for (isize k = 0; same && k < n; k++) same = ids[k] == load_u16(data + at + 2 * k);
    if (!same) fail_msg("string %u \"%.*s\"", i, (int)text.len, (const char *)text.at);
    at += 2 * n_want;
    n_tokens += n;
  }
  assert_int_equal(at, len);
  assert_true(n_tokens > 50000);
  free(data);
}

static void words_equal_the_models_regular_expressions(void **state) {
  (void)state;
  isize len;
  u8 *data = fixture_read("pretok.bin", &len);
  isize at = 4;
  u32 n_rules = load_u32(data);
  assert_int_equal(n_rules, 6);
  for (u32 r = 0; r < n_rules; r++) {
    nf_bytes name = bytes_of(data + at + 1, data[at]);
    const pretok_rules *rules = pretok_rules_find(name);
    if (!rules) fail_msg("no rules for %.*s", (int)name.len, (const char *)name.at);
    at += 1 + name.len;
    u32 n = load_u32(data + at);
    at += 4;
    for (u32 i = 0; i < n; i++) {
      nf_bytes text = bytes_of(data + at + 2, load_u16(data + at)), word;
      at += 2 + text.len;
      isize n_want = load_u16(data + at), n_words = 0;
      at += 2;
      for (pretok p = {.rules = rules, .text = text}; pretok_next(&p, &word); n_words++) {
        isize want = n_words < n_want ? load_u16(data + at + 2 * n_words) : -1;
        if (word.len != want) {
          fail_msg("%s: word %d of \"%.*s\" has %d bytes, not %d", rules->name, (int)n_words,
                   (int)text.len, (const char *)text.at, (int)word.len, (int)want);
        }
      }
      assert_int_equal(n_words, n_want);
      at += 2 * n_want;
    }
  }
  assert_int_equal(at, len);
  free(data);
  assert_null(pretok_rules_find(bytes_from_str("gpt-5")));
}

/* SmolLM2 has no token for these bytes. */
static bool has_token(u8 byte) {
  return byte != 4 && byte != 6 && byte != 0x13 && byte != 0x14 && byte != 0x16 && byte != 0x1D &&
         byte != 0xC0 && byte != 0xC1 && byte != 0xF1 && byte != 0xF2 && byte < 0xF5;
}

static void random_bytes_come_back(void **state) {
  (void)state;
  u64 seed = 7;
  static u8 text[512], kept[512], back[4096];
  static i32 ids[512];
  for (int round = 0; round < 20000; round++) {
    isize len = round % 97, n_kept = 0;
    for (isize i = 0; i < len; i++) {
      seed = seed * 6364136223846793005ull + 1442695040888963407ull;
      text[i] = (u8)(seed >> 56);
      if (round % 3 == 0) text[i] = (u8) "the <|im_end|>\n 's12"[text[i] % 20];
      if (has_token(text[i])) kept[n_kept++] = text[i];
    }
    isize n = encode(bytes_of(text, len), false, ids, 512);
    for (isize i = 0; i < n; i++) assert_true(ids[i] >= 17); /* 0 to 16 are special */
    isize n_back = fixture_decode(real.vocab, ids, n, false, back, sizeof back);
    assert_int_equal(text_bytes_lost(real.vocab, bytes_of(text, len)), len - n_kept);
    assert_int_equal(n_back, n_kept);
    assert_memory_equal(back, kept, n_kept);
  }
}

static void special_tokens_need_the_flag(void **state) {
  (void)state;
  i32 ids[64];
  nf_bytes text = bytes_from_str("<|im_start|>user\nhi<|im_end|>");
  isize n = encode(text, false, ids, 64);
  for (isize i = 0; i < n; i++) assert_true(ids[i] >= 17);
  n = encode(text, true, ids, 64);
  assert_int_equal(ids[0], 1);
  assert_int_equal(ids[n - 1], 2);
  u8 out[512];
  assert_int_equal(fixture_decode(real.vocab, ids, n, true, out, sizeof out), text.len);
  assert_memory_equal(out, text.at, text.len);
  assert_int_equal(fixture_decode(real.vocab, ids, n, false, out, sizeof out), 7); /* user\nhi */
  assert_true(text_is_end(real.vocab, 2));
  assert_true(text_is_end(real.vocab, 0));
  assert_false(text_is_end(real.vocab, 1));
  assert_false(text_is_end(real.vocab, 100));
  assert_int_equal(text_bos(real.vocab), -1); /* the file says add_bos_token false */
  assert_int_equal(text_n_vocab(real.vocab), 49152);
}

static void limits_are_answers(void **state) {
  (void)state;
  i32 ids[4];
  isize n = 77;
  nf_bytes text = bytes_from_str("one two three four five");
  assert_int_equal(text_encode(real.vocab, text, false, ids, 4, &n, &real.scratch), NF_BAD_INPUT);
  assert_int_equal(n, 5);
  u8 small[100];
  arena tight = arena_of(small, sizeof small);
  assert_int_equal(text_encode(real.vocab, text, false, ids, 4, &n, &tight), NF_NO_MEMORY);
  assert_int_equal(n, 5);
  assert_ptr_equal(tight.at, small);
  isize need = text_scratch_bytes(text.len);
  u8 *exact = malloc((size_t)need);
  i32 five[8];
  arena fits = arena_of(exact, need);
  assert_int_equal(text_encode(real.vocab, text, false, five, 8, &n, &fits), NF_OK);
  assert_int_equal(n, 5);
  assert_ptr_equal(fits.at, exact); /* given back */
  assert_int_equal(text_encode(real.vocab, (nf_bytes){}, false, nullptr, 0, &n, &fits), NF_OK);
  assert_int_equal(n, 0);
  free(exact);
}

/* 200 KB that a quadratic merge would take minutes for; the bound is loose on purpose. */
static void long_words_end_soon(void **state) {
  (void)state;
  enum { LEN = 200000 };
  u8 *text = malloc(LEN), *back = malloc(LEN + 4096);
  i32 *ids = malloc(LEN * sizeof(i32));
  for (int kind = 0; kind < 4; kind++) {
    for (int i = 0; i < LEN; i++) {
      text[i] = kind == 0   ? 'a'
                : kind == 1 ? (u8)("ab"[i & 1])
                : kind == 2 ? ' '
                            : (u8)('a' + (i64)i * i % 26);
    }
    clock_t start = clock();
    isize n = encode(bytes_of(text, LEN), false, ids, LEN);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (seconds > 5) fail_msg("kind %d took %.1f s of CPU", kind, seconds);
    assert_int_equal(fixture_decode(real.vocab, ids, n, false, back, LEN + 4096), LEN);
    assert_memory_equal(back, text, LEN);
  }
  free(text);
  free(back);
  free(ids);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids_equal_the_independent_tokenizers),
      cmocka_unit_test(words_equal_the_models_regular_expressions),
      cmocka_unit_test(random_bytes_come_back),
      cmocka_unit_test(special_tokens_need_the_flag),
      cmocka_unit_test(limits_are_answers),
      cmocka_unit_test(long_words_end_soon),
  };
  return cmocka_run_group_tests_name("tokens", tests, open_real, close_real);
}
