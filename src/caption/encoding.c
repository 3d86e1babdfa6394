/* See encoding.h. */
#include "caption/encoding.h"

#include "base/text_out.h"
#include "caption/line.h"

/* Windows-1252, bytes 0x80..0x9F. The five unassigned ones are C1 controls, as in the WHATWG
 * index, so that every byte has a character and comes back. */
static const u16 high_1252[32] = {0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                  0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D, 0x017D, 0x008F,
                                  0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                  0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

static u32 unit_at(encoding kind, nf_bytes file, isize at) {
  u32 a = file.at[at], b = file.at[at + 1];
  return kind == ENCODING_UTF16_LE ? a | b << 8 : a << 8 | b;
}

isize encoding_next(encoding kind, nf_bytes file, isize at, u32 *codepoint) {
  ASSERT(0 <= at && at < file.len);
  if (kind == ENCODING_UTF8) return utf8_next(file, at, codepoint);
  if (kind == ENCODING_1252) {
    u8 c = file.at[at];
    *codepoint = c >= 0x80 && c < 0xA0 ? high_1252[c - 0x80] : c;
    return at + 1;
  }
  *codepoint = UTF8_REPLACEMENT;
  if (file.len - at < 2) return file.len; /* half a unit at the end */
  u32 unit = unit_at(kind, file, at);
  if (unit < 0xD800 || unit > 0xDFFF) {
    *codepoint = unit;
    return at + 2;
  }
  if (unit >= 0xDC00 || file.len - at < 4) return at + 2; /* a half without its other half */
  u32 low = unit_at(kind, file, at + 2);
  if (low < 0xDC00 || low > 0xDFFF) return at + 2;
  *codepoint = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  return at + 4;
}

/* Was U+FFFD at file[at, next) made up by the decoder? */
static bool is_damage(encoding kind, nf_bytes file, isize at, isize next, u32 codepoint) {
  if (codepoint != UTF8_REPLACEMENT) return false;
  if (kind == ENCODING_UTF8) return next - at == 1;
  return next - at != 2 || unit_at(kind, file, at) != UTF8_REPLACEMENT;
}

/* No BOM: are the zero bytes those of UTF-16 text? Looks at the first 4 KiB. */
static bool looks_utf16(nf_bytes file, encoding *kind) {
  isize n = isize_min(file.len, 4096) / 2 * 2;
  isize zeros[2] = {};
  for (isize i = 0; i < n; i++) {
    if (file.at[i] == 0) zeros[i % 2]++;
  }
  /* Time lines alone make most units ASCII: one half has many zeros, the other none. */
  if (n >= 4 && zeros[1] > n / 5 && zeros[0] == 0) return *kind = ENCODING_UTF16_LE, true;
  if (n >= 4 && zeros[0] > n / 5 && zeros[1] == 0) return *kind = ENCODING_UTF16_BE, true;
  return false;
}

/* Bytes that are no UTF-8 against characters beyond ASCII that are. */
static void utf8_tally(nf_bytes file, isize *n_broken, isize *n_good) {
  *n_broken = *n_good = 0;
  for (isize at = 0; at < file.len;) {
    if (file.at[at] < 0x80) {
      at++;
      continue;
    }
    u32 codepoint;
    isize next = utf8_next(file, at, &codepoint);
    *(next - at == 1 ? n_broken : n_good) += 1;
    at = next;
  }
}

static nf_status binary_refuse(nf_bytes file, encoding kind, isize from, nf_error *error) {
  bool zero = false;
  for (isize i = from; i < file.len; i++) zero |= file.at[i] == 0;
  if (!zero) return NF_OK;
  i32 line = 1;
  bool cr = false;
  for (isize at = from; at < file.len;) {
    u32 c;
    at = encoding_next(kind, file, at, &c);
    if (c == 0) {
      return error_set(error, NF_BAD_INPUT, E_STR("line "), E_INT(line),
                       E_STR(": NUL byte; captions expected, this is binary data"));
    }
    if (c == '\r' || (c == '\n' && !cr)) line++;
    cr = c == '\r';
  }
  return NF_OK;
}

nf_status encoding_find(nf_bytes file, encoding_facts *facts, nf_error *error) {
  encoding_facts f = {};
  if (bytes_start_with(file, bytes_of("\xEF\xBB\xBF", 3))) {
    f.bom_bytes = 3;
  } else if (bytes_start_with(file, bytes_of("\xFF\xFE", 2))) {
    f = (encoding_facts){.kind = ENCODING_UTF16_LE, .bom_bytes = 2};
  } else if (bytes_start_with(file, bytes_of("\xFE\xFF", 2))) {
    f = (encoding_facts){.kind = ENCODING_UTF16_BE, .bom_bytes = 2};
  } else if (!looks_utf16(file, &f.kind)) {
    isize n_broken, n_good;
    utf8_tally(file, &n_broken, &n_good);
    f.kind = n_broken > 0 && n_broken * 4 >= n_good ? ENCODING_1252 : ENCODING_UTF8;
  }
  nf_status status = binary_refuse(file, f.kind, f.bom_bytes, error);
  if (status == NF_OK) *facts = f;
  return status;
}

nf_status encoding_decode(nf_bytes file, encoding_facts *facts, buffer *text) {
  nf_bytes body = bytes_slice(file, facts->bom_bytes, file.len);
  if (facts->kind == ENCODING_UTF8 && utf8_valid(body)) {
    facts->identity = true;
    buffer_add(text, body);
    return text->failed ? NF_NO_MEMORY : NF_OK;
  }
  if (!buffer_reserve(text, body.len + body.len / 2)) return NF_NO_MEMORY;
  i32 line = 1;
  for (isize at = 0; at < body.len;) {
    u32 codepoint;
    isize next = encoding_next(facts->kind, body, at, &codepoint);
    if (facts->damage_line == 0 && is_damage(facts->kind, body, at, next, codepoint)) {
      facts->damaged = true;
      facts->damage_line = line;
    }
    if (codepoint == '\n' || codepoint == '\r') {
      bool second = codepoint == '\n' && text->len > 0 && text->at[text->len - 1] == '\r';
      if (!second) line++;
    }
    u8 out[4];
    buffer_add(text, bytes_of(out, utf8_put(codepoint, out)));
    at = next;
  }
  return text->failed ? NF_NO_MEMORY : NF_OK;
}

static void unit_add(encoding kind, u32 unit, buffer *file) {
  u8 low = (u8)(unit & 0xFF), high = (u8)(unit >> 8);
  buffer_add_byte(file, kind == ENCODING_UTF16_LE ? low : high);
  buffer_add_byte(file, kind == ENCODING_UTF16_LE ? high : low);
}

static bool byte_1252(u32 codepoint, u8 *byte) {
  *byte = (u8)codepoint;
  if (codepoint < 0x80 || (codepoint >= 0xA0 && codepoint <= 0xFF)) return true;
  for (isize i = 0; i < 32; i++) {
    if (high_1252[i] == codepoint) return *byte = (u8)(0x80 + i), true;
  }
  return false;
}

nf_status encoding_encode(encoding kind, nf_bytes text, buffer *file, u32 *codepoint) {
  if (kind == ENCODING_UTF8) {
    buffer_add(file, text);
    return file->failed ? NF_NO_MEMORY : NF_OK;
  }
  for (isize at = 0; at < text.len;) {
    u32 c;
    at = utf8_next(text, at, &c);
    u8 byte;
    if (kind == ENCODING_1252) {
      if (!byte_1252(c, &byte)) return *codepoint = c, NF_UNSUPPORTED;
      buffer_add_byte(file, byte);
    } else if (c < 0x10000) {
      unit_add(kind, c, file);
    } else {
      unit_add(kind, 0xD800 + ((c - 0x10000) >> 10), file);
      unit_add(kind, 0xDC00 + ((c - 0x10000) & 0x3FF), file);
    }
  }
  return file->failed ? NF_NO_MEMORY : NF_OK;
}

void encoding_bom_add(encoding kind, buffer *file) {
  if (kind == ENCODING_UTF8) buffer_add(file, bytes_of("\xEF\xBB\xBF", 3));
  if (kind == ENCODING_UTF16_LE) buffer_add(file, bytes_of("\xFF\xFE", 2));
  if (kind == ENCODING_UTF16_BE) buffer_add(file, bytes_of("\xFE\xFF", 2));
}

const char *encoding_name(encoding kind) {
  switch (kind) {
    case ENCODING_UTF8: return "UTF-8";
    case ENCODING_UTF16_LE: return "UTF-16LE";
    case ENCODING_UTF16_BE: return "UTF-16BE";
    case ENCODING_1252: return "Windows-1252";
  }
  return "";
}
