/* A C string as the bytes the public API takes. Owns nothing. */
#pragma once
#include <string.h>

#include "nearfield.h"

/* Without the NUL; borrowed from s. */
static inline nf_bytes bytes_of_str(const char *s) {
  return (nf_bytes){(const uint8_t *)s, (ptrdiff_t)strlen(s)};
}
