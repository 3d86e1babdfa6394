/* An adapter source as llama.cpp's adapter GGUF (convert_lora_to_gguf.py): general.type "adapter",
 * adapter.type "lora", adapter.lora.alpha, pairs in the order of the layers, rows of q and k
 * permuted for GGUF's RoPE; and our own keys. model_adapter_open and llama.cpp read the result.
 * Owns nothing. */
#pragma once
#include "gguf/gguf_write.h"
#include "model/adapter_source.h"

/* Call with w->to null to count w->len, then with that many bytes. type: GGUF_F16 or GGUF_Q8_0, of
 * the As; a B stays F16 where its rows (a rank long) are no multiple of 32.
 * errors NF_BAD_INPUT a value that is not finite or over 65504 (only found when written) */
[[nodiscard]] nf_status adapter_write(const adapter_source *source, gguf_type type, gguf_writer *w,
                                      nf_error *error);
