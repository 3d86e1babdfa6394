/* A low-rank adapter on the GPU: its As as F32 matrices, pair below pair, its Bs as f16 rows in the
 * order of the product's rows, and the binds that add them. Numbers are those the CPU has (A after
 * its rounding to Q8_0). Read next: adapter.h, gpu/kernels.h (gpu_lora). */
#include "base/text_out.h"
#include "model/gpu_internal.h"

constexpr isize F32 = (isize)sizeof(f32), F16 = (isize)sizeof(u16);

/* The pairs of a stack, and the product its As are. */
static const struct {
  isize first, n;
  gpu_op op;
} stacks[ADAPTER_STACKS] = {
    [ADAPTER_X_QKV] = {ADAPTER_Q, 3, GPU_NORM_STORE},
    [ADAPTER_X_O] = {ADAPTER_O, 1, GPU_STORE_ATTN},
    [ADAPTER_X_GATE_UP] = {ADAPTER_GATE, 2, GPU_NORM_STORE},
    [ADAPTER_X_DOWN] = {ADAPTER_DOWN, 1, GPU_STORE_FF},
};

/* One row of an A as f32, or of a B for all rows of a product. */
static isize row_bytes_max(const model *m) {
  const model_shape *shape = &m->shape;
  isize d_attn = shape->n_heads * shape->d_head;
  isize cols = isize_max(isize_max(shape->d_model, shape->d_ff), d_attn);
  return isize_max(cols * F32, isize_max(m->gpu->d_qkv, 2 * shape->d_ff) * F16);
}

isize model_gpu_adapter_bytes(const model *m_) {
  if (!m_->gpu) return 0;
  isize n = bytes_of_n(1, (isize)sizeof(gpu_adapter) + MODEL_LINE);
  n = bytes_add(n, bytes_of_n(m_->shape.n_layers, (isize)sizeof(gpu_adapter_layer)));
  return bytes_add(n, bytes_of_n(row_bytes_max(m_), 1));
}

/* What the stacks of a layer come to: rank that all pairs of one are padded to, rows of its A. */
static isize stack_rank(const adapter_layer *layer, isize i_stack) {
  isize rank = 0;
  for (isize i = 0; i < stacks[i_stack].n; i++) {
    rank = isize_max(rank, layer->pairs[stacks[i_stack].first + i].rank);
  }
  return rank;
}
static isize stack_rows(const adapter_layer *layer, isize i_stack) {
  return round_up(stacks[i_stack].n * stack_rank(layer, i_stack), 4);
}

typedef struct {
  const model *m;
  const model_adapter *adapter;
  gpu_adapter *out;
  void *row; /* row_bytes_max */
  nf_error *error;
} upload;

/* A as it lies on the GPU: F32 rows, pairs padded with rows of zeros (a new buffer has nothing
 * else). */
static nf_status a_upload(upload *u, isize i_layer, isize i_stack) {
  const adapter_layer *layer = &u->adapter->layers[i_layer];
  const k_weight *a = &layer->a[i_stack];
  gpu_weight *w = &u->out->layers[i_layer].a[i_stack];
  isize rank = stack_rank(layer, i_stack), row_bytes = a->cols * F32;
  nf_status status = gpu_weight_make(GPU_F32, stack_rows(layer, i_stack), a->cols, w, u->error);
  if (status != NF_OK) return status;
  for (isize i = 0; i < stacks[i_stack].n; i++) {
    const adapter_pair *pair = &layer->pairs[stacks[i_stack].first + i];
    for (isize j = 0; j < pair->rank; j++) {
      isize row = i * rank + j;
      k_weight_row(a, pair->a_row + j, u->row);
      gpu_buffer_write(w->buffers[row / w->rows_slice], row % w->rows_slice * row_bytes, u->row,
                       row_bytes);
    }
  }
  return NF_OK;
}

/* Row j of all Bs of a product, in the order of its rows. */
static void b_row(upload *u, const adapter_layer *layer, isize i_stack, isize j, isize n_rows) {
  u16 *row = u->row;
  bytes_zero(row, n_rows * F16);
  isize n = stacks[i_stack].n, from = 0;
  bool in_turn = i_stack == ADAPTER_X_GATE_UP;
  for (isize i = 0; i < n; i++) {
    adapter_pair_of which = (adapter_pair_of)(stacks[i_stack].first + i);
    const adapter_pair *pair = &layer->pairs[which];
    isize d_out = adapter_d_out(&u->m->shape, which);
    for (isize k = 0; j < pair->rank && k < d_out; k++) {
      row[in_turn ? k * n + i : from + k] = load_u16(pair->b + (j * d_out + k) * F16);
    }
    from += d_out;
  }
}

static void b_upload(upload *u, isize i_layer, isize i_stack) {
  const adapter_layer *layer = &u->adapter->layers[i_layer];
  isize rank = stack_rank(layer, i_stack);
  isize n_rows = u->out->gpu->layers[i_layer].w[i_stack].rows;
  i32 b = gpu_buffer_make(rank * n_rows * F16, GPU_STORAGE);
  u->out->layers[i_layer].b[i_stack] = b;
  for (isize j = 0; j < rank; j++) {
    b_row(u, layer, i_stack, j, n_rows);
    gpu_buffer_write(b, j * n_rows * F16, u->row, n_rows * F16);
  }
}

static void stack_bind(upload *u, isize i_layer, isize i_stack) {
  const adapter_layer *layer = &u->adapter->layers[i_layer];
  gpu_adapter_layer *out = &u->out->layers[i_layer];
  model_gpu *g = u->out->gpu;
  isize rank = stack_rank(layer, i_stack), rows = stack_rows(layer, i_stack);
  const gpu_binding h = {g->lora, 0, (i64)(MODEL_ROWS_MAX * rows * F32)};
  gpu_matmul_desc product = gpu_product_desc(u->m, i_layer, (adapter_stack_of)i_stack);
  const gpu_matmul_desc a = {.op = stacks[i_stack].op,
                             .w = &out->a[i_stack],
                             .pass = g->pass,
                             .x = product.x,
                             .norm = product.norm,
                             .y = h};
  gpu_matmul_bind(g->kernels, &a, &out->run_a[i_stack]);
  gpu_lora lora = {.rank = rank,
                   .h = h,
                   .h_stride = rows,
                   .b = {out->b[i_stack], 0, (i64)(rank * product.w->rows * F16)}};
  for (isize i = 0; i < stacks[i_stack].n; i++) {
    const adapter_pair *pair = &layer->pairs[stacks[i_stack].first + i];
    lora.scale[i] = pair->rank > 0 ? pair->scale : 0;
  }
  if (i_stack == ADAPTER_X_QKV) {
    lora.pair_from[0] = adapter_d_out(&u->m->shape, ADAPTER_Q);
    lora.pair_from[1] = lora.pair_from[0] + adapter_d_out(&u->m->shape, ADAPTER_K);
  }
  product.lora = &lora;
  gpu_matmul_bind(g->kernels, &product, &out->run[i_stack]);
}

static nf_status layers_upload(upload *u) {
  for (isize i = 0; i < u->adapter->n_layers; i++) {
    for (isize j = 0; j < ADAPTER_STACKS; j++) {
      if (stack_rank(&u->adapter->layers[i], j) == 0) continue;
      gpu_kernels_more(u->out->gpu->kernels, stacks[j].op, GPU_F32); /* the first one's work */
      nf_status status = a_upload(u, i, j);
      if (status != NF_OK) return status;
      b_upload(u, i, j);
      stack_bind(u, i, j);
    }
  }
  return NF_OK;
}

nf_status model_gpu_adapter_open(const model *m_, model_adapter *adapter, arena *a,
                                 nf_error *error) {
  if (!m_->gpu) return NF_OK;
  gpu_adapter *out = arena_alloc(a, 1, (isize)sizeof(gpu_adapter), MODEL_LINE);
  isize n_layers = m_->shape.n_layers;
  gpu_adapter_layer *layers =
      arena_alloc(a, n_layers, (isize)sizeof(gpu_adapter_layer), MODEL_LINE);
  void *row = arena_alloc(a, row_bytes_max(m_), 1, MODEL_LINE);
  if (!out || !layers || !row) {
    return error_set(error, NF_NO_MEMORY, E_STR("no room for the adapter's binds"));
  }
  *out = (gpu_adapter){.gpu = m_->gpu, .n_layers = n_layers, .layers = layers};
  adapter->gpu = out;
  upload u = {.m = m_, .adapter = adapter, .out = out, .row = row, .error = error};
  nf_status status = layers_upload(&u);
  m_->gpu->kernels_open = true;
  if (status != NF_OK) model_gpu_adapter_close(adapter);
  return status;
}

void model_gpu_adapter_close(model_adapter *adapter) {
  gpu_adapter *g = adapter->gpu;
  if (!g) return;
  gpu_recorded_send(g->gpu);
  for (isize i = 0; i < g->n_layers; i++) {
    gpu_adapter_layer *layer = &g->layers[i];
    for (isize j = 0; j < ADAPTER_STACKS; j++) {
      gpu_matmul_free(&layer->run_a[j]);
      gpu_matmul_free(&layer->run[j]);
      gpu_weight_free(&layer->a[j]);
      gpu_buffer_free(layer->b[j]);
    }
  }
  adapter->gpu = nullptr;
}
