/* A file of any bytes must be refused or run: gguf_open, model_shape_read, model_open, a pass of
 * a few rows and one more. The first byte of the input is no part of the file: it picks rows and
 * tokens. Files are small, so what opens is small too; larger needs are passed over. */
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "session/session.h"

constexpr isize ctx_tokens = 24, directory_bytes = 1 << 20, memory_max = 64 << 20;

static nf_status run_to_end(session *s) {
  nf_status status;
  while ((status = session_run(s)) == NF_PENDING) {
  }
  return status;
}

static nf_status verify_to_end(session *s, const i32 *draft, isize n, session_verdict *verdict) {
  nf_status status;
  while ((status = session_verify(s, draft, n, verdict)) == NF_PENDING) {
  }
  return status;
}

static void session_try(const model *m, u8 dice) {
  const model_shape *shape = model_shape_get(m);
  isize session_need = session_bytes(m, ctx_tokens);
  isize scratch_need = model_scratch_bytes(m, ctx_tokens, 1);
  if (session_need > memory_max || scratch_need > memory_max) return;
  isize bytes = session_need + scratch_need + 4096;
  void *block = malloc((size_t)bytes);
  arena memory = arena_of(block, bytes), *a = &memory;
  pool *threads;
  model_scratch *scratch;
  session *s;
  if (pool_start(a, 1, &threads)) __builtin_trap(); /* counted above */
  if (!model_scratch_open(m, ctx_tokens, 1, a, &scratch) &&
      !session_open(m, scratch, threads, ctx_tokens, a, &s)) {
    i32 tokens[12];
    isize n = 1 + dice % 11, cached;
    for (isize i = 0; i < 12; i++) tokens[i] = (i32)((dice * 7 + i * 13) % shape->n_vocab);
    session_verdict verdict;
    if (!session_set(s, tokens, n, &cached) && !run_to_end(s) && !session_push(s, tokens[11]) &&
        !verify_to_end(s, tokens, dice % 5, &verdict)) {
      if (verdict.next < 0 || verdict.next >= shape->n_vocab) __builtin_trap();
    }
  }
  pool_stop(threads);
  free(block);
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
    isize bytes = model_bytes(&shape);
    void *block = bytes < memory_max ? malloc((size_t)bytes) : nullptr;
    arena memory = arena_of(block, block ? bytes : 0);
    model *m;
    if (block && !model_open(&file, file_at, k_table_best(), &memory, &m, &error)) {
      session_try(m, data[0]);
    }
    free(block);
  }
  free(directory);
  free(file_at);
  return 0;
}
