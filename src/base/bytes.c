/* Comparing and searching borrowed bytes. Owns no memory. */
#include "base/base.h"

bool bytes_equal(nf_bytes a, nf_bytes b) {
  if (a.len != b.len) return false;
  for (isize i = 0; i < a.len; i++) {
    if (a.at[i] != b.at[i]) return false;
  }
  return true;
}

bool bytes_start_with(nf_bytes b, nf_bytes prefix) {
  return b.len >= prefix.len && bytes_equal(bytes_slice(b, 0, prefix.len), prefix);
}

isize bytes_find(nf_bytes b, nf_bytes what) {
  for (isize i = 0; i + what.len <= b.len; i++) {
    if (bytes_equal(bytes_slice(b, i, i + what.len), what)) return i;
  }
  return -1;
}
