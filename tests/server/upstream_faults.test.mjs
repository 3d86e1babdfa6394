// What an upstream can do wrong, each with a typed error in OpenAI's shape and its count with the
// breaker: streamed and not, before the first byte and in the middle. Retries, deadlines, the
// breaker. Not here: addresses and redirects (upstream_ssrf.test.mjs), budgets.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import OpenAI from 'openai'
import { post } from './api.mjs'
import { folder, freePort, sleep } from './harness.mjs'
import {
  chunk,
  completion,
  DONE,
  END,
  EVENTS,
  farMetric,
  foreign,
  good,
  piece,
  preloaded,
  startWithUpstream,
  whole,
} from './upstream.mjs'

const bomb = gzipSync(Buffer.alloc(64 << 20))
const error = (message) => JSON.stringify({ error: { message, type: 'x', code: 'y' } })
const stream = (text, end = END) => `${EVENTS}${chunk(text)}${end}`
const p = (content) => piece('m', content)

// [name, answer, streamed, status, code, failures the breaker counts]; status 200: in the stream.
// A request counts once, however often it was sent.
const matrix = [
  ['reset at once', ({ socket }) => socket.resetAndDestroy(), false, 502, 'upstream_cut', 1],
  ['closed at once', ({ socket }) => socket.end(), false, 502, 'upstream_cut', 1],
  [
    'closed in the head',
    ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nconte'),
    false,
    502,
    'upstream_cut',
    1,
  ],
  [
    'no HTTP',
    ({ socket }) => socket.end('hello, world\r\n\r\n'),
    false,
    502,
    'upstream_malformed',
    1,
  ],
  [
    'binary',
    ({ socket }) => socket.end(Buffer.alloc(4096, 0xff)),
    false,
    502,
    'upstream_malformed',
    1,
  ],
  ['silence', () => {}, false, 504, 'deadline', 0],
  ['silence, streamed', () => {}, true, 504, 'upstream_timeout', 1],
  ['a head, then silence', ({ socket }) => socket.write(EVENTS), true, 504, 'upstream_timeout', 1],
  [
    'stall in the body',
    ({ socket }) =>
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
      ),
    false,
    504,
    'upstream_stalled',
    1,
  ],
  [
    'stall in the stream',
    ({ socket }) => socket.write(EVENTS + chunk(p('a'))),
    true,
    200,
    'upstream_stalled',
    1,
  ],
  [
    'trickle without an end',
    ({ socket }) => {
      socket.write(EVENTS)
      const timer = setInterval(
        () => (socket.destroyed ? clearInterval(timer) : socket.write(chunk(':\n'))),
        100,
      )
    },
    true,
    504,
    'deadline',
    1,
  ],
  [
    'cut in the body',
    ({ socket }) =>
      socket.end(
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"id"',
      ),
    false,
    502,
    'upstream_cut',
    1,
  ],
  [
    'cut in the stream',
    ({ socket }) => socket.write(EVENTS + chunk(p('a')), () => socket.destroy()),
    true,
    200,
    'upstream_cut',
    1,
  ],
  [
    'early end without [DONE]',
    ({ socket }) => socket.write(stream(p('a'))),
    true,
    200,
    'upstream_cut',
    1,
  ],
  ['an empty stream', ({ socket }) => socket.write(EVENTS + END), true, 502, 'upstream_cut', 1],
  [
    'an event without its end',
    ({ socket }) => socket.write(stream(p('a').trimEnd())),
    true,
    502,
    'upstream_cut',
    1,
  ],
  [
    'half a JSON',
    ({ socket }) => socket.write(whole(200, completion('m', 'x').slice(0, 50))),
    false,
    502,
    'upstream_malformed',
    1,
  ],
  [
    'an empty body',
    ({ socket }) => socket.write(whole(200, '')),
    false,
    502,
    'upstream_malformed',
    1,
  ],
  [
    'JSON of another shape',
    ({ socket }) => socket.write(whole(200, '[1]')),
    false,
    502,
    'upstream_malformed',
    1,
  ],
  [
    'choices that are none',
    ({ socket }) => socket.write(whole(200, '{"choices":[7]}')),
    false,
    502,
    'upstream_malformed',
    1,
  ],
  [
    'no choices',
    ({ socket }) => socket.write(whole(200, '{"choices":[]}')),
    false,
    502,
    'upstream_malformed',
    1,
  ],
  [
    'an error with status 200',
    ({ socket }) => socket.write(whole(200, error('x'))),
    false,
    502,
    'upstream_failed',
    1,
  ],
  [
    'an event that is no JSON',
    ({ socket }) => socket.write(stream('data: {"choices":[\n\n')),
    true,
    502,
    'upstream_malformed',
    1,
  ],
  [
    'and in the middle',
    ({ socket }) => socket.write(stream(`${p('a')}data: oops\n\n`)),
    true,
    200,
    'upstream_malformed',
    1,
  ],
  [
    'lines that are no events',
    ({ socket }) => socket.write(stream(`${p('a')}{"choices":[]}\n\n`)),
    true,
    200,
    'upstream_malformed',
    1,
  ],
  [
    'a NUL',
    ({ socket }) => socket.write(stream(`${p('a')}data: \0\n\n`)),
    true,
    200,
    'upstream_malformed',
    1,
  ],
  [
    'broken UTF-8',
    ({ socket }) =>
      socket.write(Buffer.from(stream('data: {"choices":[],"a":"\xff"}\n\n'), 'latin1')),
    true,
    502,
    'upstream_malformed',
    1,
  ],
  [
    'an error in the stream',
    ({ socket }) => socket.write(stream(`${p('a')}data: ${error('x')}\n\n`)),
    true,
    200,
    'upstream_failed',
    1,
  ],
  [
    'a line of 100 MB',
    ({ socket }) => {
      socket.write(`${EVENTS}6400000\r\ndata: "`)
      const more = () => {
        while (!socket.destroyed && socket.write('x'.repeat(1 << 16)));
      }
      socket.on('drain', more)
      more()
    },
    true,
    502,
    'upstream_too_large',
    1,
  ],
  [
    'a body of 100 MB',
    ({ socket }) => {
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 104857600\r\n\r\n"',
      )
      const more = () => {
        while (!socket.destroyed && socket.write('x'.repeat(1 << 16)));
      }
      socket.on('drain', more)
      more()
    },
    false,
    502,
    'upstream_too_large',
    1,
  ],
  [
    'heads without an end',
    ({ socket }) => {
      const more = () => {
        while (!socket.destroyed && socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000)));
      }
      socket.on('drain', more)
      more()
    },
    false,
    502,
    'upstream_too_large',
    1,
  ],
  [
    'a gzip bomb',
    ({ socket }) => socket.write(whole(200, bomb, { 'content-encoding': 'gzip' })),
    false,
    502,
    'upstream_encoding',
    1,
  ],
  [
    'brotli in a stream',
    ({ socket }) =>
      socket.write(
        whole(200, brotliCompressSync(p('a')), {
          'content-type': 'text/event-stream',
          'content-encoding': 'br',
        }),
      ),
    true,
    502,
    'upstream_encoding',
    1,
  ],
  [
    'HTML',
    ({ socket }) => socket.write(whole(200, '<html>', { 'content-type': 'text/html' })),
    false,
    502,
    'upstream_content_type',
    1,
  ],
  [
    'JSON for a stream',
    ({ socket }) => socket.write(whole(200, completion('m', 'x'))),
    true,
    502,
    'upstream_content_type',
    1,
  ],
  [
    'a stream for JSON',
    ({ socket }) => socket.write(stream(p('a') + DONE)),
    false,
    502,
    'upstream_content_type',
    1,
  ],
  [
    '204',
    ({ socket }) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'),
    false,
    502,
    'upstream_malformed',
    1,
  ],
  [
    '400',
    ({ socket }) => socket.write(whole(400, error('temperature: too hot'))),
    false,
    400,
    'upstream_refused',
    0,
  ],
  [
    '400 with a long body',
    ({ socket }) => socket.write(whole(400, 'x'.repeat(1 << 20))),
    true,
    400,
    'upstream_refused',
    0,
  ],
  [
    '401',
    ({ socket }) => socket.write(whole(401, error('bad key'))),
    false,
    502,
    'upstream_key_refused',
    1,
  ],
  ['403', ({ socket }) => socket.write(whole(403, '')), true, 502, 'upstream_key_refused', 1],
  ['404', ({ socket }) => socket.write(whole(404, 'no')), false, 502, 'upstream_not_found', 0],
  [
    '429',
    ({ socket }) => socket.write(whole(429, error('slow down'))),
    false,
    429,
    'upstream_busy',
    0,
  ],
  [
    '429, come in an hour',
    ({ socket }) => socket.write(whole(429, error('slow down'), { 'retry-after': '3600' })),
    true,
    429,
    'upstream_busy',
    0,
  ],
  ['500', ({ socket }) => socket.write(whole(500, 'oh')), false, 502, 'upstream_failed', 1],
  [
    '503, come in a minute',
    ({ socket }) => socket.write(whole(503, '', { 'retry-after': '60' })),
    true,
    502,
    'upstream_failed',
    1,
  ],
  ['599', ({ socket }) => socket.write(whole(599, error('x'))), true, 502, 'upstream_failed', 1],
]
const model = (i) => `m${i}`

const site = folder({ 'index.html': 'page' })
const TIMES = ['--upstream-first-ms', '400', '--upstream-idle-ms', '300', '--inference-ms', '1500']
const MANY = ['--upstream-failures-max', '1000']
let far
let server
before(async () => {
  far = await foreign((request) => {
    const row = matrix[Number(request.body.model.slice(1))]
    if (row) row[1](request)
    else good(request)
  })
  const models = [...matrix.map((_, i) => model(i)), 'good']
  server = await startWithUpstream(site.at, far, models, [...TIMES, ...MANY])
})
after(async () => {
  await server.stop()
  await far.close()
  site.remove()
})

const ask = (name, more = {}) => ({
  model: name,
  messages: [{ role: 'user', content: 'hello' }],
  ...more,
})
const chat = (at, body, headers) => post(at, '/v1/chat/completions', body, headers)

function errorOf(got) {
  if (got.status !== 200) return got.body.error
  const events = got.body.split('\n\n').filter(Boolean)
  assert.ok(events.every((e) => e.startsWith('data: ')))
  const { error } = JSON.parse(events.at(-1).slice(6))
  assert.ok(error, 'the last event is the error')
  assert.ok(!got.body.includes('[DONE]'))
  return error
}

matrix.forEach(([name, , streamed, status, code, failures], i) => {
  test(`fault: ${name}`, async () => {
    const before = await farMetric(server, 'failures_total')
    const got = await chat(server, ask(model(i), { stream: streamed }))
    const error = errorOf(got)
    assert.equal(error.code, code)
    assert.equal(got.status, status)
    assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code'])
    assert.match(error.message, /^the upstream far /)
    assert.equal((await farMetric(server, 'failures_total')) - before, failures)
    assert.equal(await farMetric(server, 'open'), 0)
  })
})

test('after all of that a good request is answered, and no descriptor was lost', async () => {
  const got = await chat(server, ask('good'))
  assert.equal(got.status, 200)
  assert.equal(got.body.choices[0].message.content, 'Hello wörld')
  await sleep(100)
  const n = readdirSync(`/proc/${server.pid}/fd`).length
  assert.ok(n < 40, `${n} descriptors after ${matrix.length} faults`)
})

test('how often each was sent, and what the client is told of when to come again', async () => {
  const tries = (name) => far.of(model(matrix.findIndex((row) => row[0] === name))).length
  assert.equal(tries('500'), 3)
  assert.equal(tries('closed at once'), 3)
  assert.equal(tries('429'), 3)
  for (const once of [
    '400',
    '401',
    'silence',
    'cut in the body',
    'half a JSON',
    'and in the middle',
  ])
    assert.equal(tries(once), 1, once)
  assert.equal(tries('429, come in an hour'), 1)
  assert.equal(tries('503, come in a minute'), 1)
  const at = far.of(model(matrix.findIndex((row) => row[0] === '500'))).map((r) => r.at)
  assert.ok(at[1] - at[0] >= 195 && at[2] - at[1] >= 395, `${at[1] - at[0]} ${at[2] - at[1]}`)
  const i = matrix.findIndex((row) => row[0] === '429, come in an hour')
  const later = await chat(server, ask(model(i)))
  assert.equal(later.headers.get('retry-after'), '3600')
  assert.match(
    (await chat(server, ask(model(matrix.findIndex((row) => row[0] === '400'))))).body.error
      .message,
    /does not take the request: temperature: too hot$/,
  )
})

test('a fault in what waited for a slow client is told, though more follows', async () => {
  const held = await foreign(({ socket, body }) => {
    const long = piece(body.model, 'x'.repeat(600000)) // the client cannot have it at once: a pause
    socket.write(EVENTS + chunk(long) + chunk('data: oops\n\n') + chunk(p('late') + DONE) + END)
  })
  const idleMs = 20_000
  const args = ['--upstream-idle-ms', String(idleMs), ...MANY]
  const at = await startWithUpstream(site.at, held, ['a'], args)
  for (let pauses = 1; pauses <= 5; pauses++) {
    const from = performance.now()
    const got = await chat(at, ask('a', { stream: true }))
    assert.equal(errorOf(got).code, 'upstream_malformed')
    assert.ok(!got.body.includes('late'), 'nothing is left out in the middle')
    assert.ok(performance.now() - from < idleMs / 2, 'at once, not when a deadline comes')
    assert.equal(await farMetric(at, 'pauses_total'), pauses)
    assert.equal(await farMetric(at, 'open'), 0)
  }
  await at.stop()
  await held.close()
})

test('no rest that would end behind the deadline: the fault is told instead', async () => {
  const ill = await foreign(({ socket }) => socket.write(whole(500, '')))
  const at = await startWithUpstream(site.at, ill, ['a'], ['--inference-ms', '150'])
  const got = await chat(at, ask('a'))
  assert.equal(got.body.error.code, 'upstream_failed')
  assert.equal(ill.requests.length, 1)
  await at.stop()
  await ill.close()
})

test('a fault that passes is not seen: 503, a reset, 429 with Retry-After, then an answer', async () => {
  const faults = [
    ({ socket }) => socket.write(whole(503, '')),
    ({ socket }) => socket.resetAndDestroy(),
    ({ socket }) => socket.write(whole(429, '', { 'retry-after': '1' })),
  ]
  const ill = await foreign((r) =>
    r.n <= 2 ? faults[(r.n + Number(r.body.seed)) % 3](r) : good(r),
  )
  const at = await startWithUpstream(site.at, ill, ['a', 'b', 'c'])
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const got = await chat(at, ask(name, { seed: i, stream: i === 1 }))
    assert.equal(got.status, 200)
    assert.ok(JSON.stringify(got.body).includes('wörld'))
    const times = ill.of(name).map((r) => r.at)
    assert.equal(times.length, 3)
    if (i === 0) assert.ok(times[2] - times[1] >= 990, 'it waited as long as it was asked to')
  }
  await at.stop()
  await ill.close()
})

test('the official client throws what is its own for each', async () => {
  const client = new OpenAI({ apiKey: 'none', baseURL: `${server.base}/v1`, maxRetries: 0 })
  const of = (name) => ask(model(matrix.findIndex((row) => row[0] === name)))
  await assert.rejects(client.chat.completions.create(of('400')), OpenAI.BadRequestError)
  await assert.rejects(client.chat.completions.create(of('429')), OpenAI.RateLimitError)
  await assert.rejects(client.chat.completions.create(of('401')), OpenAI.InternalServerError)
  const read = async () => {
    const request = { ...of('cut in the stream'), stream: true }
    for await (const c of await client.chat.completions.create(request)) assert.ok(c.choices)
  }
  await assert.rejects(read(), /ended before its answer did/)
})

test('the breaker: open after failures in a row, one try when half open, closed by an answer', async () => {
  let ill = true
  const one = await foreign((r) =>
    ill ? r.socket.write(whole(500, '')) : setTimeout(good, 200, r),
  )
  const args = [
    '--upstream-tries',
    '1',
    '--upstream-failures-max',
    '3',
    '--upstream-pause-ms',
    '400',
  ]
  const at = await startWithUpstream(site.at, one, ['a'], args)
  const state = () => farMetric(at, 'breaker')
  for (let i = 0; i < 3; i++) {
    assert.equal(await state(), 0)
    assert.equal((await chat(at, ask('a'))).body.error.code, 'upstream_failed')
  }
  assert.equal(await state(), 2)
  const refused = await chat(at, ask('a'))
  assert.equal(refused.status, 503)
  assert.equal(refused.body.error.code, 'upstream_unavailable')
  assert.equal(refused.headers.get('retry-after'), '1')
  assert.equal(one.requests.length, 3, 'it was left alone')
  await sleep(450)
  assert.equal((await chat(at, ask('a'))).body.error.code, 'upstream_failed') // half open: one try
  assert.equal((await chat(at, ask('a'))).body.error.code, 'upstream_unavailable')
  await sleep(450) // now it rests twice as long
  assert.equal((await chat(at, ask('a'))).body.error.code, 'upstream_unavailable')
  assert.equal(one.requests.length, 4)
  ill = false
  await sleep(450)
  const many = await Promise.all(Array.from({ length: 5 }, () => chat(at, ask('a'))))
  assert.equal(many.filter((r) => r.status === 200).length, 1, 'one tries, the others wait')
  assert.equal((await chat(at, ask('a'))).status, 200)
  assert.equal(await state(), 0)
  assert.equal(await farMetric(at, 'breaker_opened_total'), 2)
  assert.equal(await farMetric(at, 'failures_total'), 4)
  await at.stop()
  await one.close()
})

test('what takes long whole says nothing of the upstream; retries are one failure', async () => {
  const slow = await foreign((r) => (r.body.model === 'a' ? {} : r.socket.resetAndDestroy()))
  const args = ['--upstream-failures-max', '2', '--inference-ms', '2500']
  const first = ['--upstream-first-ms', '100']
  const at = await startWithUpstream(site.at, slow, ['a', 'b'], [...args, ...first])
  const many = await Promise.all(Array.from({ length: 4 }, () => chat(at, ask('a'))))
  for (const got of many) assert.equal(got.body.error.code, 'deadline')
  assert.equal(await farMetric(at, 'breaker'), 0)
  assert.equal(await farMetric(at, 'failures_total'), 0)
  assert.equal((await chat(at, ask('b'))).body.error.code, 'upstream_cut')
  assert.equal(await farMetric(at, 'breaker'), 0)
  assert.equal((await chat(at, ask('b'))).body.error.code, 'upstream_unavailable')
  assert.equal(await farMetric(at, 'breaker'), 2)
  assert.equal(slow.of('b').length, 4, 'three tries; then one, which opened it')
  await at.stop()
  await slow.close()
})

test('nobody there: refused, no such name, a connect that is not taken, no TLS', async () => {
  const port = await freePort()
  // a listener whose queue is full: the kernel drops further connects
  const hole = spawn('python3', ['-c', HOLE])
  const holePort = await new Promise((done) => hole.stdout.once('data', (d) => done(Number(d))))
  const plain = net.createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  const cases = [
    [`http://127.0.0.1:${port}/v1`, 502, 'upstream_unreachable', 1],
    ['http://nowhere.invalid/v1', 502, 'upstream_unreachable', 1],
    [`http://127.0.0.1:${holePort}/v1`, 504, 'upstream_connect_timeout', 1],
    [`https://127.0.0.1:${plain.address().port}/v1`, 502, 'upstream_tls', 1],
  ]
  for (const [url, status, code, failures] of cases) {
    const args = ['--upstream-connect-ms', '300', ...MANY]
    const at = await startWithUpstream(site.at, { url }, ['a'], args)
    const got = await chat(at, ask('a'))
    assert.equal(got.body.error?.code, code, url)
    assert.equal(got.status, status)
    assert.equal(await farMetric(at, 'failures_total'), failures)
    await at.stop()
  }
  hole.kill()
  plain.close()
})
const HOLE = `
import socket, sys
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(0)
full = [socket.socket() for _ in range(4)]
for c in full: c.setblocking(False); c.connect_ex(s.getsockname())
print(s.getsockname()[1], flush=True); sys.stdin.read()`

test('a name that is looked up for long stops nothing else', async () => {
  const env = preloaded(site.at)
  const args = ['--upstream-connect-ms', '500', '--upstream-tries', '1']
  const at = await startWithUpstream(site.at, { url: 'http://slow.test:9/v1' }, ['a'], args, env)
  let worst = 0
  let on = true
  const others = (async () => {
    while (on) {
      const from = performance.now()
      await (await fetch(`${at.base}/healthz`)).text()
      worst = Math.max(worst, performance.now() - from)
      await sleep(10)
    }
  })()
  const from = performance.now()
  assert.equal((await chat(at, ask('a'))).body.error.code, 'upstream_connect_timeout')
  assert.ok(performance.now() - from < 1500, 'the deadline holds')
  const abort = new AbortController()
  const gone = post(at, '/v1/chat/completions', ask('a'), {}, abort.signal).catch(() => 'gone')
  await sleep(200)
  abort.abort()
  assert.equal(await gone, 'gone')
  await sleep(4500) // both look-ups end
  on = false
  await others
  assert.ok(worst < 1000, `others waited ${worst} ms`)
  await at.stop()
})

test('a certificate is checked: nobody’s own, another name’s, and one that is trusted', async () => {
  const at = (name) => path.join(site.at, name)
  const make = (name, host) => {
    const files = ['-keyout', at(`${name}.pem`), '-out', at(`${name}.crt`)]
    const subject = ['-subj', '/CN=far', '-addext', `subjectAltName=${host}`]
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
        ...files,
        ...subject,
      ],
      { stdio: 'ignore' },
    )
    return { key: readFileSync(at(`${name}.pem`)), cert: readFileSync(at(`${name}.crt`)) }
  }
  for (const [name, host, trusted, code] of [
    ['own', 'IP:127.0.0.1', false, 'upstream_tls'],
    ['other', 'IP:127.0.0.9', true, 'upstream_tls'],
    ['good', 'IP:127.0.0.1', true, undefined],
  ]) {
    const far = await foreign(good, tls.createServer(make(name, host)))
    const args = trusted ? ['--upstream-ca-file', at(`${name}.crt`)] : []
    const url = far.url.replace('http:', 'https:')
    const server = await startWithUpstream(site.at, { url }, ['a'], args)
    const got = await chat(server, ask('a'))
    assert.equal(got.body.error?.code, code, name)
    assert.equal(far.requests.length, code ? 0 : 1)
    await server.stop()
    await far.close()
  }
})

test('more at a time than may be: 503; SIGTERM: what runs is finished, what comes is refused', async () => {
  const held = []
  const slow = await foreign((r) => held.push(r))
  const at = await startWithUpstream(site.at, slow, ['a'], ['--upstream-requests-max', '2'])
  const running = [chat(at, ask('a')), chat(at, ask('a', { stream: true }))]
  while (held.length < 2) await sleep(5)
  const over = await chat(at, ask('a'))
  assert.equal(over.status, 503)
  assert.equal(over.body.error.code, 'queue_full')
  at.signal('SIGTERM')
  await sleep(50)
  for (const request of held) good(request)
  for (const one of await Promise.all(running)) assert.equal(one.status, 200)
  assert.deepEqual(await at.exited, { code: 0, signal: null })
  await slow.close()
})
