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

static k_rows take_quantized(taker *t, isize n_rows, isize width) {
  void *block = take(t, k_rows_bytes(n_rows, width), 1);
  return block ? k_rows_place(block, n_rows, width) : (k_rows){};
}

static model_rows take_set(taker *t, const model_shape *shape, isize n_rows) {
  constexpr isize size = (isize)sizeof(f32);
  return (model_rows){
      .x = take(t, n_rows * shape->d_model, size),
      .norm = take(t, n_rows * shape->d_model, size),
      .cos_sin = take(t, n_rows * shape->d_rope, size),
      .model = take_quantized(t, n_rows, shape->d_model),
      .attn = take_quantized(t, n_rows, shape->n_heads * shape->d_head),
      .ff = take_quantized(t, n_rows, shape->d_ff),
  };
}

static void scratch_take(taker *t, const model_shape *shape, model_scratch *s) {
  isize d_attn = shape->n_heads * shape->d_head, d_kv = shape->n_kv_heads * shape->d_head;
  s->delta = take_rows(t, shape->d_model);
  s->qkv = take_rows(t, d_attn + 2 * d_kv);
  s->attn = take_rows(t, d_attn);
  s->ff = take_rows(t, 2 * shape->d_ff);
  s->shared = take_set(t, shape, MODEL_ROWS_MAX);
  s->own = take(t, s->n_threads, (isize)sizeof(model_rows));
  for (isize i = 0; i < s->n_threads; i++) {
    model_rows own = take_set(t, shape, MODEL_OWN_ROWS);
    if (s->own) s->own[i] = own;
  }
  s->scores_stride =
      round_up(k_attention_floats(shape->d_head, s->n_keys_max), MODEL_LINE / (isize)sizeof(f32));
  s->scores = take(t, s->n_threads, s->scores_stride * (isize)sizeof(f32));
  s->head = take_rows(t, s->n_threads * MODEL_HEAD_COLS);
  s->best = take(t, s->n_threads * MODEL_ROWS_MAX, (isize)sizeof(model_best));
  s->drawn = take(t, s->n_threads * MODEL_ROWS_MAX, (isize)sizeof(model_best));
  s->chosen = take_rows(t, s->n_threads);
  s->lora = take_rows(t, s->n_threads * ADAPTER_STACK_MAX);
  s->asked = take_rows(t, 1);
  s->sums =
      take(t, model_head_chunks(shape->n_vocab) * MODEL_ROWS_MAX, (isize)sizeof(model_exp_sum));
}

isize model_scratch_bytes(const model *m, isize n_keys_max, isize n_threads) {
  if (m->gpu) {
    return bytes_add(bytes_of_n(1, (isize)sizeof(model_scratch) + MODEL_LINE),
                     bytes_of_n(gpu_pass_state_bytes(), 1));
  }
  model_scratch counted = {.n_keys_max = n_keys_max, .n_threads = n_threads};
  taker t = {};
  scratch_take(&t, &m->shape, &counted);
  return bytes_add(t.bytes, bytes_of_n(1, (isize)sizeof(model_scratch) + MODEL_LINE));
}

nf_status model_scratch_open(const model *m, isize n_keys_max, isize n_threads, arena *a,
                             model_scratch **out) {
  ASSERT(n_keys_max >= 1 && n_threads >= 1);
  arena start = *a;
  model_scratch *s = arena_alloc(a, 1, (isize)sizeof(model_scratch), MODEL_LINE);
  taker t = {.from = a, .full = !s};
  if (s) {
    s->n_keys_max = n_keys_max;
    s->n_threads = n_threads;
    s->piece_products = MODEL_PIECE_PRODUCTS;
    if (m->gpu) {
      s->gpu = take(&t, gpu_pass_state_bytes(), 1);
      if (s->gpu) bytes_zero(s->gpu, gpu_pass_state_bytes());
    } else {
      scratch_take(&t, &m->shape, s);
    }
  }
  if (t.full) {
    *a = start;
    return NF_NO_MEMORY;
  }
  *out = s;
  return NF_OK;
}

void model_scratch_close(model_scratch *scratch) { ASSERT(scratch->plan.pass == nullptr); }
