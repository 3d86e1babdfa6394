/* The WGSL texts of src/gpu/wgsl/, in the binary. Owns the bytes; kernels_pipelines.c knows which
 * of them make a shader together. */
#pragma once
#include "base/base.h"

typedef enum : u8 {
  WGSL_SUBGROUPS,
  WGSL_PASS,
  WGSL_BLOCK,
  WGSL_STAGED,
  WGSL_FORMAT_N4H,
  WGSL_FORMAT_N4F,
  WGSL_FORMAT_B8,
  WGSL_FORMAT_B8F,
  WGSL_FORMAT_F16,
  WGSL_FORMAT_F32,
  WGSL_MATMUL,
  WGSL_MATMUL_PLAIN,
  WGSL_MATMUL_VEC,
  WGSL_MATMUL_CHUNK,
  WGSL_EMBED,
  WGSL_ATTENTION,
  WGSL_ATTENTION_LANES,
  WGSL_ATTENTION_QUAD,
  WGSL_KV_MOVE,
  WGSL_PICK,
  WGSL_PICK_CHUNK,
  WGSL_PICK_JOIN,
  WGSL_REPACK,
  WGSL_REPACK_MAIN,
  WGSL_TYPE_32,
  WGSL_TYPE_K,
  WGSL_TYPE_FLOAT,
  WGSL_WRITE_N4,
  WGSL_WRITE_B8,
  WGSL_WRITE_F32,
  WGSL_WRITE_FLOAT,
  WGSL_TEXTS,
} wgsl_text;
extern const nf_bytes wgsl_texts[WGSL_TEXTS];
