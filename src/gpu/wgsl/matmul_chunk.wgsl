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
override LANES: u32 = ROWS / EACH;
override THREADS: u32 = LANES * SEG_CHUNKS; // that have a chunk of W
override WG: u32 = THREADS;                 // the others: of a low-rank addition's A
override X_BLOCKS: u32 = M_MAX * SEG;
override OUTPUTS: u32 = M_MAX * ROWS;
override STEP: u32 = 1u + EPILOGUE / 2u; // rows of W a finishing thread has: a gate and its up
var<workgroup> parts: array<f32, OUTPUTS * SEG_CHUNKS>; // [chunk][row of x][row of W]
var<workgroup> values: array<f32, OUTPUTS>; // of the rounds so far; each is one thread's own
override N_CHUNKS: u32 = (N_BLOCKS + 3u) / 4u;
var<workgroup> squares: array<f32, M_MAX * N_CHUNKS>; // [chunk][row of x]
override H_PARTS: u32 = max(LORA_ROWS * M_MAX, 1u);
var<workgroup> h_parts: array<f32, H_PARTS * SEG_CHUNKS>; // as parts, of the rows of A
var<workgroup> h: array<f32, H_PARTS>; // [row of x][row of A]; of the rounds so far

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
fn lora_h(place: u32, i: u32) -> f32 {
  return h[place * LORA_ROWS + i];
}
// Item j of the rows of A by the round's chunks, by all rows of x.
fn h_part(j: u32, b0: u32, nb: u32) {
  let r = j % lora_count();
  let chunk = j / lora_count();
  var first = vec4<f32>();
  var second = vec4<f32>();
  for (var b = 4u * chunk; b < min(4u * chunk + 4u, nb); b++) {
    let w = lora_w(r, b0 + b);
    first += vec4<f32>(part_of(w, x_of(0u, b)), part_of(w, x_of(1u, b)), part_of(w, x_of(2u, b)),
                       part_of(w, x_of(3u, b)));
    if (M_MAX > 4u) {
      second += vec4<f32>(part_of(w, x_of(4u, b)), part_of(w, x_of(5u, b)),
                          part_of(w, x_of(6u, b)), part_of(w, x_of(7u, b)));
    }
  }
  let at = chunk * H_PARTS + r;
  for (var m = 0u; m < 4u; m++) {
    h_parts[at + m * LORA_ROWS] = first[m];
    if (M_MAX > 4u) {
      h_parts[at + (m + 4u) * LORA_ROWS] = second[m];
    }
  }
}
// Value o of h after the round; the order is that of value_at.
fn h_add(o: u32, b0: u32, nb: u32) {
  let at = o / lora_count() * LORA_ROWS + o % lora_count();
  var sum = 0.0;
  if (b0 > 0u) {
    sum = h[at];
  }
  for (var c = 0u; 4u * c < nb; c++) {
    sum += h_parts[c * H_PARTS + at];
  }
  h[at] = sum;
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
    lora_begin(n0, ROWS);
    for (var b0 = 0u; b0 < N_BLOCKS; b0 += SEG) {
      let nb = min(SEG, N_BLOCKS - b0);
      if (t < THREADS) {
        chunk_fetch(n0 + lane, t / LANES, b0, nb);
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
      if (t < THREADS) {
        chunk_run(n0 + lane, lane, t / LANES, b0, nb);
      }
      if (LORA_ROWS > 0u) {
        let n_items = lora_count() * ((nb + 3u) / 4u);
        for (var i = (t + WG - THREADS) % WG; i < n_items; i += WG) {
          h_part(i, b0, nb);
        }
      }
      workgroupBarrier();
      if (LORA_ROWS > 0u) {
        for (var o = WG - 1u - t; o < lora_count() * m_n; o += WG) {
          h_add(o, b0, nb);
        }
        workgroupBarrier();
      }
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
          let scale = row_scale(row_squares(m));
          let v = finish(n, m, sum, scale, b_first(n));
          if (EPILOGUE == 2u) {
            store_swiglu(n, m0 + m, v, finish(n + 1u, m, up_sum, scale, b_first(n + 1u)));
          } else {
            store(n, m0 + m, v, residual(n, m0 + m));
          }
        }
      }
    }
  }
}
