// What /v1 refuses, as a table: each case is answered at once, in OpenAI's shape, with a line that
// names the place, and leaves the server as it was. No model is opened here.
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { post } from './api.mjs'
import { exchange, folder, get, runOnce, start } from './harness.mjs'

const site = folder({ 'index.html': 'page', 'models/tiny.gguf': 'not looked into' })
const models = path.join(site.at, 'models')
let server
before(async () => {
  server = await start(['--root', site.at, '--models', models, '--api-body-bytes-max', '20000'])
  server.base = `http://${server.host}`
  while ((await get(server, '/readyz')).status !== 200) await new Promise((r) => setTimeout(r, 20))
})
after(async () => {
  await server.stop()
  site.remove()
})

const user = [{ role: 'user', content: 'hi' }]
const chat = (more) => ({ model: 'tiny', messages: user, ...more })
const edit = (more) => ({ task: 'fix', text: 'a line', ...more })
const chats = [
  ['no body', '', 'invalid_json', null],
  ['no JSON', 'hello', 'invalid_json', null],
  ['half of it', '{"model": "tiny"', 'invalid_json', null],
  ['two values', '{} {}', 'invalid_json', null],
  ['a trailing comma', '{"model": "tiny",}', 'invalid_json', null],
  ['a comment', '{/* */"model": "tiny"}', 'invalid_json', null],
  ['NaN', '{"model": "tiny", "temperature": NaN}', 'invalid_json', null],
  ['an array', '[]', 'invalid_json', null],
  ['no UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_json', null],
  ['half a surrogate', '{"model": "\\ud800"}', 'invalid_json', null],
  ['a name twice', '{"model": "a", "model": "tiny"}', 'invalid_json', null],
  ['nested too deep', `{"model": ${'['.repeat(30)}${']'.repeat(30)}}`, 'invalid_json', null],
  [
    '300 members',
    JSON.stringify(Object.fromEntries([...Array(300).keys()].map((i) => [`k${i}`, 1]))),
    'invalid_json',
    null,
  ],
  ['no model', { messages: user }, 'missing_required_parameter', 'model'],
  ['another model', chat({ model: 'gpt-4' }), 'model_not_found', 'model'],
  ['model is a number', chat({ model: 1 }), 'invalid_value', 'model'],
  ['no messages', { model: 'tiny' }, 'missing_required_parameter', 'messages'],
  ['messages is text', chat({ messages: 'hi' }), 'invalid_value', 'messages'],
  ['messages is empty', chat({ messages: [] }), 'invalid_value', 'messages'],
  ['a message is text', chat({ messages: ['hi'] }), 'invalid_value', 'messages[0]'],
  [
    'no role',
    chat({ messages: [{ content: 'hi' }] }),
    'missing_required_parameter',
    'messages[0].role',
  ],
  [
    'a role',
    chat({ messages: [...user, { role: 'tool', content: '' }] }),
    'invalid_value',
    'messages[1].role',
  ],
  [
    'no content',
    chat({ messages: [{ role: 'user' }] }),
    'missing_required_parameter',
    'messages[0].content',
  ],
  [
    'an image',
    chat({
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }],
    }),
    'invalid_value',
    'messages[0].content',
  ],
  [
    'a tool call',
    chat({ messages: [{ role: 'assistant', content: '', tool_calls: [{}] }] }),
    'unsupported_parameter',
    'messages[0].tool_calls',
  ],
  ['too hot', chat({ temperature: 2.1 }), 'invalid_value', 'temperature'],
  ['temperature is text', chat({ temperature: '1' }), 'invalid_value', 'temperature'],
  ['top_p', chat({ top_p: -0.1 }), 'invalid_value', 'top_p'],
  ['penalty', chat({ presence_penalty: 3 }), 'invalid_value', 'presence_penalty'],
  ['no tokens', chat({ max_tokens: 0 }), 'invalid_value', 'max_tokens'],
  ['half a token', chat({ max_completion_tokens: 1.5 }), 'invalid_value', 'max_completion_tokens'],
  [
    'more than 2^63',
    '{"model":"tiny","messages":[{"role":"user","content":"a"}],"seed":18446744073709551615}',
    'invalid_value',
    'seed',
  ],
  ['nine choices', chat({ n: 9 }), 'invalid_value', 'n'],
  ['five stops', chat({ stop: ['a', 'b', 'c', 'd', 'e'] }), 'invalid_value', 'stop'],
  ['an empty stop', chat({ stop: [''] }), 'invalid_value', 'stop'],
  ['stop is a number', chat({ stop: 3 }), 'invalid_value', 'stop'],
  ['stream is text', chat({ stream: 'yes' }), 'invalid_value', 'stream'],
  [
    'options without a stream',
    chat({ stream_options: { include_usage: true } }),
    'invalid_value',
    'stream_options',
  ],
  [
    'an option',
    chat({ stream: true, stream_options: { usage: true } }),
    'unknown_parameter',
    'stream_options.usage',
  ],
  ['tools', chat({ tools: [{ type: 'function' }] }), 'unsupported_parameter', 'tools'],
  ['logprobs', chat({ logprobs: true }), 'unsupported_parameter', 'logprobs'],
  [
    'JSON mode',
    chat({ response_format: { type: 'json_object' } }),
    'unsupported_parameter',
    'response_format',
  ],
  ['a misspelling', chat({ temprature: 1 }), 'unknown_parameter', 'temprature'],
]
const edits = [
  ['no task', { text: 'a' }, 'missing_required_parameter', 'task'],
  ['a task', edit({ task: 'translate' }), 'invalid_value', 'task'],
  ['no text', { task: 'fix' }, 'missing_required_parameter', 'text'],
  ['text is null', edit({ text: null }), 'missing_required_parameter', 'text'],
  ['text too long', edit({ text: 'a'.repeat(4097) }), 'invalid_value', 'text'],
  ['a format', edit({ format: 'ass' }), 'invalid_value', 'format'],
  ['a limit below zero', edit({ maxChars: -1 }), 'invalid_value', 'maxChars'],
  ['half a line', edit({ maxLines: 0.5 }), 'invalid_value', 'maxLines'],
  ['maxCps is text', edit({ maxCps: '20' }), 'invalid_value', 'maxCps'],
  ['six variants', edit({ variants: 6 }), 'invalid_value', 'variants'],
  ['a seed below zero', edit({ seed: -1 }), 'invalid_value', 'seed'],
  ['protect is text', edit({ protect: 'a' }), 'invalid_value', 'protect'],
  ['an expression', edit({ protect: [{}] }), 'invalid_value', 'protect'],
  ['context is text', edit({ context: 'a' }), 'invalid_value', 'context'],
  ['in the context', edit({ context: { next: 'a' } }), 'unknown_parameter', 'context.next'],
  ['a priority', edit({ priority: 'high' }), 'invalid_value', 'priority'],
  ['a key', edit({ key: 'cue-1' }), 'unsupported_parameter', 'key'],
  ['another model', edit({ model: 'big' }), 'model_not_found', 'model'],
]

for (const [url, cases] of [
  ['/v1/chat/completions', chats],
  ['/v1/edit', edits],
]) {
  for (const [name, body, code, param] of cases) {
    test(`${url}: ${name}`, async () => {
      const reply = await post(server, url, body)
      assert.equal(reply.status, code === 'model_not_found' ? 404 : 400, JSON.stringify(reply.body))
      const { error } = reply.body
      assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code'])
      assert.equal(error.code, code)
      assert.equal(error.param, param)
      assert.equal(error.type, 'invalid_request_error')
      assert.ok(error.message.length > 10 && !error.message.includes('\n'))
      if (param) assert.ok(error.message.includes(param), error.message)
    })
  }
}

test('fields that say nothing are no reason to refuse', async () => {
  const body = chat({
    tools: [],
    logprobs: false,
    response_format: { type: 'text' },
    user: 'me',
    stop: null,
    n: null,
    model: 'other',
  })
  assert.equal(
    (await post(server, '/v1/chat/completions', body)).body.error.code,
    'model_not_found',
  )
})

test('a page of another site asks in vain', async () => {
  const send = (headers) => post(server, '/v1/edit', edit({ model: 'other' }), headers)
  const own = `http://${server.host}`
  for (const [headers, status] of [
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: `${own}.evil.example` }, 403],
    [{ origin: `ftp://${server.host}` }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: own, 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'content-type': 'text/plain' }, 415],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 415],
    [{ 'content-type': 'application/jsonp' }, 415],
    [{ 'content-type': 'application/json; charset=utf-8' }, 404],
    [{ origin: own }, 404],
    [{ origin: own, 'sec-fetch-site': 'same-origin' }, 404],
  ]) {
    const reply = await send(headers)
    assert.equal(reply.status, status, JSON.stringify(headers))
    assert.ok(reply.body.error.message)
    assert.equal(reply.headers.get('access-control-allow-origin'), null)
  }
  const preflight = await get(server, '/v1/edit', { Origin: 'http://evil.example' }, 'OPTIONS')
  assert.equal(preflight.status, 405)
  assert.equal(preflight.headers.allow, 'POST')
})

test('other methods and paths', async () => {
  for (const [method, url, status, allow] of [
    ['GET', '/v1/edit', 405, 'POST'],
    ['DELETE', '/v1/models', 405, 'GET, HEAD'],
    ['POST', '/v1/models', 405, 'GET, HEAD'],
    ['GET', '/v1/completions', 404, undefined],
    ['GET', '/v1/', 404, undefined],
    ['POST', '/index.html', 405, 'GET, HEAD'],
  ]) {
    const reply = await get(server, url, { 'Content-Length': '0' }, method)
    assert.equal(reply.status, status, `${method} ${url}`)
    assert.equal(reply.headers.allow, allow)
  }
})

test('a body over the limit is refused before it is read, and while it is', async () => {
  const big = { ...edit(), protect: ['x'.repeat(30000)] }
  assert.equal((await post(server, '/v1/edit', big)).status, 413)
  const head = `POST /v1/edit HTTP/1.1\r\nHost: ${server.host}\r\nContent-Type: application/json\r\n`
  const chunk = `2000\r\n${' '.repeat(8192)}\r\n`
  const { replies, closed } = await exchange(
    server.port,
    `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`,
  )
  assert.equal(replies[0].status, 413)
  assert.ok(closed)
})

test('over the requests a minute: 429 and when to come again', async () => {
  const slow = await start(['--root', site.at, '--models', models, '--client-requests-minute', '3'])
  slow.base = `http://${slow.host}`
  for (let i = 0; i < 3; i++)
    assert.equal((await post(slow, '/v1/edit', edit({ model: 'other' }))).status, 404)
  const reply = await post(slow, '/v1/chat/completions', chat({ model: 'other' }))
  assert.equal(reply.status, 429)
  assert.equal(reply.body.error.code, 'rate_limit_exceeded')
  assert.equal(reply.body.error.type, 'rate_limit_error')
  const wait = Number(reply.headers.get('retry-after'))
  assert.ok(wait >= 15 && wait <= 20, `${wait} s`)
  assert.equal((await get(slow, '/healthz')).status, 200)
  await slow.stop()
})

test('where a token is set, /v1 wants it', async () => {
  const file = path.join(site.at, 'token')
  const token = (await runOnce(['--make-token', file])).stdout.trim()
  chmodSync(file, 0o600)
  const guarded = await start(['--root', site.at, '--models', models, '--token-file', file])
  guarded.base = `http://${guarded.host}`
  for (const [headers, status] of [
    [{}, 401],
    [{ authorization: 'Bearer nope' }, 401],
    [{ authorization: `Basic ${token}` }, 401],
    [{ authorization: `Bearer ${token}` }, 404],
  ]) {
    const reply = await post(guarded, '/v1/edit', edit({ model: 'other' }), headers)
    assert.equal(reply.status, status)
    if (status === 401) assert.equal(reply.body.error.code, 'invalid_api_key')
  }
  assert.equal((await fetch(`${guarded.base}/v1/models`)).status, 401)
  assert.equal((await fetch(`${guarded.base}/`)).status, 200)
  await guarded.stop()
})
