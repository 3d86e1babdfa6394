/* About 45 vector primitives, once per instruction set: the only file that names one.
 * A kernel file picks its set with -DSIMD_<SET> (kernel/CMakeLists.txt) and includes
 * kernel_body.inc. Owns nothing, knows no model and no block layout.
 *
 *   vf, vi      SIMD_LANES f32 / i32; SIMD_VECS of them cover a tile of 16 weight rows
 *   v_fma       a * b + c, fused where the set has it: the one place where it may be
 *   wq, xq, acc dot products of 4 columns at a time, lanes = weight rows: wq holds 4 unsigned
 *               values of each row, xq the same 4 activations in every lane. An acc takes at
 *               most 8 dots of nibbles (its lanes may be 16 bits wide), then acc_end.
 *   SIMD_BYTES  1: wq may hold whole bytes (w_byte) minus SIMD_BYTE_ZERO; 0: only nibbles,
 *               Q8_0 is done as two products
 *   SIMD_UNPACK with few registers: from so many rows on, weights are unpacked to memory once
 *   SIMD_UNROLL before a product's loop over the columns of a block. Not in WebAssembly: there
 * clang orders a block of straight code by sums, one after the other, so that its weights and
 * activations are all alive at once, three times as many as there are registers, and V8 keeps the
 * order. A turn of the loop needs no more than 14. SIMD_X_BYTES bytes of one stored activation;
 * x_store knows their order */
#pragma once
#include "base/base.h"

#define SIMD_FN static inline __attribute__((always_inline))

SIMD_FN u32 simd_load_u32(const void *p) {
  u32 x;
  __builtin_memcpy(&x, p, 4);
  return x;
}

/* ================================ AVX-512 VNNI ================================ */
#if defined(SIMD_AVX512VNNI)
#include <immintrin.h>
#define SIMD_LANES 16
#define SIMD_VECS 1
#define SIMD_ROWS 8
#define SIMD_UNPACK ISIZE_MAX /* never */
#define SIMD_UNROLL _Pragma("clang loop unroll(full)")
#define SIMD_BYTES 1
#define SIMD_BYTE_ZERO 128
#define SIMD_X_BYTES 1
typedef __m512 vf;
typedef __m512i vi, wq, xq, acc;
SIMD_FN vf v_set(f32 x) { return _mm512_set1_ps(x); }
SIMD_FN vf v_load(const f32 *p) { return _mm512_loadu_ps(p); }
SIMD_FN void v_store(f32 *p, vf a) { _mm512_storeu_ps(p, a); }
SIMD_FN vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
SIMD_FN vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
SIMD_FN vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
SIMD_FN vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
SIMD_FN vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
SIMD_FN vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
SIMD_FN vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
SIMD_FN vf v_if_less(vf a, vf b, vf yes, vf no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
SIMD_FN vf v_from_f16(const u8 *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
SIMD_FN vf v_from_i(vi a) { return _mm512_cvtepi32_ps(a); }
SIMD_FN vi v_nearest(vf a) { return _mm512_cvtps_epi32(a); }
SIMD_FN vf v_pow2(vi n) { /* 2^n for -127 < n < 128 */
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
}
SIMD_FN vi i_set(i32 x) { return _mm512_set1_epi32(x); }
SIMD_FN vi i_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
SIMD_FN vi i_times_16(vi a) { return _mm512_slli_epi32(a, 4); }
SIMD_FN void i_store(i32 *p, vi a) { _mm512_storeu_si512(p, a); }
SIMD_FN void x_store(u8 *p, vi a) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(a)); }
SIMD_FN xq x_splat(const u8 *p) { return _mm512_set1_epi32((i32)simd_load_u32(p)); }
typedef __m512i wraw;
SIMD_FN wraw w_load(const u8 *p) { return _mm512_loadu_si512(p); }
SIMD_FN wq w_low(wraw w) { return _mm512_and_si512(w, _mm512_set1_epi8(15)); }
SIMD_FN wq w_high(wraw w) { return w_low(_mm512_srli_epi16(w, 4)); }
SIMD_FN wq w_byte(wraw w) { return w; }
SIMD_FN acc acc_start(i32 bias) { return _mm512_set1_epi32(bias); }
SIMD_FN acc acc_dot(acc a, wq w, xq x) { return _mm512_dpbusd_epi32(a, w, x); }
SIMD_FN vi acc_end(acc a, i32 bias) {
  (void)bias;
  return a;
}

/* =================================== AVX2 ===================================== */
#elif defined(SIMD_AVX2)
#include <immintrin.h>
#define SIMD_LANES 8
#define SIMD_VECS 2
#define SIMD_ROWS 4
#define SIMD_UNPACK ISIZE_MAX /* never */
#define SIMD_UNROLL _Pragma("clang loop unroll(full)")
#define SIMD_BYTES 0
#define SIMD_BYTE_ZERO 128
#define SIMD_X_BYTES 1
typedef __m256 vf;
typedef __m256i vi, wq, xq, acc, wraw;
SIMD_FN vf v_set(f32 x) { return _mm256_set1_ps(x); }
SIMD_FN vf v_load(const f32 *p) { return _mm256_loadu_ps(p); }
SIMD_FN void v_store(f32 *p, vf a) { _mm256_storeu_ps(p, a); }
SIMD_FN vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
SIMD_FN vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
SIMD_FN vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
SIMD_FN vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
SIMD_FN vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
SIMD_FN vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
SIMD_FN vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
SIMD_FN vf v_if_less(vf a, vf b, vf yes, vf no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
SIMD_FN vf v_from_f16(const u8 *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
SIMD_FN vf v_from_i(vi a) { return _mm256_cvtepi32_ps(a); }
SIMD_FN vi v_nearest(vf a) { return _mm256_cvtps_epi32(a); }
SIMD_FN vf v_pow2(vi n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
SIMD_FN vi i_set(i32 x) { return _mm256_set1_epi32(x); }
SIMD_FN vi i_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
SIMD_FN vi i_times_16(vi a) { return _mm256_slli_epi32(a, 4); }
SIMD_FN void i_store(i32 *p, vi a) { _mm256_storeu_si256((__m256i *)p, a); }
SIMD_FN void x_store(u8 *p, vi a) {
  __m128i h = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  _mm_storel_epi64((__m128i *)p, _mm_packs_epi16(h, h));
}
SIMD_FN xq x_splat(const u8 *p) { return _mm256_set1_epi32((i32)simd_load_u32(p)); }
SIMD_FN wraw w_load(const u8 *p) { return _mm256_loadu_si256((const __m256i *)p); }
SIMD_FN wq w_low(wraw w) { return _mm256_and_si256(w, _mm256_set1_epi8(15)); }
SIMD_FN wq w_high(wraw w) { return w_low(_mm256_srli_epi16(w, 4)); }
SIMD_FN wq w_byte(wraw w) { return w; }
/* 16-bit lanes: a pair of nibble products is at most 2 * 15 * 127, eight of them 30480 */
SIMD_FN acc acc_start(i32 bias) {
  (void)bias;
  return _mm256_setzero_si256();
}
SIMD_FN acc acc_dot(acc a, wq w, xq x) { return _mm256_add_epi16(a, _mm256_maddubs_epi16(w, x)); }
SIMD_FN vi acc_end(acc a, i32 bias) {
  return _mm256_add_epi32(_mm256_madd_epi16(a, _mm256_set1_epi16(1)), _mm256_set1_epi32(bias));
}

/* ================================ NEON dotprod ================================ */
#elif defined(SIMD_NEON)
#include <arm_neon.h>
#define SIMD_LANES 4
#define SIMD_VECS 4
#define SIMD_ROWS 4
#define SIMD_UNPACK ISIZE_MAX /* never */
#define SIMD_UNROLL _Pragma("clang loop unroll(full)")
#define SIMD_BYTES 1
#define SIMD_BYTE_ZERO 0 /* w_byte makes the byte signed again */
#define SIMD_X_BYTES 1
typedef float32x4_t vf;
typedef int32x4_t vi, acc;
typedef int8x16_t wq, xq;
typedef uint8x16_t wraw;
SIMD_FN vf v_set(f32 x) { return vdupq_n_f32(x); }
SIMD_FN vf v_load(const f32 *p) { return vld1q_f32(p); }
SIMD_FN void v_store(f32 *p, vf a) { vst1q_f32(p, a); }
SIMD_FN vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
SIMD_FN vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
SIMD_FN vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
SIMD_FN vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
SIMD_FN vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
SIMD_FN vf v_max(vf a, vf b) { return vmaxq_f32(a, b); }
SIMD_FN vf v_min(vf a, vf b) { return vminq_f32(a, b); }
SIMD_FN vf v_if_less(vf a, vf b, vf yes, vf no) { return vbslq_f32(vcltq_f32(a, b), yes, no); }
SIMD_FN vf v_from_f16(const u8 *p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }
SIMD_FN vf v_from_i(vi a) { return vcvtq_f32_s32(a); }
SIMD_FN vi v_nearest(vf a) { return vcvtnq_s32_f32(a); }
SIMD_FN vf v_pow2(vi n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}
SIMD_FN vi i_set(i32 x) { return vdupq_n_s32(x); }
SIMD_FN vi i_add(vi a, vi b) { return vaddq_s32(a, b); }
SIMD_FN vi i_times_16(vi a) { return vshlq_n_s32(a, 4); }
SIMD_FN void i_store(i32 *p, vi a) { vst1q_s32(p, a); }
SIMD_FN void x_store(u8 *p, vi a) {
  int16x4_t h = vmovn_s32(a);
  int8x8_t b = vmovn_s16(vcombine_s16(h, h));
  vst1_lane_s32((i32 *)(void *)p, vreinterpret_s32_s8(b), 0);
}
SIMD_FN xq x_splat(const u8 *p) { return vreinterpretq_s8_u32(vdupq_n_u32(simd_load_u32(p))); }
SIMD_FN wraw w_load(const u8 *p) { return vld1q_u8(p); }
SIMD_FN wq w_low(wraw w) { return vreinterpretq_s8_u8(vandq_u8(w, vdupq_n_u8(15))); }
SIMD_FN wq w_high(wraw w) { return vreinterpretq_s8_u8(vshrq_n_u8(w, 4)); }
SIMD_FN wq w_byte(wraw w) { return vreinterpretq_s8_u8(veorq_u8(w, vdupq_n_u8(128))); }
SIMD_FN acc acc_start(i32 bias) { return vdupq_n_s32(bias); }
SIMD_FN acc acc_dot(acc a, wq w, xq x) { return vdotq_s32(a, w, x); }
SIMD_FN vi acc_end(acc a, i32 bias) {
  (void)bias;
  return a;
}

/* =============================== WebAssembly ================================== */
#elif defined(SIMD_WASM) /* with SIMD_RELAXED: 1 16-bit sums, 2 32-bit sums; without: none */
#include <wasm_simd128.h>
#define SIMD_LANES 4
#define SIMD_VECS 4
#define SIMD_BYTE_ZERO 128
#define SIMD_UNROLL _Pragma("clang loop unroll(disable)")
typedef v128_t vf, vi, acc, wraw;
SIMD_FN vf v_set(f32 x) { return wasm_f32x4_splat(x); }
SIMD_FN vf v_load(const f32 *p) { return wasm_v128_load(p); }
SIMD_FN void v_store(f32 *p, vf a) { wasm_v128_store(p, a); }
SIMD_FN vf v_add(vf a, vf b) { return wasm_f32x4_add(a, b); }
SIMD_FN vf v_sub(vf a, vf b) { return wasm_f32x4_sub(a, b); }
SIMD_FN vf v_mul(vf a, vf b) { return wasm_f32x4_mul(a, b); }
SIMD_FN vf v_div(vf a, vf b) { return wasm_f32x4_div(a, b); }
SIMD_FN vf v_max(vf a, vf b) { return wasm_f32x4_pmax(a, b); }
SIMD_FN vf v_min(vf a, vf b) { return wasm_f32x4_pmin(a, b); }
SIMD_FN vf v_if_less(vf a, vf b, vf yes, vf no) {
  return wasm_v128_bitselect(yes, no, wasm_f32x4_lt(a, b));
}
/* Halves as f32: exponent and fraction moved into place read 2^112 too small. Scales are
 * finite: an infinite one comes out as 65536 and more. */
SIMD_FN vf v_from_f16(const u8 *p) {
  v128_t bits = wasm_i32x4_shl(wasm_i32x4_load16x4(p), 13);
  return wasm_f32x4_mul(wasm_v128_and(bits, wasm_i32x4_splat((i32)0x8FFFE000)),
                        wasm_f32x4_splat(0x1p112f));
}
SIMD_FN vf v_from_i(vi a) { return wasm_f32x4_convert_i32x4(a); }
SIMD_FN vf v_pow2(vi n) { return wasm_i32x4_shl(wasm_i32x4_add(n, wasm_i32x4_splat(127)), 23); }
SIMD_FN vi i_set(i32 x) { return wasm_i32x4_splat(x); }
SIMD_FN vi i_add(vi a, vi b) { return wasm_i32x4_add(a, b); }
SIMD_FN vi i_times_16(vi a) { return wasm_i32x4_shl(a, 4); }
SIMD_FN void i_store(i32 *p, vi a) { wasm_v128_store(p, a); }
SIMD_FN wraw w_load(const u8 *p) { return wasm_v128_load(p); }
#if defined(SIMD_RELAXED)
#define SIMD_ROWS 2
#define SIMD_UNPACK 4
#define SIMD_BYTES 0
#define SIMD_X_BYTES 1
typedef v128_t wq, xq;
SIMD_FN vf v_fma(vf a, vf b, vf c) { return wasm_f32x4_relaxed_madd(a, b, c); }
/* |a| stays far below 2^31 wherever this is used: no relaxed case applies */
SIMD_FN vi v_nearest(vf a) { return wasm_i32x4_relaxed_trunc_f32x4(wasm_f32x4_nearest(a)); }
SIMD_FN void x_store(u8 *p, vi a) {
  v128_t h = wasm_i16x8_narrow_i32x4(a, a);
  wasm_v128_store32_lane(p, wasm_i8x16_narrow_i16x8(h, h), 0);
}
SIMD_FN xq x_splat(const u8 *p) { return wasm_v128_load32_splat(p); }
SIMD_FN wq w_low(wraw w) { return wasm_v128_and(w, wasm_i8x16_splat(15)); }
SIMD_FN wq w_high(wraw w) { return wasm_v128_and(wasm_u16x8_shr(w, 4), wasm_i8x16_splat(15)); }
SIMD_FN wq w_byte(wraw w) { return w; }
#if SIMD_RELAXED == 1 /* two instructions a dot on x86 without VEX VNNI; limits as for AVX2 */
SIMD_FN acc acc_start(i32 bias) {
  (void)bias;
  return wasm_i32x4_splat(0);
}
SIMD_FN acc acc_dot(acc a, wq w, xq x) {
  return wasm_i16x8_add(a, wasm_i16x8_relaxed_dot_i8x16_i7x16(x, w));
}
SIMD_FN vi acc_end(acc a, i32 bias) {
  return wasm_i32x4_add(wasm_i32x4_extadd_pairwise_i16x8(a), wasm_i32x4_splat(bias));
}
#else /* one instruction where the machine has VEX VNNI or NEON dotprod */
SIMD_FN acc acc_start(i32 bias) { return wasm_i32x4_splat(bias); }
SIMD_FN acc acc_dot(acc a, wq w, xq x) { return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x, w, a); }
SIMD_FN vi acc_end(acc a, i32 bias) {
  (void)bias;
  return a;
}
#endif
#else /* plain: 16-bit products; even and odd columns of a row apart, so no sums across lanes */
#define SIMD_ROWS 2
#define SIMD_UNPACK 6
#define SIMD_BYTES 1
#define SIMD_X_BYTES 2 /* stored in the order 0 2 1 3 of each four columns */
typedef struct {
  v128_t even, odd;
} pair_of_8;
typedef pair_of_8 wq, xq;
SIMD_FN vf v_fma(vf a, vf b, vf c) { return wasm_f32x4_add(wasm_f32x4_mul(a, b), c); }
SIMD_FN vi v_nearest(vf a) { return wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(a)); }
SIMD_FN void x_store(u8 *p, vi a) {
  v128_t h = wasm_i16x8_narrow_i32x4(a, a);
  wasm_v128_store64_lane(p, wasm_i16x8_shuffle(h, h, 0, 2, 1, 3, 0, 2, 1, 3), 0);
}
SIMD_FN xq x_splat(const u8 *p) {
  return (xq){wasm_v128_load32_splat(p), wasm_v128_load32_splat(p + 4)};
}
SIMD_FN wq w_byte(wraw w) {
  return (wq){wasm_v128_and(w, wasm_i16x8_splat(255)), wasm_u16x8_shr(w, 8)};
}
SIMD_FN wq w_low(wraw w) {
  v128_t low = wasm_v128_and(w, wasm_i8x16_splat(15));
  return (wq){wasm_v128_and(low, wasm_i16x8_splat(255)), wasm_u16x8_shr(low, 8)};
}
SIMD_FN wq w_high(wraw w) {
  return (wq){wasm_v128_and(wasm_u16x8_shr(w, 4), wasm_i16x8_splat(15)), wasm_u16x8_shr(w, 12)};
}
SIMD_FN acc acc_start(i32 bias) { return wasm_i32x4_splat(bias); }
SIMD_FN acc acc_dot(acc a, wq w, xq x) {
  a = wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(w.even, x.even));
  return wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(w.odd, x.odd));
}
SIMD_FN vi acc_end(acc a, i32 bias) {
  (void)bias;
  return a;
}
#endif

/* ================================== scalar ==================================== */
#else
#define SIMD_LANES 4
#define SIMD_VECS 4
#define SIMD_ROWS 1
#define SIMD_UNPACK ISIZE_MAX /* never */
#define SIMD_UNROLL _Pragma("clang loop unroll(full)")
#define SIMD_BYTES 1
#define SIMD_BYTE_ZERO 128
#define SIMD_X_BYTES 1
typedef struct {
  f32 at[4];
} vf;
typedef struct {
  i32 at[4];
} vi;
typedef vi acc;
typedef struct {
  u8 at[16];
} wraw;
typedef wraw wq;
typedef struct {
  i8 at[4];
} xq;
#define SIMD_EACH(type, expression)                    \
  type z_;                                             \
  for (i32 l = 0; l < 4; l++) z_.at[l] = (expression); \
  return z_
SIMD_FN vf v_set(f32 x) { SIMD_EACH(vf, x); }
SIMD_FN vf v_load(const f32 *p) { SIMD_EACH(vf, p[l]); }
SIMD_FN void v_store(f32 *p, vf a) {
  for (i32 l = 0; l < 4; l++) p[l] = a.at[l];
}
SIMD_FN vf v_add(vf a, vf b) { SIMD_EACH(vf, a.at[l] + b.at[l]); }
SIMD_FN vf v_sub(vf a, vf b) { SIMD_EACH(vf, a.at[l] - b.at[l]); }
SIMD_FN vf v_mul(vf a, vf b) { SIMD_EACH(vf, a.at[l] * b.at[l]); }
SIMD_FN vf v_div(vf a, vf b) { SIMD_EACH(vf, a.at[l] / b.at[l]); }
SIMD_FN vf v_fma(vf a, vf b, vf c) { SIMD_EACH(vf, a.at[l] * b.at[l] + c.at[l]); }
SIMD_FN vf v_max(vf a, vf b) { SIMD_EACH(vf, a.at[l] > b.at[l] ? a.at[l] : b.at[l]); }
SIMD_FN vf v_min(vf a, vf b) { SIMD_EACH(vf, a.at[l] < b.at[l] ? a.at[l] : b.at[l]); }
SIMD_FN vf v_if_less(vf a, vf b, vf yes, vf no) {
  SIMD_EACH(vf, a.at[l] < b.at[l] ? yes.at[l] : no.at[l]);
}
SIMD_FN vf v_from_f16(const u8 *p) { /* as for WebAssembly */
  SIMD_EACH(vf, f32_from_bits(((u32)(i32)(i16)load_u16(p + 2 * l) << 13) & 0x8FFFE000u) * 0x1p112f);
}
SIMD_FN vf v_from_i(vi a) { SIMD_EACH(vf, (f32)a.at[l]); }
SIMD_FN vi v_nearest(vf a) { /* |a| < 2^22: the sum's low bits are the rounded integer */
  SIMD_EACH(vi, (i32)(f32_to_bits(a.at[l] + 0x1.8p23f) - f32_to_bits(0x1.8p23f)));
}
SIMD_FN vf v_pow2(vi n) { SIMD_EACH(vf, f32_from_bits((u32)(n.at[l] + 127) << 23)); }
SIMD_FN vi i_set(i32 x) { SIMD_EACH(vi, x); }
SIMD_FN vi i_add(vi a, vi b) { SIMD_EACH(vi, (i32)((u32)a.at[l] + (u32)b.at[l])); }
SIMD_FN vi i_times_16(vi a) { SIMD_EACH(vi, a.at[l] * 16); }
SIMD_FN void i_store(i32 *p, vi a) {
  for (i32 l = 0; l < 4; l++) p[l] = a.at[l];
}
SIMD_FN void x_store(u8 *p, vi a) {
  for (i32 l = 0; l < 4; l++) p[l] = (u8)a.at[l];
}
SIMD_FN xq x_splat(const u8 *p) { SIMD_EACH(xq, (i8)p[l]); }
SIMD_FN wraw w_load(const u8 *p) {
  wraw w;
  __builtin_memcpy(w.at, p, 16);
  return w;
}
SIMD_FN wq w_low(wraw w) {
  for (i32 l = 0; l < 16; l++) w.at[l] &= 15;
  return w;
}
SIMD_FN wq w_high(wraw w) {
  for (i32 l = 0; l < 16; l++) w.at[l] >>= 4;
  return w;
}
SIMD_FN wq w_byte(wraw w) { return w; }
SIMD_FN acc acc_start(i32 bias) { return i_set(bias); }
SIMD_FN acc acc_dot(acc a, wq w, xq x) {
  for (i32 l = 0; l < 4; l++) {
    for (i32 t = 0; t < 4; t++) a.at[l] += w.at[4 * l + t] * x.at[t];
  }
  return a;
}
SIMD_FN vi acc_end(acc a, i32 bias) {
  (void)bias;
  return a;
}
#endif

/* ---- made of the above: sums across lanes, in one fixed order ---- */
SIMD_FN f32 v_sum(vf a) {
  f32 at[SIMD_LANES];
  v_store(at, a);
  for (i32 n = SIMD_LANES / 2; n > 0; n /= 2) {
    for (i32 i = 0; i < n; i++) at[i] += at[i + n];
  }
  return at[0];
}
SIMD_FN f32 v_max_of(vf a) {
  f32 at[SIMD_LANES];
  v_store(at, a);
  f32 max = at[0];
  for (i32 i = 1; i < SIMD_LANES; i++) max = at[i] > max ? at[i] : max;
  return max;
}
SIMD_FN i32 i_sum(vi a) {
  i32 at[SIMD_LANES];
  u32 sum = 0; /* wraps, as vectors do, for what is no number */
  i_store(at, a);
  for (i32 i = 0; i < SIMD_LANES; i++) sum += (u32)at[i];
  return (i32)sum;
}
