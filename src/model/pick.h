/* Sampling as a deterministic function of (seed, position, token): the noise that turns argmax
 * into a draw from softmax(logit / T), on every backend the same. Owns the hash and the Gumbel
 * formula; does NOT own the choice itself (temperature, min_p, argmax), nor any state.
 * The integer hash is exact everywhere. A backend's own logarithm may differ in the last bits,
 * so a draw is bit for bit the same on one backend, and almost always between two.
 * source Gumbel-max: Maddison et al. 2014, arXiv:1411.0030, section 2 */
#pragma once
#include "base/base.h"
#include "base/math.h"

/* A bijection of u32 that mixes well: "lowbias32" of Wellons, hash-prospector (public domain). */
static inline u32 pick_mix(u32 x) {
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  return x ^ x >> 16;
}

/* 32 bits for a token at a position of a run. WGSL has no u64: the seed goes in as two words. */
static inline u32 pick_hash(u64 seed, u32 pos, u32 token) {
  u32 h = pick_mix((u32)seed + 0x9E3779B9u); /* zeros must not map to zero */
  h = pick_mix(h ^ (u32)(seed >> 32));
  h = pick_mix(h + pos);
  return pick_mix(h ^ token);
}

/* -log(-log(u)), u = (top 23 bits + 1/2) / 2^23: exact in f32, never 0 nor 1, so the result is
 * finite: in [-2.82, 16.64]. The token drawn has the largest logit / T + noise. */
static inline f32 pick_gumbel(u32 hash) {
  f32 u = ((f32)(hash >> 9) + 0.5f) * 0x1p-23f;
  return (f32)-math_log(-math_log((f64)u));
}
