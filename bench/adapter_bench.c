/* What an adapter of rank 8 costs a pass, in layers of SmolLM2-135M's shape (3 of them, Q4_1, made
 * here; next to no head, which no adapter touches: of the real model's products the head is 21 %):
 *   adapter_bench [KERNELS]   per number of rows the fastest of many passes with and without it, in
 *                             turns, in ms; one JSON object. Other processes only make it larger
 *   adapter_bench KERNELS ROWS PASSES with|without   only runs them: count with callgrind
 * Owns the loops only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf/lora_make.h"
#include "gguf/tiny_llama.h"
#include "model/adapter.h"
#include "os/os.h"

constexpr isize LAYERS = 3, D = 576, FF = 1536, HEADS = 9, KV_HEADS = 3, RANK = 8;
constexpr isize PREFIX = 64, ROUNDS = 150, CTX = PREFIX + MODEL_ROWS_MAX;
static const isize row_counts[] = {1, 2, 4, 8, 16, 32, 64};

typedef struct {
  model *m;
  model_adapter *adapter;
  model_scratch *scratch;
  model_cache *cache;
  pool *threads;
} bench;

static void adapter_file(gguf_make *g) {
  static const struct {
    const char *name;
    isize cols, rows;
  } parts[] = {{"attn_q", D, D},    {"attn_k", D, 192}, {"attn_v", D, 192}, {"attn_output", D, D},
               {"ffn_gate", D, FF}, {"ffn_up", D, FF},  {"ffn_down", FF, D}};
  u64 seed = 3;
  lora_make_keys(g, 16);
  for (int layer = 0; layer < LAYERS; layer++) {
    for (isize i = 0; i < 7; i++) {
      lora_make_pair(g, layer,
                     (lora_pair_desc){.matrix = parts[i].name,
                                      .cols = parts[i].cols,
                                      .rows = parts[i].rows,
                                      .rank = RANK,
                                      .a_type = GGUF_F16,
                                      .b_type = GGUF_F16,
                                      .a_range = 0.02f,
                                      .b_range = 0.02f},
                     &seed);
    }
  }
}

static gguf_file directory_of(nf_bytes file) {
  isize bytes;
  gguf_file gguf;
  nf_status status = gguf_arena_bytes(file, (u64)file.len, &bytes, nullptr);
  arena a = arena_of(status ? nullptr : os_memory_get(bytes), status ? 0 : bytes);
  if (status || gguf_open(file, (u64)file.len, &a, &gguf, nullptr)) exit(3);
  return gguf;
}

static void bench_open(bench *b, const char *kernels) {
  static gguf_make base, lora;
  nf_error error = {};
  nf_bytes file = tiny_llama_file(&base, (tiny_llama_desc){.type = GGUF_Q4_1,
                                                           .embed_type = GGUF_Q8_0,
                                                           .n_layers = LAYERS,
                                                           .d_model = D,
                                                           .d_ff = FF,
                                                           .n_heads = HEADS,
                                                           .n_kv_heads = KV_HEADS,
                                                           .ctx_tokens = CTX});
  adapter_file(&lora);
  nf_bytes lora_file = gguf_make_finish(&lora);
  gguf_file gguf = directory_of(file), lora_gguf = directory_of(lora_file);
  model_shape shape;
  isize adapter_bytes = 0;
  if (model_shape_read(&gguf, &shape, &error)) exit(3);
  if (model_adapter_bytes(&lora_gguf, &shape, &adapter_bytes, &error)) exit(3);
  isize bytes = model_bytes(&shape) + adapter_bytes + ((isize)64 << 20);
  void *block = os_memory_get(bytes);
  if (!block) exit(3);
  arena a = arena_of(block, bytes);
  const k_table *table = kernels ? k_table_named(kernels) : k_table_best();
  if (!table || model_open(&gguf, (u8 *)file.at, table, &a, &b->m, &error)) exit(3);
  if (model_adapter_open(&lora_gguf, lora_file, &shape, &a, &b->adapter, &error)) exit(3);
  if (pool_start(&a, 1, &b->threads) || model_scratch_open(b->m, CTX, 1, &a, &b->scratch) ||
      model_cache_open(b->m, CTX, &a, &b->cache)) {
    exit(3);
  }
}

static f64 pass_ms(const bench *b, bool with, isize rows, isize pos) {
  i32 tokens[MODEL_ROWS_MAX], best[MODEL_ROWS_MAX];
  for (isize i = 0; i < rows; i++) tokens[i] = (i32)(3 + 37 * (pos + i) % 200);
  const model_span span = {
      .kv = {.cache = b->cache}, .tokens = tokens, .m = rows, .pos = pos, .n_out_rows = rows};
  const model_pass pass = {
      .spans = &span, .n_spans = 1, .adapter = with ? b->adapter : nullptr, .best = best};
  i64 start = os_clock_ns();
  nf_status status;
  while ((status = model_pass_run(b->m, b->scratch, b->threads, &pass)) == NF_PENDING) {
  }
  if (status) exit(3);
  return (f64)(os_clock_ns() - start) / 1e6;
}

int main(int argc, char **argv) {
  bench b = {};
  bench_open(&b, argc > 1 && strcmp(argv[1], "best") != 0 ? argv[1] : nullptr);
  (void)pass_ms(&b, false, PREFIX, 0);
  if (argc > 4) {
    bool with = strcmp(argv[4], "with") == 0;
    for (isize i = 0; i < atoi(argv[3]); i++) (void)pass_ms(&b, with, atoi(argv[2]), PREFIX);
    return 0;
  }
  printf("{\"layers\": %td, \"passes\": [", LAYERS);
  for (isize i = 0; i < (isize)(sizeof row_counts / sizeof *row_counts); i++) {
    f64 least[2] = {1e9, 1e9};
    for (isize round = 0; round < 2 * ROUNDS; round++) {
      f64 ms = pass_ms(&b, round % 2, row_counts[i], PREFIX);
      if (ms < least[round % 2]) least[round % 2] = ms;
    }
    printf("%s\n  {\"rows\": %td, \"plain_ms\": %.3f, \"adapter_ms\": %.3f, \"percent\": %.1f}",
           i ? "," : "", row_counts[i], least[0], least[1], 100 * (least[1] / least[0] - 1));
  }
  printf("]}\n");
  return 0;
}
