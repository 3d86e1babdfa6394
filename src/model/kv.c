/* The KV cache's memory: counted, taken, copied, moved. forward_cpu.c reads and writes the rows;
 * on the GPU cache_gpu.c does all of it. */
#include "model/model_internal.h"

static isize values_of(const model_shape *shape, isize n_slots) {
  isize n = 2 * shape->n_layers;
  if (__builtin_mul_overflow(n, shape->n_kv_heads * shape->d_head, &n)) return ISIZE_MAX;
  return __builtin_mul_overflow(n, n_slots, &n) ? ISIZE_MAX : n;
}

isize model_cache_bytes(const model *m, isize n_slots) {
  if (m->gpu) return bytes_add(bytes_of_n(1, (isize)sizeof(model_cache)), gpu_cache_bytes(m));
  return bytes_add(bytes_of_n(1, (isize)sizeof(model_cache) + MODEL_LINE),
                   bytes_of_n(values_of(&m->shape, n_slots), (isize)sizeof(f32)));
}

nf_status model_cache_open(const model *m, isize n_slots, arena *a, model_cache **out) {
  ASSERT(n_slots >= 1);
  const model_shape *shape = &m->shape;
  arena start = *a;
  model_cache *cache = arena_alloc(a, 1, (isize)sizeof(model_cache), MODEL_LINE);
  isize n_values = m->gpu ? 0 : values_of(shape, n_slots);
  f32 *at = arena_alloc_raw(a, n_values, (isize)sizeof(f32), MODEL_LINE);
  nf_status status = cache && at ? NF_OK : NF_NO_MEMORY;
  if (status == NF_OK) {
    *cache = (model_cache){.n_layers = shape->n_layers,
                           .n_kv_heads = shape->n_kv_heads,
                           .d_head = shape->d_head,
                           .n_slots = n_slots,
                           .at = at};
    if (m->gpu) status = gpu_cache_open(m, cache, a);
  }
  if (status != NF_OK) {
    *a = start;
    return status;
  }
  *out = cache;
  return NF_OK;
}

void model_cache_copy(model_cache *to, const model_cache *from, isize n_tokens) {
  ASSERT(to->n_layers == from->n_layers && to->n_kv_heads == from->n_kv_heads &&
         to->d_head == from->d_head);
  ASSERT(0 <= n_tokens && n_tokens <= to->n_slots && n_tokens <= from->n_slots);
  if (to->gpu) {
    gpu_cache_copy(to, from, n_tokens);
    return;
  }
  isize n_planes = 2 * to->n_layers * to->n_kv_heads;
  for (isize i = 0; i < n_planes; i++) {
    bytes_copy(to->at + i * to->n_slots * to->d_head, from->at + i * from->n_slots * from->d_head,
               n_tokens * to->d_head * (isize)sizeof(f32));
  }
}

isize model_cache_values_bytes(const model_cache *cache, isize n_slots) {
  if (cache->gpu) return 0;
  isize n_planes = 2 * cache->n_layers * cache->n_kv_heads;
  return n_planes * n_slots * cache->d_head * (isize)sizeof(f32);
}

void model_cache_values_get(const model_cache *cache, isize n_slots, u8 *to) {
  ASSERT(!cache->gpu && 0 <= n_slots && n_slots <= cache->n_slots);
  isize n_planes = 2 * cache->n_layers * cache->n_kv_heads;
  isize plane_bytes = n_slots * cache->d_head * (isize)sizeof(f32);
  for (isize i = 0; i < n_planes; i++) {
    bytes_copy(to + i * plane_bytes, cache->at + i * cache->n_slots * cache->d_head, plane_bytes);
  }
}

void model_cache_values_set(model_cache *cache, isize n_slots, const u8 *from) {
  ASSERT(!cache->gpu && 0 <= n_slots && n_slots <= cache->n_slots);
  isize n_planes = 2 * cache->n_layers * cache->n_kv_heads;
  isize plane_bytes = n_slots * cache->d_head * (isize)sizeof(f32);
  for (isize i = 0; i < n_planes; i++) {
    bytes_copy(cache->at + i * cache->n_slots * cache->d_head, from + i * plane_bytes, plane_bytes);
  }
}

isize model_cache_slots(const model_cache *cache) { return cache->n_slots; }

void model_cache_move(model_kv from, isize pos, isize n) {
  model_cache *cache = from.cache;
  ASSERT(pos >= from.n_shared && n >= 0 && pos + n <= cache->n_slots);
  ASSERT(pos + from.gap >= 0 && pos + from.gap + n <= cache->n_slots);
  if (cache->gpu) {
    gpu_cache_move(&from, pos, n);
    return;
  }
  isize n_planes = 2 * cache->n_layers * cache->n_kv_heads, d = cache->d_head;
  for (isize i = 0; i < n_planes; i++) {
    f32 *plane = cache->at + i * cache->n_slots * d;
    bytes_move(plane + pos * d, plane + (pos + from.gap) * d, n * d * (isize)sizeof(f32));
  }
}

void model_cache_close(model_cache *cache) {
  cache->at = nullptr;
  if (cache->gpu) gpu_cache_close(cache);
}
