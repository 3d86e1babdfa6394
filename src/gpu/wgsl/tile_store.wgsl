// The end of the two tiled products: values[16][TILE_N], squares[16] into y.
fn tile_store(n0: u32, m0: u32, t: u32) {
  for (var i = t; i < TILE_N * 16u; i += WG) {
    let m = i / TILE_N;
    let n = i % TILE_N;
    if (m0 + m < slot.m && n0 + n < slice.n_rows) {
      if (EPILOGUE != 2u) {
        store(n0 + n, m0 + m, finish(n0 + n, m0 + m, values[i], squares[m]));
      } else if ((n & 1u) == 0u) {
        let gate = finish(n0 + n, m0 + m, values[i], squares[m]);
        let up = finish(n0 + n + 1u, m0 + m, values[i + 1u], squares[m]);
        store_swiglu(n0 + n, m0 + m, gate, up);
      }
    }
  }
}
