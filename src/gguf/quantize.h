/* A GGUF file with its matrices in another type: which tensors change, and the new directory.
 * Pure: reads and writes no file (api/quantize.c), converts no values (quant_convert_row).
 * Source: llama.cpp src/llama-quant.cpp for which tensors stay and for the keys' values. */
#pragma once
#include "gguf/gguf_write.h"

typedef struct {
  gguf_type type;      /* of the matrices: Q4_0, Q4_1 or Q8_0 */
  gguf_type head; /* of output.weight, or of token_embd.weight where it is the head as well */
  gguf_type embedding; /* of token_embd.weight where it is not */
} quantize_types;

/* to[n_tensors]: the type each tensor will have, the one it has when it stays: what is no matrix
 * named *.weight, norms, rows that are no multiple of 32.
 * errors NF_BAD_INPUT  the file has no matrix to quantize
 *        NF_UNSUPPORTED its tensors are aligned to more than 65,536 bytes; over 2^48 bytes */
[[nodiscard]] nf_status quantize_plan(const gguf_file *file, const quantize_types *types,
                                      gguf_type *to, nf_error *error);
/* Head, keys and tensor entries of the new file, up to where the data begins; w->alignment is set.
 * Every key stays as it is, but general.file_type and general.quantization_version. The tensors'
 * bytes come in the directory's order, each behind gguf_write_align. */
void quantize_directory_write(const gguf_file *file, gguf_type type, const gguf_type *to,
                              gguf_writer *w);
