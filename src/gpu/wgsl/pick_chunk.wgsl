@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let at = group.y * N_VOCAB;
  let first = group.x * CHUNK;
  let end = min(first + CHUNK, N_VOCAB);
  var value = LOWEST;
  var token = NONE;
  for (var i = first + t; i < end; i += WG) {
    let logit = logits[at + i];
    if (logit > value || (token == NONE && logit >= value)) {
      value = logit;
      token = i;
    }
  }
  best_values[t] = value;
  best_tokens[t] = token;
  best_join(t);
  let top = best_values[0];
  var sum = 0.0;
  for (var i = first + t; i < end; i += WG) {
    sum += exp(logits[at + i] - top);
  }
  sum = sums_join(t, sum);
  if (t == 0u) {
    parts[group.y * N_CHUNKS + group.x] = Part(top, best_tokens[0], sum);
  }
}
