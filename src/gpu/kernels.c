/* The pipelines of one model: which there are, when they are ready, which variant runs a product.
 * See kernels.h. The texts: kernels_pipelines.c; the trial of each: kernels_check.c. */
#include "base/text_out.h"
#include "gpu/kernels_internal.h"
#include "gpu/orphans.h"

isize gpu_kernels_bytes(void) { return (isize)sizeof(gpu_kernels) + alignof(gpu_kernels); }

static bool asked(u8 formats, isize format) { return (formats >> format & 1) != 0; }

static void variant_open(gpu_kernels *k, gpu_op op, gpu_format format, gpu_variant variant) {
  if (k->matmul[op][format][variant] >= 0) return;
  k->matmul[op][format][variant] = gpu_pipeline_add(k, GPU_MATMUL, op, format, variant);
}
static void ways_open(gpu_kernels *k, gpu_op op, gpu_format format, bool ints) {
  for (isize i = 0; i < GPU_CLASSES; i++) {
    gpu_variant variant = (gpu_variant)(ints ? GPU_VEC_INT + i : i);
    if (k->desc.variants == GPU_VARIANTS_PLAIN) variant = GPU_PLAIN;
    k->chosen[op][format][i] = variant;
    variant_open(k, op, format, variant);
  }
}
static void matmul_open(gpu_kernels *k, gpu_op op, gpu_format format) {
  ways_open(k, op, format, k->ints && gpu_format_has_ints(format));
}
void gpu_lora_f32(gpu_kernels *k, gpu_op op, gpu_format format) { ways_open(k, op, format, false); }

bool gpu_contested(const gpu_kernels *k, gpu_format *format) {
  if (!k->ints || k->desc.tune.products != GPU_PRODUCTS_MEASURED) return false;
  for (isize i = 0; i < GPU_FORMATS && gpu_format_has_ints((gpu_format)i); i++) {
    if (!asked(k->desc.matmul[GPU_NORM_SWIGLU], i)) continue;
    *format = (gpu_format)i;
    return true;
  }
  return false;
}

void gpu_products_f32(gpu_kernels *k) {
  k->ints = false;
  for (isize format = 0; gpu_format_has_ints((gpu_format)format); format++) {
    for (isize op = 0; op < GPU_OPS; op++) {
      if (asked(k->desc.matmul[op], format)) matmul_open(k, (gpu_op)op, (gpu_format)format);
    }
  }
  for (isize i = 0; i < k->n_trials; i++) {
    gpu_trial *t = &k->trials[i];
    if (t->kernel == GPU_MATMUL && t->state == TRIAL_DONE) t->state = TRIAL_NEW;
  }
}

static void pipelines_open(gpu_kernels *k) {
  const gpu_kernels_desc *desc = &k->desc;
  __builtin_memset(k->repack, 0xFF, sizeof k->repack); /* -1 */
  __builtin_memset(k->matmul, 0xFF, sizeof k->matmul);
  __builtin_memset(k->embed, 0xFF, sizeof k->embed);
  for (isize type = 0; type <= (isize)GGUF_BF16; type++) {
    for (isize format = 0; format < GPU_FORMATS; format++) {
      if (!asked(desc->repack[type], format)) continue;
      k->repack[type][format] =
          gpu_pipeline_add(k, GPU_REPACK, type, (gpu_format)format, GPU_PLAIN);
    }
  }
  gpu_format contested;
  if (gpu_contested(k, &contested)) variant_open(k, GPU_NORM_SWIGLU, contested, GPU_CHUNK);
  for (isize format = 0; format < GPU_FORMATS; format++) {
    for (isize op = 0; op < GPU_OPS; op++) {
      if (asked(desc->matmul[op], format)) matmul_open(k, (gpu_op)op, (gpu_format)format);
    }
    if (asked(desc->embed, format)) {
      k->embed[format] = gpu_pipeline_add(k, GPU_EMBED, 0, (gpu_format)format, GPU_PLAIN);
    }
  }
  k->attention = k->attention_quad = k->kv_move = k->pick_chunk = k->pick_join = -1;
  if (desc->d_rope) {
    k->attention = gpu_pipeline_add(k, GPU_ATTENTION, 0, GPU_F32, GPU_PLAIN);
    if (desc->variants == GPU_VARIANTS_FAST && k->device.subgroups &&
        desc->tune.attention != GPU_ATTENTION_PLAIN) {
      k->attention_quad = gpu_pipeline_add(k, GPU_ATTENTION, 0, GPU_F32, GPU_VEC);
    }
    k->kv_move = gpu_pipeline_add(k, GPU_KV_MOVE, 0, GPU_F32, GPU_PLAIN);
  }
  k->attention_chosen = k->attention;
  if (desc->n_vocab) { /* two pipelines, tried together */
    k->pick_chunk = gpu_pipeline_add(k, GPU_PICK, 0, GPU_F32, GPU_VEC);
    k->pick_join = gpu_pipeline_add(k, GPU_PICK, 0, GPU_F32, GPU_PLAIN);
  }
}

nf_status gpu_kernels_open(const gpu_kernels_desc *desc, arena *a, gpu_kernels **out) {
  ASSERT(desc->d_model % 32 == 0 && desc->d_ff % 32 == 0 && desc->n_heads * desc->d_head % 32 == 0);
  ASSERT(desc->d_head % 8 == 0 && desc->d_head <= 256 && desc->n_heads % desc->n_kv_heads == 0);
  gpu_kernels *k = arena_new(a, 1, gpu_kernels);
  if (!k) return NF_NO_MEMORY;
  k->desc = *desc;
  gpu_facts_get(&k->device);
  if (desc->variants == GPU_VARIANTS_AUTO) {
    bool software = bytes_equal(bytes_from_str(k->device.architecture), /* Chromium's */
                                bytes_from_str("swiftshader"));
    k->desc.variants = software ? GPU_VARIANTS_PLAIN : GPU_VARIANTS_FAST;
  }
  gpu_tune_fill(&k->desc.tune, k->desc.variants == GPU_VARIANTS_PLAIN);
  k->ints = k->device.int8_dot && k->desc.variants == GPU_VARIANTS_FAST &&
            k->desc.tune.products != GPU_PRODUCTS_F32;
  k->zero = gpu_buffer_make(64, GPU_STORAGE);
  k->unused = gpu_buffer_make(64, GPU_STORAGE);
  if (desc->n_vocab) {
    i64 parts = GPU_ROWS_MAX * gpu_pick_chunks(desc);
    k->pick_parts = gpu_buffer_make(parts * GPU_PICK_PART_BYTES, GPU_STORAGE);
  }
  k->slices = gpu_buffer_make(GPU_SLICE_SLOTS * GPU_ALIGN, GPU_UNIFORM);
  k->repack_uniform = gpu_buffer_make(GPU_REPACK_SLOTS * GPU_ALIGN, GPU_UNIFORM);
  pipelines_open(k);
  gpu_trials_open(k);
  *out = k;
  return NF_OK;
}

/* Few sizes, as each is so many pipelines more; the smallest holds a trial's ranks. */
static isize lora_room_for(isize rank) {
  isize room = GPU_TRIAL_RANK + 1;
  if (rank > room) room = 8;
  while (room < rank) room *= 2;
  return room;
}

/* Those there are have room for fewer ranks: all of them are made, and tried, again. */
static void lora_room_grow(gpu_kernels *k, isize room) {
  k->lora_room = room;
  for (isize op = GPU_NORM_STORE_LORA; op < GPU_OPS; op++) {
    gpu_shape *shapes[2] = {&k->desc.tune.shape[op], &k->desc.tune.shape_int[op]};
    for (isize i = 0; i < 2 && room > GPU_RANK_MAX / 2; i++) { /* so that 16 KiB hold a tile */
      if (shapes[i]->chunk_rows > 32) shapes[i]->chunk_rows = 32;
    }
    __builtin_memset(k->matmul[op], 0xFF, sizeof k->matmul[op]);
    for (isize format = 0; format < GPU_FORMATS; format++) {
      if (asked(k->desc.matmul[op], format)) matmul_open(k, (gpu_op)op, (gpu_format)format);
    }
  }
  for (isize i = 0; i < k->n_trials; i++) {
    gpu_trial *t = &k->trials[i];
    if (t->kernel != GPU_MATMUL || !gpu_op_has_lora((gpu_op)t->op_or_type)) continue;
    gpu_ticket_drop(t->ticket);
    t->ticket = 0;
    gpu_trial_end(t);
    t->state = TRIAL_NEW;
  }
}

void gpu_kernels_more(gpu_kernels *k, gpu_op op, gpu_format format, isize rank) {
  ASSERT(op < GPU_NORM_HEAD && 1 <= rank && rank <= GPU_RANK_MAX);
  op = gpu_op_lora(op);
  if (rank > k->lora_room) lora_room_grow(k, lora_room_for(rank));
  if (asked(k->desc.matmul[op], format)) return;
  k->desc.matmul[op] |= (u8)(1 << format);
  matmul_open(k, op, format);
  gpu_trials_open(k);
}

void gpu_kernels_close(gpu_kernels *k) {
  if (!k) return;
  gpu_trials_close(k);
  for (isize i = 0; i < k->n_pipelines; i++) gpu_pipeline_free(k->pipelines[i].handle);
  gpu_buffer_free(k->zero);
  gpu_buffer_free(k->unused);
  gpu_buffer_free(k->pick_parts);
  gpu_buffer_free(k->slices);
  gpu_buffer_free(k->repack_uniform);
  *k = (gpu_kernels){};
}

nf_status gpu_kernels_poll_repack(gpu_kernels *k, nf_error *error) {
  return gpu_trials_poll(k, true, error);
}

nf_status gpu_kernels_poll(gpu_kernels *k, nf_error *error) {
  nf_status status = gpu_trials_poll(k, true, error);
  return status ? status : gpu_trials_poll(k, false, error);
}

void gpu_kernels_facts_get(const gpu_kernels *k, gpu_kernels_facts *facts) {
  *facts = (gpu_kernels_facts){
      .n_pipelines = (i32)k->n_pipelines,
      .fast = k->desc.variants == GPU_VARIANTS_FAST,
      .attention_quad = k->attention >= 0 && k->attention_chosen == k->attention_quad,
      .products_int = k->ints,
      .n_replaced = k->n_replaced};
  bytes_copy(facts->replaced, k->replaced, (isize)sizeof k->replaced);
}
