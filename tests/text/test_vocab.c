/* Vocabularies made by the tests: damaged ones are refused with a line that says where, unknown
 * kinds are named, and a SentencePiece one makes the ids SentencePiece makes
 * (tests/data/make_spm.py). */
#include "text/vocab.h"
#include "text_fixture.h"
#include "vocab_make.h"

static void refused(vocab_parts *p, nf_status status, const char *line) {
  vocab_made *m = vocab_open(p);
  if (m->status != status || strcmp(m->error.line, line) != 0) {
    fail_msg("status %d, not %d: \"%s\", not \"%s\"", m->status, status, m->error.line, line);
  }
  assert_null(m->vocab);
  vocab_close(m);
  free(p);
}

static void damaged_vocabularies_are_refused(void **state) {
  (void)state;
  vocab_parts *p = vocab_bytes("smollm");
  vocab_token_add(p, "a", 1);
  refused(p, NF_BAD_INPUT, "tokens 97 and 256 are the same, \"a\"");
  p = vocab_bytes("smollm");
  p->n_types = 255;
  refused(p, NF_BAD_INPUT, "tokenizer.ggml.token_type has 255 entries for 256 tokens");
  p = vocab_bytes("smollm");
  p->types[9] = 7;
  refused(p, NF_BAD_INPUT, "token 9 has type 7, expected 1 to 6");
  p = vocab_bytes("smollm");
  p->n_scores = 3;
  refused(p, NF_BAD_INPUT, "tokenizer.ggml.scores has 3 entries for 256 tokens");
  p = vocab_bytes("smollm");
  p->n_merges = -1;
  refused(p, NF_BAD_INPUT, "a gpt2 tokenizer without tokenizer.ggml.merges");
  p = vocab_bytes("smollm");
  p->merges[p->n_merges++] = "a b";
  refused(p, NF_BAD_INPUT, "merge 0 (\"a b\") names a token the file does not have");
  static const char *const not_two[] = {"ab", "a ", " ", "", "a"};
  for (int i = 0; i < 5; i++) {
    char line[80];
    p = vocab_bytes("smollm");
    p->merges[p->n_merges++] = not_two[i];
    snprintf(line, sizeof line, "merge 0 (\"%s\") is not two tokens", not_two[i]);
    refused(p, NF_BAD_INPUT, line);
  }
  p = vocab_bytes("smollm");
  vocab_token_add(p, "ab", 1);
  p->merges[0] = p->merges[1] = "a b";
  p->n_merges = 2;
  refused(p, NF_BAD_INPUT, "merge 1 (\"a b\") is there twice");
  p = vocab_bytes("smollm");
  p->eos = 256;
  refused(p, NF_BAD_INPUT, "tokenizer.ggml.eos_token_id is 256 of 256 tokens");
  p = vocab_new("gpt2");
  refused(p, NF_BAD_INPUT, "the file has no tokenizer.ggml.tokens");
  p = vocab_bytes("smollm");
  p->model = nullptr;
  refused(p, NF_BAD_INPUT, "the file has no tokenizer.ggml.model");
  p = vocab_bytes(nullptr);
  p->model = "llama";
  refused(p, NF_BAD_INPUT, "a llama tokenizer without tokenizer.ggml.scores");
}

static void unknown_kinds_are_named(void **state) {
  (void)state;
  refused(vocab_bytes("gpt-5"), NF_UNSUPPORTED,
          "tokenizer.ggml.pre is \"gpt-5\", a pre-tokenizer this build does not know");
  refused(vocab_bytes(nullptr), NF_UNSUPPORTED,
          "the file does not name its pre-tokenizer (tokenizer.ggml.pre)");
  vocab_parts *p = vocab_bytes("smollm");
  p->model = "t5";
  refused(p, NF_UNSUPPORTED, "tokenizer.ggml.model is \"t5\"; this build knows gpt2 and llama");
}

static void little_memory_is_an_answer(void **state) {
  (void)state;
  vocab_parts *p = vocab_bytes("smollm");
  vocab_token_add(p, "ab", 1);
  p->merges[p->n_merges++] = "a b";
  p->template_text = "{{ 'a' + messages[0]['role'] }}";
  vocab_made *m = vocab_open(p);
  assert_int_equal(m->status, NF_OK);
  isize need = text_vocab_bytes(&m->file), n_ok = 0;
  for (isize bytes = 0; bytes <= need; bytes += 16) {
    arena a = arena_of(m->block, bytes), before = a;
    text_vocab *v = nullptr;
    nf_status status = text_open(&m->file, &a, &v, &m->error);
    n_ok += status == NF_OK;
    if (status != NF_OK) {
      assert_int_equal(status, NF_NO_MEMORY);
      assert_null(v);
      assert_ptr_equal(a.at, before.at);
    }
  }
  assert_true(n_ok >= 1 && n_ok < 40); /* text_vocab_bytes is enough and not far too much */
  vocab_close(m);
  free(p);
}

/* ---- how texts are cut ---- */

typedef struct {
  i32 ids[2048];
  isize n;
} tokens;

static tokens encode(const text_vocab *v, const char *text, bool special) {
  static u8 block[1 << 17];
  arena scratch = arena_of(block, sizeof block);
  tokens t = {.n = -1};
  nf_status status = text_encode(v, bytes_from_str(text), special, t.ids, 2048, &t.n, &scratch);
  assert_int_equal(status, NF_OK);
  return t;
}

static void user_text_never_becomes_special(void **state) {
  (void)state;
  vocab_parts *p = vocab_bytes("smollm");
  i32 end = vocab_token_add(p, "<=>", 3), longer = vocab_token_add(p, "<=>>", 3);
  i32 think = vocab_token_add(p, "<t>", 4), blanks = vocab_token_add(p, "  ", 4);
  i32 half = vocab_token_add(p, "<=", 1), ae = vocab_token_add(p, "ae", 1);
  p->merges[p->n_merges++] = "< =";
  p->merges[p->n_merges++] = "<= >"; /* a merge that would make a control token */
  p->merges[p->n_merges++] = "a e";
  vocab_made *m = vocab_open(p);
  if (m->status != NF_OK) fail_msg("%s", m->error.line);
  tokens t = encode(m->vocab, "<=>", false);
  assert_int_equal(t.n, 2);
  assert_int_equal(t.ids[0], half);
  assert_int_equal(t.ids[1], '>');
  t = encode(m->vocab, "<t>", false);
  assert_int_equal(t.n, 3);
  t = encode(m->vocab, "a<=>>ae<t><=><", true);
  const i32 want[] = {'a', longer, ae, think, end, '<'};
  assert_int_equal(t.n, 6);
  assert_memory_equal(t.ids, want, sizeof want);
  /* white space the model knows as one token is text */
  t = encode(m->vocab, "a  a", false);
  assert_int_equal(t.n, 3);
  assert_int_equal(t.ids[1], blanks);
  u8 out[64];
  assert_int_equal(text_decode(m->vocab, end, false, out, 64), 0);
  assert_int_equal(text_decode(m->vocab, end, true, out, 64), 3);
  assert_int_equal(text_decode(m->vocab, think, false, out, 64), 3);
  vocab_close(m);
  free(p);
}

static void llama3_takes_whole_words_first(void **state) {
  (void)state;
  for (int llama3 = 0; llama3 < 2; llama3++) {
    vocab_parts *p = vocab_bytes(llama3 ? "llama-bpe" : "qwen2");
    p->bos = vocab_token_add(p, "<s>", 3);
    vocab_token_add(p, "bc", 1);
    i32 abc = vocab_token_add(p, "abc", 1); /* no merge leads to it */
    p->merges[p->n_merges++] = "b c";
    vocab_made *m = vocab_open(p);
    assert_int_equal(m->status, NF_OK);
    tokens t = encode(m->vocab, "abc", false);
    assert_int_equal(t.n, llama3 ? 1 : 2);
    if (llama3) assert_int_equal(t.ids[0], abc);
    assert_int_equal(text_bos(m->vocab), llama3 ? 256 : -1);
    vocab_close(m);
    free(p);
  }
}

static void special_ids_come_from_the_file(void **state) {
  (void)state;
  vocab_parts *p = vocab_bytes("smollm");
  i32 eos = vocab_token_add(p, "<e>", 3), named = vocab_token_add(p, "<|eot_id|>", 3);
  i32 only_text = vocab_token_add(p, "</s>", 1);
  p->eos = eos;
  p->bos = UINT32_MAX; /* how converters write "none" */
  p->add_bos = 1;
  vocab_made *m = vocab_open(p);
  assert_int_equal(m->status, NF_OK);
  assert_true(text_is_end(m->vocab, eos));
  assert_true(text_is_end(m->vocab, named));
  assert_false(text_is_end(m->vocab, only_text));
  assert_int_equal(text_bos(m->vocab), -1);
  vocab_close(m);
  free(p);
}

/* ---- SentencePiece ---- */

static const u8 *spm_parts(const u8 *at, vocab_parts *p) {
  u32 n = load_u32(at);
  at += 4;
  for (u32 i = 0; i < n; i++) {
    char name[VOCAB_STRING_MAX] = {};
    memcpy(name, at + 1, at[0]);
    at += 1 + at[0];
    i32 id = vocab_token_add(p, name, at[0]);
    p->scores[id] = f32_from_bits(load_u32(at + 1));
    at += 5;
  }
  return at;
}

static void ids_equal_sentencepieces(void **state) {
  (void)state;
  isize len;
  u8 *data = fixture_read("spm.bin", &len), back[4096];
  vocab_parts *p = vocab_new("llama");
  p->n_merges = -1;
  const u8 *at = spm_parts(data, p);
  vocab_made *m = vocab_open(p);
  if (m->status != NF_OK) fail_msg("%s", m->error.line);
  assert_true(text_space_prefix(m->vocab));
  assert_int_equal(text_bos(m->vocab), 1);
  u32 n = load_u32(at);
  assert_true(n > 1000);
  at += 4;
  for (u32 i = 0; i < n; i++) {
    isize text_len = load_u16(at);
    char text[2048] = {};
    memcpy(text, at + 2, (size_t)text_len);
    at += 2 + text_len;
    isize n_want = load_u16(at);
    tokens t = encode(m->vocab, text, false);
    bool same = t.n == n_want;
    for (isize k = 0; same && k < n_want; k++) same = t.ids[k] == load_u16(at + 2 + 2 * k);
    if (!same) fail_msg("string %u \"%s\": %d ids, not %d", i, text, (int)t.n, (int)n_want);
    at += 2 + 2 * n_want;
    isize n_back = fixture_decode(m->vocab, t.ids, t.n, false, back, sizeof back);
    assert_int_equal(n_back, text_len + 1); /* the space in front */
    assert_memory_equal(back + 1, text, text_len);
    assert_int_equal(text_bytes_lost(m->vocab, bytes_of(text, text_len)), 0);
  }
  assert_int_equal(at - data, len);
  vocab_close(m);
  /* Gemma's way: no space in front, and the text comes back as it was */
  p->space_prefix = 0;
  m = vocab_open(p);
  tokens t = encode(m->vocab, "the <s> the", false);
  isize n_back = fixture_decode(m->vocab, t.ids, t.n, false, back, sizeof back);
  assert_int_equal(n_back, 11);
  assert_memory_equal(back, "the <s> the", 11);
  for (isize i = 0; i < t.n; i++) assert_true(t.ids[i] > 2);
  vocab_close(m);
  free(p);
  free(data);
}

static void bytes_without_a_token_are_told(void **state) {
  (void)state;
  vocab_parts *p = vocab_new("llama"); /* no byte tokens at all */
  p->n_merges = -1;
  vocab_token_add(p, "<unk>", 2);
  vocab_token_add(p, "<s>", 3);
  vocab_token_add(p, "</s>", 3);
  i32 a = vocab_token_add(p, "a", 1);
  vocab_made *m = vocab_open(p);
  if (m->status != NF_OK) fail_msg("%s", m->error.line);
  assert_int_equal(text_bytes_lost(m->vocab, bytes_from_str("a\u00e9a")), 2);
  tokens t = encode(m->vocab, "a\u00e9a", false);
  assert_int_equal(t.n, 4); /* the space in front is unknown too */
  assert_int_equal(t.ids[1], a);
  assert_int_equal(t.ids[2], 0);
  vocab_close(m);
  free(p);
}

static void gpt2s_alphabet_is_one_to_one(void **state) {
  (void)state;
  for (int byte = 0; byte < 256; byte++) {
    char name[4];
    vocab_byte_name(byte, name);
    u8 mine[4] = {};
    u32 cp = vocab_char_of_byte((u8)byte);
    mine[0] = (u8)(cp < 0x80 ? cp : 0xC0 | cp >> 6);
    mine[1] = (u8)(cp < 0x80 ? 0 : 0x80 | (cp & 63));
    assert_string_equal((char *)mine, name);
    assert_int_equal(vocab_byte_of_char(cp), byte);
  }
  assert_int_equal(vocab_byte_of_char(0x144), -1);
  assert_int_equal(vocab_byte_of_char(' '), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(damaged_vocabularies_are_refused),
      cmocka_unit_test(unknown_kinds_are_named),
      cmocka_unit_test(little_memory_is_an_answer),
      cmocka_unit_test(user_text_never_becomes_special),
      cmocka_unit_test(llama3_takes_whole_words_first),
      cmocka_unit_test(special_ids_come_from_the_file),
      cmocka_unit_test(ids_equal_sentencepieces),
      cmocka_unit_test(bytes_without_a_token_are_told),
      cmocka_unit_test(gpt2s_alphabet_is_one_to_one),
  };
  return cmocka_run_group_tests_name("vocab", tests, nullptr, nullptr);
}
