/* A model's file onto the GPU, as model_gpu.h says: what each tensor becomes there, staging, and
 * the wait until all of it is repacked and the kernels have shown that they are right.
 * Owns the GPU buffers that all passes share. Read next: forward_gpu.c. */
#include "base/math.h"
#include "base/text_out.h"
#include "gguf/quant.h"
#include "gpu/orphans.h"
#include "model/gpu_internal.h"

constexpr isize STAGING_BYTES = 1 << 22;
constexpr isize F32 = (isize)sizeof(f32);

static isize tensors_max(const model_shape *shape) { return TENSOR_COUNT * (shape->n_layers + 1); }

isize model_gpu_bytes(const model_shape *shape) {
  const isize blocks[][2] = {{1, (isize)sizeof(model)},
                             {1, (isize)sizeof(model_gpu)},
                             {1, (isize)sizeof(gpu_load)},
                             {shape->n_layers, (isize)sizeof(gpu_layer)},
                             {tensors_max(shape), (isize)sizeof(gpu_dest)},
                             {shape->d_rope / 2, F32},
                             {gpu_kernels_bytes() + MODEL_LINE, 1}};
  isize n = MODEL_LINE;
  for (isize i = 0; i < (isize)(sizeof blocks / sizeof *blocks); i++) {
    n = bytes_add(n, bytes_of_n(blocks[i][0], blocks[i][1]));
  }
  return n;
}

/* ---- what becomes of each tensor ---- */

typedef struct {
  const gguf_file *file;
  const arch_table *arch;
  const model_shape *shape;
  model_gpu *g;
  gpu_kernels_desc *kernels;
  nf_error *error;
} opening;

static const gguf_tensor *tensor_of(const opening *o, arch_tensor which, isize i_layer) {
  return model_tensor_find(o->file, o->arch, which, i_layer);
}

static gpu_dest *dest_of(const opening *o, arch_tensor which, isize i_layer) {
  return &o->g->load->dests[tensor_of(o, which, i_layer) - o->file->tensors];
}

static void vector_place(const opening *o, arch_tensor which, isize i_layer, isize i_vector) {
  *dest_of(o, which, i_layer) =
      (gpu_dest){.where = GOES_TO_VECTORS, .at = (i64)(i_vector * o->g->vector_bytes)};
}

/* Make w of the tensors which[n] of a layer, one below the other or row by row in turn. */
static nf_status matrix_make(const opening *o, const arch_tensor *which, isize n, isize i_layer,
                             bool in_turn, gpu_op op, gpu_weight *w) {
  isize rows = 0;
  gpu_format format = GPU_N4H;
  for (isize i = 0; i < n; i++) {
    gpu_format one = gpu_format_of(tensor_of(o, which[i], i_layer)->type);
    format = i == 0 ? one : gpu_format_join(format, one);
  }
  for (isize i = 0; i < n; i++) {
    const gguf_tensor *t = tensor_of(o, which[i], i_layer);
    o->kernels->repack[t->type] |= (u8)(1 << format);
    *dest_of(o, which[i], i_layer) = (gpu_dest){
        .where = GOES_TO_MATRIX, .w = w, .row0 = in_turn ? i : rows, .step = in_turn ? n : 1};
    rows += t->dims[1];
  }
  if (op < GPU_OPS) o->kernels->matmul[op] |= (u8)(1 << format);
  return gpu_weight_make(format, rows, tensor_of(o, which[0], i_layer)->dims[0], w, o->error);
}

static nf_status layer_make(const opening *o, isize i) {
  gpu_layer *layer = &o->g->layers[i];
  vector_place(o, TENSOR_ATTN_NORM, i, 2 * i);
  vector_place(o, TENSOR_FFN_NORM, i, 2 * i + 1);
  const arch_tensor qkv[] = {TENSOR_Q, TENSOR_K, TENSOR_V}, gate_up[] = {TENSOR_GATE, TENSOR_UP};
  const arch_tensor one_o = TENSOR_O, one_down = TENSOR_DOWN;
  gpu_weight *w = layer->w;
  nf_status status = matrix_make(o, qkv, 3, i, false, GPU_NORM_STORE, &w[ADAPTER_X_QKV]);
  if (status == NF_OK) {
    status = matrix_make(o, &one_o, 1, i, false, GPU_ADD_ATTN, &w[ADAPTER_X_O]);
  }
  if (status == NF_OK) {
    status = matrix_make(o, gate_up, 2, i, true, GPU_NORM_SWIGLU, &w[ADAPTER_X_GATE_UP]);
  }
  if (status == NF_OK) {
    status = matrix_make(o, &one_down, 1, i, false, GPU_ADD_FF, &w[ADAPTER_X_DOWN]);
  }
  return status;
}

static nf_status weights_make(const opening *o) {
  model_gpu *g = o->g;
  const arch_tensor embed = TENSOR_EMBED, head = TENSOR_HEAD;
  bool tied = o->shape->tied;
  nf_status status = matrix_make(o, &embed, 1, 0, false, tied ? GPU_NORM_HEAD : GPU_OPS, &g->embed);
  o->kernels->embed = (u8)(1 << g->embed.format);
  if (status == NF_OK && !tied) {
    status = matrix_make(o, &head, 1, 0, false, GPU_NORM_HEAD, &g->head);
  }
  vector_place(o, TENSOR_OUTPUT_NORM, 0, 2 * o->shape->n_layers);
  if (tensor_of(o, TENSOR_ROPE_FACTORS, 0)) {
    *dest_of(o, TENSOR_ROPE_FACTORS, 0) = (gpu_dest){.where = GOES_TO_ROPE};
    g->load->has_rope_factors = true;
  }
  for (isize i = 0; i < o->shape->n_layers && status == NF_OK; i++) status = layer_make(o, i);
  return status;
}

/* ---- buffers of all passes ---- */

static i32 rows_make(isize width) {
  return gpu_buffer_make((i64)(MODEL_ROWS_MAX * width * F32), GPU_STORAGE);
}

static void buffers_make(model_gpu *g, const model_shape *shape) {
  isize d_attn = shape->n_heads * shape->d_head;
  g->d_qkv = d_attn + 2 * shape->n_kv_heads * shape->d_head;
  g->vectors = gpu_buffer_make((i64)((2 * shape->n_layers + 1) * g->vector_bytes), GPU_STORAGE);
  g->xa = rows_make(shape->d_model);
  g->xb = rows_make(shape->d_model);
  g->qkv = rows_make(g->d_qkv);
  g->attn = rows_make(d_attn);
  g->ff = rows_make(shape->d_ff);
  g->logits = rows_make(shape->n_vocab);
  g->rope = gpu_buffer_make((i64)(g->ctx_tokens * shape->d_rope * F32), GPU_STORAGE);
  g->pass = gpu_buffer_make(PASS_SLOTS * GPU_PASS_STRIDE, GPU_UNIFORM);
  g->records = gpu_buffer_make(GPU_RECORDS * (i64)sizeof(gpu_row), GPU_STORAGE);
  g->results = gpu_buffer_make(GPU_RECORDS * (i64)sizeof(gpu_result), GPU_STORAGE);
  g->moves = gpu_buffer_make(GPU_MOVES_MAX * GPU_ALIGN, GPU_UNIFORM);
  gpu_load *load = g->load;
  for (isize i = 0; i < GPU_STAGINGS; i++) {
    load->stagings[i] = gpu_buffer_make((i64)load->staging_bytes, GPU_STORAGE);
  }
}

/* Does every binding of a pass fit? Weights see to themselves. */
static nf_status limits_check(const model_gpu *g, const model_shape *shape, nf_error *error) {
  gpu_facts facts;
  gpu_facts_get(&facts);
  if (!facts.present) return error_set(error, NF_UNSUPPORTED, E_STR("there is no GPU device here"));
  i64 most = facts.binding_bytes_max < facts.buffer_bytes_max ? facts.binding_bytes_max
                                                              : facts.buffer_bytes_max;
  const struct {
    const char *what;
    isize bytes;
  } needs[] = {
      {"one row of a matrix", 2 * isize_max(shape->d_model, shape->d_ff) * F32},
      {"the logits of a pass", MODEL_ROWS_MAX * shape->n_vocab * F32},
      {"the rows of a pass", MODEL_ROWS_MAX * isize_max(g->d_qkv, shape->d_ff) * F32},
      {"the rotations of a context", g->ctx_tokens * shape->d_rope * F32},
      {"a layer's keys and values", 2 * shape->n_kv_heads * shape->d_head * g->ctx_tokens * F32},
  };
  for (isize i = 0; i < (isize)(sizeof needs / sizeof *needs); i++) {
    if ((i64)needs[i].bytes <= most) continue;
    return error_set(error, NF_UNSUPPORTED, E_STR("the GPU binds "), E_INT(most),
                     E_STR(" bytes at once; "), E_STR(needs[i].what), E_STR(" has "),
                     E_INT(needs[i].bytes));
  }
  return NF_OK;
}

static isize row_bytes_max(const gguf_file *file) {
  isize most = 0;
  for (isize i = 0; i < file->n_tensors; i++) {
    const gguf_tensor *t = &file->tensors[i];
    most = isize_max(most, t->bytes / isize_max(t->dims[1], 1));
  }
  return most;
}

static nf_status gpu_fill(const opening *o, arena *a) {
  model_gpu *g = o->g;
  const model_shape *shape = o->shape;
  g->vector_bytes = round_up(shape->d_model * F32, GPU_ALIGN);
  g->d_qkv = (shape->n_heads + 2 * shape->n_kv_heads) * shape->d_head;
  nf_status status = limits_check(g, shape, o->error);
  if (status == NF_OK) status = weights_make(o);
  if (status == NF_OK) status = gpu_kernels_open(o->kernels, a, &g->kernels);
  if (status != NF_OK) return status;
  g->load->staging_bytes =
      isize_max(STAGING_BYTES, round_up(2 * row_bytes_max(o->file), GPU_ALIGN));
  buffers_make(g, shape);
  return NF_OK;
}

nf_status model_gpu_open(const gguf_file *file, isize ctx_tokens, arena *a, model **out,
                         nf_error *error) {
  model_shape shape;
  nf_status status = model_shape_read(file, &shape, error);
  if (status != NF_OK) return status;
  ASSERT(ctx_tokens >= 1 && file->n_tensors <= tensors_max(&shape));
  arena start = *a;
  model *m = arena_alloc(a, 1, (isize)sizeof(model), MODEL_LINE);
  model_gpu *g = arena_alloc(a, 1, (isize)sizeof(model_gpu), MODEL_LINE);
  gpu_load *load = arena_alloc(a, 1, (isize)sizeof(gpu_load), MODEL_LINE);
  gpu_layer *layers = arena_alloc(a, shape.n_layers, (isize)sizeof(gpu_layer), MODEL_LINE);
  gpu_dest *dests = arena_alloc(a, file->n_tensors, (isize)sizeof(gpu_dest), MODEL_LINE);
  f32 *factors = arena_alloc(a, shape.d_rope / 2, F32, MODEL_LINE);
  if (!m || !g || !load || !layers || !dests || !factors) {
    *a = start;
    return error_set(error, NF_NO_MEMORY, E_STR("no room for the model's tables"));
  }
  *load = (gpu_load){.file = file, .dests = dests, .rope_factors = factors};
  *g = (model_gpu){
      .layers = layers, .ctx_tokens = ctx_tokens, .piece_work = GPU_PIECE_WORK_FIRST, .load = load};
  *m = (model){.shape = shape, .gpu = g};
  gpu_kernels_desc kernels = {.d_model = shape.d_model,
                              .d_ff = shape.d_ff,
                              .n_heads = shape.n_heads,
                              .n_kv_heads = shape.n_kv_heads,
                              .d_head = shape.d_head,
                              .d_rope = shape.d_rope,
                              .n_vocab = shape.n_vocab,
                              .rms_eps = shape.rms_eps};
  const opening o = {file, model_arch_of(file), &m->shape, g, &kernels, error};
  status = gpu_fill(&o, a);
  if (status != NF_OK) {
    model_gpu_close(m);
    *a = start;
    return status;
  }
  *out = m;
  return NF_OK;
}

/* ---- pieces ---- */

/* What was gathered is repacked; the next staging buffer is up. */
static void staging_send(model_gpu *g) {
  gpu_load *load = g->load;
  for (isize i = 0; i < load->n_repacks; i++) gpu_kernels_repack(g->kernels, &load->repacks[i]);
  load->tickets[load->i_staging] = gpu_submit(0, 0, 0);
  gpu_kernels_repack_submitted(g->kernels);
  load->i_staging = (load->i_staging + 1) % GPU_STAGINGS;
  load->filled = load->n_repacks = 0;
}

/* NF_OK: the device is through with staging buffer i. */
static nf_status staging_wait(gpu_load *load, isize i, nf_error *error) {
  if (load->tickets[i] == 0) return NF_OK;
  nf_status status = gpu_poll(load->tickets[i], nullptr, error);
  if (status != NF_PENDING) load->tickets[i] = 0;
  return status;
}

/* Room for as many of the tensor's next rows as fit; an even number unless they are the last, so
 * that every region ends with a whole word. */
static nf_status region_begin(model_gpu *g, const gguf_tensor *t, const gpu_dest *dest,
                              nf_error *error) {
  gpu_load *load = g->load;
  isize row_bytes = t->bytes / t->dims[1], rows_left = t->dims[1] - load->row;
  isize rows = isize_min((load->staging_bytes - load->filled) / row_bytes, rows_left);
  if (rows < rows_left) rows -= rows % 2;
  if (rows == 0 || load->n_repacks == GPU_REPACKS_MAX) {
    staging_send(g);
    rows = isize_min(load->staging_bytes / row_bytes, rows_left);
    if (rows < rows_left) rows -= rows % 2;
  }
  nf_status status = staging_wait(load, load->i_staging, error);
  if (status != NF_OK) return status;
  load->region_left = round_up(rows * row_bytes, 4);
  load->repacks[load->n_repacks++] = (gpu_repack){.type = t->type,
                                                  .staging = load->stagings[load->i_staging],
                                                  .at = load->filled,
                                                  .staging_bytes = load->staging_bytes,
                                                  .row = load->row,
                                                  .n_rows = rows,
                                                  .w = dest->w,
                                                  .row0 = dest->row0,
                                                  .step = dest->step};
  load->row += rows;
  return NF_OK;
}

static nf_status rows_take(model_gpu *g, const gguf_tensor *t, const gpu_dest *dest,
                           gguf_piece *piece, nf_error *error) {
  gpu_load *load = g->load;
  if (piece->at == 0) load->row = 0;
  while (piece->bytes.len > 0) {
    if (load->region_left == 0) {
      nf_status status = region_begin(g, t, dest, error);
      if (status != NF_OK) return status;
    }
    isize n = isize_min(piece->bytes.len, load->region_left);
    gpu_buffer_write(load->stagings[load->i_staging], load->filled, piece->bytes.at, n);
    load->filled += n;
    load->region_left -= n;
    piece->at += n;
    piece->bytes = bytes_slice(piece->bytes, n, piece->bytes.len);
  }
  return NF_OK;
}

nf_status model_gpu_take(model *m_, gguf_piece *piece, nf_error *error) {
  model_gpu *g = m_->gpu;
  const gguf_tensor *t = &g->load->file->tensors[piece->i_tensor];
  const gpu_dest *dest = &g->load->dests[piece->i_tensor];
  isize n = isize_min(piece->bytes.len, t->bytes - piece->at);
  nf_status status = NF_OK;
  switch (dest->where) {
    case GOES_TO_MATRIX:
      status = gpu_kernels_poll_repack(g->kernels, error);
      return status != NF_OK ? status : rows_take(g, t, dest, piece, error);
    case GOES_TO_VECTORS:
      gpu_buffer_write(g->vectors, dest->at + piece->at, piece->bytes.at, piece->bytes.len);
      break;
    case GOES_TO_ROPE:
      bytes_copy((u8 *)g->load->rope_factors + piece->at, piece->bytes.at, n);
      break;
  }
  piece->bytes = (nf_bytes){};
  return NF_OK;
}

/* ---- the end ---- */

/* cos and sin of every position of the context, as many rows at a time as the block holds. */
static nf_status rope_fill(const model *m, nf_error *error) {
  const gpu_load *load = m->gpu->load;
  constexpr isize block_floats = 4096;
  f32 block[block_floats];
  isize d_rope = m->shape.d_rope, rows_max = block_floats / d_rope;
  for (isize from = 0; from < m->gpu->ctx_tokens; from += rows_max) {
    isize n = isize_min(rows_max, m->gpu->ctx_tokens - from);
    for (isize j = 0; j < d_rope; j += 2) {
      f64 step;
      const f32 *factor = load->has_rope_factors ? &load->rope_factors[j / 2] : nullptr;
      nf_status status = model_rope_step(&m->shape, j / 2, factor, &step, error);
      if (status != NF_OK) return status;
      for (isize i = 0; i < n; i++) {
        f64 sin_x, cos_x;
        math_sincos((f64)(from + i) * step, &sin_x, &cos_x);
        block[i * d_rope + j] = (f32)cos_x;
        block[i * d_rope + j + 1] = (f32)sin_x;
      }
    }
    gpu_buffer_write(m->gpu->rope, (i64)(from * d_rope * F32), block, n * d_rope * F32);
  }
  return NF_OK;
}

static gpu_binding whole_rows(i32 buffer, isize width) {
  return (gpu_binding){buffer, 0, (i64)(MODEL_ROWS_MAX * width * F32)};
}

static gpu_binding vector_of(const model *m, isize i_vector) {
  const model_gpu *g = m->gpu;
  return (gpu_binding){g->vectors, (i64)(i_vector * g->vector_bytes),
                       (i64)(m->shape.d_model * F32)};
}

gpu_matmul_desc gpu_product_desc(const model *m, isize i_layer, adapter_stack_of which) {
  const model_shape *shape = &m->shape;
  const model_gpu *g = m->gpu;
  const gpu_weight *w = &g->layers[i_layer].w[which];
  gpu_binding xa = whole_rows(g->xa, shape->d_model), xb = whole_rows(g->xb, shape->d_model);
  gpu_binding attn = whole_rows(g->attn, shape->n_heads * shape->d_head);
  gpu_binding ff = whole_rows(g->ff, shape->d_ff), qkv = whole_rows(g->qkv, g->d_qkv), none = {};
  switch (which) {
    case ADAPTER_X_QKV:
      return (gpu_matmul_desc){GPU_NORM_STORE, w,   g->pass, xa, vector_of(m, 2 * i_layer),
                               none,           qkv, nullptr};
    case ADAPTER_X_O:
      return (gpu_matmul_desc){GPU_ADD_ATTN, w, g->pass, attn, none, xa, xb, nullptr};
    case ADAPTER_X_GATE_UP:
      return (gpu_matmul_desc){
          GPU_NORM_SWIGLU, w, g->pass, xb, vector_of(m, 2 * i_layer + 1), none, ff, nullptr};
    case ADAPTER_X_DOWN:
    case ADAPTER_STACKS: break;
  }
  return (gpu_matmul_desc){GPU_ADD_FF, w, g->pass, ff, none, xb, xa, nullptr};
}

static void layer_bind(const model *m, isize i) {
  for (isize j = 0; j < ADAPTER_STACKS; j++) {
    const gpu_matmul_desc desc = gpu_product_desc(m, i, (adapter_stack_of)j);
    gpu_matmul_bind(m->gpu->kernels, &desc, &m->gpu->layers[i].run[j]);
  }
}

static void binds_make(const model *m) {
  const model_shape *shape = &m->shape;
  model_gpu *g = m->gpu;
  const i64 records_bytes = GPU_RECORDS * (i64)sizeof(gpu_row);
  const i64 results_bytes = GPU_RECORDS * (i64)sizeof(gpu_result);
  for (isize i = 0; i < shape->n_layers; i++) layer_bind(m, i);
  gpu_binding xa = whole_rows(g->xa, shape->d_model);
  gpu_binding logits = whole_rows(g->logits, shape->n_vocab);
  const gpu_embed_desc embed = {&g->embed,     g->pass,       g->records, g->results,
                                records_bytes, results_bytes, xa};
  gpu_embed_bind(g->kernels, &embed, &g->run_embed);
  const gpu_matmul_desc head = {.op = GPU_NORM_HEAD,
                                .w = shape->tied ? &g->embed : &g->head,
                                .pass = g->pass,
                                .x = xa,
                                .norm = vector_of(m, 2 * shape->n_layers),
                                .y = logits};
  gpu_matmul_bind(g->kernels, &head, &g->run_head);
  const gpu_pick_desc pick = {g->pass,       g->records,    g->results,
                              records_bytes, results_bytes, logits};
  g->pick = gpu_pick_bind(g->kernels, &pick);
}

static void stagings_free(gpu_load *load) {
  for (isize i = 0; i < GPU_STAGINGS; i++) {
    gpu_ticket_drop(load->tickets[i]);
    gpu_buffer_free(load->stagings[i]);
    load->tickets[i] = load->stagings[i] = 0;
  }
}

/* The next stage, once the present one is done. */
static nf_status finish_step(model *m, nf_error *error) {
  model_gpu *g = m->gpu;
  gpu_load *load = g->load;
  nf_status status = NF_OK;
  switch (load->stage) {
    case LOAD_PIECES:
      status = gpu_kernels_poll_repack(g->kernels, error);
      if (status != NF_OK) return status;
      if (load->n_repacks > 0) staging_send(g);
      status = rope_fill(m, error);
      break;
    case LOAD_REPACKED:
      for (isize i = 0; i < GPU_STAGINGS && status == NF_OK; i++) {
        status = staging_wait(load, i, error);
      }
      if (status == NF_OK) stagings_free(load);
      break;
    case LOAD_TESTED: status = gpu_kernels_poll(g->kernels, error); break;
    case LOAD_CHECKED: /* the last buffers and binds: were they to be had? */
      if (load->ticket == 0) {
        binds_make(m);
        load->ticket = gpu_submit(0, 0, 0);
      }
      status = gpu_poll(load->ticket, nullptr, error);
      if (status != NF_PENDING) load->ticket = 0;
      break;
    case LOAD_DONE: break;
  }
  return status;
}

nf_status model_gpu_finish(model *m_, nf_error *error) {
  gpu_load *load = m_->gpu->load;
  while (load->stage != LOAD_DONE) {
    nf_status status = finish_step(m_, error);
    if (status != NF_OK) return status;
    load->stage++;
  }
  gpu_kernels_facts_get(m_->gpu->kernels, &m_->gpu->facts);
  return NF_OK;
}

const char *model_gpu_replaced(const model *m_) { return m_->gpu->facts.replaced; }
const char *model_gpu_kernels(const model *m_) {
  static const char *const names[2][2] = {
      {"webgpu:products=1,attention=1", "webgpu:products=1,attention=2"},
      {"webgpu:products=2,attention=1", "webgpu:products=2,attention=2"}};
  const gpu_kernels_facts *facts = &m_->gpu->facts;
  return facts->fast ? names[facts->products_int][facts->attention_quad] : "webgpu";
}

static void layer_free(gpu_layer *layer) {
  for (isize i = 0; i < ADAPTER_STACKS; i++) {
    gpu_matmul_free(&layer->run[i]);
    gpu_weight_free(&layer->w[i]);
  }
}

void model_gpu_close(model *m_) {
  if (m_ == nullptr || m_->gpu == nullptr) return;
  model_gpu *g = m_->gpu;
  gpu_recorded_send(g);
  stagings_free(g->load);
  gpu_ticket_drop(g->load->ticket);
  gpu_embed_free(&g->run_embed);
  gpu_matmul_free(&g->run_head);
  gpu_bind_free(g->pick);
  for (isize i = 0; i < m_->shape.n_layers; i++) layer_free(&g->layers[i]);
  gpu_weight_free(&g->embed);
  gpu_weight_free(&g->head);
  const i32 buffers[] = {g->vectors, g->xa,   g->xb,   g->qkv,     g->attn,    g->ff,
                         g->logits,  g->rope, g->pass, g->records, g->results, g->moves};
  for (isize i = 0; i < (isize)(sizeof buffers / sizeof *buffers); i++) {
    gpu_buffer_free(buffers[i]);
  }
  gpu_kernels_close(g->kernels);
  m_->gpu = nullptr;
}
