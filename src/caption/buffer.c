/* See buffer.h. */
#include "caption/buffer.h"

#include "os/os.h"

constexpr isize BUFFER_FIRST_BYTES = 4096;

bool buffer_reserve(buffer *b, isize bytes) {
  ASSERT(bytes >= 0);
  if (bytes <= b->cap - b->len) return true;
  isize need = bytes_add(b->len, bytes), twice = bytes_add(b->cap, b->cap);
  isize cap = isize_max(twice == ISIZE_MAX ? need : isize_max(twice, need), BUFFER_FIRST_BYTES);
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
  if (text.len == 0 || b->failed) return;
  /* a piece of the buffer itself (a cue's text given to another cue) moves with the block */
  uintptr_t at = (uintptr_t)text.at - (uintptr_t)b->at;
  bool own = b->len > 0 && at < (uintptr_t)b->len;
  if (!buffer_reserve(b, text.len)) return;
  bytes_copy(b->at + b->len, own ? b->at + at : text.at, text.len);
  b->len += text.len;
}

void buffer_add_str(buffer *b, const char *text) { buffer_add(b, bytes_from_str(text)); }

void buffer_add_byte(buffer *b, u8 byte) { buffer_add(b, bytes_of(&byte, 1)); }

void buffer_free(buffer *b) {
  if (b->cap > 0) os_memory_release(b->at, b->cap);
  *b = (buffer){};
}
