@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let row = records[slot.record0 + slot.rows[group.x >> 2u][group.x & 3u]];
  let at = group.x * N_VOCAB;
  let part_at = group.x * N_CHUNKS;
  var value = LOWEST;
  var token = NONE;
  for (var i = t; i < N_CHUNKS; i += WG) {
    let part = parts[part_at + i];
    if (part.top > value || (part.top == value && part.token < token)) {
      value = part.top;
      token = part.token;
    }
  }
  best_values[t] = value;
  best_tokens[t] = token;
  best_join(t);
  let top = best_values[0];
  var chosen = best_tokens[0];
  var sum = 0.0;
  for (var i = t; i < N_CHUNKS; i += WG) {
    let part = parts[part_at + i];
    sum = fma(part.sum, exp(part.top - top), sum);
  }
  sum = sums_join(t, sum);
  if (row.inv_temperature > 0.0) {
    let bar = top + row.min_p_log;
    value = LOWEST;
    token = NONE;
    for (var c = 0u; c < N_CHUNKS; c++) {
      if (parts[part_at + c].top < bar) {
        continue;
      }
      for (var i = c * CHUNK + t; i < min(c * CHUNK + CHUNK, N_VOCAB); i += WG) {
        let logit = logits[at + i];
        if (logit < bar) {
          continue;
        }
        let noisy = fma(logit, row.inv_temperature, gumbel(row, i));
        if (noisy > value || token == NONE) {
          value = noisy;
          token = i;
        }
      }
    }
    workgroupBarrier();
    best_values[t] = value;
    best_tokens[t] = token;
    best_join(t);
    if (best_tokens[0] != NONE) {
      chosen = best_tokens[0];
    }
  }
  if (t == 0u) {
    chosen = select(chosen, 0u, chosen == NONE);
    let log_sum = ln(sum);
    let logit = logits[at + chosen];
    var log_p_asked = 0.0;
    if (row.asked >= 0) {
      log_p_asked = logits[at + u32(row.asked)] - top - log_sum;
    }
    let log_p_best = logit - top - log_sum;
    results[slot.result0 + group.x] = Result(i32(chosen), log_p_best, log_p_asked, logit);
  }
}
