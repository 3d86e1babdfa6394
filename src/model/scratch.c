/* Room for one pass, counted and taken by one list, so that the two cannot differ. */
#include "model/model_internal.h"

/* Take n objects from the arena, or only count them when there is none. */
typedef struct {
  arena *from; /* null: count */
  isize bytes;
  bool full;
} taker;

static void *take(taker *t, isize n, isize size) {
  t->bytes = bytes_add(t->bytes, bytes_of_n(n, size));
  if (!t->from) return nullptr;
  void *p = arena_alloc_raw(t->from, bytes_of_n(n, size), 1, MODEL_LINE);
  if (!p) t->full = true;
  return p;
}

static f32 *take_rows(taker *t, isize width) {
  return take(t, MODEL_ROWS_MAX * width, (isize)sizeof(f32));
}

static k_rows take_quantized(taker *t, isize width) {
  void *block = take(t, k_rows_bytes(MODEL_ROWS_MAX, width), 1);
  return block ? k_rows_place(block, MODEL_ROWS_MAX, width) : (k_rows){};
}

static void scratch_take(taker *t, const model_shape *shape, model_scratch *s) {
  isize d_attn = shape->n_heads * shape->d_head, d_kv = shape->n_kv_heads * shape->d_head;
  s->x = take_rows(t, shape->d_model);
  s->delta = take_rows(t, shape->d_model);
  s->norm = take_rows(t, shape->d_model);
  s->qkv = take_rows(t, d_attn + 2 * d_kv);
  s->attn = take_rows(t, d_attn);
  s->ff = take_rows(t, 2 * shape->d_ff);
  s->cos_sin = take_rows(t, shape->d_rope);
  s->rows_model = take_quantized(t, shape->d_model);
  s->rows_attn = take_quantized(t, d_attn);
  s->rows_ff = take_quantized(t, shape->d_ff);
  s->scores_stride =
      round_up(k_attention_floats(shape->d_head, s->ctx_tokens), MODEL_LINE / (isize)sizeof(f32));
  s->scores = take(t, s->n_threads, s->scores_stride * (isize)sizeof(f32));
  s->head = take_rows(t, s->n_threads * MODEL_HEAD_TILES * K_TILE_ROWS);
  s->best = take(t, s->n_threads * MODEL_ROWS_MAX, (isize)sizeof(model_best));
}

isize model_scratch_bytes(const model_shape *shape, isize ctx_tokens, isize n_threads) {
  model_scratch counted = {.ctx_tokens = ctx_tokens, .n_threads = n_threads};
  taker t = {};
  scratch_take(&t, shape, &counted);
  return bytes_add(t.bytes, bytes_of_n(1, (isize)sizeof(model_scratch) + MODEL_LINE));
}

nf_status model_scratch_open(const model_shape *shape, isize ctx_tokens, isize n_threads, arena *a,
                             model_scratch **out) {
  ASSERT(ctx_tokens >= 1 && n_threads >= 1);
  arena start = *a;
  model_scratch *s = arena_alloc(a, 1, (isize)sizeof(model_scratch), MODEL_LINE);
  taker t = {.from = a, .full = !s};
  if (s) {
    s->ctx_tokens = ctx_tokens;
    s->n_threads = n_threads;
    scratch_take(&t, shape, s);
  }
  if (t.full) {
    *a = start;
    return NF_NO_MEMORY;
  }
  *out = s;
  return NF_OK;
}
