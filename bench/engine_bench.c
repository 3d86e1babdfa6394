/* How fast the engine decodes and runs 32-row passes on this machine, for one model file:
 *   engine_bench MODEL.gguf [THREADS [KERNELS [SECONDS]]]
 * prints one JSON object: decode_tok_s (one row a pass, positions 64 on), rows32_tok_s (passes of
 * 32 rows at positions 64 on, logits of every row's best token), rows32_prompt_tok_s (the same,
 * logits of the last row only, what a prompt costs), load_ms (map, check, repack),
 * peak_rss_bytes, and what of it is file, KV cache and scratch.
 * Medians of repeated passes: other processes disturb a mean. Owns no comparison: ./dev bench. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "gguf/gguf.h"
#include "model/model.h"
#include "os/os.h"

constexpr isize ctx_tokens = 1024, pos_first = 64, samples_max = 4096;

static void die(const char *what, const nf_error *error) {
  fprintf(stderr, "engine_bench: %s: %s\n", what, error ? error->line : "");
  exit(3);
}

static arena arena_get(isize bytes) {
  void *block = os_memory_get(bytes);
  if (!block) die("no memory", nullptr);
  return arena_of(block, bytes);
}

typedef struct {
  model *m;
  model_cache *cache;
  model_scratch *scratch;
  pool *threads;
  f32 *logits;
  i32 *best;
} engine;

static int by_size(const void *a, const void *b) {
  i64 x = *(const i64 *)a, y = *(const i64 *)b;
  return x < y ? -1 : x > y;
}

static void pass_run(engine *e, const i32 *tokens, isize m, isize pos, isize n_out_rows,
                     model_pass wanted) {
  const model_span span = {
      .kv = {.cache = e->cache}, .tokens = tokens, .m = m, .pos = pos, .n_out_rows = n_out_rows};
  wanted.spans = &span;
  wanted.n_spans = 1;
  nf_status status;
  while ((status = model_pass_run(e->m, e->scratch, e->threads, &wanted)) == NF_PENDING) {
  }
  if (status != NF_OK) die("a pass", nullptr);
}

/* Tokens a second of passes of m rows, as the median pass went. */
static f64 rate(engine *e, isize m, isize n_out_rows, bool logits, f64 seconds) {
  static i64 took[samples_max];
  i32 tokens[MODEL_ROWS_MAX];
  for (isize i = 0; i < MODEL_ROWS_MAX; i++) tokens[i] = (i32)(i * 37 + 11);
  isize n = 0, pos = pos_first;
  i64 end = os_clock_ns() + (i64)(seconds * 1e9);
  while (n < 3 || (n < samples_max && os_clock_ns() < end)) {
    const model_pass wanted = {.logits = logits ? e->logits : nullptr, .best = e->best};
    i64 start = os_clock_ns();
    pass_run(e, tokens, m, pos, n_out_rows, wanted);
    took[n++] = os_clock_ns() - start;
    pos = m == 1 && pos < pos_first + 127 ? pos + 1 : pos_first;
  }
  qsort(took, (size_t)n, sizeof *took, by_size);
  return (f64)m * 1e9 / (f64)took[n / 2];
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s MODEL.gguf [THREADS [KERNELS [SECONDS]]]\n", argv[0]);
    return 2;
  }
  isize n_threads = argc > 2 ? atoi(argv[2]) : os_cpu_count();
  const k_table *table = argc > 3 && argv[3][0] ? k_table_named(argv[3]) : k_table_best();
  f64 seconds = argc > 4 ? atof(argv[4]) : 3;
  if (n_threads < 1 || !table) die("no such threads or kernels", nullptr);
  nf_error error = {};
  os_map map;
  i64 start = os_clock_ns();
  if (os_file_map(argv[1], &map, &error)) die("model", &error);
  arena directory = arena_get(16 << 20);
  gguf_file file;
  model_shape shape;
  if (gguf_open(bytes_of(map.at, map.len), (u64)map.len, &directory, &file, &error) ||
      model_shape_read(&file, &shape, &error)) {
    die("model", &error);
  }
  arena a = arena_get(model_bytes(&shape));
  engine e = {};
  if (model_open(&file, map.at, table, &a, &e.m, &error)) die("model", &error);
  isize kv_bytes = model_cache_bytes(e.m, ctx_tokens);
  isize scratch_bytes = model_scratch_bytes(e.m, ctx_tokens, n_threads);
  a = arena_get(kv_bytes + scratch_bytes + (1 << 20) + shape.n_vocab * (isize)sizeof(f32));
  f64 load_ms = (f64)(os_clock_ns() - start) / 1e6;
  e.logits = arena_new(&a, shape.n_vocab, f32);
  e.best = arena_new(&a, MODEL_ROWS_MAX, i32);
  if (!e.logits || !e.best || model_cache_open(e.m, ctx_tokens, &a, &e.cache) ||
      model_scratch_open(e.m, ctx_tokens, n_threads, &a, &e.scratch) ||
      pool_start(&a, n_threads, &e.threads)) {
    die("no memory", nullptr);
  }
  i32 prompt[MODEL_ROWS_MAX] = {};
  pass_run(&e, prompt, MODEL_ROWS_MAX, 0, 0, (model_pass){});
  f64 decode = rate(&e, 1, 1, true, seconds), rows32 = rate(&e, 32, 32, false, seconds);
  f64 prompt32 = rate(&e, 32, 1, true, seconds);
  for (isize pos = MODEL_ROWS_MAX; pos < ctx_tokens; pos += MODEL_ROWS_MAX) { /* whole cache */
    pass_run(&e, prompt, MODEL_ROWS_MAX, pos, 0, (model_pass){});
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf(
      "{\"decode_tok_s\": %.1f, \"rows32_tok_s\": %.1f, \"rows32_prompt_tok_s\": %.1f, "
      "\"threads\": %d, \"kernels\": \"%s\", \"load_ms\": %.1f, \"peak_rss_bytes\": %lld, "
      "\"file_bytes\": %lld, \"kv_bytes\": %lld, \"scratch_bytes\": %lld}\n",
      decode, rows32, prompt32, (int)pool_threads(e.threads), table->name, load_ms,
      (long long)usage.ru_maxrss * 1024, (long long)map.len, (long long)kv_bytes,
      (long long)scratch_bytes);
  pool_stop(e.threads);
  os_file_unmap(&map);
  return 0;
}
