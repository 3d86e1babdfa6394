/* A low-rank adapter on the GPU: the As of a product pair below pair, as bytes and scales, the Bs
 * as f16 in the order of the product's rows, and the binds that add them. Numbers are those the CPU
 * has (A as Q8_0). Read next: adapter.h, gpu/kernels.h (gpu_lora). */
#include "base/text_out.h"
#include "gguf/quant.h"
#include "model/gpu_internal.h"

constexpr isize F32 = (isize)sizeof(f32), F16 = (isize)sizeof(u16);
constexpr isize B_ROWS = 256; /* of a product, written at a time */
static_assert(GPU_RANK_MAX == ADAPTER_RANK_MAX);

/* The pairs of a stack. */
static const struct {
  isize first, n;
} stacks[ADAPTER_STACKS] = {
    [ADAPTER_X_QKV] = {ADAPTER_Q, 3},
    [ADAPTER_X_O] = {ADAPTER_O, 1},
    [ADAPTER_X_GATE_UP] = {ADAPTER_GATE, 2},
    [ADAPTER_X_DOWN] = {ADAPTER_DOWN, 1},
};

constexpr isize Q8_0_BYTES = 34;

/* What an upload holds: a row of an A, as numbers and as Q8_0, or B_ROWS of a B. */
static isize row_cols_max(const model *m) {
  const model_shape *shape = &m->shape;
  return isize_max(isize_max(shape->d_model, shape->d_ff), shape->n_heads * shape->d_head);
}
static isize row_bytes_max(const model *m) {
  isize a_bytes = row_cols_max(m) / 32 * Q8_0_BYTES;
  return row_cols_max(m) * F32 + isize_max(a_bytes, B_ROWS * ADAPTER_RANK_MAX * F16);
}

isize model_gpu_adapter_bytes(const model *m_) {
  if (!m_->gpu) return 0;
  isize n = bytes_of_n(1, (isize)sizeof(gpu_adapter) + MODEL_LINE);
  n = bytes_add(n, bytes_of_n(m_->shape.n_layers, (isize)sizeof(gpu_adapter_layer)));
  return bytes_add(n, bytes_of_n(row_bytes_max(m_), 1));
}

/* Rank that all pairs of a stack are padded to. */
static isize stack_rank(const adapter_layer *layer, isize i_stack) {
  isize rank = 0;
  for (isize i = 0; i < stacks[i_stack].n; i++) {
    rank = isize_max(rank, layer->pairs[stacks[i_stack].first + i].rank);
  }
  return rank;
}

typedef struct {
  const model *m;
  const model_adapter *adapter;
  gpu_adapter *out;
  f32 *numbers; /* row_cols_max */
  u8 *q8_0;     /* the same as blocks */
  u16 *halves;  /* in q8_0's place: B_ROWS rows */
  i64 slices_at; /* of the next product */
  nf_error *error;
} upload;

/* Pairs padded with rows of zeros: a new buffer has nothing else. A row's numbers, quantized again,
 * give the bytes they came from. */
static nf_status a_upload(upload *u, isize i_layer, isize i_stack) {
  const adapter_layer *layer = &u->adapter->layers[i_layer];
  const k_weight *a = &layer->a[i_stack];
  gpu_weight *to = &u->out->layers[i_layer].a[i_stack];
  gpu_format format = u->out->gpu->layers[i_layer].w[i_stack].format;
  isize rank = stack_rank(layer, i_stack);
  nf_status status = gpu_lora_make(format, stacks[i_stack].n * rank, a->cols, to, u->error);
  if (status != NF_OK) return status;
  for (isize i = 0; i < stacks[i_stack].n; i++) {
    const adapter_pair *pair = &layer->pairs[stacks[i_stack].first + i];
    for (isize j = 0; j < pair->rank; j++) {
      k_weight_row(a, pair->a_row + j, u->numbers);
      status = quant_encode_row(GGUF_Q8_0, u->numbers, u->q8_0, a->cols);
      ASSERT(status == NF_OK); /* numbers are finite: adapter.c */
      gpu_lora_write(to, i * rank + j, u->q8_0);
    }
  }
  return NF_OK;
}

/* All ranks of row n of a product. */
static void b_row(const adapter_layer *layer, isize i_stack, isize n, u16 *row) {
  isize first = stacks[i_stack].first, i = 0;
  if (i_stack == ADAPTER_X_GATE_UP) { /* row after row in turn */
    i = n % 2, n /= 2;
  } else {
    while (n >= layer->pairs[first + i].d_out) n -= layer->pairs[first + i++].d_out;
  }
  const adapter_pair *pair = &layer->pairs[first + i];
  for (isize j = 0; j < pair->rank; j++) row[j] = load_u16(pair->b + (j * pair->d_out + n) * F16);
}

static gpu_binding b_upload(upload *u, isize i_layer, isize i_stack) {
  const adapter_layer *layer = &u->adapter->layers[i_layer];
  isize stride = round_up(stack_rank(layer, i_stack), GPU_RANK_STEP);
  isize n_rows = u->out->gpu->layers[i_layer].w[i_stack].rows;
  i32 buffer = gpu_buffer_make(n_rows * stride * F16, GPU_STORAGE);
  u->out->layers[i_layer].b[i_stack] = buffer;
  for (isize from = 0; from < n_rows; from += B_ROWS) {
    isize n = isize_min(B_ROWS, n_rows - from);
    bytes_zero(u->halves, n * stride * F16);
    for (isize i = 0; i < n; i++) b_row(layer, i_stack, from + i, u->halves + i * stride);
    gpu_buffer_write(buffer, from * stride * F16, u->halves, n * stride * F16);
  }
  return (gpu_binding){buffer, 0, n_rows * stride * F16};
}

static nf_status stack_bind(upload *u, isize i_layer, isize i_stack) {
  const adapter_layer *layer = &u->adapter->layers[i_layer];
  gpu_adapter_layer *out = &u->out->layers[i_layer];
  model_gpu *g = u->out->gpu;
  gpu_matmul_desc product = gpu_product_desc(u->m, i_layer, (adapter_stack_of)i_stack);
  gpu_lora lora = {
      .rank = stack_rank(layer, i_stack), .slices = u->out->slices, .slices_at = u->slices_at};
  u->slices_at += product.w->n_slices * GPU_ALIGN;
  gpu_kernels_more(g->kernels, product.op, product.w->format, lora.rank); /* the first one's work */
  product.op = gpu_op_lora(product.op);
  nf_status status = a_upload(u, i_layer, i_stack);
  if (status != NF_OK) return status;
  lora.a = &out->a[i_stack];
  lora.b = b_upload(u, i_layer, i_stack);
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
  return NF_OK;
}

nf_status model_gpu_adapter_open(const model *m_, model_adapter *adapter, arena *a,
                                 nf_error *error) {
  if (!m_->gpu) return NF_OK;
  gpu_adapter *out = arena_alloc(a, 1, (isize)sizeof(gpu_adapter), MODEL_LINE);
  isize n_layers = m_->shape.n_layers;
  gpu_adapter_layer *layers =
      arena_alloc(a, n_layers, (isize)sizeof(gpu_adapter_layer), MODEL_LINE);
  f32 *row = arena_alloc(a, row_bytes_max(m_), 1, MODEL_LINE);
  if (!out || !layers || !row) {
    return error_set(error, NF_NO_MEMORY, E_STR("no room for the adapter's binds"));
  }
  i64 slices = 0;
  for (isize i = 0; i < n_layers * ADAPTER_STACKS; i++) {
    slices += m_->gpu->layers[i / ADAPTER_STACKS].w[i % ADAPTER_STACKS].n_slices;
  }
  *out = (gpu_adapter){.gpu = m_->gpu,
                       .slices = gpu_buffer_make(slices * GPU_ALIGN, GPU_UNIFORM),
                       .n_layers = n_layers,
                       .layers = layers};
  adapter->gpu = out;
  void *rest = row + row_cols_max(m_);
  upload u = {.m = m_,
              .adapter = adapter,
              .out = out,
              .numbers = row,
              .q8_0 = rest,
              .halves = rest,
              .error = error};
  nf_status status = NF_OK;
  for (isize i = 0; i < adapter->n_layers * ADAPTER_STACKS && status == NF_OK; i++) {
    isize i_layer = i / ADAPTER_STACKS, i_stack = i % ADAPTER_STACKS;
    if (stack_rank(&adapter->layers[i_layer], i_stack) == 0) continue;
    status = stack_bind(&u, i_layer, i_stack);
  }
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
      gpu_matmul_free(&layer->run[j]);
      gpu_weight_free(&layer->a[j]);
      gpu_buffer_free(layer->b[j]);
    }
  }
  gpu_buffer_free(g->slices);
  adapter->gpu = nullptr;
}
