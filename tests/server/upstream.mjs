// An upstream of the test's own: a TCP server that reads each request whole and answers as it is
// told, down to single bytes. And a nearfield-server that asks it. Owns no test.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import { start } from './harness.mjs'

export const KEY = 'sk-canary-5f1d0c9ae27b4c6f'

/**
 * answer({socket, head, body, n}) for each request; body parsed, n counts from 1 by model.
 * {port, url, requests, sockets, close()}
 */
export async function foreign(answer, server = net.createServer()) {
  const requests = []
  const sockets = new Set()
  const counts = new Map()
  server.on(server instanceof tls.Server ? 'secureConnection' : 'connection', (socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let data = Buffer.alloc(0)
    socket.on('data', (piece) => {
      data = Buffer.concat([data, piece])
      const end = data.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = data.subarray(0, end).toString('latin1')
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      if (data.length < end + 4 + length) return
      const body = JSON.parse(data.subarray(end + 4, end + 4 + length).toString())
      data = data.subarray(end + 4 + length)
      const n = (counts.get(body.model) ?? 0) + 1
      counts.set(body.model, n)
      const request = { socket, head, body, n, at: performance.now() }
      requests.push(request)
      answer(request)
    })
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address()
  return {
    port,
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    sockets,
    of: (model) => requests.filter((r) => r.body.model === model),
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((done) => server.close(done))
    },
  }
}

/** A reply with a length. */
export const whole = (status, body, headers = {}) => {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body)
  const fields = { 'content-type': 'application/json', ...headers }
  const lines = Object.entries(fields).map(([k, v]) => `${k}: ${v}\r\n`)
  const head = `HTTP/1.1 ${status} Whatever\r\n${lines.join('')}content-length: ${bytes.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), bytes])
}

/** The head of a stream, and its pieces as chunks. */
export const EVENTS =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n'
export const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
export const END = '0\r\n\r\n'

export const usage = (input, output) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
})
export const completion = (model, text, more = {}) =>
  JSON.stringify({
    id: 'chatcmpl-foreign',
    object: 'chat.completion',
    created: 1,
    model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: usage(7, 3),
    ...more,
  })
export const piece = (model, content, more = {}) =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-foreign',
    object: 'chat.completion.chunk',
    created: 1,
    model,
    choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }],
    ...more,
  })}\n\n`
export const DONE = 'data: [DONE]\n\n'

/** A well-behaved answer, streamed or not. */
export function good({ socket, body }, words = ['Hel', 'lo ', 'wörld']) {
  if (!body.stream) {
    socket.write(whole(200, completion(body.model, words.join(''))))
    return
  }
  socket.write(EVENTS)
  for (const word of words) socket.write(chunk(piece(body.model, word)))
  const last = { choices: [], usage: usage(7, words.length) }
  if (body.stream_options?.include_usage) socket.write(chunk(piece(body.model, '', last)))
  socket.write(chunk(DONE) + END)
}

/** A key file only its owner may read. */
export function keyFile(file, key = KEY) {
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  return file
}

/** The environment in which names_preload.c answers for names; log: a file for connects. */
export function preloaded(site, log) {
  const library = path.join(site, 'names_preload.so')
  const source = 'tests/server/names_preload.c'
  execFileSync('clang-19', ['-D_GNU_SOURCE', '-shared', '-fPIC', '-o', library, source])
  return {
    LD_PRELOAD: library,
    ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`,
    ...(log ? { NAMES_LOG: log } : {}),
  }
}

/** nearfield-server without a model of its own; models: of the upstream called "far". */
export async function startWithUpstream(site, far, models, args = [], env = {}) {
  const list = models.flatMap((m) => ['--upstream-model', `far ${m}`])
  const key = keyFile(`${site}/far.key`)
  const server = await start(
    [
      ...['--root', site, '--inference', 'no', '--upstream', `far ${far.url} private key=${key}`],
      ...list,
      ...args,
    ],
    env,
  )
  server.base = `http://${server.host}`
  return server
}

/** One value of /metrics of the upstream "far"; more: further labels. */
export async function farMetric(server, name, more = '') {
  const text = await (await fetch(`${server.base}/metrics`)).text()
  const wanted = `nearfield_upstream_${name}{upstream="far"${more}} `
  const line = text.split('\n').find((l) => l.startsWith(wanted))
  if (!line) throw new Error(`no metric ${wanted}`)
  return Number(line.slice(wanted.length))
}
