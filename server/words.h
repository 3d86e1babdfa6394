/* Words every file of the server shares: short type names, small helpers over borrowed bytes.
 * The server sees the engine through include/nearfield.h only, so it has its own few lines of
 * these instead of src/base. Owns no state. Read next: http_request.h, http_conn.h. */
#pragma once
#include "nearfield.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;
typedef ptrdiff_t isize;

/* A broken promise of our own, never bad input; stays in release builds. */
#define ASSERT(condition)               \
  do {                                  \
    if (!(condition)) __builtin_trap(); \
  } while (0)

/* A string literal or NUL-terminated string as bytes, without its NUL. */
static inline nf_bytes text(const char *s) { return (nf_bytes){(const u8 *)s, (isize)strlen(s)}; }
static inline nf_bytes bytes_from(const void *at, isize len) {
  return (nf_bytes){(const u8 *)at, len};
}
static inline nf_bytes bytes_after(nf_bytes b, isize n) {
  ASSERT(0 <= n && n <= b.len);
  return (nf_bytes){b.at + n, b.len - n};
}
static inline bool bytes_same(nf_bytes a, nf_bytes b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, (size_t)a.len) == 0);
}
static inline u8 ascii_lower(u8 c) { return c >= 'A' && c <= 'Z' ? (u8)(c + 32) : c; }
static inline bool bytes_same_nocase(nf_bytes a, nf_bytes b) {
  if (a.len != b.len) return false;
  for (isize i = 0; i < a.len; i++) {
    if (ascii_lower(a.at[i]) != ascii_lower(b.at[i])) return false;
  }
  return true;
}
static inline bool bytes_begin(nf_bytes b, const char *prefix) {
  isize n = (isize)strlen(prefix);
  return b.len >= n && memcmp(b.at, prefix, (size_t)n) == 0;
}
static inline bool bytes_finish(nf_bytes b, const char *suffix) {
  isize n = (isize)strlen(suffix);
  return b.len >= n && memcmp(b.at + b.len - n, suffix, (size_t)n) == 0;
}
/* Without blanks and tabs at both ends. */
static inline nf_bytes bytes_trim(nf_bytes b) {
  while (b.len > 0 && (b.at[0] == ' ' || b.at[0] == '\t')) b.at++, b.len--;
  while (b.len > 0 && (b.at[b.len - 1] == ' ' || b.at[b.len - 1] == '\t')) b.len--;
  return b;
}
/* The part of *rest before the first `mark`, trimmed; *rest becomes what follows it. */
static inline nf_bytes bytes_take(nf_bytes *rest, u8 mark) {
  isize n = 0;
  while (n < rest->len && rest->at[n] != mark) n++;
  nf_bytes part = bytes_trim(bytes_from(rest->at, n));
  *rest = n < rest->len ? bytes_after(*rest, n + 1) : bytes_from(rest->at + n, 0);
  return part;
}
/* 64 hexadecimal digits as 32 bytes; false when one is none. hex[0..64) */
static inline bool digest_read(const char *hex, u8 digest[32]) {
  for (isize i = 0; i < 64; i++) {
    u8 c = ascii_lower((u8)hex[i]);
    bool letter = c >= 'a' && c <= 'f';
    if (!letter && (c < '0' || c > '9')) return false;
    u8 value = (u8)(letter ? c - 'a' + 10 : c - '0');
    digest[i / 2] = (u8)(digest[i / 2] << 4 | value);
  }
  return true;
}
/* Copy a NUL-terminated string that is known to fit. */
static inline void str_copy(char *to, isize cap, const char *from) {
  size_t n = strlen(from);
  ASSERT((isize)n < cap);
  memcpy(to, from, n + 1);
}
/* A whole decimal number of 1..18 digits; false when it is anything else. */
static inline bool bytes_number(nf_bytes b, i64 *number) {
  if (b.len < 1 || b.len > 18) return false;
  i64 n = 0;
  for (isize i = 0; i < b.len; i++) {
    if (b.at[i] < '0' || b.at[i] > '9') return false;
    n = n * 10 + (b.at[i] - '0');
  }
  *number = n;
  return true;
}
