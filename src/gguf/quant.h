/* Block layouts of quantized tensors, and their definition: decode and encode, one row at a
 * time, plain scalar C. Kernels are checked against this file; it is not the fast path.
 * Source: ggml-quants.c / ggml-common.h for the layouts. */
#pragma once
#include "base/base.h"
#include "gguf/gguf.h"

typedef struct {
  isize block_elements; /* 1 for F32, F16, BF16; 32; 256 for K types. 0: unknown type */
  isize block_bytes;
} quant_layout;
quant_layout quant_layout_of(gguf_type type);

/* Bytes of a row of n elements; -1 when n is not a multiple of the block or on overflow. */
isize quant_row_bytes(gguf_type type, isize n);

f32 f32_from_f16(u16 h);
u16 f16_from_f32(f32 x); /* round to nearest even */

/* dst[n] = row. n is a multiple of the block's elements; src holds quant_row_bytes(type, n). */
void quant_decode_row(gguf_type type, const u8 *src, f32 *dst, isize n);
/* F32, F16, Q4_0, Q4_1, Q8_0; NF_UNSUPPORTED for the others. Same results as llama.cpp's
 * reference quantizers (quantize_row_*_ref). */
[[nodiscard]] nf_status quant_encode_row(gguf_type type, const f32 *src, u8 *dst, isize n);
/* A stretch of one tensor's elements from one type to another; n is a multiple of both blocks.
 * errors NF_BAD_INPUT a value is not a number from -65504 to 65504 (f16's range, which every type's
 *        scales share); NF_UNSUPPORTED as quant_encode_row */
[[nodiscard]] nf_status quant_convert_row(gguf_type from, const u8 *src, gguf_type to, u8 *dst,
                                          isize n);
