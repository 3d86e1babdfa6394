/* See wgsl.h. A new text is a line in its enum, a block and a line here. */
#include "gpu/wgsl.h"

static const u8 text_subgroups[] = {
#embed "wgsl_plain/subgroups.wgsl"
};
static const u8 text_pass[] = {
#embed "wgsl_plain/pass.wgsl"
};
static const u8 text_block[] = {
#embed "wgsl_plain/block.wgsl"
};
static const u8 text_int8_dot[] = {
#embed "wgsl_plain/int8_dot.wgsl"
};
static const u8 text_parts_f32[] = {
#embed "wgsl_plain/parts_f32.wgsl"
};
static const u8 text_parts_int[] = {
#embed "wgsl_plain/parts_int.wgsl"
};
static const u8 text_staged_int[] = {
#embed "wgsl_plain/staged_int.wgsl"
};
static const u8 text_shared_int[] = {
#embed "wgsl_plain/shared_int.wgsl"
};
static const u8 text_staged_f32[] = {
#embed "wgsl_plain/staged_f32.wgsl"
};
static const u8 text_direct_f32[] = {
#embed "wgsl_plain/direct_f32.wgsl"
};
static const u8 text_chunk_f32[] = {
#embed "wgsl_plain/chunk_f32.wgsl"
};
static const u8 text_chunk_int[] = {
#embed "wgsl_plain/chunk_int.wgsl"
};
static const u8 text_format_n4[] = {
#embed "wgsl_plain/format_n4.wgsl"
};
static const u8 text_format_n4h[] = {
#embed "wgsl_plain/format_n4h.wgsl"
};
static const u8 text_format_n4f[] = {
#embed "wgsl_plain/format_n4f.wgsl"
};
static const u8 text_format_bytes[] = {
#embed "wgsl_plain/format_bytes.wgsl"
};
static const u8 text_format_b8[] = {
#embed "wgsl_plain/format_b8.wgsl"
};
static const u8 text_format_b8f[] = {
#embed "wgsl_plain/format_b8f.wgsl"
};
static const u8 text_format_f16[] = {
#embed "wgsl_plain/format_f16.wgsl"
};
static const u8 text_format_f32[] = {
#embed "wgsl_plain/format_f32.wgsl"
};
static const u8 text_matmul[] = {
#embed "wgsl_plain/matmul.wgsl"
};
static const u8 text_lora_none[] = {
#embed "wgsl_plain/lora_none.wgsl"
};
static const u8 text_lora_rows[] = {
#embed "wgsl_plain/lora_rows.wgsl"
};
static const u8 text_lora_own[] = {
#embed "wgsl_plain/lora_own.wgsl"
};
static const u8 text_matmul_plain[] = {
#embed "wgsl_plain/matmul_plain.wgsl"
};
static const u8 text_matmul_vec[] = {
#embed "wgsl_plain/matmul_vec.wgsl"
};
static const u8 text_matmul_chunk[] = {
#embed "wgsl_plain/matmul_chunk.wgsl"
};
static const u8 text_embed[] = {
#embed "wgsl_plain/embed.wgsl"
};
static const u8 text_attention[] = {
#embed "wgsl_plain/attention.wgsl"
};
static const u8 text_attention_lanes[] = {
#embed "wgsl_plain/attention_lanes.wgsl"
};
static const u8 text_attention_quad[] = {
#embed "wgsl_plain/attention_quad.wgsl"
};
static const u8 text_kv_move[] = {
#embed "wgsl_plain/kv_move.wgsl"
};
static const u8 text_pick[] = {
#embed "wgsl_plain/pick.wgsl"
};
static const u8 text_pick_chunk[] = {
#embed "wgsl_plain/pick_chunk.wgsl"
};
static const u8 text_pick_join[] = {
#embed "wgsl_plain/pick_join.wgsl"
};
static const u8 text_repack[] = {
#embed "wgsl_plain/repack.wgsl"
};
static const u8 text_repack_main[] = {
#embed "wgsl_plain/repack_main.wgsl"
};
static const u8 text_type_32[] = {
#embed "wgsl_plain/type_32.wgsl"
};
static const u8 text_type_k[] = {
#embed "wgsl_plain/type_k.wgsl"
};
static const u8 text_type_float[] = {
#embed "wgsl_plain/type_float.wgsl"
};
static const u8 text_write_n4[] = {
#embed "wgsl_plain/write_n4.wgsl"
};
static const u8 text_write_b8[] = {
#embed "wgsl_plain/write_b8.wgsl"
};
static const u8 text_write_f32[] = {
#embed "wgsl_plain/write_f32.wgsl"
};
static const u8 text_write_float[] = {
#embed "wgsl_plain/write_float.wgsl"
};

const nf_bytes wgsl_texts[WGSL_TEXTS] = {
    [WGSL_SUBGROUPS] = {text_subgroups, sizeof text_subgroups},
    [WGSL_PASS] = {text_pass, sizeof text_pass},
    [WGSL_BLOCK] = {text_block, sizeof text_block},
    [WGSL_INT8_DOT] = {text_int8_dot, sizeof text_int8_dot},
    [WGSL_PARTS_F32] = {text_parts_f32, sizeof text_parts_f32},
    [WGSL_PARTS_INT] = {text_parts_int, sizeof text_parts_int},
    [WGSL_STAGED_INT] = {text_staged_int, sizeof text_staged_int},
    [WGSL_SHARED_INT] = {text_shared_int, sizeof text_shared_int},
    [WGSL_STAGED_F32] = {text_staged_f32, sizeof text_staged_f32},
    [WGSL_DIRECT_F32] = {text_direct_f32, sizeof text_direct_f32},
    [WGSL_CHUNK_F32] = {text_chunk_f32, sizeof text_chunk_f32},
    [WGSL_CHUNK_INT] = {text_chunk_int, sizeof text_chunk_int},
    [WGSL_FORMAT_N4] = {text_format_n4, sizeof text_format_n4},
    [WGSL_FORMAT_N4H] = {text_format_n4h, sizeof text_format_n4h},
    [WGSL_FORMAT_N4F] = {text_format_n4f, sizeof text_format_n4f},
    [WGSL_FORMAT_BYTES] = {text_format_bytes, sizeof text_format_bytes},
    [WGSL_FORMAT_B8] = {text_format_b8, sizeof text_format_b8},
    [WGSL_FORMAT_B8F] = {text_format_b8f, sizeof text_format_b8f},
    [WGSL_FORMAT_F16] = {text_format_f16, sizeof text_format_f16},
    [WGSL_FORMAT_F32] = {text_format_f32, sizeof text_format_f32},
    [WGSL_MATMUL] = {text_matmul, sizeof text_matmul},
    [WGSL_LORA_NONE] = {text_lora_none, sizeof text_lora_none},
    [WGSL_LORA_ROWS] = {text_lora_rows, sizeof text_lora_rows},
    [WGSL_LORA_OWN] = {text_lora_own, sizeof text_lora_own},
    [WGSL_MATMUL_PLAIN] = {text_matmul_plain, sizeof text_matmul_plain},
    [WGSL_MATMUL_VEC] = {text_matmul_vec, sizeof text_matmul_vec},
    [WGSL_MATMUL_CHUNK] = {text_matmul_chunk, sizeof text_matmul_chunk},
    [WGSL_EMBED] = {text_embed, sizeof text_embed},
    [WGSL_ATTENTION] = {text_attention, sizeof text_attention},
    [WGSL_ATTENTION_LANES] = {text_attention_lanes, sizeof text_attention_lanes},
    [WGSL_ATTENTION_QUAD] = {text_attention_quad, sizeof text_attention_quad},
    [WGSL_KV_MOVE] = {text_kv_move, sizeof text_kv_move},
    [WGSL_PICK] = {text_pick, sizeof text_pick},
    [WGSL_PICK_CHUNK] = {text_pick_chunk, sizeof text_pick_chunk},
    [WGSL_PICK_JOIN] = {text_pick_join, sizeof text_pick_join},
    [WGSL_REPACK] = {text_repack, sizeof text_repack},
    [WGSL_REPACK_MAIN] = {text_repack_main, sizeof text_repack_main},
    [WGSL_TYPE_32] = {text_type_32, sizeof text_type_32},
    [WGSL_TYPE_K] = {text_type_k, sizeof text_type_k},
    [WGSL_TYPE_FLOAT] = {text_type_float, sizeof text_type_float},
    [WGSL_WRITE_N4] = {text_write_n4, sizeof text_write_n4},
    [WGSL_WRITE_B8] = {text_write_b8, sizeof text_write_b8},
    [WGSL_WRITE_F32] = {text_write_f32, sizeof text_write_f32},
    [WGSL_WRITE_FLOAT] = {text_write_float, sizeof text_write_float},
};
