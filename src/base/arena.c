/* See arena.h. */
#include "base/arena.h"

void *arena_alloc_raw(arena *a, isize n, isize size, isize align) {
  ASSERT(n >= 0 && size >= 0 && align > 0 && (align & (align - 1)) == 0);
  isize pad = (isize)(-(uintptr_t)a->at & (uintptr_t)(align - 1));
  isize bytes;
  if (__builtin_mul_overflow(n, size, &bytes)) return nullptr;
  if (arena_left(a) < pad || arena_left(a) - pad < bytes) return nullptr;
  u8 *p = a->at + pad;
  a->at = p + bytes;
  return p;
}

void *arena_alloc(arena *a, isize n, isize size, isize align) {
  void *p = arena_alloc_raw(a, n, size, align);
  if (p) bytes_zero(p, n * size);
  return p;
}
