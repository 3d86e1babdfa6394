/* f32 -> blocks, with the results of llama.cpp's reference quantizers, ties included: where
 * its compiled C fuses a multiply and an add (Q4_0's rounding), so does this, by way of f64.
 * Does not search for better scales. Values that are not finite give some block, never
 * undefined behaviour: whoever quantizes a model checks for them first.
 * Source: ggml-quants.c, quantize_row_*_ref. */
#include "gguf/quant.h"

static void store_u16(u8 *p, u16 v) {
  p[0] = (u8)v;
  p[1] = (u8)(v >> 8);
}

static void store_half(u8 *p, f32 x) { store_u16(p, f16_from_f32(x)); }

static f32 magnitude(f32 x) { return x < 0 ? -x : x; }

static f32 inverse(f32 d) { return d != 0 ? 1.0f / d : 0.0f; }

/* Whole part of x, kept within [0, 15]; 0 for NaN. */
static u8 nibble(f32 x) { return !(x > 0) ? 0 : x >= 15 ? 15 : (u8)x; }

/* Nearest whole number, halves away from zero, kept within an i8; 0 for NaN. */
static i8 byte_nearest(f32 x) {
  if (!(magnitude(x) < 127.5f)) return x > 0 ? 127 : x < 0 ? -127 : 0;
  i32 whole = (i32)x; /* toward zero; x - whole is exact */
  f32 rest = x - (f32)whole;
  return (i8)(whole + (rest >= 0.5f) - (rest <= -0.5f));
}

/* The scale maps the element of largest magnitude, sign and all, to -8. */
static void q4_0_encode(const f32 *x, u8 *b) {
  f32 largest = 0;
  for (isize j = 0; j < 32; j++) {
    if (magnitude(x[j]) > magnitude(largest)) largest = x[j];
  }
  f32 d = largest / -8, id = inverse(d);
  store_half(b, d);
  for (isize j = 0; j < 16; j++) {
    u8 low = nibble((f32)((f64)x[j] * id + 8.5));
    u8 high = nibble((f32)((f64)x[j + 16] * id + 8.5));
    b[2 + j] = (u8)(low | high << 4);
  }
}

static void q4_1_encode(const f32 *x, u8 *b) {
  f32 min = x[0], max = x[0];
  for (isize j = 1; j < 32; j++) {
    if (x[j] < min) min = x[j];
    if (x[j] > max) max = x[j];
  }
  f32 d = (max - min) / 15, id = inverse(d);
  store_half(b, d);
  store_half(b + 2, min);
  for (isize j = 0; j < 16; j++) {
    u8 low = nibble((x[j] - min) * id + 0.5f), high = nibble((x[j + 16] - min) * id + 0.5f);
    b[4 + j] = (u8)(low | high << 4);
  }
}

static void q8_0_encode(const f32 *x, u8 *b) {
  f32 largest = 0;
  for (isize j = 0; j < 32; j++) {
    if (magnitude(x[j]) > largest) largest = magnitude(x[j]);
  }
  f32 d = largest / 127, id = inverse(d);
  store_half(b, d);
  for (isize j = 0; j < 32; j++) b[2 + j] = (u8)byte_nearest(x[j] * id);
}

nf_status quant_encode_row(gguf_type type, const f32 *src, u8 *dst, isize n) {
  quant_layout layout = quant_layout_of(type);
  if (layout.block_elements == 0) return NF_UNSUPPORTED;
  ASSERT(n >= 0 && n % layout.block_elements == 0);
  for (isize i = 0; i < n; i += layout.block_elements, dst += layout.block_bytes) {
    switch (type) {
      case GGUF_F32: bytes_copy(dst, src + i, 4); break; /* little-endian machines only */
      case GGUF_F16: store_half(dst, src[i]); break;
      case GGUF_Q4_0: q4_0_encode(src + i, dst); break;
      case GGUF_Q4_1: q4_1_encode(src + i, dst); break;
      case GGUF_Q8_0: q8_0_encode(src + i, dst); break;
      default: return NF_UNSUPPORTED;
    }
  }
  return NF_OK;
}

nf_status quant_convert_row(gguf_type from, const u8 *src, gguf_type to, u8 *dst, isize n) {
  constexpr f32 value_max = 65504; /* the largest f16 */
  constexpr isize part = 256;      /* a multiple of every block */
  for (isize i = 0; i < n; i += part) {
    f32 x[part];
    isize n_part = isize_min(part, n - i);
    quant_decode_row(from, src + quant_row_bytes(from, i), x, n_part);
    for (isize k = 0; k < n_part; k++) {
      if (!(x[k] >= -value_max && x[k] <= value_max)) return NF_BAD_INPUT;
    }
    nf_status status = quant_encode_row(to, x, dst + quant_row_bytes(to, i), n_part);
    if (status != NF_OK) return status;
  }
  return NF_OK;
}
