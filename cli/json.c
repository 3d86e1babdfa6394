/* See json.h. */
#include "json.h"

#include "bytes.h"

/* Bytes of the UTF-8 character at text[i], 0 when there is none. Source: RFC 3629. */
static ptrdiff_t character_bytes(nf_bytes text, ptrdiff_t i) {
  uint8_t lead = text.at[i];
  ptrdiff_t n = lead < 0x80   ? 1
                : lead < 0xC2 ? 0
                : lead < 0xE0 ? 2
                : lead < 0xF0 ? 3
                : lead < 0xF5 ? 4
                              : 0;
  if (n == 0 || i + n > text.len) return 0;
  for (ptrdiff_t k = 1; k < n; k++) {
    if ((text.at[i + k] & 0xC0) != 0x80) return 0;
  }
  if (n == 3 && lead == 0xE0 && text.at[i + 1] < 0xA0) return 0; /* overlong */
  if (n == 3 && lead == 0xED && text.at[i + 1] > 0x9F) return 0; /* surrogate */
  if (n == 4 && lead == 0xF0 && text.at[i + 1] < 0x90) return 0;
  if (n == 4 && lead == 0xF4 && text.at[i + 1] > 0x8F) return 0;
  return n;
}

void json_string(FILE *out, nf_bytes text) {
  putc('"', out);
  for (ptrdiff_t i = 0; i < text.len;) {
    ptrdiff_t n = character_bytes(text, i);
    uint8_t c = text.at[i];
    if (n == 0) {
      fputs("\\ufffd", out);
      n = 1;
    } else if (c == '"' || c == '\\') {
      fprintf(out, "\\%c", c);
    } else if (c == '\n') {
      fputs("\\n", out);
    } else if (c < 0x20) {
      fprintf(out, "\\u%04x", c);
    } else {
      fwrite(text.at + i, 1, (size_t)n, out);
    }
    i += n;
  }
  putc('"', out);
}

void json_str(FILE *out, const char *text) { json_string(out, bytes_of_str(text)); }
