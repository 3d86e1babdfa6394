// What the server adds between a client and an upstream: many streams at once, each an event every
// so many ms that carries the moment it was sent (CLOCK_MONOTONIC, the same in every process). The
// same client reads them from the upstream itself and through the server, in rounds that alternate;
// what is added is the difference of the two runs' percentiles, the median over the rounds. Prints
// one JSON object. Upstream and client are node's, and share the machine with the server.
//   node bench/upstream/run.mjs [--json] [--streams 200] [--interval 50] [--seconds 4] [--rounds 5]
import { fork, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`)
  return i < 0 ? fallback : Number(process.argv[i + 1])
}
const streams = option('streams', 200)
const interval = option('interval', 50)
const seconds = option('seconds', 4)
const rounds = option('rounds', 5)
const nowUs = () => Number(process.hrtime.bigint() / 1000n)

/** The upstream, a process of its own: events until the client goes. */
function upstream() {
  const event = () =>
    `data: {"id":"chatcmpl-x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"@${nowUs()}@"},"logprobs":null,"finish_reason":null}]}\n\n`
  const server = http.createServer((request, reply) => {
    request.resume()
    request.on('end', () => {
      reply.writeHead(200, { 'content-type': 'text/event-stream' })
      reply.socket.setNoDelay(true)
      reply.write(event())
      const timer = setInterval(() => reply.write(event()), interval)
      reply.on('close', () => clearInterval(timer))
    })
  })
  server.listen(0, '127.0.0.1', () => process.send(server.address().port))
  process.on('disconnect', () => process.exit())
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
const sorted = (list) => list.toSorted((a, b) => a - b)
const at = (list, share) => list[Math.min(list.length - 1, Math.floor(list.length * share))]
const median = (list) => at(sorted(list), 0.5)
const body = JSON.stringify({
  model: 'm',
  stream: true,
  messages: [{ role: 'user', content: 'Tell me a story.' }],
})

/** One round: ms of every event on its way, and of every first one since its request. */
async function run(port) {
  const first = []
  const way = []
  let counting = false
  const agent = new http.Agent({ keepAlive: false, maxSockets: Infinity })
  const requests = []
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  for (let i = 0; i < streams; i++) {
    const from = nowUs()
    let began = false
    const options = { host: '127.0.0.1', port, path: '/v1/chat/completions', method: 'POST' }
    const request = http.request({ ...options, agent, headers }, (reply) => {
      if (reply.statusCode !== 200) throw new Error(`status ${reply.statusCode}`)
      reply.on('error', () => {})
      reply.on('data', (bytes) => {
        const now = nowUs()
        for (const [, sent] of bytes.toString('latin1').matchAll(/@(\d+)@/g)) {
          if (!began) first.push((now - from) / 1000)
          began = true
          if (counting) way.push((now - Number(sent)) / 1000)
        }
      })
    })
    request.on('error', () => {})
    request.end(body)
    requests.push(request)
    await sleep(1000 / streams) // so that the phases of the streams differ
  }
  await sleep(300)
  counting = true
  await sleep(seconds * 1000)
  counting = false
  for (const request of requests) request.destroy()
  if (first.length < streams) throw new Error(`${first.length} of ${streams} streams began`)
  await sleep(300)
  const of = (list) => ({ p50: at(sorted(list), 0.5), p99: at(sorted(list), 0.99), n: list.length })
  return { way: of(way), first: of(first) }
}

const cpuMs = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function main() {
  const site = mkdtempSync(path.join(os.tmpdir(), 'nearfield-bench-'))
  writeFileSync(path.join(site, 'index.html'), 'x')
  writeFileSync(path.join(site, 'key'), 'sk-bench\n', { mode: 0o600 })
  const far = fork(fileURLToPath(import.meta.url), ['--upstream', '--interval', String(interval)])
  const port = await new Promise((done) => far.once('message', done))
  const binary = path.resolve(process.env.NEARFIELD_SERVER ?? 'build/native/nearfield-server')
  const server = spawn(
    binary,
    [
      ...['--port', '0', '--root', site, '--quiet', '--inference', 'no', '--models', site],
      ...['--upstream', `far http://127.0.0.1:${port}/v1 private key=${site}/key`],
      ...['--upstream-model', 'far m', '--upstream-requests-max', String(streams + 50)],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    const line = await new Promise((done) => server.stdout.once('data', (d) => done(String(d))))
    const ours = Number(/:(\d+)\//.exec(line)[1])
    const got = []
    let cpu = 0
    let events = 0
    for (let i = 0; i < rounds; i++) {
      const pair = {}
      for (const name of i % 2 ? ['through', 'direct'] : ['direct', 'through']) {
        const before = cpuMs(server.pid)
        pair[name] = await run(name === 'through' ? ours : port)
        if (name === 'through') {
          cpu += cpuMs(server.pid) - before
          events += pair[name].way.n
        }
      }
      got.push(pair)
    }
    const of = (name, kind, p) => median(got.map((r) => r[name][kind][p]))
    const added = (kind, p) => median(got.map((r) => r.through[kind][p] - r.direct[kind][p]))
    const both = (name, kind) => ({ p50: of(name, kind, 'p50'), p99: of(name, kind, 'p99') })
    const result = {
      cpu: os.cpus()[0].model,
      cpus: os.cpus().length,
      load: os.loadavg()[0],
      streams,
      interval_ms: interval,
      seconds,
      rounds,
      events_round: got[0].through.way.n,
      event_ms: { direct: both('direct', 'way'), through: both('through', 'way') },
      event_added_ms: { p50: added('way', 'p50'), p99: added('way', 'p99') },
      first_ms: { direct: both('direct', 'first'), through: both('through', 'first') },
      first_added_ms: { p50: added('first', 'p50'), p99: added('first', 'p99') },
      server_cpu_us_event: (cpu * 1000) / events,
    }
    console.log(JSON.stringify(result, null, process.argv.includes('--json') ? 0 : 2))
  } finally {
    server.kill('SIGTERM')
    far.kill('SIGTERM')
    rmSync(site, { recursive: true, force: true })
  }
}

if (process.argv.includes('--upstream')) upstream()
else await main()
