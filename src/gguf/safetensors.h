/* safetensors: bytes -> a directory of tensors. What adapters are published in.
 *
 * Owns:      the directory (in the caller's arena). Borrows names and data from the file.
 * Does NOT:  know what a tensor is for, or read files. Overlapping tensors are harmless to a
 *            reader and not looked for; neither are bytes no tensor names.
 * Trusts nothing: every count, size and offset is checked against the file before use.
 * Source: github.com/huggingface/safetensors, README, "Format". */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "gguf/gguf.h"

typedef struct {
  nf_bytes name; /* as it stands in the head, escapes not decoded */
  gguf_type type; /* GGUF_F32, GGUF_F16 or GGUF_BF16: the same bytes in both formats */
  isize n_dims;
  isize dims[2]; /* slowest first: a matrix is rows, columns; 1 past n_dims */
  nf_bytes data; /* little-endian, not aligned */
} safetensors_tensor;

typedef struct {
  safetensors_tensor *tensors; /* in the head's order */
  isize n_tensors;
  json_value metadata; /* the object "__metadata__"; JSON_NULL: there is none */
} safetensors_file;

/* Does the file begin like one (a head of a believable length that opens with a brace)? */
bool safetensors_looks(nf_bytes file);
/* file: the whole of it, borrowed as long as the directory lives.
 * errors NF_BAD_INPUT  cut, no JSON head, a size or offset that does not fit
 *        NF_UNSUPPORTED a tensor of more than two dimensions or of another type
 *        NF_NO_MEMORY  the arena has less than safetensors_bytes left
 * `out` and the arena are as before unless NF_OK. */
[[nodiscard]] nf_status safetensors_open(nf_bytes file, arena *a, safetensors_file *out,
                                         nf_error *error);
/* Arena bytes that suffice for any file of this length. */
isize safetensors_bytes(nf_bytes file);
