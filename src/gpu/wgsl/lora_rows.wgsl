// A low-rank addition to a product, y += s B (A x): A's rows ride along as rows of W do, in every
// workgroup the ones that its outputs need, so that there is no dispatch for them; lora_h has what
// they gave, and finished sums take B times that. A lies in blocks as GPU_B8's, whatever W's format.
// Follows parts_*.wgsl.
override LORA: u32;       // ranks at most, a multiple of 8
override LORA_PAIRS: u32; // pairs that a workgroup's outputs belong to, at most
override LORA_ROWS: u32 = LORA * LORA_PAIRS;
@group(0) @binding(7) var<storage, read> lora_a: array<vec4<u32>>; // [row][block]: 32 bytes, scale
@group(0) @binding(8) var<storage, read> lora_b: array<vec4<u32>>; // [row of W][ranks, to whole 8s] f16
var<private> pair0: u32; // of the workgroup's first output
var<private> n_pairs: u32;

fn pair_of(n: u32) -> u32 {
  let row = slice.row0 + n;
  if (EPILOGUE == 2u) {
    return row & 1u;
  }
  return select(0u, 1u, slice.pair_from.x != 0u && row >= slice.pair_from.x) +
         select(0u, 1u, slice.pair_from.y != 0u && row >= slice.pair_from.y);
}
// The workgroup's outputs are rows n .. n + rows - 1 of the slice, or as many as there are.
fn lora_begin(n: u32, rows: u32) {
  pair0 = 0u;
  n_pairs = 2u;
  if (EPILOGUE != 2u) {
    pair0 = pair_of(n);
    n_pairs = pair_of(min(n + rows, slice.n_rows) - 1u) - pair0 + 1u;
  }
}
// How many rows of A they need; row i of them, block b.
fn lora_count() -> u32 {
  return n_pairs * slice.lora_rank;
}
fn lora_w(i: u32, b: u32) -> WPart {
  let at = ((pair0 * slice.lora_rank + i) * N_BLOCKS + b) * 3u;
  return w_bytes(Ints(lora_a[at], lora_a[at + 1u]), bitcast<f32>(lora_a[at + 2u].x));
}
fn b_words(n: u32, i: u32) -> vec4<u32> {
  return lora_b[(slice.row0 + n) * ((slice.lora_rank + 7u) / 8u) + i];
}
// The first eight ranks of row n, to be asked for before what is added to is there.
fn b_first(n: u32) -> vec4<u32> {
  return b_words(n, 0u);
}
// Rank by rank. lora_h is lora_own.wgsl's or matmul_*.wgsl's.
fn lora_add(v: f32, scale: f32, n: u32, place: u32, b: vec4<u32>) -> f32 {
  let pair = pair_of(n);
  let s = slice.lora_scale[pair];
  var sum = v;
  var words = b;
  for (var j = 0u; j < slice.lora_rank; j++) {
    if (j > 0u && (j & 7u) == 0u) {
      words = b_words(n, j / 8u);
    }
    let half = unpack2x16float(words[(j >> 1u) & 3u])[j & 1u];
    sum = fma(s * (lora_h(place, (pair - pair0) * slice.lora_rank + j) * scale), half, sum);
  }
  return sum;
}
