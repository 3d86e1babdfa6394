/* See adapter_write.h. One row at a time: decoded to f32, checked, encoded. */
#include "model/adapter_write.h"

#include "base/text_out.h"
#include "gguf/quant.h"

static gguf_type half_type(const adapter_half *half, gguf_type type) {
  return quant_row_bytes(type, half->cols) > 0 ? type : GGUF_F16;
}

static nf_bytes half_name(isize i, char *name, isize cap) {
  text_out o = {.at = name, .cap = cap};
  out_str(&o, "blk.");
  out_i64(&o, i / 2 / ADAPTER_PAIRS);
  out_str(&o, ".");
  out_str(&o, adapter_parts[i / 2 % ADAPTER_PAIRS].gguf);
  out_str(&o, i % 2 == 0 ? ".weight.lora_a" : ".weight.lora_b");
  return bytes_of(name, o.len);
}

/* Where GGUF's row `row` of q or k comes from: Hugging Face rotates elements j and j + d/2 of a
 * head together, GGUF 2j and 2j + 1. source: llama.cpp convert_hf_to_gguf.py, permute() */
static isize hf_row(isize row, isize d_head) {
  isize in_head = row % d_head;
  return row - in_head + in_head % 2 * (d_head / 2) + in_head / 2;
}

static nf_status half_write(const adapter_source *s, isize i, gguf_type type, gguf_writer *w,
                            nf_error *error) {
  const adapter_half *half = &s->halves[i];
  isize from_bytes = quant_row_bytes(half->type, half->cols);
  isize to_bytes = quant_row_bytes(type, half->cols), which = i / 2 % ADAPTER_PAIRS;
  bool permuted = s->hf_rows && i % 2 == 1 && (which == ADAPTER_Q || which == ADAPTER_K);
  u8 *to = gguf_write_room(w, to_bytes * half->rows);
  for (isize row = 0; row < half->rows && to; row++) {
    const u8 *from = half->at + (permuted ? hf_row(row, s->shape->d_head) : row) * from_bytes;
    nf_status status = quant_convert_row(half->type, from, type, to, half->cols);
    if (status == NF_BAD_INPUT) {
      char name[64];
      return error_set(error, NF_BAD_INPUT, E_STR("adapter tensor "),
                       E_FOREIGN(half_name(i, name, (isize)sizeof name)),
                       E_STR(" has a value that is not a number from -65504 to 65504"));
    }
    ASSERT(status == NF_OK);
    to += to_bytes;
  }
  gguf_write_align(w);
  return NF_OK;
}

nf_status adapter_write(const adapter_source *s, gguf_type type, gguf_writer *w, nf_error *error) {
  ASSERT(type == GGUF_F16 || type == GGUF_Q8_0);
  isize n_halves = 0, n = s->shape->n_layers * ADAPTER_PAIRS * 2;
  for (isize i = 0; i < n; i++) n_halves += s->halves[i].at != nullptr;
  isize n_kvs = 4 + (s->name.len > 0) + (s->task.len > 0) + (s->system.len > 0) + s->has_gate +
                (s->n_gates > 0);
  gguf_write_head(w, n_kvs, n_halves);
  gguf_write_str(w, "general.type", bytes_from_str("adapter"));
  gguf_write_str(w, "general.architecture", bytes_from_str("llama"));
  if (s->name.len > 0) gguf_write_str(w, "general.name", s->name);
  gguf_write_str(w, "adapter.type", bytes_from_str("lora"));
  gguf_write_f32(w, "adapter.lora.alpha", s->alpha);
  if (s->task.len > 0) gguf_write_str(w, ADAPTER_KEY_TASK, s->task);
  if (s->system.len > 0) gguf_write_str(w, ADAPTER_KEY_SYSTEM, s->system);
  if (s->has_gate) gguf_write_f32(w, ADAPTER_KEY_GATE, s->gate);
  if (s->n_gates > 0) gguf_write_f32s(w, ADAPTER_KEY_GATES, s->gates, s->n_gates);
  for (isize i = 0; i < n; i++) {
    const adapter_half *half = &s->halves[i];
    char name[64];
    if (!half->at) continue;
    gguf_write_tensor(w, &(gguf_tensor){.name = half_name(i, name, (isize)sizeof name),
                                        .type = half_type(half, type),
                                        .n_dims = 2,
                                        .dims = {half->cols, half->rows, 1, 1}});
  }
  gguf_write_align(w);
  nf_status status = NF_OK;
  for (isize i = 0; i < n && !status; i++) {
    if (s->halves[i].at) status = half_write(s, i, half_type(&s->halves[i], type), w, error);
  }
  return status;
}
