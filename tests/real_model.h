/* Where tests find the real model: $NEARFIELD_MODEL, else the cache folder; and whether they are
 * under a sanitizer. Does NOT open it. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "cmocka_all.h"

/* An instrumented engine touches the same memory in few rounds as in many: what runs the real model
 * for long does fewer. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifdef UNDER_SANITIZER
constexpr bool under_sanitizer = true;
#else
constexpr bool under_sanitizer = false;
#endif

/* Fails the test when there is no such file, with what to do. */
static inline const char *real_model_path(void) {
  static char path[4096];
  const char *given = getenv("NEARFIELD_MODEL"), *home = getenv("HOME");
  if (given && *given) {
    snprintf(path, sizeof path, "%s", given);
  } else {
    snprintf(path, sizeof path, "%s/.cache/nearfield/models/SmolLM2-135M-Instruct.Q4_1.gguf",
             home ? home : "");
  }
  FILE *f = fopen(path, "rb");
  if (!f) {
    fail_msg("no model at %s: run ./dev model, or set NEARFIELD_MODEL to a GGUF file", path);
  }
  fclose(f);
  return path;
}
