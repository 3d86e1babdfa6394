// Is the model on the GPU the model? Its greedy tokens beside the oracle's, its rows beside those of
// the CPU's int8 kernels, and its edits beside one token a pass on the same device. On SwiftShader,
// where a row takes a second, only the rows that decide a token run there, and kernel_ref computes
// what stands before them (decidedRows). Counts and never throws for a token that is wrong: the
// tests assert, the device machine's page (bench/edit/page/parity.mjs) reports. Runs in node and a
// page.
import { CPU, GPU, S } from './side.mjs'

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
  const answers = rows.map((best, p) => best.slice(prompts[p].tokens.length - 1))
  const { texts, ...sums } = decidedTokens(goldenDecided(prompts), answers)
  return { prompts: texts, ...sums }
}

/**
 * What decides the first n tokens of the golden answers: [{ name, context, rows, want, margins }],
 * context: tokens before the rows; want: the oracle's token of each row.
 */
export const goldenDecided = (prompts, n = Number.POSITIVE_INFINITY) =>
  prompts.map(({ name, tokens, oracle: { greedy, margin } }) => ({
    name,
    context: tokens.slice(0, -1),
    rows: [tokens.at(-1), ...greedy.slice(0, -1)].slice(0, n),
    want: greedy.slice(0, n),
    margins: margin.slice(0, n),
  }))

/** The same of the first n edited captions of tests/data/agreement_smollm2.txt; margins in nats. */
export function editsDecided(text, n) {
  const [[, ...prefix], ...lines] = text
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number))
  return lines.slice(0, n).map(([nTail, nOut, ...numbers], i) => {
    const tail = numbers.slice(0, nTail)
    const pairs = numbers.slice(nTail)
    return {
      name: `caption ${i + 1}`,
      context: [...prefix, ...tail.slice(0, nTail - nOut)],
      rows: tail.slice(nTail - nOut),
      want: pairs.filter((_, k) => k % 2 === 0),
      margins: pairs.filter((_, k) => k % 2 === 1).map((thousandths) => thousandths / 1000),
    }
  })
}

/**
 * best of each one's rows, [[token]], by the side CPU alone, or by the side GPU behind keys and
 * values of the side CPU, one pass each. What two have in common before their rows is computed once.
 */
export async function decidedRows(s, side, decided) {
  let cached = []
  const got = []
  for (const { context, rows } of decided) {
    let pos = cached.findIndex((token, i) => token !== context[i])
    if (pos < 0) pos = cached.length
    for (; pos < context.length; pos += 64) {
      const tokens = context.slice(pos, pos + 64)
      must(s, (await s.pass(CPU, [{ tokens, pos, out: 0 }])).status)
    }
    cached = context
    if (side === GPU) s.e.cache_upload(GPU, CPU, context.length)
    const pass = await s.pass(side, [{ tokens: rows, pos: context.length, out: rows.length }])
    must(s, pass.status)
    got.push(pass.best)
  }
  return got
}

/** Of decidedRows beside what was wanted, as goldenTokens. */
export function decidedTokens(decided, got) {
  const sums = { texts: decided.length, tokens: 0, other: 0, wrong: [] }
  for (const [p, { name, want, margins }] of decided.entries()) {
    for (const [i, token] of want.entries()) {
      sums.tokens++
      if (got[p][i] === token) continue
      sums.other++
      if (margins[i] >= MARGIN_MIN)
        sums.wrong.push(`${name}: token ${i} is ${got[p][i]}, not ${token}, by ${margins[i]}`)
    }
  }
  return sums
}

/** Of two sides' goldenRows or decidedRows. */
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
    // and then its end, when it ended: one that grew too long was cut
    const n = Math.min(got.answer.length + (got.ended ? 1 : 0), ANSWER_MAX)
    const plain = await s.plain(GPU, got.prompt, n)
    const same = plain.every((token, k) => token === got.answer[k])
    const whole = plain.length === Math.min(n, got.answer.length)
    if (!same || !whole) sums.differ.push(text)
    sums.captions++
    sums.passes += got.passes
    sums.plain += plain.length + 1
  }
  return sums
}
