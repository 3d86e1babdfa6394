// The product, plainly: a thread computes one output (a gate and its up), every sum in the order
// of README.md. The other variants are measured against it, and it stands in for them.
override WG: u32 = 64u;
struct Sum {
  dot: f32,
  squares: f32,
}
fn row_sum(n: u32, m: u32) -> Sum {
  var sum = Sum(0.0, 0.0);
  for (var b0 = 0u; b0 < N_BLOCKS; b0 += 4u) {
    var chunk = Sum(0.0, 0.0);
    for (var b = b0; b < min(b0 + 4u, N_BLOCKS); b++) {
      let xb = x_block(m, b);
      chunk.dot += block_part(block_at(n * N_BLOCKS + b), xb);
      chunk.squares += xb.sums.z;
    }
    sum.dot += chunk.dot;
    sum.squares += chunk.squares;
  }
  return sum;
}
fn row_value(n: u32, m: u32) -> f32 {
  let sum = row_sum(n, m);
  return finish(n, m, sum.dot, row_scale(sum.squares), b_first(n));
}
@compute @workgroup_size(WG) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y;
  let rows = 1u + EPILOGUE / 2u;
  let tile = tile_begin(id.x, rows);
  let n = tile.x;
  if (n < slice.n_rows) {
    lora_own(m);
    if (EPILOGUE == 2u) {
      store_swiglu(n, m, row_value(n, m), row_value(n + 1u, m));
    } else {
      store(n, m, row_value(n, m), residual(n, m));
    }
  }
}
