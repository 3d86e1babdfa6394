/* The llama family as GGUF files name it: RMS norm, rotary grouped-query attention, SwiGLU.
 * Source of the names: ggml docs/gguf.md and the files that llama.cpp's converter writes. */
#include "model/arch.h"

/* Options of the family that files do use and this recipe has no code for. */
static const arch_refusal llama_refusals[] = {
    {"rope.scaling.type", REFUSE_UNLESS_TEXT, 0, "none"},
    {"rope.scaling.factor", REFUSE_UNLESS_NUMBER, 1, nullptr},
    {"rope.scale_linear", REFUSE_UNLESS_NUMBER, 1, nullptr},
    {"expert_count", REFUSE_UNLESS_NUMBER, 0, nullptr},
    {"attention.sliding_window", REFUSE_UNLESS_NUMBER, 0, nullptr},
    {"attention.causal", REFUSE_UNLESS_BOOL, 1, nullptr},
    {"attention.clamp_kqv", REFUSE_UNLESS_NUMBER, 0, nullptr},
    {"attention.scale", REFUSE_UNLESS_NUMBER, 0, nullptr},
    {"logit_scale", REFUSE_UNLESS_NUMBER, 1, nullptr},
    {"embedding_scale", REFUSE_UNLESS_NUMBER, 1, nullptr},
    {"residual_scale", REFUSE_UNLESS_NUMBER, 1, nullptr},
    {"use_parallel_residual", REFUSE_UNLESS_BOOL, 0, nullptr},
};

const arch_table arch_llama = {
    .name = "llama",
    .tensors =
        {
            [TENSOR_EMBED] = {"token_embd.weight", DIM_MODEL, DIM_VOCAB, false, false},
            [TENSOR_OUTPUT_NORM] = {"output_norm.weight", DIM_MODEL, DIM_ONE, false, false},
            [TENSOR_HEAD] = {"output.weight", DIM_MODEL, DIM_VOCAB, false, true},
            [TENSOR_ROPE_FACTORS] = {"rope_freqs.weight", DIM_ROPE_2, DIM_ONE, false, true},
            [TENSOR_ATTN_NORM] = {"attn_norm.weight", DIM_MODEL, DIM_ONE, true, false},
            [TENSOR_Q] = {"attn_q.weight", DIM_MODEL, DIM_HEADS, true, false},
            [TENSOR_K] = {"attn_k.weight", DIM_MODEL, DIM_KV, true, false},
            [TENSOR_V] = {"attn_v.weight", DIM_MODEL, DIM_KV, true, false},
            [TENSOR_O] = {"attn_output.weight", DIM_HEADS, DIM_MODEL, true, false},
            [TENSOR_FFN_NORM] = {"ffn_norm.weight", DIM_MODEL, DIM_ONE, true, false},
            [TENSOR_GATE] = {"ffn_gate.weight", DIM_MODEL, DIM_FF, true, false},
            [TENSOR_UP] = {"ffn_up.weight", DIM_MODEL, DIM_FF, true, false},
            [TENSOR_DOWN] = {"ffn_down.weight", DIM_FF, DIM_MODEL, true, false},
        },
    .refusals = llama_refusals,
    .n_refusals = sizeof llama_refusals / sizeof *llama_refusals,
};

const arch_table *arch_find(nf_bytes name) {
  return bytes_equal(name, bytes_from_str(arch_llama.name)) ? &arch_llama : nullptr;
}
