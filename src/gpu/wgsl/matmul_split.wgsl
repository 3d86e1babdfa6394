// The product for some rows of x: as matmul_tile.wgsl, but the four blocks of a chunk go to four
// threads, so that a matrix of few rows still fills the device.
override TILE_N: u32 = 16u; // even; 16 * TILE_N threads
override WG: u32 = TILE_N * 16u;
override X_BLOCKS: u32 = 64u; // 16 rows, 4 blocks
var<workgroup> squares: array<f32, 16>;
var<workgroup> values: array<f32, TILE_N * 16u>;
var<workgroup> parts: array<f32, TILE_N * 64u>; // [block][row of x][row of W]

@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let i_n = t % TILE_N;
  let i_m = t / TILE_N % 4u * 4u; // of the 16
  let i_b = t / TILE_N / 4u;
  let row = min(group.x * TILE_N + i_n, slice.n_rows - 1u);
  let m0 = group.y * 16u;
  var sum = 0.0; // thread t: of output t
  var square = 0.0; // thread t: of row t
  for (var b0 = 0u; b0 < N_BLOCKS; b0 += 4u) {
    let nb = min(4u, N_BLOCKS - b0);
    let w = block_at(row * N_BLOCKS + b0 + min(i_b, nb - 1u)); // asked for before x
    for (var i = t; i < 64u; i += WG) {
      let m = i / 4u;
      let b = i % 4u;
      if (b < nb && m0 + m < slot.m) {
        stage(i * 9u, x_block(m0 + m, b0 + b));
      }
    }
    workgroupBarrier();
    if (i_b < nb) {
      let first = (i_m * 4u + i_b) * 9u;
      let to = (i_b * 16u + i_m) * TILE_N + i_n;
      parts[to] = block_part(w, staged(first));
      parts[to + TILE_N] = block_part(w, staged(first + 36u));
      parts[to + 2u * TILE_N] = block_part(w, staged(first + 72u));
      parts[to + 3u * TILE_N] = block_part(w, staged(first + 108u));
    }
    if (NORM != 0u && t < 16u) {
      var part = 0.0;
      for (var b = 0u; b < nb; b++) {
        part += xs[(t * 4u + b) * 9u + 8u].z;
      }
      square += part;
    }
    workgroupBarrier();
    var chunk = 0.0;
    for (var b = 0u; b < nb; b++) {
      chunk += parts[b * 16u * TILE_N + t];
    }
    sum += chunk;
  }
  if (t < 16u) {
    squares[t] = square;
  }
  values[t] = sum;
  workgroupBarrier();
  tile_store(group.x * TILE_N, m0, t);
}
