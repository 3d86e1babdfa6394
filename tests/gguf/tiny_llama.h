/* A whole llama GGUF with random weights and a byte-level vocabulary of 272 tokens, in a few
 * kilobytes: what a test uses where the real model is too large or too fixed.
 *
 *   gguf_make g = {};
 *   nf_bytes file = tiny_llama_file(&g, (tiny_llama_desc){.type = GGUF_Q4_1});
 *
 * Does NOT: make sense when it talks. The same desc gives the same bytes on every machine.
 * Further keys can be added between tiny_llama and gguf_make_finish; one that is to be left out or
 * another is what the desc is for. Read next: gguf_make.h. */
#pragma once
#include "gguf/gguf_make.h"

/* Zeros: 2 layers, d 64, ff 128, 4 heads, 2 kv heads, context 256, tied F32 head. */
typedef struct {
  gguf_type type; /* of the seven matrices of a layer; F32 is 0. K types need d % 256 == 0 */
  gguf_type embed_type; /* of token_embd and, when not tied, output */
  bool head_separate;
  isize n_layers, d_model, d_ff, n_heads, n_kv_heads, ctx_tokens;
  const char *architecture; /* null: "llama" */
  const char *pre; /* null: "smollm" */
  const char *chat_template; /* null: ChatML as SmolLM2 writes it; "": no such key */
  u64 seed;
} tiny_llama_desc;

enum {
  TINY_END_OF_TEXT = 0, /* also bos, as in SmolLM2's file: 1 and 2 are the chat marks */
  TINY_IM_START = 1,
  TINY_IM_END = 2, /* eos */
  TINY_BYTE_0 = 3, /* token of byte b: TINY_BYTE_0 + b */
  TINY_MERGED_0 = 259,
  TINY_N_VOCAB = 272,
};

/* The code point that stands for a byte in a byte-level vocabulary: itself when printable,
 * else the next free one from 256 up. source: openai/gpt-2 encoder.py, bytes_to_unicode */
static inline u32 tiny_byte_letter(u32 byte) {
  u32 n_hidden = 0;
  for (u32 b = 0; b <= byte; b++) {
    bool shown = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    if (b == byte) return shown ? b : 256 + n_hidden;
    n_hidden += !shown;
  }
  return 0;
}

static inline void tiny_vocabulary(gguf_make *g, const tiny_llama_desc *desc) {
  static const char *const merges[] = {"t h", "th e", "\u0120 the", "i n", "e r",
                                       "a n", "an d", "\u0120 t",   "o n", "in g",
                                       "h e", "r e",  "\u0120 a"};
  static const char *const merged[] = {"th",      "the", "\u0120the", "in", "er", "an",     "and",
                                       "\u0120t", "on",  "ing",       "he", "re", "\u0120a"};
  static char letters[256][3];
  const char *tokens[TINY_N_VOCAB] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  i32 types[TINY_N_VOCAB];
  isize n_merges = (isize)(sizeof merges / sizeof merges[0]);
  static_assert(sizeof merges == sizeof merged);
  static_assert(sizeof merges / sizeof merges[0] == TINY_N_VOCAB - TINY_MERGED_0);
  for (u32 b = 0; b < 256; b++) {
    u32 c = tiny_byte_letter(b);
    if (c < 128) {
      letters[b][0] = (char)c;
    } else {
      letters[b][0] = (char)(0xC0 | c >> 6);
      letters[b][1] = (char)(0x80 | (c & 63));
    }
    tokens[TINY_BYTE_0 + b] = letters[b];
  }
  for (isize i = 0; i < n_merges; i++) tokens[TINY_MERGED_0 + i] = merged[i];
  for (isize i = 0; i < TINY_N_VOCAB; i++) types[i] = i < TINY_BYTE_0 ? 3 : 1; /* control, normal */
  gguf_make_str(g, "tokenizer.ggml.model", "gpt2");
  gguf_make_str(g, "tokenizer.ggml.pre", desc->pre ? desc->pre : "smollm");
  gguf_make_strs(g, "tokenizer.ggml.tokens", tokens, TINY_N_VOCAB);
  gguf_make_array(g, "tokenizer.ggml.token_type", GGUF_KV_I32, types, TINY_N_VOCAB, sizeof types);
  gguf_make_strs(g, "tokenizer.ggml.merges", merges, n_merges);
  gguf_make_u32(g, "tokenizer.ggml.bos_token_id", TINY_IM_START);
  gguf_make_u32(g, "tokenizer.ggml.eos_token_id", TINY_IM_END);
  gguf_make_u32(g, "tokenizer.ggml.unknown_token_id", TINY_END_OF_TEXT);
  gguf_make_bool(g, "tokenizer.ggml.add_space_prefix", false);
  gguf_make_bool(g, "tokenizer.ggml.add_bos_token", false);
  const char *chatml =
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
      "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
      "Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
      "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
      "{{ '<|im_start|>assistant\n' }}{% endif %}";
  const char *chat = desc->chat_template ? desc->chat_template : chatml;
  if (*chat) gguf_make_str(g, "tokenizer.chat_template", chat);
}

static inline void tiny_norm(gguf_make *g, const char *name, isize d, u64 *seed) {
  f32 *values = malloc(sizeof(f32) * (size_t)d);
  assert(values);
  for (isize i = 0; i < d; i++) values[i] = 1.0f + 0.1f * make_random_f32(seed);
  gguf_make_values(g, name, GGUF_F32, d, 1, values);
  free(values);
}

static inline void tiny_llama(gguf_make *g, tiny_llama_desc desc) {
  isize n_layers = desc.n_layers ? desc.n_layers : 2, d = desc.d_model ? desc.d_model : 64;
  isize ff = desc.d_ff ? desc.d_ff : 2 * d, heads = desc.n_heads ? desc.n_heads : 4;
  isize kv_heads = desc.n_kv_heads ? desc.n_kv_heads : heads == 1 ? 1 : heads / 2;
  isize d_head = d / heads, kv = kv_heads * d_head;
  const char *arch = desc.architecture ? desc.architecture : "llama";
  u64 seed = desc.seed;
  char name[64];
#define KEY(k) (snprintf(name, sizeof name, "%s.%s", arch, k), name)
  gguf_make_str(g, "general.architecture", arch);
  gguf_make_str(g, "general.name", "tiny");
  gguf_make_u32(g, KEY("block_count"), (u32)n_layers);
  gguf_make_u32(g, KEY("context_length"), (u32)(desc.ctx_tokens ? desc.ctx_tokens : 256));
  gguf_make_u32(g, KEY("embedding_length"), (u32)d);
  gguf_make_u32(g, KEY("feed_forward_length"), (u32)ff);
  gguf_make_u32(g, KEY("attention.head_count"), (u32)heads);
  gguf_make_u32(g, KEY("attention.head_count_kv"), (u32)kv_heads);
  gguf_make_f32(g, KEY("attention.layer_norm_rms_epsilon"), 1e-5f);
  gguf_make_f32(g, KEY("rope.freq_base"), 10000.0f);
  gguf_make_u32(g, KEY("rope.dimension_count"), (u32)d_head);
  gguf_make_u32(g, KEY("vocab_size"), TINY_N_VOCAB);
#undef KEY
  tiny_vocabulary(g, &desc);
  gguf_make_random(g, "token_embd.weight", desc.embed_type, d, TINY_N_VOCAB, &seed, 0.5f);
  tiny_norm(g, "output_norm.weight", d, &seed);
  if (desc.head_separate) {
    gguf_make_random(g, "output.weight", desc.embed_type, d, TINY_N_VOCAB, &seed, 0.5f);
  }
  const struct {
    const char *name;
    isize cols, rows;
  } matrices[] = {{"attn_q", d, d},    {"attn_k", d, kv}, {"attn_v", d, kv},  {"attn_output", d, d},
                  {"ffn_gate", d, ff}, {"ffn_up", d, ff}, {"ffn_down", ff, d}};
  for (isize layer = 0; layer < n_layers; layer++) {
    snprintf(name, sizeof name, "blk.%d.attn_norm.weight", (int)layer);
    tiny_norm(g, name, d, &seed);
    snprintf(name, sizeof name, "blk.%d.ffn_norm.weight", (int)layer);
    tiny_norm(g, name, d, &seed);
    for (isize i = 0; i < (isize)(sizeof matrices / sizeof matrices[0]); i++) {
      snprintf(name, sizeof name, "blk.%d.%s.weight", (int)layer, matrices[i].name);
      gguf_make_random(g, name, desc.type, matrices[i].cols, matrices[i].rows, &seed, 0.125f);
    }
  }
}

/* The whole file at once; g keeps its bytes until gguf_make_free. */
static inline nf_bytes tiny_llama_file(gguf_make *g, tiny_llama_desc desc) {
  tiny_llama(g, desc);
  return gguf_make_finish(g);
}
