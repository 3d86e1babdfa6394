/* Formats of weights on the GPU: sizes, slices, buffers, and the repacking from a file's rows.
 * See kernels.h; the bits themselves are in wgsl/format_*.wgsl and write_*.wgsl. */
#include "base/text_out.h"
#include "gguf/quant.h"
#include "gpu/kernels_internal.h"

gpu_format_bytes gpu_format_bytes_of(gpu_format format) {
  switch (format) {
    case GPU_N4H: return (gpu_format_bytes){16, 4};
    case GPU_N4F: return (gpu_format_bytes){16, 8};
    case GPU_B8: return (gpu_format_bytes){32, 4};
    case GPU_B8F: return (gpu_format_bytes){32, 16};
    case GPU_F16: return (gpu_format_bytes){64, 0};
    case GPU_F32:
    case GPU_FORMATS: break;
  }
  return (gpu_format_bytes){128, 0};
}

gpu_format gpu_format_of(gguf_type type) {
  switch (type) {
    case GGUF_Q4_0:
    case GGUF_Q4_1: return GPU_N4H;
    case GGUF_Q4_K: return GPU_N4F;
    case GGUF_Q8_0: return GPU_B8;
    case GGUF_Q5_0:
    case GGUF_Q5_1:
    case GGUF_Q5_K:
    case GGUF_Q6_K: return GPU_B8F;
    case GGUF_F16: return GPU_F16;
    case GGUF_F32:
    case GGUF_BF16: break;
  }
  return GPU_F32;
}

gpu_format gpu_format_join(gpu_format a, gpu_format b) {
  if (a == b) return a;
  if (a > GPU_B8F || b > GPU_B8F) return GPU_F32;
  return a <= GPU_N4F && b <= GPU_N4F ? GPU_N4F : GPU_B8F;
}

nf_status gpu_weight_make(gpu_format format, isize rows, isize cols, gpu_weight *w,
                          nf_error *error) {
  ASSERT(rows >= 1 && cols >= 32 && cols % 32 == 0);
  gpu_facts facts;
  gpu_facts_get(&facts);
  gpu_format_bytes block = gpu_format_bytes_of(format);
  i64 row_q = cols / 32 * block.q_bytes, row_s = cols / 32 * block.s_bytes;
  i64 most = facts.binding_bytes_max / row_q; /* q is never smaller than s */
  i64 in_buffer = (facts.buffer_bytes_max - GPU_ALIGN) / (row_q + row_s);
  most = most < in_buffer ? most : in_buffer;
  most = most < (i64)GPU_GROUPS_MAX * 4 ? most : (i64)GPU_GROUPS_MAX * 4;
  most = most / 4 * 4;
  if (most < 4 || (rows + most - 1) / most > GPU_SLICES_MAX) {
    return error_set(error, NF_UNSUPPORTED, E_STR("a matrix of "), E_INT(rows), E_STR(" x "),
                     E_INT(cols), E_STR(" does not fit this GPU: it binds "),
                     E_INT((isize)(facts.binding_bytes_max >> 20)), E_STR(" MiB at a time"));
  }
  *w = (gpu_weight){.format = format, .rows = rows, .cols = cols};
  w->n_slices = (rows + (isize)most - 1) / (isize)most;
  w->rows_slice = round_up((rows + w->n_slices - 1) / w->n_slices, 4);
  for (isize i = 0; i < w->n_slices; i++) {
    i64 n = gpu_weight_slice_rows(w, i);
    i64 q_bytes = (n * row_q + GPU_ALIGN - 1) / GPU_ALIGN * GPU_ALIGN;
    w->buffers[i] = gpu_buffer_make(q_bytes + n * row_s, GPU_STORAGE);
  }
  return NF_OK;
}

void gpu_weight_free(gpu_weight *w) {
  for (isize i = 0; i < w->n_slices; i++) gpu_buffer_free(w->buffers[i]);
  *w = (gpu_weight){};
}

i64 gpu_weight_bytes(const gpu_weight *w) {
  gpu_format_bytes block = gpu_format_bytes_of(w->format);
  return (i64)w->rows * (w->cols / 32) * (block.q_bytes + block.s_bytes);
}

void gpu_weight_ranges(const gpu_weight *w, isize i, i32 none, gpu_binding q_s[2]) {
  gpu_format_bytes block = gpu_format_bytes_of(w->format);
  i64 n_blocks = (i64)gpu_weight_slice_rows(w, i) * (w->cols / 32);
  i64 q_bytes = n_blocks * block.q_bytes;
  i64 s_at = (q_bytes + GPU_ALIGN - 1) / GPU_ALIGN * GPU_ALIGN;
  q_s[0] = (gpu_binding){w->buffers[i], 0, q_bytes};
  q_s[1] = block.s_bytes ? (gpu_binding){w->buffers[i], s_at, n_blocks * block.s_bytes}
                         : (gpu_binding){none, 0, 64};
}

isize gpu_lora_parts(gpu_format format) {
  return format == GPU_N4H || format == GPU_N4F || format == GPU_F16 ? 2 : 1;
}

nf_status gpu_lora_make(gpu_format format, isize rows, isize cols, gpu_weight *a, nf_error *error) {
  nf_status status = gpu_weight_make(format, rows * gpu_lora_parts(format), cols, a, error);
  if (status != NF_OK || a->n_slices == 1) return status;
  gpu_weight_free(a);
  return error_set(error, NF_UNSUPPORTED, E_STR("an adapter of "), E_INT(rows), E_STR(" x "),
                   E_INT(cols), E_STR(" does not fit one of this GPU's bindings"));
}

/* A block scale * n of a part in its format. Nibbles: n + 128 is 16 times the first part's and the
 * second's; halves: the second is what the first lacks. */
static void lora_block(gpu_format format, isize part, f32 scale, const i8 n[32], u32 q[32],
                       u32 s[4]) {
  f32 nibbles[2] = {part == 0 ? 16 * scale : scale, part == 0 ? -128 * scale : 0};
  f32 bytes[4] = {scale, 0, scale, 0};
  for (isize i = 0; i < 32; i++) {
    f32 value = scale * (f32)n[i], high = f32_from_f16(f16_from_f32(value));
    u32 nibble = (u32)(n[i] + 128) >> (part == 0 ? 4 : 0) & 15;
    switch (format) {
      case GPU_N4H:
      case GPU_N4F: q[i % 16 / 4] |= nibble << (i % 4 * 8 + i / 16 * 4); break;
      case GPU_B8:
      case GPU_B8F: q[i / 4] |= (u32)(u8)n[i] << i % 4 * 8; break;
      case GPU_F16:
        q[i / 2] |= (u32)f16_from_f32(part == 0 ? value : value - high) << i % 2 * 16;
        break;
      default: q[i] = f32_to_bits(value); break;
    }
  }
  if (format == GPU_N4H) {
    s[0] = f16_from_f32(nibbles[0]) | (u32)f16_from_f32(nibbles[1]) << 16;
  } else if (format == GPU_N4F) {
    bytes_copy(s, nibbles, sizeof nibbles);
  } else {
    bytes_copy(s, bytes, sizeof bytes);
  }
}

void gpu_lora_write(const gpu_weight *a, isize r, const u8 *q8_0) {
  constexpr isize AT_ONCE = 16, Q8_0_BYTES = 34;
  gpu_format_bytes bytes = gpu_format_bytes_of(a->format);
  gpu_binding q_s[2];
  gpu_weight_ranges(a, 0, 0, q_s);
  isize n_blocks = a->cols / 32, n_parts = gpu_lora_parts(a->format);
  for (isize part = 0; part < n_parts; part++) {
    i64 first = (r * n_parts + part) * n_blocks;
    for (isize from = 0; from < n_blocks; from += AT_ONCE) {
      isize n = isize_min(AT_ONCE, n_blocks - from);
      u8 q[AT_ONCE * 128], s[AT_ONCE * 16];
      for (isize i = 0; i < n; i++) {
        const u8 *block = q8_0 + (from + i) * Q8_0_BYTES;
        u32 one_q[32] = {}, one_s[4] = {};
        i8 numbers[32];
        bytes_copy(numbers, block + 2, 32);
        lora_block(a->format, part, f32_from_f16(load_u16(block)), numbers, one_q, one_s);
        bytes_copy(q + i * bytes.q_bytes, one_q, bytes.q_bytes);
        bytes_copy(s + i * bytes.s_bytes, one_s, bytes.s_bytes);
      }
      gpu_buffer_write(q_s[0].buffer, q_s[0].at + (first + from) * bytes.q_bytes, q,
                       n * bytes.q_bytes);
      if (bytes.s_bytes == 0) continue;
      gpu_buffer_write(q_s[1].buffer, q_s[1].at + (first + from) * bytes.s_bytes, s,
                       n * bytes.s_bytes);
    }
  }
}

/* struct Repack of wgsl/repack.wgsl */
typedef struct {
  u32 at, n_rows, row_bytes, to, step, groups_x, n_blocks;
} repack_slot;

/* Rows [from, to) of the file, which all lie in slice i. */
static void repack_slice(gpu_kernels *k, const gpu_repack *r, isize i, isize from, isize to) {
  isize step = r->step ? r->step : 1, row_bytes = quant_row_bytes(r->type, r->w->cols);
  i64 groups = ((i64)(to - from) * (r->w->cols / 32) + 63) / 64;
  i32 groups_x = (i32)(groups < 16384 ? groups : 16384);
  repack_slot slot = {.at = (u32)(r->at + (from - r->row) * row_bytes),
                      .n_rows = (u32)(to - from),
                      .row_bytes = (u32)row_bytes,
                      .to = (u32)(r->row0 + step * from - i * r->w->rows_slice),
                      .step = (u32)step,
                      .groups_x = (u32)groups_x,
                      .n_blocks = (u32)(r->w->cols / 32)};
  ASSERT(k->n_repack_slots < GPU_REPACK_SLOTS);
  u32 slot_at = (u32)(k->n_repack_slots++ * GPU_ALIGN);
  gpu_buffer_write(k->repack_uniform, slot_at, &slot, sizeof slot);
  gpu_binding bindings[4] = {{k->repack_uniform, 0, sizeof slot},
                             {r->staging, 0, r->staging_bytes}};
  gpu_weight_ranges(r->w, i, k->unused, bindings + 2);
  i16 at = k->repack[r->type][r->w->format];
  ASSERT(at >= 0);
  i32 pipeline = k->pipelines[at].handle, bind = gpu_bind_make(pipeline, bindings, 4);
  gpu_dispatch(pipeline, bind, slot_at, groups_x, (i32)((groups + groups_x - 1) / groups_x), 1);
  gpu_bind_free(bind);
}

void gpu_kernels_repack(gpu_kernels *k, const gpu_repack *r) {
  isize step = r->step ? r->step : 1;
  ASSERT(r->n_rows >= 1 && r->row0 + step * (r->row + r->n_rows - 1) < r->w->rows);
  for (isize i = 0; i < r->w->n_slices; i++) {
    isize begin = i * r->w->rows_slice - r->row0, end = begin + gpu_weight_slice_rows(r->w, i);
    isize from = begin <= 0 ? 0 : (begin + step - 1) / step; /* the first row at or after begin */
    isize to = end <= 0 ? 0 : (end + step - 1) / step;
    from = isize_max(from, r->row);
    to = isize_min(to, r->row + r->n_rows);
    if (from < to) repack_slice(k, r, i, from, to);
  }
}

void gpu_kernels_repack_submitted(gpu_kernels *k) { k->n_repack_slots = 0; }
