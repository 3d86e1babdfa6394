// The product for many rows of x: a workgroup does ROWS rows of W by four of x; a thread takes a
// chunk (four blocks) of one row of W, decodes each block once and multiplies it with all four.
// Neighbouring threads take neighbouring rows of W, so that they read the same x.
override ROWS: u32 = 32u; // even
override SEG: u32 = 20u; // blocks of x held at a time, a multiple of 4
override SEG_CHUNKS: u32 = SEG / 4u;
override WG: u32 = ROWS * SEG_CHUNKS;
override X_BLOCKS: u32 = 4u * SEG;
override OUTPUTS: u32 = 4u * ROWS;
var<workgroup> parts: array<f32, OUTPUTS * SEG_CHUNKS>; // [chunk][row of x][row of W]
var<workgroup> values: array<f32, OUTPUTS>; // [row of x][row of W]
var<workgroup> squares: array<f32, 4>;

// Adds the round's chunks to what the rounds before gave, first to last.
fn outputs_add(t: u32, nb: u32) {
  for (var o = t; o < OUTPUTS; o += WG) {
    var sum = values[o];
    for (var c = 0u; 4u * c < nb; c++) {
      sum += parts[c * OUTPUTS + o];
    }
    values[o] = sum;
  }
  if (NORM == 0u) {
    return;
  }
  for (var m = t; m < 4u; m += WG) {
    var sum = squares[m];
    for (var b0 = 0u; b0 < nb; b0 += 4u) {
      var chunk = 0.0;
      for (var b = b0; b < min(b0 + 4u, nb); b++) {
        chunk += xs[(m * SEG + b) * 9u + 8u].z;
      }
      sum += chunk;
    }
    squares[m] = sum;
  }
}
@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let n0 = group.x * ROWS;
  let m0 = group.y * 4u;
  let m_n = min(slot.m - m0, 4u);
  let i_n = t % ROWS;
  let i_b = t / ROWS * 4u; // the first block of this thread's chunk
  let row = min(n0 + i_n, slice.n_rows - 1u) * N_BLOCKS; // past the end: goes nowhere
  for (var b0 = 0u; b0 < N_BLOCKS; b0 += SEG) {
    let nb = min(SEG, N_BLOCKS - b0);
    var next = block_at(row + b0 + min(i_b, nb - 1u)); // asked for before x
    for (var i = t; i < m_n * nb; i += WG) {
      let m = i / nb;
      let b = i % nb;
      stage((m * SEG + b) * 9u, x_block(m0 + m, b0 + b));
    }
    workgroupBarrier();
    var part0 = 0.0;
    var part1 = 0.0;
    var part2 = 0.0;
    var part3 = 0.0;
    for (var b = i_b; b < min(i_b + 4u, nb); b++) {
      let w = next;
      next = block_at(row + b0 + min(b + 1u, nb - 1u));
      part0 += block_part(w, staged(b * 9u));
      part1 += block_part(w, staged((SEG + b) * 9u));
      part2 += block_part(w, staged((2u * SEG + b) * 9u));
      part3 += block_part(w, staged((3u * SEG + b) * 9u));
    }
    let at = t / ROWS * OUTPUTS + i_n;
    parts[at] = part0;
    parts[at + ROWS] = part1;
    parts[at + 2u * ROWS] = part2;
    parts[at + 3u * ROWS] = part3;
    workgroupBarrier();
    outputs_add(t, nb);
    workgroupBarrier();
  }
  for (var o = t; o < OUTPUTS; o += WG) {
    let m = o / ROWS;
    let n = n0 + o % ROWS;
    if (m < m_n && n < slice.n_rows) {
      if (EPILOGUE != 2u) {
        store(n, m0 + m, finish(n, m0 + m, values[o], squares[m]));
      } else if ((n & 1u) == 0u) {
        store_swiglu(n, m0 + m, finish(n, m0 + m, values[o], squares[m]),
                     finish(n + 1u, m0 + m, values[o + 1u], squares[m]));
      }
    }
  }
}
