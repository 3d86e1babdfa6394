/* Tests of gguf/safetensors: a sound file is read as written; cut anywhere, with any bit flipped,
 * or with a head that claims what is not so, it is refused or stays within its bounds. */
#include "gguf/safetensors.h"

#include "cmocka_all.h"
#include "gguf/safetensors_make.h"

static _Alignas(64) u8 block[1 << 18];

static nf_status open_bytes(nf_bytes file, safetensors_file *out, nf_error *error) {
  isize bytes = safetensors_bytes(file);
  assert_true(bytes <= (isize)sizeof block);
  arena a = arena_of(block, bytes);
  nf_status status = safetensors_open(file, &a, out, error);
  assert_int_not_equal(status, NF_NO_MEMORY); /* safetensors_bytes suffices */
  if (status) assert_ptr_equal(a.at, block);
  return status;
}

static nf_bytes sound_file(void) {
  static const f32 numbers[6] = {1, 2, 3, 4, 5, 6};
  static const u16 halves[4] = {0x3C00, 0, 0x8000, 0x4000};
  safetensors_make m = {};
  safetensors_make_put(&m, "\"__metadata__\":{\"format\":\"pt\"}");
  safetensors_make_tensor(&m, "first", "F32", 2, 3, 4, numbers);
  safetensors_make_tensor(&m, "second", "F16", 4, 1, 2, halves);
  safetensors_make_tensor(&m, "third", "BF16", 1, 4, 2, halves);
  return safetensors_make_finish(&m);
}

static void within(const safetensors_file *dir, nf_bytes file) {
  for (isize i = 0; i < dir->n_tensors; i++) {
    const safetensors_tensor *t = &dir->tensors[i];
    assert_true(t->name.at >= file.at && t->name.at + t->name.len <= file.at + file.len);
    assert_true(t->data.len == 0 ||
                (t->data.at >= file.at && t->data.at + t->data.len <= file.at + file.len));
    assert_true(t->n_dims >= 0 && t->n_dims <= 2);
  }
}

static void a_sound_file_is_read(void **state) {
  (void)state;
  nf_bytes file = sound_file();
  safetensors_file dir = {};
  assert_true(safetensors_looks(file));
  assert_int_equal(open_bytes(file, &dir, nullptr), NF_OK);
  assert_int_equal(dir.n_tensors, 3);
  json_value format;
  assert_true(json_member(dir.metadata, "format", &format));
  static const gguf_type types[] = {GGUF_F32, GGUF_F16, GGUF_BF16};
  static const isize dims[][2] = {{2, 3}, {4, 1}, {1, 4}}, bytes[] = {24, 8, 8};
  for (isize i = 0; i < 3; i++) {
    const safetensors_tensor *t = &dir.tensors[i];
    assert_int_equal(t->type, types[i]);
    assert_int_equal(t->n_dims, 2);
    assert_memory_equal(t->dims, dims[i], sizeof dims[i]);
    assert_int_equal(t->data.len, bytes[i]);
  }
  f32 last;
  memcpy(&last, dir.tensors[0].data.at + 20, 4);
  assert_true(last == 6);
  within(&dir, file);
  free((void *)file.at);
}

static void a_cut_or_damaged_file_is_refused_or_in_bounds(void **state) {
  (void)state;
  nf_bytes file = sound_file();
  for (isize n = 0; n < file.len; n++) { /* in a block of its own, so that reading past it shows */
    u8 *cut = malloc((size_t)n + 1);
    safetensors_file dir = {};
    nf_error error = {};
    memcpy(cut, file.at, (size_t)n);
    assert_int_equal(open_bytes(bytes_of(cut, n), &dir, &error), NF_BAD_INPUT);
    assert_true(error.line[0] != 0);
    free(cut);
  }
  u8 *at = (u8 *)file.at;
  isize head = 8 + (isize)load_u64(at);
  for (isize bit = 0; bit < head * 8; bit++) {
    safetensors_file dir = {};
    at[bit / 8] ^= (u8)(1 << bit % 8);
    if (!open_bytes(file, &dir, nullptr)) within(&dir, file);
    at[bit / 8] ^= (u8)(1 << bit % 8);
  }
  free(at);
}

static void wrong_heads_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *head, *word;
    nf_status status;
  } cases[] = {
      {"[]", "no JSON object", NF_BAD_INPUT},
      {"{\"a\":1", "no JSON object", NF_BAD_INPUT},
      {"{\"\xFF\":1}", "no JSON object", NF_BAD_INPUT},
      {"{\"a\":1}", "tensor a: dtype", NF_BAD_INPUT},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "data_offsets expected", NF_BAD_INPUT},
      {"{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", "BF16", NF_UNSUPPORTED},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1],\"data_offsets\":[0,4]}}", "2 dimensions",
       NF_UNSUPPORTED},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "whole number",
       NF_BAD_INPUT},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", "two whole", NF_BAD_INPUT},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", "outside", NF_BAD_INPUT},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", "outside",
       NF_BAD_INPUT},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "another length",
       NF_BAD_INPUT},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905,4],\"data_offsets\":[0,8]}}",
       "another length", NF_BAD_INPUT},
  };
  static const u8 data[8] = {};
  for (isize i = 0; i < (isize)(sizeof cases / sizeof *cases); i++) {
    nf_bytes file = safetensors_make_file(cases[i].head, data, 8);
    safetensors_file dir = {};
    nf_error error = {};
    nf_status status = open_bytes(file, &dir, &error);
    if (status != cases[i].status || !strstr(error.line, cases[i].word)) {
      fail_msg("%s: status %d, \"%s\"", cases[i].head, status, error.line);
    }
    free((void *)file.at);
  }
  assert_false(safetensors_looks(bytes_from_str("GGUF")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_sound_file_is_read),
      cmocka_unit_test(a_cut_or_damaged_file_is_refused_or_in_bounds),
      cmocka_unit_test(wrong_heads_are_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
