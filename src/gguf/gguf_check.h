/* Checks over a whole directory, after every entry was found sound by itself: no name twice,
 * every tensor aligned, inside the file and apart from the others.
 * Private to gguf/. Owns nothing. */
#pragma once
#include "gguf/gguf.h"

/* Turns each tensor's offset from "relative to the data" to "from the start of the file" and
 * checks it. order: scratch for max(n_kvs, n_tensors) entries. alignment: a power of two.
 * errors NF_BAD_INPUT; the line names the key or tensor */
[[nodiscard]] nf_status gguf_check(gguf_file *file, u64 alignment, isize *order, nf_error *error);

/* order[n_tensors]: places of the tensors, the one that lies first in the file first. */
void gguf_order_by_offset(const gguf_file *file, isize *order);
