/**
 * Whether what a server sent is an EditResult, and one to this request. A server may be another one
 * than it was taken for, or lie: nothing of an answer is passed on before it was looked at. Pure.
 */
import type { EditArgs } from '../protocol.ts'
import type { Change, EditResult, Variant } from '../types.ts'

type Json = Record<string, unknown>
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount = (value: unknown) => typeof value === 'number' && value >= 0 && value < 2 ** 53

const COUNTS = [
  'queueMs',
  'firstTokenMs',
  'totalMs',
  'inputTokens',
  'cachedTokens',
  'outputTokens',
  'passes',
  'drafted',
  'accepted',
  'forced',
  'costUsd',
] as const
const BACKENDS = ['native', 'upstream']
const VERDICTS = ['changed', 'unchanged', 'unfit']

/** Throws an Error that says what is wrong. */
export function editResultOf(
  value: unknown,
  args: EditArgs,
): Omit<EditResult, 'receipt'> & {
  receipt: Json
} {
  if (!isObject(value)) throw new Error('no JSON object')
  const { verdict, why, receipt } = value
  if (!VERDICTS.includes(verdict as string)) throw new Error(`the verdict is ${verdict}`)
  const own = versionOf(value, args, 'the answer')
  const variants = value.variants
  if (!Array.isArray(variants)) throw new Error('variants: no list')
  const others = variants.map((one, i) => versionOf(one, args, `variants[${i}]`))
  if (others.length > (args.variants ?? 1)) throw new Error('more variants than were asked for')
  if (verdict !== 'changed' && own.text !== args.text) {
    throw new Error(`the verdict is ${verdict} and the text another one`)
  }
  checkReceipt(receipt)
  const result = { ...own, why: String(why), verdict: verdict as EditResult['verdict'] }
  return { ...result, variants: others, receipt: receipt as Json }
}

const countOf = (term: string, text: string) => (term ? text.split(term).length - 1 : 0)

/** The changes, applied to the input, are the text, and what is protected is in it. */
function versionOf(
  value: unknown,
  { text: input, protect = [] }: EditArgs,
  where: string,
): Variant {
  if (!isObject(value)) throw new Error(`${where}: no object`)
  const { text, changes, why } = value
  if (typeof text !== 'string') throw new Error(`${where}: text is no string`)
  if (!Array.isArray(changes)) throw new Error(`${where}: changes is no list`)
  let made = ''
  let at = 0
  const kept = changes.map((change): Change => {
    const { start, end, replacement } = isObject(change) ? change : {}
    const inOrder = isCount(start) && isCount(end) && at <= Number(start) && start! <= end!
    if (!inOrder || Number(end) > input.length || typeof replacement !== 'string') {
      throw new Error(`${where}: a change that is none, or not in order`)
    }
    made += input.slice(at, Number(start)) + replacement
    at = Number(end)
    return { start: Number(start), end: at, replacement }
  })
  if (made + input.slice(at) !== text) throw new Error(`${where}: its changes do not make its text`)
  for (const term of protect) {
    if (countOf(term, text) < countOf(term, input)) throw new Error(`${where}: '${term}' was lost`)
  }
  return { text, changes: kept, why: String(why) }
}

function checkReceipt(receipt: unknown): void {
  if (!isObject(receipt)) throw new Error('receipt: no object')
  const { backend, model, adapter = null, adapterProblem = '' } = receipt
  if (!BACKENDS.includes(backend as string)) throw new Error(`receipt.backend is ${backend}`)
  if (!isObject(model) || typeof model.id !== 'string' || typeof model.sha256 !== 'string') {
    throw new Error('receipt.model: no id and sha256')
  }
  const named = isObject(adapter) && typeof adapter.name === 'string'
  if (adapter !== null && !(named && typeof adapter.sha256 === 'string')) {
    throw new Error('receipt.adapter: no name and sha256')
  }
  if (typeof adapterProblem !== 'string') throw new Error('receipt.adapterProblem: no text')
  for (const name of COUNTS)
    if (!isCount(receipt[name])) throw new Error(`receipt.${name}: no number`)
}
