/* KV caches on the GPU: model.h's caches as buffers, their binds to the attention of each layer,
 * copies (snapshots) and moves (accepted branches). Copies and moves are recorded; the next pass
 * sends them, and says what came of it. Read next: forward_gpu.c. */
#include "gpu/orphans.h"
#include "model/gpu_internal.h"

constexpr isize F32 = (isize)sizeof(f32);

isize gpu_cache_bytes(const model *m) {
  return bytes_add(bytes_of_n(1, (isize)sizeof(gpu_cache) + MODEL_LINE),
                   bytes_of_n(m->shape.n_layers, (isize)sizeof(i32)));
}

static void attention_bind(const model *m, const model_cache *cache, isize i_layer) {
  const model_shape *shape = &m->shape;
  gpu_cache *c = cache->gpu;
  model_gpu *g = c->gpu;
  isize d_attn = shape->n_heads * shape->d_head;
  isize layer_values = 2 * shape->n_kv_heads * cache->n_slots * shape->d_head;
  const gpu_attention_desc desc = {
      .pass = g->pass,
      .records = g->records,
      .records_bytes = GPU_RECORDS * (i64)sizeof(gpu_row),
      .qkv = {g->qkv, 0, (i64)(MODEL_ROWS_MAX * g->d_qkv * F32)},
      .rope = {g->rope, 0, (i64)(g->ctx_tokens * shape->d_rope * F32)},
      .kv = {c->buffers[i_layer / c->layers_each], i_layer % c->layers_each * c->layer_bytes,
             (i64)(layer_values * F32)},
      .out = {g->attn, 0, (i64)(MODEL_ROWS_MAX * d_attn * F32)},
  };
  c->attention[i_layer] = gpu_attention_bind(g->kernels, &desc);
}

nf_status gpu_cache_open(const model *m, model_cache *cache, arena *a) {
  const model_shape *shape = &m->shape;
  gpu_cache *c = arena_alloc(a, 1, (isize)sizeof(gpu_cache), MODEL_LINE);
  i32 *attention = arena_alloc(a, shape->n_layers, (isize)sizeof(i32), alignof(i32));
  if (!c || !attention) return NF_NO_MEMORY;
  gpu_facts facts;
  gpu_facts_get(&facts);
  i64 plane_bytes = (i64)cache->n_slots * shape->d_head * F32;
  i64 layer_bytes = 2 * shape->n_kv_heads * plane_bytes;
  layer_bytes = (layer_bytes + GPU_ALIGN - 1) / GPU_ALIGN * GPU_ALIGN;
  i64 most = facts.buffer_bytes_max < facts.binding_bytes_max ? facts.buffer_bytes_max
                                                              : facts.binding_bytes_max;
  isize each = (isize)(most / layer_bytes);
  if (each < 1) return NF_NO_MEMORY;
  each = isize_min(each, shape->n_layers);
  isize n_buffers = (shape->n_layers + each - 1) / each;
  if (n_buffers > GPU_CACHE_BUFFERS) return NF_NO_MEMORY;
  *c = (gpu_cache){.gpu = m->gpu,
                   .layers_each = each,
                   .layer_bytes = layer_bytes,
                   .n_buffers = n_buffers,
                   .attention = attention};
  cache->gpu = c;
  for (isize i = 0; i < n_buffers; i++) {
    isize n_layers = isize_min(each, shape->n_layers - i * each);
    c->buffers[i] = gpu_buffer_make(n_layers * layer_bytes, GPU_STORAGE);
    const gpu_binding kv = {c->buffers[i], 0, n_layers * layer_bytes};
    c->move_binds[i] = gpu_move_bind(c->gpu->kernels, c->gpu->moves, kv);
  }
  for (isize i = 0; i < shape->n_layers; i++) attention_bind(m, cache, i);
  return NF_OK;
}

void gpu_recorded_send(model_gpu *g) {
  if (!g->recorded) return;
  gpu_orphans_poll();
  gpu_ticket_drop(gpu_submit(0, 0, 0));
  g->recorded = false;
  g->n_moves = 0;
}

void gpu_cache_close(model_cache *cache) {
  gpu_cache *c = cache->gpu;
  gpu_recorded_send(c->gpu); /* nothing recorded may need a buffer that goes */
  for (isize i = 0; i < cache->n_layers; i++) gpu_bind_free(c->attention[i]);
  for (isize i = 0; i < c->n_buffers; i++) {
    gpu_bind_free(c->move_binds[i]);
    gpu_buffer_free(c->buffers[i]);
  }
  cache->gpu = nullptr;
}

void gpu_cache_copy(model_cache *to, const model_cache *from, isize n_slots) {
  if (n_slots == 0) return;
  const gpu_cache *a = from->gpu, *b = to->gpu;
  i64 slot_bytes = (i64)to->d_head * F32;
  for (isize i = 0; i < to->n_layers; i++) {
    i32 source = a->buffers[i / a->layers_each], target = b->buffers[i / b->layers_each];
    i64 source_at = i % a->layers_each * a->layer_bytes;
    i64 target_at = i % b->layers_each * b->layer_bytes;
    for (isize plane = 0; plane < 2 * to->n_kv_heads; plane++) {
      gpu_copy(source, source_at + (i64)plane * from->n_slots * slot_bytes, target,
               target_at + (i64)plane * to->n_slots * slot_bytes, (i64)n_slots * slot_bytes);
    }
  }
  b->gpu->recorded = true;
}

void gpu_cache_move(const model_kv *from, isize pos, isize n) {
  const model_cache *cache = from->cache;
  const gpu_cache *c = cache->gpu;
  model_gpu *g = c->gpu;
  if (n == 0 || from->gap == 0) return;
  ASSERT(from->gap >= n || -from->gap >= n); /* one dispatch: the ranges must lie apart */
  if (g->n_moves == GPU_MOVES_MAX) gpu_recorded_send(g);
  const gpu_move move = {.from_slot = (u32)(pos + from->gap),
                         .to_slot = (u32)pos,
                         .n = (u32)n,
                         .n_slots = (u32)cache->n_slots,
                         .layer_floats = (u32)(c->layer_bytes / F32)};
  u32 at = (u32)(g->n_moves * GPU_ALIGN);
  gpu_buffer_write(g->moves, at, &move, (isize)sizeof move);
  for (isize i = 0; i < c->n_buffers; i++) {
    isize n_layers = isize_min(c->layers_each, cache->n_layers - i * c->layers_each);
    gpu_move_run(g->kernels, c->move_binds[i], at, (i32)n, (i32)n_layers);
  }
  g->n_moves++;
  g->recorded = true;
}
