/* Words every module shares: fixed-width types, slices, assertions, small arithmetic.
 * Depends on the public header (status, nf_bytes, nf_error) and on nothing else: no libc,
 * no operating system. Works freestanding (wasm32). Read next: arena.h, text_out.h. */
#pragma once
#include "nearfield.h"

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef float f32;
typedef double f64;
typedef ptrdiff_t isize; /* counts and memory sizes; file offsets are u64 */

constexpr isize ISIZE_MAX = PTRDIFF_MAX;

/* A broken promise of our own stops the program, in release builds too. Never for input. */
#define ASSERT(condition)               \
  do {                                  \
    if (!(condition)) __builtin_trap(); \
  } while (0)

/* memcpy and friends without libc; with -mbulk-memory they become one instruction. */
static inline void bytes_copy(void *to, const void *from, isize n) {
  __builtin_memcpy(to, from, (size_t)n);
}
static inline void bytes_move(void *to, const void *from, isize n) {
  __builtin_memmove(to, from, (size_t)n);
}
static inline void bytes_zero(void *to, isize n) { __builtin_memset(to, 0, (size_t)n); }

static inline isize isize_min(isize a, isize b) { return a < b ? a : b; }
static inline isize isize_max(isize a, isize b) { return a > b ? a : b; }
static inline isize round_up(isize n, isize to) { return (n + to - 1) / to * to; }

/* A file's number as a memory size; false when it does not fit. */
static inline bool isize_from_u64(u64 n, isize *out) {
  if (n > (u64)ISIZE_MAX) return false;
  *out = (isize)n;
  return true;
}

/* a + b of memory sizes (>= 0); ISIZE_MAX, which is never to be had, when it overflows. */
static inline isize bytes_add(isize a, isize b) {
  isize sum;
  return __builtin_add_overflow(a, b, &sum) ? ISIZE_MAX : sum;
}

/* ---- slices ---- */
static inline nf_bytes bytes_of(const void *at, isize len) {
  return (nf_bytes){(const u8 *)at, len};
}
/* A NUL-terminated string without its NUL. */
static inline nf_bytes bytes_from_str(const char *s) {
  return (nf_bytes){(const u8 *)s, (isize)__builtin_strlen(s)};
}
static inline nf_bytes bytes_slice(nf_bytes b, isize from, isize to) {
  ASSERT(0 <= from && from <= to && to <= b.len);
  return (nf_bytes){from == 0 ? b.at : b.at + from, to - from}; /* null + 0 is UB in C23 */
}
bool bytes_equal(nf_bytes a, nf_bytes b);
bool bytes_start_with(nf_bytes b, nf_bytes prefix);
isize bytes_find(nf_bytes b, nf_bytes what); /* first position, -1 when absent */

/* Little-endian reads; the caller has checked the bounds. */
static inline u16 load_u16(const u8 *p) { return (u16)(p[0] | p[1] << 8); }
static inline u32 load_u32(const u8 *p) {
  return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}
static inline u64 load_u64(const u8 *p) { return load_u32(p) | (u64)load_u32(p + 4) << 32; }
static inline f32 f32_from_bits(u32 bits) { return __builtin_bit_cast(f32, bits); }
static inline u32 f32_to_bits(f32 x) { return __builtin_bit_cast(u32, x); }
