import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Channel } from './channel.ts'
import { Routed } from './routed.ts'
import type { StartEngine } from './router/background_engine.ts'
import { realRoute } from './testing/real_wasm.ts'
import type { EditResult, OpenOptions, Status } from './types.ts'

const receipt = {
  ...{ source: 'server', backend: 'native', model: { id: 'm', sha256: '' } },
  ...{ queueMs: 0, firstTokenMs: 1, totalMs: 2, inputTokens: 9, cachedTokens: 0, outputTokens: 5 },
  ...{ passes: 2, drafted: 4, accepted: 3, forced: 0, bytesSent: 0, costUsd: 0, attempts: [] },
}
const answer = (text: string) => ({
  ...{ text, verdict: 'unchanged', why: '', changes: [], variants: [], receipt },
})

/** What was sent; the test answers with `reply`. */
let sent: string[] = []
let reply: (signal: AbortSignal | null | undefined) => Promise<Response>
beforeEach(() => {
  sent = []
  reply = async () => Response.json(answer('a'))
  vi.stubGlobal('document', { baseURI: 'http://host/' })
  vi.stubGlobal('fetch', (url: string, { body, signal }: RequestInit = {}) => {
    sent.push(`${url} ${new TextDecoder().decode(body as Uint8Array)}`)
    return reply(signal)
  })
})
afterEach(() => vi.unstubAllGlobals())

/** A device whose model never comes. */
const never: StartEngine = () => ({
  channel: { close() {}, lose() {}, call: () => new Promise(() => {}) } as unknown as Channel,
  opening: new Promise(() => {}),
})
async function open(options: Partial<OpenOptions> = {}) {
  const states: string[] = []
  const all = { model: '/m/', server: '/v1', ...options }
  const routed = new Routed(all, await realRoute(), never, ({ state }: Status) =>
    states.push(state),
  )
  const edit = (text = 'a', mode?: OpenOptions['mode']) =>
    routed.edit({ task: 'fix', text }, { mode, deadlineMs: undefined, signal: undefined })
  return { routed, states, edit }
}
const untilAborted = (signal: AbortSignal | null | undefined) =>
  new Promise<Response>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason))
  })

test('close() ends what runs, wherever it is, and nothing is sent after it', async () => {
  const { routed, edit, states } = await open()
  reply = untilAborted
  const far = edit()
  const here = edit('b', 'only_on_device')
  await vi.waitFor(() => expect(sent).toHaveLength(1))
  routed.close()
  await expect(far).rejects.toMatchObject({ name: 'AbortError' })
  await expect(here).rejects.toMatchObject({ name: 'AbortError' })
  await expect(edit('c')).rejects.toMatchObject({ code: 'closed' })
  await expect(routed.call('bench', { repeats: 1 })).rejects.toMatchObject({ code: 'closed' })
  const remembered = answer('a') as unknown as EditResult
  const wishes = { mode: undefined, deadlineMs: undefined }
  expect(routed.known({ task: 'fix', text: 'a' }, remembered, wishes)).toBe(null)
  expect([sent.length, states]).toEqual([1, []])
})

test('the mode of an edit says whose remembered answer may stand', async () => {
  const { routed } = await open()
  const args = { task: 'fix', text: 'a' } as const
  const known = (mode: OpenOptions['mode'], source: 'device' | 'server') => {
    const result = { ...answer('a'), receipt: { ...receipt, source } } as unknown as EditResult
    return routed.known(args, result, { mode, deadlineMs: undefined }) === result
  }
  const modes = [undefined, 'only_on_device', 'prefer_in_cloud', 'only_in_cloud'] as const
  expect(modes.map((mode) => known(mode, 'server'))).toEqual([true, false, true, true])
  expect(modes.map((mode) => known(mode, 'device'))).toEqual([true, true, true, false])
})

test('a budget counts what is on its way', async () => {
  const server = { url: '/v1', inputUsd: 1000, outputUsd: 1000, budgetUsd: 0.3 } // an edit: 0.2
  const { routed, edit } = await open({ server, mode: 'only_in_cloud' })
  const both = await Promise.allSettled([edit('a'), edit('b')])
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect(sent).toHaveLength(1)
  expect(routed.ledger().server.usd).toBeCloseTo(0.2, 1)
  await expect(edit('c')).rejects.toThrow(/server budget/)
})

test('a try that failed was sent, and costs nothing', async () => {
  const { routed, edit } = await open({
    mode: 'only_in_cloud',
    server: { url: '/v1', inputUsd: 1 },
  })
  let n = 0
  reply = async () => (n++ === 0 ? new Response('{}', { status: 500 }) : Response.json(answer('a')))
  const { receipt: told } = await edit()
  const body = new TextEncoder().encode(JSON.stringify({ task: 'fix', text: 'a' })).length
  expect(told.attempts.map(({ outcome }) => outcome)).toEqual(['network', 'ok'])
  expect(told.bytesSent).toBe(2 * body)
  const { server } = routed.ledger()
  expect([server.requests, server.bytesSent]).toEqual([2, 2 * body])
  expect(server.usd).toBeCloseTo(told.costUsd)
  expect(server.wastedUsd).toBe(0)
})

test('a server that is no URL is the page’s fault', async () => {
  vi.stubGlobal('document', undefined)
  await expect(open({ server: 'v1' })).rejects.toMatchObject({
    ...{ code: 'bad_input', message: "server: 'v1' is not a URL; expected one such as '/v1'" },
  })
})
