// /v1 with models of an upstream: what the official openai client sees, what the upstream is sent,
// where the key is not. See upstream.mjs; what goes wrong is in upstream_faults.test.mjs.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import OpenAI from 'openai'
import { post, startWithModel } from './api.mjs'
import { folder, found, get, runOnce, sleep, start, within } from './harness.mjs'
import { client as jobsOf, place } from './jobs_harness.mjs'
import {
  chunk,
  completion,
  DONE,
  END,
  EVENTS,
  farMetric,
  foreign,
  good,
  KEY,
  keyFile,
  piece,
  startWithUpstream,
  usage,
  whole,
} from './upstream.mjs'

const site = folder({ 'index.html': 'page' })
const MODELS = ['large', 'vendor/small 1 2 50', 'slow', 'dear 1 10000000000']
const HUNG_MS = 10_000 // what it bounds does not end by itself before
let far
let server
let client
let answer = good
before(async () => {
  far = await foreign((request) => answer(request))
  server = await startWithUpstream(site.at, far, MODELS)
  client = new OpenAI({ apiKey: 'none needed', baseURL: `${server.base}/v1`, maxRetries: 0 })
})
after(async () => {
  await server.stop()
  await far.close()
  site.remove()
})

const ask = (more = {}) => ({
  model: 'large',
  messages: [{ role: 'user', content: 'Grüße?' }],
  ...more,
})

test('models: those of the upstream, by whose they are', async () => {
  const list = await client.models.list()
  assert.deepEqual(
    list.data.map((m) => [m.id, m.object, m.owned_by]),
    [
      ['large', 'model', 'far'],
      ['vendor/small', 'model', 'far'],
      ['slow', 'model', 'far'],
      ['dear', 'model', 'far'],
    ],
  )
  assert.equal((await client.models.retrieve('large')).owned_by, 'far')
  const { status, body } = await get(server, '/v1/models/vendor/small')
  assert.equal(status, 200)
  assert.equal(JSON.parse(body).id, 'vendor/small')
  await assert.rejects(client.models.retrieve('other'), OpenAI.NotFoundError)
})

test('a completion is the upstream’s, byte for byte; so is the request', async () => {
  const before = far.requests.length
  const reply = await client.chat.completions.create(
    ask({ temperature: 0.5, tools: [{ type: 'function', function: { name: 'f' } }], n: 2 }),
  )
  assert.equal(reply.choices[0].message.content, 'Hello wörld')
  assert.deepEqual(reply.usage, usage(7, 3))
  assert.equal(reply.id, 'chatcmpl-foreign')
  assert.equal(far.requests.length, before + 1)
  const { head, body } = far.requests.at(-1)
  assert.match(head, /^POST \/v1\/chat\/completions HTTP\/1\.1\r\n/)
  assert.match(head, new RegExp(`\r\nAuthorization: Bearer ${KEY}\r\n`))
  assert.doesNotMatch(head, /none needed|accept-encoding|expect|cookie/i)
  assert.deepEqual(
    body,
    ask({ temperature: 0.5, tools: [{ type: 'function', function: { name: 'f' } }], n: 2 }),
  )
})

test('a stream is passed on as it comes, with usage only where it was asked for', async () => {
  let haveTwo // the reader's word: the third piece is sent when it has the first two
  let inTime
  answer = async ({ socket, body }) => {
    socket.write(`${EVENTS}${chunk(': waiting\n\n')}`)
    const all = piece(body.model, 'ä€') + piece(body.model, '🙂') // cut inside of letters
    for (const byte of Buffer.from(all))
      socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]))
    inTime = await within(haveTwo.promise, 30_000, false)
    socket.write(chunk(piece(body.model, '!').replaceAll('\n', '\r\n')))
    socket.write(chunk(piece(body.model, '', { choices: [], usage: usage(5, 4) }) + DONE) + END)
  }
  for (const wanted of [false, true]) {
    haveTwo = {}
    haveTwo.promise = new Promise((done) => {
      haveTwo.say = () => done(true)
    })
    const options = wanted ? { stream_options: { include_usage: true } } : {}
    const stream = await client.chat.completions.create(ask({ stream: true, ...options }))
    const texts = []
    let counted
    for await (const c of stream) {
      if (c.choices.length > 0) texts.push(c.choices[0].delta.content)
      else counted = c.usage
      if (texts.length === 2) haveTwo.say()
    }
    assert.deepEqual(texts, ['ä€', '🙂', '!'])
    assert.deepEqual(counted, wanted ? usage(5, 4) : undefined)
    assert.equal(inTime, true, 'the first two came before the third was there')
    assert.equal(far.requests.at(-1).body.stream_options.include_usage, true)
  }
  answer = good
})

test('a stream ends with [DONE], whatever the upstream does afterwards', async () => {
  answer = ({ socket, body }) => {
    socket.write(EVENTS + chunk(piece(body.model, 'a') + DONE))
    const timer = setInterval(() => {
      if (socket.destroyed) clearInterval(timer)
      else socket.write(chunk(piece(body.model, 'too late')))
    }, 20)
  }
  const from = performance.now()
  const got = await post(server, '/v1/chat/completions', ask({ stream: true }))
  assert.ok(performance.now() - from < HUNG_MS) // the upstream goes on until it is closed
  const complete = /^data: \{.*"a".*\}\n\ndata: \[DONE\]\n\n$/
  assert.match(got.body, complete)
  answer = ({ socket, body }) => socket.end(EVENTS + chunk(piece(body.model, 'a') + DONE))
  const failed = await farMetric(server, 'failures_total')
  assert.match((await post(server, '/v1/chat/completions', ask({ stream: true }))).body, complete)
  assert.equal(await farMetric(server, 'failures_total'), failed)
  answer = good
})

test('an answer has a bound where the model has one', async () => {
  await client.chat.completions.create(ask({ model: 'vendor/small' }))
  assert.equal(far.requests.at(-1).body.max_tokens, 50)
  await client.chat.completions.create(ask({ model: 'vendor/small', max_completion_tokens: 20 }))
  assert.equal(far.requests.at(-1).body.max_tokens, undefined)
  assert.equal(far.requests.at(-1).body.max_completion_tokens, 20)
  await client.chat.completions.create(ask({ model: 'vendor/small', max_tokens: null }))
  assert.equal(far.requests.at(-1).body.max_tokens, 50)
  const over = await post(
    server,
    '/v1/chat/completions',
    ask({ model: 'vendor/small', max_tokens: 51 }),
  )
  assert.equal(over.status, 400)
  assert.equal(over.body.error.param, 'max_tokens')
  // without a budget nobody asks what it may cost: 1.7e20 millionths
  await client.chat.completions.create(ask({ model: 'dear', max_tokens: 2147483647, n: 8 }))
})

test('what is not of the allow-list, not text, or not known, goes nowhere', async () => {
  const before = far.requests.length
  const image = { type: 'image_url', image_url: { url: 'http://127.0.0.1/' } }
  for (const [status, more] of [
    [404, { model: 'gpt-4' }],
    [404, { model: 'LARGE' }],
    [404, { model: 'larg' }],
    [400, { messages: [] }],
    [400, { messages: 'hello' }],
    [400, { messages: [1] }],
    [400, { messages: [{ role: 'user', content: [image] }] }],
    [400, { messages: [{ role: 'user', content: 4 }] }],
    [400, { modalities: ['audio'] }],
    [400, { service_tier: 'priority' }],
    [400, { web_search_options: { a: 1 } }],
    [400, { base_url: 'http://169.254.169.254/' }],
    [400, { stream_options: { include_usage: true } }],
    [400, { stream: 1 }],
    [400, { n: 9 }],
    [400, { max_tokens: 0 }],
    [400, { max_tokens: 5, max_completion_tokens: 5 }],
  ]) {
    const got = await post(server, '/v1/chat/completions', ask(more))
    assert.equal(got.status, status, JSON.stringify([more, got.body]))
    assert.ok(got.body.error.code.length > 3)
  }
  assert.equal(far.requests.length, before)
  assert.equal((await post(server, '/v1/edit', { task: 'fix', text: 'a b' })).status, 404)
})

test('connections are kept: one for requests in a row, streamed or not', async () => {
  await client.chat.completions.create(ask())
  const { socket } = far.requests.at(-1)
  for (let i = 0; i < 3; i++) {
    for await (const c of await client.chat.completions.create(ask({ stream: true })))
      assert.ok(c.choices)
    await client.chat.completions.create(ask())
  }
  assert.equal(far.requests.at(-1).socket, socket)
})

test('a client that goes: the upstream’s connection is closed at once', async () => {
  answer = ({ socket, body }) => {
    if (body.stream) socket.write(EVENTS + chunk(piece(body.model, 'a')))
  }
  for (const stream of [true, false]) {
    const gone = await farMetric(server, 'requests_total', ',outcome="gone"')
    const before = far.requests.length
    const abort = new AbortController()
    const body = JSON.stringify(ask({ stream }))
    const headers = { 'content-type': 'application/json' }
    const asked = fetch(`${server.base}/v1/chat/completions`, {
      ...{ method: 'POST', headers, body, signal: abort.signal },
    })
    asked.catch(() => {})
    if (stream) await (await asked).body.getReader().read()
    while (far.requests.length === before) await sleep(5)
    const { socket } = far.requests.at(-1)
    const from = performance.now()
    abort.abort()
    await new Promise((done) => socket.on('close', done))
    assert.ok(performance.now() - from <= HUNG_MS, `${performance.now() - from} ms`)
    const now = () => farMetric(server, 'requests_total', ',outcome="gone"')
    for (let i = 0; i < 200 && (await now()) === gone; i++) await sleep(20)
    assert.equal(await now(), gone + 1)
    assert.equal(await farMetric(server, 'open'), 0)
  }
  answer = good
})

test('clients that do not read: the upstream waits, each costs less than 1 MB', async () => {
  const line = (body) => chunk(piece(body.model, 'x'.repeat(4000)))
  let written = 0
  answer = (request) => {
    const { socket, body } = request
    if (body.model !== 'slow') return good(request)
    socket.write(EVENTS)
    const more = () => {
      while (!socket.destroyed) {
        written += 4000
        if (!socket.write(line(body))) return
      }
    }
    socket.on('drain', more)
    more()
  }
  const memory = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) / 1024
  const pauses = await farMetric(server, 'pauses_total')
  const before = memory()
  const aborts = []
  const readers = []
  for (let i = 0; i < 20; i++) {
    const abort = new AbortController()
    aborts.push(abort)
    const reply = await fetch(`${server.base}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(ask({ stream: true, model: 'slow' })),
      signal: abort.signal,
    })
    readers.push(reply.body.getReader())
  }
  await sleep(1500)
  const settled = written
  await sleep(300)
  assert.equal(written, settled, 'the upstream writes no more')
  assert.ok((await farMetric(server, 'pauses_total')) > pauses)
  const grown = memory() - before
  if (!process.env.NEARFIELD_SERVER?.includes('asan')) assert.ok(grown < 20, `${grown} MB`)
  assert.equal((await post(server, '/v1/chat/completions', ask())).status, 200)
  // one that begins to read again is served on
  let bytes = 0
  while (bytes < 8e6) bytes += (await readers[0].read()).value.length
  assert.ok(written > settled)
  for (const abort of aborts) abort.abort()
  for (let i = 0; i < 100 && (await farMetric(server, 'open')) > 0; i++) await sleep(10)
  assert.equal(await farMetric(server, 'open'), 0)
  answer = good
})

test('the key is in no reply, log, metric, argument or environment', async () => {
  const seen = []
  const echo = ({ socket, head, body }) => {
    const text = `you sent ${head}`
    const message = JSON.stringify({ error: { message: text } })
    if (body.n === 1)
      socket.write(
        `HTTP/1.1 400 ${head.slice(-30)}\r\ncontent-length: ${message.length}\r\n\r\n${message}`,
      )
    else if (body.stream) socket.write(EVENTS + chunk(piece(body.model, text)) + chunk(DONE) + END)
    else if (body.n === 3)
      socket.write(whole(200, completion(body.model, text).replace('sk-', '\\u0073k\\u002D')))
    else good({ socket, body }, [text])
  }
  answer = echo
  for (const more of [{ n: 1 }, { n: 2 }, { n: 2, stream: true }, { n: 3 }]) {
    const got = await post(server, '/v1/chat/completions', ask(more))
    seen.push(JSON.stringify([...got.headers]), JSON.stringify(got.body))
    assert.ok(got.status >= 400, JSON.stringify(got.body))
  }
  answer = good
  const proc = (name) => readFileSync(`/proc/${server.pid}/${name}`, 'latin1')
  seen.push(proc('environ'), proc('cmdline'), server.log())
  seen.push(await (await fetch(`${server.base}/metrics`)).text())
  for (const text of seen) assert.ok(!text.includes(KEY) && !text.includes(KEY.slice(4, 20)))
  assert.ok(seen[1].includes('upstream_refused'))
})

test('nor in the store, nor with a worker', async () => {
  const here = place('sqlite')
  writeFileSync(
    here.at('worker/run'),
    '#!/bin/sh\n{ cat /proc/self/environ /proc/self/cmdline; ls -l /proc/self/fd; env; } >captions.srt\ncp captions.srt captions.vtt\n',
    { mode: 0o755 },
  )
  const key = keyFile(here.at('far.key'))
  const at = await here.server(
    ...['--upstream', `far ${far.url} private key=${key}`, '--budget-day-micro', '1000000'],
    ...['--upstream-model', 'far large 1000 1000 50', '--inference', 'no'],
  )
  at.base = `http://${at.host}`
  assert.equal((await post(at, '/v1/chat/completions', ask())).status, 200)
  const jobs = jobsOf(at)
  const { id } = await jobs.add('any')
  const job = await jobs.ended(id)
  assert.equal(job.state, 'done', JSON.stringify(job))
  const seen = await (await fetch(`${at.base}/v1/jobs/${id}/result/captions.srt`)).text()
  assert.ok(seen.includes('PATH='))
  await at.stop()
  for (const name of readdirSync(here.at('data'))) {
    if (name.startsWith('nearfield.db'))
      assert.ok(!readFileSync(here.at('data', name)).includes(KEY))
  }
  for (const text of [seen, JSON.stringify(job), at.log()]) assert.ok(!text.includes(KEY))
  assert.ok(readFileSync(key, 'utf8').includes(KEY))
  here.remove()
})

test('beside a model of our own: both are listed, each is asked by its name', async () => {
  const args = ['--upstream', `far ${far.url} private`, '--upstream-model', 'far large']
  const both = await startWithModel(site.at, args)
  const own = new OpenAI({ apiKey: 'none', baseURL: `${both.base}/v1`, maxRetries: 0 })
  const ids = (await own.models.list()).data.map((m) => m.id)
  assert.deepEqual(ids, [both.model, 'large'])
  const before = far.requests.length
  for (const stream of [false, true]) {
    const texts = []
    for (const model of ids) {
      const request = ask({ model, max_tokens: 8, temperature: 0, stream })
      const reply = await own.chat.completions.create(request)
      let text = stream ? '' : reply.choices[0].message.content
      if (stream) for await (const c of reply) text += c.choices[0]?.delta.content ?? ''
      texts.push(text)
    }
    assert.equal(texts[1], 'Hello wörld')
    assert.ok(texts[0].length > 2 && texts[0] !== texts[1])
  }
  assert.equal(far.requests.length, before + 2)
  await both.stop()
})

test('SIGHUP reads the key again; one that is none changes nothing', async () => {
  const file = path.join(site.at, 'far.key')
  keyFile(file, 'sk-second')
  server.signal('SIGHUP')
  const shown = async () => {
    await client.chat.completions.create(ask())
    return far.requests.at(-1).head
  }
  await found(async () => /Bearer sk-second\r\n/.test(await shown()))
  writeFileSync(file, 'two words\n')
  server.signal('SIGHUP')
  await found(() => server.lines().some((l) => l.event === 'upstreams not changed'))
  assert.match(await shown(), /Bearer sk-second\r\n/)
})

test('SIGHUP changes the upstreams: added, moved, removed; what runs goes on as it began', async () => {
  const second = await foreign((request) => good(request, ['second']))
  let release
  const held = await foreign(({ socket }) => {
    socket.write(EVENTS)
    socket.write(chunk(piece('one', 'begun ')))
    release = () => socket.write(chunk(piece('one', 'ended')) + chunk(DONE) + END)
  })
  const file = path.join(site.at, 'reload.conf')
  const settings = (...lines) =>
    writeFileSync(file, ['inference = no', `root = ${site.at}`, ...lines, ''].join('\n'))
  settings()
  const moving = await start(['--config', file])
  const to = new OpenAI({
    apiKey: 'none needed',
    baseURL: `http://${moving.host}/v1`,
    maxRetries: 0,
  })
  const names = async () => (await to.models.list()).data.map((m) => `${m.owned_by} ${m.id}`)
  const events = (name) => moving.lines().filter((l) => l.event === name).length
  const reload = async (name = 'settings read again') => {
    const before = events(name)
    moving.signal('SIGHUP')
    for (const end = Date.now() + 5000; events(name) === before; await sleep(5))
      assert.ok(Date.now() < end, `${name}: ${moving.log()}`)
  }
  const message = { messages: [{ role: 'user', content: 'x' }] }
  const one = async () =>
    (await to.chat.completions.create({ model: 'one', ...message })).choices[0].message.content
  await assert.rejects(names(), /404/)
  // from none to one
  settings(`upstream = a ${held.url} private`, 'upstream_model = a one')
  await reload()
  assert.deepEqual(await names(), ['a one'])
  const stream = await to.chat.completions.create({ model: 'one', stream: true, ...message })
  const pieces = stream[Symbol.asyncIterator]()
  assert.equal((await pieces.next()).value.choices[0].delta.content, 'begun ')
  // it moves while a request of it is open: new ones go to the new place, the open one goes on
  settings(
    `upstream = a ${second.url} private`,
    'upstream_model = a one',
    `upstream = b ${second.url} private`,
    'upstream_model = b two',
  )
  await reload()
  assert.deepEqual(await names(), ['a one', 'b two'])
  assert.equal(await one(), 'second')
  // a fault changes nothing: a key that is not there, a line that is none
  settings(`upstream = a ${second.url} private key=/nonexistent`, 'upstream_model = a three')
  await reload('upstreams not changed')
  assert.deepEqual(await names(), ['a one', 'b two'])
  settings('upstream = a nonsense')
  await reload('settings not changed')
  assert.deepEqual(await names(), ['a one', 'b two'])
  // from some to none, with the old request still open
  settings()
  await reload()
  await assert.rejects(one(), /404/)
  release()
  assert.equal((await pieces.next()).value.choices[0].delta.content, 'ended')
  assert.equal((await pieces.next()).done, true)
  // and back
  settings(`upstream = b ${second.url} private`, 'upstream_model = b one')
  await reload()
  assert.equal(await one(), 'second')
  await moving.stop()
  await second.close()
  await held.close()
})

test('SIGHUP keeps breaker and counts of an upstream that stays', async () => {
  const ill = await foreign(({ socket }) => socket.destroy())
  const file = path.join(site.at, 'stays.conf')
  const settings = (models) =>
    writeFileSync(
      file,
      `inference = no\nroot = ${site.at}\nupstream_failures_max = 1\nupstream_tries = 1\n` +
        `upstream_pause_ms = 600000\nupstream = far ${ill.url} private\n${models}`,
    )
  settings('upstream_model = far one\n')
  const own = await start(['--config', file])
  own.base = `http://${own.host}`
  const to = new OpenAI({ apiKey: 'x', baseURL: `${own.base}/v1`, maxRetries: 0 })
  const status = (model) =>
    to.chat.completions
      .create({ model, messages: [{ role: 'user', content: 'x' }] })
      .then(() => 200)
      .catch((error) => error.status)
  assert.equal(await status('one'), 502)
  assert.equal(await status('one'), 503) // the breaker is open
  settings('upstream_model = far one\nupstream_model = far two\n')
  own.signal('SIGHUP')
  for (const end = Date.now() + 5000; ; await sleep(5)) {
    if (own.lines().some((l) => l.event === 'settings read again')) break
    assert.ok(Date.now() < end)
  }
  assert.equal(await status('two'), 503)
  assert.equal(await farMetric(own, 'breaker'), 2)
  assert.equal(await farMetric(own, 'tries_total'), 1)
  await own.stop()
  await ill.close()
})

test('settings at fault are one line, and do not start', async () => {
  const key = keyFile(path.join(site.at, 'good.key'))
  const open = path.join(site.at, 'open.key')
  writeFileSync(open, KEY, { mode: 0o644 })
  const url = 'http://127.0.0.1:1/v1'
  for (const [code, args, line] of [
    [2, ['--upstream', 'far'], /NAME URL/],
    [2, ['--upstream', `far ${url}`], /http:\/\/ is for private upstreams only/],
    [2, ['--upstream', `far ${url} secret`], /NAME URL \[private\]/],
    [2, ['--upstream', `fär ${url} private`], /letters/],
    [2, ['--upstream', `far ${url} private`, '--upstream', `far ${url} private`], /another name/],
    [2, ['--upstream-model', 'far large'], /stands before/],
    [2, ['--upstream', `far ${url} private`, '--upstream-model', 'far a 1 x'], /whole numbers/],
    [2, ['--upstream', `far ${url} private`, '--upstream-model', 'far a 99999999999'], /whole/],
    [1, ['--upstream', `far ${url} private key=/nonexistent`], /No such file/],
    [1, ['--upstream', `far ${url} private key=${open}`], /chmod 600/],
    [1, ['--upstream', `far ${url} private key=${site.at}`], /expected a key/],
  ]) {
    const run = await runOnce(['--root', site.at, ...args])
    assert.equal(run.code, code, run.stderr)
    assert.match(run.stderr, line)
    assert.equal(run.stderr.trim().split('\n').length, 1)
    assert.ok(!run.stderr.includes(KEY))
  }
  assert.ok(key)
})
