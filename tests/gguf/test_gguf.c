/* Tests of gguf/: a sound directory is read as written, and nothing a file can claim gets past
 * the checks: truncation at every byte, every flipped bit, and the named attacks. */
#include "gguf/gguf.h"

#include "base/text_out.h"
#include "cmocka_all.h"
#include "gguf/gguf_make.h"
#include "gguf/tiny_llama.h"
#include "real_model.h"

static _Alignas(64) u8 block[1 << 16];

static nf_status open_bytes(nf_bytes prefix, u64 file_bytes, gguf_file *file, nf_error *error) {
  arena a = arena_of(block, sizeof block);
  return gguf_open(prefix, file_bytes, &a, file, error);
}

static bool inside(nf_bytes whole, nf_bytes part) {
  return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

/* What every directory promises its readers, whatever the file said. */
static void directory_is_in_range(const gguf_file *file, nf_bytes bytes) {
  assert_true(file->data_offset <= (u64)bytes.len);
  for (isize i = 0; i < file->n_kvs; i++) {
    const gguf_kv *kv = &file->kvs[i];
    assert_true(inside(bytes, kv->key) && inside(bytes, kv->value));
    assert_true(kv->type <= GGUF_KV_F64);
    if (kv->type == GGUF_KV_ARRAY && kv->array.type == GGUF_KV_STRING) {
      nf_bytes at = kv->array.bytes;
      for (isize k = 0; k < kv->array.n; k++) assert_true(inside(bytes, gguf_string_next(&at)));
      assert_int_equal(at.len, 0);
    }
  }
  for (isize i = 0; i < file->n_tensors; i++) {
    const gguf_tensor *t = &file->tensors[i];
    isize row = quant_row_bytes(t->type, t->dims[0]);
    assert_true(row > 0);
    assert_int_equal(t->bytes, row * t->dims[1] * t->dims[2] * t->dims[3]);
    assert_true(t->offset >= file->data_offset);
    assert_true(t->offset + (u64)t->bytes <= (u64)bytes.len);
    for (isize k = 0; k < i; k++) {
      const gguf_tensor *o = &file->tensors[k];
      assert_true(o->offset + (u64)o->bytes <= t->offset || t->offset + (u64)t->bytes <= o->offset);
    }
  }
}

/* Every kind of value and two tensors, in about 600 bytes. */
static nf_bytes small_file(gguf_make *g) {
  static const char *const words[] = {"one", "", "three"};
  static const f32 values[64] = {1, -2, 3};
  u64 seed = 1, big = 1ull << 63, one = 1;
  i64 low = -5;
  f64 half = 0.5;
  u8 flags[2] = {0, 1}, u = 200;
  i16 s = -300;
  gguf_make_str(g, "general.architecture", "llama");
  gguf_make_u32(g, "u32", 7);
  gguf_make_i32(g, "i32", -7);
  gguf_make_kv(g, "u8", GGUF_KV_U8, &u, 1);
  gguf_make_kv(g, "i8", GGUF_KV_I8, &u, 1);
  gguf_make_kv(g, "u16", GGUF_KV_U16, &s, 2);
  gguf_make_kv(g, "i16", GGUF_KV_I16, &s, 2);
  gguf_make_kv(g, "u64", GGUF_KV_U64, &big, 8);
  gguf_make_kv(g, "i64", GGUF_KV_I64, &low, 8);
  gguf_make_kv(g, "small u64", GGUF_KV_U64, &one, 8);
  gguf_make_kv(g, "f64", GGUF_KV_F64, &half, 8);
  gguf_make_f32(g, "f32", 1.5f);
  gguf_make_bool(g, "yes", true);
  gguf_make_strs(g, "words", words, 3);
  gguf_make_array(g, "flags", GGUF_KV_BOOL, flags, 2, 2);
  gguf_make_array(g, "floats", GGUF_KV_F32, values, 3, 12);
  gguf_make_values(g, "vector", GGUF_F32, 3, 1, values);
  gguf_make_random(g, "matrix", GGUF_Q4_1, 32, 2, &seed, 1.0f);
  return gguf_make_finish(g);
}

static nf_bytes small_open(gguf_make *g, gguf_file *file) {
  nf_bytes bytes = small_file(g);
  nf_error error;
  assert_int_equal(open_bytes(bytes, (u64)bytes.len, file, &error), NF_OK);
  return bytes;
}

static void a_sound_directory_is_read_as_written(void **state) {
  (void)state;
  gguf_make g = {};
  gguf_file file;
  nf_bytes bytes = small_open(&g, &file);
  directory_is_in_range(&file, bytes);
  assert_int_equal(file.n_kvs, 16);
  i64 n;
  f32 x;
  bool b;
  nf_bytes s;
  const struct {
    const char *key;
    i64 value;
  } ints[] = {{"u32", 7},     {"i32", -7},   {"u8", 200}, {"i8", -56},
              {"u16", 65236}, {"i16", -300}, {"i64", -5}};
  for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
    assert_true(gguf_int(&file, ints[i].key, &n));
    assert_int_equal(n, ints[i].value);
  }
  assert_false(gguf_int(&file, "u64", &n)); /* 2^63 has no i64 */
  assert_true(gguf_int(&file, "small u64", &n) && n == 1);
  assert_false(gguf_int(&file, "f32", &n));
  assert_false(gguf_int(&file, "absent", &n));
  assert_true(gguf_float(&file, "f32", &x) && x == 1.5f);
  assert_true(gguf_float(&file, "f64", &x) && x == 0.5f);
  assert_false(gguf_float(&file, "u32", &x));
  assert_true(gguf_bool(&file, "yes", &b) && b);
  assert_true(gguf_string(&file, "general.architecture", &s));
  assert_true(bytes_equal(s, bytes_from_str("llama")));
  gguf_array array;
  assert_false(gguf_array_get(&file, "words", GGUF_KV_I32, &array));
  assert_true(gguf_array_get(&file, "words", GGUF_KV_STRING, &array));
  assert_int_equal(array.n, 3);
  assert_true(bytes_equal(gguf_string_next(&array.bytes), bytes_from_str("one")));
  assert_int_equal(gguf_string_next(&array.bytes).len, 0);
  assert_true(bytes_equal(gguf_string_next(&array.bytes), bytes_from_str("three")));
  const gguf_tensor *t = gguf_tensor_find(&file, "matrix");
  assert_non_null(t);
  assert_int_equal(t->type, GGUF_Q4_1);
  assert_int_equal(t->dims[0], 32);
  assert_int_equal(t->dims[1], 2);
  assert_int_equal(t->dims[2], 1);
  assert_int_equal(t->bytes, 40);
  assert_int_equal(t->offset % 32, 0);
  t = gguf_tensor_find(&file, "vector");
  f32 row[3];
  quant_decode_row(t->type, bytes.at + t->offset, row, 3);
  assert_true(row[0] == 1 && row[1] == -2 && row[2] == 3);
  assert_null(gguf_tensor_find(&file, "matri"));
  assert_string_equal(gguf_type_name(GGUF_Q6_K), "Q6_K");
  assert_string_equal(gguf_type_name((gguf_type)99), "?");
  gguf_make_free(&g);
}

static void a_header_cut_anywhere_asks_for_more_bytes(void **state) {
  (void)state;
  gguf_make g = {};
  gguf_file file;
  nf_error error;
  nf_bytes bytes = small_open(&g, &file);
  isize header = (isize)file.data_offset;
  for (isize n = 0; n < bytes.len; n++) {
    u8 *copy = malloc((size_t)n + 1); /* exact size: a read past it is seen by asan */
    memcpy(copy, bytes.at, (size_t)n);
    u8 *exact = realloc(copy, n > 0 ? (size_t)n : 1);
    arena a = arena_of(block, sizeof block);
    nf_bytes prefix = bytes_of(exact, n);
    /* a longer file, of which only a prefix is here: up to the pad before the data */
    nf_status status = gguf_open(prefix, (u64)bytes.len, &a, &file, &error);
    assert_true(n < header - 31 ? status == NF_NEED_BYTES
                                : status == NF_OK || (status == NF_NEED_BYTES && n < header));
    if (status == NF_NEED_BYTES) assert_ptr_equal(a.at, block);
    /* a file that ends here */
    status = gguf_open(prefix, (u64)n, &a, &file, &error);
    assert_int_equal(status, NF_BAD_INPUT);
    assert_true(strlen(error.line) > 10);
    free(exact);
  }
  gguf_make_free(&g);
}

static void each_flipped_bit_is_refused_or_in_range(void **state) {
  (void)state;
  gguf_make g = {};
  gguf_file file;
  nf_error error;
  nf_bytes bytes = small_open(&g, &file);
  isize header = (isize)file.data_offset, n_refused = 0;
  for (isize bit = 0; bit < header * 8; bit++) {
    g.file[bit / 8] ^= (u8)(1 << bit % 8);
    error.line[0] = 0;
    nf_status status = open_bytes(bytes, (u64)bytes.len, &file, &error);
    if (status == NF_OK) {
      directory_is_in_range(&file, bytes);
    } else {
      n_refused++;
      assert_true(status == NF_BAD_INPUT || status == NF_UNSUPPORTED);
      assert_true(strlen(error.line) > 10);
    }
    g.file[bit / 8] ^= (u8)(1 << bit % 8);
  }
  /* lengths, kinds, counts and offsets are most of this header; names and values the rest */
  assert_true(n_refused > header * 8 / 3);
  gguf_make_free(&g);
}

static void expect(gguf_make *g, nf_status status, const char *part_of_line) {
  nf_bytes bytes = gguf_make_finish(g);
  gguf_file file;
  nf_error error = {};
  assert_int_equal(open_bytes(bytes, (u64)bytes.len, &file, &error), status);
  if (strstr(error.line, part_of_line) == nullptr)
    fail_msg("\"%s\" not in \"%s\"", part_of_line, error.line);
  gguf_make_free(g);
}

/* The known GGUF attack: a tensor whose offset or size points outside the file, so that a
 * reader that trusts it reads or writes foreign memory. */
static void attack_tensor_offset_past_the_end(void **state) {
  (void)state;
  const u64 dims[2] = {32, 1};
  const u64 offsets[] = {1 << 20, UINT64_MAX - 31, (u64)INT64_MAX - 31, 1ull << 63, 32};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    gguf_make g = {};
    u8 data[20] = {};
    gguf_make_tensor(&g, "sound", GGUF_Q4_1, 32, 1, data);
    gguf_make_info(&g, "evil", GGUF_Q4_1, 1, dims, offsets[i]);
    expect(&g, NF_BAD_INPUT, "tensor evil");
  }
}

static void attack_tensor_size_past_the_end(void **state) {
  (void)state;
  const u64 shapes[][4] = {{1 << 20, 1, 1, 1},
                           {32, 1 << 20, 1, 1},
                           {1ull << 60, 16, 1, 1},
                           {32, 1ull << 62, 4, 1},
                           {1ull << 32, 1ull << 32, 1, 1},
                           {UINT64_MAX - 31, 1, 1, 1},
                           {1ull << 20, 1ull << 20, 1ull << 20, 1ull << 20}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    gguf_make g = {};
    gguf_make_info(&g, "evil", GGUF_Q4_1, 4, shapes[i], 0);
    make_put(&g.data, (u8[64]){}, 64);
    expect(&g, NF_BAD_INPUT, "tensor evil");
  }
}

static void attack_tensors_overlap(void **state) {
  (void)state;
  const u64 dims[2] = {32, 4};
  gguf_make g = {};
  gguf_make_info(&g, "later", GGUF_Q4_1, 2, dims, 32);
  gguf_make_info(&g, "first", GGUF_Q4_1, 2, dims, 0);
  make_put(&g.data, (u8[256]){}, 256);
  expect(&g, NF_BAD_INPUT, "overlaps that of first");
}

static void attack_counts_overflow(void **state) {
  (void)state;
  const u64 counts[] = {UINT64_MAX, 1ull << 63, 1ull << 32, 1ull << 20, 100};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    gguf_make g = {.n_kvs = counts[i]};
    expect(&g, NF_BAD_INPUT, "keys, more than the file can hold");
    g = (gguf_make){.n_tensors = counts[i]};
    expect(&g, NF_BAD_INPUT, "tensors, more than the file can hold");
    gguf_make_kv(&g, "array", GGUF_KV_ARRAY, nullptr, 0);
    make_u32(&g.kvs, GGUF_KV_F64);
    make_u64(&g.kvs, counts[i]);
    expect(&g, NF_BAD_INPUT, "key array");
    gguf_make_kv(&g, "strings", GGUF_KV_ARRAY, nullptr, 0);
    make_u32(&g.kvs, GGUF_KV_STRING);
    make_u64(&g.kvs, counts[i]);
    expect(&g, NF_BAD_INPUT, "key strings");
  }
}

static void attack_string_length_past_the_end(void **state) {
  (void)state;
  const u64 lengths[] = {UINT64_MAX, UINT64_MAX - 7, 1ull << 63, 1ull << 32, 1000};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    gguf_make g = {};
    gguf_make_kv(&g, "text", GGUF_KV_STRING, nullptr, 0);
    make_u64(&g.kvs, lengths[i]);
    make_put(&g.kvs, "abc", 3);
    expect(&g, NF_BAD_INPUT, "key text");
    make_u64(&g.kvs, lengths[i]); /* the length of a key's name */
    g.n_kvs = 1;
    make_put(&g.kvs, "abcdefghijklmnop", 16);
    expect(&g, NF_BAD_INPUT, "key ");
    gguf_make_kv(&g, "texts", GGUF_KV_ARRAY, nullptr, 0); /* the second of two strings */
    make_u32(&g.kvs, GGUF_KV_STRING);
    make_u64(&g.kvs, 2);
    make_string(&g.kvs, "abc");
    make_u64(&g.kvs, lengths[i]);
    make_put(&g.kvs, "abc", 3);
    expect(&g, NF_BAD_INPUT, "key texts");
  }
}

static void other_refusals_say_what_and_where(void **state) {
  (void)state;
  const u64 dims[5] = {32, 1, 1, 1, 1}, none[2] = {32, 0}, ragged[1] = {33};
  gguf_make g = {};
  gguf_make_info(&g, "t", 10, 1, dims, 0); /* Q2_K: real, but not listed */
  expect(&g, NF_UNSUPPORTED, "tensor t at byte");
  gguf_make_info(&g, "t", GGUF_Q4_1, 5, dims, 0);
  expect(&g, NF_BAD_INPUT, "has 5 dimensions; 1 to 4 expected");
  gguf_make_info(&g, "t", GGUF_Q4_1, 0, dims, 0);
  expect(&g, NF_BAD_INPUT, "has 0 dimensions");
  gguf_make_info(&g, "t", GGUF_Q4_1, 2, none, 0);
  expect(&g, NF_BAD_INPUT, "dimension 1 is 0");
  gguf_make_info(&g, "t", GGUF_Q4_1, 1, ragged, 0);
  expect(&g, NF_BAD_INPUT, "rows of 33 elements");
  gguf_make_info(&g, "t", GGUF_Q4_1, 1, dims, 16);
  make_put(&g.data, (u8[64]){}, 64);
  expect(&g, NF_BAD_INPUT, "a multiple of 32 expected");
  for (int i = 0; i < 2; i++) gguf_make_tensor(&g, "t", GGUF_Q4_1, 32, 1, (u8[20]){});
  expect(&g, NF_BAD_INPUT, "tensor t: stands twice");
  for (int i = 0; i < 2; i++) gguf_make_u32(&g, "k", 1);
  expect(&g, NF_BAD_INPUT, "key k: stands twice");
  gguf_make_kv(&g, "k", (gguf_kv_type)13, (u8[8]){}, 8);
  expect(&g, NF_BAD_INPUT, "value of kind 13");
  gguf_make_kv(&g, "k", GGUF_KV_BOOL, (u8[1]){2}, 1);
  expect(&g, NF_BAD_INPUT, "a truth value is 2");
  gguf_make_array(&g, "k", GGUF_KV_ARRAY, (u8[32]){}, 1, 32);
  expect(&g, NF_UNSUPPORTED, "array of arrays");
  g.alignment = 24;
  expect(&g, NF_BAD_INPUT, "general.alignment at byte");
  g.alignment = 64;
  gguf_make_tensor(&g, "t", GGUF_Q4_1, 32, 1, (u8[20]){});
  expect(&g, NF_OK, "");
}

static void wrong_files_are_named(void **state) {
  (void)state;
  gguf_file file;
  nf_error error;
  const struct {
    const char *bytes;
    nf_status status;
    const char *part;
  } cases[] = {{"PK\3\4....................", NF_BAD_INPUT, "not a GGUF file"},
               {"GGUF\0\0\0\3................", NF_UNSUPPORTED, "big-endian"},
               {"GGUF\2\0\0\0................", NF_UNSUPPORTED, "version 2; 3 expected"},
               {"GGUF\4\0\0\0................", NF_UNSUPPORTED, "version 4; 3 expected"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(open_bytes(bytes_of(cases[i].bytes, 24), 24, &file, &error), cases[i].status);
    assert_non_null(strstr(error.line, cases[i].part));
  }
  assert_int_equal(open_bytes(bytes_of(nullptr, 0), 0, &file, &error), NF_BAD_INPUT);
  assert_int_equal(open_bytes(bytes_of(nullptr, 0), 1 << 20, &file, nullptr), NF_NEED_BYTES);
}

static void memory_is_as_computed(void **state) {
  (void)state;
  gguf_make g = {};
  nf_bytes bytes = tiny_llama_file(&g, (tiny_llama_desc){.type = GGUF_Q4_0});
  isize needed = 0;
  nf_error error;
  assert_int_equal(gguf_arena_bytes(bytes, (u64)bytes.len, &needed, &error), NF_OK);
  gguf_file file = {.n_kvs = -1};
  for (isize shift = 0; shift < 16; shift++) { /* however the block is aligned */
    arena a = arena_of(block + shift, needed);
    assert_int_equal(gguf_open(bytes, (u64)bytes.len, &a, &file, &error), NF_OK);
  }
  directory_is_in_range(&file, bytes);
  file.n_kvs = -1;
  for (isize less = needed - 128; less >= 0; less -= 61) {
    arena a = arena_of(block, less);
    assert_int_equal(gguf_open(bytes, (u64)bytes.len, &a, &file, &error), NF_NO_MEMORY);
    assert_ptr_equal(a.at, block);
    assert_int_equal(file.n_kvs, -1);
  }
  assert_int_equal(gguf_arena_bytes(bytes_slice(bytes, 0, 100), (u64)bytes.len, &needed, &error),
                   NF_NEED_BYTES);
  gguf_make_free(&g);
}

static void many_tiny_tensors_do_not_hang(void **state) {
  (void)state;
  gguf_make g = {};
  const u64 dims[1] = {1};
  isize n = 200000;
  char name[16];
  for (isize i = 0; i < n; i++) {
    snprintf(name, sizeof name, "%06x", (unsigned)(i * 0x9E3779B1u % 0xFFFFFF));
    gguf_make_info(&g, name, GGUF_F32, 1, dims, (u64)(n - 1 - i) * 32);
  }
  u8 *data = calloc((size_t)n, 32);
  make_put(&g.data, data, n * 32);
  free(data);
  nf_bytes bytes = gguf_make_finish(&g);
  isize needed;
  nf_error error;
  assert_int_equal(gguf_arena_bytes(bytes, (u64)bytes.len, &needed, &error), NF_OK);
  u8 *memory = malloc((size_t)needed);
  arena a = arena_of(memory, needed);
  gguf_file file;
  nf_status status = gguf_open(bytes, (u64)bytes.len, &a, &file, &error); /* under ctest's limit */
  if (status != NF_OK) fail_msg("%s", error.line);
  assert_int_equal(file.n_tensors, n);
  free(memory);
  gguf_make_free(&g);
}

static void the_real_model_is_opened(void **state) {
  (void)state;
  FILE *f = fopen(real_model_path(), "rb");
  assert_non_null(f);
  fseek(f, 0, SEEK_END);
  u64 file_bytes = (u64)ftell(f);
  rewind(f);
  u8 *bytes = malloc(4 << 20);
  isize have = 0;
  gguf_file file;
  nf_error error;
  nf_status status = NF_NEED_BYTES;
  int n_calls = 0;
  for (; status == NF_NEED_BYTES; n_calls++) { /* as a download would */
    size_t got = fread(bytes + have, 1, 256 << 10, f);
    assert_true(got > 0);
    have += (isize)got;
    status = open_bytes(bytes_of(bytes, have), file_bytes, &file, &error);
  }
  fclose(f);
  if (status != NF_OK) fail_msg("%s", error.line);
  assert_true(n_calls > 1);
  if (getenv("NEARFIELD_MODEL") == nullptr) {
    i64 n;
    gguf_array tokens;
    assert_int_equal(file.n_tensors, 272);
    assert_true(gguf_int(&file, "llama.embedding_length", &n) && n == 576);
    assert_true(gguf_array_get(&file, "tokenizer.ggml.tokens", GGUF_KV_STRING, &tokens));
    assert_int_equal(tokens.n, 49152);
    const gguf_tensor *t = gguf_tensor_find(&file, "token_embd.weight");
    assert_true(t && t->type == GGUF_Q8_0 && t->dims[0] == 576 && t->dims[1] == 49152);
  }
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_sound_directory_is_read_as_written),
      cmocka_unit_test(a_header_cut_anywhere_asks_for_more_bytes),
      cmocka_unit_test(each_flipped_bit_is_refused_or_in_range),
      cmocka_unit_test(attack_tensor_offset_past_the_end),
      cmocka_unit_test(attack_tensor_size_past_the_end),
      cmocka_unit_test(attack_tensors_overlap),
      cmocka_unit_test(attack_counts_overflow),
      cmocka_unit_test(attack_string_length_past_the_end),
      cmocka_unit_test(other_refusals_say_what_and_where),
      cmocka_unit_test(wrong_files_are_named),
      cmocka_unit_test(memory_is_as_computed),
      cmocka_unit_test(many_tiny_tensors_do_not_hang),
      cmocka_unit_test(the_real_model_is_opened),
  };
  return cmocka_run_group_tests_name("gguf", tests, nullptr, nullptr);
}
