/* See sha1.h. */
#include "server/sha1.h"

static u32 left(u32 x, int n) { return x << n | x >> (32 - n); }

static void block_add(u32 state[5], const u8 *at) {
  u32 w[80];
  for (int i = 0; i < 16; i++, at += 4) {
    w[i] = (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
  }
  for (int i = 16; i < 80; i++) w[i] = left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int i = 0; i < 80; i++) {
    u32 f = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
            : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
            : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                     : (b ^ c ^ d) + 0xCA62C1D6;
    u32 next = left(a, 5) + f + e + w[i];
    e = d, d = c, c = left(b, 30), b = a, a = next;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

void sha1_begin(sha1 *hash) {
  *hash = (sha1){.state = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}};
}

void sha1_add(sha1 *hash, nf_bytes bytes) {
  isize used = (isize)(hash->n_bytes % 64);
  hash->n_bytes += (u64)bytes.len;
  for (isize i = 0; i < bytes.len;) {
    if (used == 0 && bytes.len - i >= 64) {
      block_add(hash->state, bytes.at + i);
      i += 64;
      continue;
    }
    isize n = bytes.len - i < 64 - used ? bytes.len - i : 64 - used;
    memcpy(hash->block + used, bytes.at + i, (size_t)n);
    i += n;
    used = (used + n) % 64;
    if (used == 0) block_add(hash->state, hash->block);
  }
}

void sha1_end(sha1 *hash, u8 digest[SHA1_BYTES]) {
  static const u8 padding[64] = {0x80};
  u64 bits = hash->n_bytes * 8;
  isize used = (isize)(hash->n_bytes % 64);
  sha1_add(hash, bytes_from(padding, used < 56 ? 56 - used : 120 - used));
  u8 length[8];
  for (int i = 0; i < 8; i++) length[i] = (u8)(bits >> (56 - 8 * i));
  sha1_add(hash, bytes_from(length, 8));
  for (int i = 0; i < SHA1_BYTES; i++) digest[i] = (u8)(hash->state[i / 4] >> (24 - i % 4 * 8));
}
