/* A small safetensors writer for tests: tensors in, the file's bytes out. Asserts instead of
 * reporting; tests of bad files give the head's text themselves (safetensors_make_file).
 * Source: github.com/huggingface/safetensors, README, "Format". */
#pragma once
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

typedef struct {
  char head[1 << 16];
  isize head_len;
  u8 *data;
  isize data_len;
} safetensors_make;

__attribute__((format(printf, 2, 3))) static inline void safetensors_make_put(safetensors_make *m,
                                                                              const char *format,
                                                                              ...) {
  va_list arguments;
  va_start(arguments, format);
  if (m->head_len == 0) m->head[m->head_len++] = '{';
  if (m->head_len > 1) m->head[m->head_len++] = ',';
  m->head_len +=
      vsnprintf(m->head + m->head_len, sizeof m->head - (size_t)m->head_len, format, arguments);
  va_end(arguments);
  assert(m->head_len < (isize)sizeof m->head - 2);
}

/* rows x cols numbers of `size` bytes each. */
static inline void safetensors_make_tensor(safetensors_make *m, const char *name, const char *type,
                                           isize rows, isize cols, isize size, const void *bytes) {
  isize n = rows * cols * size;
  safetensors_make_put(m,
                       "\"%s\":{\"dtype\":\"%s\",\"shape\":[%td,%td],\"data_offsets\":[%td,%td]}",
                       name, type, rows, cols, m->data_len, m->data_len + n);
  m->data = realloc(m->data, (size_t)(m->data_len + n));
  assert(m->data);
  memcpy(m->data + m->data_len, bytes, (size_t)n);
  m->data_len += n;
}

/* Head text and data as they are; the caller frees `at`. */
static inline nf_bytes safetensors_make_file(const char *head, const u8 *data, isize data_len) {
  u64 n = strlen(head);
  u8 *at = malloc(8 + (size_t)n + (size_t)data_len);
  assert(at);
  memcpy(at, &n, 8);
  memcpy(at + 8, head, (size_t)n);
  if (data_len > 0) memcpy(at + 8 + n, data, (size_t)data_len);
  return (nf_bytes){at, 8 + (isize)n + data_len};
}

/* The file; m may be dropped, the caller frees `at`. */
static inline nf_bytes safetensors_make_finish(safetensors_make *m) {
  if (m->head_len == 0) m->head[m->head_len++] = '{';
  m->head[m->head_len++] = '}';
  m->head[m->head_len] = 0;
  nf_bytes file = safetensors_make_file(m->head, m->data, m->data_len);
  free(m->data);
  *m = (safetensors_make){};
  return file;
}
