/* See adapter.h. Every number of the file is checked before it becomes a size; the same walk
 * counts the memory and takes it. */
#include "model/adapter.h"

#include "base/sha256.h"
#include "base/text_out.h"
#include "gguf/quant.h"
#include "model/model_internal.h"

constexpr f32 value_max = 64000; /* 128/127 of it is an f16 too: gpu_lora_write */

const adapter_part adapter_parts[ADAPTER_PAIRS] = {
    [ADAPTER_Q] = {"attn_q", "self_attn.q_proj", ADAPTER_X_QKV},
    [ADAPTER_K] = {"attn_k", "self_attn.k_proj", ADAPTER_X_QKV},
    [ADAPTER_V] = {"attn_v", "self_attn.v_proj", ADAPTER_X_QKV},
    [ADAPTER_O] = {"attn_output", "self_attn.o_proj", ADAPTER_X_O},
    [ADAPTER_GATE] = {"ffn_gate", "mlp.gate_proj", ADAPTER_X_GATE_UP},
    [ADAPTER_UP] = {"ffn_up", "mlp.up_proj", ADAPTER_X_GATE_UP},
    [ADAPTER_DOWN] = {"ffn_down", "mlp.down_proj", ADAPTER_X_DOWN},
};

typedef struct {
  const gguf_file *file;
  const model_shape *shape;
  nf_error *error;
  f32 alpha;
  isize n_tensors; /* tensors that belong to a pair, so far */
} reader;

static isize stack_d_in(const model_shape *s, adapter_stack_of stack) {
  switch (stack) {
    case ADAPTER_X_O: return s->n_heads * s->d_head;
    case ADAPTER_X_DOWN: return s->d_ff;
    default: return s->d_model;
  }
}

isize adapter_d_in(const model_shape *shape, adapter_pair_of i) {
  return stack_d_in(shape, adapter_parts[i].stack);
}

isize adapter_d_out(const model_shape *shape, adapter_pair_of i) {
  switch (i) {
    case ADAPTER_Q: return shape->n_heads * shape->d_head;
    case ADAPTER_K:
    case ADAPTER_V: return shape->n_kv_heads * shape->d_head;
    case ADAPTER_GATE:
    case ADAPTER_UP: return shape->d_ff;
    default: return shape->d_model;
  }
}

model_adapter_key model_adapter_key_of(const model_adapter *adapter) {
  return adapter ? adapter->key : (model_adapter_key){};
}

bool model_adapter_key_equal(const model_adapter_key *a, const model_adapter_key *b) {
  constexpr isize n = (isize)sizeof a->digest;
  return bytes_equal(bytes_of(a->digest, n), bytes_of(b->digest, n));
}

static const gguf_tensor *half_find(const gguf_file *file, isize i_layer, adapter_pair_of i,
                                    char half) {
  char name[64];
  text_out o = {.at = name, .cap = (isize)sizeof name - 1};
  out_str(&o, "blk.");
  out_i64(&o, i_layer);
  out_str(&o, ".");
  out_str(&o, adapter_parts[i].gguf);
  out_str(&o, half == 'a' ? ".weight.lora_a" : ".weight.lora_b");
  name[o.len] = 0;
  return gguf_tensor_find(file, name);
}

static nf_status half_check(const reader *r, const gguf_tensor *t, isize cols, isize rows) {
  if (t->type != GGUF_F32 && t->type != GGUF_F16 && t->type != GGUF_Q8_0) {
    return error_set(r->error, NF_UNSUPPORTED, E_STR("adapter tensor "), E_FOREIGN(t->name),
                     E_STR(" is "), E_STR(gguf_type_name(t->type)),
                     E_STR("; F32, F16 or Q8_0 expected"));
  }
  if (t->dims[0] == cols && t->dims[1] == rows && t->dims[2] == 1 && t->dims[3] == 1) return NF_OK;
  return error_set(r->error, NF_BAD_INPUT, E_STR("adapter tensor "), E_FOREIGN(t->name),
                   E_STR(": made for another base model; expected columns "), E_INT(cols),
                   E_STR(", rows "), E_INT(rows));
}

/* Pair i of a layer, without its matrices; rank 0 when the file has neither half. */
static nf_status pair_read(reader *r, isize i_layer, adapter_pair_of i, adapter_pair *pair) {
  const gguf_tensor *a = half_find(r->file, i_layer, i, 'a');
  const gguf_tensor *b = half_find(r->file, i_layer, i, 'b');
  *pair = (adapter_pair){.d_out = adapter_d_out(r->shape, i)};
  if (!a && !b) return NF_OK;
  if (!a || !b) {
    return error_set(r->error, NF_BAD_INPUT, E_STR("adapter tensor "),
                     E_FOREIGN(a ? a->name : b->name), E_STR(" lacks its partner"),
                     E_STR(a ? " lora_b" : " lora_a"));
  }
  if (a->dims[1] > ADAPTER_RANK_MAX) {
    return error_set(r->error, NF_UNSUPPORTED, E_STR("adapter tensor "), E_FOREIGN(a->name),
                     E_STR(" has rank "), E_INT(a->dims[1]), E_STR("; this build runs 1 to "),
                     E_INT(ADAPTER_RANK_MAX));
  }
  pair->rank = a->dims[1];
  pair->scale = r->alpha == 0 ? 1 : r->alpha / (f32)pair->rank; /* 0: llama.cpp's "no alpha" */
  r->n_tensors += 2;
  nf_status status = half_check(r, a, adapter_d_in(r->shape, i), pair->rank);
  return status ? status : half_check(r, b, pair->rank, pair->d_out);
}

/* Ranks, rows and the stacks' shapes of one layer; no memory yet. */
static nf_status layer_read(reader *r, isize i_layer, adapter_layer *layer) {
  *layer = (adapter_layer){};
  for (i32 i = 0; i < ADAPTER_PAIRS; i++) {
    adapter_pair *pair = &layer->pairs[i];
    nf_status status = pair_read(r, i_layer, (adapter_pair_of)i, pair);
    if (status) return status;
    k_weight *w = &layer->a[adapter_parts[i].stack];
    pair->a_row = w->rows;
    w->rows += pair->rank;
  }
  for (i32 i = 0; i < ADAPTER_STACKS; i++) {
    k_weight *w = &layer->a[i];
    w->type = GGUF_Q8_0;
    w->cols = stack_d_in(r->shape, (adapter_stack_of)i);
    w->live = w->rows;
    w->rows = round_up(w->rows, K_TILE_ROWS);
  }
  return NF_OK;
}

static nf_status keys_read(reader *r) {
  nf_bytes text;
  if (!gguf_string(r->file, "general.type", &text) ||
      !bytes_equal(text, bytes_from_str("adapter"))) {
    return error_set(r->error, NF_BAD_INPUT,
                     E_STR("not an adapter: general.type \"adapter\" expected"));
  }
  if (!gguf_string(r->file, "adapter.type", &text) || !bytes_equal(text, bytes_from_str("lora"))) {
    return error_set(r->error, NF_UNSUPPORTED, E_STR("adapter.type is not \"lora\""));
  }
  if (!gguf_string(r->file, "general.architecture", &text) ||
      !bytes_equal(text, bytes_from_str("llama"))) {
    return error_set(r->error, NF_UNSUPPORTED,
                     E_STR("adapter of another architecture; \"llama\" expected"));
  }
  if (!gguf_float(r->file, "adapter.lora.alpha", &r->alpha) ||
      !(r->alpha >= 0 && r->alpha <= 65536)) {
    return error_set(r->error, NF_BAD_INPUT,
                     E_STR("adapter.lora.alpha is missing or not a number from 0 to 65536"));
  }
  return NF_OK;
}

/* A tensor that is no pair's would be left out silently. */
static nf_status rest_check(const reader *r) {
  if (r->n_tensors == 0) return error_set(r->error, NF_BAD_INPUT, E_STR("adapter has no tensors"));
  if (r->n_tensors == r->file->n_tensors) return NF_OK;
  return error_set(r->error, NF_UNSUPPORTED, E_STR("adapter has "),
                   E_INT(r->file->n_tensors - r->n_tensors),
                   E_STR(" tensors that are no lora pair of the base model's layers 0 to "),
                   E_INT(r->shape->n_layers - 1));
}

nf_status model_adapter_bytes(const gguf_file *file, const model_shape *shape, isize *bytes,
                              nf_error *error) {
  reader r = {.file = file, .shape = shape, .error = error};
  nf_status status = keys_read(&r);
  if (status) return status;
  isize sum = bytes_of_n(1, (isize)sizeof(model_adapter) + MODEL_LINE), scratch = 0;
  sum = bytes_add(sum, bytes_of_n(shape->n_layers, (isize)sizeof(adapter_layer)));
  for (isize i_layer = 0; i_layer < shape->n_layers; i_layer++) {
    adapter_layer layer;
    if ((status = layer_read(&r, i_layer, &layer))) return status;
    for (i32 i = 0; i < ADAPTER_STACKS; i++) {
      const k_weight *w = &layer.a[i];
      sum = bytes_add(sum, bytes_of_n(w->rows, quant_row_bytes(w->type, w->cols)));
      scratch = isize_max(scratch, k_pack_scratch_bytes(w));
    }
    for (i32 i = 0; i < ADAPTER_PAIRS; i++) {
      const adapter_pair *pair = &layer.pairs[i];
      sum = bytes_add(sum, bytes_of_n(pair->rank * pair->d_out, (isize)sizeof(u16)));
    }
  }
  if ((status = rest_check(&r))) return status;
  *bytes = bytes_add(sum, bytes_of_n(scratch, 1));
  return NF_OK;
}

static nf_status values_check(const reader *r, const gguf_tensor *t, const f32 *x, isize n) {
  for (isize i = 0; i < n; i++) {
    if (x[i] >= -value_max && x[i] <= value_max) continue;
    return error_set(r->error, NF_BAD_INPUT, E_STR("adapter tensor "), E_FOREIGN(t->name),
                     E_STR(" has a value that is not a number from -64000 to 64000"));
  }
  return NF_OK;
}

/* A's rows into the stack, a block at a time. */
static nf_status a_fill(const reader *r, nf_bytes file, const gguf_tensor *t, u8 *to) {
  isize row_bytes = quant_row_bytes(t->type, t->dims[0]);
  for (isize row = 0; row < t->dims[1]; row++) {
    const u8 *from = file.at + t->offset + row * row_bytes;
    for (isize col = 0; col < t->dims[0]; col += 32, to += quant_row_bytes(GGUF_Q8_0, 32)) {
      f32 block[32];
      quant_decode_row(t->type, from + quant_row_bytes(t->type, col), block, 32);
      nf_status status = values_check(r, t, block, 32);
      if (status) return status;
      status = quant_encode_row(GGUF_Q8_0, block, to, 32);
      ASSERT(status == NF_OK);
    }
  }
  return NF_OK;
}

static nf_status b_fill(const reader *r, nf_bytes file, const gguf_tensor *t, u8 *to) {
  isize rank = t->dims[0], d_out = t->dims[1], row_bytes = quant_row_bytes(t->type, rank);
  for (isize row = 0; row < d_out; row++) {
    f32 values[ADAPTER_RANK_MAX];
    quant_decode_row(t->type, file.at + t->offset + row * row_bytes, values, rank);
    nf_status status = values_check(r, t, values, rank);
    if (status) return status;
    for (isize j = 0; j < rank; j++) {
      u16 half = f16_from_f32(values[j]);
      bytes_copy(to + (j * d_out + row) * (isize)sizeof half, &half, (isize)sizeof half);
    }
  }
  return NF_OK;
}

static nf_status layer_fill(reader *r, nf_bytes file, isize i_layer, adapter_layer *layer,
                            arena *a) {
  nf_status status = layer_read(r, i_layer, layer);
  if (status) return status;
  u8 *stacks[ADAPTER_STACKS];
  for (i32 i = 0; i < ADAPTER_STACKS; i++) {
    k_weight *w = &layer->a[i]; /* zeroed: the rows that fill the last tile stay so */
    stacks[i] = arena_alloc(a, w->rows, quant_row_bytes(w->type, w->cols), MODEL_LINE);
    if (!stacks[i]) return NF_NO_MEMORY;
    w->at = stacks[i];
  }
  for (i32 i = 0; i < ADAPTER_PAIRS; i++) {
    adapter_pair *pair = &layer->pairs[i];
    if (pair->rank == 0) continue;
    pair->b = arena_alloc_raw(a, pair->rank * pair->d_out, (isize)sizeof(u16), MODEL_LINE);
    if (!pair->b) return NF_NO_MEMORY;
    const k_weight *w = &layer->a[adapter_parts[i].stack];
    u8 *to = stacks[adapter_parts[i].stack] + pair->a_row * quant_row_bytes(w->type, w->cols);
    const gguf_tensor *half = half_find(r->file, i_layer, (adapter_pair_of)i, 'a');
    if ((status = a_fill(r, file, half, to))) return status;
    half = half_find(r->file, i_layer, (adapter_pair_of)i, 'b');
    if ((status = b_fill(r, file, half, pair->b))) return status;
  }
  for (i32 i = 0; i < ADAPTER_STACKS; i++) {
    arena rest = *a; /* the scratch is given back */
    u8 *scratch = arena_alloc_raw(&rest, k_pack_scratch_bytes(&layer->a[i]), 1, MODEL_LINE);
    if (!scratch) return NF_NO_MEMORY;
    k_weight_pack(&layer->a[i], stacks[i], scratch);
  }
  return NF_OK;
}

nf_status model_adapter_open(const gguf_file *file, nf_bytes bytes, const model_shape *shape,
                             arena *a, model_adapter **out, nf_error *error) {
  ASSERT((u64)bytes.len == file->file_bytes);
  isize need = 0;
  nf_status status = model_adapter_bytes(file, shape, &need, error);
  if (status) return status;
  reader r = {.file = file, .shape = shape, .error = error};
  if ((status = keys_read(&r))) return status;
  arena start = *a;
  model_adapter *adapter = arena_alloc(a, 1, (isize)sizeof(model_adapter), MODEL_LINE);
  adapter_layer *layers = arena_alloc(a, shape->n_layers, (isize)sizeof(adapter_layer), MODEL_LINE);
  if (!adapter || !layers) status = NF_NO_MEMORY;
  for (isize i = 0; i < shape->n_layers && !status; i++) {
    status = layer_fill(&r, bytes, i, &layers[i], a);
  }
  if (status) {
    *a = start;
    if (status != NF_NO_MEMORY) return status;
    return error_set(error, status, E_STR("no room for the adapter: "), E_INT(need),
                     E_STR(" bytes"));
  }
  *adapter = (model_adapter){.n_layers = shape->n_layers,
                             .d_model = shape->d_model,
                             .d_ff = shape->d_ff,
                             .layers = layers};
  for (isize i = 0; i < shape->n_layers * ADAPTER_PAIRS; i++) {
    isize rank = layers[i / ADAPTER_PAIRS].pairs[i % ADAPTER_PAIRS].rank;
    adapter->rank_max = isize_max(adapter->rank_max, rank);
  }
  nf_sha256 hash;
  sha256_begin(&hash);
  sha256_add(&hash, bytes);
  sha256_end(&hash, adapter->key.digest);
  *out = adapter;
  return NF_OK;
}
