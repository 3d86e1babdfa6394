/* See range.h. */
#include "server/range.h"

/* Digits as a number; one too large to hold becomes INT64_MAX, which lies past every file. */
static bool position_parse(nf_bytes digits, i64 *position) {
  if (digits.len == 0) return false;
  i64 n = 0;
  bool over = false;
  for (isize i = 0; i < digits.len; i++) {
    if (digits.at[i] < '0' || digits.at[i] > '9') return false;
    i64 digit = digits.at[i] - '0';
    over = over || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n);
  }
  *position = over ? INT64_MAX : n;
  return true;
}

range_kind range_parse(nf_bytes value, i64 file_bytes, i64 *from, i64 *bytes) {
  ASSERT(file_bytes >= 0);
  if (value.at == nullptr || value.len < 6) return RANGE_NONE;
  if (!bytes_same_nocase(bytes_from(value.at, 6), text("bytes="))) return RANGE_NONE;
  nf_bytes spec = bytes_after(value, 6);
  isize dash = 0;
  while (dash < spec.len && spec.at[dash] != '-') dash++;
  if (dash == spec.len) return RANGE_NONE;
  nf_bytes left = bytes_from(spec.at, dash), right = bytes_after(spec, dash + 1);

  i64 first, last;
  if (left.len == 0) { /* -N: the last N bytes */
    if (!position_parse(right, &last)) return RANGE_NONE;
    if (last == 0 || file_bytes == 0) return RANGE_OUTSIDE;
    *bytes = last < file_bytes ? last : file_bytes;
    *from = file_bytes - *bytes;
    return RANGE_PART;
  }
  if (!position_parse(left, &first)) return RANGE_NONE;
  if (right.len == 0) {
    last = INT64_MAX;
  } else if (!position_parse(right, &last) || last < first) {
    return RANGE_NONE;
  }
  if (first >= file_bytes) return RANGE_OUTSIDE;
  *from = first;
  *bytes = (last < file_bytes ? last + 1 : file_bytes) - first;
  return RANGE_PART;
}
