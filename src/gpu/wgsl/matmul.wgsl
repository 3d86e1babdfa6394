// What every product y = W x shares: its places, a block of x as products read it (normed on the
// way), and what happens to a finished sum. Follows pass.wgsl, block.wgsl; a format and one of
// matmul_*.wgsl come after it.
override COLS: u32;
override NORM: u32 = 0u;     // 1: x is normed, y = W (x * norm) / rms(x)
override EPILOGUE: u32 = 0u; // 0 store; 1 add; 2 swiglu
override EPS: f32 = 0.0;
override N_BLOCKS: u32 = COLS / 32u;
@group(0) @binding(0) var<uniform> slot: Pass;
@group(0) @binding(1) var<uniform> slice: Slice;
@group(0) @binding(2) var<storage, read> wq: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> ws: array<u32>;
@group(0) @binding(4) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> norm: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> add: array<f32>;
@group(0) @binding(7) var<storage, read> lora_h: array<f32>;
@group(0) @binding(8) var<storage, read> lora_b: array<u32>;
@group(0) @binding(9) var<storage, read_write> y: array<f32>;

fn sum16(a0: vec4<f32>, a1: vec4<f32>, a2: vec4<f32>, a3: vec4<f32>) -> f32 {
  return across(((a0 + a1) + a2) + a3);
}
// Block b of row m of x.
fn x_block(m: u32, b: u32) -> XBlock {
  let at = (m * N_BLOCKS + b) * 8u;
  let a0 = x[at];
  let a1 = x[at + 1u];
  let a2 = x[at + 2u];
  let a3 = x[at + 3u];
  let a4 = x[at + 4u];
  let a5 = x[at + 5u];
  let a6 = x[at + 6u];
  let a7 = x[at + 7u];
  if (NORM == 0u) {
    let sums = vec4<f32>(sum16(a0, a1, a2, a3), sum16(a4, a5, a6, a7), 0.0, 0.0);
    return XBlock(a0, a1, a2, a3, a4, a5, a6, a7, sums);
  }
  let n0 = norm[b * 8u];
  let n1 = norm[b * 8u + 1u];
  let n2 = norm[b * 8u + 2u];
  let n3 = norm[b * 8u + 3u];
  let n4 = norm[b * 8u + 4u];
  let n5 = norm[b * 8u + 5u];
  let n6 = norm[b * 8u + 6u];
  let n7 = norm[b * 8u + 7u];
  let low = dot16(a0, a1, a2, a3, n0, n1, n2, n3);
  let high = dot16(a4, a5, a6, a7, n4, n5, n6, n7);
  let squares = dot16(a0, a1, a2, a3, a0, a1, a2, a3) + dot16(a4, a5, a6, a7, a4, a5, a6, a7);
  return XBlock(a0 * n0, a1 * n1, a2 * n2, a3 * n3, a4 * n4, a5 * n5, a6 * n6, a7 * n7,
                vec4<f32>(low, high, squares, 0.0));
}

// The finished value of row n of the slice for row m of x; squares: the sum over x's row.
fn finish(n: u32, m: u32, sum: f32, squares: f32) -> f32 {
  var v = sum;
  if (NORM != 0u) {
    v = sum * inverseSqrt(fma(squares, 1.0 / f32(COLS), EPS));
  }
  if (slice.lora_rank != 0u) {
    let row = slice.row0 + n;
    var pair = select(0u, 1u, slice.pair_from.x != 0u && row >= slice.pair_from.x) +
               select(0u, 1u, slice.pair_from.y != 0u && row >= slice.pair_from.y);
    if (EPILOGUE == 2u) {
      pair = row & 1u;
    }
    let scale = slice.lora_scale[pair];
    let h = m * slice.h_stride + pair * slice.lora_rank;
    for (var j = 0u; j < slice.lora_rank; j++) {
      let at = j * slice.b_rows + row;
      let b = unpack2x16float(lora_b[at >> 1u])[at & 1u];
      v = fma(scale * lora_h[h + j], b, v);
    }
  }
  return v;
}
// What an output is added to; products ask for it before they begin.
fn residual(n: u32, m: u32) -> f32 {
  if (EPILOGUE != 1u) {
    return 0.0;
  }
  let row = slot.rows[m >> 2u][m & 3u];
  return add[row * slice.y_stride + slice.row0 + n];
}
fn store(n: u32, m: u32, v: f32, before: f32) {
  let at = m * slice.y_stride + slice.row0 + n;
  if (EPILOGUE == 1u) {
    y[at] = before + v;
  } else {
    y[at] = v;
  }
}
// n: the gate's row of the slice, even.
fn store_swiglu(n: u32, m: u32, gate: f32, up: f32) {
  y[m * slice.y_stride + ((slice.row0 + n) >> 1u)] = gate / (1.0 + exp(-gate)) * up;
}
