/* Small vocabularies for the tests of text/: a GGUF file made in memory, opened, closed.
 *
 *   vocab_parts p = vocab_bytes();              // 256 bytes of a gpt2 tokenizer, no merges
 *   vocab_token_add(&p, "<|im_end|>", 3);       // name, token_type
 *   vocab_made m = vocab_open(&p);              // m.status, m.error, m.vocab
 *   vocab_close(&m);
 * Read next: gguf/gguf_make.h. */
#pragma once
#include "cmocka_all.h"
#include "gguf/gguf_make.h"
#include "text/text.h"

enum { VOCAB_TOKENS_MAX = 1200, VOCAB_MERGES_MAX = 16, VOCAB_STRING_MAX = 48 };

typedef struct {
  const char *model, *pre, *template_text; /* null: the file does not say */
  char tokens[VOCAB_TOKENS_MAX][VOCAB_STRING_MAX];
  i32 types[VOCAB_TOKENS_MAX];
  f32 scores[VOCAB_TOKENS_MAX];
  isize n_tokens, n_types, n_scores; /* the latter -1: no such array */
  const char *merges[VOCAB_MERGES_MAX];
  isize n_merges; /* -1: no such array */
  i64 bos, eos;   /* -2: not said */
  int space_prefix, add_bos; /* -1: not said */
} vocab_parts;

typedef struct {
  nf_status status;
  nf_error error;
  gguf_make make;
  gguf_file file;
  u8 *directory, *block;
  text_vocab *vocab;
} vocab_made;

static inline i32 vocab_token_add(vocab_parts *p, const char *name, i32 type) {
  assert(p->n_tokens < VOCAB_TOKENS_MAX && strlen(name) < VOCAB_STRING_MAX);
  strcpy(p->tokens[p->n_tokens], name);
  p->types[p->n_tokens] = type;
  p->scores[p->n_tokens] = -(f32)p->n_tokens;
  p->n_types = p->n_types >= 0 ? p->n_tokens + 1 : -1;
  p->n_scores = p->n_scores >= 0 ? p->n_tokens + 1 : -1;
  return (i32)p->n_tokens++;
}

/* Written here once more, so that the tests do not lean on vocab_find.c for it. */
static inline void vocab_byte_name(int byte, char out[4]) {
  bool prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte != 173);
  int cp = byte, n = 0;
  for (int b = 0; !prints && b < byte; b++) {
    n += !((b >= 33 && b <= 126) || (b >= 161 && b <= 255 && b != 173));
  }
  if (!prints) cp = 256 + n;
  out[0] = (char)(cp < 0x80 ? cp : 0xC0 | cp >> 6);
  out[1] = (char)(cp < 0x80 ? 0 : 0x80 | (cp & 63));
  out[2] = 0;
}

static inline vocab_parts *vocab_new(const char *model) {
  vocab_parts *p = calloc(1, sizeof *p);
  assert(p);
  p->model = model;
  p->bos = p->eos = -2;
  p->space_prefix = p->add_bos = -1;
  return p;
}

static inline vocab_parts *vocab_bytes(const char *pre) {
  vocab_parts *p = vocab_new("gpt2");
  p->pre = pre;
  p->n_scores = -1;
  for (int byte = 0; byte < 256; byte++) {
    char name[4];
    vocab_byte_name(byte, name);
    vocab_token_add(p, name, 1);
  }
  return p;
}

static inline vocab_made *vocab_open(const vocab_parts *p) {
  vocab_made *m = calloc(1, sizeof *m);
  const char **names = calloc(VOCAB_TOKENS_MAX, sizeof *names);
  assert(m && names);
  gguf_make *g = &m->make;
  for (isize i = 0; i < p->n_tokens; i++) names[i] = p->tokens[i];
  gguf_make_str(g, "general.architecture", "llama");
  if (p->model) gguf_make_str(g, "tokenizer.ggml.model", p->model);
  if (p->pre) gguf_make_str(g, "tokenizer.ggml.pre", p->pre);
  if (p->n_tokens > 0) gguf_make_strs(g, "tokenizer.ggml.tokens", names, p->n_tokens);
  if (p->n_types >= 0) {
    gguf_make_array(g, "tokenizer.ggml.token_type", GGUF_KV_I32, p->types, p->n_types,
                    p->n_types * 4);
  }
  if (p->n_scores >= 0) {
    gguf_make_array(g, "tokenizer.ggml.scores", GGUF_KV_F32, p->scores, p->n_scores,
                    p->n_scores * 4);
  }
  if (p->n_merges >= 0) gguf_make_strs(g, "tokenizer.ggml.merges", p->merges, p->n_merges);
  if (p->template_text) gguf_make_str(g, "tokenizer.chat_template", p->template_text);
  if (p->bos != -2) gguf_make_u32(g, "tokenizer.ggml.bos_token_id", (u32)p->bos);
  if (p->eos != -2) gguf_make_u32(g, "tokenizer.ggml.eos_token_id", (u32)p->eos);
  if (p->space_prefix >= 0) {
    gguf_make_bool(g, "tokenizer.ggml.add_space_prefix", p->space_prefix != 0);
  }
  if (p->add_bos >= 0) gguf_make_bool(g, "tokenizer.ggml.add_bos_token", p->add_bos != 0);
  nf_bytes file = gguf_make_finish(g);
  free(names);
  m->directory = malloc(1 << 16);
  arena a = arena_of(m->directory, 1 << 16);
  m->status = gguf_open(file, (u64)file.len, &a, &m->file, &m->error);
  if (m->status != NF_OK) return m;
  isize need = text_vocab_bytes(&m->file);
  m->block = malloc((size_t)need + 1);
  a = arena_of(m->block, need);
  m->status = text_open(&m->file, &a, &m->vocab, &m->error);
  return m;
}

static inline void vocab_close(vocab_made *m) {
  gguf_make_free(&m->make);
  free(m->directory);
  free(m->block);
  free(m);
}
