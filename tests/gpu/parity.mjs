// Is the model on the GPU the model? Its greedy tokens beside the oracle's, its rows beside those of
// the CPU's int8 kernels, and its edits beside one token a pass on the same device. Counts and never
// throws for a token that is wrong: the tests assert, the device machine's page
// (bench/edit/page/parity.mjs) reports. Runs in node and a page.
import { GPU, S } from './side.mjs'

/** Where the oracle's choice hangs on less than this, in logits, f32 sums may choose otherwise. */
export const MARGIN_MIN = 1e-3
const FIX = 0
const SHORTEN = 1
const ANSWER_MAX = 60

const must = (s, status) => {
  if (status !== S.ok) throw new Error(`status ${status}: ${s.line}`)
}

/** best of every row of tokens at positions 0..., in passes of 64 rows. */
export async function bestOf(s, side, tokens) {
  const best = []
  for (let pos = 0; pos < tokens.length; pos += 64) {
    const part = tokens.slice(pos, pos + 64)
    const got = await s.pass(side, [{ tokens: part, pos, out: part.length }])
    must(s, got.status)
    best.push(...got.best)
  }
  return best
}

/** best of every row of each prompt of tests/data/golden_smollm2.json and the oracle's answer. */
export async function goldenRows(s, side, prompts) {
  const rows = []
  for (const { tokens, oracle } of prompts)
    rows.push(await bestOf(s, side, [...tokens, ...oracle.greedy.slice(0, -1)]))
  return rows
}

/**
 * rows: goldenRows of the prompts.
 * other: tokens that are not the oracle's; wrong: of those, what no rounding explains.
 */
export function goldenTokens(prompts, rows) {
  const sums = { prompts: prompts.length, tokens: 0, other: 0, wrong: [] }
  for (const [p, { name, tokens, oracle }] of prompts.entries()) {
    const got = rows[p].slice(tokens.length - 1)
    for (const [i, want] of oracle.greedy.entries()) {
      sums.tokens++
      if (got[i] === want) continue
      sums.other++
      if (oracle.margin[i] >= MARGIN_MIN)
        sums.wrong.push(`${name}: token ${i} is ${got[i]}, not ${want}, by ${oracle.margin[i]}`)
    }
  }
  return sums
}

/** Of two sides' goldenRows. */
export function sameRows(one, other) {
  const [a, b] = [one.flat(), other.flat()]
  return { rows: a.length, same: a.filter((token, i) => token === b[i]).length }
}

/**
 * Edits of texts (any iterable) against plain decoding, every fourth to shorten, until `seconds`
 * have passed. skipped: no words in them, or spans were put back: not the model's own choice.
 */
export async function editsAndPlain(s, texts, seconds = Number.POSITIVE_INFINITY) {
  const until = performance.now() + seconds * 1000
  const sums = { captions: 0, skipped: 0, passes: 0, plain: 0, differ: [] }
  let i = 0
  for (const text of texts) {
    if (performance.now() > until) break
    const got = await s.edit(GPU, i++ % 4 === 3 ? SHORTEN : FIX, text)
    must(s, got.status)
    if (got.forced > 0 || got.prompt.length === 0) {
      sums.skipped++
      continue
    }
    const n = Math.min(got.answer.length + 1, ANSWER_MAX)
    const plain = await s.plain(GPU, got.prompt, n)
    const same = plain.every((token, k) => token === got.answer[k])
    const whole = plain.length === Math.min(n, got.answer.length) || plain.length === n
    if (!same || !whole) sums.differ.push(text)
    sums.captions++
    sums.passes += got.passes
    sums.plain += plain.length + 1
  }
  return sums
}
