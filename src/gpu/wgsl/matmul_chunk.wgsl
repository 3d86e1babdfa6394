// The product for many rows of x: a workgroup does TILES times ROWS rows of W by M_MAX of x, which
// it holds in workgroup memory; a thread takes a chunk (four blocks) of EACH rows of W, decodes each
// block once and multiplies it with all rows of x. Neighbouring threads take neighbouring rows of W,
// so that they read the same x.
override ROWS: u32 = 32u; // even, a multiple of EACH
override EACH: u32 = 1u;  // 1, 2 or 4
override M_MAX: u32 = 4u; // 4 or 8
override TILES: u32 = 1u;
override SEG: u32 = 20u; // blocks of x held at a time, a multiple of 4; all of them where they fit
override SEG_CHUNKS: u32 = SEG / 4u;
override LANES: u32 = ROWS / EACH;
override WG: u32 = LANES * SEG_CHUNKS;
override X_BLOCKS: u32 = M_MAX * SEG;
override OUTPUTS: u32 = M_MAX * ROWS;
override STEP: u32 = 1u + EPILOGUE / 2u; // rows of W a finishing thread has: a gate and its up
var<workgroup> parts: array<f32, OUTPUTS * SEG_CHUNKS>; // [chunk][row of x][row of W]
var<workgroup> values: array<f32, OUTPUTS>; // of the rounds so far; each is one thread's own
var<workgroup> squares: array<f32, M_MAX>;

// One block of EACH rows of W by one of x.
fn tile_part(w0: Block, w1: Block, w2: Block, w3: Block, xb: XBlock) -> vec4<f32> {
  var part = vec4<f32>(block_part(w0, xb), 0.0, 0.0, 0.0);
  if (EACH > 1u) {
    part.y = block_part(w1, xb);
  }
  if (EACH > 2u) {
    part.z = block_part(w2, xb);
    part.w = block_part(w3, xb);
  }
  return part;
}
fn tile_store(at: u32, part: vec4<f32>) {
  parts[at] = part.x;
  if (EACH > 1u) {
    parts[at + LANES] = part.y;
  }
  if (EACH > 2u) {
    parts[at + 2u * LANES] = part.z;
    parts[at + 3u * LANES] = part.w;
  }
}
// Row e of this thread's rows of W, as a place in wq; past the end: the last, and goes nowhere.
fn row_at(n: u32, e: u32) -> u32 {
  return min(n + e * LANES, slice.n_rows - 1u) * N_BLOCKS;
}
// Chunk `chunk` (of the round's) of the rows of W from n on, by all rows of x.
fn chunk_run(n: u32, lane: u32, chunk: u32, b0: u32, nb: u32) {
  let first = 4u * chunk;
  let last = nb - 1u;
  var next0 = block_at(row_at(n, 0u) + b0 + min(first, last));
  var next1: Block;
  var next2: Block;
  var next3: Block;
  if (EACH > 1u) {
    next1 = block_at(row_at(n, 1u) + b0 + min(first, last));
  }
  if (EACH > 2u) {
    next2 = block_at(row_at(n, 2u) + b0 + min(first, last));
    next3 = block_at(row_at(n, 3u) + b0 + min(first, last));
  }
  var part0 = vec4<f32>();
  var part1 = vec4<f32>();
  var part2 = vec4<f32>();
  var part3 = vec4<f32>();
  var part4 = vec4<f32>();
  var part5 = vec4<f32>();
  var part6 = vec4<f32>();
  var part7 = vec4<f32>();
  for (var b = first; b < min(first + 4u, nb); b++) {
    let w0 = next0;
    let w1 = next1;
    let w2 = next2;
    let w3 = next3;
    let after = b0 + min(b + 1u, last); // asked for before this one is used
    next0 = block_at(row_at(n, 0u) + after);
    if (EACH > 1u) {
      next1 = block_at(row_at(n, 1u) + after);
    }
    if (EACH > 2u) {
      next2 = block_at(row_at(n, 2u) + after);
      next3 = block_at(row_at(n, 3u) + after);
    }
    part0 += tile_part(w0, w1, w2, w3, staged(b * 9u));
    part1 += tile_part(w0, w1, w2, w3, staged((SEG + b) * 9u));
    part2 += tile_part(w0, w1, w2, w3, staged((2u * SEG + b) * 9u));
    part3 += tile_part(w0, w1, w2, w3, staged((3u * SEG + b) * 9u));
    if (M_MAX > 4u) {
      part4 += tile_part(w0, w1, w2, w3, staged((4u * SEG + b) * 9u));
      part5 += tile_part(w0, w1, w2, w3, staged((5u * SEG + b) * 9u));
      part6 += tile_part(w0, w1, w2, w3, staged((6u * SEG + b) * 9u));
      part7 += tile_part(w0, w1, w2, w3, staged((7u * SEG + b) * 9u));
    }
  }
  let at = chunk * OUTPUTS + lane;
  tile_store(at, part0);
  tile_store(at + ROWS, part1);
  tile_store(at + 2u * ROWS, part2);
  tile_store(at + 3u * ROWS, part3);
  if (M_MAX > 4u) {
    tile_store(at + 4u * ROWS, part4);
    tile_store(at + 5u * ROWS, part5);
    tile_store(at + 6u * ROWS, part6);
    tile_store(at + 7u * ROWS, part7);
  }
}
// The round's squares of row m of x onto those before.
fn squares_add(m: u32, b0: u32, nb: u32) {
  var sum = 0.0;
  if (b0 > 0u) {
    sum = squares[m];
  }
  for (var c = 0u; c < nb; c += 4u) {
    var chunk = 0.0;
    for (var b = c; b < min(c + 4u, nb); b++) {
      chunk += xs[(m * SEG + b) * 9u + 8u].z;
    }
    sum += chunk;
  }
  squares[m] = sum;
}
// Output o after the round: what the rounds before gave, and this one's chunks first to last.
fn value_at(o: u32, b0: u32, nb: u32) -> f32 {
  var sum = 0.0;
  if (b0 > 0u) {
    sum = values[o];
  }
  for (var c = 0u; 4u * c < nb; c++) {
    sum += parts[c * OUTPUTS + o];
  }
  return sum;
}
@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let m0 = group.y * M_MAX;
  let m_n = min(slot.m - m0, M_MAX);
  let lane = t % LANES;
  for (var tile = 0u; tile < TILES; tile++) {
    let n0 = (group.x * TILES + tile) * ROWS;
    if (n0 >= slice.n_rows) {
      break;
    }
    for (var b0 = 0u; b0 < N_BLOCKS; b0 += SEG) {
      let nb = min(SEG, N_BLOCKS - b0);
      if (tile == 0u || N_BLOCKS > SEG) {
        for (var i = t; i < m_n * nb; i += WG) {
          let m = i / nb;
          let b = i % nb;
          stage((m * SEG + b) * 9u, x_block(m0 + m, b0 + b));
        }
      }
      workgroupBarrier(); // x is there, and nobody reads the parts before
      if (NORM != 0u && (tile == 0u || N_BLOCKS > SEG)) {
        for (var m = t; m < m_n; m += WG) {
          squares_add(m, b0, nb);
        }
      }
      chunk_run(n0 + lane, lane, t / LANES, b0, nb);
      workgroupBarrier();
      for (var o = t * STEP; o < OUTPUTS; o += WG * STEP) {
        let sum = value_at(o, b0, nb);
        var up_sum = 0.0;
        if (EPILOGUE == 2u) {
          up_sum = value_at(o + 1u, b0, nb);
        }
        let m = o / ROWS;
        let n = n0 + o % ROWS;
        if (b0 + SEG < N_BLOCKS) {
          values[o] = sum;
          if (EPILOGUE == 2u) {
            values[o + 1u] = up_sum;
          }
        } else if (m < m_n && n < slice.n_rows) {
          let v = finish(n, m0 + m, sum, squares[m]);
          if (EPILOGUE == 2u) {
            store_swiglu(n, m0 + m, v, finish(n + 1u, m0 + m, up_sum, squares[m]));
          } else {
            store(n, m0 + m, v, residual(n, m0 + m));
          }
        }
      }
    }
  }
}
