/* A file of any bytes must be refused or run: gguf_open, model_shape_read, model_open, a pass of
 * a few rows and one more. The first byte of the input is no part of the file: it picks rows and
 * tokens. Files are small, so what opens is small too; larger needs are passed over. */
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "session/session.h"

constexpr isize ctx_tokens = 24, directory_bytes = 1 << 20, memory_max = 64 << 20;

static void session_try(const model *m, arena *a, u8 dice) {
  const model_shape *shape = model_shape_get(m);
  pool *threads;
  model_scratch *scratch;
  session *s;
  if (pool_start(a, 1, &threads)) return;
  if (!model_scratch_open(shape, ctx_tokens, 1, a, &scratch) &&
      !session_open(m, scratch, threads, ctx_tokens, a, &s)) {
    i32 tokens[12];
    isize n = 1 + dice % 11, cached;
    for (isize i = 0; i < 12; i++) tokens[i] = (i32)((dice * 7 + i * 13) % shape->n_vocab);
    session_verdict verdict;
    if (!session_set(s, tokens, n, &cached) && !session_run(s) && !session_push(s, tokens[11]) &&
        !session_verify(s, tokens, dice % 5, &verdict)) {
      if (verdict.next < 0 || verdict.next >= shape->n_vocab) __builtin_trap();
    }
  }
  pool_stop(threads);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  if (size < 1) return 0;
  isize len = (isize)size - 1;
  u8 *file_at = aligned_alloc(64, (size_t)round_up(len + 1, 64));
  u8 *directory = malloc(directory_bytes);
  memcpy(file_at, data + 1, (size_t)len);
  arena a = arena_of(directory, directory_bytes);
  gguf_file file;
  model_shape shape;
  nf_error error;
  if (!gguf_open(bytes_of(file_at, len), (u64)len, &a, &file, &error) &&
      !model_shape_read(&file, &shape, &error)) {
    isize bytes = model_bytes(&shape), session_need = session_bytes(&shape, ctx_tokens);
    isize scratch_need = model_scratch_bytes(&shape, ctx_tokens, 1);
    if (bytes < memory_max && session_need < memory_max && scratch_need < memory_max) {
      bytes += session_need + scratch_need + 4096;
      void *block = malloc((size_t)bytes);
      arena memory = arena_of(block, bytes);
      model *m;
      if (!model_open(&file, file_at, k_table_best(), &memory, &m, &error)) {
        session_try(m, &memory, data[0]);
      }
      free(block);
    }
  }
  free(directory);
  free(file_at);
  return 0;
}
