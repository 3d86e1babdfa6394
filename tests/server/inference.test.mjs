// /v1 with the real model: what the official openai client sees, edits against the command line's,
// several clients at once, cancel, deadlines, a full queue, draining. See api.mjs.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import OpenAI from 'openai'
import { ask, metric, model, post, startWithModel } from './api.mjs'
import { connect, exchange, folder, found, parseReplies, sleep, start } from './harness.mjs'

const site = folder({ 'index.html': 'page' })
let server
let client
before(async () => {
  server = await startWithModel(site.at)
  client = new OpenAI({ apiKey: 'none needed', baseURL: `${server.base}/v1`, maxRetries: 0 })
})
after(async () => {
  await server.stop()
  site.remove()
})

test('models: a list of the one there is, also by its id', async () => {
  const list = await client.models.list()
  assert.deepEqual(
    list.data.map((m) => [m.id, m.object]),
    [[server.model, 'model']],
  )
  assert.equal((await client.models.retrieve(server.model)).id, server.model)
  await assert.rejects(client.models.retrieve('gpt-4'), OpenAI.NotFoundError)
})

test('a completion: text, reason, usage; a stream of it is the same text', async () => {
  const request = ask(server, 'Say hello in five words.', { max_tokens: 20 })
  const whole = await client.chat.completions.create(request)
  const choice = whole.choices[0]
  assert.equal(whole.object, 'chat.completion')
  assert.match(whole.id, /^chatcmpl-[0-9a-f]{24}$/)
  assert.equal(choice.message.role, 'assistant')
  assert.ok(choice.message.content.length > 5)
  assert.equal(choice.finish_reason, 'stop')
  assert.ok(whole.usage.prompt_tokens > 10 && whole.usage.completion_tokens > 2)
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
  const stream = await client.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  let usage
  const reasons = []
  let chunks = 0
  for await (const chunk of stream) {
    chunks++
    assert.equal(chunk.object, 'chat.completion.chunk')
    text += chunk.choices[0]?.delta.content ?? ''
    if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason)
    if (chunk.choices.length === 0) usage = chunk.usage
    else assert.equal(chunk.usage, null)
  }
  assert.equal(text, choice.message.content)
  assert.deepEqual(reasons, ['stop'])
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens)
  assert.ok(usage.prompt_tokens_details.cached_tokens > 0, 'the prompt was in the cache')
  assert.ok(chunks > 4, 'token by token')
})

test('stop ends the text before the stop, max_completion_tokens cuts it', async () => {
  const whole = await client.chat.completions.create(ask(server, 'Count from one to nine.'))
  assert.equal(whole.choices[0].finish_reason, 'length')
  assert.equal(whole.usage.completion_tokens, 12)
  const text = whole.choices[0].message.content
  const stop = text.slice(6, 9)
  for (const given of [stop, ['never there', stop]]) {
    const cut = await client.chat.completions.create(
      ask(server, 'Count from one to nine.', { stop: given }),
    )
    assert.equal(cut.choices[0].message.content, text.slice(0, text.indexOf(stop)))
    assert.equal(cut.choices[0].finish_reason, 'stop')
  }
  const short = await client.chat.completions.create(
    ask(server, 'Count from one to nine.', { max_completion_tokens: 3 }),
  )
  assert.equal(short.usage.completion_tokens, 3)
})

test('n choices differ, a seed gives them again, another one does not', async () => {
  const request = ask(server, 'Invent a name for a cat.', { temperature: 1.5, n: 3, seed: 11 })
  const texts = (r) => r.choices.map((c) => c.message.content)
  const first = await client.chat.completions.create(request)
  assert.deepEqual(
    first.choices.map((c) => c.index),
    [0, 1, 2],
  )
  assert.ok(new Set(texts(first)).size > 1)
  assert.deepEqual(texts(await client.chat.completions.create(request)), texts(first))
  const other = await client.chat.completions.create({ ...request, seed: 12 })
  assert.notDeepEqual(texts(other), texts(first))
  const streamed = ['', '', '']
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true }))
    streamed[chunk.choices[0].index] += chunk.choices[0].delta.content ?? ''
  assert.deepEqual(streamed, texts(first))
})

test('messages: system and developer, parts of text, a conversation', async () => {
  const { choices } = await client.chat.completions.create({
    ...ask(server, ''),
    messages: [
      { role: 'developer', content: 'Answer in French.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Say ' },
          { type: 'text', text: 'hello.' },
        ],
      },
      { role: 'assistant', content: 'Bonjour.' },
      { role: 'user', content: 'And goodbye?' },
    ],
  })
  const joined = await client.chat.completions.create({
    ...ask(server, ''),
    messages: [
      { role: 'system', content: 'Answer in French.' },
      { role: 'user', content: 'Say hello.' },
      { role: 'assistant', content: 'Bonjour.' },
      { role: 'user', content: 'And goodbye?' },
    ],
  })
  assert.equal(choices[0].message.content, joined.choices[0].message.content)
})

const lines = [
  'their going too the libary',
  '<i>she dont like the the new office</i>',
  'we was waiting at 10:30 for Mr. Patel',
  'I have been working here for ten years',
]

test('edits are those of the command line, with a receipt', async () => {
  const srt = path.join(site.at, 'lines.srt')
  const cue = (text, i) => `${i + 1}\n00:00:0${i},000 --> 00:00:0${i},900\n${text}\n`
  writeFileSync(srt, lines.map(cue).join('\n'))
  const run = spawnSync(
    path.resolve('build/native/nearfield'),
    ['edit', '--task', 'fix', '--n', '2', '--seed', '3', '--json', srt],
    { encoding: 'utf8' },
  )
  assert.equal(run.status, 0, run.stderr)
  const report = JSON.parse(run.stdout)
  for (const want of report.cues) {
    const body = { task: 'fix', text: want.before, variants: 2, seed: 3 }
    const { status, body: got } = await post(server, '/v1/edit', body)
    assert.equal(status, 200, JSON.stringify(got))
    assert.equal(got.text, want.after)
    assert.equal(got.verdict, want.verdict)
    assert.equal(got.why, want.why)
    assert.deepEqual(
      got.variants.map((v) => v.text),
      (want.variants ?? []).map((v) => v.text ?? v.after),
    )
    let text = ''
    let at = 0
    for (const c of got.changes) {
      text += want.before.slice(at, c.start) + c.replacement
      at = c.end
    }
    assert.equal(text + want.before.slice(at), got.text, 'the changes make the new text')
    const r = got.receipt
    assert.equal(r.source, 'server')
    assert.equal(r.backend, 'native')
    assert.equal(r.model.id, server.model)
    assert.match(r.model.sha256, /^[0-9a-f]{64}$/)
    assert.equal(r.inputTokens, want.inputTokens)
    assert.equal(r.outputTokens, want.outputTokens)
    assert.equal(r.passes, want.passes)
    assert.equal(r.bytesSent, Buffer.byteLength(JSON.stringify(body)))
    assert.ok(r.totalMs >= 0 && r.queueMs >= 0 && r.costUsd === 0)
    assert.deepEqual(r.attempts[0].outcome, 'ok')
  }
  assert.ok(report.cues.some((c) => c.verdict === 'changed'))
})

test('limits, protected terms, and a task that is not offered', async () => {
  const long = 'So I think that we really should, you know, leave for the station right now'
  const { body } = await post(server, '/v1/edit', { task: 'shorten', text: long, maxChars: 60 })
  assert.ok(body.verdict === 'unfit' || body.text.length <= 60)
  const kept = await post(server, '/v1/edit', {
    task: 'fix',
    text: 'the Wibbelfax are broke',
    protect: ['Wibbelfax'],
    context: { before: 'Look.', after: 'Yes.' },
    format: 'vtt',
    priority: 'idle',
  })
  assert.match(kept.body.text, /Wibbelfax/)
  const poor = await post(server, '/v1/edit', { task: 'rewrite', text: 'gonna go' })
  assert.equal(poor.status, 400)
  assert.match(poor.body.error.message, /not offered/)
  assert.equal(
    (await post(server, '/v1/edit', { task: 'rewrite', text: 'gonna go', evenIfPoor: true }))
      .status,
    200,
  )
})

test('clients at once: all are served, their works share passes, answers are the same', async () => {
  const alone = await Promise.all(
    lines.map(async (text) => (await post(server, '/v1/edit', { task: 'fix', text })).body.text),
  )
  const before = [
    await metric(server, 'nearfield_inference_passes_total'),
    await metric(server, 'nearfield_inference_pass_works_total'),
  ]
  const many = Array.from({ length: 12 }, (_, i) => lines[i % lines.length])
  const chat = client.chat.completions.create(ask(server, 'Say hello in five words.'))
  const together = await Promise.all(
    many.map((text) => post(server, '/v1/edit', { task: 'fix', text })),
  )
  together.forEach((r, i) => {
    assert.equal(r.body.text, alone[i % lines.length])
  })
  assert.ok((await chat).choices[0].message.content.length > 0)
  const passes = (await metric(server, 'nearfield_inference_passes_total')) - before[0]
  const works = (await metric(server, 'nearfield_inference_pass_works_total')) - before[1]
  assert.ok(works > 1.5 * passes, `${works} in ${passes} passes`)
})

const HUNG_MS = 60_000 // an edit takes seconds in a sanitizer's build on a busy machine

const running = (at) => metric(at, 'nearfield_inference_running')
const idle = (at) => found(async () => (await running(at)) === 0)

test('a client that goes: its work ends, streamed or not, and the engine is free', async () => {
  const gone = await metric(server, 'nearfield_inference_requests_total{outcome="gone"}')
  const long = ask(server, 'Tell me a very long story.', { max_tokens: 900, temperature: 1 })
  const stream = await client.chat.completions.create({ ...long, stream: true })
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break // ends the request
  }
  await idle(server) // the stream was cancelled
  const abort = new AbortController()
  const waiting = post(server, '/v1/chat/completions', long, {}, abort.signal)
  while ((await running(server)) === 0) await sleep(10)
  abort.abort()
  await assert.rejects(waiting)
  await idle(server) // the whole one was cancelled
  const tokens = await metric(server, 'nearfield_inference_requests_total{outcome="gone"}')
  assert.equal(tokens - gone, 2)
  assert.equal((await post(server, '/v1/edit', { task: 'fix', text: lines[0] })).status, 200)
})

test('one connection: chunks in, answers in order, more requests behind', async () => {
  const body = Buffer.from(JSON.stringify({ task: 'fix', text: 'café, their here' }))
  const head = `POST /v1/edit HTTP/1.1\r\nHost: ${server.host}\r\nContent-Type: application/json\r\n`
  const c = await connect(server.port)
  c.send(`${head}Transfer-Encoding: chunked\r\n\r\n`)
  for (const byte of body)
    c.send(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]))
  c.send(`0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: ${server.host}\r\n\r\n`)
  c.send(`${head}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`)
  c.send(body)
  assert.ok(await c.until((b) => parseReplies(b).length === 3, HUNG_MS))
  const [first, health, last] = parseReplies(c.bytes())
  assert.equal(first.status, 200)
  assert.equal(health.body.toString(), 'ok\n')
  assert.equal(JSON.parse(first.body).text, JSON.parse(last.body).text)
  c.socket.destroy()
})

test('HTTP/1.0 gets its stream without chunks, until the connection ends', async () => {
  const body = JSON.stringify(ask(server, 'Say hello.', { stream: true, max_tokens: 4 }))
  const { raw, closed } = await exchange(
    server.port,
    `POST /v1/chat/completions HTTP/1.0\r\nHost: ${server.host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    { ms: HUNG_MS },
  )
  assert.ok(closed)
  assert.doesNotMatch(raw.toString(), /transfer-encoding/i)
  assert.match(raw.toString(), /\r\n\r\ndata: \{.*data: \[DONE\]\n\n$/s)
})

test('nothing of what was asked or answered is in the log', async () => {
  const secret = 'Zanzibarowitsch'
  await post(server, '/v1/edit', { task: 'fix', text: `${secret} are here` })
  await post(server, '/v1/edit', { task: 'fix', text: `${secret} are here`, [secret]: 1 })
  await post(server, '/v1/chat/completions', `{"model": "${secret}"`)
  await client.chat.completions.create(ask(server, `Greet ${secret}.`))
  await fetch(`${server.base}/asked-last`)
  await found(() => server.lines().some((l) => l.path === '/asked-last'))
  assert.ok(server.lines().some((l) => l.path === '/v1/edit' && l.why === 'unknown_parameter'))
  assert.ok(!server.log().includes(secret))
})

test('a full queue says 503 and when to come again; a late answer says 504', async (t) => {
  const edit = { task: 'fix', text: lines[0] }
  const begin = performance.now()
  await post(server, '/v1/edit', edit)
  // what is late here: a multiple of what an edit takes in this build on this machine now
  const lateMs = Math.max(2500, Math.ceil(8 * (performance.now() - begin)))
  const args = ['--sessions-max', '1', '--queue-max', '8', '--inference-ms', String(lateMs)]
  const small = await startWithModel(site.at, args)
  t.after(() => small.signal('SIGKILL')) // nothing waits for it where the test fails
  const said = (r) => `${r.status} ${JSON.stringify(r.body)} of ${lateMs} ms`
  let opened = await post(small, '/v1/edit', edit)
  // the first waits for the file, too
  for (let i = 0; i < 5 && opened.status === 504; i++) opened = await post(small, '/v1/edit', edit)
  assert.equal(opened.status, 200, said(opened))
  // what was said is said again, the more the oftener: it does not end before its time
  const long = ask(small, 'Tell me a very long story.', { max_tokens: 900, frequency_penalty: -2 })
  const streaming = post(small, '/v1/chat/completions', { ...long, stream: true })
  while ((await running(small)) === 0) await sleep(5)
  const replies = await Promise.all(
    Array.from({ length: 14 }, () => post(small, '/v1/chat/completions', long)),
  )
  const streamed = await streaming
  assert.equal(streamed.status, 200, said(streamed))
  assert.match(streamed.body, /"code":"deadline"\}\}\n\n$/)
  const other = replies.filter((r) => r.status !== 503 && r.status !== 504)
  assert.deepEqual(other.map(said), [])
  const busy = replies.filter((r) => r.status === 503)
  const late = replies.filter((r) => r.status === 504)
  assert.equal(late.length, 8, `${late.length} waited, ${busy.length} were turned away`)
  assert.equal(busy[0].body.error.code, 'queue_full')
  assert.equal(busy[0].headers.get('retry-after'), '1')
  assert.equal(late[0].body.error.code, 'deadline')
  const after = await post(small, '/v1/edit', edit)
  assert.equal(after.status, 200, said(after))
  await small.stop()
})

test('SIGTERM: what runs is finished, what comes is refused', async (t) => {
  const drained = await startWithModel(site.at, ['--drain-ms', String(HUNG_MS)])
  t.after(() => drained.signal('SIGKILL'))
  const body = ask(drained, 'Tell me a story.', {
    max_tokens: 60,
    temperature: 1,
    seed: 1,
    stream: true,
  })
  const reply = await fetch(`${drained.base}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  drained.signal('SIGTERM')
  assert.match(await reply.text(), /data: \[DONE\]\n\n$/)
  assert.deepEqual(await drained.exited, { code: 0, signal: null })
})

test('a model that is none: 503, the reason in the log and not in the answer', async () => {
  const models = folder({ 'junk.gguf': 'GGUF and no more' })
  const broken = await start(['--root', site.at, '--models', models.at])
  broken.base = `http://${broken.host}`
  const edits = async () => (await (await fetch(`${broken.base}/v1/models`)).json()).nearfield.edits
  while ((await fetch(`${broken.base}/readyz`)).status !== 200) await sleep(20)
  assert.equal(await edits(), true) // nobody has opened it yet
  const reply = await post(broken, '/v1/edit', { task: 'fix', text: lines[0] })
  assert.equal(await edits(), false)
  assert.equal(reply.status, 503)
  assert.equal(reply.body.error.code, 'model_unusable')
  assert.ok(!JSON.stringify(reply.body).includes(models.at))
  const event = await found(() => broken.lines().find((l) => l.event === 'inference failed'))
  assert.ok(event.detail.length > 10)
  await broken.stop()
  models.remove()
})

test('no model, or none wanted', async () => {
  const none = await start(['--root', site.at])
  none.base = `http://${none.host}`
  const list = await (await fetch(`${none.base}/v1/models`)).json()
  assert.deepEqual([list.data, list.nearfield], [[], { edits: false, tuned: [] }])
  assert.equal(
    (await post(none, '/v1/edit', { task: 'fix', text: 'a b' })).body.error.code,
    'model_not_found',
  )
  await none.stop()
  const off = await start(['--root', site.at, '--model', model, '--inference', 'no'])
  off.base = `http://${off.host}`
  assert.equal(
    (await post(off, '/v1/edit', { task: 'fix', text: 'a b' })).body.error.code,
    'inference_off',
  )
  await off.stop()
})
