// The product for many rows of x: a workgroup does TILE_N rows of W by 16 rows of x, a thread one
// row of W by four of x. x passes through workgroup memory four blocks at a time.
override TILE_N: u32 = 16u; // even; 4 * TILE_N threads
override WG: u32 = TILE_N * 4u;
override X_BLOCKS: u32 = 64u; // 16 rows, 4 blocks
var<workgroup> squares: array<f32, 16>;
var<workgroup> values: array<f32, TILE_N * 16u>;

// values[16][TILE_N], squares[16] into y.
fn tile_store(n0: u32, m0: u32, t: u32) {
  for (var i = t; i < TILE_N * 16u; i += WG) {
    let m = i / TILE_N;
    let n = i % TILE_N;
    if (m0 + m < slot.m && n0 + n < slice.n_rows) {
      if (EPILOGUE != 2u) {
        store(n0 + n, m0 + m, finish(n0 + n, m0 + m, values[i], squares[m]));
      } else if ((n & 1u) == 0u) {
        let gate = finish(n0 + n, m0 + m, values[i], squares[m]);
        let up = finish(n0 + n + 1u, m0 + m, values[i + 1u], squares[m]);
        store_swiglu(n0 + n, m0 + m, gate, up);
      }
    }
  }
}
@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let i_n = t % TILE_N;
  let i_m = t / TILE_N * 4u; // of the 16
  let row = min(group.x * TILE_N + i_n, slice.n_rows - 1u);
  let m0 = group.y * 16u;
  var sum0 = 0.0;
  var sum1 = 0.0;
  var sum2 = 0.0;
  var sum3 = 0.0;
  var square = 0.0; // thread t: of row t
  for (var b0 = 0u; b0 < N_BLOCKS; b0 += 4u) {
    let nb = min(4u, N_BLOCKS - b0);
    var w = block_at(row * N_BLOCKS + b0); // asked for before x
    for (var i = t; i < 64u; i += WG) {
      let m = i / 4u;
      let b = i % 4u;
      if (b < nb && m0 + m < slot.m) {
        stage(i * 9u, x_block(m0 + m, b0 + b));
      }
    }
    workgroupBarrier();
    var part0 = 0.0;
    var part1 = 0.0;
    var part2 = 0.0;
    var part3 = 0.0;
    for (var b = 0u; b < nb; b++) {
      let at = (i_m * 4u + b) * 9u;
      part0 += block_part(w, staged(at));
      part1 += block_part(w, staged(at + 36u));
      part2 += block_part(w, staged(at + 72u));
      part3 += block_part(w, staged(at + 108u));
      w = block_at(row * N_BLOCKS + b0 + min(b + 1u, nb - 1u));
    }
    sum0 += part0;
    sum1 += part1;
    sum2 += part2;
    sum3 += part3;
    if (NORM != 0u && t < 16u) {
      var part = 0.0;
      for (var b = 0u; b < nb; b++) {
        part += xs[(t * 4u + b) * 9u + 8u].z;
      }
      square += part;
    }
    workgroupBarrier();
  }
  if (t < 16u) {
    squares[t] = square;
  }
  values[i_m * TILE_N + i_n] = sum0;
  values[(i_m + 1u) * TILE_N + i_n] = sum1;
  values[(i_m + 2u) * TILE_N + i_n] = sum2;
  values[(i_m + 3u) * TILE_N + i_n] = sum3;
  workgroupBarrier();
  tile_store(group.x * TILE_N, m0, t);
}
