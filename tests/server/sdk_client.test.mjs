// The SDK's client of /v1/edit (sdk/src/server) against the real server and model: the answer of
// the command line, every refusal as the failure it is, cancel.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ServerEdits } from '../../sdk/src/server/client.ts'
import { metric, startWithModel } from './api.mjs'
import { folder, sleep } from './harness.mjs'

const site = folder({ 'index.html': 'page' })
const never = () => new AbortController().signal
let server
let edits
before(async () => {
  server = await startWithModel(site.at, ['--client_requests_minute', '600'])
  edits = new ServerEdits({ url: `${server.base}/v1` })
})
after(async () => {
  await server?.stop()
  site.remove()
})
const failure = async (promise) => {
  const error = await promise.then(
    () => assert.fail('it was answered'),
    (e) => e,
  )
  assert.equal(error.name, 'ServerError', error.stack)
  return { failure: error.failure, code: error.code, status: error.status }
}

test('an edit, with its changes, versions and receipt', async () => {
  const text = 'i has two cats and they is cute'
  const result = await edits.edit({ task: 'fix', text, variants: 2, protect: ['cats'] }, never())
  assert.equal(result.verdict, 'changed')
  assert.ok(result.text.includes('cats') && result.text !== text)
  assert.ok(result.variants.length >= 1 && result.variants.length <= 2)
  const { receipt } = result
  assert.equal(receipt.source, 'server')
  assert.equal(receipt.backend, 'native')
  assert.equal(receipt.model.id, server.model)
  assert.match(receipt.model.sha256, /^[0-9a-f]{64}$/)
  assert.ok(receipt.bytesSent > 60 && receipt.passes >= 1 && receipt.totalMs > 0)
  assert.ok(receipt.attempts[0].ms >= receipt.totalMs)
  const { text: untouched, verdict } = await edits.edit({ task: 'fix', text: '12' }, never())
  assert.deepEqual([untouched, verdict], ['12', 'unchanged'])
})

test('all that a request may say is understood', async () => {
  const args = {
    task: 'shorten',
    text: 'Well, <i>you know</i>, it is really very late now.',
    format: 'vtt',
    context: { before: 'a', after: 'b' },
    maxChars: 30,
    maxLines: 2,
    maxCps: 20,
    durationMs: 2000,
    seed: 4,
    evenIfPoor: false,
    adapter: null,
    priority: 'focus',
  }
  const { verdict } = await edits.edit(args, never())
  assert.ok(['changed', 'unfit', 'unchanged'].includes(verdict))
})

test('what the server refuses is the failure it is', async () => {
  const asked = (args) => failure(edits.edit(args, never()))
  const own = { failure: 'refused', code: 'bad_input', status: 400 }
  assert.deepEqual(await asked({ task: 'sing', text: 'a' }), own)
  assert.deepEqual(await asked({ task: 'rewrite', text: 'a' }), own)
  assert.deepEqual(await asked({ task: 'fix', text: 'a'.repeat(5000) }), own)
  const other = new ServerEdits({ url: `${server.base}/v1`, model: 'gpt' })
  assert.deepEqual(await failure(other.edit({ task: 'fix', text: 'a' }, never())), {
    failure: 'refused',
    code: 'unsupported',
    status: 404,
  })
  const nowhere = new ServerEdits({ url: `${server.base}/v2` })
  const missing = await failure(nowhere.edit({ task: 'fix', text: 'a' }, never()))
  assert.equal(missing.failure, 'refused')
})

test('a cancelled edit leaves the server', async () => {
  const abort = new AbortController()
  const reason = new Error('enough')
  const text = 'me and Dana was going to the libary yesterday and we seen alot of books there'
  const running = edits.edit({ task: 'fix', text, variants: 5 }, abort.signal)
  setTimeout(() => abort.abort(reason), 5)
  await assert.rejects(running, (error) => error === reason)
  const { verdict } = await edits.edit({ task: 'fix', text: '12' }, never())
  assert.equal(verdict, 'unchanged')
  for (let tries = 0; (await metric(server, 'nearfield_inference_running')) > 0; tries++) {
    assert.ok(tries < 200, 'what was cancelled still runs')
    await sleep(25)
  }
})

test('over its rate it is busy and says how long; away it is the network', async () => {
  const slow = await startWithModel(site.at, ['--client_requests_minute', '2'])
  const client = new ServerEdits({ url: `${slow.base}/v1` })
  let busy = null
  for (let i = 0; i < 6 && !busy; i++) {
    busy = await client.edit({ task: 'fix', text: '12' }, never()).then(
      () => null,
      (error) => error,
    )
  }
  assert.deepEqual([busy.failure, busy.status, busy.code], ['busy', 429, 'network'])
  assert.ok(busy.retryAfterMs > 0 && busy.retryAfterMs <= 60_000, `${busy.retryAfterMs} ms`)
  await slow.stop()
  assert.deepEqual(await failure(client.edit({ task: 'fix', text: '12' }, never())), {
    failure: 'network',
    code: 'network',
    status: null,
  })
})
