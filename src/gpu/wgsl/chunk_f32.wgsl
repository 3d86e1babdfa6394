// What a thread of matmul_chunk does with its chunk in f32: a block decoded is 36 registers, so the
// next one is asked for when the one before is used. Follows matmul_chunk.wgsl.
fn chunk_fetch(tile: vec2<u32>, lane: u32, chunk: u32, b0: u32, nb: u32) {}
// Block b of row e of this thread's rows.
fn row_block(tile: vec2<u32>, lane: u32, e: u32, b: u32) -> Block {
  return block_at(tile_block(tile, lane + e * LANES, b));
}
// Chunk `chunk` (of the round's) of this thread's rows, by all rows of x.
fn chunk_run(tile: vec2<u32>, lane: u32, chunk: u32, b0: u32, nb: u32) {
  let first = 4u * chunk;
  let last = nb - 1u;
  var next0 = row_block(tile, lane, 0u, b0 + min(first, last));
  var next1: Block;
  var next2: Block;
  var next3: Block;
  if (EACH > 1u) {
    next1 = row_block(tile, lane, 1u, b0 + min(first, last));
  }
  if (EACH > 2u) {
    next2 = row_block(tile, lane, 2u, b0 + min(first, last));
    next3 = row_block(tile, lane, 3u, b0 + min(first, last));
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
    next0 = row_block(tile, lane, 0u, after);
    if (EACH > 1u) {
      next1 = row_block(tile, lane, 1u, after);
    }
    if (EACH > 2u) {
      next2 = row_block(tile, lane, 2u, after);
      next3 = row_block(tile, lane, 3u, after);
    }
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
  let at = chunk * OUTPUTS + lane;
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
