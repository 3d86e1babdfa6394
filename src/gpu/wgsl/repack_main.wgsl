@compute @workgroup_size(64) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let i = (group.y * work.groups_x + group.x) * 64u + t;
  let row = i / work.n_blocks;
  let block = i % work.n_blocks;
  if (row < work.n_rows) {
    let to = (work.to + row * work.step) * work.n_blocks + block;
    write(work.at + row * work.row_bytes, block, to);
  }
}
