/* Request target to path. Owns percent-decoding and the refusal of every path that a file
 * system might read in two ways. Read next: http_guard.h, beneath.h (the second line: the
 * kernel resolves the path beneath the root in any case). */
#include "server/http_guard.h"

static int hex_digit(u8 c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = ascii_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Well-formed UTF-8 (Unicode 16, table 3-7): no overlong forms, no surrogates. */
static bool utf8_valid(const u8 *s, isize len) {
  for (isize i = 0; i < len;) {
    u8 c = s[i++];
    if (c < 0x80) continue;
    int more = c >= 0xC2 && c <= 0xDF ? 1 : (c & 0xF0) == 0xE0 ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
    if (more == 0 || i + more > len) return false;
    u8 low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    u8 high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    for (int k = 0; k < more; k++, low = 0x80, high = 0xBF) {
      if (s[i + k] < low || s[i + k] > high) return false;
    }
    i += more;
  }
  return true;
}

static bool has_dot_segment(const u8 *path, isize len) {
  for (isize i = 0; i < len; i++) {
    if (path[i] != '/') continue;
    isize n = i + 1;
    while (n < len && path[n] != '/') n++;
    isize segment = n - i - 1;
    if (segment == 1 && path[i + 1] == '.') return true;
    if (segment == 2 && path[i + 1] == '.' && path[i + 2] == '.') return true;
  }
  return false;
}

http_refusal http_path_decode(nf_bytes target, u8 *path, isize *path_len) {
  *path_len = 0;
  if (target.len == 0 || target.at[0] != '/') {
    return (http_refusal){400, "request target is not a path"};
  }
  isize n = 0;
  for (isize i = 0; i < target.len && target.at[i] != '?'; i++) {
    u8 c = target.at[i];
    if (c == '#') return (http_refusal){400, "fragment in the request target"};
    if (c == '%') {
      int high = i + 2 < target.len ? hex_digit(target.at[i + 1]) : -1;
      int low = i + 2 < target.len ? hex_digit(target.at[i + 2]) : -1;
      if (high < 0 || low < 0) return (http_refusal){400, "broken percent-encoding"};
      c = (u8)(high * 16 + low);
      i += 2;
      if (c == '/') return (http_refusal){400, "encoded slash in the path"};
    }
    if (c < 0x20 || c == 0x7F) return (http_refusal){400, "control byte in the path"};
    if (c == '\\') return (http_refusal){400, "backslash in the path"};
    if (n == HTTP_PATH_BYTES_MAX) return (http_refusal){414, "path is too long"};
    path[n++] = c;
  }
  if (!utf8_valid(path, n)) return (http_refusal){400, "path is not UTF-8"};
  if (has_dot_segment(path, n)) return (http_refusal){400, "dot segment in the path"};
  *path_len = n;
  return (http_refusal){0};
}
