// Starts a nearfield-server on a free port over a folder made for the test, and speaks raw
// bytes to it. Owns processes and folders it made; knows nothing of what is tested.
// NEARFIELD_SERVER names another binary (the asan build, for example).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'

export const binary = path.resolve(process.env.NEARFIELD_SERVER ?? 'build/native/nearfield-server')
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

/** What is promised, or `late` after so many ms; keeps no process waiting when it came. */
export function within(promise, ms, late) {
  let timer
  const over = new Promise((done) => {
    timer = setTimeout(done, ms, late)
  })
  return Promise.race([promise, over]).finally(() => clearTimeout(timer))
}

/** What look() finds, as soon as it finds something; ms: until it hangs. */
export async function found(look, ms = 60_000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) {
    const one = await look()
    if (one) return one
  }
  throw new Error(`not found in ${ms} ms: ${look}`)
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randoms(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** A folder with these files ({'a/b.txt': 'content'}), removed by .remove(). */
export function folder(files = {}) {
  const at = mkdtempSync(path.join(os.tmpdir(), 'nearfield-server-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(at, name)), { recursive: true })
    writeFileSync(path.join(at, name), content)
  }
  return { at, remove: () => rmSync(at, { recursive: true, force: true }) }
}

let nPorts = 0
/**
 * A free port for who must be told one. Below those that the system gives out by itself (from 32768
 * on), so that nobody beside this test gets it meanwhile for port 0 or to connect from.
 */
export async function freePort() {
  for (;;) {
    const port = 20000 + ((process.pid * 16 + nPorts++) % 12000)
    const probe = net.createServer()
    const free = await new Promise((done) => {
      probe.once('error', () => done(false))
      probe.listen(port, '127.0.0.1', () => done(true))
    })
    if (!free) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}

/** Run the server to its end: {code, stdout, stderr}. For options that do not start it. */
export function runOnce(args, env = {}) {
  const child = spawn(binary, args, { env: { ...process.env, HOME: '/nonexistent', ...env } })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (d) => {
    stdout += d
  })
  child.stderr.on('data', (d) => {
    stderr += d
  })
  return new Promise((done) => child.on('close', (code) => done({ code, stdout, stderr })))
}

const running = new Set()
const LEFT_MS = 30_000
// A test that fails stops no server, and a server that runs keeps the file's process from its end
// until that is killed for its time: what is left a while after all tests is ended here.
if (process.env.NODE_TEST_CONTEXT)
  after(() => {
    const end = () => {
      for (const child of running) child.kill('SIGKILL')
    }
    setTimeout(end, LEFT_MS).unref()
  })

/** Start it on a free port. {port, host, pid, log(), lines(), stop(), exited}. program: one that
 * becomes the server. */
export async function start(args, env = {}, program = binary) {
  const child = spawn(program, ['--port', '0', ...args], {
    env: { ...process.env, HOME: '/nonexistent', ...env },
  })
  running.add(child)
  child.on('close', () => running.delete(child))
  let stdout = ''
  let stderr = ''
  child.stderr.on('data', (d) => {
    stderr += d
  })
  const exited = new Promise((done) => child.on('close', (code, signal) => done({ code, signal })))
  const port = await new Promise((done, fail) => {
    child.stdout.on('data', (d) => {
      stdout += d
      const match = /nearfield is at http:\/\/(?:[\d.]+|\[[\d:a-f]+\]):(\d+)\/\n/.exec(stdout)
      if (match) done(Number(match[1]))
    })
    exited.then(() => fail(new Error(`the server ended at once: ${stderr}`)))
  })
  return {
    port,
    host: `127.0.0.1:${port}`,
    pid: child.pid,
    exited,
    log: () => stderr,
    lines: () =>
      stderr
        .split('\n')
        .filter(Boolean)
        .map((l) => JSON.parse(l)),
    signal: (name) => child.kill(name),
    /** SIGTERM, then the exit code; a sanitizer's report or a crash is an error. */
    stop: async () => {
      child.kill('SIGTERM')
      const end = await exited
      if (end.code !== 0) throw new Error(`exit ${end.code} ${end.signal}: ${stderr.slice(-4000)}`)
    },
  }
}

/** Open a socket. {socket, bytes(), closed, send(), until(pattern)} */
export async function connect(port, options = {}) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, ...options })
  const pieces = []
  let ended = false
  socket.on('error', () => {})
  await new Promise((done, fail) => {
    socket.once('connect', done)
    socket.once('error', fail)
  })
  socket.on('data', (d) => pieces.push(d))
  const closed = new Promise((done) => {
    socket.on('end', () => {
      ended = true
      done('end')
    })
    socket.on('close', () => {
      ended = true
      done('close')
    })
  })
  const bytes = () => Buffer.concat(pieces)
  return {
    socket,
    bytes,
    closed,
    ended: () => ended,
    send: (data) => socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data),
    async until(test, ms = 5000) {
      const end = Date.now() + ms
      while (!test(bytes())) {
        if (ended || Date.now() > end) return false
        await sleep(5)
      }
      return true
    },
  }
}

/** Split a stream of replies by their Content-Length. heads: methods of the requests, for HEAD. */
export function parseReplies(data, heads = []) {
  const replies = []
  let at = 0
  while (at < data.length) {
    const end = data.indexOf('\r\n\r\n', at)
    if (end < 0) break
    const lines = data.subarray(at, end).toString('latin1').split('\r\n')
    const status = Number(lines[0].split(' ')[1])
    const headers = {}
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':')
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    at = end + 4
    const bodyless = status < 200 || status === 304 || heads[replies.length] === 'HEAD'
    const length = bodyless ? 0 : Number(headers['content-length'] ?? 0)
    replies.push({
      status,
      headers,
      body: data.subarray(at, at + length),
      whole: at + length <= data.length,
    })
    at += length
  }
  return replies
}

/** Send raw bytes, wait for the end of the connection (or `ms`), give {replies, closed, raw}. */
export async function exchange(port, data, { ms = 3000, heads = [], halfClose = false } = {}) {
  const c = await connect(port)
  c.send(data)
  if (halfClose) c.socket.end()
  const how = await within(c.closed, ms, 'open')
  const raw = c.bytes()
  c.socket.destroy()
  return { raw, closed: how !== 'open', replies: parseReplies(raw, heads) }
}

/** One well-formed request on its own connection. */
export async function get(server, target, headers = {}, method = 'GET') {
  const fields = Object.entries({ Host: server.host, Connection: 'close', ...headers })
  const head = `${method} ${target} HTTP/1.1\r\n${fields.map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n`
  const { replies } = await exchange(server.port, head, { ms: 10000, heads: [method] })
  if (replies.length !== 1) throw new Error(`${method} ${target}: ${replies.length} replies`)
  return replies[0]
}
