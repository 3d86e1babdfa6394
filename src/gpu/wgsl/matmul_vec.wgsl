// The product for few rows of x at a time: a workgroup does ROWS rows of W by M_MAX of x. A thread
// takes one block of x and multiplies it with that block of EACH rows of W: everything it reads is
// asked for before anything waits, and one barrier later a thread an output adds the parts.
// Neighbouring threads take neighbouring rows of W, so that they read the same x. How a block is
// multiplied: parts_f32 with direct_f32, or parts_int with staged_int
// or, of one row, shared_int, which stage x (one and two barriers more).
override ROWS: u32 = 8u; // even, a multiple of EACH
override EACH: u32 = 1u;
override M_MAX: u32 = 1u;
override SEG: u32 = 64u; // blocks at a time, a multiple of 4; all of them where they fit
override WG: u32 = 128u; // at least ROWS * M_MAX
override ALL: u32 = ROWS + LORA_ROWS; // with those of A that ride along: a multiple of EACH too
override LANES: u32 = ALL / EACH;
override STEP: u32 = 1u + EPILOGUE / 2u; // rows of W a finishing thread has: a gate and its up
override ROW_PARTS: u32 = ALL * M_MAX;
override X_BLOCKS: u32 = M_MAX * SEG;
var<workgroup> parts: array<f32, ROW_PARTS * SEG>; // [block][row of x][row of W]
var<workgroup> squares: array<f32, M_MAX * SEG>; // [block][row of x]
override H: u32 = max(LORA_ROWS * M_MAX, 1u);
var<workgroup> h: array<f32, H>; // [row of x][row of A], of the rounds so far

// Adding 0 for what is not there changes no bit, and four reads go out together.
fn part_at(o: u32, b: u32, nb: u32) -> f32 {
  return select(0.0, parts[min(b, nb - 1u) * ROW_PARTS + o], b < nb);
}
fn squares_at(m: u32, b: u32, nb: u32) -> f32 {
  return select(0.0, squares[min(b, nb - 1u) * M_MAX + m], b < nb);
}
// Chunks of four blocks, first to last, on top of `before`.
fn parts_add(before: f32, o: u32, nb: u32) -> f32 {
  var sum = before;
  for (var b = 0u; b < nb; b += 4u) {
    let p0 = part_at(o, b, nb);
    let p1 = part_at(o, b + 1u, nb);
    let p2 = part_at(o, b + 2u, nb);
    let p3 = part_at(o, b + 3u, nb);
    sum += (((0.0 + p0) + p1) + p2) + p3;
  }
  return sum;
}
fn squares_add(before: f32, m: u32, nb: u32) -> f32 {
  var sum = before;
  for (var b = 0u; b < nb; b += 4u) {
    let s0 = squares_at(m, b, nb);
    let s1 = squares_at(m, b + 1u, nb);
    let s2 = squares_at(m, b + 2u, nb);
    let s3 = squares_at(m, b + 3u, nb);
    sum += (((0.0 + s0) + s1) + s2) + s3;
  }
  return sum;
}
fn lora_h(place: u32, i: u32) -> f32 {
  let at = place * LORA_ROWS + i * LORA_PARTS;
  if (LORA_PARTS > 1u) {
    return h[at] + h[at + 1u];
  }
  return h[at];
}
// Block b of row r of the tile, then of A's; past the end the last one, which goes nowhere.
fn tile_raw(tile: vec2<u32>, r: u32, b: u32) -> Raw {
  if (LORA_ROWS > 0u) {
    riding = r >= ROWS;
    if (riding) {
      return raw_at(lora_row(r - ROWS) * N_BLOCKS + b);
    }
  }
  return raw_at(min(tile.x + r, tile.y - 1u) * N_BLOCKS + b);
}
@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let tile = tile_begin(group.x, ROWS);
  let n0 = tile.x;
  let m0 = group.y * M_MAX;
  let m_n = min(slot.m - m0, M_MAX);
  // what this thread finishes: row my_r (and the next, where it is a gate) for row my_m of x
  let my_r = t / M_MAX * STEP;
  let my_m = t % M_MAX;
  let mine = my_r < ROWS && my_m < m_n && n0 + my_r < tile.y;
  var before = 0.0;
  var b_gate: vec4<u32>;
  var b_up: vec4<u32>;
  if (mine) {
    before = residual(n0 + my_r, m0 + my_m);
    b_gate = b_first(n0 + my_r);
    b_up = b_first(n0 + my_r + STEP - 1u);
  }
  var sum = 0.0;
  var up_sum = 0.0;
  var square = 0.0;
  for (var b0 = 0u; b0 < N_BLOCKS; b0 += SEG) {
    let nb = min(SEG, N_BLOCKS - b0);
    if (b0 > 0u) {
      workgroupBarrier();
    }
    // its first block of W is asked for before x is waited for
    let r0 = t % LANES;
    let first_b = min(t / LANES, nb - 1u);
    var next = tile_raw(tile, r0, b0 + first_b);
    if (STAGES) {
      stage_rows(t, WG, m0, m_n, b0, nb, SEG);
      workgroupBarrier();
    }
    for (var i = t; i < LANES * nb; i += WG) {
      let r = i % LANES;
      let b = i / LANES;
      if (i != t) {
        next = tile_raw(tile, r, b0 + b);
      }
      let first = x_at(b, m0, b0 + b);
      for (var e = 0u; e < EACH; e++) {
        let w = w_of(next);
        let at = b * ROW_PARTS + r + e * LANES;
        if (e + 1u < EACH) {
          next = tile_raw(tile, r + (e + 1u) * LANES, b0 + b);
        }
        parts[at] = part_of(w, first);
        for (var m = 1u; m < M_MAX; m++) {
          let other = x_at(m * SEG + b, m0 + min(m, m_n - 1u), b0 + b);
          parts[at + m * ALL] = part_of(w, other);
          if (NORM != 0u && e == 0u && r == 0u) {
            squares[b * M_MAX + m] = squares_of(other);
          }
        }
      }
      if (NORM != 0u && r == 0u) {
        squares[b * M_MAX] = squares_of(first);
      }
    }
    workgroupBarrier();
    if (mine) {
      sum = parts_add(sum, my_m * ALL + my_r, nb);
      if (EPILOGUE == 2u) {
        up_sum = parts_add(up_sum, my_m * ALL + my_r + 1u, nb);
      }
      if (NORM != 0u) {
        square = squares_add(square, my_m, nb);
      }
    }
    if (LORA_ROWS > 0u) { // by the threads that have no output first
      for (var o = WG - 1u - t; o < lora_count() * m_n; o += WG) {
        let m = o / lora_count();
        let i = o % lora_count();
        h[m * LORA_ROWS + i] =
            parts_add(select(0.0, h[m * LORA_ROWS + i], b0 > 0u), m * ALL + ROWS + i, nb);
      }
    }
  }
  if (LORA_ROWS > 0u) {
    workgroupBarrier();
  }
  if (mine) {
    let scale = row_scale(square);
    let v = finish(n0 + my_r, my_m, sum, scale, b_gate);
    if (EPILOGUE == 2u) {
      store_swiglu(n0 + my_r, m0 + my_m, v, finish(n0 + my_r + 1u, my_m, up_sum, scale, b_up));
    } else {
      store(n0 + my_r, m0 + my_m, v, before);
    }
  }
}
