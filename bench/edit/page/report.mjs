// From the rounds' rows to the report's numbers. Pure, in node and in the page;
// tested by report.test.mjs and, whole, by tests/cli/bench_edit.test.mjs.
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = Math.floor(at)
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low)
}
export const median = (values) => quantile(values, 0.5)
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length
const round = (x, digits = 2) => (x === null || x === undefined ? null : Number(x.toFixed(digits)))

// rows: of all rounds, as page/*.js and native.mjs give them; speeds: one a round.
export function summary({ opened, rows, speeds }, work) {
  const all = (field) => rows.map((r) => r[field])
  const drafted = all('drafted').reduce((a, b) => a + (b ?? 0), 0)
  const accepted = all('accepted').reduce((a, b) => a + (b ?? 0), 0)
  const right = new Map(work.edits.map((e) => [e.id, e.correction]))
  return {
    p50_ms: round(median(all('ms'))),
    p95_ms: round(quantile(all('ms'), 0.95)),
    mean_ms: round(mean(all('ms'))),
    first_token_ms: round(median(all('first_ms'))),
    tokens_per_edit: round(mean(all('tokens'))),
    passes_per_edit: round(mean(all('passes'))),
    accepted_share: drafted > 0 ? round(accepted / drafted, 3) : null,
    exact_share: round(mean(rows.map((r) => (r.text === right.get(r.id) ? 1 : 0))), 3),
    decode_tok_s: round(median(speeds.map((s) => s.decode_tok_s)), 1),
    rows32_tok_s: round(median(speeds.map((s) => s.rows32_tok_s)), 1),
    rows128_tok_s: round(median(speeds.map((s) => s.rows128_tok_s)), 1),
    load_ms: round(opened.load_ms, 0),
    load_first_ms: round(opened.load_first_ms, 0),
    first_edit_ms: round(opened.first_edit_ms, 0),
    version: opened.version,
    n: rows.length,
  }
}

// The same prompt everywhere: token counts by caption, of the engines that ran.
export function promptCheck(results) {
  const counts = new Map()
  for (const { key, rows } of results) {
    for (const r of rows) {
      const seen = counts.get(r.id) ?? counts.set(r.id, new Map()).get(r.id)
      seen.set(r.prompt_tokens, [...new Set([...(seen.get(r.prompt_tokens) ?? []), key])])
    }
  }
  const differing = [...counts]
    .filter(([, seen]) => seen.size > 1)
    .map(
      ([id, seen]) =>
        `caption ${id}: ${[...seen].map(([n, keys]) => `${n} (${keys.join(', ')})`).join(' against ')}`,
    )
  return { equal: differing.length === 0, captions: counts.size, differing }
}

// nearfield against the fastest peer of the same place, p50 and p95 of one run.
export function ratios(report, places) {
  const out = {}
  for (const place of places) {
    const peers = ['wllama', 'transformersjs', 'llamacpp'].filter((name) => report[name]?.[place])
    const own = report.nearfield?.[place]
    if (!own || peers.length === 0) continue
    const best = peers.reduce((a, b) =>
      report[a][place].p50_ms <= report[b][place].p50_ms ? a : b,
    )
    const peer = report[best][place]
    out[place] = {
      best_peer: best,
      p50: round(own.p50_ms / peer.p50_ms, 3),
      p95: round(own.p95_ms / peer.p95_ms, 3),
      decode: round(own.decode_tok_s / peer.decode_tok_s),
      rows32: round(own.rows32_tok_s / peer.rows32_tok_s),
    }
  }
  return out
}
