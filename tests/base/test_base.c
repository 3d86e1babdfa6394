/* Tests of base/: arena limits, byte searches, error lines. */
#include "base/arena.h"
#include "base/base.h"
#include "base/text_out.h"
#include "cmocka_all.h"

static void arena_gives_aligned_zeroed_memory(void **state) {
  (void)state;
  alignas(64) u8 block[256];
  __builtin_memset(block, 0xAA, sizeof block);
  arena a = arena_of(block, sizeof block);
  u8 *one = arena_new(&a, 1, u8);
  u64 *eight = arena_new(&a, 4, u64);
  assert_non_null(one);
  assert_int_equal(*one, 0);
  assert_int_equal((uintptr_t)eight % alignof(u64), 0);
  for (int i = 0; i < 4; i++) assert_int_equal(eight[i], 0);
}

static void arena_refuses_what_does_not_fit(void **state) {
  (void)state;
  u8 block[64];
  arena a = arena_of(block, sizeof block);
  assert_null(arena_alloc(&a, 65, 1, 1));
  assert_null(arena_alloc(&a, ISIZE_MAX, 2, 1));
  assert_ptr_equal(a.at, block);
  assert_non_null(arena_alloc(&a, 64, 1, 1));
  assert_null(arena_alloc(&a, 1, 1, 1));
}

static void bytes_are_found(void **state) {
  (void)state;
  nf_bytes text = bytes_from_str("00:01 --> 00:02");
  assert_int_equal(bytes_find(text, bytes_from_str("-->")), 6);
  assert_int_equal(bytes_find(text, bytes_from_str("--->")), -1);
  assert_true(bytes_start_with(text, bytes_from_str("00:")));
  assert_false(bytes_start_with(bytes_from_str("0"), bytes_from_str("00")));
}

static void error_lines_are_bounded_and_clean(void **state) {
  (void)state;
  nf_error error;
  nf_status status =
      error_set(&error, NF_BAD_INPUT, E_STR("tensor "), E_FOREIGN(bytes_of("a\nb", 3)),
                E_STR(" ends at "), E_INT(-9223372036854775807LL - 1));
  assert_int_equal(status, NF_BAD_INPUT);
  assert_string_equal(error.line, "tensor a?b ends at -9223372036854775808");
  char long_text[400];
  __builtin_memset(long_text, 'x', sizeof long_text);
  long_text[399] = 0;
  (void)error_set(&error, NF_IO, E_STR(long_text));
  assert_int_equal(__builtin_strlen(error.line), sizeof error.line - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arena_gives_aligned_zeroed_memory),
      cmocka_unit_test(arena_refuses_what_does_not_fit),
      cmocka_unit_test(bytes_are_found),
      cmocka_unit_test(error_lines_are_bounded_and_clean),
  };
  return cmocka_run_group_tests_name("base", tests, nullptr, nullptr);
}
