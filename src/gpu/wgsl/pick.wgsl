// From a row's logits to 16 bytes: the token chosen (the largest logit, or the largest of logit / T
// + Gumbel noise among the likely enough), its log softmax and that of the token asked for. In two
// dispatches: pick_chunk.wgsl looks at a chunk of the vocabulary a workgroup, pick_join.wgsl at a
// row's chunks; this is what they share. Mirrors src/model/pick.h; the hash is exact, the logarithm
// is not.
override N_VOCAB: u32;
override WG: u32 = 256u; // a multiple of 16
override LANES: u32 = WG / 16u;
const CHUNK = 1024u;
override N_CHUNKS: u32 = (N_VOCAB + CHUNK - 1u) / CHUNK;
const NONE = 0x7FFFFFFFu;
const LOWEST = -3.4028234e38;
// A chunk's largest logit, its lowest token, and the sum of exp(logit - largest).
struct Part {
  top: f32,
  token: u32,
  sum: f32,
}
@group(0) @binding(0) var<uniform> slot: Pass;
@group(0) @binding(1) var<storage, read> records: array<Row>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read_write> results: array<Result>;
@group(0) @binding(4) var<storage, read_write> parts: array<Part>;
var<workgroup> best_values: array<f32, WG>;
var<workgroup> best_tokens: array<u32, WG>;
var<workgroup> sums: array<f32, WG>;

fn mixed(a: u32) -> u32 {
  var h = a;
  h ^= h >> 16u;
  h *= 0x7FEB352Du;
  h ^= h >> 15u;
  h *= 0x846CA68Bu;
  return h ^ (h >> 16u);
}
// ln a for a > 0, with a small relative error near 1 too, where the built-in one has none to speak
// of: 2 atanh((f - 1) / (f + 1)) + e ln 2, f in [0.7, 1.5).
fn ln(a: f32) -> f32 {
  let bits = bitcast<i32>(a);
  let e = (bits - 0x3F3504F3) >> 23u;
  let f = bitcast<f32>(bits - (e << 23u));
  let s = (f - 1.0) / (f + 1.0);
  let z = s * s;
  var p = fma(z, 0.22222222, 0.28571429);
  p = fma(z, p, 0.4);
  p = fma(z, p, 0.66666667);
  p = fma(z, p, 2.0);
  return fma(f32(e), 0.69314718, s * p);
}
fn gumbel(row: Row, token: u32) -> f32 {
  var h = mixed(row.seed_low + 0x9E3779B9u);
  h = mixed(h ^ row.seed_high);
  h = mixed(h + row.pos + 1u); // the position the token will have
  h = mixed(h ^ token);
  let u = (f32(h >> 9u) + 0.5) * 1.1920929e-7;
  return -ln(-ln(u));
}
// The best of candidates first, first + step, ... (n of them) into the first: the largest, and the
// lowest token among equals.
fn best_of(first: u32, step: u32, n: u32) {
  var value = best_values[first];
  var token = best_tokens[first];
  for (var i = 1u; i < n; i++) {
    let other = best_values[first + i * step];
    let its = best_tokens[first + i * step];
    if (other > value || (other == value && its < token)) {
      value = other;
      token = its;
    }
  }
  best_values[first] = value;
  best_tokens[first] = token;
}
// The best of all threads' candidates, in [0] after it.
fn best_join(t: u32) {
  workgroupBarrier();
  if (t < 16u) {
    best_of(t * LANES, 1u, LANES);
  }
  workgroupBarrier();
  if (t == 0u) {
    best_of(0u, LANES, 16u);
  }
  workgroupBarrier();
}
// The sum of all threads' values, in thread 0; the others have some of it.
fn sums_join(t: u32, mine: f32) -> f32 {
  var sum = mine;
  sums[t] = sum;
  workgroupBarrier();
  if (t < 16u) {
    for (var i = 1u; i < LANES; i++) {
      sum += sums[16u * i + t];
    }
    sums[t] = sum;
  }
  workgroupBarrier();
  if (t == 0u) {
    for (var i = 1u; i < 16u; i++) {
      sum += sums[i];
    }
  }
  return sum;
}
