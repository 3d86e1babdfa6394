// The product for many rows of x: a workgroup does TILES times ROWS rows of W by M_MAX of x, which
// it holds in workgroup memory; a thread takes a chunk (four blocks) of EACH rows of W, decodes each
// block once and multiplies it with all rows of x. Neighbouring threads take neighbouring rows of W,
// so that they read the same x. How a block is multiplied: parts_f32 with staged_f32, or parts_int.
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
override N_CHUNKS: u32 = (N_BLOCKS + 3u) / 4u;
var<workgroup> squares: array<f32, M_MAX * N_CHUNKS>; // [chunk][row of x]

// One block of each of a thread's rows of W.
struct Rows {
  r0: Raw, r1: Raw, r2: Raw, r3: Raw,
}
var<private> part0: vec4<f32>; // of each row of x, by the EACH rows of W
var<private> part1: vec4<f32>;
var<private> part2: vec4<f32>;
var<private> part3: vec4<f32>;
var<private> part4: vec4<f32>;
var<private> part5: vec4<f32>;
var<private> part6: vec4<f32>;
var<private> part7: vec4<f32>;

// Block b of row e of a thread's, from row n on; past the end: the last row's, and goes nowhere.
fn row_block(n: u32, e: u32, b: u32) -> Raw {
  return raw_at(min(n + e * LANES, slice.n_rows - 1u) * N_BLOCKS + b);
}
fn rows_at(n: u32, b: u32) -> Rows {
  var rows: Rows;
  rows.r0 = row_block(n, 0u, b);
  if (EACH > 1u) {
    rows.r1 = row_block(n, 1u, b);
  }
  if (EACH > 2u) {
    rows.r2 = row_block(n, 2u, b);
    rows.r3 = row_block(n, 3u, b);
  }
  return rows;
}
fn tile_part(w0: WPart, w1: WPart, w2: WPart, w3: WPart, xb: XPart) -> vec4<f32> {
  var part = vec4<f32>(part_of(w0, xb), 0.0, 0.0, 0.0);
  if (EACH > 1u) {
    part.y = part_of(w1, xb);
  }
  if (EACH > 2u) {
    part.z = part_of(w2, xb);
    part.w = part_of(w3, xb);
  }
  return part;
}
// Block b of the round, of row m of the workgroup's.
fn x_of(m: u32, b: u32) -> XPart {
  return x_at(m * SEG + b, m, b);
}
// Block b of the round of the thread's rows of W, by all rows of x.
fn block_run(rows: Rows, b: u32) {
  let w0 = w_of(rows.r0);
  let w1 = w_of(rows.r1);
  let w2 = w_of(rows.r2);
  let w3 = w_of(rows.r3);
  part0 += tile_part(w0, w1, w2, w3, x_of(0u, b));
  part1 += tile_part(w0, w1, w2, w3, x_of(1u, b));
  part2 += tile_part(w0, w1, w2, w3, x_of(2u, b));
  part3 += tile_part(w0, w1, w2, w3, x_of(3u, b));
  if (M_MAX > 4u) {
    part4 += tile_part(w0, w1, w2, w3, x_of(4u, b));
    part5 += tile_part(w0, w1, w2, w3, x_of(5u, b));
    part6 += tile_part(w0, w1, w2, w3, x_of(6u, b));
    part7 += tile_part(w0, w1, w2, w3, x_of(7u, b));
  }
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
fn parts_store(at: u32) {
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
fn parts_clear() {
  part0 = vec4<f32>();
  part1 = vec4<f32>();
  part2 = vec4<f32>();
  part3 = vec4<f32>();
  part4 = vec4<f32>();
  part5 = vec4<f32>();
  part6 = vec4<f32>();
  part7 = vec4<f32>();
}
// Squares of a chunk of the round, of row m of the workgroup's.
fn chunk_squares(m: u32, chunk: u32, nb: u32) -> f32 {
  var sum = 0.0;
  for (var b = 4u * chunk; b < min(4u * chunk + 4u, nb); b++) {
    sum += squares_of(x_of(m, b));
  }
  return sum;
}
fn row_squares(m: u32) -> f32 {
  var sum = 0.0;
  if (NORM != 0u) {
    for (var c = 0u; c < N_CHUNKS; c++) {
      sum += squares[c * M_MAX + m];
    }
  }
  return sum;
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
  let first = t / LANES * 4u; // block of a round this thread begins with
  for (var tile = 0u; tile < TILES; tile++) {
    let n0 = (group.x * TILES + tile) * ROWS;
    if (n0 >= slice.n_rows) {
      break;
    }
    for (var b0 = 0u; b0 < N_BLOCKS; b0 += SEG) {
      let nb = min(SEG, N_BLOCKS - b0);
      let n = n0 + lane;
      let last = nb - 1u;
      // W is on its way while x is waited for: four blocks where they are few registers, or one
      let w0 = rows_at(n, b0 + min(first, last));
      var w1: Rows;
      var w2: Rows;
      var w3: Rows;
      if (FAR_AHEAD) {
        w1 = rows_at(n, b0 + min(first + 1u, last));
        w2 = rows_at(n, b0 + min(first + 2u, last));
        w3 = rows_at(n, b0 + min(first + 3u, last));
      }
      if (tile == 0u || N_BLOCKS > SEG) {
        for (var i = t; i < m_n * nb; i += WG) {
          let m = i / nb;
          let b = i % nb;
          stage(m * SEG + b, m0 + m, b0 + b);
        }
      }
      workgroupBarrier(); // x is there, and nobody reads the parts before
      if (NORM != 0u && (tile == 0u || N_BLOCKS > SEG)) {
        for (var i = t; i < M_MAX * ((nb + 3u) / 4u); i += WG) {
          squares[b0 / 4u * M_MAX + i] = chunk_squares(i % M_MAX, i / M_MAX, nb);
        }
      }
      parts_clear();
      if (!FAR_AHEAD) {
        w1 = rows_at(n, b0 + min(first + 1u, last));
      }
      if (first < nb) {
        block_run(w0, first);
      }
      if (!FAR_AHEAD) {
        w2 = rows_at(n, b0 + min(first + 2u, last));
      }
      if (first + 1u < nb) {
        block_run(w1, first + 1u);
      }
      if (!FAR_AHEAD) {
        w3 = rows_at(n, b0 + min(first + 3u, last));
      }
      if (first + 2u < nb) {
        block_run(w2, first + 2u);
      }
      if (first + 3u < nb) {
        block_run(w3, first + 3u);
      }
      parts_store(t / LANES * OUTPUTS + lane);
      workgroupBarrier();
      for (var o = t * STEP; o < OUTPUTS; o += WG * STEP) {
        let sum = value_at(o, b0, nb);
        var up_sum = 0.0;
        if (EPILOGUE == 2u) {
          up_sum = value_at(o + 1u, b0, nb);
        }
        let m = o / ROWS;
        let n_out = n0 + o % ROWS;
        if (b0 + SEG < N_BLOCKS) {
          values[o] = sum;
          if (EPILOGUE == 2u) {
            values[o + 1u] = up_sum;
          }
        } else if (m < m_n && n_out < slice.n_rows) {
          let square = row_squares(m);
          let v = finish(n_out, m0 + m, sum, square);
          if (EPILOGUE == 2u) {
            store_swiglu(n_out, m0 + m, v, finish(n_out + 1u, m0 + m, up_sum, square));
          } else {
            store(n_out, m0 + m, v, residual(n_out, m0 + m));
          }
        }
      }
    }
  }
}
