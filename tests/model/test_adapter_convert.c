/* Tests of adapter_source and adapter_write: a LoRA in safetensors, rows in Hugging Face's order,
 * becomes the GGUF adapter it was made from, number by number; what is damaged or no plain LoRA is
 * refused with a line that names it. */
#include <math.h>

#include "gguf/safetensors_make.h"
#include "model/adapter_make.h"
#include "model/adapter_source.h"
#include "model/adapter_write.h"
#include "model/engine_fixture.h"

constexpr isize d_head = 16; /* tiny_llama's */
static const char *const hf_names[7] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                        "self_attn.o_proj", "mlp.gate_proj",    "mlp.up_proj",
                                        "mlp.down_proj"};
static const char *const peft = "base_model.model.model.layers.%d.%s.lora_%c.weight";

static model_shape base_shape(void) {
  nf_bytes file;
  gguf_make base = {};
  gguf_file gguf;
  void *directory;
  model_shape shape;
  tiny_llama(&base, (tiny_llama_desc){.n_layers = MAKE_LAYERS, .embed_type = GGUF_Q8_0});
  file = gguf_make_finish(&base);
  assert_int_equal(test_directory(file, &directory, &gguf, nullptr), NF_OK);
  assert_int_equal(model_shape_read(&gguf, &shape, nullptr), NF_OK);
  assert_int_equal(shape.d_head, d_head);
  free(directory);
  gguf_make_free(&base);
  return shape;
}

/* One matrix of the GGUF adapter as Hugging Face has it: q's and k's heads are d/2 pairs, GGUF's
 * row 2j + i is row j + i d/2 there. */
static f32 *hf_values(const gguf_file *gguf, const u8 *at, isize layer, isize i, char half,
                      isize *rows, isize *cols) {
  char name[64];
  snprintf(name, sizeof name, "blk.%d.%s.weight.lora_%c", (int)layer, make_matrices[i].name, half);
  const gguf_tensor *t = gguf_tensor_find(gguf, name);
  assert_non_null(t);
  f32 *values = adapter_make_decoded(gguf, at, name);
  *rows = t->dims[1], *cols = t->dims[0];
  if (half == 'a' || i > 1) return values;
  f32 *moved = malloc((size_t)(*rows * *cols) * sizeof(f32));
  assert_non_null(moved);
  for (isize head = 0; head < *rows / d_head; head++) {
    for (isize j = 0; j < d_head / 2; j++) {
      for (isize part = 0; part < 2; part++) {
        memcpy(moved + (head * d_head + part * (d_head / 2) + j) * *cols,
               values + (head * d_head + 2 * j + part) * *cols, (size_t)*cols * sizeof(f32));
      }
    }
  }
  free(values);
  return moved;
}

/* The whole adapter in F32 under names of that pattern (layer, matrix, half). */
static void safetensors_from(safetensors_make *m, const gguf_file *gguf, const u8 *at,
                             const char *pattern) {
  for (isize layer = 0; layer < MAKE_LAYERS; layer++) {
    for (isize i = 0; i < 7; i++) {
      for (char half = 'a'; half <= 'b'; half++) {
        isize rows, cols;
        char name[96];
        f32 *values = hf_values(gguf, at, layer, i, half, &rows, &cols);
        char letter = pattern == peft ? (char)(half - 32) : half;
#pragma clang diagnostic ignored "-Wformat-nonliteral"
        snprintf(name, sizeof name, pattern, (int)layer, hf_names[i], letter);
        safetensors_make_tensor(m, name, "F32", rows, cols, 4, values);
        free(values);
      }
    }
  }
}

/* Converted file in *out (free .at), or what refused it. */
static nf_status convert(nf_bytes file, const char *config, f32 alpha, gguf_type type,
                         nf_bytes *out, nf_error *error) {
  model_shape shape = base_shape();
  isize bytes = adapter_source_bytes(file, &shape);
  void *block = malloc((size_t)bytes);
  assert_non_null(block);
  arena a = arena_of(block, bytes);
  adapter_source source;
  gguf_writer count = {}, w = {};
  nf_status status =
      adapter_source_open(file, bytes_from_str(config), alpha, &shape, &a, &source, error);
  assert_int_not_equal(status, NF_NO_MEMORY); /* adapter_source_bytes suffices */
  if (!status) {
    assert_int_equal(adapter_write(&source, type, &count, error), NF_OK);
    w.to = malloc((size_t)count.len);
    assert_non_null(w.to);
    status = adapter_write(&source, type, &w, error);
    assert_true(status || w.len == count.len);
  } else {
    assert_ptr_equal(a.at, block);
  }
  free(block);
  *out = bytes_of(w.to, w.len);
  if (status) free(w.to);
  return status;
}

/* The same numbers as `want` (F32), rounded to the types of `got`; and llama.cpp's keys. */
static void assert_same_adapter(nf_bytes got, const gguf_file *want, const u8 *want_at, f32 alpha) {
  void *directory;
  gguf_file gguf;
  nf_bytes text;
  f32 number = -1;
  assert_int_equal(test_directory(got, &directory, &gguf, nullptr), NF_OK);
  assert_int_equal(gguf.n_tensors, want->n_tensors);
  assert_true(gguf_string(&gguf, "general.type", &text) &&
              bytes_equal(text, bytes_from_str("adapter")));
  assert_true(gguf_float(&gguf, "adapter.lora.alpha", &number) && number == alpha);
  for (isize i = 0; i < want->n_tensors; i++) {
    char name[65] = {};
    const gguf_tensor *t = &want->tensors[i];
    memcpy(name, t->name.at, (size_t)t->name.len);
    const gguf_tensor *g = gguf_tensor_find(&gguf, name);
    assert_non_null(g);
    assert_memory_equal(g->dims, t->dims, sizeof t->dims);
    f32 *a = adapter_make_decoded(&gguf, got.at, name);
    f32 *b = adapter_make_decoded(want, want_at, name);
    u8 *row = malloc((size_t)quant_row_bytes(g->type, g->dims[0]));
    for (isize r = 0; r < t->dims[1]; r++) {
      f32 *from = b + r * t->dims[0];
      assert_int_equal(quant_encode_row(g->type, from, row, t->dims[0]), NF_OK);
      quant_decode_row(g->type, row, from, t->dims[0]);
    }
    assert_memory_equal(a, b, (size_t)(t->dims[0] * t->dims[1]) * sizeof(f32));
    free(row);
    free(a);
    free(b);
  }
  free(directory);
}

static void check(isize rank, const char *pattern, const char *metadata, const char *config,
                  f32 given, gguf_type type) {
  gguf_make lora = {};
  gguf_file gguf;
  void *directory;
  nf_error error = {};
  adapter_make(&lora, rank, 16, GGUF_F32, GGUF_F32, 0x7F);
  nf_bytes lora_file = gguf_make_finish(&lora), out;
  assert_int_equal(test_directory(lora_file, &directory, &gguf, nullptr), NF_OK);
  safetensors_make m = {};
  if (metadata) safetensors_make_put(&m, "\"__metadata__\":%s", metadata);
  safetensors_from(&m, &gguf, lora_file.at, pattern);
  nf_bytes file = safetensors_make_finish(&m);
  if (convert(file, config, given, type, &out, &error)) fail_msg("%s", error.line);
  assert_same_adapter(out, &gguf, lora_file.at, 16);
  nf_bytes again; /* and from GGUF, whose rows are in order already */
  if (convert(out, "", 0, type, &again, &error)) fail_msg("%s", error.line);
  assert_int_equal(again.len, out.len);
  assert_memory_equal(again.at, out.at, (size_t)out.len);
  free((void *)again.at);
  free((void *)out.at);
  free((void *)file.at);
  free(directory);
  gguf_make_free(&lora);
}

static void safetensors_become_the_gguf_they_mean(void **state) {
  (void)state;
  check(8, peft, "{\"format\":\"pt\"}", "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":16}", 0,
        GGUF_F16);
  check(8, "model.layers.%d.%s.%c", "{\"scale\":\"2.0 (alpha 64 / rank 32)\"}", "", 0, GGUF_Q8_0);
  check(32, peft, "{\"lora_alpha\":\"16\"}", "", 0, GGUF_Q8_0); /* B's rows are whole blocks */
  check(5, peft, nullptr, "{\"lora_alpha\":99,\"alpha_pattern\":{}}", 16, GGUF_F16);
}

/* One pair for matrix q of layer 0 unless said otherwise, through the same door. */
static void expect_refused(const char *head, const char *config, nf_status want, const char *word) {
  static const u8 data[1 << 16];
  nf_bytes file = safetensors_make_file(head, data, sizeof data), out;
  nf_error error = {};
  nf_status status = convert(file, config, 0, GGUF_F16, &out, &error);
  if (status != want || !strstr(error.line, word)) {
    fail_msg("status %d, \"%s\"; expected %d and \"%s\"", status, error.line, want, word);
  }
  free((void *)file.at);
}

#define A                                                                                          \
  "\"model.layers.0.self_attn.q_proj.a\":{\"dtype\":\"F16\",\"shape\":[8,64],\"data_offsets\":[0," \
  "1024]}"
#define B                                                                                          \
  "\"model.layers.0.self_attn.q_proj.b\":{\"dtype\":\"F16\",\"shape\":[64,8],\"data_offsets\":[0," \
  "1024]}"

static void what_is_no_plain_lora_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *head, *config, *word;
    nf_status status;
  } cases[] = {
      {"{" A "," B "}", "", "alpha is not known", NF_BAD_INPUT},
      {"{" A "," B "}", "{\"lora_alpha\":0}", "no number above 0", NF_BAD_INPUT},
      {"{" A "," B "}", "{\"lora_alpha\":\"8\"}", "no number lora_alpha", NF_BAD_INPUT},
      {"{" A "," B "}", "{", "adapter_config.json: no JSON", NF_BAD_INPUT},
      {"{" A "," B "}", "{\"lora_alpha\":8,\"use_dora\":true}", "use_dora", NF_UNSUPPORTED},
      {"{" A "," B "}", "{\"lora_alpha\":8,\"use_rslora\":true}", "use_rslora", NF_UNSUPPORTED},
      {"{" A "," B "}", "{\"lora_alpha\":8,\"alpha_pattern\":{\"q\":1}}", "alpha_pattern",
       NF_UNSUPPORTED},
      {"{}", "{\"lora_alpha\":8}", "no tensors", NF_BAD_INPUT},
      {"{" A "}", "{\"lora_alpha\":8}", "one half is missing", NF_BAD_INPUT},
      {"{" A "," A "}", "{\"lora_alpha\":8}", "stands twice", NF_BAD_INPUT},
      {"{" A ",\"model.layers.0.self_attn.q_proj.b\":{\"dtype\":\"F16\",\"shape\":[64,4],"
       "\"data_offsets\":[0,512]}}",
       "{\"lora_alpha\":8}", "different ranks", NF_BAD_INPUT},
      {"{\"model.layers.0.self_attn.q_proj.a\":{\"dtype\":\"F16\",\"shape\":[8,32],"
       "\"data_offsets\":[0,512]}}",
       "", "another base model; its width is 32, 64", NF_BAD_INPUT},
      {"{\"model.layers.0.mlp.up_proj.a\":{\"dtype\":\"F16\",\"shape\":[65,64],"
       "\"data_offsets\":[0,8320]}}",
       "", "rank 65", NF_UNSUPPORTED},
      {"{\"model.layers.0.self_attn.q_proj.a\":{\"dtype\":\"F16\",\"shape\":[64],"
       "\"data_offsets\":[0,128]}}",
       "", "no matrix", NF_UNSUPPORTED},
      {"{\"model.layers.2.self_attn.q_proj.a\":{\"dtype\":\"F16\",\"shape\":[8,64],"
       "\"data_offsets\":[0,1024]}}",
       "", "no LoRA half", NF_UNSUPPORTED},
      {"{\"model.embed_tokens.lora_embedding_A\":{\"dtype\":\"F16\",\"shape\":[8,64],"
       "\"data_offsets\":[0,1024]}}",
       "", "embed_tokens", NF_UNSUPPORTED},
      {"[]", "", "neither", NF_BAD_INPUT},
  };
  for (isize i = 0; i < (isize)(sizeof cases / sizeof *cases); i++) {
    expect_refused(cases[i].head, cases[i].config, cases[i].status, cases[i].word);
  }
}

static void values_that_no_half_holds_are_refused(void **state) {
  (void)state;
  static const f32 odd[] = {INFINITY, -65600, NAN};
  for (isize i = 0; i < 3; i++) {
    static f32 a[8 * 64], b[64 * 8];
    a[77] = odd[i];
    safetensors_make m = {};
    nf_error error = {};
    nf_bytes out;
    safetensors_make_tensor(&m, "layers.1.self_attn.o_proj.lora_A.weight", "F32", 8, 64, 4, a);
    safetensors_make_tensor(&m, "layers.1.self_attn.o_proj.lora_B.weight", "F32", 64, 8, 4, b);
    nf_bytes file = safetensors_make_finish(&m);
    assert_int_equal(convert(file, "", 8, GGUF_F16, &out, &error), NF_BAD_INPUT);
    assert_non_null(strstr(error.line, "blk.1.attn_output.weight.lora_a"));
    free((void *)file.at);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(safetensors_become_the_gguf_they_mean),
      cmocka_unit_test(what_is_no_plain_lora_is_refused),
      cmocka_unit_test(values_that_no_half_holds_are_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
