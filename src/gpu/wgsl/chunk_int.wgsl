// What a thread of matmul_chunk does with its chunk by 8-bit dots: blocks are few registers, so all
// four are on their way while x is waited for. Follows matmul_chunk.wgsl.
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

// Block b of row e of this thread's rows.
fn row_block(tile: vec2<u32>, lane: u32, e: u32, b: u32) -> Raw {
  return raw_at(tile_block(tile, lane + e * LANES, b));
}
fn rows_at(tile: vec2<u32>, lane: u32, b: u32) -> Rows {
  var rows: Rows;
  rows.r0 = row_block(tile, lane, 0u, b);
  if (EACH > 1u) {
    rows.r1 = row_block(tile, lane, 1u, b);
  }
  if (EACH > 2u) {
    rows.r2 = row_block(tile, lane, 2u, b);
    rows.r3 = row_block(tile, lane, 3u, b);
  }
  return rows;
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
fn parts_store(at: u32) {
  tile_store(at, part0);
  tile_store(at + ALL, part1);
  tile_store(at + 2u * ALL, part2);
  tile_store(at + 3u * ALL, part3);
  if (M_MAX > 4u) {
    tile_store(at + 4u * ALL, part4);
    tile_store(at + 5u * ALL, part5);
    tile_store(at + 6u * ALL, part6);
    tile_store(at + 7u * ALL, part7);
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
var<private> w0: Rows; // the chunk's blocks
var<private> w1: Rows;
var<private> w2: Rows;
var<private> w3: Rows;

fn chunk_fetch(tile: vec2<u32>, lane: u32, chunk: u32, b0: u32, nb: u32) {
  let b = 4u * chunk;
  w0 = rows_at(tile, lane, b0 + min(b, nb - 1u));
  w1 = rows_at(tile, lane, b0 + min(b + 1u, nb - 1u));
  w2 = rows_at(tile, lane, b0 + min(b + 2u, nb - 1u));
  w3 = rows_at(tile, lane, b0 + min(b + 3u, nb - 1u));
}
fn chunk_run(tile: vec2<u32>, lane: u32, chunk: u32, b0: u32, nb: u32) {
  let b = 4u * chunk;
  parts_clear();
  if (b < nb) {
    block_run(w0, b);
  }
  if (b + 1u < nb) {
    block_run(w1, b + 1u);
  }
  if (b + 2u < nb) {
    block_run(w2, b + 2u);
  }
  if (b + 3u < nb) {
    block_run(w3, b + 3u);
  }
  parts_store(chunk * OUTPUTS + lane);
}
