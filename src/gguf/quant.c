/* Block layouts, half floats, and decoding: what each stored bit means. Encoding is in
 * quant_encode.c. Written to be read, not to be fast: kernels are checked against this.
 * Bytes of a block are named by offset because a file's rows have no alignment.
 * Source: ggml-common.h (layouts), ggml-quants.c (dequantize_row_*). */
#include "gguf/quant.h"

quant_layout quant_layout_of(gguf_type type) {
  switch (type) {
    case GGUF_F32: return (quant_layout){1, 4};
    case GGUF_F16:
    case GGUF_BF16: return (quant_layout){1, 2};
    case GGUF_Q4_0: return (quant_layout){32, 2 + 16};
    case GGUF_Q4_1: return (quant_layout){32, 2 + 2 + 16};
    case GGUF_Q5_0: return (quant_layout){32, 2 + 4 + 16};
    case GGUF_Q5_1: return (quant_layout){32, 2 + 2 + 4 + 16};
    case GGUF_Q8_0: return (quant_layout){32, 2 + 32};
    case GGUF_Q4_K: return (quant_layout){256, 2 + 2 + 12 + 128};
    case GGUF_Q5_K: return (quant_layout){256, 2 + 2 + 12 + 32 + 128};
    case GGUF_Q6_K: return (quant_layout){256, 128 + 64 + 16 + 2};
  }
  return (quant_layout){};
}

isize quant_row_bytes(gguf_type type, isize n) {
  quant_layout layout = quant_layout_of(type);
  if (layout.block_elements == 0 || n < 0 || n % layout.block_elements != 0) return -1;
  isize bytes;
  if (__builtin_mul_overflow(n / layout.block_elements, layout.block_bytes, &bytes)) return -1;
  return bytes;
}

/* ---- half floats: 1 sign, 5 exponent (bias 15), 10 fraction bits; IEEE 754-2008 3.6 ---- */

f32 f32_from_f16(u16 h) {
  u32 sign = (u32)(h & 0x8000) << 16;
  u32 exponent = h >> 10 & 31, fraction = h & 1023;
  if (exponent == 31) return f32_from_bits(sign | 0x7F800000 | fraction << 13); /* inf, NaN */
  if (exponent == 0) { /* zero, subnormal: fraction * 2^-24, exact in f32 */
    f32 x = (f32)fraction * 0x1p-24f;
    return f32_from_bits(sign | f32_to_bits(x));
  }
  return f32_from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

/* x >> shift, rounded to nearest, ties to even. 1 <= shift <= 31 */
static u32 shift_round(u32 x, u32 shift) {
  u32 kept = x >> shift, rest = x & ((1u << shift) - 1), half = 1u << (shift - 1);
  return kept + (rest > half || (rest == half && (kept & 1) != 0));
}

u16 f16_from_f32(f32 x) {
  u32 bits = f32_to_bits(x), magnitude = bits & 0x7FFFFFFF;
  u16 sign = (u16)(bits >> 16 & 0x8000);
  if (magnitude > 0x7F800000) return (u16)(sign | 0x7E00 | (magnitude >> 13 & 1023)); /* NaN */
  if (magnitude >= 0x47800000) return (u16)(sign | 0x7C00);                  /* 2^16 and up */
  if (magnitude >= 0x38800000) { /* 2^-14 and up; a carry may reach infinity, rightly */
    return (u16)(sign | shift_round(magnitude - (112u << 23), 13));
  }
  if (magnitude < 0x33000000) return sign; /* under half of the least subnormal */
  u32 significand = (magnitude & 0x7FFFFF) | 0x800000;
  return (u16)(sign | shift_round(significand, 126 - (magnitude >> 23)));
}

/* ---- 32-element blocks: element j < 16 in the low nibble of qs[j], j + 16 in the high ---- */

static f32 half_at(const u8 *p) { return f32_from_f16(load_u16(p)); }

static void q4_0_decode(const u8 *b, f32 *y) {
  f32 d = half_at(b);
  for (isize j = 0; j < 16; j++) {
    y[j] = (f32)((b[2 + j] & 15) - 8) * d;
    y[j + 16] = (f32)((b[2 + j] >> 4) - 8) * d;
  }
}

static void q4_1_decode(const u8 *b, f32 *y) {
  f32 d = half_at(b), m = half_at(b + 2);
  for (isize j = 0; j < 16; j++) {
    y[j] = (f32)(b[4 + j] & 15) * d + m;
    y[j + 16] = (f32)(b[4 + j] >> 4) * d + m;
  }
}

/* The fifth bit of element j is bit j of a 32-bit word before the nibbles. */
static i32 five_bits(u32 high, const u8 *qs, isize j) {
  i32 low = j < 16 ? qs[j] & 15 : qs[j - 16] >> 4;
  return low | (i32)(high >> j & 1) << 4;
}

static void q5_0_decode(const u8 *b, f32 *y) {
  f32 d = half_at(b);
  u32 high = load_u32(b + 2);
  for (isize j = 0; j < 32; j++) y[j] = (f32)(five_bits(high, b + 6, j) - 16) * d;
}

static void q5_1_decode(const u8 *b, f32 *y) {
  f32 d = half_at(b), m = half_at(b + 2);
  u32 high = load_u32(b + 4);
  for (isize j = 0; j < 32; j++) y[j] = (f32)five_bits(high, b + 8, j) * d + m;
}

static void q8_0_decode(const u8 *b, f32 *y) {
  f32 d = half_at(b);
  for (isize j = 0; j < 32; j++) y[j] = (f32)(i8)b[2 + j] * d;
}

/* ---- 256-element blocks ---- */

/* Scale and minimum of 32-element group g < 8, six bits each, packed in 12 bytes: groups 0-3
 * lie whole in bytes 0-3 and 4-7; 4-7 have their low nibbles in bytes 8-11 and their top two
 * bits above those of groups 0-3. */
static void k_scale_min(const u8 *s, isize g, i32 *scale, i32 *min) {
  if (g < 4) {
    *scale = s[g] & 63;
    *min = s[g + 4] & 63;
  } else {
    *scale = (s[g + 4] & 15) | s[g - 4] >> 6 << 4;
    *min = s[g + 4] >> 4 | s[g] >> 6 << 4;
  }
}

/* Groups 2p and 2p+1 share 32 bytes: low nibbles, then high nibbles. With five bits, the
 * fifth of group g is bit g of high[j]. */
static void q45_k_decode(const u8 *b, const u8 *high, const u8 *qs, f32 *y) {
  f32 d = half_at(b), d_min = half_at(b + 2);
  for (isize g = 0; g < 8; g++) {
    i32 scale, min;
    k_scale_min(b + 4, g, &scale, &min);
    f32 dg = d * (f32)scale, mg = d_min * (f32)min;
    for (isize j = 0; j < 32; j++) {
      i32 q = qs[g / 2 * 32 + j] >> (g % 2 * 4) & 15;
      if (high != nullptr) q |= (high[j] >> g & 1) << 4;
      y[g * 32 + j] = dg * (f32)q - mg;
    }
  }
}

/* Two halves of 128: 64 bytes of low nibbles and 32 bytes of top bit pairs each. Rows of 32
 * elements: row 0 and 1 low nibbles of the two 32-byte runs, 2 and 3 the high ones; row r has
 * bits 2r, 2r+1 of the pairs. A signed scale for each 16 elements. */
static void q6_k_decode(const u8 *b, f32 *y) {
  f32 d = half_at(b + 208);
  for (isize i = 0; i < 256; i++) {
    isize half = i / 128, row = i % 128 / 32, j = i % 32;
    i32 low = b[half * 64 + row % 2 * 32 + j] >> (row / 2 * 4) & 15;
    i32 top = b[128 + half * 32 + j] >> (row * 2) & 3;
    f32 scale = (f32)(i8)b[192 + i / 16];
    y[i] = d * scale * (f32)((low | top << 4) - 32);
  }
}

void quant_decode_row(gguf_type type, const u8 *src, f32 *dst, isize n) {
  quant_layout layout = quant_layout_of(type);
  ASSERT(layout.block_elements > 0 && n >= 0 && n % layout.block_elements == 0);
  for (isize i = 0; i < n; i += layout.block_elements, src += layout.block_bytes) {
    f32 *y = dst + i;
    switch (type) {
      case GGUF_F32: *y = f32_from_bits(load_u32(src)); break;
      case GGUF_F16: *y = half_at(src); break;
      case GGUF_BF16: *y = f32_from_bits((u32)load_u16(src) << 16); break;
      case GGUF_Q4_0: q4_0_decode(src, y); break;
      case GGUF_Q4_1: q4_1_decode(src, y); break;
      case GGUF_Q5_0: q5_0_decode(src, y); break;
      case GGUF_Q5_1: q5_1_decode(src, y); break;
      case GGUF_Q8_0: q8_0_decode(src, y); break;
      case GGUF_Q4_K: q45_k_decode(src, nullptr, src + 16, y); break;
      case GGUF_Q5_K: q45_k_decode(src, src + 16, src + 48, y); break;
      case GGUF_Q6_K: q6_k_decode(src, y); break;
    }
  }
}
