// gpu_move of kernels.h. One invocation a float.
// x: floats of a plane's slots, y: planes of a layer (k and v of each head), z: layers.
override D_HEAD: u32 = 64u;
struct Move { from_slot: u32, to_slot: u32, n: u32, n_slots: u32, layer_floats: u32 }
@group(0) @binding(0) var<uniform> job: Move;
@group(0) @binding(1) var<storage, read_write> kv: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= job.n * D_HEAD) { return; }
  let plane = id.z * job.layer_floats + id.y * job.n_slots * D_HEAD;
  kv[plane + job.to_slot * D_HEAD + id.x] = kv[plane + job.from_slot * D_HEAD + id.x];
}
