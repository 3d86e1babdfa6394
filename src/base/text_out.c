/* See text_out.h. */
#include "base/text_out.h"

void out_bytes(text_out *o, nf_bytes text) {
  isize n = isize_min(text.len, o->cap - o->len);
  if (n < text.len) o->cut = true;
  if (n > 0) bytes_copy(o->at + o->len, text.at, n);
  o->len += isize_max(n, 0);
}

void out_str(text_out *o, const char *text) { out_bytes(o, bytes_from_str(text)); }

void out_i64(text_out *o, i64 value) {
  char digits[20];
  isize n = 0;
  u64 v = value < 0 ? -(u64)value : (u64)value;
  do {
    digits[n++] = (char)('0' + v % 10);
    v /= 10;
  } while (v > 0);
  if (value < 0) out_str(o, "-");
  while (n > 0) out_bytes(o, bytes_of(&digits[--n], 1));
}

void out_hex(text_out *o, u64 value, isize digits) {
  for (isize i = digits - 1; i >= 0; i--) {
    out_bytes(o, bytes_of(&"0123456789abcdef"[value >> (4 * i) & 15], 1));
  }
}

void out_foreign(text_out *o, nf_bytes text) {
  isize n = isize_min(text.len, 40);
  /* do not cut a UTF-8 character in half */
  while (n > 0 && n < text.len && (text.at[n] & 0xC0) == 0x80) n--;
  for (isize i = 0; i < n; i++) {
    u8 c = text.at[i];
    out_bytes(o, c < 0x20 || c == 0x7F ? bytes_from_str("?") : bytes_of(&c, 1));
  }
  if (n < text.len) out_str(o, "...");
}

nf_status error_parts_set(nf_error *error, nf_status status, const error_part *parts, isize n) {
  if (error == nullptr) return status;
  text_out o = {.at = error->line, .cap = (isize)sizeof error->line - 1};
  for (isize i = 0; i < n; i++) {
    switch (parts[i].kind) {
      case PART_STR: out_str(&o, parts[i].str); break;
      case PART_FOREIGN: out_foreign(&o, parts[i].foreign); break;
      case PART_INT: out_i64(&o, parts[i].number); break;
      case PART_NONE: break;
    }
  }
  error->line[o.len] = 0;
  return status;
}
