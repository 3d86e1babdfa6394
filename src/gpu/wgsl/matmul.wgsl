// What every product y = W x shares: its places, a block of x as products read it (normed on the
// way), and what happens to a finished sum. Follows pass.wgsl, block.wgsl; a format, lora_*.wgsl and
// one of matmul_*.wgsl come after it.
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
@group(0) @binding(5) var<storage, read> side: array<vec4<f32>>; // NORM: a column's weight; else add
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

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
  let n0 = side[b * 8u];
  let n1 = side[b * 8u + 1u];
  let n2 = side[b * 8u + 2u];
  let n3 = side[b * 8u + 3u];
  let n4 = side[b * 8u + 4u];
  let n5 = side[b * 8u + 5u];
  let n6 = side[b * 8u + 6u];
  let n7 = side[b * 8u + 7u];
  let low = dot16(a0, a1, a2, a3, n0, n1, n2, n3);
  let high = dot16(a4, a5, a6, a7, n4, n5, n6, n7);
  let squares = dot16(a0, a1, a2, a3, a0, a1, a2, a3) + dot16(a4, a5, a6, a7, a4, a5, a6, a7);
  return XBlock(a0 * n0, a1 * n1, a2 * n2, a3 * n3, a4 * n4, a5 * n5, a6 * n6, a7 * n7,
                vec4<f32>(low, high, squares, 0.0));
}

// Vec4 j of it alone; the squares of a half of it, not normed.
fn x_vec(m: u32, b: u32, j: u32) -> vec4<f32> {
  let a = x[(m * N_BLOCKS + b) * 8u + j];
  if (NORM == 0u) {
    return a;
  }
  return a * side[b * 8u + j];
}
fn x_squares(m: u32, b: u32, half: u32) -> f32 {
  let at = (m * N_BLOCKS + b) * 8u + half * 4u;
  let a0 = x[at];
  let a1 = x[at + 1u];
  let a2 = x[at + 2u];
  let a3 = x[at + 3u];
  return dot16(a0, a1, a2, a3, a0, a1, a2, a3);
}

// What sums of a row of x are multiplied by; squares: the sum over it.
fn row_scale(squares: f32) -> f32 {
  if (NORM == 0u) {
    return 1.0;
  }
  return inverseSqrt(fma(squares, 1.0 / f32(COLS), EPS));
}
// The finished value of row n of the slice for a row of x, `place` among those the workgroup has; b:
// what b_first(n) gave.
fn finish(n: u32, place: u32, sum: f32, scale: f32, b: vec4<u32>) -> f32 {
  let v = lora_add(sum, n, place, b);
  if (NORM == 0u) {
    return v;
  }
  return v * scale;
}
// What an output is added to; products ask for it before they begin.
fn residual(n: u32, m: u32) -> f32 {
  if (EPILOGUE != 1u) {
    return 0.0;
  }
  let row = slot.rows[m >> 2u][m & 3u];
  let at = row * slice.y_stride + slice.row0 + n;
  return side[at >> 2u][at & 3u];
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
