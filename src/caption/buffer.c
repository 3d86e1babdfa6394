/* See buffer.h. */
#include "caption/buffer.h"

#include "os/os.h"

constexpr isize BUFFER_FIRST_BYTES = 4096;

bool buffer_reserve(buffer *b, isize bytes) {
  ASSERT(bytes >= 0);
  if (bytes <= b->cap - b->len) return true;
  isize need, cap;
  if (__builtin_add_overflow(b->len, bytes, &need)) return false;
  if (__builtin_mul_overflow(b->cap, 2, &cap)) return false;
  cap = isize_max(isize_max(cap, need), BUFFER_FIRST_BYTES);
  u8 *at = os_memory_get(cap);
  if (at == nullptr) {
    b->failed = true;
    return false;
  }
  if (b->len > 0) bytes_copy(at, b->at, b->len);
  if (b->cap > 0) os_memory_release(b->at, b->cap);
  b->at = at;
  b->cap = cap;
  return true;
}

void buffer_add(buffer *b, nf_bytes text) {
  if (text.len == 0 || b->failed || !buffer_reserve(b, text.len)) return;
  bytes_copy(b->at + b->len, text.at, text.len);
  b->len += text.len;
}

void buffer_add_str(buffer *b, const char *text) { buffer_add(b, bytes_from_str(text)); }

void buffer_add_byte(buffer *b, u8 byte) { buffer_add(b, bytes_of(&byte, 1)); }

void buffer_free(buffer *b) {
  if (b->cap > 0) os_memory_release(b->at, b->cap);
  *b = (buffer){};
}
