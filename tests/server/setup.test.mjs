// The set-up of docs/operations.md on one machine: nginx with docs/nginx.conf (TLS, HTTP/2) in front
// of two servers, three workers, PostgreSQL, one folder. A job through all of it, its events as they
// come, its result in ranges, a resumable upload; then a worker and a server that are killed. The
// units of docs/ are checked by systemd-analyze. Ports are free ones; names and paths of the sample
// are replaced, nothing else of it.
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import { after, before, test } from 'node:test'
import * as tus from 'tus-js-client'
import { binary, freePort, randoms, sleep } from './harness.mjs'
import { place, worker } from './jobs_harness.mjs'

const name = 'captions.example.org'
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const random = randoms(3)
let here
let port
let token
let servers
let workers
let nginx
let session

/** The sample with our ports and files in it; each replacement must be in the sample. */
function nginxConf(plain, secure, upstreams) {
  let text = readFileSync('docs/nginx.conf', 'utf8')
  const replace = (from, to) => {
    assert.ok(text.includes(from), `docs/nginx.conf has no '${from}'`)
    text = text.replaceAll(from, to)
  }
  replace('listen 80;', `listen 127.0.0.1:${plain};`)
  replace('listen 443 ssl http2;', `listen 127.0.0.1:${secure} ssl http2;`)
  replace('127.0.0.1:8081', `127.0.0.1:${upstreams[0]}`)
  replace('127.0.0.1:8082', `127.0.0.1:${upstreams[1]}`)
  replace('/etc/nearfield/', `${here.at('tls')}/`)
  writeFileSync(here.at('nearfield.nginx.conf'), text)
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off; pid ${here.at('nginx.pid')}; error_log ${here.at('nginx.log')};
    ${process.getuid() === 0 ? 'user root;' : ''} worker_processes 1;
    events { worker_connections 512; }
    http { access_log ${here.at('access.log')};
      ${temp.map((t) => `${t}_temp_path ${here.at(`temp-${t}`)};`).join(' ')}
      include ${here.at('nearfield.nginx.conf')}; }`
}

/** One request over HTTP/2: {status, headers, body}; pieces: called as they come. */
function ask(method, url, headers = {}, body = '', pieces = () => {}) {
  return new Promise((done, fail) => {
    const fields = {
      ':method': method,
      ':path': url,
      ':authority': `${name}:${port}`,
      authorization: `Bearer ${token}`,
      ...headers,
    }
    const stream = session.request(fields, { endStream: body === '' })
    const got = []
    let head
    stream.on('response', (h) => {
      head = h
    })
    stream.on('data', (d) => {
      got.push(d)
      pieces(d)
    })
    stream.on('end', () =>
      done({ status: head?.[':status'], headers: head, body: Buffer.concat(got) }),
    )
    stream.on('error', fail)
    if (body !== '') stream.end(body)
  })
}
const json = (reply) => JSON.parse(reply.body)
const post = async (script, more = {}) => {
  const octets = { 'content-type': 'application/octet-stream' }
  const { upload } = json(await ask('POST', '/v1/uploads', octets, `${script}\n`))
  const type = { 'content-type': 'application/json', ...more }
  return ask('POST', '/v1/jobs', type, JSON.stringify({ kind: 'transcribe', input: { upload } }))
}
const until = async (id, wanted, ms = 20000) => {
  for (const end = Date.now() + ms; ; await sleep(20)) {
    const job = json(await ask('GET', `/v1/jobs/${id}`))
    if (wanted(job)) return job
    assert.ok(Date.now() < end, JSON.stringify(job))
  }
}

before(async () => {
  here = place('postgresql')
  mkdirSync(here.at('tls'))
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`],
      ...['-keyout', here.at('tls/tls.key'), '-out', here.at('tls/tls.crt')],
    ],
    { stdio: 'ignore' },
  )
  token = execFileSync(binary, ['--make-token', here.at('tokens')], { encoding: 'utf8' }).trim()
  writeFileSync(here.at('site/index.html'), '<!doctype html>the app')
  const plain = await freePort()
  port = await freePort()
  const common = [
    ...['--token-file', here.at('tokens'), '--behind-proxy', 'yes'],
    ...['--hosts', `${name}:${port}`, '--job-slots', '0'],
  ]
  servers = [await here.server(...common), await here.server(...common)]
  workers = [await worker(here), await worker(here), await worker(here)]
  const conf = here.at('nginx.conf')
  writeFileSync(
    conf,
    nginxConf(
      plain,
      port,
      servers.map((s) => s.port),
    ),
  )
  nginx = spawn('/usr/sbin/nginx', ['-c', conf, '-e', here.at('nginx.log')], { stdio: 'inherit' })
  nginx.plain = plain
  for (const end = Date.now() + 10000; ; await sleep(20)) {
    const open = await new Promise((done) => {
      const socket = net.connect(port, '127.0.0.1', () => done(true))
      socket.on('error', () => done(false))
      socket.on('connect', () => socket.destroy())
    })
    if (open) break
    if (Date.now() > end) assert.fail(readFileSync(here.at('nginx.log'), 'utf8'))
  }
  session = http2.connect(`https://127.0.0.1:${port}`, {
    servername: name,
    ca: readFileSync(here.at('tls/tls.crt')),
  })
  session.on('error', () => {})
})
after(async () => {
  session?.close()
  const ended = nginx && new Promise((done) => nginx.on('close', done))
  nginx?.kill('SIGTERM')
  await ended
  for (const one of workers ?? []) one.kill('SIGKILL')
  here?.remove()
})

test('the app, over TLS and HTTP/2, with what every page must have', async () => {
  const page = await ask('GET', '/')
  assert.equal(page.status, 200)
  assert.match(page.body.toString(), /the app/)
  assert.equal(session.alpnProtocol, 'h2')
  assert.match(page.headers['strict-transport-security'], /max-age=/)
  assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin')
  assert.equal(page.headers['cross-origin-embedder-policy'], 'require-corp')
  assert.equal((await ask('GET', '/metrics')).status, 404) // not for the world
  assert.equal((await ask('GET', '/healthz')).status, 200)
  const plain = await fetch(`http://127.0.0.1:${nginx.plain}/x?y=1`, {
    redirect: 'manual',
    headers: { Host: name },
  })
  assert.equal(plain.status, 301)
  assert.match(plain.headers.get('location'), /^https:\/\/.*\/x\?y=1$/)
  const own = { origin: `https://${name}:${port}`, 'sec-fetch-site': 'same-origin' }
  assert.equal((await post('ok 1', own)).status, 201)
  const evil = await post('ok 1', { origin: 'https://evil.example' })
  assert.equal(evil.status, 403)
  const none = await ask('GET', '/v1/jobs', { authorization: 'Bearer wrong' })
  assert.equal(none.status, 401)
})

test('a job through nginx is done by a worker; its events stream, its result comes in ranges', async () => {
  const made = await post('slow 12', { 'idempotency-key': 'setup-1' })
  assert.equal(made.status, 201)
  const { id } = json(made)
  assert.equal(made.headers.location, `/v1/jobs/${id}`)
  const again = await post('slow 12', { 'idempotency-key': 'setup-1' })
  assert.equal(again.status, 422) // another upload: another request
  const times = []
  const stream = await ask('GET', `/v1/jobs/${id}/events`, {}, '', (d) => {
    for (const _ of d.toString().matchAll(/^event: segment$/gm)) times.push(performance.now())
  })
  assert.equal(stream.status, 200)
  assert.equal(stream.headers['content-type'], 'text/event-stream')
  const states = [...stream.body.toString().matchAll(/"state":"(\w+)"/g)].map((m) => m[1])
  assert.deepEqual([...new Set(states)], ['queued', 'running', 'done'])
  assert.equal(times.length, 12)
  assert.ok(times.at(-1) - times[0] > 500, 'they came as they were made, not all at the end')
  const job = await until(id, (j) => j.state === 'done')
  const [srt] = job.result.files
  const whole = await ask('GET', `/v1/jobs/${id}/result`)
  assert.equal(sha256(whole.body), srt.sha256)
  assert.equal(whole.headers.etag, `"${srt.sha256}"`)
  assert.match(whole.headers['content-disposition'], /captions\.srt/)
  const part = await ask('GET', `/v1/jobs/${id}/result`, { range: 'bytes=1-3' })
  assert.equal(part.status, 206)
  assert.equal(part.headers['content-range'], `bytes 1-3/${whole.body.length}`)
  assert.deepEqual(part.body, whole.body.subarray(1, 4))
})

test('a resumable upload through nginx, cut and taken up at the other server', async () => {
  const content = Buffer.from(Array.from({ length: 3_000_000 }, () => Math.floor(random() * 256)))
  const agent = new https.Agent({ ca: readFileSync(here.at('tls/tls.crt')), servername: name })
  const options = {
    endpoint: `https://127.0.0.1:${port}/v1/uploads`,
    headers: { Authorization: `Bearer ${token}`, Host: `${name}:${port}` },
    httpStack: new tus.DefaultHttpStack({ agent }),
    chunkSize: 1_000_000,
    retryDelays: Array(40).fill(20),
  }
  let cuts = 0
  const upload = await new Promise((done, fail) => {
    const one = new tus.Upload(content, {
      ...options,
      onError: fail,
      onSuccess: () => done(one),
      onProgress: (sent) => {
        // the client goes away in the middle of a piece, twice, and comes back
        if (cuts < 2 && sent > (cuts + 1) * 1_100_000) {
          cuts++
          one.abort().then(() => one.start(), fail)
        }
      },
    })
    one.start()
  })
  assert.equal(cuts, 2)
  const id = upload.url.split('/').at(-1)
  assert.equal(sha256(readFileSync(here.at('data/uploads', id))), sha256(content))
  // nothing of it was kept by nginx
  const kept = readdirSync(here.at('temp-client_body'), { recursive: true, withFileTypes: true })
  assert.ok(!kept.some((entry) => entry.isFile()))
  const big = { 'tus-resumable': '1.0.0', 'upload-length': String(5 * 1024 ** 3) }
  assert.equal((await ask('POST', '/v1/uploads', big)).status, 413)
  agent.destroy()
})

test('a worker that dies is replaced, a server that dies is passed over', async () => {
  const running = json(await post('slow 30'))
  await until(running.id, (j) => j.state === 'running')
  const has = ({ pid }) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim() !== ''
  // it says that the job runs a moment before it starts a process for it
  for (const end = Date.now() + 20000; !workers.some(has); await sleep(5))
    assert.ok(Date.now() < end, 'no worker has a process')
  const busy = workers.filter(has)
  assert.equal(busy.length, 1)
  busy[0].kill('SIGKILL')
  await busy[0].closed
  const waits = json(await post('ok 2'))
  assert.equal((await until(waits.id, (j) => j.state === 'done')).tries, 1)
  const ended = await until(running.id, (j) => j.state === 'done', 30000)
  assert.equal(ended.tries, 2)
  servers[0].signal('SIGKILL')
  await servers[0].exited
  for (let i = 0; i < 20; i++) assert.equal((await ask('GET', '/v1/jobs')).status, 200)
  const job = json(await post('ok 3'))
  assert.equal((await until(job.id, (j) => j.state === 'done')).state, 'done')
})

const analyze = spawnSync('systemd-analyze', ['--version']).status === 0
test('the units hold, and are as hard as they say', {
  skip: analyze ? false : 'there is no systemd-analyze here',
}, () => {
  mkdirSync(here.at('units'))
  const most = { 'nearfield-server': 20, 'nearfield-worker': 40 } // exposure, in tenths
  for (const [unit, exposure] of Object.entries(most)) {
    const file = here.at('units', `${unit}.service`)
    const text = readFileSync(`docs/${unit}.service`, 'utf8')
    assert.ok(text.includes('/usr/local/bin/nearfield-server'))
    writeFileSync(file, text.replace('/usr/local/bin/nearfield-server', binary))
    const verify = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
      encoding: 'utf8',
    })
    const said = verify.stderr.split('\n').filter((line) => line.includes(unit))
    assert.deepEqual(said, [])
    const security = ['security', '--offline=true', '--no-pager', `--threshold=${exposure}`, file]
    const found = spawnSync('systemd-analyze', security, { encoding: 'utf8' })
    assert.equal(found.status, 0, found.stdout.split('\n').slice(-3).join('\n'))
  }
})
