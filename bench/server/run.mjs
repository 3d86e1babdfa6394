// nearfield-server beside nginx (one worker each), same files, same run, measured by wrk.
// Prints one JSON object; ratios are medians of rounds that alternate the two servers, because
// a clock on a shared machine says little by itself. Beside the clock stands the CPU time the
// server's process used per request (or per MB), from /proc: on a busy machine that is the
// number to read, and its inverse is what one saturated worker can do. Then what connections cost
// (connections.mjs) and jobs a second through the stores (stores.mjs). Needs nginx, wrk, PostgreSQL.
//   node bench/server/run.mjs [--json] [--seconds 3] [--rounds 5] [--only files|connections|stores]
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { connectionsMeasure } from './connections.mjs'
import { storesMeasure } from './stores.mjs'

const only = process.argv[process.argv.indexOf('--only') + 1]
const wanted = (part) => !process.argv.includes('--only') || only === part
const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`)
  return i < 0 ? fallback : Number(process.argv[i + 1])
}
const seconds = option('seconds', 3)
const rounds = option('rounds', 5)
const binary = path.resolve(process.env.NEARFIELD_SERVER ?? 'build/native/nearfield-server')
const dir = mkdtempSync(path.join(os.tmpdir(), 'nearfield-bench-'))
const site = path.join(dir, 'site')
mkdirSync(site)
writeFileSync(path.join(site, 'index.html'), 'x')
writeFileSync(path.join(site, '1k.bin'), randomBytes(1024))
writeFileSync(path.join(site, '200m.bin'), Buffer.alloc(200_000_000, 7))

// nginx as its manual recommends for static files; the log off on both sides. With the same
// security headers it sends about the same number of header bytes as we do.
const headers = [
  'Cross-Origin-Opener-Policy same-origin',
  'Cross-Origin-Embedder-Policy require-corp',
  'Cross-Origin-Resource-Policy same-origin',
  'X-Content-Type-Options nosniff',
  'Referrer-Policy no-referrer',
  'Cache-Control no-cache',
  `Content-Security-Policy "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"`,
]
const nginxConf = (port, more) => `
worker_processes 1; daemon off; master_process off; pid ${dir}/nginx-${port}.pid; error_log ${dir}/nginx.log;
events { worker_connections 4096; }
http { access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000; etag on;
  client_body_temp_path ${dir}/a; proxy_temp_path ${dir}/b; fastcgi_temp_path ${dir}/c; uwsgi_temp_path ${dir}/d; scgi_temp_path ${dir}/e;
  types { text/html html; } default_type application/octet-stream;
  server { listen 127.0.0.1:${port}; root ${site}; ${more} } }`

const free = () =>
  new Promise((done) => {
    const s = http.createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address()
      s.close(() => done(port))
    })
  })
const children = []
async function up(name, command, args, port) {
  const child = spawn(command, args, { stdio: 'ignore' })
  children.push(child)
  for (let i = 0; i < 100; i++) {
    const ok = await new Promise((done) =>
      http
        .get({ port, host: '127.0.0.1', path: '/1k.bin' }, (r) => {
          r.resume()
          done(r.statusCode === 200)
        })
        .on('error', () => done(false)),
    )
    if (ok) return { name, port, pid: child.pid }
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error(`${name} does not answer`)
}

// Clock ticks (1/100 s) of user and system time of a process.
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function wrk({ port, pid }, file, connections) {
  const before = cpuMs(pid)
  const out = execFileSync(
    'wrk',
    ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', `http://127.0.0.1:${port}/${file}`],
    { encoding: 'utf8' },
  )
  const number = (pattern) => Number(pattern.exec(out)[1])
  const unit = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 }
  const rate = /Transfer\/sec:\s+([\d.]+)(\w+)/.exec(out)
  const errors = /Socket errors:.*|Non-2xx.*/.exec(out)
  const requests = number(/(\d+) requests in/)
  const read = /requests in [\d.]+\w+, ([\d.]+)(\w+) read/.exec(out)
  const cpu = cpuMs(pid) - before
  return {
    cpu_us_request: (cpu * 1000) / requests,
    cpu_ms_mb: cpu / ((Number(read[1]) * unit[read[2]]) / 1e6),
    requests_s: number(/Requests\/sec:\s+([\d.]+)/),
    bytes_s: Number(rate[1]) * unit[rate[2]],
    p99: /99%\s+(\S+)/.exec(out)[1],
    errors: errors?.[0],
  }
}
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1]

async function filesMeasure(result) {
  const [a, b, c] = [await free(), await free(), await free()]
  const ours = await up(
    'nearfield',
    binary,
    ['--root', site, '--port', String(a), '--quiet', '--models', site],
    a,
  )
  writeFileSync(path.join(dir, 'plain.conf'), nginxConf(b, ''))
  writeFileSync(
    path.join(dir, 'same.conf'),
    nginxConf(c, headers.map((h) => `add_header ${h};`).join(' ')),
  )
  const plain = await up('nginx', 'nginx', ['-c', path.join(dir, 'plain.conf')], b)
  const same = await up('nginx, same headers', 'nginx', ['-c', path.join(dir, 'same.conf')], c)
  Object.assign(result, {
    nginx: execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' }).trim(),
    seconds,
    rounds,
    cases: {},
  })
  for (const [file, connections, key] of [
    ['1k.bin', 64, 'requests_s'],
    ['200m.bin', 4, 'bytes_s'],
  ]) {
    const cpuKey = key === 'requests_s' ? 'cpu_us_request' : 'cpu_ms_mb'
    const got = { nearfield: [], nginx: [], 'nginx, same headers': [] }
    for (let i = 0; i < rounds; i++) {
      for (const server of i % 2 ? [same, plain, ours] : [ours, plain, same])
        got[server.name].push(wrk(server, file, connections))
    }
    const value = (name, k = key) => median(got[name].map((r) => r[k]))
    const cpuRatio = (name) => median(got.nearfield.map((r, i) => got[name][i][cpuKey] / r[cpuKey]))
    result.cases[file] = {
      unit: key,
      connections,
      nearfield: value('nearfield'),
      nginx: value('nginx'),
      nginx_same_headers: value('nginx, same headers'),
      ratio: median(got.nearfield.map((r, i) => r[key] / got.nginx[i][key])),
      ratio_same_headers: median(
        got.nearfield.map((r, i) => r[key] / got['nginx, same headers'][i][key]),
      ),
      [cpuKey]: {
        nearfield: value('nearfield', cpuKey),
        nginx: value('nginx', cpuKey),
        nginx_same_headers: value('nginx, same headers', cpuKey),
      },
      cpu_ratio: cpuRatio('nginx'),
      cpu_ratio_same_headers: cpuRatio('nginx, same headers'),
      p99: { nearfield: got.nearfield.map((r) => r.p99), nginx: got.nginx.map((r) => r.p99) },
      errors: Object.values(got)
        .flat()
        .map((r) => r.errors)
        .filter(Boolean),
    }
  }
}

try {
  const result = {
    cpu: os.cpus()[0].model,
    cpus: os.cpus().length,
    load_before: os.loadavg()[0],
  }
  if (wanted('files')) await filesMeasure(result)
  if (wanted('connections')) result.connections = await connectionsMeasure(binary)
  if (wanted('stores'))
    result.stores = storesMeasure(path.resolve('build/native/bench/store_bench'))
  result.load_after = os.loadavg()[0] // above the number of processors: others used them too
  console.log(JSON.stringify(result, null, process.argv.includes('--json') ? 0 : 2))
} finally {
  for (const child of children) child.kill('SIGTERM')
  rmSync(dir, { recursive: true, force: true })
}
