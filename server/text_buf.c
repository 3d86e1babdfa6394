/* See text_buf.h. */
#include "server/text_buf.h"

void text_buf_add(text_buf *b, nf_bytes bytes) {
  if (b->failed || bytes.len == 0) return;
  if (b->cap - b->len < bytes.len) {
    isize cap = b->cap * 2 > b->len + bytes.len ? b->cap * 2 : b->len + bytes.len + 256;
    char *at = realloc(b->at, (size_t)cap);
    if (at == nullptr) {
      b->failed = true;
      return;
    }
    b->at = at;
    b->cap = cap;
  }
  memcpy(b->at + b->len, bytes.at, (size_t)bytes.len);
  b->len += bytes.len;
}

void text_buf_str(text_buf *b, const char *s) { text_buf_add(b, text(s)); }

void text_buf_number(text_buf *b, i64 n) {
  char digits[24];
  text_buf_add(b, bytes_from(digits, snprintf(digits, sizeof digits, "%lld", (long long)n)));
}

static const char HEX[] = "0123456789abcdef";

void text_buf_hex(text_buf *b, const u8 *bytes, isize n) {
  for (isize i = 0; i < n; i++) {
    char pair[2] = {HEX[bytes[i] >> 4], HEX[bytes[i] & 15]};
    text_buf_add(b, bytes_from(pair, 2));
  }
}

void text_buf_json(text_buf *b, nf_bytes bytes, bool utf8) {
  text_buf_str(b, "\"");
  isize done = 0;
  for (isize i = 0; i < bytes.len; i++) {
    u8 c = bytes.at[i];
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F && (c < 0x80 || utf8)) continue;
    text_buf_add(b, bytes_from(bytes.at + done, i - done));
    done = i + 1;
    char escape[6] = {'\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15]};
    if (c >= 0x80) {
      text_buf_str(b, "?");
    } else {
      text_buf_add(b, bytes_from(escape, 6));
    }
  }
  text_buf_add(b, bytes_from(bytes.at + done, bytes.len - done));
  text_buf_str(b, "\"");
}
