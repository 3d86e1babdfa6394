/* Tests of quant: decoded and encoded bytes equal to what gguf-py and llama.cpp give, bit for
 * bit (tests/data/quant_vectors.gguf, made by make_quant.py), and half floats equal to the
 * compiler's own. */
#include "gguf/quant.h"

#include "cmocka_all.h"
#include "gguf/gguf_make.h"

static const gguf_type types[] = {GGUF_F32,  GGUF_F16,  GGUF_BF16, GGUF_Q4_0, GGUF_Q4_1, GGUF_Q5_0,
                                  GGUF_Q5_1, GGUF_Q8_0, GGUF_Q4_K, GGUF_Q5_K, GGUF_Q6_K};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* The vectors' file; it was written by gguf-py, so opening it is a test of gguf.c as well. */
typedef struct {
  u8 *bytes;
  gguf_file file;
} vectors;

static int vectors_open(void **state) {
  static u8 block[1 << 15];
  static vectors v;
  FILE *f = fopen(NF_SOURCE_DIR "/tests/data/quant_vectors.gguf", "rb");
  if (f == nullptr) return -1;
  fseek(f, 0, SEEK_END);
  isize n = ftell(f);
  rewind(f);
  v.bytes = malloc((size_t)n);
  bool read = v.bytes && fread(v.bytes, 1, (size_t)n, f) == (size_t)n;
  fclose(f);
  arena a = arena_of(block, sizeof block);
  nf_error error = {};
  if (!read || gguf_open(bytes_of(v.bytes, n), (u64)n, &a, &v.file, &error) != NF_OK) {
    fprintf(stderr, "quant_vectors.gguf: %s\n", error.line);
    return -1;
  }
  *state = &v;
  return 0;
}

static int vectors_close(void **state) {
  free(((vectors *)*state)->bytes);
  return 0;
}

static const gguf_tensor *tensor(const vectors *v, const char *what, const char *type,
                                 const char *tail) {
  char name[64];
  snprintf(name, sizeof name, "%s%s%s", what, type, tail);
  const gguf_tensor *t = gguf_tensor_find(&v->file, name);
  if (t == nullptr) fail_msg("no tensor %s", name);
  return t;
}

static void decoding_equals_gguf_py(void **state) {
  const vectors *v = *state;
  for (isize i = 0; i < N_TYPES; i++) {
    const char *type = gguf_type_name(types[i]);
    const gguf_tensor *blocks = tensor(v, "decode.", type, ".blocks");
    const gguf_tensor *values = tensor(v, "decode.", type, ".values");
    assert_int_equal(blocks->type, types[i]);
    assert_int_equal(blocks->dims[0], values->dims[0]);
    isize n = blocks->dims[0];
    f32 *row = malloc(sizeof(f32) * (size_t)n);
    quant_decode_row(types[i], v->bytes + blocks->offset, row, n);
    for (isize k = 0; k < n; k++) {
      f32 expected = f32_from_bits(load_u32(v->bytes + values->offset + 4 * k));
      if (row[k] != expected) fail_msg("%s[%td] is %a, %a expected", type, k, row[k], expected);
    }
    free(row);
  }
}

static void encoding_equals_llama_cpp(void **state) {
  const vectors *v = *state;
  const gguf_type encoded[] = {GGUF_F16, GGUF_Q4_0, GGUF_Q4_1, GGUF_Q8_0};
  const gguf_tensor *input = tensor(v, "encode.", "input", "");
  isize n = input->dims[0];
  f32 *row = malloc(sizeof(f32) * (size_t)n);
  u8 *made = malloc(4 * (size_t)n);
  for (isize i = 0; i < 4; i++) {
    const gguf_tensor *t = tensor(v, "encode.", gguf_type_name(encoded[i]), "");
    isize row_bytes = quant_row_bytes(encoded[i], n);
    assert_int_equal(t->dims[1], input->dims[1]);
    for (isize r = 0; r < input->dims[1]; r++) {
      memcpy(row, v->bytes + input->offset + r * n * 4, (size_t)n * 4);
      assert_int_equal(quant_encode_row(encoded[i], row, made, n), NF_OK);
      assert_memory_equal(made, v->bytes + t->offset + r * row_bytes, row_bytes);
    }
  }
  free(row);
  free(made);
}

static void unencodable_types_say_so(void **state) {
  (void)state;
  f32 x[256] = {};
  u8 b[1024];
  const gguf_type none[] = {GGUF_BF16, GGUF_Q5_0, GGUF_Q5_1,    GGUF_Q4_K,
                            GGUF_Q5_K, GGUF_Q6_K, (gguf_type)99};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    assert_int_equal(quant_encode_row(none[i], x, b, 256), NF_UNSUPPORTED);
  }
}

/* Sanitizers watch: a conversion out of range would be undefined. */
static void values_that_are_not_finite_do_no_harm(void **state) {
  (void)state;
  const f32 bad[] = {__builtin_inff(), -__builtin_inff(), __builtin_nanf(""), 3e38f, 1e-45f};
  const gguf_type encoded[] = {GGUF_F16, GGUF_Q4_0, GGUF_Q4_1, GGUF_Q8_0};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    f32 x[32] = {1, -1, bad[i], 0, -bad[i]};
    u8 b[64];
    for (int t = 0; t < 4; t++) assert_int_equal(quant_encode_row(encoded[t], x, b, 32), NF_OK);
  }
}

static void row_bytes_refuse_ragged_and_huge_rows(void **state) {
  (void)state;
  assert_int_equal(quant_row_bytes(GGUF_Q4_1, 576), 360);
  assert_int_equal(quant_row_bytes(GGUF_Q8_0, 576), 612);
  assert_int_equal(quant_row_bytes(GGUF_Q6_K, 256), 210);
  assert_int_equal(quant_row_bytes(GGUF_Q4_1, 33), -1);
  assert_int_equal(quant_row_bytes(GGUF_Q4_K, 128), -1);
  assert_int_equal(quant_row_bytes(GGUF_F32, ISIZE_MAX), -1);
  assert_int_equal(quant_row_bytes(GGUF_F32, -1), -1);
  assert_int_equal(quant_row_bytes((gguf_type)4, 32), -1);
}

static void halves_equal_the_compilers(void **state) {
  (void)state;
  for (u32 h = 0; h <= 0xFFFF; h++) {
    f32 expected = (f32) __builtin_bit_cast(_Float16, (u16)h), x = f32_from_f16((u16)h);
    if (expected != expected) {
      assert_true(x != x);
      continue;
    }
    assert_int_equal(f32_to_bits(x), f32_to_bits(expected));
    assert_int_equal(f16_from_f32(x), h);
  }
  u64 seed = 7;
  for (int i = 0; i < 1000000; i++) {
    u32 bits = (u32)make_random(&seed);
    if (i % 2) bits = (bits & 0x8FFFFFFF) | (0x2Fu + (bits >> 28) % 0x19) << 24; /* near f16 */
    if (i % 3 == 0) bits &= 0xFFFFF000;                                           /* ties */
    f32 x = f32_from_bits(bits);
    u16 expected = __builtin_bit_cast(u16, (_Float16)x), h = f16_from_f32(x);
    if (x != x) {
      assert_true((h & 0x7FFF) > 0x7C00);
    } else if (h != expected) {
      fail_msg("%a became %04x, %04x expected", x, h, expected);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(decoding_equals_gguf_py, vectors_open, vectors_close),
      cmocka_unit_test_setup_teardown(encoding_equals_llama_cpp, vectors_open, vectors_close),
      cmocka_unit_test(unencodable_types_say_so),
      cmocka_unit_test(values_that_are_not_finite_do_no_harm),
      cmocka_unit_test(row_bytes_refuse_ragged_and_huge_rows),
      cmocka_unit_test(halves_equal_the_compilers),
  };
  return cmocka_run_group_tests_name("quant", tests, nullptr, nullptr);
}
