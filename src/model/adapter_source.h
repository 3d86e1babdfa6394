/* An adapter as it is published, before it is ours: PEFT's safetensors (or the same with the short
 * names "model.layers.N.self_attn.q_proj.a" and ".b") or llama.cpp's GGUF.
 *
 * Owns a table of borrowed matrices (in the caller's arena). Does NOT change or copy a number
 * (adapter_write.h does). Source: huggingface.co/docs/peft, LoRA; Hu et al. 2021,
 * arXiv:2106.09685. */
#pragma once
#include "model/adapter.h"

/* Keys of ours in an adapter's GGUF, all optional: which task of edit/tasks.c it was trained for,
 * with which system message, and from which log-likelihood ratio (nats) on its edits are good, as a
 * whole or by kind (edit/gate.h). */
static const char ADAPTER_KEY_TASK[] = "nearfield.task";
static const char ADAPTER_KEY_SYSTEM[] = "nearfield.system";
static const char ADAPTER_KEY_GATE[] = "nearfield.gate";
static const char ADAPTER_KEY_GATES[] = "nearfield.gates"; /* the same by kind of change */
constexpr isize ADAPTER_GATES_MAX = 16;

/* One matrix, rows of cols numbers as quant_decode_row reads them. at null: the file has none. */
typedef struct {
  gguf_type type;
  isize rows, cols;
  const u8 *at;
} adapter_half;

typedef struct {
  const model_shape *shape; /* borrowed */
  adapter_half *halves;     /* [n_layers][ADAPTER_PAIRS][2]: A [rank][d_in], B [d_out][rank] */
  bool hf_rows;             /* rows of q's and k's B are in Hugging Face's order for RoPE */
  f32 alpha;                /* y = W x + (alpha / rank) B (A x); 0: no scale at all */
  nf_bytes name;            /* general.name; empty: none */
  nf_bytes task, system;    /* the keys above; empty: none */
  f32 gate;
  bool has_gate;
  f32 gates[ADAPTER_GATES_MAX];
  isize n_gates; /* 0: none */
} adapter_source;

/* Arena bytes that adapter_source_open takes at most. */
isize adapter_source_bytes(nf_bytes file, const model_shape *shape);
/* file: the whole of it, borrowed as long as the source lives. config: PEFT's
 * adapter_config.json, or empty. alpha: over 0 it goes before what config ("lora_alpha") and the
 * safetensors' metadata ("lora_alpha", "alpha", or "scale", which is alpha / rank) say.
 * errors NF_BAD_INPUT  neither format, damaged, made for another base model, half a pair, no alpha
 *        NF_UNSUPPORTED what is no plain LoRA of the seven matrices (DoRA, rsLoRA, biases, other
 *                      layers, a rank over ADAPTER_RANK_MAX); NF_NO_MEMORY the arena */
[[nodiscard]] nf_status adapter_source_open(nf_bytes file, nf_bytes config, f32 alpha,
                                            const model_shape *shape, arena *a, adapter_source *out,
                                            nf_error *error);
