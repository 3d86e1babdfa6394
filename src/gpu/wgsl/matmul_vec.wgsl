// The product for few rows of x at a time: a workgroup does ROWS rows of W by M_MAX of x, a thread
// one block of a row of W by those of x, so that the whole device has work. SEG blocks at a time.
override WG: u32 = 128u;
override ROWS: u32 = 8u; // ROWS * M_MAX <= WG; even
override M_MAX: u32 = 1u;
override SEG: u32 = 64u; // a multiple of 4
override X_BLOCKS: u32 = M_MAX * SEG;
override SEG_CHUNKS: u32 = SEG / 4u;
var<workgroup> parts: array<f32, ROWS * M_MAX * SEG>;
var<workgroup> chunks: array<f32, (ROWS * M_MAX + M_MAX) * SEG_CHUNKS>; // last: the squares

// The block of item i of a round of nb blocks from b0 on: row by row. A row past the slice's end is
// its last one, and goes nowhere.
fn item_block(i: u32, n0: u32, b0: u32, nb: u32) -> Block {
  let n = min(n0 + i / nb, slice.n_rows - 1u);
  return block_at(n * N_BLOCKS + b0 + i % nb);
}
// Part b of output o, or of the squares after the outputs; 0 past the end.
fn part_at(o: u32, b: u32, nb: u32) -> f32 {
  var part = 0.0;
  if (b < nb) {
    if (o < ROWS * M_MAX) {
      part = parts[o * SEG + b];
    } else {
      part = xs[((o - ROWS * M_MAX) * SEG + b) * 9u + 8u].z;
    }
  }
  return part;
}
fn chunk_at(o: u32, c: u32, nc: u32) -> f32 {
  return select(0.0, chunks[o * SEG_CHUNKS + min(c, nc - 1u)], c < nc);
}
@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let n0 = group.x * ROWS;
  let m0 = group.y * M_MAX;
  let m_n = min(slot.m - m0, M_MAX);
  let my_row = t / M_MAX;
  let my_m = t % M_MAX;
  let mine = my_row < ROWS && my_m < m_n && n0 + my_row < slice.n_rows;
  var sum = 0.0;
  var squares = 0.0;
  for (var b0 = 0u; b0 < N_BLOCKS; b0 += SEG) {
    let nb = min(SEG, N_BLOCKS - b0);
    let nc = (nb + 3u) / 4u;
    var w = item_block(min(t, ROWS * nb - 1u), n0, b0, nb); // asked for before x
    for (var i = t; i < m_n * nb; i += WG) {
      let m = i / nb;
      let b = i % nb;
      stage((m * SEG + b) * 9u, x_block(m0 + m, b0 + b));
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
    // adding 0 for what is not there changes no bit, and four reads go out together
    for (var i = t; i < (ROWS + 1u) * M_MAX * nc; i += WG) {
      let o = i / nc;
      let b = i % nc * 4u;
      let p0 = part_at(o, b, nb);
      let p1 = part_at(o, b + 1u, nb);
      let p2 = part_at(o, b + 2u, nb);
      let p3 = part_at(o, b + 3u, nb);
      chunks[o * SEG_CHUNKS + i % nc] = (((0.0 + p0) + p1) + p2) + p3;
    }
    workgroupBarrier();
    if (mine) {
      let s = ROWS * M_MAX + my_m;
      for (var c = 0u; c < nc; c += 4u) {
        let c0 = chunk_at(t, c, nc);
        let c1 = chunk_at(t, c + 1u, nc);
        let c2 = chunk_at(t, c + 2u, nc);
        let c3 = chunk_at(t, c + 3u, nc);
        sum = (((sum + c0) + c1) + c2) + c3;
        if (NORM != 0u) {
          let s0 = chunk_at(s, c, nc);
          let s1 = chunk_at(s, c + 1u, nc);
          let s2 = chunk_at(s, c + 2u, nc);
          let s3 = chunk_at(s, c + 3u, nc);
          squares = (((squares + s0) + s1) + s2) + s3;
        }
      }
    }
  }
  if (EPILOGUE == 2u) {
    if (mine) {
      parts[t] = finish(n0 + my_row, m0 + my_m, sum, squares);
    }
    workgroupBarrier();
    if (mine && (my_row & 1u) == 0u) {
      store_swiglu(n0 + my_row, m0 + my_m, parts[t], parts[t + M_MAX]);
    }
  } else if (mine) {
    store(n0 + my_row, m0 + my_m, finish(n0 + my_row, m0 + my_m, sum, squares));
  }
}
