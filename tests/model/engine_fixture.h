/* A model opened for a test: its own writable copy of the file, arena, pool and scratch.
 * Asserts instead of reporting. Does NOT make files: tests/gguf/tiny_llama.h. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "gguf/tiny_llama.h"
#include "model/model.h"
#include "os/os.h"
#include "real_model.h"

typedef struct {
  u8 *file; /* the copy that the model repacked */
  void *block, *scratch_block, *directory;
  arena a;
  gguf_file gguf;
  model *m;
  pool *threads;
  model_scratch *scratch;
  isize ctx_tokens;
} test_engine;

typedef struct {
  const i32 *at;
  isize n;
} test_tokens;

static inline nf_status test_directory(nf_bytes file, void **block, gguf_file *gguf,
                                       nf_error *error) {
  isize bytes = 4 << 20;
  *block = malloc((size_t)bytes);
  assert_non_null(*block);
  arena a = arena_of(*block, bytes);
  return gguf_open(file, (u64)file.len, &a, gguf, error);
}

/* file_at is repacked; it must outlive the engine. */
static inline void test_engine_open_at(test_engine *e, u8 *file_at, isize file_bytes,
                                       const char *kernels, isize n_threads, isize ctx_tokens) {
  nf_error error = {};
  *e = (test_engine){.ctx_tokens = ctx_tokens};
  nf_status status = test_directory(bytes_of(file_at, file_bytes), &e->directory, &e->gguf, &error);
  if (status) fail_msg("gguf_open: %d %s", status, error.line);
  model_shape shape;
  status = model_shape_read(&e->gguf, &shape, &error);
  if (status) fail_msg("model_shape_read: %d %s", status, error.line);
  isize bytes = model_bytes(&shape) + 65536;
  e->block = os_memory_get(bytes);
  assert_non_null(e->block);
  e->a = arena_of(e->block, bytes);
  const k_table *table = kernels ? k_table_named(kernels) : k_table_best();
  assert_non_null(table);
  status = model_open(&e->gguf, file_at, table, &e->a, &e->m, &error);
  if (status) fail_msg("model_open: %d %s", status, error.line);
  assert_int_equal(pool_start(&e->a, n_threads, &e->threads), NF_OK);
  e->a.end = (u8 *)e->block + bytes;
  bytes = model_scratch_bytes(e->m, ctx_tokens, n_threads);
  e->scratch_block = malloc((size_t)bytes);
  assert_non_null(e->scratch_block);
  arena a = arena_of(e->scratch_block, bytes);
  assert_int_equal(model_scratch_open(e->m, ctx_tokens, n_threads, &a, &e->scratch), NF_OK);
}

static inline void test_engine_open(test_engine *e, nf_bytes file, const char *kernels,
                                    isize n_threads, isize ctx_tokens) {
  u8 *copy = aligned_alloc(64, (size_t)round_up(file.len, 64));
  assert_non_null(copy);
  memcpy(copy, file.at, (size_t)file.len);
  test_engine_open_at(e, copy, file.len, kernels, n_threads, ctx_tokens);
  e->file = copy;
}

static inline void test_engine_close(test_engine *e) {
  pool_stop(e->threads);
  free(e->scratch_block);
  os_memory_release(e->block, (isize)(e->a.end - (u8 *)e->block));
  free(e->directory);
  free(e->file);
}

/* A trunk over a cache of its own. */
static inline model_kv test_kv_open(const test_engine *e, void **block) {
  isize bytes = model_cache_bytes(e->m, e->ctx_tokens);
  *block = malloc((size_t)bytes);
  assert_non_null(*block);
  memset(*block, 0xFF, (size_t)bytes); /* NaN: reading what was not written shows */
  arena a = arena_of(*block, bytes);
  model_cache *cache;
  assert_int_equal(model_cache_open(e->m, e->ctx_tokens, &a, &cache), NF_OK);
  return (model_kv){.cache = cache};
}

/* A pass to its end. Returns the pieces it came in. */
static inline isize test_pass_run(const test_engine *e, const model_pass *pass) {
  nf_status status;
  isize n = 1;
  while ((status = model_pass_run(e->m, e->scratch, e->threads, pass)) == NF_PENDING) n++;
  assert_int_equal(status, NF_OK);
  return n;
}

/* One span; `pass` says what is wanted of its last n_out_rows rows. */
static inline void test_span_run(const test_engine *e, model_kv kv, const i32 *tokens, isize m,
                                 isize pos, isize n_out_rows, model_pass pass) {
  const model_span span = {
      .kv = kv, .tokens = tokens, .m = m, .pos = pos, .n_out_rows = n_out_rows};
  pass.spans = &span;
  pass.n_spans = 1;
  (void)test_pass_run(e, &pass);
}

/* The same, logits only: rows [m - n_logit_rows, m). */
static inline void test_forward(const test_engine *e, model_kv kv, const i32 *tokens, isize m,
                                isize pos, isize n_logit_rows, f32 *logits) {
  test_span_run(e, kv, tokens, m, pos, n_logit_rows, (model_pass){.logits = logits});
}

/* tokens[n] of a new timeline in passes of `chunk` rows, n <= the engine's ctx_tokens. Keys and
 * values go to kv, results to logits[n][n_vocab]. adapter null: the base model alone. */
static inline void test_run_in_chunks(const test_engine *e, model_kv kv,
                                      const model_adapter *adapter, test_tokens tokens, isize chunk,
                                      f32 *logits) {
  isize n_vocab = model_shape_get(e->m)->n_vocab;
  for (isize at = 0; at < tokens.n; at += chunk) {
    isize m = isize_min(chunk, tokens.n - at);
    const model_pass wanted = {.adapter = adapter, .logits = logits + at * n_vocab};
    test_span_run(e, kv, tokens.at + at, m, at, m, wanted);
  }
}

static const char *const test_tables[] = {"ref", "scalar", "avx2", "avx512vnni", "neon"};
constexpr isize n_test_tables = 5; /* those this machine lacks are passed over */

static inline void test_tokens_fill(i32 *tokens, isize n, isize n_vocab, u64 seed) {
  for (isize i = 0; i < n; i++) tokens[i] = (i32)(make_random(&seed) % (u64)n_vocab);
}

/* Logits of every row of a new engine with one table and two threads, in chunks of 17. */
static inline void test_logits(nf_bytes file, const char *kernels, const model_adapter *adapter,
                               test_tokens tokens, f32 *logits) {
  test_engine e;
  void *kv_block;
  test_engine_open(&e, file, kernels, 2, 64);
  model_kv kv = test_kv_open(&e, &kv_block);
  test_run_in_chunks(&e, kv, adapter, tokens, 17, logits);
  free(kv_block);
  test_engine_close(&e);
}
