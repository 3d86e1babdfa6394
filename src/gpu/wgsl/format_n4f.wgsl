// GPU_N4F: f32 scale, f32 minimum.
fn scales_at(i: u32) -> vec4<f32> {
  return bitcast<vec2<f32>>(vec2<u32>(ws_at(2u * i), ws_at(2u * i + 1u))).xyxy;
}
