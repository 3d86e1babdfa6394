/* See say.h. */
#include "workers/render/say.h"

#include <stdarg.h>
#include <stdio.h>

bool fails(failure *f, bool again, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(f->line, sizeof f->line, format, args);
  va_end(args);
  f->again = again;
  return false;
}

void say_progress(double done) {
  static int64_t said = -1;
  int64_t now = done >= 1 ? 1000 : done > 0 ? (int64_t)(done * 1000) : 0;
  if (now <= said) return;
  said = now;
  printf("{\"progress\":%.3f}\n", (double)now / 1000);
  fflush(stdout);
}

void say_piece(int64_t i) {
  printf("{\"checkpoint\":{\"piece\":%lld}}\n", (long long)i);
  fflush(stdout);
}

void say_failure(const failure *f) {
  fputs("{\"error\":\"", stdout);
  for (const char *at = f->line; *at != 0; at++) {
    bool plain = *at >= ' ' && *at <= '~';
    if (*at == '"' || *at == '\\') putchar('\\');
    putchar(plain ? *at : '?');
  }
  printf("\",\"again\":%s}\n", f->again ? "true" : "false");
  fflush(stdout);
}
