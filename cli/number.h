/* Numbers of options: the whole word or nothing. Owns nothing. */
#pragma once
#include <stdlib.h>

/* false: the word is no number; *out may be written. */
static inline bool number(const char *text, double *out) {
  char *end;
  *out = strtod(text, &end);
  return *end == 0 && end != text;
}

/* A whole number from 1 to max. */
static inline bool whole_number(const char *text, int max, int *out) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*end != 0 || end == text || value < 1 || value > max) return false;
  *out = (int)value;
  return true;
}
