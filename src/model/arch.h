/* What a model family is called and made of: one table per family (arch_llama.c), read by
 * shape.c (checks) and model.c (weights). Owns no data but constants.
 * A new family is a new table; code that would differ is refused by name until it is written. */
#pragma once
#include "gguf/gguf.h"

/* A dimension of a tensor, as a name for a number of model_shape. */
typedef enum : u8 {
  DIM_ONE = 0,
  DIM_MODEL,  /* d_model */
  DIM_HEADS,  /* n_heads * d_head */
  DIM_KV,     /* n_kv_heads * d_head */
  DIM_FF,     /* d_ff */
  DIM_VOCAB,  /* n_vocab */
  DIM_ROPE_2, /* d_rope / 2 */
} arch_dim;

typedef enum : u8 {
  TENSOR_EMBED = 0,
  TENSOR_OUTPUT_NORM,
  TENSOR_HEAD,
  TENSOR_ROPE_FACTORS,
  TENSOR_ATTN_NORM,
  TENSOR_Q,
  TENSOR_K,
  TENSOR_V,
  TENSOR_O,
  TENSOR_FFN_NORM,
  TENSOR_GATE,
  TENSOR_UP,
  TENSOR_DOWN,
  TENSOR_COUNT,
} arch_tensor;

typedef struct {
  const char *name;   /* "token_embd.weight", or what follows "blk.N." */
  arch_dim cols, rows; /* GGUF dims[0], dims[1]; rows DIM_ONE: a vector, kept as F32 */
  bool per_layer, optional;
} arch_tensor_spec;

/* A key that must be absent or have this value: what the recipe does not do. */
typedef struct {
  const char *key; /* after "<arch>." */
  enum : u8 { REFUSE_UNLESS_NUMBER, REFUSE_UNLESS_BOOL, REFUSE_UNLESS_TEXT } kind;
  f32 number; /* for BOOL 0 or 1 */
  const char *text;
} arch_refusal;

typedef struct {
  const char *name; /* general.architecture, also the prefix of its keys */
  arch_tensor_spec tensors[TENSOR_COUNT];
  const arch_refusal *refusals;
  isize n_refusals;
} arch_table;

extern const arch_table arch_llama;
const arch_table *arch_find(nf_bytes name); /* null: unknown */
