/* The parts of a LoRA adapter's GGUF file, for tests: its keys and one pair of random matrices,
 * named as llama.cpp names them. Owns nothing; which matrices there are is the caller's. */
#pragma once
#include "gguf/gguf_make.h"

static inline void lora_make_keys(gguf_make *g, f32 alpha) {
  gguf_make_str(g, "general.type", "adapter");
  gguf_make_str(g, "general.architecture", "llama");
  gguf_make_str(g, "adapter.type", "lora");
  gguf_make_f32(g, "adapter.lora.alpha", alpha);
}

typedef struct {
  const char *matrix; /* "attn_q" */
  isize cols, rows, rank; /* A [rank][cols], B [rows][rank] */
  gguf_type a_type, b_type;
  f32 a_range, b_range; /* values lie in [-range, range] */
} lora_pair_desc;
static inline void lora_make_pair(gguf_make *g, isize layer, lora_pair_desc d, u64 *seed) {
  char name[64];
  snprintf(name, sizeof name, "blk.%d.%s.weight.lora_a", (int)layer, d.matrix);
  gguf_make_random(g, name, d.a_type, d.cols, d.rank, seed, d.a_range);
  snprintf(name, sizeof name, "blk.%d.%s.weight.lora_b", (int)layer, d.matrix);
  gguf_make_random(g, name, d.b_type, d.rank, d.rows, seed, d.b_range);
}
