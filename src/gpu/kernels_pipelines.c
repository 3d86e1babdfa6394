/* Which WGSL texts and constants make each pipeline, and what it is called. Owns those lists;
 * kernels.c decides which pipelines there are. */
#include "base/text_out.h"
#include "gguf/quant.h"
#include "gpu/kernels_internal.h"

static const char *const op_names[GPU_OPS] = {
    "norm_store",      "norm_swiglu",      "add_attn",      "add_ff",     "norm_head",
    "norm_store_lora", "norm_swiglu_lora", "add_attn_lora", "add_ff_lora"};
static const char *const format_names[GPU_FORMATS] = {"n4h", "n4f", "b8", "b8f", "f16", "f32"};
static const char *const variant_names[GPU_VARIANTS] = {
    "matmul_vec",     "matmul_vec4",     "matmul_chunk",    "matmul_plain",
    "matmul_vec_int", "matmul_vec4_int", "matmul_chunk_int"};
static const wgsl_text format_texts[GPU_FORMATS] = {WGSL_FORMAT_N4H, WGSL_FORMAT_N4F,
                                                    WGSL_FORMAT_B8,  WGSL_FORMAT_B8F,
                                                    WGSL_FORMAT_F16, WGSL_FORMAT_F32};

isize gpu_op_cols(const gpu_kernels_desc *desc, gpu_op op) {
  switch (gpu_op_base(op)) {
    case GPU_ADD_ATTN: return desc->n_heads * desc->d_head;
    case GPU_ADD_FF: return desc->d_ff;
    default: return desc->d_model;
  }
}
bool gpu_op_norms(gpu_op op) {
  gpu_op base = gpu_op_base(op);
  return base != GPU_ADD_ATTN && base != GPU_ADD_FF;
}
const char *gpu_op_name(gpu_op op) { return op_names[op]; }

isize gpu_pipeline_name(const gpu_pipeline *p, char *name, isize cap) {
  text_out o = {.at = name, .cap = cap - 1};
  switch (p->kernel) {
    case GPU_REPACK:
      out_str(&o, "repack:");
      out_str(&o, gguf_type_name((gguf_type)p->op_or_type));
      break;
    case GPU_MATMUL:
      out_str(&o, variant_names[p->variant]);
      out_str(&o, ":");
      out_str(&o, op_names[p->op_or_type]);
      break;
    case GPU_EMBED: out_str(&o, "embed"); break;
    case GPU_ATTENTION: out_str(&o, p->variant == GPU_VEC ? "attention_quad" : "attention"); break;
    case GPU_KV_MOVE: out_str(&o, "kv_move"); break;
    case GPU_PICK: out_str(&o, p->variant == GPU_VEC ? "pick_chunk" : "pick"); break;
  }
  if (p->kernel <= GPU_EMBED) {
    out_str(&o, ":");
    out_str(&o, format_names[p->format]);
  }
  name[o.len] = 0;
  return o.len;
}

/* ---- a shader being put together ---- */
typedef struct {
  nf_bytes parts[12];
  isize n_parts;
  gpu_constant constants[12];
  isize n_constants;
  const char *bindings;
} shader;

static void text(shader *s, wgsl_text which) {
  ASSERT(s->n_parts < 12);
  s->parts[s->n_parts++] = wgsl_texts[which];
}
static void constant(shader *s, const char *name, f64 value) {
  ASSERT(s->n_constants < 12);
  s->constants[s->n_constants++] = (gpu_constant){name, value};
}

/* The format's own text, and the one it shares. */
static void format_text(shader *s, gpu_format format) {
  text(s, format_texts[format]);
  if (format == GPU_N4H || format == GPU_N4F) text(s, WGSL_FORMAT_N4);
  if (format == GPU_B8 || format == GPU_B8F) text(s, WGSL_FORMAT_BYTES);
}

static bool type_is_float(gguf_type type) {
  return type == GGUF_F32 || type == GGUF_F16 || type == GGUF_BF16;
}

static void repack_shader(shader *s, const gpu_pipeline *p) {
  gguf_type type = (gguf_type)p->op_or_type;
  bool is_float = type_is_float(type);
  s->bindings = "urww";
  text(s, WGSL_REPACK);
  text(s, is_float ? WGSL_TYPE_FLOAT : type >= GGUF_Q4_K ? WGSL_TYPE_K : WGSL_TYPE_32);
  constant(s, "TYPE", type);
  if (is_float) {
    ASSERT(p->format == GPU_F32 || (p->format == GPU_F16 && type == GGUF_F16));
    text(s, WGSL_WRITE_FLOAT);
    constant(s, "WIDE", p->format == GPU_F32);
  } else if (p->format == GPU_F32) {
    text(s, WGSL_WRITE_F32);
  } else {
    ASSERT(p->format >= gpu_format_of(type) && p->format <= GPU_B8F);
    text(s, p->format <= GPU_N4F ? WGSL_WRITE_N4 : WGSL_WRITE_B8);
    constant(s, "WIDE", p->format == GPU_N4F || p->format == GPU_B8F);
  }
  text(s, WGSL_REPACK_MAIN);
}

const gpu_shape *gpu_variant_shape(const gpu_kernels *k, gpu_op op, gpu_variant variant) {
  const gpu_tune *tune = &k->desc.tune;
  return gpu_variant_is_int(variant) ? &tune->shape_int[op] : &tune->shape[op];
}
isize gpu_variant_rows(const gpu_kernels *k, gpu_op op, gpu_variant variant) {
  const gpu_shape *shape = gpu_variant_shape(k, op, variant);
  switch (gpu_variant_kind(variant)) {
    case GPU_VEC: return shape->vec_rows;
    case GPU_VEC4: return shape->vec4_rows;
    case GPU_CHUNK: return (isize)shape->chunk_rows * shape->chunk_tiles;
    default: break;
  }
  return 64;
}
isize gpu_variant_m(const gpu_kernels *k, gpu_op op, gpu_variant variant) {
  switch (gpu_variant_kind(variant)) {
    case GPU_VEC4: return 4;
    case GPU_CHUNK: return gpu_variant_shape(k, op, variant)->chunk_m;
    default: break;
  }
  return 1;
}

/* A block of x in workgroup memory: wgsl/staged_int.wgsl, shared_int.wgsl, staged_f32.wgsl. */
constexpr isize INT_BLOCK_BYTES = 80, SHARED_BLOCK_BYTES = 140, F32_BLOCK_BYTES = 144;

/* Blocks that a workgroup has in memory at a time: all, or equal shares that fit. */
static isize blocks_at_a_time(isize n_blocks, isize most) {
  isize chunks = (n_blocks + 3) / 4, n_rounds = (chunks + most / 4 - 1) / (most / 4);
  return (chunks + n_rounds - 1) / n_rounds * 4;
}

/* Pairs that the outputs of one workgroup belong to. */
static isize lora_pairs(gpu_op op) { return gpu_op_base(op) == GPU_NORM_SWIGLU ? 2 : 1; }
/* Rows of A that ride along in a workgroup, in its format; 0: it adds nothing. */
static isize lora_rows(const gpu_kernels *k, const gpu_pipeline *p) {
  gpu_op op = (gpu_op)p->op_or_type;
  if (!gpu_op_has_lora(op)) return 0;
  return k->lora_room * lora_pairs(op) * gpu_lora_parts(p->format);
}

static void vec_shader(shader *s, const gpu_kernels *k, const gpu_pipeline *p, isize m, isize rows,
                       isize each) {
  isize n_blocks = gpu_op_cols(&k->desc, (gpu_op)p->op_or_type) / 32, a_rows = lora_rows(k, p);
  bool ints = gpu_variant_is_int(p->variant);
  bool shared = ints && m == 1; /* of four rows threads have enough to make */
  isize x_bytes = shared ? SHARED_BLOCK_BYTES : ints ? INT_BLOCK_BYTES : 0;
  isize all = rows + a_rows, block = (all + 1) * 4 + x_bytes;
  isize most = (isize_max(k->device.workgroup_bytes_max, 16384) - 4 * m * a_rows) / (m * block);
  isize blocks = blocks_at_a_time(n_blocks, isize_max(most, 4));
  /* a thread a block, as far as that goes */
  if (all % each != 0) each = 1;
  isize threads = isize_max(round_up(all / each * isize_min(blocks, n_blocks), 16), rows * m);
  isize top = a_rows > 0 ? isize_max(isize_min(k->device.invocations_max, 512), 256) : 256;
  text(s, shared ? WGSL_SHARED_INT : ints ? WGSL_STAGED_INT : WGSL_DIRECT_F32);
  text(s, WGSL_MATMUL_VEC);
  constant(s, "WG", (f64)isize_min(threads, isize_max(top, rows * m)));
  constant(s, "ROWS", (f64)rows);
  constant(s, "EACH", (f64)each);
  constant(s, "M_MAX", (f64)m);
  constant(s, "SEG", (f64)blocks);
}

static void chunk_shader(shader *s, const gpu_kernels *k, const gpu_pipeline *p,
                         const gpu_shape *shape) {
  isize n_blocks = gpu_op_cols(&k->desc, (gpu_op)p->op_or_type) / 32;
  isize m = shape->chunk_m, all = shape->chunk_rows + lora_rows(k, p);
  isize each = all % shape->chunk_each == 0 ? shape->chunk_each : 2; /* all is even */
  bool ints = gpu_variant_is_int(p->variant);
  isize block = ints ? INT_BLOCK_BYTES : F32_BLOCK_BYTES, n_chunks = (n_blocks + 3) / 4;
  /* of a chunk; of all */
  isize bytes = 4 * m * (block + all), fixed = 4 * m * (2 * all + n_chunks);
  isize most = (isize_max(k->device.workgroup_bytes_max, 16384) - fixed) / bytes;
  most = isize_min(most, isize_max(k->device.invocations_max, 256) * each / all);
  text(s, ints ? WGSL_STAGED_INT : WGSL_STAGED_F32);
  text(s, WGSL_MATMUL_CHUNK);
  text(s, ints ? WGSL_CHUNK_INT : WGSL_CHUNK_F32);
  constant(s, "ROWS", shape->chunk_rows);
  constant(s, "EACH", (f64)each);
  constant(s, "M_MAX", (f64)m);
  constant(s, "TILES", shape->chunk_tiles);
  constant(s, "SEG", (f64)blocks_at_a_time(n_blocks, isize_max(4 * most, 4)));
}

static void matmul_shader(shader *s, const gpu_kernels *k, const gpu_pipeline *p) {
  const gpu_kernels_desc *desc = &k->desc;
  gpu_op op = (gpu_op)p->op_or_type, base = gpu_op_base(op);
  const gpu_shape *shape = gpu_variant_shape(k, op, p->variant);
  bool ints = gpu_variant_is_int(p->variant), lora = gpu_op_has_lora(op);
  s->bindings = lora ? "ucrrrrwrrr" : "ucrrrrw";
  if (ints) text(s, WGSL_INT8_DOT);
  text(s, WGSL_PASS);
  text(s, WGSL_BLOCK);
  text(s, WGSL_MATMUL);
  text(s, lora ? WGSL_LORA_ROWS : WGSL_LORA_NONE);
  if (lora && p->variant == GPU_PLAIN) text(s, WGSL_LORA_OWN);
  format_text(s, p->format);
  if (p->variant != GPU_PLAIN) text(s, ints ? WGSL_PARTS_INT : WGSL_PARTS_F32);
  constant(s, "COLS", (f64)gpu_op_cols(desc, op));
  constant(s, "NORM", gpu_op_norms(op));
  constant(s, "EPILOGUE", base == GPU_NORM_SWIGLU ? 2 : gpu_op_norms(op) ? 0 : 1);
  constant(s, "EPS", (f64)desc->rms_eps);
  if (lora) {
    constant(s, "LORA", (f64)k->lora_room);
    constant(s, "LORA_PAIRS", (f64)lora_pairs(op));
    constant(s, "LORA_PARTS", (f64)gpu_lora_parts(p->format));
  }
  switch (gpu_variant_kind(p->variant)) {
    case GPU_VEC: vec_shader(s, k, p, 1, shape->vec_rows, shape->vec_each); break;
    case GPU_VEC4: vec_shader(s, k, p, 4, shape->vec4_rows, shape->vec4_each); break;
    case GPU_CHUNK: chunk_shader(s, k, p, shape); break;
    default: text(s, WGSL_MATMUL_PLAIN); break;
  }
}

static void attention_shader(shader *s, const gpu_kernels *k, gpu_variant variant) {
  const gpu_kernels_desc *desc = &k->desc;
  s->bindings = "urrrww";
  if (variant == GPU_VEC) text(s, WGSL_SUBGROUPS);
  text(s, WGSL_PASS);
  text(s, WGSL_ATTENTION);
  text(s, variant == GPU_VEC ? WGSL_ATTENTION_QUAD : WGSL_ATTENTION_LANES);
  constant(s, "N_HEADS", (f64)desc->n_heads);
  constant(s, "N_KV", (f64)desc->n_kv_heads);
  constant(s, "D_HEAD", (f64)desc->d_head);
  constant(s, "D_ROPE", (f64)desc->d_rope);
  constant(s, "WG", (f64)isize_max(desc->tune.attention_threads, round_up(desc->d_head / 4, 16)));
  constant(s, "SCALE", 1 / __builtin_sqrt((f64)desc->d_head));
}

i16 gpu_pipeline_add(gpu_kernels *k, gpu_kernel kernel, isize op_or_type, gpu_format format,
                     gpu_variant variant) {
  const gpu_kernels_desc *desc = &k->desc;
  ASSERT(k->n_pipelines < GPU_PIPELINES_MAX && variant < GPU_VARIANTS);
  i16 at = (i16)k->n_pipelines++;
  gpu_pipeline *p = &k->pipelines[at];
  *p = (gpu_pipeline){
      .kernel = kernel, .op_or_type = (u8)op_or_type, .format = format, .variant = variant};
  shader s = {};
  switch (kernel) {
    case GPU_REPACK: repack_shader(&s, p); break;
    case GPU_MATMUL: matmul_shader(&s, k, p); break;
    case GPU_EMBED:
      s.bindings = "ucrrrrw";
      text(&s, WGSL_PASS);
      text(&s, WGSL_BLOCK);
      format_text(&s, format);
      text(&s, WGSL_EMBED);
      constant(&s, "COLS", (f64)desc->d_model);
      break;
    case GPU_ATTENTION: attention_shader(&s, k, variant); break;
    case GPU_KV_MOVE:
      s.bindings = "uw";
      text(&s, WGSL_KV_MOVE);
      constant(&s, "D_HEAD", (f64)desc->d_head);
      break;
    case GPU_PICK:
      s.bindings = "urrww";
      text(&s, WGSL_PASS);
      text(&s, WGSL_PICK);
      text(&s, variant == GPU_VEC ? WGSL_PICK_CHUNK : WGSL_PICK_JOIN);
      constant(&s, "N_VOCAB", (f64)desc->n_vocab);
      constant(&s, "WG", desc->tune.pick_threads);
      break;
  }
  char name[64];
  gpu_pipeline_name(p, name, (isize)sizeof name);
  p->handle = gpu_pipeline_make(&(gpu_pipeline_desc){.name = name,
                                                     .parts = s.parts,
                                                     .n_parts = s.n_parts,
                                                     .constants = s.constants,
                                                     .n_constants = s.n_constants,
                                                     .bindings = s.bindings});
  return at;
}
