/* Writes the tiny models of tiny_llama.h as files, for the tests that run in node:
 *   make_tiny FOLDER     FOLDER/tiny_NAME.gguf for every name of the table below
 * Owns the table. The same bytes on every machine. */
#include "base/base.h"
#include "gguf/tiny_llama.h"

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
    {"odd", {.type = GGUF_Q4_1, .embed_type = GGUF_Q8_0, .d_model = 96, .d_ff = 160, .n_heads = 3,
             .n_kv_heads = 1, .n_layers = 3}},
};

int main(int n, char **args) {
  if (n != 2) return 2;
  for (isize i = 0; i < (isize)(sizeof files / sizeof *files); i++) {
    char path[4096];
    gguf_make g = {};
    tiny_llama_desc desc = files[i].desc;
    desc.seed = (u64)i + 1;
    desc.ctx_tokens = 4096; /* an edit has some hundred tokens of one byte */
    tiny_llama(&g, desc);
    nf_bytes file = gguf_make_finish(&g);
    snprintf(path, sizeof path, "%s/tiny_%s.gguf", args[1], files[i].name);
    FILE *out = fopen(path, "wb");
    if (out == nullptr || fwrite(file.at, 1, (size_t)file.len, out) != (size_t)file.len) return 1;
    if (fclose(out) != 0) return 1;
    gguf_make_free(&g);
  }
  return 0;
}
