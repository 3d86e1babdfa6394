/* The KV cache's memory: counted, taken, copied. forward_cpu.c reads and writes the rows. */
#include "model/model_internal.h"

static isize values_of(const model_shape *shape, isize ctx_tokens) {
  isize n = 2 * shape->n_layers;
  if (__builtin_mul_overflow(n, shape->n_kv_heads * shape->d_head, &n)) return ISIZE_MAX;
  return __builtin_mul_overflow(n, ctx_tokens, &n) ? ISIZE_MAX : n;
}

isize model_kv_bytes(const model_shape *shape, isize ctx_tokens) {
  return bytes_add(bytes_of_n(1, (isize)sizeof(model_kv) + MODEL_LINE),
                   bytes_of_n(values_of(shape, ctx_tokens), (isize)sizeof(f32)));
}

nf_status model_kv_open(const model_shape *shape, isize ctx_tokens, arena *a, model_kv **out) {
  ASSERT(ctx_tokens >= 1);
  arena start = *a;
  model_kv *kv = arena_alloc(a, 1, (isize)sizeof(model_kv), MODEL_LINE);
  f32 *at = arena_alloc_raw(a, values_of(shape, ctx_tokens), (isize)sizeof(f32), MODEL_LINE);
  if (!kv || !at) {
    *a = start;
    return NF_NO_MEMORY;
  }
  *kv = (model_kv){.n_layers = shape->n_layers,
                   .n_kv_heads = shape->n_kv_heads,
                   .d_head = shape->d_head,
                   .ctx_tokens = ctx_tokens,
                   .at = at};
  *out = kv;
  return NF_OK;
}

void model_kv_copy(model_kv *to, const model_kv *from, isize n_tokens) {
  ASSERT(to->n_layers == from->n_layers && to->n_kv_heads == from->n_kv_heads &&
         to->d_head == from->d_head);
  ASSERT(0 <= n_tokens && n_tokens <= to->ctx_tokens && n_tokens <= from->ctx_tokens);
  isize n_planes = 2 * to->n_layers * to->n_kv_heads;
  for (isize i = 0; i < n_planes; i++) {
    bytes_copy(to->at + i * to->ctx_tokens * to->d_head,
               from->at + i * from->ctx_tokens * from->d_head,
               n_tokens * to->d_head * (isize)sizeof(f32));
  }
}
