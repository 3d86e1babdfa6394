/* kernels.h as a wasm module for kernels*.test.mjs: each call as an export, its structs built from
 * flat arguments, and the CPU's definitions (quant.h, kernel_ref.c, pick.h) beside them. Linked
 * with wasm_gpu.c, which has gpu.h. Kernels, weights and products live in numbered places. */
#include "base/math.h"
#include "gguf/quant.h"
#include "gpu/kernels.h"
#include "kernel/kernel.h"
#include "model/pick.h"

#pragma clang diagnostic ignored "-Wmissing-prototypes"
#define EXPORT(name) __attribute__((export_name(#name))) name

static _Alignas(64) u8 big[40 << 20];
static _Alignas(64) u8 kernel_room[4][128 << 10];
static gpu_kernels *kernels[4];
static gpu_weight weights[16];
static gpu_matmul matmuls[16];
static gpu_embed embeds[4];
static gpu_lora loras[4];
static nf_error error;

u8 *EXPORT(big_room)(void) { return big; }
const char *EXPORT(kernels_line)(void) { return error.line; }

/* d_model, d_ff, n_heads, n_kv_heads, d_head, d_rope, n_vocab, eps, variants, embed, matmul[5],
 * then pairs (type, formats) to repack up to a negative type */
i32 EXPORT(kernels_open)(i32 i, const f64 *v) {
  gpu_kernels_desc d = {.d_model = (isize)v[0],
                        .d_ff = (isize)v[1],
                        .n_heads = (isize)v[2],
                        .n_kv_heads = (isize)v[3],
                        .d_head = (isize)v[4],
                        .d_rope = (isize)v[5],
                        .n_vocab = (isize)v[6],
                        .rms_eps = (f32)v[7],
                        .variants = (gpu_variants)v[8],
                        .embed = (u8)v[9]};
  for (i32 j = 0; j < GPU_NORM_STORE_LORA; j++) d.matmul[j] = (u8)v[10 + j];
  for (v += 10 + GPU_NORM_STORE_LORA; v[0] >= 0; v += 2) d.repack[(i32)v[0]] = (u8)v[1];
  arena a = arena_of(kernel_room[i], sizeof kernel_room[i]);
  return gpu_kernels_open(&d, &a, &kernels[i]);
}
/* gpu_tune_set, for the kernels opened from now on; text: n bytes at big_room. */
i32 EXPORT(tune_set)(const u8 *text, i32 n) { return gpu_tune_set(bytes_of(text, n)); }
void EXPORT(kernels_more)(i32 i, i32 op, i32 format, i32 rank) {
  gpu_kernels_more(kernels[i], (gpu_op)op, (gpu_format)format, rank);
}
i32 EXPORT(kernels_poll)(i32 i) { return gpu_kernels_poll(kernels[i], &error); }
i32 EXPORT(kernels_poll_repack)(i32 i) { return gpu_kernels_poll_repack(kernels[i], &error); }
void EXPORT(kernels_close)(i32 i) { gpu_kernels_close(kernels[i]); }
/* Returns n_replaced; the names lie at kernels_replaced. */
static gpu_kernels_facts facts;
i32 EXPORT(kernels_facts)(i32 i) {
  gpu_kernels_facts_get(kernels[i], &facts);
  return facts.n_replaced;
}
i32 EXPORT(kernels_attention_quad)(void) { return facts.attention_quad; }
i32 EXPORT(kernels_products_int)(void) { return facts.products_int; }
const char *EXPORT(kernels_replaced)(void) { return facts.replaced; }

i32 EXPORT(format_of)(i32 type) { return gpu_format_of((gguf_type)type); }
i32 EXPORT(format_join)(i32 a, i32 b) { return gpu_format_join((gpu_format)a, (gpu_format)b); }
i32 EXPORT(weight_make)(i32 i, i32 format, i32 rows, i32 cols) {
  return gpu_weight_make((gpu_format)format, rows, cols, &weights[i], &error);
}
i32 EXPORT(weight_slices)(i32 i) { return (i32)weights[i].n_slices; }
void EXPORT(weight_free)(i32 i) { gpu_weight_free(&weights[i]); }
void EXPORT(repack)(i32 k, i32 w, i32 type, i32 staging, f64 at, f64 staging_bytes, i32 row,
                    i32 n_rows, i32 row0, i32 step) {
  gpu_kernels_repack(kernels[k], &(gpu_repack){.type = (gguf_type)type,
                                               .staging = staging,
                                               .at = (i64)at,
                                               .staging_bytes = (i64)staging_bytes,
                                               .row = row,
                                               .n_rows = n_rows,
                                               .w = &weights[w],
                                               .row0 = row0,
                                               .step = step});
}
void EXPORT(repack_submitted)(i32 k) { gpu_kernels_repack_submitted(kernels[k]); }

static gpu_binding binding(const f64 *v) { return (gpu_binding){(i32)v[0], (i64)v[1], (i64)v[2]}; }
i32 EXPORT(lora_make)(i32 i, i32 format, i32 rows, i32 cols) {
  return gpu_lora_make((gpu_format)format, rows, cols, &weights[i], &error);
}
void EXPORT(lora_write)(i32 i, i32 row, const u8 *q8_0) { gpu_lora_write(&weights[i], row, q8_0); }
/* rank, scale[3], pair_from[2], a's place, b (three numbers) */
void EXPORT(lora_set)(i32 i, const f64 *v) {
  loras[i] = (gpu_lora){.rank = (isize)v[0],
                        .scale = {(f32)v[1], (f32)v[2], (f32)v[3]},
                        .pair_from = {(isize)v[4], (isize)v[5]},
                        .a = &weights[(i32)v[6]],
                        .slices = gpu_buffer_make(GPU_SLICES_MAX * GPU_ALIGN, GPU_UNIFORM),
                        .b = binding(v + 7)};
}
/* op: of the base; x, norm, add, y: three numbers each; lora < 0: none */
void EXPORT(matmul_bind)(i32 k, i32 i, i32 op, i32 w, i32 pass, const f64 *v, i32 lora) {
  gpu_matmul_bind(kernels[k],
                  &(gpu_matmul_desc){.op = lora < 0 ? (gpu_op)op : gpu_op_lora((gpu_op)op),
                                     .w = &weights[w],
                                     .pass = pass,
                                     .x = binding(v),
                                     .norm = binding(v + 3),
                                     .add = binding(v + 6),
                                     .y = binding(v + 9),
                                     .lora = lora < 0 ? nullptr : &loras[lora]},
                  &matmuls[i]);
}
void EXPORT(matmul_run)(i32 k, i32 i, u32 pass_at, i32 m) {
  gpu_matmul_run(kernels[k], &matmuls[i], pass_at, m);
}
void EXPORT(matmul_free)(i32 i) { gpu_matmul_free(&matmuls[i]); }
/* x: three numbers */
void EXPORT(embed_bind)(i32 k, i32 i, i32 w, i32 pass, i32 records, f64 records_bytes, i32 results,
                        f64 results_bytes, const f64 *x) {
  gpu_embed_bind(kernels[k],
                 &(gpu_embed_desc){.w = &weights[w],
                                   .pass = pass,
                                   .records = records,
                                   .results = results,
                                   .records_bytes = (i64)records_bytes,
                                   .results_bytes = (i64)results_bytes,
                                   .x = binding(x)},
                 &embeds[i]);
}
void EXPORT(embed_run)(i32 k, i32 i, u32 pass_at, i32 m) {
  gpu_embed_run(kernels[k], &embeds[i], pass_at, m);
}
/* qkv, rope, kv, out */
i32 EXPORT(attention_bind)(i32 k, i32 pass, i32 records, f64 records_bytes, const f64 *v) {
  return gpu_attention_bind(kernels[k], &(gpu_attention_desc){.pass = pass,
                                                              .records = records,
                                                              .records_bytes = (i64)records_bytes,
                                                              .qkv = binding(v),
                                                              .rope = binding(v + 3),
                                                              .kv = binding(v + 6),
                                                              .out = binding(v + 9)});
}
void EXPORT(attention_run)(i32 k, i32 bind, u32 pass_at, i32 m) {
  gpu_attention_run(kernels[k], bind, pass_at, m);
}
i32 EXPORT(pick_bind)(i32 k, i32 pass, i32 records, f64 records_bytes, i32 results,
                      f64 results_bytes, const f64 *logits) {
  return gpu_pick_bind(kernels[k], &(gpu_pick_desc){.pass = pass,
                                                    .records = records,
                                                    .results = results,
                                                    .records_bytes = (i64)records_bytes,
                                                    .results_bytes = (i64)results_bytes,
                                                    .logits = binding(logits)});
}
void EXPORT(pick_run)(i32 k, i32 bind, u32 pass_at, i32 m) {
  gpu_pick_run(kernels[k], bind, pass_at, m);
}

/* ---- the CPU's definitions ---- */
i32 EXPORT(row_bytes)(i32 type, i32 cols) { return (i32)quant_row_bytes((gguf_type)type, cols); }
void EXPORT(decode_row)(i32 type, const u8 *from, f32 *to, i32 n) {
  quant_decode_row((gguf_type)type, from, to, n);
}
i32 EXPORT(half_of)(f32 x) { return f16_from_f32(x); }
void EXPORT(ref_matmul)(f32 *y, i32 type, const u8 *raw, i32 rows, i32 cols, const f32 *x, i32 m) {
  k_weight w = {.type = (gguf_type)type, .rows = rows, .cols = cols, .at = raw};
  k_rows r = {.d = cols, .m_max = m, .x = x};
  k_table_named("ref")->matmul(y, rows, &w, &r, m, 0, k_tiles(&w));
}
void EXPORT(ref_norm)(f32 *y, const f32 *x, const f32 *w, i32 d, f32 eps) {
  k_table_named("ref")->rms_norm(y, x, w, d, eps);
}
void EXPORT(ref_swiglu)(f32 *y, const f32 *gate, const f32 *up, i32 n) {
  k_table_named("ref")->swiglu(y, gate, up, n);
}
void EXPORT(ref_rope)(f32 *x, const f32 *cos_sin, i32 n) {
  k_table_named("ref")->rope(x, cos_sin, n);
}
/* One row, one head; k and v [.][d], keys 0..n - 1 in order. */
void EXPORT(ref_attention)(f32 *out, const f32 *q, const f32 *k, const f32 *v, i32 d, i32 n,
                           f32 *scratch) {
  k_table_named("ref")->attention(out, q, k, v, d, n, d, (f32)(1 / __builtin_sqrt((f64)d)),
                                  scratch);
}
/* The noise of a token; its logarithm in f64. */
f64 EXPORT(ref_gumbel)(u32 seed_low, u32 seed_high, u32 pos, u32 token) {
  return (f64)pick_gumbel(pick_hash((u64)seed_high << 32 | seed_low, pos, token));
}
/* Rotations of positions [0, n): pairs of base^(-2i / d). */
void EXPORT(rope_table)(f32 *to, i32 n, i32 d) {
  for (i32 pos = 0; pos < n; pos++) {
    for (i32 i = 0; i < d; i += 2) {
      f64 s, c;
      math_sincos(pos * math_pow(10000, -(f64)i / d), &s, &c);
      *to++ = (f32)c, *to++ = (f32)s;
    }
  }
}
