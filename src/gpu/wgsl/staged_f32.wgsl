// Blocks of x in workgroup memory: 8 values, then the sums, which also keep the threads that read
// neighbouring blocks off each other's banks. X_BLOCKS is the kernel's. Follows parts_f32.wgsl.
const STAGES = true;
var<workgroup> xs: array<vec4<f32>, X_BLOCKS * 9u>;
// Block b of row m of x into place i.
fn stage(i: u32, m: u32, b: u32) {
  let xb = x_block(m, b);
  let at = i * 9u;
  xs[at] = xb.x0;
  xs[at + 1u] = xb.x1;
  xs[at + 2u] = xb.x2;
  xs[at + 3u] = xb.x3;
  xs[at + 4u] = xb.x4;
  xs[at + 5u] = xb.x5;
  xs[at + 6u] = xb.x6;
  xs[at + 7u] = xb.x7;
  xs[at + 8u] = xb.sums;
}
fn x_at(i: u32, m: u32, b: u32) -> XPart {
  let at = i * 9u;
  return XBlock(xs[at], xs[at + 1u], xs[at + 2u], xs[at + 3u], xs[at + 4u], xs[at + 5u],
                xs[at + 6u], xs[at + 7u], xs[at + 8u]);
}
