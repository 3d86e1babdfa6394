/* A LoRA adapter beside a base model, never merged into it: y = W x + (alpha / rank) B (A x).
 * Reads llama.cpp's adapter GGUF (convert_lora_to_gguf.py): general.type "adapter", adapter.type
 * "lora", adapter.lora.alpha, tensors blk.N.attn_q.weight.lora_a [rank][d_in] and .lora_b
 * [d_out][rank] of any of the seven matrices of a layer, each F32, F16 or Q8_0.
 *
 * Owns its matrices (in the caller's arena), not the file: its bytes may go after the open.
 * Does NOT compute (forward_cpu.c) and does NOT adapt the embedding, the head or norms.
 * Source: Hu et al. 2021, arXiv:2106.09685. */
#pragma once
#include "model/model.h"

constexpr isize ADAPTER_RANK_MAX = 64;
constexpr isize ADAPTER_STACK_MAX = 3 * ADAPTER_RANK_MAX; /* rows of the largest stack of As */

typedef enum : u8 {
  ADAPTER_Q,
  ADAPTER_K,
  ADAPTER_V,
  ADAPTER_O,
  ADAPTER_GATE,
  ADAPTER_UP,
  ADAPTER_DOWN,
  ADAPTER_PAIRS,
} adapter_pair_of;

/* The matrices that read one x have their As under each other. */
typedef enum : u8 {
  ADAPTER_X_QKV,
  ADAPTER_X_O,
  ADAPTER_X_GATE_UP,
  ADAPTER_X_DOWN,
  ADAPTER_STACKS,
} adapter_stack_of;

typedef struct {
  isize rank; /* 1..ADAPTER_RANK_MAX; 0: this matrix is not adapted */
  isize a_row; /* its first row in the stack */
  isize d_out;
  f32 scale; /* alpha / rank */
  u8 *b;     /* f16 [rank][d_out]: B transposed, so that columns of y are neighbours */
} adapter_pair;

typedef struct {
  k_weight a[ADAPTER_STACKS]; /* Q8_0, packed; rows: the ranks' sum rounded up to whole tiles */
  adapter_pair pairs[ADAPTER_PAIRS];
} adapter_layer;

/* Says which adapter keys and values in a cache come from: the SHA-256 of its file. All zero: none,
 * the base model alone. A plain value, so that it outlives the adapter. */
typedef struct {
  u8 digest[32];
} model_adapter_key;

typedef struct gpu_adapter gpu_adapter; /* gpu_internal.h */

struct model_adapter {
  isize n_layers, d_model, d_ff, rank_max;
  model_adapter_key key;
  adapter_layer *layers; /* [n_layers] */
  gpu_adapter *gpu; /* what model_gpu_adapter_open made of it; null: it serves the CPU */
};

/* The matrices' names: GGUF's, between "blk.N." and ".weight.lora_a"; Hugging Face's, behind
 * "layers.N."; and their widths in a model of that shape. */
typedef struct {
  const char *gguf, *hf;
  adapter_stack_of stack;
} adapter_part;
extern const adapter_part adapter_parts[ADAPTER_PAIRS];
isize adapter_d_in(const model_shape *shape, adapter_pair_of i);
isize adapter_d_out(const model_shape *shape, adapter_pair_of i);

/* null: the base model's. */
model_adapter_key model_adapter_key_of(const model_adapter *adapter);
bool model_adapter_key_equal(const model_adapter_key *a, const model_adapter_key *b);

/* Arena bytes model_adapter_open takes. Checks keys and every tensor's name, type and dims
 * against the base model's shape.
 * errors NF_BAD_INPUT   no adapter, made for another shape, a tensor without its partner or of
 *                       the wrong size; NF_UNSUPPORTED another kind of adapter, a rank over
 *                       ADAPTER_RANK_MAX, another type, a tensor that is not one of the seven */
[[nodiscard]] nf_status model_adapter_bytes(const gguf_file *file, const model_shape *shape,
                                            isize *bytes, nf_error *error);
/* bytes: the whole file, borrowed during the call. A becomes Q8_0 and B f16 whatever the file
 * has (relative rounding of a block's largest value: 0.4 %, of a value 0.05 %).
 * errors those of model_adapter_bytes; NF_BAD_INPUT a value that is not finite or over 64000;
 *        NF_NO_MEMORY the arena has less left. The arena is as before unless NF_OK */
[[nodiscard]] nf_status model_adapter_open(const gguf_file *file, nf_bytes bytes,
                                           const model_shape *shape, arena *a, model_adapter **out,
                                           nf_error *error);
