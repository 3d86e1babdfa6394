// The product for few rows of x (m <= M_MAX): ROWS rows of W a workgroup; a thread takes one block
// of one row and all of x's rows, so that the whole device has work. SEG blocks at a time.
override WG: u32 = 128u;
override ROWS: u32 = 8u; // ROWS * M_MAX <= WG; even
override M_MAX: u32 = 1u;
override SEG: u32 = 64u; // a multiple of 4
override SEG_CHUNKS: u32 = SEG / 4u;
override X_BLOCKS: u32 = M_MAX * SEG;
var<workgroup> parts: array<f32, ROWS * M_MAX * SEG>;
var<workgroup> chunks: array<f32, (ROWS * M_MAX + M_MAX) * SEG_CHUNKS>; // last: the squares

// The block of item i of a round of nb blocks from b0 on: row by row. A row past the slice's end is
// its last one, and goes nowhere.
fn item_block(i: u32, n0: u32, b0: u32, nb: u32) -> Block {
  let n = min(n0 + i / nb, slice.n_rows - 1u);
  return block_at(n * N_BLOCKS + b0 + i % nb);
}
@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let n0 = group.x * ROWS;
  let m_n = min(slot.m, M_MAX);
  let my_row = t / M_MAX;
  let my_m = t % M_MAX;
  let mine = my_row < ROWS && my_m < m_n && n0 + my_row < slice.n_rows;
  var sum = 0.0;
  var squares = 0.0;
  for (var b0 = 0u; b0 < N_BLOCKS; b0 += SEG) {
    let nb = min(SEG, N_BLOCKS - b0);
    let nc = (nb + 3u) / 4u;
    var w = item_block(min(t, ROWS * nb - 1u), n0, b0, nb); // asked for before x, which it waits with
    for (var i = t; i < m_n * nb; i += WG) {
      let m = i / nb;
      let b = i % nb;
      stage((m * SEG + b) * 9u, x_block(m, b0 + b));
    }
    workgroupBarrier();
    for (var i = t; i < ROWS * nb; i += WG) {
      let r = i / nb;
      let b = i % nb;
      for (var m = 0u; m < m_n; m++) {
        parts[(r * M_MAX + m) * SEG + b] = block_part(w, staged((m * SEG + b) * 9u));
      }
      if (i + WG < ROWS * nb) {
        w = item_block(i + WG, n0, b0, nb);
      }
    }
    workgroupBarrier();
    for (var i = t; i < (ROWS + 1u) * M_MAX * nc; i += WG) {
      let o = i / nc;
      let c = i % nc;
      var chunk = 0.0;
      for (var b = 4u * c; b < min(4u * c + 4u, nb); b++) {
        if (o < ROWS * M_MAX) {
          chunk += parts[o * SEG + b];
        } else {
          chunk += xs[((o - ROWS * M_MAX) * SEG + b) * 9u + 8u].z;
        }
      }
      chunks[o * SEG_CHUNKS + c] = chunk;
    }
    workgroupBarrier();
    if (mine) {
      for (var c = 0u; c < nc; c++) {
        sum += chunks[t * SEG_CHUNKS + c];
        squares += chunks[(ROWS * M_MAX + my_m) * SEG_CHUNKS + c];
      }
    }
  }
  if (EPILOGUE == 2u) {
    if (mine) {
      parts[t] = finish(n0 + my_row, my_m, sum, squares);
    }
    workgroupBarrier();
    if (mine && (my_row & 1u) == 0u) {
      store_swiglu(n0 + my_row, my_m, parts[t], parts[t + M_MAX]);
    }
  } else if (mine) {
    store(n0 + my_row, my_m, finish(n0 + my_row, my_m, sum, squares));
  }
}
