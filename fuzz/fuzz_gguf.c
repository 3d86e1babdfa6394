/* Fuzzer of gguf_open: any bytes, as a whole file and as the prefix of a longer one. What is
 * accepted must keep its promises: everything borrowed lies inside, tensors lie in the file,
 * and reading every entry touches nothing else. */
#include <stdlib.h>

#include "gguf/gguf.h"
#include "gguf/quant.h"

static u32 touched; /* so that reads are not optimised away */

static void touch(nf_bytes whole, nf_bytes part) {
  ASSERT(part.len >= 0);
  if (part.len == 0) return;
  ASSERT(part.at >= whole.at && part.len <= whole.len - (part.at - whole.at));
  touched += part.at[0] + part.at[part.len - 1];
}

static void read_all(const gguf_file *file, nf_bytes bytes) {
  for (isize i = 0; i < file->n_kvs; i++) {
    const gguf_kv *kv = &file->kvs[i];
    touch(bytes, kv->key);
    touch(bytes, kv->value);
    touch(bytes, kv->array.bytes);
    if (kv->type != GGUF_KV_ARRAY || kv->array.type != GGUF_KV_STRING) continue;
    nf_bytes at = kv->array.bytes;
    for (isize k = 0; k < kv->array.n; k++) touch(bytes, gguf_string_next(&at));
    ASSERT(at.len == 0);
  }
  i64 n;
  f32 x;
  if (gguf_int(file, "a.int", &n) || gguf_float(file, "a.float", &x)) touched++;
  for (isize i = 0; i < file->n_tensors; i++) {
    const gguf_tensor *t = &file->tensors[i];
    ASSERT(t->offset >= file->data_offset && t->offset <= file->file_bytes);
    ASSERT((u64)t->bytes <= file->file_bytes - t->offset);
    isize row_bytes = quant_row_bytes(t->type, t->dims[0]);
    ASSERT(row_bytes > 0);
    if (t->dims[0] > 4096 || t->offset + (u64)row_bytes > (u64)bytes.len) continue;
    static f32 row[4096];
    quant_decode_row(t->type, bytes.at + t->offset, row, t->dims[0]);
  }
}

static void open_as(nf_bytes bytes, u64 file_bytes) {
  nf_error error = {};
  isize needed = 0;
  nf_status counted = gguf_arena_bytes(bytes, file_bytes, &needed, &error);
  ASSERT((counted == NF_OK) == (needed > 0));
  if (counted != NF_OK) {
    ASSERT(error.line[0] != 0);
    needed = 64;
  }
  void *block = malloc((size_t)needed);
  if (block == nullptr) return;
  arena a = arena_of(block, needed);
  gguf_file file;
  nf_status status = gguf_open(bytes, file_bytes, &a, &file, &error);
  ASSERT(status != NF_NO_MEMORY);
  ASSERT(counted == NF_OK || status == counted);
  if (status == NF_OK) read_all(&file, bytes);
  if (status != NF_OK) ASSERT(a.at == block);
  free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  nf_bytes bytes = bytes_of(data, (isize)size);
  open_as(bytes, (u64)size);
  open_as(bytes, (u64)size + 4096);
  open_as(bytes, UINT64_MAX); /* no size of a file may overflow anything */
  return 0;
}
