/* See job_checksum.h. */
#include "server/jobs/job_checksum.h"

static int digit_of(u8 c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Base64 of n bytes with its padding, and nothing else (RFC 4648, section 4). */
static bool base64_read(nf_bytes text, u8 *out, isize n) {
  isize n_digits = (n * 8 + 5) / 6, len = (n + 2) / 3 * 4;
  if (text.len != len) return false;
  u32 bits = 0;
  isize n_bits = 0, done = 0;
  for (isize i = 0; i < len; i++) {
    if (i >= n_digits) {
      if (text.at[i] != '=') return false;
      continue;
    }
    int digit = digit_of(text.at[i]);
    if (digit < 0) return false;
    bits = bits << 6 | (u32)digit;
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    out[done++] = (u8)(bits >> n_bits);
    bits &= (1u << n_bits) - 1;
  }
  return bits == 0; /* another text of the same bytes is not one */
}

bool job_checksum_read(nf_bytes field, job_checksum *sum) {
  sum->kind = CHECKSUM_NONE;
  if (field.at == nullptr) return true;
  nf_bytes rest = field, name = bytes_take(&rest, ' ');
  if (bytes_same(name, text("sha1")) && base64_read(rest, sum->wanted, SHA1_BYTES)) {
    sum->kind = CHECKSUM_SHA1;
    sha1_begin(&sum->sha1);
  } else if (bytes_same(name, text("sha256")) && base64_read(rest, sum->wanted, 32)) {
    sum->kind = CHECKSUM_SHA256;
    nf_sha256_begin(&sum->sha256);
  }
  return sum->kind != CHECKSUM_NONE;
}

void job_checksum_add(job_checksum *sum, nf_bytes bytes) {
  if (sum->kind == CHECKSUM_SHA1) sha1_add(&sum->sha1, bytes);
  if (sum->kind == CHECKSUM_SHA256) nf_sha256_add(&sum->sha256, bytes);
}

bool job_checksum_is_met(job_checksum *sum) {
  u8 digest[32];
  if (sum->kind == CHECKSUM_NONE) return true;
  if (sum->kind == CHECKSUM_SHA1) sha1_end(&sum->sha1, digest);
  if (sum->kind == CHECKSUM_SHA256) nf_sha256_end(&sum->sha256, digest);
  return memcmp(digest, sum->wanted, sum->kind == CHECKSUM_SHA1 ? SHA1_BYTES : 32) == 0;
}
