/* Writes the tiny models of tiny_llama.h, and adapters for them, as files for the tests that run in
 * node:
 *   make_tiny FOLDER     FOLDER/tiny_NAME.gguf for every name of the tables below
 * Owns the tables. The same bytes on every machine. */
#include "base/base.h"
#include "model/adapter_make.h"

static const struct {
  const char *name;
  tiny_llama_desc desc;
} files[] = {
    {"f32", {.type = GGUF_F32, .embed_type = GGUF_F32}},
    {"f16", {.type = GGUF_F16, .embed_type = GGUF_F16}},
    {"bf16", {.type = GGUF_BF16, .embed_type = GGUF_BF16}},
    {"q4_0", {.type = GGUF_Q4_0, .embed_type = GGUF_Q8_0}},
    {"q4_1", {.type = GGUF_Q4_1, .embed_type = GGUF_Q4_1}},
    {"edit", {.type = GGUF_Q4_1, .embed_type = GGUF_Q4_1}},
    {"q5_0", {.type = GGUF_Q5_0, .embed_type = GGUF_Q5_0, .head_separate = true}},
    {"q5_1", {.type = GGUF_Q5_1, .embed_type = GGUF_F16, .head_separate = true}},
    {"q8_0", {.type = GGUF_Q8_0, .embed_type = GGUF_Q8_0}},
    {"q4_k", {.type = GGUF_Q4_K, .embed_type = GGUF_Q6_K, .d_model = 256, .n_layers = 1}},
    {"q5_k", {.type = GGUF_Q5_K, .embed_type = GGUF_Q5_K, .d_model = 256, .n_layers = 1}},
    {"q6_k", {.type = GGUF_Q6_K, .embed_type = GGUF_Q6_K, .d_model = 256, .n_layers = 1}},
    {"wide", {.type = GGUF_Q6_K, .embed_type = GGUF_F32, .d_model = 256, .n_layers = 1}},
    /* one head of each kind more than a group has, widths that are no multiple of 64 */
    {"odd",
     {.type = GGUF_Q4_1,
      .embed_type = GGUF_Q8_0,
      .d_model = 96,
      .d_ff = 160,
      .n_heads = 3,
      .n_kv_heads = 1,
      .n_layers = 3}},
};

/* For the models of 2 layers, d 64, ff 128; bit i of `which`: q, k, v, o, gate, up, down. */
static const struct {
  const char *name;
  isize rank;
  u32 which;
} adapters[] = {{"adapter_all", 8, 0x7F}, {"adapter_some", 3, 0x45}};

static int file_write(const char *folder, const char *name, gguf_make *g) {
  char path[4096];
  nf_bytes file = gguf_make_finish(g);
  snprintf(path, sizeof path, "%s/tiny_%s.gguf", folder, name);
  FILE *out = fopen(path, "wb");
  if (out == nullptr || fwrite(file.at, 1, (size_t)file.len, out) != (size_t)file.len) return 1;
  gguf_make_free(g);
  return fclose(out) != 0;
}

int main(int n, char **args) {
  if (n != 2) return 2;
  for (isize i = 0; i < (isize)(sizeof files / sizeof *files); i++) {
    gguf_make g = {};
    tiny_llama_desc desc = files[i].desc;
    desc.seed = (u64)i + 1;
    desc.ctx_tokens = 4096; /* an edit has some hundred tokens of one byte */
    tiny_llama(&g, desc);
    if (file_write(args[1], files[i].name, &g)) return 1;
  }
  for (isize i = 0; i < (isize)(sizeof adapters / sizeof *adapters); i++) {
    gguf_make g = {};
    adapter_make(&g, adapters[i].rank, 16, GGUF_F16, GGUF_F16, adapters[i].which);
    if (file_write(args[1], adapters[i].name, &g)) return 1;
  }
  return 0;
}
