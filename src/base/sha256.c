/* See sha256.h. Letters (a..h, K, W, t1, t2) are those of FIPS 180-4. */
#include "base/sha256.h"

static const u32 K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline u32 rotr(u32 x, int n) { return x >> n | x << (32 - n); }
static inline u32 load_be32(const u8 *p) {
  return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | (u32)p[3];
}
static inline void store_be32(u8 *p, u32 x) {
  for (int i = 0; i < 4; i++) p[i] = (u8)(x >> (24 - 8 * i));
}

static void blocks_compress(u32 state[8], const u8 *at, isize n_blocks) {
  for (; n_blocks > 0; n_blocks--, at += 64) {
    u32 W[64];
    for (isize t = 0; t < 16; t++) W[t] = load_be32(at + 4 * t);
    for (int t = 16; t < 64; t++) {
      u32 s0 = rotr(W[t - 15], 7) ^ rotr(W[t - 15], 18) ^ W[t - 15] >> 3;
      u32 s1 = rotr(W[t - 2], 17) ^ rotr(W[t - 2], 19) ^ W[t - 2] >> 10;
      W[t] = W[t - 16] + s0 + W[t - 7] + s1;
    }
    u32 a = state[0], b = state[1], c = state[2], d = state[3];
    u32 e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
      u32 S1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
      u32 t1 = h + S1 + ((e & f) ^ (~e & g)) + K[t] + W[t];
      u32 S0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
      u32 t2 = S0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
  }
}

void sha256_begin(nf_sha256 *hash) {
  *hash = (nf_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(nf_sha256 *hash, nf_bytes bytes) {
  ASSERT(bytes.len >= 0);
  isize held = (isize)(hash->n_bytes & 63);
  hash->n_bytes += (u64)bytes.len;
  if (held > 0) {
    isize n = isize_min(64 - held, bytes.len);
    if (n > 0) bytes_copy(hash->block + held, bytes.at, n);
    if (held + n < 64) return;
    blocks_compress(hash->state, hash->block, 1);
    bytes = bytes_slice(bytes, n, bytes.len);
  }
  blocks_compress(hash->state, bytes.at, bytes.len / 64);
  isize rest = bytes.len & 63;
  if (rest > 0) bytes_copy(hash->block, bytes.at + bytes.len - rest, rest);
}

void sha256_end(nf_sha256 *hash, u8 digest[32]) {
  u64 n_bits = hash->n_bytes * 8;
  static const u8 padding[64] = {0x80};
  isize held = (isize)(hash->n_bytes & 63);
  sha256_add(hash, bytes_of(padding, held < 56 ? 56 - held : 120 - held));
  u8 length[8];
  store_be32(length, (u32)(n_bits >> 32));
  store_be32(length + 4, (u32)n_bits);
  sha256_add(hash, bytes_of(length, 8));
  for (isize i = 0; i < 8; i++) store_be32(digest + 4 * i, hash->state[i]);
}
