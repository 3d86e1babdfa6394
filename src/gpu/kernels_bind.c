/* Binding and dispatching each kernel: binds are made once, here; the functions of the loop only
 * record. See kernels.h. Owns the slots of a bind's numbers (equal ones share a slot). */
#include "gpu/kernels_internal.h"

static bool slice_equal(const gpu_slice *a, const gpu_slice *b) {
  return __builtin_memcmp(a, b, sizeof *a) == 0; /* no padding: 12 words */
}

gpu_binding gpu_slice_range(gpu_kernels *k, const gpu_slice *slice) {
  isize i = 0;
  while (i < k->n_slice_slots && !slice_equal(&k->slice_slots[i], slice)) i++;
  if (i == k->n_slice_slots) {
    ASSERT(i < GPU_SLICE_SLOTS);
    k->slice_slots[k->n_slice_slots++] = *slice;
    gpu_buffer_write(k->slices, i * GPU_ALIGN, slice, sizeof *slice);
  }
  return (gpu_binding){k->slices, i * GPU_ALIGN, sizeof *slice};
}

static i32 any_pipeline(const gpu_kernels *k, gpu_op op, gpu_format format) {
  for (isize i = 0; i < GPU_VARIANTS; i++) {
    i16 at = k->matmul[op][format][i];
    if (at >= 0) return k->pipelines[at].handle;
  }
  ASSERT(false); /* the desc did not ask for this product */
  return 0;
}

/* Where the pairs of an addition end, in slice i of W. */
static void pair_ends(const gpu_matmul_desc *desc, isize i, gpu_slice *slice) {
  isize first = i * desc->w->rows_slice, n = slice->n_rows;
  for (isize j = 0; j < 2; j++) {
    isize from = desc->lora->pair_from[j];
    slice->pair_end[j] = (u32)(from > 0 ? isize_min(isize_max(from - first, 0), n) : n);
  }
}

static isize tiles(isize n, isize rows) { return (n + rows - 1) / rows; }

void gpu_matmul_bind(gpu_kernels *k, const gpu_matmul_desc *desc, gpu_matmul *out) {
  const gpu_weight *w = desc->w;
  const gpu_lora *lora = desc->lora;
  gpu_op base = gpu_op_base(desc->op);
  ASSERT(w->cols == gpu_op_cols(&k->desc, desc->op));
  ASSERT(base != GPU_NORM_SWIGLU || w->rows % 2 == 0);
  ASSERT((lora != nullptr) == gpu_op_has_lora(desc->op) && (!lora || lora->rank <= k->lora_room));
  *out = (gpu_matmul){.op = desc->op,
                      .format = w->format,
                      .rows = w->rows,
                      .rows_slice = w->rows_slice,
                      .n_slices = w->n_slices};
  i32 pipeline = any_pipeline(k, desc->op, w->format);
  for (isize i = 0; i < w->n_slices; i++) {
    gpu_slice slice = {.row0 = (u32)(i * w->rows_slice),
                       .n_rows = (u32)gpu_weight_slice_rows(w, i),
                       .y_stride = (u32)(base == GPU_NORM_SWIGLU ? w->rows / 2 : w->rows)};
    gpu_binding q_s[2], a_q_s[2] = {}, numbers = {};
    gpu_weight_ranges(w, i, k->zero, q_s);
    if (lora) {
      slice.lora_rank = (u32)lora->rank;
      pair_ends(desc, i, &slice);
      for (isize j = 0; j < 2; j++) out->pair_end[i][j] = slice.pair_end[j];
      for (isize j = 0; j < 3; j++) slice.lora_scale[j] = lora->scale[j];
      gpu_weight_ranges(lora->a, 0, k->zero, a_q_s);
      numbers = (gpu_binding){lora->slices, lora->slices_at + i * GPU_ALIGN, sizeof slice};
      gpu_buffer_write(lora->slices, numbers.at, &slice, sizeof slice);
    } else {
      numbers = gpu_slice_range(k, &slice);
    }
    gpu_binding bindings[10] = {
        {desc->pass, 0, sizeof(gpu_pass)},           numbers, q_s[0], q_s[1], desc->x,
        gpu_op_norms(base) ? desc->norm : desc->add, desc->y};
    if (lora) bindings[7] = a_q_s[0], bindings[8] = a_q_s[1], bindings[9] = lora->b;
    out->binds[i] = gpu_bind_make(pipeline, bindings, lora ? 10 : 7);
  }
}

void gpu_matmul_free(gpu_matmul *matmul) {
  for (isize i = 0; i < matmul->n_slices; i++) gpu_bind_free(matmul->binds[i]);
  *matmul = (gpu_matmul){};
}

/* Tiles that a workgroup does one after the other. */
static isize tiles_each(const gpu_kernels *k, gpu_op op, gpu_variant variant) {
  bool chunk = gpu_variant_kind(variant) == GPU_CHUNK;
  return chunk ? gpu_variant_shape(k, op, variant)->chunk_tiles : 1;
}

void gpu_matmul_dispatch(const gpu_kernels *k, const gpu_matmul *matmul, gpu_variant variant,
                         u32 pass_at, i32 m) {
  i16 at = k->matmul[matmul->op][matmul->format][variant];
  ASSERT(at >= 0 && 1 <= m && m <= GPU_ROWS_MAX);
  i32 pipeline = k->pipelines[at].handle;
  isize rows = gpu_variant_rows(k, matmul->op, variant);
  i32 m_each = (i32)gpu_variant_m(k, matmul->op, variant), y = (m + m_each - 1) / m_each;
  if (variant == GPU_PLAIN && gpu_op_base(matmul->op) == GPU_NORM_SWIGLU) rows *= 2;
  for (isize i = 0; i < matmul->n_slices; i++) {
    bool last = i + 1 == matmul->n_slices;
    isize n = last ? matmul->rows - i * matmul->rows_slice : matmul->rows_slice;
    isize x = tiles(n, rows);
    if (gpu_op_has_lora(matmul->op)) { /* pairs begin tiles of their own */
      const isize *end = matmul->pair_end[i];
      isize tile = rows / tiles_each(k, matmul->op, variant);
      x = tiles(end[0], tile) + tiles(end[1] - end[0], tile) + tiles(n - end[1], tile);
      x = tiles(x, rows / tile);
    }
    gpu_dispatch(pipeline, matmul->binds[i], pass_at, (i32)x, y, 1);
  }
}

void gpu_matmul_run(const gpu_kernels *k, const gpu_matmul *matmul, u32 pass_at, i32 m) {
  gpu_variant variant = k->chosen[matmul->op][matmul->format][gpu_class_of(m)];
  gpu_matmul_dispatch(k, matmul, variant, pass_at, m);
}

void gpu_embed_bind(gpu_kernels *k, const gpu_embed_desc *desc, gpu_embed *out) {
  const gpu_weight *w = desc->w;
  ASSERT(w->cols == k->desc.d_model && k->embed[w->format] >= 0);
  *out = (gpu_embed){.format = w->format, .n_slices = w->n_slices};
  for (isize i = 0; i < w->n_slices; i++) {
    gpu_slice slice = {.row0 = (u32)(i * w->rows_slice),
                       .n_rows = (u32)gpu_weight_slice_rows(w, i)};
    gpu_binding q_s[2];
    gpu_weight_ranges(w, i, k->zero, q_s);
    gpu_binding bindings[7] = {{desc->pass, 0, sizeof(gpu_pass)},
                               gpu_slice_range(k, &slice),
                               q_s[0],
                               q_s[1],
                               {desc->records, 0, desc->records_bytes},
                               {desc->results, 0, desc->results_bytes},
                               desc->x};
    out->binds[i] = gpu_bind_make(k->pipelines[k->embed[w->format]].handle, bindings, 7);
  }
}

void gpu_embed_free(gpu_embed *embed) {
  for (isize i = 0; i < embed->n_slices; i++) gpu_bind_free(embed->binds[i]);
  *embed = (gpu_embed){};
}

void gpu_embed_run(const gpu_kernels *k, const gpu_embed *embed, u32 pass_at, i32 m) {
  i32 pipeline = k->pipelines[k->embed[embed->format]].handle;
  i32 x = (i32)((k->desc.d_model / 32 + 63) / 64);
  for (isize i = 0; i < embed->n_slices; i++) {
    gpu_dispatch(pipeline, embed->binds[i], pass_at, x, m, 1);
  }
}

i32 gpu_attention_bind(gpu_kernels *k, const gpu_attention_desc *desc) {
  gpu_binding bindings[6] = {{desc->pass, 0, sizeof(gpu_pass)},
                             {desc->records, 0, desc->records_bytes},
                             desc->qkv,
                             desc->rope,
                             desc->kv,
                             desc->out};
  return gpu_bind_make(k->pipelines[k->attention].handle, bindings, 6);
}

void gpu_attention_dispatch(const gpu_kernels *k, i16 at, i32 bind, u32 pass_at, i32 m) {
  gpu_dispatch(k->pipelines[at].handle, bind, pass_at, (i32)k->desc.n_heads, m, 1);
}
void gpu_attention_run(const gpu_kernels *k, i32 bind, u32 pass_at, i32 m) {
  gpu_attention_dispatch(k, k->attention_chosen, bind, pass_at, m);
}

i32 gpu_move_bind(gpu_kernels *k, i32 moves, gpu_binding kv) {
  gpu_binding bindings[2] = {{moves, 0, sizeof(gpu_move)}, kv};
  return gpu_bind_make(k->pipelines[k->kv_move].handle, bindings, 2);
}

void gpu_move_run(const gpu_kernels *k, i32 bind, u32 move_at, i32 n, i32 n_layers) {
  i32 x = (n * (i32)k->desc.d_head + 63) / 64, y = 2 * (i32)k->desc.n_kv_heads;
  gpu_dispatch(k->pipelines[k->kv_move].handle, bind, move_at, x, y, n_layers);
}

i32 gpu_pick_bind(gpu_kernels *k, const gpu_pick_desc *desc) {
  i64 parts = GPU_ROWS_MAX * gpu_pick_chunks(&k->desc);
  gpu_binding bindings[5] = {{desc->pass, 0, sizeof(gpu_pass)},
                             {desc->records, 0, desc->records_bytes},
                             desc->logits,
                             {desc->results, 0, desc->results_bytes},
                             {k->pick_parts, 0, parts * GPU_PICK_PART_BYTES}};
  return gpu_bind_make(k->pipelines[k->pick_join].handle, bindings, 5); /* serves both */
}

void gpu_pick_run(const gpu_kernels *k, i32 bind, u32 pass_at, i32 m) {
  i32 n_chunks = (i32)gpu_pick_chunks(&k->desc);
  gpu_dispatch(k->pipelines[k->pick_chunk].handle, bind, pass_at, n_chunks, m, 1);
  gpu_dispatch(k->pipelines[k->pick_join].handle, bind, pass_at, m, 1, 1);
}
