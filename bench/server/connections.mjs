// What many connections cost the server: 10,000 that are idle after one request, then 1,000 streams
// of a job's events; its resident memory (not the kernel's socket buffers) and how long a new
// request takes beside them. Also its memory at rest and after a large upload, without a model.
import { execFileSync, fork, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

// the server keeps two descriptors for each connection: where fewer are allowed, fewer connections
const files = Number(execFileSync('bash', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }))
const idle = Number.isNaN(files) ? 10000 : Math.min(10000, Math.floor(files / 2) - 100)
const streams = 1000
const kb = (pid, name) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
const at = (list, share) => list.toSorted((a, b) => a - b)[Math.floor(list.length * share)]
const round = (x, digits = 2) => Number(x.toFixed(digits))
const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

/** {child, port} */
function start(binary, args) {
  const child = spawn(binary, ['--port', '0', '--quiet', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, HOME: '/nonexistent' },
  })
  return new Promise((done, fail) => {
    child.stdout.on('data', (d) => {
      const match = /:(\d+)\/\n/.exec(d)
      if (match) done({ child, port: Number(match[1]) })
    })
    child.on('close', () => fail(new Error('the server ended')))
  })
}
const request = (port, method, url, headers = {}, body = '') =>
  new Promise((done, fail) => {
    const r = http.request({ port, method, path: url, agent: false, headers }, (reply) => {
      let text = ''
      reply.on('data', (d) => {
        text += d
      })
      reply.on('end', () => done(JSON.parse(text || 'null')))
    })
    r.on('error', fail)
    r.end(body)
  })

/** ms from connect to the whole of a 1 KB file, on a new connection each. */
async function newRequests(port, n) {
  const times = []
  for (let i = 0; i < n; i++) {
    const begun = performance.now()
    await new Promise((done, fail) => {
      const socket = net.connect(port, '127.0.0.1', () =>
        socket.write(
          `GET /1k.bin HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
        ),
      )
      socket.on('data', () => {})
      socket.on('end', done)
      socket.on('error', fail)
    })
    times.push(performance.now() - begun)
  }
  return { n, p50_ms: round(at(times, 0.5)), p99_ms: round(at(times, 0.99)) }
}

/** `n` connections that asked for `url` once, held by another process. */
async function hold(port, n, url) {
  const file = path.join(import.meta.dirname, 'client.mjs')
  const child = fork(file, [String(port), String(n), url])
  const answer = () => new Promise((done) => child.once('message', done))
  const { ready, broken } = await answer()
  if (broken > 0) throw new Error(`${broken} of ${n} connections failed`)
  return {
    ready,
    events: () => {
      const got = answer()
      child.send('events')
      return got
    },
    end: () => {
      const ended = new Promise((done) => child.on('exit', done))
      child.kill()
      return ended
    },
  }
}

async function upload(port, mb) {
  const piece = Buffer.alloc(1 << 20, 7)
  await new Promise((done, fail) => {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': mb << 20 }
    const r = http.request(
      { port, method: 'POST', path: '/v1/uploads', agent: false, headers },
      (reply) => {
        reply.resume()
        reply.on('end', () => (reply.statusCode === 200 ? done() : fail(new Error('upload'))))
      },
    )
    r.on('error', fail)
    let sent = 0
    const go = () => {
      while (sent++ < mb) if (!r.write(piece)) return r.once('drain', go)
      r.end()
    }
    go()
  })
}

export async function connectionsMeasure(binary) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'nearfield-bench-'))
  const site = path.join(dir, 'site')
  mkdirSync(site)
  mkdirSync(path.join(dir, 'worker'))
  copyFileSync('tests/server/fake_worker.sh', path.join(dir, 'worker/run'))
  writeFileSync(path.join(site, '1k.bin'), Buffer.alloc(1024, 7))
  const { child, port } = await start(binary, [
    ...['--root', site, '--models', site, '--data', path.join(dir, 'data')],
    ...['--transcribe', path.join(dir, 'worker'), '--idle-ms', '3600000'],
  ])
  const { pid } = child
  try {
    await newRequests(port, 200)
    const rest = kb(pid, 'VmRSS')
    const alone = await newRequests(port, 2000)
    const before = kb(pid, 'VmRSS')
    const held = await hold(port, idle, '/1k.bin')
    const idleKb = (kb(pid, 'VmRSS') - before) / held.ready
    const beside = await newRequests(port, 2000)
    await held.end()
    await sleep(500)
    // a job that says something every 0.1 s
    const post = { 'content-type': 'application/octet-stream' }
    const { upload: id } = await request(port, 'POST', '/v1/uploads', post, 'slow 400\n')
    const json = { 'content-type': 'application/json' }
    const body = JSON.stringify({ kind: 'transcribe', input: { upload: id } })
    const job = await request(port, 'POST', '/v1/jobs', json, body)
    const quiet = kb(pid, 'VmRSS')
    const listening = await hold(port, streams, `/v1/jobs/${job.id}/events`)
    const streamKb = (kb(pid, 'VmRSS') - quiet) / listening.ready
    await listening.events()
    const besideStreams = await newRequests(port, 1000)
    const { events } = await listening.events()
    await listening.end()
    await request(port, 'DELETE', `/v1/jobs/${job.id}`)
    await upload(port, 1024)
    return {
      memory_mb: {
        at_rest: round(rest / 1024, 1),
        peak_after_1_gb_upload: round(kb(pid, 'VmHWM') / 1024, 1),
      },
      idle: { connections: idle, kb_each: round(idleKb), new_request: beside, alone },
      streams: {
        streams,
        kb_each: round(streamKb),
        events_received: events.length,
        new_request: besideStreams,
      },
    }
  } finally {
    child.kill('SIGTERM')
    await new Promise((done) => child.on('close', done))
    rmSync(dir, { recursive: true, force: true })
  }
}
