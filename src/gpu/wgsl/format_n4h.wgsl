// GPU_N4H: f16 scale and minimum in one word.
fn scales_at(i: u32) -> vec4<f32> {
  return unpack2x16float(ws_at(i)).xyxy;
}
