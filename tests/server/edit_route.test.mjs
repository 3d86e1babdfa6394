// POST /v1/edit with two places to go to: this server's engine, with the real model, and an
// upstream of the test's own. Which of them is asked, when the other is, what of an answer is
// believed, and that nothing leaves this server where it must not. The rule itself is tested in
// tests/policy, what an answer must keep in tests/edit/test_remote.c.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { ServerEdits } from '../../sdk/src/server/client.ts'
import { ask, metric, post, startWithModel } from './api.mjs'
import { folder, runOnce, sleep, start } from './harness.mjs'
import { chunk, completion, EVENTS, foreign, keyFile, usage, whole } from './upstream.mjs'

const site = folder({ 'index.html': 'page' })
const TEXT = '<i>their going too</i>\nthe libary at 9'
const RIGHT = "They're going to the library at 9"
const FIXED = "<i>They're going to</i>\nthe library at 9"
/** 1 a token of the prompt, 2 a token of the answer. */
const PRICED = 'm 1000000 2000000 200'

let far
let nConnections = 0
let answer
const says = (text, more) => (r) =>
  r.socket.write(whole(200, completion(r.body.model, text, { usage: usage(40, 9), ...more })))
const choices = (...all) => ({
  choices: all.map(([content, finish_reason, more], index) => ({
    index,
    message: { role: 'assistant', content, ...more },
    finish_reason,
  })),
})
const never = () => {}

before(async () => {
  const listener = net.createServer()
  listener.on('connection', () => nConnections++)
  far = await foreign((r) => answer(r), listener)
})
const servers = []
const noted = (server) => {
  servers.push(server)
  return server
}
after(async () => {
  for (const server of servers) server.signal('SIGKILL') // those of a test that has failed
  await far.close()
  site.remove()
})

const upstreamArgs = (model = PRICED) => {
  const key = keyFile(`${site.at}/far.key`)
  const list = [
    '--upstream',
    `far ${far.url} private key=${key}`,
    '--upstream-model',
    `far ${model}`,
  ]
  return [...list, '--edit-upstream', model.split(' ')[0]]
}
/** Preferences decide, not speed: the first place is the preferred one however slow it is. */
const PATIENT = ['--edit-patience-ms', '600000']
const withModel = async (args) => noted(await startWithModel(site.at, args))
const both = (args = PATIENT) => withModel([...upstreamArgs(), ...args])
async function farOnly(args = [], model = PRICED) {
  const server = noted(
    await start([...['--root', site.at, '--inference', 'no'], ...upstreamArgs(model), ...args]),
  )
  server.base = `http://${server.host}`
  return server
}
const edit = (server, more = {}, signal = undefined) =>
  post(server, '/v1/edit', { task: 'fix', text: TEXT, ...more }, {}, signal)
const until = async (test, what) => {
  for (let i = 0; !(await test()); i++) {
    assert.ok(i < 1200, what)
    await sleep(25)
  }
}
const tried = ({ receipt }) => receipt.attempts.map((a) => `${a.backend} ${a.outcome}`)

test('an upstream alone: what it is asked, and what its answer becomes', async () => {
  const server = await farOnly()
  far.requests.length = 0
  answer = says(`Corrected caption: "${RIGHT}"`)
  const { status, body } = await edit(server, {
    context: { before: 'We <b>met</b>\nDana.', after: 'Then left.' },
    maxChars: 60,
    protect: ['at 9'],
  })
  assert.equal(status, 200, JSON.stringify(body))
  assert.deepEqual([body.text, body.verdict, body.why], [FIXED, 'changed', 'ok'])
  assert.ok(body.changes.length > 0)
  const { receipt } = body
  assert.deepEqual(tried(body), ['upstream ok'])
  assert.equal(receipt.why, 'device_absent')
  assert.deepEqual([receipt.source, receipt.backend], ['server', 'upstream'])
  assert.deepEqual(receipt.model, { id: 'm', sha256: '' })
  assert.deepEqual([receipt.inputTokens, receipt.outputTokens], [40, 9])
  assert.equal(receipt.costUsd, 58e-6)
  const sent = far.requests[0].body
  assert.deepEqual(
    [sent.model, sent.temperature, sent.n, sent.stream],
    ['m', 0, undefined, undefined],
  )
  assert.equal(sent.max_tokens, TEXT.length + 64)
  const [system, last] = [sent.messages[0], sent.messages.at(-1)]
  assert.match(system.content, /at most 60 characters.*Keep exactly as they are: at 9\./)
  assert.equal(
    last.content,
    'Context before: We met Dana.\nContext after: Then left.\nCaption: their going too the libary at 9',
  )
  await server.stop()
})

test('every task, versions by n, and nothing asked where nothing is to be done', async () => {
  const server = await farOnly()
  far.requests.length = 0
  answer = says('The library is where they are going at 9')
  const rewritten = await edit(server, {
    task: 'rewrite',
    text: 'They are going to the library at 9',
  })
  assert.deepEqual([rewritten.status, rewritten.body.verdict], [200, 'changed'])
  const versions = choices(
    [RIGHT, 'stop'],
    [RIGHT, 'stop'],
    [`${RIGHT}.`, 'stop'],
    ['Their', 'length'],
  )
  answer = says('', versions)
  const { body } = await edit(server, { variants: 4, seed: 3 })
  assert.deepEqual(
    body.variants.map((v) => v.text),
    [FIXED, `${FIXED}.`],
  )
  const { n, temperature } = far.requests.at(-1).body
  assert.ok(n === 4 && temperature > 0)
  const asked = far.requests.length
  const plain = await edit(server, { text: '12:30' })
  assert.deepEqual([plain.body.verdict, plain.body.why], ['unchanged', 'no words to edit'])
  const short = await edit(server, { task: 'shorten', text: 'It is late.', maxChars: 30 })
  assert.equal(short.body.why, 'fits already')
  assert.equal(far.requests.length, asked)
  await server.stop()
})

const FAULTS = [
  ['no JSON', (r) => r.socket.write(whole(200, '{"choices"')), 502, 'upstream_malformed'],
  ['no choices', (r) => r.socket.write(whole(200, '{"choices": []}')), 502, 'upstream_malformed'],
  ['empty', says(''), 502, 'upstream_empty'],
  ['null', says('', choices([null, 'stop'])), 502, 'upstream_empty'],
  ['refusal', says('', choices([null, 'stop', { refusal: 'No.' }])), 502, 'upstream_declined'],
  ['filter', says('', choices([RIGHT, 'content_filter'])), 502, 'upstream_declined'],
  ['429', (r) => r.socket.write(whole(429, '{}', { 'retry-after': '7' })), 429, 'upstream_busy'],
  ['500', (r) => r.socket.write(whole(500, '{}')), 502, 'upstream_failed'],
  ['401', (r) => r.socket.write(whole(401, '{}')), 502, 'upstream_key_refused'],
  ['400', (r) => r.socket.write(whole(400, '{"error":{"message":"no"}}')), 400, 'upstream_refused'],
  [
    'cut',
    (r) => r.socket.end(whole(200, completion('m', RIGHT)).subarray(0, -9)),
    502,
    'upstream_cut',
  ],
  ['a stream', (r) => r.socket.write(EVENTS + chunk('data: {}\n\n')), 502, 'upstream_content_type'],
]

test('each fault of the only place is an error of its own, with no text', async () => {
  const args = ['--upstream-tries', '1', '--upstream-failures-max', '100']
  const server = await farOnly([...args, '--upstream-idle-ms', '200'])
  const stalls = (r) => r.socket.write(whole(200, completion('m', RIGHT)).subarray(0, -9))
  for (const [name, fault, status, code] of [
    ...FAULTS,
    ['stall', stalls, 504, 'upstream_stalled'],
  ]) {
    answer = fault
    const { status: got, body, headers } = await edit(server)
    assert.deepEqual([name, got, body.error?.code], [name, status, code])
    assert.ok(!JSON.stringify(body).includes('going'), name)
    if (name === '429') assert.equal(headers.get('retry-after'), '7')
  }
  await server.stop()
})

test('each fault of the first place is the next one to answer', async () => {
  const server = await both([...PATIENT, '--upstream-failures-max', '100'])
  for (const [name, fault] of FAULTS) {
    answer = fault
    // by rules: the engine answers without a pass
    const plain = { task: 'casual', text: 'I am going to the library at 9' }
    const { status, body } = await edit(server, { ...plain, mode: 'prefer_in_cloud' })
    assert.equal(status, 200, name)
    const outcome = name === '400' ? 'refused' : 'network'
    assert.deepEqual([name, ...tried(body)], [name, `upstream ${outcome}`, 'native ok'])
    assert.equal(body.receipt.backend, 'native')
    assert.equal(body.receipt.why, 'server_preferred')
  }
  await server.stop()
})

const LIES = [
  ["They're going to the library", 'a number was lost'],
  ["They're going to the library at 10", 'a number was lost'],
  ["They're going to <b>the library</b> at 9", 'markup was added'],
  ["They're going to\nthe library at 9", 'the answer has several lines'],
  ['I am sorry, but as a language model I cannot do 9', 'the meaning may have changed'],
  [`${RIGHT} ${'and on '.repeat(2000)}`, 'the answer is too long'],
]

test('an answer that may not stand: the other place, or the caption as it was', async () => {
  const alone = await farOnly()
  const server = await both()
  for (const [lie, why] of LIES) {
    answer = says(lie)
    const { status, body } = await edit(alone)
    assert.deepEqual([status, body.text, body.verdict, body.why], [200, TEXT, 'unchanged', why])
    assert.deepEqual([body.changes, body.variants, tried(body)], [[], [], ['upstream ok']])
    if (why !== 'a number was lost') continue // the engine's own answers take time
    const other = await edit(server, { mode: 'prefer_in_cloud' })
    assert.deepEqual(tried(other.body), ['upstream network', 'native ok'])
    assert.ok(!other.body.text.includes('language model'))
  }
  answer = says('', choices([RIGHT, 'length']))
  assert.equal((await edit(alone)).body.why, 'the answer did not end')
  const long = { task: 'shorten', text: 'the boat is really very far away from here', maxChars: 20 }
  answer = says('the boat is very far away from here')
  const { body: unfit } = await edit(alone, long)
  assert.deepEqual([unfit.text, unfit.verdict], [long.text, 'unfit'])
  assert.equal(unfit.why, 'the correction does not fit')
  await Promise.all([alone.stop(), server.stop()])
})

test('preferences, models by name, and tasks that only one place has', async () => {
  const server = await both()
  answer = never // whatever the engine's pace: the other one cannot win
  const local = await edit(server, { deadlineMs: 600_000 })
  assert.equal(local.body.receipt.backend, 'native')
  assert.equal(local.body.receipt.why, 'device_preferred')
  assert.match(local.body.receipt.model.sha256, /^[0-9a-f]{64}$/)
  answer = says(RIGHT)
  const remote = await edit(server, { mode: 'prefer_in_cloud' })
  assert.deepEqual([remote.body.text, remote.body.receipt.why], [FIXED, 'server_preferred'])
  assert.equal(tried(remote.body).at(-1), 'upstream ok')
  answer = says('The library is where they are going at 9')
  const rewritten = await edit(server, {
    task: 'rewrite',
    text: 'They are going to the library at 9',
  })
  assert.equal(rewritten.body.receipt.why, 'not_offered')
  answer = says(RIGHT)
  const named = await edit(server, { model: 'm' })
  assert.deepEqual([tried(named.body), named.body.receipt.why], [['upstream ok'], 'only_in_cloud'])
  const none = await edit(server, { model: 'm', text: '12:30' })
  assert.deepEqual([none.body.receipt.backend, none.body.receipt.model.id], ['upstream', 'm'])
  const own = await edit(server, { model: server.model })
  assert.equal(own.body.receipt.backend, 'native')
  for (const [more, status, param] of [
    [{ model: 'm', mode: 'only_on_device' }, 400, 'mode'],
    [{ model: server.model, mode: 'only_in_cloud' }, 400, 'mode'],
    [{ mode: 'cloud' }, 400, 'mode'],
    [{ deadlineMs: 0 }, 400, 'deadlineMs'],
    [{ model: 'other' }, 404, 'model'],
  ]) {
    const { status: got, body } = await edit(server, more)
    assert.deepEqual([more, got, body.error.param], [more, status, param])
  }
  await server.stop()
})

test('without edit_upstream edits stay here, whatever models there are', async () => {
  const args = upstreamArgs().slice(0, 4)
  const server = await withModel(args)
  const before = nConnections
  const { body } = await edit(server, { mode: 'prefer_in_cloud' })
  assert.deepEqual([body.receipt.backend, body.receipt.why], ['native', 'server'])
  const none = await edit(server, { mode: 'only_in_cloud' })
  assert.deepEqual([none.status, none.body.error.code], [404, 'model_not_found'])
  assert.equal(nConnections, before)
  await server.stop()
})

test('GET /v1/models says whether edits have a place here, and what they may cost', async () => {
  const says = async (server) => (await (await fetch(`${server.base}/v1/models`)).json()).nearfield
  const chat = noted(
    await start(['--root', site.at, '--inference', 'no', ...upstreamArgs().slice(0, 4)]),
  )
  chat.base = `http://${chat.host}`
  assert.deepEqual(await says(chat), { edits: false, tuned: [] }) // a model, but for chat alone
  await chat.stop()
  const server = await farOnly()
  const priced = { edits: true, inputUsd: 1, outputUsd: 2, tuned: [] }
  assert.deepEqual(await says(server), priced)
  await server.stop()
  const free = await farOnly([], 'm')
  assert.deepEqual(await says(free), { edits: true, tuned: [] })
  await free.stop()
})

test('only_on_device opens no connection, whatever happens', async () => {
  const server = await both(['--edit-patience-ms', '0', '--sessions-max', '1', '--queue-max', '8'])
  const before = nConnections
  const mode = 'only_on_device'
  answer = says(RIGHT)
  const edits = await Promise.all(Array.from({ length: 6 }, () => edit(server, { mode })))
  for (const { body } of edits) {
    assert.deepEqual([body.receipt.why, tried(body)], ['only_on_device', ['native ok']])
  }
  assert.equal((await edit(server, { mode, task: 'rewrite' })).body.error.param, 'task')
  const late = await edit(server, { mode, deadlineMs: 1, variants: 5 })
  assert.deepEqual([late.status, late.body.error.code], [504, 'deadline'])
  assert.equal((await edit(server, { mode, text: 'a'.repeat(4000) })).body.error.code, 'nowhere')
  assert.equal((await edit(server, { mode, text: '12' })).body.verdict, 'unchanged')
  assert.equal(nConnections, before)
  await server.stop()
  const strict = await both([...PATIENT, '--edit-mode', 'only_on_device'])
  assert.equal((await edit(strict)).body.receipt.why, 'only_on_device')
  assert.equal(nConnections, before)
  await strict.stop()
})

test('a busy engine: the upstream, where only that is in time', async () => {
  const server = await both([...PATIENT, '--sessions-max', '1'])
  answer = says(RIGHT)
  assert.deepEqual(tried((await edit(server, { model: 'm' })).body), ['upstream ok'])
  const from = performance.now()
  await edit(server, { model: server.model })
  const deadlineMs = Math.ceil(Math.max(4000, 20 * (performance.now() - from)))
  answer = never
  const idle = await edit(server, { deadlineMs })
  assert.deepEqual(
    [idle.body.receipt.backend, idle.body.receipt.why],
    ['native', 'device_preferred'],
  )
  const abort = new AbortController()
  const story = ask(server, 'Write a very long story.', { max_tokens: 800, n: 8, stream: true })
  const reply = await fetch(`${server.base}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(story),
    signal: abort.signal,
  })
  const reader = reply.body.getReader()
  const began = performance.now()
  while (performance.now() - began < deadlineMs / 4) await reader.read()
  assert.ok((await metric(server, 'nearfield_inference_queued')) > 4)
  answer = says(RIGHT)
  const { body } = await edit(server, { deadlineMs })
  assert.deepEqual(
    [body.text, tried(body), body.receipt.why],
    [FIXED, ['upstream ok'], 'server_deadline'],
  )
  const row = 'nearfield_edit_route_total{place="upstream",why="server_deadline"}'
  assert.equal(await metric(server, row), 1)
  abort.abort()
  await server.stop()
})

test('a late engine is hedged; the edit leaves its queue', async () => {
  const server = await both([...PATIENT, '--sessions-max', '1'])
  const abort = new AbortController()
  const story = ask(server, 'Write a very long story.', { max_tokens: 800, stream: true })
  const reply = await fetch(`${server.base}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(story),
    signal: abort.signal,
  })
  const reader = reply.body.getReader()
  await reader.read()
  answer = says(RIGHT)
  const { body } = await edit(server)
  assert.equal(body.receipt.why, 'device_preferred')
  assert.deepEqual(tried(body), ['native cancelled', 'upstream ok'])
  await until(
    async () => (await metric(server, 'nearfield_inference_queued')) === 0,
    'the cancelled edit still waits',
  )
  abort.abort()
  await server.stop()
})

test('a silent upstream is hedged: its connection is closed, what it may cost is paid', async () => {
  const data = mkdtempSync('/tmp/nearfield-edit-')
  const budget = ['--data', data, '--budget-day-micro', '1000000']
  const server = await both([...PATIENT, ...budget])
  far.requests.length = 0
  let closed = 0
  answer = (r) => r.socket.on('close', () => closed++)
  const { body } = await edit(server, { mode: 'prefer_in_cloud' })
  assert.deepEqual(tried(body), ['upstream cancelled', 'native ok'])
  await until(() => closed === 1, 'the connection is open still')
  const most = JSON.stringify(far.requests[0].body).length + 2 * (TEXT.length + 64)
  assert.ok(Math.abs(body.receipt.costUsd - most / 1e6) < 20e-6, `${body.receipt.costUsd}`)
  await until(
    async () => (await metric(server, 'nearfield_budget_day_micro')) === body.receipt.costUsd * 1e6,
    'not settled',
  )
  await server.stop()
  rmSync(data, { recursive: true })
})

test('a deadline ends the edit, and what runs for it', async () => {
  const server = await farOnly()
  let closed = 0
  answer = (r) => r.socket.on('close', () => closed++)
  const from = performance.now()
  const { status, body } = await edit(server, { deadlineMs: 300 })
  assert.deepEqual([status, body.error.code], [504, 'deadline'])
  assert.ok(performance.now() - from < 5000)
  await until(() => closed === 1, 'the connection is open still')
  const abort = new AbortController()
  const gone = edit(server, {}, abort.signal)
  await until(() => far.sockets.size === 1, 'not asked')
  abort.abort()
  await assert.rejects(gone)
  await until(() => closed === 2, 'a client that goes leaves the upstream at work')
  await server.stop()
})

test('an upstream that fails again and again is left alone, and tried again', async () => {
  const breaker = ['--upstream-failures-max', '2', '--upstream-pause-ms', '300']
  const server = await both([...PATIENT, ...breaker, '--edit-mode', 'prefer_in_cloud'])
  answer = (r) => r.socket.write(whole(500, '{}'))
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(tried((await edit(server)).body), ['upstream network', 'native ok'])
  }
  answer = says(RIGHT)
  const open = (await edit(server)).body
  if (open.receipt.why !== 'server_preferred') {
    assert.deepEqual([open.receipt.why, tried(open)], ['server_failing', ['native ok']])
  } // else a slow machine took longer than the pause
  await until(
    async () => tried((await edit(server)).body).at(-1) === 'upstream ok',
    'it is not tried again',
  )
  await server.stop()
})

test('no upstream there at all: the engine answers; no model: the upstream does', async () => {
  const key = keyFile(`${site.at}/gone.key`)
  const args = ['--upstream', `far http://127.0.0.1:9/v1 private key=${key}`]
  const server = await withModel([
    ...[...args, '--upstream-model', 'far m', '--edit-upstream', 'm'],
    ...[...PATIENT, '--edit-mode', 'prefer_in_cloud'],
  ])
  assert.deepEqual(tried((await edit(server)).body), ['upstream network', 'native ok'])
  await server.stop()
  writeFileSync(`${site.at}/broken.gguf`, 'GGUF, but not really')
  const ill = noted(
    await start(['--root', site.at, '--model', `${site.at}/broken.gguf`, ...upstreamArgs()]),
  )
  ill.base = `http://${ill.host}`
  answer = says(RIGHT)
  await until(async () => (await fetch(`${ill.base}/readyz`)).status === 200, 'never ready')
  for (let i = 0; i < 3; i++) assert.equal((await edit(ill)).body.text, FIXED)
  await ill.stop()
})

test('the money of the day is spent: the engine; without one, 429', async () => {
  const data = mkdtempSync('/tmp/nearfield-edit-')
  const money = (micro) => ['--data', data, '--budget-day-micro', String(micro)]
  const cloud = ['--edit-mode', 'prefer_in_cloud']
  answer = says(RIGHT)
  // enough for what the edit is expected to cost, not for the most that it may
  const tight = await both([...PATIENT, ...cloud, ...money(600)])
  const refused = (await edit(tight)).body
  assert.deepEqual(tried(refused), ['upstream refused', 'native ok'])
  assert.equal(refused.receipt.costUsd, 0)
  await tight.stop()
  const none = await both([...PATIENT, ...cloud, ...money(1)])
  const before = nConnections
  const { body } = await edit(none)
  assert.deepEqual([body.receipt.why, tried(body)], ['budget', ['native ok']])
  assert.equal(nConnections, before)
  const named = await edit(none, { model: 'm' })
  assert.deepEqual([named.status, named.body.error.code], [429, 'insufficient_quota'])
  // what needs no model needs no place: its receipt names the model that would have been asked
  for (const [more, backend] of [
    [{}, 'native'],
    [{ model: 'm' }, 'upstream'],
  ]) {
    const { status, body } = await edit(none, { ...more, text: '12:30' })
    assert.deepEqual([status, body.why], [200, 'no words to edit'], JSON.stringify(body))
    assert.deepEqual([body.receipt.backend, body.receipt.costUsd], [backend, 0])
  }
  assert.equal(nConnections, before)
  await none.stop()
  rmSync(data, { recursive: true })
})

test("the SDK's client takes an upstream's answer", async () => {
  const server = await farOnly()
  const edits = new ServerEdits({ url: `${server.base}/v1` })
  answer = says(RIGHT)
  const { text, receipt } = await edits.edit(
    { task: 'fix', text: TEXT, variants: 1 },
    new AbortController().signal,
  )
  assert.equal(text, FIXED)
  assert.deepEqual([receipt.source, receipt.backend, receipt.model.id], ['server', 'upstream', 'm'])
  assert.equal(receipt.costUsd, 58e-6)
  await server.stop()
})

test('settings: what is none is one line, SIGHUP changes where edits go', async () => {
  const bad = async (...args) => (await runOnce(['--root', site.at, ...args])).stderr
  assert.match(await bad('--edit-upstream', 'm'), /edit_upstream: expected the MODEL/)
  assert.match(await bad('--edit-mode', 'cloud'), /edit_mode: expected prefer_on_device/)
  const file = `${site.at}/nearfield.conf`
  writeFileSync(file, 'edit_mode = prefer_in_cloud\nedit_patience_ms = 600000\n')
  const key = keyFile(`${site.at}/far.key`)
  const far_ = [`upstream = far ${far.url} private key=${key}`, `upstream_model = far ${PRICED}`]
  const server = await withModel(['--config', file])
  answer = says(RIGHT)
  assert.equal((await edit(server)).body.receipt.why, 'server')
  writeFileSync(
    file,
    ['edit_mode = prefer_in_cloud', 'edit_patience_ms = 600000', ...far_, 'edit_upstream = m'].join(
      '\n',
    ),
  )
  server.signal('SIGHUP')
  await until(async () => (await edit(server)).body.text === FIXED, 'the upstream is not asked')
  await server.stop()
})
