/* Memory by lifetime: one block, handed out front to back, freed as a whole.
 * The block comes from whoever owns the lifetime (api/, a test); an arena never asks the
 * system for memory. Running out is an answer (null), not an assertion. */
#pragma once
#include "base/base.h"

typedef struct {
  u8 *at;  /* next free byte */
  u8 *end; /* one past the last */
} arena;

static inline arena arena_of(void *block, isize bytes) {
  return (arena){(u8 *)block, (u8 *)block + bytes};
}

/* n objects of `size` bytes each, zeroed, aligned to `align` (a power of two).
 * null when they do not fit; then nothing was taken. n, size >= 0. */
void *arena_alloc(arena *a, isize n, isize size, isize align);

/* The same, not zeroed: for large buffers that are written before they are read. */
void *arena_alloc_raw(arena *a, isize n, isize size, isize align);

/* Typed and zeroed: arena_new(a, n, type) is a type* with room for n, or null. */
#define arena_new(a, n, type) \
  ((type *)arena_alloc((a), (n), (isize)sizeof(type), (isize)alignof(type)))

static inline isize arena_left(const arena *a) { return a->end - a->at; }
