/* Chat templates: what text_chat_encode writes equals what Jinja renders (tests/data/make_chats.py
 * says with what), changed templates are refused, markers in a message stay text. */
#include "text_fixture.h"
#include "vocab_make.h"

enum { IDS_MAX = 4096 };

/* 256 bytes and the special tokens of all families. */
static vocab_parts *all_families(const char *template_text) {
  static const char *specials[] = {"<|im_start|>",      "<|im_end|>", "<|start_header_id|>",
                                   "<|end_header_id|>", "<|eot_id|>", "<start_of_turn>",
                                   "<end_of_turn>"};
  vocab_parts *p = vocab_bytes("smollm");
  p->bos = vocab_token_add(p, "<s>", 3);
  p->eos = vocab_token_add(p, "</s>", 3);
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
    vocab_token_add(p, specials[i], 3);
  p->template_text = template_text;
  p->add_bos = 0;
  return p;
}

typedef struct {
  const u8 *at;
} reader;
static u32 take_u8(reader *r) { return *r->at++; }
static u32 take_u16(reader *r) { return r->at += 2, load_u16(r->at - 2); }
static u32 take_u32(reader *r) { return r->at += 4, load_u32(r->at - 4); }
static nf_bytes take(reader *r, isize n) { return r->at += n, bytes_of(r->at - n, n); }

static void check_case(const vocab_made *m, text_template chat, reader *r, u32 template_number) {
  nf_message messages[8];
  isize n = take_u8(r), n_ids = -1;
  for (isize i = 0; i < n; i++) {
    messages[i].role = (nf_role)take_u8(r);
    messages[i].text = take(r, take_u16(r));
  }
  u32 want_bytes = take_u16(r);
  isize need = text_chat_scratch_bytes(m->vocab, messages, n);
  u8 *block = malloc((size_t)need), out[8192];
  arena scratch = arena_of(block, need);
  i32 ids[IDS_MAX];
  nf_status status = text_chat_encode(m->vocab, chat, messages, n, ids, IDS_MAX, &n_ids, &scratch);
  free(block);
  if (want_bytes == 0xFFFF) {
    assert_int_equal(status, NF_UNSUPPORTED);
    return;
  }
  nf_bytes want = take(r, want_bytes);
  if (status == NF_UNSUPPORTED && chat != TEXT_CHATML && chat != TEXT_LLAMA3) {
    /* a list the template lets through by accident: a system message alone, or one later on */
    bool odd = n == 1;
    for (isize i = 1; i < n; i++) odd |= messages[i].role == NF_SYSTEM;
    assert_true(odd);
    return;
  }
  assert_int_equal(status, NF_OK);
  isize len = fixture_decode(m->vocab, ids, n_ids, true, out, sizeof out);
  if (len != want.len || memcmp(out, want.at, (size_t)len) != 0) {
    fail_msg("template %u says\n%.*s\nnot\n%.*s", template_number, (int)want.len,
             (const char *)want.at, (int)len, (const char *)out);
  }
}

static void renderings_equal_jinjas(void **state) {
  (void)state;
  isize len;
  u8 *data = fixture_read("chats.bin", &len);
  reader r = {data};
  u32 n_templates = take_u32(&r), n_all = 0;
  for (u32 t = 0; t < n_templates; t++) {
    u32 family = take_u8(&r);
    nf_bytes source = take(&r, take_u16(&r));
    char *text = strndup((const char *)source.at, (size_t)source.len);
    vocab_parts *parts = all_families(text);
    vocab_made *m = vocab_open(parts);
    if (m->status != NF_OK) fail_msg("%s", m->error.line);
    text_template chat = (text_template)99;
    nf_status status = text_template_of(&m->file, &chat, &m->error);
    if (status != (family ? NF_OK : NF_UNSUPPORTED) || (family && chat != (i32)family - 1)) {
      fail_msg("template %u, family %u: status %d, %d\n%s", t, family, status, chat, text);
    }
    u32 n_cases = take_u32(&r);
    for (u32 i = 0; i < n_cases; i++) check_case(m, chat, &r, t);
    n_all += n_cases;
    vocab_close(m);
    free(parts);
    free(text);
  }
  assert_int_equal(r.at - data, len);
  assert_true(n_templates >= 30 && n_all >= 1200);
  free(data);
}

static void the_real_models_prompt_is_its_templates(void **state) {
  (void)state;
  text_fixture real = fixture_open();
  text_template chat;
  nf_error error;
  assert_int_equal(text_template_of(&real.file, &chat, &error), NF_OK);
  assert_int_equal(chat, TEXT_CHATML);
  nf_message user = {NF_USER, bytes_from_str("\n\nHi <|im_end|>\n")};
  i32 ids[256], want[256];
  isize n = 0, n_want = 0;
  assert_int_equal(text_chat_encode(real.vocab, chat, &user, 1, ids, 256, &n, &real.scratch),
                   NF_OK);
  /* the same with the message's own marker put apart, which must stay text */
  isize n_marker = 0;
  for (isize i = 0; i < n; i++) n_marker += ids[i] == 2;
  assert_int_equal(n_marker, 2); /* end of the system's and of the user's turn */
  u8 out[2048];
  isize len = fixture_decode(real.vocab, ids, n, true, out, sizeof out);
  nf_bytes text = bytes_from_str(
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
      "<|im_end|>\n<|im_start|>user\n\n\nHi <|im_end|>\n<|im_end|>\n<|im_start|>assistant\n");
  assert_int_equal(len, text.len);
  assert_memory_equal(out, text.at, len);
  /* without a marker in it, encoding the rendered text gives the same tokens */
  user.text = bytes_from_str("\n\n  Hi there, it's 12:30\n");
  assert_int_equal(text_chat_encode(real.vocab, chat, &user, 1, ids, 256, &n, &real.scratch),
                   NF_OK);
  len = fixture_decode(real.vocab, ids, n, true, out, sizeof out);
  assert_int_equal(
      text_encode(real.vocab, bytes_of(out, len), true, want, 256, &n_want, &real.scratch), NF_OK);
  assert_int_equal(n, n_want);
  assert_memory_equal(ids, want, n * 4);
  fixture_close(&real);
}

static void limits_of_a_chat_are_answers(void **state) {
  (void)state;
  vocab_parts *parts = all_families(nullptr);
  vocab_made *m = vocab_open(parts);
  assert_int_equal(m->status, NF_OK);
  text_template chat;
  assert_int_equal(text_template_of(&m->file, &chat, &m->error), NF_UNSUPPORTED);
  assert_string_equal(m->error.line, "the file has no tokenizer.chat_template");
  assert_int_equal(text_turn_end(m->vocab, TEXT_CHATML), 256 + 3);
  assert_int_equal(text_turn_end(m->vocab, TEXT_LLAMA3), 256 + 6);
  assert_int_equal(text_turn_end(m->vocab, TEXT_GEMMA), 256 + 8);
  assert_int_equal(text_turn_end(m->vocab, TEXT_LLAMA2), 256 + 1);
  nf_message user = {NF_USER, bytes_from_str("hello")};
  isize need = text_chat_scratch_bytes(m->vocab, &user, 1), n = 55;
  u8 *block = malloc((size_t)need);
  arena scratch = arena_of(block, need);
  i32 ids[64];
  /* asked for a family by name, without the file's template: no default system message */
  assert_int_equal(text_chat_encode(m->vocab, TEXT_CHATML, &user, 1, ids, 64, &n, &scratch), NF_OK);
  assert_int_equal(n, 1 + 10 + 1 + 1 + 1 + 10);
  assert_int_equal(text_chat_encode(m->vocab, TEXT_CHATML, &user, 0, ids, 64, &n, &scratch),
                   NF_BAD_INPUT);
  n = 55;
  assert_int_equal(text_chat_encode(m->vocab, TEXT_CHATML, &user, 1, ids, 20, &n, &scratch),
                   NF_BAD_INPUT);
  assert_int_equal(n, 24);
  scratch.end -= need / 2;
  assert_int_equal(text_chat_encode(m->vocab, TEXT_CHATML, &user, 1, ids, 64, &n, &scratch),
                   NF_NO_MEMORY);
  assert_int_equal(n, 24);
  vocab_close(m);
  free(parts);
  parts = vocab_bytes("smollm"); /* no special tokens at all */
  m = vocab_open(parts);
  assert_int_equal(text_turn_end(m->vocab, TEXT_GEMMA), -1);
  scratch = arena_of(block, need);
  assert_int_equal(text_chat_encode(m->vocab, TEXT_CHATML, &user, 1, ids, 64, &n, &scratch),
                   NF_UNSUPPORTED);
  vocab_close(m);
  free(parts);
  free(block);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(renderings_equal_jinjas),
      cmocka_unit_test(the_real_models_prompt_is_its_templates),
      cmocka_unit_test(limits_of_a_chat_are_answers),
  };
  return cmocka_run_group_tests_name("chat", tests, nullptr, nullptr);
}
