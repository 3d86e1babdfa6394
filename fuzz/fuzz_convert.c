/* An adapter of any bytes (safetensors or GGUF; after "\xFF" "conf" PEFT's configuration) for a
 * base of tiny_llama's shape is refused with a line or converted; what was converted has the length
 * counted before, opens, and converting it again changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "model/adapter_source.h"
#include "model/adapter_write.h"
#include "tiny_shape.h"

/* The converted file (free .at); .len 0: refused. */
static nf_bytes convert(nf_bytes file, nf_bytes config, gguf_type type) {
  isize bytes = adapter_source_bytes(file, &shape);
  void *block = malloc((size_t)bytes);
  arena a = arena_of(block, bytes);
  adapter_source source;
  nf_error error = {};
  gguf_writer count = {}, w = {};
  nf_status status = adapter_source_open(file, config, 0, &shape, &a, &source, &error);
  if (!status) {
    if (adapter_write(&source, type, &count, &error)) __builtin_trap();
    w.to = malloc((size_t)count.len);
    status = adapter_write(&source, type, &w, &error);
    if (!status && w.len != count.len) __builtin_trap();
  }
  if (status == NF_NO_MEMORY || (status && !error.line[0])) __builtin_trap();
  free(block);
  if (!status) return bytes_of(w.to, w.len);
  free(w.to);
  return (nf_bytes){};
}

static void opens(nf_bytes file) {
  constexpr isize directory_bytes = 1 << 20;
  u8 *directory = malloc(directory_bytes);
  arena a = arena_of(directory, directory_bytes);
  gguf_file gguf;
  isize bytes;
  if (gguf_open(file, (u64)file.len, &a, &gguf, nullptr)) __builtin_trap();
  if (model_adapter_bytes(&gguf, &shape, &bytes, nullptr)) __builtin_trap();
  free(directory);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  nf_bytes file = bytes_of(data, (isize)size), config = {};
  isize at = bytes_find(file, bytes_from_str("\xFF"
                                             "conf"));
  if (at >= 0) {
    config = bytes_slice(file, at + 5, file.len);
    file = bytes_slice(file, 0, at);
  }
  gguf_type type = file.len % 2 ? GGUF_F16 : GGUF_Q8_0;
  nf_bytes once = convert(file, config, type);
  if (once.len == 0) return 0;
  opens(once);
  /* a block whose scale is under the least half has quants that mean 0 the first time only */
  nf_bytes twice = convert(once, (nf_bytes){}, type), thrice = convert(twice, (nf_bytes){}, type);
  if (twice.len != once.len || !bytes_equal(twice, thrice)) __builtin_trap();
  free((void *)once.at);
  free((void *)twice.at);
  free((void *)thrice.at);
  return 0;
}
