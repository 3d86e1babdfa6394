/* An adapter file of any bytes for a base of tiny_llama's shape must be refused or opened, in
 * exactly the memory that was counted before; what opens keeps to its bounds. */
#include <stdlib.h>
#include <string.h>

#include "model/adapter.h"
#include "tiny_shape.h"

constexpr isize directory_bytes = 1 << 20;

static void adapter_look(const model_adapter *adapter) {
  for (isize i = 0; i < adapter->n_layers; i++) {
    for (i32 j = 0; j < ADAPTER_PAIRS; j++) {
      const adapter_pair *pair = &adapter->layers[i].pairs[j];
      if (pair->rank < 0 || pair->rank > ADAPTER_RANK_MAX) __builtin_trap();
      if (pair->rank > 0 && !(pair->scale >= 0 && pair->b)) __builtin_trap();
    }
    for (i32 j = 0; j < ADAPTER_STACKS; j++) {
      const k_weight *w = &adapter->layers[i].a[j];
      f32 row[128];
      if (w->rows > ADAPTER_STACK_MAX || w->cols > 128) __builtin_trap();
      if (w->rows > 0) k_weight_row(w, w->rows - 1, row);
    }
  }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  u8 *directory = malloc(directory_bytes);
  nf_bytes bytes = bytes_of(data, (isize)size);
  arena a = arena_of(directory, directory_bytes);
  gguf_file file;
  nf_error error = {};
  isize need = 0;
  if (!gguf_open(bytes, (u64)size, &a, &file, &error) &&
      !model_adapter_bytes(&file, &shape, &need, &error)) {
    if (need < 0 || need > 16 << 20) __builtin_trap();
    void *block = malloc((size_t)need);
    arena memory = arena_of(block, need);
    model_adapter *adapter;
    nf_status status = model_adapter_open(&file, bytes, &shape, &memory, &adapter, &error);
    if (status == NF_NO_MEMORY || (status && !error.line[0])) __builtin_trap();
    if (!status) adapter_look(adapter);
    free(block);
  }
  free(directory);
  return 0;
}
