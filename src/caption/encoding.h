/* Bytes of a file <-> UTF-8 text, without loss: UTF-8 with and without BOM, UTF-16 LE/BE,
 * Windows-1252. Decoding is a walk that can be repeated, so that any piece of the decoded text
 * can be copied back from the file's own bytes, damage included.
 *
 * Owns nothing but the tables. Does NOT guess among other 8-bit code pages: a file that is
 * neither Unicode nor Windows-1252 opens with wrong letters and is still saved unchanged.
 * source WHATWG Encoding Standard (index windows-1252, UTF-16 decoder) */
#pragma once
#include "base/base.h"
#include "base/utf8.h"
#include "caption/buffer.h"

typedef enum : u8 {
  ENCODING_UTF8 = 0,
  ENCODING_UTF16_LE,
  ENCODING_UTF16_BE,
  ENCODING_1252
} encoding;

typedef struct {
  encoding kind;
  u8 bom_bytes;   /* 0, 2 or 3 */
  bool damaged;   /* some bytes decode to U+FFFD without being one */
  bool identity;  /* decoded text == the bytes after the BOM */
  i32 damage_line; /* 1-based line of the first damage; 0 */
} encoding_facts;

/* What the bytes are. A BOM decides; then NUL bytes at every other place mean UTF-16; then
 * valid UTF-8; then UTF-8 with few broken bytes; else Windows-1252.
 * errors NF_BAD_INPUT NUL bytes in something that is not UTF-16: binary data; the line says
 *        at which line */
[[nodiscard]] nf_status encoding_find(nf_bytes file, encoding_facts *facts, nf_error *error);

/* Append the decoded text (no BOM) to `text`. NF_NO_MEMORY. Sets damaged, damage_line. */
[[nodiscard]] nf_status encoding_decode(nf_bytes file, encoding_facts *facts, buffer *text);

/* Decode one character at file[at]; returns the position after it. 0 <= at < file.len. */
isize encoding_next(encoding kind, nf_bytes file, isize at, u32 *codepoint);

/* Append text in the given encoding. NF_UNSUPPORTED: *codepoint cannot be written in it; what
 * was appended before it stays. NF_NO_MEMORY. */
[[nodiscard]] nf_status encoding_encode(encoding kind, nf_bytes text, buffer *file, u32 *codepoint);
void encoding_bom_add(encoding kind, buffer *file);
const char *encoding_name(encoding kind); /* "UTF-8", "UTF-16LE", ... */
