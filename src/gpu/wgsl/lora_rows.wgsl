// A low-rank addition to a product, y += s B (A x): the rows of A that a workgroup's outputs need ride
// along behind its rows of W, in W's own format, so that there is no dispatch for them; lora_h has
// what they gave, and finished sums take B times that. Follows matmul.wgsl, before the format.
override LORA: u32;       // ranks at most, even
override LORA_PAIRS: u32; // pairs of a workgroup's outputs: gate and up 2, else 1
override LORA_PARTS: u32; // rows of A that add up to one of its rows
override LORA_ROWS: u32 = LORA * LORA_PAIRS * LORA_PARTS;
@group(0) @binding(7) var<storage, read> aq: array<vec4<u32>>; // A: wq and ws
@group(0) @binding(8) var<storage, read> a_s: array<u32>;
@group(0) @binding(9) var<storage, read> lora_b: array<vec4<u32>>; // [row of W][ranks, to whole 8s] f16
var<private> riding: bool; // is what is read next A's?
var<private> pair0: u32;   // of the workgroup's first output

fn wq_at(i: u32) -> vec4<u32> {
  if (riding) {
    return aq[i];
  }
  return wq[i];
}
fn ws_at(i: u32) -> u32 {
  if (riding) {
    return a_s[i];
  }
  return ws[i];
}
// A workgroup's tile of `rows` rows of the slice: from .x on, before .y. Its outputs are of one pair
// (of both, where they take turns), so tiles begin anew where a pair does.
fn tile_begin(tile: u32, rows: u32) -> vec2<u32> {
  var i = tile;
  var start = 0u;
  var end = slice.pair_end.x;
  var pair = 0u; // not pair0: whether there is a tile must be known to be the same for all threads
  for (; pair < 2u && i >= (end - start + rows - 1u) / rows; pair++) {
    i -= (end - start + rows - 1u) / rows;
    start = end;
    end = select(slice.n_rows, slice.pair_end.y, pair == 0u);
  }
  pair0 = pair;
  return vec2<u32>(min(start + i * rows, slice.n_rows), end);
}
// How many rows of A they need; which row of it is the i-th of them.
fn lora_count() -> u32 {
  return LORA_PAIRS * LORA_PARTS * slice.lora_rank;
}
fn lora_row(i: u32) -> u32 {
  return pair0 * LORA_PARTS * slice.lora_rank + min(i, lora_count() - 1u);
}
fn b_words(n: u32, i: u32) -> vec4<u32> {
  return lora_b[(slice.row0 + n) * ((slice.lora_rank + 7u) / 8u) + i];
}
// The first eight ranks of row n, to be asked for before what is added to is there.
fn b_first(n: u32) -> vec4<u32> {
  return b_words(n, 0u);
}
// Rank by rank; past the last one B is 0. lora_h is matmul_*.wgsl's or
// lora_own.wgsl's.
fn lora_add(sum: f32, n: u32, place: u32, b: vec4<u32>) -> f32 {
  let second = EPILOGUE == 2u && ((slice.row0 + n) & 1u) == 1u;
  let s = slice.lora_scale[pair0 + select(0u, 1u, second)];
  let first = select(0u, slice.lora_rank, second);
  let last = slice.lora_rank - 1u;
  var v = sum;
  var words = b;
  for (var j = 0u; j < slice.lora_rank; j += 8u) {
    if (j > 0u) {
      words = b_words(n, j / 8u);
    }
    let b01 = unpack2x16float(words.x);
    let b23 = unpack2x16float(words.y);
    let b45 = unpack2x16float(words.z);
    let b67 = unpack2x16float(words.w);
    v = fma(s * lora_h(place, first + j), b01.x, v);
    v = fma(s * lora_h(place, first + min(j + 1u, last)), b01.y, v);
    v = fma(s * lora_h(place, first + min(j + 2u, last)), b23.x, v);
    v = fma(s * lora_h(place, first + min(j + 3u, last)), b23.y, v);
    v = fma(s * lora_h(place, first + min(j + 4u, last)), b45.x, v);
    v = fma(s * lora_h(place, first + min(j + 5u, last)), b45.y, v);
    v = fma(s * lora_h(place, first + min(j + 6u, last)), b67.x, v);
    v = fma(s * lora_h(place, first + min(j + 7u, last)), b67.y, v);
  }
  return v;
}
