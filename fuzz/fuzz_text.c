/* Fuzzes text/: the first byte says what.
 *   even: the rest is text. decode(encode(x)) == x in a byte-level vocabulary that has a few
 *         merges and specials; no special token without the flag; chats of it hold together.
 *   odd:  the rest is the directory of a GGUF file whose vocabulary is opened and, when it is
 *         good, used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/gguf/gguf_make.h"
#include "text/text.h"

enum { TEXT_MAX = 1 << 12 };
static _Alignas(64) u8 scratch_block[1 << 20];
static i32 ids[4 * TEXT_MAX + 4096];

#define CHECK(condition) \
  if (!(condition)) (fprintf(stderr, "line %d: " #condition "\n", __LINE__), abort())

static isize decode(const text_vocab *v, isize n, bool special, u8 **out) {
  isize cap = (n + 1) * text_token_bytes_max(v) + 16, len = 0;
  *out = malloc((size_t)cap);
  for (isize i = 0; i < n; i++) {
    CHECK(ids[i] >= 0 && ids[i] < text_n_vocab(v));
    len += text_decode(v, ids[i], special, *out + len, cap - len);
  }
  return len;
}

/* ---- a good vocabulary: 256 bytes, pairs of them, specials; made once ---- */

static text_vocab *good_vocab(const char *pre) {
  static char names[512][8], merges[240][16];
  static const char *strings[512], *pairs[240];
  static i32 types[512];
  isize n = 0, n_merges = 0, other = 0;
  for (int byte = 0; byte < 256; byte++) {
    bool prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    int cp = prints ? byte : (int)(256 + other++);
    names[n][0] = (char)(cp < 0x80 ? cp : 0xC0 | cp >> 6);
    names[n][1] = (char)(cp < 0x80 ? 0 : 0x80 | (cp & 63));
    types[n++] = 1;
  }
  for (int i = 0; i < 240; i++, n++) { /* of letters, and of what was made before */
    const char *a = i < 120 ? names['a' + i % 16] : names[256 + i - 120];
    const char *b = names['a' + i / 16 % 26];
    snprintf(merges[i], sizeof merges[i], "%s %s", a, b);
    snprintf(names[n], sizeof names[n], "%s%s", a, b);
    types[n] = 1;
    bool twice = false;
    for (isize k = 0; k < n; k++) twice |= strcmp(names[k], names[n]) == 0;
    if (twice) {
      n--;
    } else {
      pairs[n_merges++] = merges[i];
    }
  }
  static const char *specials[] = {"<|a|>", "<|im_start|>", "<|im_end|>", "\n\n"};
  for (isize i = 0; i < n; i++) strings[i] = names[i];
  for (int i = 0; i < 4; i++) strings[n] = specials[i], types[n++] = i == 3 ? 4 : 3;
  static gguf_make makes[4]; /* one a vocabulary, kept */
  static int n_made;
  gguf_make *g = &makes[n_made];
  gguf_make_str(g, "tokenizer.ggml.model", "gpt2");
  gguf_make_str(g, "tokenizer.ggml.pre", pre);
  gguf_make_strs(g, "tokenizer.ggml.tokens", strings, n);
  gguf_make_strs(g, "tokenizer.ggml.merges", pairs, n_merges);
  gguf_make_array(g, "tokenizer.ggml.token_type", GGUF_KV_I32, types, n, 4 * n);
  nf_bytes bytes = gguf_make_finish(g);
  static u8 directory[4][1 << 14];
  arena a = arena_of(directory[n_made++], sizeof directory[0]);
  gguf_file file;
  nf_error error = {};
  CHECK(gguf_open(bytes, (u64)bytes.len, &a, &file, &error) == NF_OK);
  isize need = text_vocab_bytes(&file);
  a = arena_of(malloc((size_t)need), need);
  text_vocab *v = nullptr;
  nf_status status = text_open(&file, &a, &v, &error);
  if (status != NF_OK) fprintf(stderr, "%s\n", error.line);
  CHECK(status == NF_OK);
  return v;
}

static void text_round_trip(const text_vocab *v, nf_bytes text, bool special) {
  isize n = 0;
  arena scratch = arena_of(scratch_block, text_scratch_bytes(text.len));
  nf_status status = text_encode(v, text, special, ids, sizeof ids / sizeof *ids, &n, &scratch);
  CHECK(status == NF_OK);
  u8 *back;
  isize len = decode(v, n, special, &back);
  CHECK(len == text.len && (len == 0 || memcmp(back, text.at, (size_t)len) == 0));
  for (isize i = 0; i < n && !special; i++) {
    u8 hidden[64];
    CHECK(text_decode(v, ids[i], false, hidden, 64) > 0); /* control tokens decode to nothing */
  }
  free(back);
}

static void chat_round_trip(const text_vocab *v, nf_bytes text) {
  nf_message messages[2] = {{NF_USER, bytes_slice(text, 0, text.len / 2)},
                            {NF_ASSISTANT, bytes_slice(text, text.len / 2, text.len)}};
  isize n = 0, need = text_chat_scratch_bytes(v, messages, 2);
  CHECK(need <= (isize)sizeof scratch_block);
  arena scratch = arena_of(scratch_block, need);
  CHECK(text_chat_encode(v, TEXT_CHATML, messages, 2, ids, sizeof ids / sizeof *ids, &n,
                         &scratch) == NF_OK);
  u8 *back;
  isize len = decode(v, n, false, &back), at = 5;
  CHECK(len == text.len + 16 && memcmp(back, "user\n", 5) == 0);
  CHECK(messages[0].text.len == 0 || !memcmp(back + at, text.at, (size_t)messages[0].text.len));
  at += messages[0].text.len;
  CHECK(memcmp(back + at, "\nassistant\n", 11) == 0);
  free(back);
}

static void fuzz_text(const u8 *data, isize size) {
  static text_vocab *vocabs[4];
  static const char *pres[] = {"smollm", "llama-bpe", "qwen35", "default"};
  u8 which = data[0] >> 1 & 3;
  if (!vocabs[which]) vocabs[which] = good_vocab(pres[which]);
  nf_bytes text = bytes_of(data + 1, isize_min(size - 1, TEXT_MAX));
  CHECK(text_bytes_lost(vocabs[which], text) == 0);
  text_round_trip(vocabs[which], text, false);
  text_round_trip(vocabs[which], text, true);
  chat_round_trip(vocabs[which], text);
}

/* ---- any vocabulary ---- */

static void fuzz_vocab(const u8 *data, isize size) {
  gguf_file file;
  nf_error error = {};
  u8 *directory = malloc(1 << 16);
  arena a = arena_of(directory, 1 << 16);
  nf_status status = gguf_open(bytes_of(data + 1, size - 1), (u64)size - 1, &a, &file, &error);
  isize need = status == NF_OK ? text_vocab_bytes(&file) : 0;
  u8 *block = malloc((size_t)need + 1);
  text_vocab *v = nullptr;
  a = arena_of(block, need);
  if (status == NF_OK) {
    text_template chat;
    (void)text_template_of(&file, &chat, &error);
    status = text_open(&file, &a, &v, &error);
    CHECK(status != NF_NO_MEMORY); /* text_vocab_bytes is enough */
    CHECK(status == NF_OK || error.line[0] != 0);
  }
  if (status == NF_OK && text_token_bytes_max(v) < 4096) {
    nf_bytes text = bytes_from_str("Hello, it's\n\n  12:30 \xF0\x9F\x98\x80 <|im_end|> \xFF");
    isize n = 0;
    arena scratch = arena_of(scratch_block, sizeof scratch_block);
    CHECK(text_encode(v, text, true, ids, sizeof ids / sizeof *ids, &n, &scratch) == NF_OK);
    u8 *back;
    (void)decode(v, n, true, &back);
    free(back);
    nf_message message = {NF_USER, text};
    for (text_template chat = TEXT_CHATML; chat <= TEXT_LLAMA2; chat++) {
      (void)text_chat_encode(v, chat, &message, 1, ids, sizeof ids / sizeof *ids, &n, &scratch);
    }
  }
  free(block);
  free(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  if (data[0] & 1) {
    fuzz_vocab(data, (isize)size);
  } else {
    fuzz_text(data, (isize)size);
  }
  return 0;
}
