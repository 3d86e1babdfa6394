/* Opening a model: the table of weights over the file's bytes, repacked in place. Shapes were
 * checked by shape.c before anything here reads a tensor. Does not compute: forward_cpu.c. */
#include "base/math.h"
#include "base/text_out.h"
#include "model/model_internal.h"

isize model_bytes(const model_shape *shape) {
  isize n = bytes_of_n(1, (isize)sizeof(model) + MODEL_LINE);
  n = bytes_add(n, bytes_of_n(shape->n_layers, (isize)sizeof(model_layer)));
  n = bytes_add(n, bytes_of_n(shape->d_rope / 2, (isize)sizeof(f64)));
  return bytes_add(n, bytes_of_n(shape->pack_scratch_bytes, 1));
}

isize model_bare_bytes(void) { return bytes_of_n(1, (isize)sizeof(model) + MODEL_LINE); }

model *model_bare(const model_shape *shape, arena *a) {
  model *m = arena_alloc(a, 1, (isize)sizeof(model), MODEL_LINE);
  if (m != nullptr) m->shape = *shape;
  return m;
}

const model_shape *model_shape_get(const model *m) { return &m->shape; }

/* What one tensor of the file is for the opened model. */
typedef struct {
  const gguf_file *file;
  const arch_table *arch;
  u8 *file_at;
} source;

static const f32 *vector_of(const source *s, arch_tensor which, isize i_layer) {
  const gguf_tensor *t = model_tensor_find(s->file, s->arch, which, i_layer);
  return (const f32 *)(const void *)(s->file_at + t->offset);
}

static k_weight weight_of(const source *s, arch_tensor which, isize i_layer) {
  const gguf_tensor *t = model_tensor_find(s->file, s->arch, which, i_layer);
  return (k_weight){
      .type = t->type, .rows = t->dims[1], .cols = t->dims[0], .at = s->file_at + t->offset};
}

static void weight_pack(k_weight *w, const source *s, u8 *scratch) {
  k_weight_pack(w, s->file_at + (w->at - s->file_at), scratch);
}

nf_status model_rope_step(const model_shape *shape, isize i, const f32 *factor, f64 *step,
                          nf_error *error) {
  f64 divisor = factor ? (f64)*factor : 1;
  if (!(divisor >= 1 && divisor < 1e9)) {
    return error_set(error, NF_BAD_INPUT, E_STR("tensor rope_freqs.weight: value "), E_INT(i),
                     E_STR(" is not a factor of 1 or more"));
  }
  f64 exponent = -2 * (f64)i / (f64)shape->d_rope;
  *step = math_pow((f64)shape->rope_base, exponent) / divisor;
  return NF_OK;
}

static nf_status rope_steps_fill(model *m, const source *s, nf_error *error) {
  const f32 *factors = nullptr;
  if (model_tensor_find(s->file, s->arch, TENSOR_ROPE_FACTORS, 0)) {
    factors = vector_of(s, TENSOR_ROPE_FACTORS, 0);
  }
  for (isize i = 0; i < m->shape.d_rope / 2; i++) {
    const f32 *factor = factors ? &factors[i] : nullptr;
    nf_status status = model_rope_step(&m->shape, i, factor, &m->rope_step[i], error);
    if (status != NF_OK) return status;
  }
  return NF_OK;
}

static void layer_open(model_layer *layer, const source *s, isize i, u8 *scratch) {
  *layer = (model_layer){
      .attn_norm = vector_of(s, TENSOR_ATTN_NORM, i),
      .ffn_norm = vector_of(s, TENSOR_FFN_NORM, i),
      .q = weight_of(s, TENSOR_Q, i),
      .k = weight_of(s, TENSOR_K, i),
      .v = weight_of(s, TENSOR_V, i),
      .o = weight_of(s, TENSOR_O, i),
      .gate = weight_of(s, TENSOR_GATE, i),
      .up = weight_of(s, TENSOR_UP, i),
      .down = weight_of(s, TENSOR_DOWN, i),
  };
  k_weight *weights[] = {&layer->q,    &layer->k,  &layer->v,   &layer->o,
                         &layer->gate, &layer->up, &layer->down};
  for (isize j = 0; j < 7; j++) weight_pack(weights[j], s, scratch);
}

nf_status model_open(const gguf_file *file, u8 *file_at, const k_table *table, arena *a,
                     model **out, nf_error *error) {
  model_shape shape;
  nf_status status = model_shape_read(file, &shape, error);
  if (status) return status;
  arena start = *a;
  model *m = arena_alloc(a, 1, (isize)sizeof(model), MODEL_LINE);
  model_layer *layers =
      arena_alloc(a, shape.n_layers, (isize)sizeof(model_layer), alignof(model_layer));
  f64 *rope_step = arena_new(a, shape.d_rope / 2, f64);
  arena end = *a; /* the scratch behind it is given back */
  u8 *scratch = arena_alloc_raw(a, shape.pack_scratch_bytes, 1, MODEL_LINE);
  if (!m || !layers || !rope_step || !scratch) {
    *a = start;
    return error_set(error, NF_NO_MEMORY, E_STR("no room for the model's tables: "),
                     E_INT(model_bytes(&shape)), E_STR(" bytes"));
  }
  *m = (model){.shape = shape, .table = table, .rope_step = rope_step, .layers = layers};
  source s = {.file = file, .arch = model_arch_of(file), .file_at = file_at};
  if ((status = rope_steps_fill(m, &s, error))) {
    *a = start;
    return status;
  }
  m->output_norm = vector_of(&s, TENSOR_OUTPUT_NORM, 0);
  m->embed = weight_of(&s, TENSOR_EMBED, 0);
  weight_pack(&m->embed, &s, scratch);
  m->head = m->embed;
  if (!shape.tied) {
    m->head = weight_of(&s, TENSOR_HEAD, 0);
    weight_pack(&m->head, &s, scratch);
  }
  for (isize i = 0; i < shape.n_layers; i++) layer_open(&layers[i], &s, i, scratch);
  *a = end;
  *out = m;
  return NF_OK;
}
