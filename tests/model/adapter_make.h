/* A small LoRA adapter with random values for tiny_llama of the same widths, as a GGUF file; and
 * the dense base it must be equal to: W + (alpha / rank) B A in F32 (alpha 0: W + B A). Asserts
 * instead of reporting. */
#pragma once
#include "gguf/lora_make.h"
#include "gguf/tiny_llama.h"

constexpr isize MAKE_D = 64, MAKE_FF = 128, MAKE_KV = 32, MAKE_LAYERS = 2;

static const struct {
  const char *name;
  isize cols, rows;
} make_matrices[] = {{"attn_q", MAKE_D, MAKE_D},    {"attn_k", MAKE_D, MAKE_KV},
                     {"attn_v", MAKE_D, MAKE_KV},   {"attn_output", MAKE_D, MAKE_D},
                     {"ffn_gate", MAKE_D, MAKE_FF}, {"ffn_up", MAKE_D, MAKE_FF},
                     {"ffn_down", MAKE_FF, MAKE_D}};

/* Pairs of rank `rank` for the matrices whose bit is set in `which`. */
static inline void adapter_make(gguf_make *g, isize rank, f32 alpha, gguf_type a_type,
                                gguf_type b_type, u32 which) {
  u64 seed = 99;
  lora_make_keys(g, alpha);
  for (isize layer = 0; layer < MAKE_LAYERS; layer++) {
    for (isize i = 0; i < 7; i++) {
      if (!(which >> i & 1)) continue;
      lora_make_pair(g, layer,
                     (lora_pair_desc){.matrix = make_matrices[i].name,
                                      .cols = make_matrices[i].cols,
                                      .rows = make_matrices[i].rows,
                                      .rank = rank,
                                      .a_type = a_type,
                                      .b_type = b_type,
                                      .a_range = 0.1f,
                                      .b_range = 0.1f},
                     &seed);
    }
  }
}

static inline f32 *adapter_make_decoded(const gguf_file *file, const u8 *at, const char *name) {
  const gguf_tensor *t = gguf_tensor_find(file, name);
  if (!t) return nullptr;
  f32 *values = calloc((size_t)(t->dims[0] * t->dims[1]), sizeof(f32));
  assert(values);
  for (isize r = 0; r < t->dims[1]; r++) {
    quant_decode_row(t->type, at + t->offset + r * quant_row_bytes(t->type, t->dims[0]),
                     values + r * t->dims[0], t->dims[0]);
  }
  return values;
}

/* W += (alpha / rank) B A in `base`, a file whose layers' matrices are F32. */
static inline void adapter_make_merge(const gguf_file *base, u8 *base_at, const gguf_file *lora,
                                      const u8 *lora_at, isize rank, f32 alpha) {
  char name[80];
  for (isize layer = 0; layer < MAKE_LAYERS; layer++) {
    for (isize i = 0; i < 7; i++) {
      int n = snprintf(name, sizeof name, "blk.%d.%s.weight", (int)layer, make_matrices[i].name);
      const gguf_tensor *w = gguf_tensor_find(base, name);
      assert(w && w->type == GGUF_F32);
      f32 *to = (f32 *)(void *)(base_at + w->offset);
      snprintf(name + n, sizeof name - (size_t)n, ".lora_a");
      f32 *a = adapter_make_decoded(lora, lora_at, name);
      snprintf(name + n, sizeof name - (size_t)n, ".lora_b");
      f32 *b = adapter_make_decoded(lora, lora_at, name);
      for (isize r = 0; a && r < w->dims[1]; r++) {
        for (isize c = 0; c < w->dims[0]; c++) {
          f64 sum = 0;
          for (isize j = 0; j < rank; j++) {
            sum += (f64)b[r * rank + j] * (f64)a[j * w->dims[0] + c];
          }
          to[r * w->dims[0] + c] += (f32)(sum * (alpha == 0 ? 1 : (f64)alpha / (f64)rank));
        }
      }
      free(a);
      free(b);
    }
  }
}
