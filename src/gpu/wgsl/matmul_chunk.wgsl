// The product for many rows of x: a workgroup does TILES times ROWS rows of W by M_MAX of x, which
// it holds in workgroup memory; a thread takes a chunk (four blocks) of EACH rows of W, decodes each
// block once and multiplies it with all rows of x. Neighbouring threads take neighbouring rows of W,
// so that they read the same x. How a block is multiplied:
// parts_f32 with staged_f32 and chunk_f32, or parts_int with chunk_int.
override ROWS: u32 = 32u; // even, a multiple of EACH
override EACH: u32 = 1u;  // 1, 2 or 4
override M_MAX: u32 = 4u; // 4 or 8
override TILES: u32 = 1u;
override SEG: u32 = 20u; // blocks of x held at a time, a multiple of 4; all of them where they fit
override SEG_CHUNKS: u32 = SEG / 4u;
override ALL: u32 = ROWS + LORA_ROWS; // with those of A that ride along: a multiple of EACH too
override LANES: u32 = ALL / EACH;
override WG: u32 = LANES * SEG_CHUNKS;
override X_BLOCKS: u32 = M_MAX * SEG;
override OUTPUTS: u32 = M_MAX * ALL;
override STEP: u32 = 1u + EPILOGUE / 2u; // rows of W a finishing thread has: a gate and its up
var<workgroup> parts: array<f32, OUTPUTS * SEG_CHUNKS>; // [chunk][row of x][row of W]
var<workgroup> values: array<f32, OUTPUTS>; // of the rounds so far; each is one thread's own
override N_CHUNKS: u32 = (N_BLOCKS + 3u) / 4u;
var<workgroup> squares: array<f32, M_MAX * N_CHUNKS>; // [chunk][row of x]

override H: u32 = max(LORA_ROWS * M_MAX, 1u);
var<workgroup> h: array<f32, H>; // [row of x][row of A]

fn lora_h(place: u32, i: u32) -> f32 {
  let at = place * LORA_ROWS + i * LORA_PARTS;
  if (LORA_PARTS > 1u) {
    return h[at] + h[at + 1u];
  }
  return h[at];
}
// Where block b of row r of the tile lies, or of A's behind it; past the end the last one's, which
// goes nowhere.
fn tile_block(tile: vec2<u32>, r: u32, b: u32) -> u32 {
  if (LORA_ROWS > 0u) {
    riding = r >= ROWS;
    if (riding) {
      return lora_row(r - ROWS) * N_BLOCKS + b;
    }
  }
  return min(tile.x + r, tile.y - 1u) * N_BLOCKS + b;
}
// One block of EACH rows of W by one of x.
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
  for (var i_tile = 0u; i_tile < TILES; i_tile++) {
    let tile = tile_begin(group.x * TILES + i_tile, ROWS);
    if (tile.x >= slice.n_rows) {
      break;
    }
    // of this thread's first output, asked for early
    let n_first = min(tile.x + t * STEP % ALL, tile.y - STEP);
    let b_gate = b_first(n_first);
    let b_up = b_first(n_first + STEP - 1u);
    for (var b0 = 0u; b0 < N_BLOCKS; b0 += SEG) {
      let nb = min(SEG, N_BLOCKS - b0);
      chunk_fetch(tile, lane, t / LANES, b0, nb);
      if (i_tile == 0u || N_BLOCKS > SEG) {
        for (var i = t; i < m_n * nb; i += WG) {
          let m = i / nb;
          let b = i % nb;
          stage(m * SEG + b, m0 + m, b0 + b);
        }
      }
      workgroupBarrier(); // x is there, and nobody reads the parts before
      if (NORM != 0u && (i_tile == 0u || N_BLOCKS > SEG)) {
        for (var i = t; i < M_MAX * ((nb + 3u) / 4u); i += WG) {
          squares[b0 / 4u * M_MAX + i] = chunk_squares(i % M_MAX, i / M_MAX, nb);
        }
      }
      chunk_run(tile, lane, t / LANES, b0, nb);
      workgroupBarrier();
      if (LORA_ROWS > 0u && b0 + SEG >= N_BLOCKS) { // all of A's are there
        for (var o = WG - 1u - t; o < lora_count() * m_n; o += WG) {
          let m = o / lora_count();
          let i = o % lora_count();
          h[m * LORA_ROWS + i] = value_at(m * ALL + ROWS + i, b0, nb);
        }
        workgroupBarrier();
      }
      for (var o = t * STEP; o < OUTPUTS; o += WG * STEP) {
        let sum = value_at(o, b0, nb);
        var up_sum = 0.0;
        if (EPILOGUE == 2u) {
          up_sum = value_at(o + 1u, b0, nb);
        }
        let m = o / ALL;
        let r = o % ALL;
        let n = tile.x + r;
        if (b0 + SEG < N_BLOCKS) {
          values[o] = sum;
          if (EPILOGUE == 2u) {
            values[o + 1u] = up_sum;
          }
        } else if (m < m_n && r < ROWS && n < tile.y) {
          var b = b_gate;
          var of_up = b_up;
          if (LORA_ROWS > 0u && o >= WG * STEP) {
            b = b_first(n);
            of_up = b_first(n + STEP - 1u);
          }
          let scale = row_scale(row_squares(m));
          let v = finish(n, m, sum, scale, b);
          if (EPILOGUE == 2u) {
            store_swiglu(n, m0 + m, v, finish(n + 1u, m, up_sum, scale, of_up));
          } else {
            store(n, m0 + m, v, residual(n, m0 + m));
          }
        }
      }
    }
  }
}
