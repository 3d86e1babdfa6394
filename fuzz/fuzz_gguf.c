/* Fuzzer of gguf_open: any bytes, as a whole file and as the prefix of a longer one. What is
 * accepted must keep its promises: everything borrowed lies inside, tensors lie in the file,
 * reading every entry touches nothing else, and the directory written for a quantized copy is one
 * that gguf_open takes, with as many keys and tensors. */
#include <stdlib.h>

#include "gguf/gguf.h"
#include "gguf/quant.h"
#include "gguf/quantize.h"

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

static void quantized_opens(const gguf_file *file) {
  const quantize_types types = {GGUF_Q4_0, GGUF_Q8_0, GGUF_Q4_1};
  gguf_type *to = malloc((size_t)(file->n_tensors + 1) * sizeof *to);
  ASSERT(to != nullptr);
  gguf_writer w = {};
  nf_error error = {};
  if (quantize_plan(file, &types, to, &error) == NF_OK) {
    quantize_directory_write(file, GGUF_Q4_0, to, &w);
    w = (gguf_writer){.to = malloc((size_t)w.len)};
    ASSERT(w.to != nullptr);
    quantize_directory_write(file, GGUF_Q4_0, to, &w);
    nf_bytes made = bytes_of(w.to, w.len);
    u64 file_bytes = (u64)w.len + w.offset;
    isize needed = 0;
    ASSERT(gguf_arena_bytes(made, file_bytes, &needed, &error) == NF_OK);
    void *block = malloc((size_t)needed);
    ASSERT(block != nullptr);
    arena a = arena_of(block, needed);
    gguf_file again;
    ASSERT(gguf_open(made, file_bytes, &a, &again, &error) == NF_OK);
    ASSERT(again.n_tensors == file->n_tensors && again.data_offset == (u64)w.len);
    ASSERT(again.n_kvs >= file->n_kvs && again.n_kvs <= file->n_kvs + 2);
    for (isize i = 0; i < again.n_tensors; i++) ASSERT(again.tensors[i].type == to[i]);
    free(block);
    free(w.to);
  }
  free(to);
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
  if (status == NF_OK) {
    read_all(&file, bytes);
    quantized_opens(&file);
  }
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
