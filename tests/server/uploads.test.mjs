// Resumable uploads (tus 1.0.0): the protocol by hand, uploads cut at random points, killed servers,
// two writers, what is swept and refused, memory; and the real tus-js-client through a proxy that
// cuts. The points come from NEARFIELD_SEED (1); NEARFIELD_UPLOAD_MB: size of the large one (256).
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { after, before, test } from 'node:test'
import * as tus from 'tus-js-client'
import { binary, exchange, get, randoms, sleep, start } from './harness.mjs'
import { client, place } from './jobs_harness.mjs'

const random = randoms(Number(process.env.NEARFIELD_SEED ?? 1))
const asan = process.env.NEARFIELD_SERVER?.includes('asan')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const bytesOf = (n) => Buffer.from(Array.from({ length: n }, () => Math.floor(random() * 256)))

let here
let server
before(async () => {
  here = place('sqlite')
  server = await here.server('--upload-mb-max', '4096')
})
after(async () => {
  await server.stop().finally(() => here.remove())
})
const file = (id, ending = '') => here.at('data/uploads', `${id}${ending}`)

/** One request with the protocol's version: {status, headers, body}. */
function ask(method, path, headers = {}, body, to = server) {
  return new Promise((done, fail) => {
    const request = http.request(
      {
        port: to.port,
        host: '127.0.0.1',
        method,
        path,
        agent: false,
        headers: { 'Tus-Resumable': '1.0.0', ...headers },
      },
      (reply) => {
        const pieces = []
        reply.on('data', (d) => pieces.push(d))
        reply.on('end', () =>
          done({
            status: reply.statusCode,
            headers: reply.headers,
            body: Buffer.concat(pieces).toString(),
          }),
        )
      },
    )
    request.on('error', fail)
    request.end(body)
  })
}
async function create(length, headers = {}, to = server) {
  const reply = await ask('POST', '/v1/uploads', { 'Upload-Length': length, ...headers }, '', to)
  assert.equal(reply.status, 201, reply.body)
  assert.match(reply.headers.location, /^\/v1\/uploads\/[0-9a-f]{32}$/)
  return reply.headers.location.split('/').at(-1)
}
const type = { 'Content-Type': 'application/offset+octet-stream' }
const patch = (id, offset, body, headers = {}, to = server) =>
  ask('PATCH', `/v1/uploads/${id}`, { ...type, 'Upload-Offset': offset, ...headers }, body, to)
const head = (id, to = server) => ask('HEAD', `/v1/uploads/${id}`, {}, '', to)
const offsetOf = async (id, to = server) => Number((await head(id, to)).headers['upload-offset'])

/** A PATCH that says it brings `rest` and is cut after `n` bytes of it. */
function cutPatch(id, offset, rest, n, to = server) {
  return new Promise((done, fail) => {
    const socket = net.connect(to.port, '127.0.0.1', () => {
      socket.write(
        `PATCH /v1/uploads/${id} HTTP/1.1\r\nHost: ${to.host}\r\nTus-Resumable: 1.0.0\r\n` +
          `Content-Type: ${type['Content-Type']}\r\nUpload-Offset: ${offset}\r\n` +
          `Content-Length: ${rest.length}\r\n\r\n`,
      )
      socket.write(rest.subarray(0, n), () => {
        socket.destroy()
        done()
      })
    })
    socket.on('error', fail)
  })
}
/** Ask until nobody else writes any more; the first answer that is not 423. */
async function settled(work) {
  for (const end = Date.now() + 10000; ; await sleep(5)) {
    const reply = await work()
    if (reply.status !== 423 || Date.now() > end) return reply
  }
}

test('what is offered', async () => {
  const reply = await ask('OPTIONS', '/v1/uploads')
  assert.equal(reply.status, 204)
  assert.equal(reply.headers['tus-resumable'], '1.0.0')
  assert.equal(reply.headers['tus-version'], '1.0.0')
  assert.equal(reply.headers['tus-extension'], 'creation,termination,expiration,checksum')
  assert.equal(reply.headers['tus-checksum-algorithm'], 'sha1,sha256')
  assert.equal(reply.headers['tus-max-size'], String(4096 * 1024 * 1024))
  assert.equal(reply.headers['content-length'], undefined) // RFC 9110, 8.6
})

test('an upload in three pieces becomes the input of a job', async () => {
  const content = Buffer.from(`ok 3\n${'x'.repeat(5000)}`)
  const metadata = 'filename dGFsay5tcDQ=,filetype dmlkZW8vbXA0'
  const before = Date.now()
  const made = await ask('POST', '/v1/uploads', {
    'Upload-Length': content.length,
    'Upload-Metadata': metadata,
  })
  assert.equal(made.status, 201)
  assert.equal(made.headers['tus-resumable'], '1.0.0')
  const week = 168 * 3600 * 1000
  assert.ok(Math.abs(Date.parse(made.headers['upload-expires']) - before - week) < 10000)
  const id = made.headers.location.split('/').at(-1)
  const api = client(server)
  const early = await api.post({ kind: 'transcribe', input: { upload: id } })
  assert.equal(early.status, 422) // it is not whole
  for (const [from, to] of [
    [0, 1000],
    [1000, 1000],
    [1000, 4999],
    [4999, 5005],
  ]) {
    const reply = await patch(id, from, content.subarray(from, to))
    assert.equal(reply.status, 204)
    assert.equal(reply.headers['upload-offset'], String(to))
    assert.equal(reply.headers['tus-resumable'], '1.0.0')
    assert.equal('upload-expires' in reply.headers, to < 5005)
    const now = await head(id)
    assert.equal(now.status, 200)
    assert.equal(now.headers['upload-offset'], String(to))
    assert.equal(now.headers['upload-length'], '5005')
    assert.equal(now.headers['upload-metadata'], metadata)
    assert.equal(now.headers['cache-control'], 'no-store')
  }
  assert.deepEqual(readFileSync(file(id)), content)
  assert.ok(!existsSync(file(id, '.part')))
  // an answer that was lost: the same again is no error where nothing is sent, and 409 where it is
  assert.equal((await patch(id, 5005, '')).status, 204)
  assert.equal((await patch(id, 4999, content.subarray(4999))).status, 409)
  const job = await (await api.post({ kind: 'transcribe', input: { upload: id } })).json()
  assert.equal((await api.ended(job.id)).state, 'done')
})

test('an empty upload is whole at once; chunks are taken; so is X-HTTP-Method-Override', async () => {
  const empty = await create(0)
  assert.ok(existsSync(file(empty)))
  assert.equal(await offsetOf(empty), 0)
  const id = await create(6)
  const chunked = await patch(id, 0, 'abc', { 'Transfer-Encoding': 'chunked' })
  assert.equal(chunked.status, 204)
  const over = { ...type, 'Upload-Offset': 3, 'X-HTTP-Method-Override': 'PATCH' }
  assert.equal((await ask('POST', `/v1/uploads/${id}`, over, 'def')).status, 204)
  assert.equal(readFileSync(file(id), 'utf8'), 'abcdef')
  const gone = await ask('POST', `/v1/uploads/${id}`, { 'X-HTTP-Method-Override': 'DELETE' })
  assert.equal(gone.status, 204)
  assert.equal((await head(id)).status, 404)
})

test('what is refused, and says which version', async () => {
  const id = await create(10)
  assert.equal((await patch(id, 0, 'abc')).status, 204)
  const none = '0'.repeat(32)
  const old = { 'Tus-Resumable': '0.2.2' }
  const big = String(4096 * 1024 * 1024 + 1)
  const cases = [
    [412, 'POST', '/v1/uploads', { ...old, 'Upload-Length': 5 }],
    [412, 'PATCH', `/v1/uploads/${id}`, { ...old, ...type, 'Upload-Offset': 3 }, 'd'],
    [412, 'HEAD', `/v1/uploads/${id}`, old],
    [400, 'POST', '/v1/uploads', {}],
    [400, 'POST', '/v1/uploads', { 'Upload-Length': '-1' }],
    [400, 'POST', '/v1/uploads', { 'Upload-Length': '0x10' }],
    [400, 'POST', '/v1/uploads', { 'Upload-Length': '9'.repeat(30) }],
    [400, 'POST', '/v1/uploads', { 'Upload-Length': ['5', '6'] }],
    [400, 'POST', '/v1/uploads', { 'Upload-Defer-Length': '1' }],
    [400, 'POST', '/v1/uploads', { 'Upload-Length': 5, 'Upload-Metadata': 'x'.repeat(513) }],
    [400, 'POST', '/v1/uploads', { 'Upload-Length': 5, 'Upload-Metadata': 'caf\u00e9' }],
    [400, 'POST', '/v1/uploads', { 'Upload-Length': 5 }, 'early'],
    [413, 'POST', '/v1/uploads', { 'Upload-Length': big }],
    [415, 'PATCH', `/v1/uploads/${id}`, { 'Upload-Offset': 3 }, 'd'],
    [400, 'PATCH', `/v1/uploads/${id}`, type, 'd'],
    [400, 'PATCH', `/v1/uploads/${id}`, { ...type, 'Upload-Offset': 'x' }, 'd'],
    [409, 'PATCH', `/v1/uploads/${id}`, { ...type, 'Upload-Offset': 2 }, 'cd'],
    [409, 'PATCH', `/v1/uploads/${id}`, { ...type, 'Upload-Offset': 4 }, 'd'],
    [413, 'PATCH', `/v1/uploads/${id}`, { ...type, 'Upload-Offset': 3 }, '12345678'],
    [404, 'PATCH', `/v1/uploads/${none}`, { ...type, 'Upload-Offset': 0 }, 'd'],
    [404, 'HEAD', `/v1/uploads/${none}`, {}],
    [404, 'DELETE', `/v1/uploads/${none}`, {}],
    [404, 'HEAD', `/v1/uploads/..%2e${none}`, {}],
    [404, 'HEAD', `/v1/uploads/${id}.part`, {}],
    [405, 'GET', `/v1/uploads/${id}`, {}],
    [405, 'PUT', `/v1/uploads/${id}`, {}, 'x'],
    [405, 'DELETE', '/v1/uploads', {}],
  ]
  for (const [status, method, path, headers, body] of cases) {
    const reply = await ask(method, path, headers, body)
    const what = `${method} ${path} ${JSON.stringify(headers)}`
    assert.equal(reply.status, status, `${what}: ${reply.body}`)
    assert.equal(reply.headers['tus-resumable'], '1.0.0', what)
    if (status === 412) assert.equal(reply.headers['tus-version'], '1.0.0')
    if (status === 409) assert.equal(reply.headers['upload-offset'], '3')
  }
  // chunks that bring too much: not a byte beyond the length
  const more = await patch(id, 3, '12345678', { 'Transfer-Encoding': 'chunked' })
  assert.equal(more.status, 413)
  assert.ok((await offsetOf(id)) <= 10)
  assert.equal((await ask('DELETE', `/v1/uploads/${id}`)).status, 204)
  assert.equal((await head(id)).status, 404)
  assert.ok(!readdirSync(here.at('data/uploads')).some((name) => name.startsWith(id)))
})

test('over the limit is refused before a byte of the body is read', async () => {
  const id = await create(1000)
  const { replies } = await exchange(
    server.port,
    `PATCH /v1/uploads/${id} HTTP/1.1\r\nHost: ${server.host}\r\nTus-Resumable: 1.0.0\r\n` +
      `Content-Type: ${type['Content-Type']}\r\nUpload-Offset: 0\r\nContent-Length: 1001\r\n\r\n`,
  )
  assert.equal(replies[0].status, 413) // none was sent
})

test("another site's page can do nothing", async () => {
  const id = await create(4)
  const evil = [{ Origin: 'http://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }]
  for (const from of evil) {
    const tries = [
      ['OPTIONS', '/v1/uploads', { ...from, 'Access-Control-Request-Method': 'PATCH' }],
      ['POST', '/v1/uploads', { ...from, 'Upload-Length': 4 }],
      ['HEAD', `/v1/uploads/${id}`, from],
      ['PATCH', `/v1/uploads/${id}`, { ...from, ...type, 'Upload-Offset': 0 }, 'evil'],
      ['DELETE', `/v1/uploads/${id}`, from],
    ]
    for (const [method, path, headers, body] of tries) {
      const reply = await ask(method, path, headers, body)
      assert.equal(reply.status, 403, method)
      assert.ok(!Object.keys(reply.headers).some((name) => name.startsWith('access-control')))
    }
  }
  // a form has no such header; without it the rules of the upload in one body hold
  const form = await get(server, '/v1/uploads', { 'Content-Type': 'text/plain' }, 'POST')
  assert.equal(form.status, 403)
  const own = { Origin: `http://${server.host}`, 'Sec-Fetch-Site': 'same-origin' }
  assert.equal((await patch(id, 0, 'good', own)).status, 204)
})

test('cut at 60 random points and resumed: the same bytes, nothing twice', async () => {
  const content = bytesOf(300_000)
  let id = await create(content.length)
  let cuts = 0
  for (let at = 0; cuts < 60; cuts++) {
    const rest = content.subarray(at)
    await cutPatch(id, at, rest, Math.floor(random() * Math.min(rest.length, 20_000)))
    const now = (await settled(() => head(id))).headers['upload-offset']
    at = Number(now)
    assert.deepEqual(readFileSync(file(id, '.part')).subarray(0, at), content.subarray(0, at))
    if (at > 250_000) {
      assert.equal((await settled(() => patch(id, at, content.subarray(at)))).status, 204)
      assert.equal(sha256(readFileSync(file(id))), sha256(content))
      id = await create(content.length)
      at = 0
    }
  }
  const at = await offsetOf(id)
  const last = await settled(async () => {
    const from = await offsetOf(id)
    return patch(id, from, content.subarray(from))
  })
  assert.equal(last.status, 204, `from ${at}`)
  assert.equal(sha256(readFileSync(file(id))), sha256(content))
})

test('kill -9 in the middle: the offset is what is on the disk, and it goes on', async () => {
  const content = bytesOf(400_000)
  let own = await here.server('--data', here.at('killed'), '--quiet')
  const at = (id, ending = '') => here.at('killed/uploads', `${id}${ending}`)
  const id = await create(content.length, { 'Upload-Metadata': 'a Yg==' }, own)
  let acknowledged = 0
  for (let round = 0; round < 12; round++) {
    // a piece that is answered, then one in which the server dies
    const step = content.subarray(acknowledged, acknowledged + 20_000)
    assert.equal((await patch(id, acknowledged, step, {}, own)).status, 204)
    acknowledged += step.length
    const cut = cutPatch(id, acknowledged, content.subarray(acknowledged), 30_000, own)
    await cut.catch(() => {})
    own.signal('SIGKILL')
    await own.exited
    own = await here.server('--data', here.at('killed'), '--quiet')
    const now = await head(id, own)
    assert.equal(now.headers['upload-length'], String(content.length))
    assert.equal(now.headers['upload-metadata'], 'a Yg==')
    const offset = Number(now.headers['upload-offset'])
    assert.ok(offset >= acknowledged && offset <= acknowledged + 30_000, `${offset}`)
    assert.equal(offset, readFileSync(at(id, '.part')).length)
    acknowledged = offset
    if (acknowledged >= 340_000) break
  }
  assert.equal((await patch(id, acknowledged, content.subarray(acknowledged), {}, own)).status, 204)
  assert.equal(sha256(readFileSync(at(id))), sha256(content))
  // killed between the last byte and the name: asking gives it its name
  const late = await create(5, {}, own)
  assert.equal((await patch(late, 0, 'abc', {}, own)).status, 204)
  own.signal('SIGKILL')
  await own.exited
  appendFileSync(at(late, '.part'), 'de')
  own = await here.server('--data', here.at('killed'), '--quiet')
  assert.equal((await head(late, own)).headers['upload-offset'], '5')
  assert.equal(readFileSync(at(late), 'utf8'), 'abcde')
  await own.stop()
})

/** A PATCH of which `sent` bytes go out, and no more come: {socket, until closed}. */
function stalled(id, offset, total, sent, to = server) {
  return new Promise((done) => {
    const socket = net.connect(to.port, '127.0.0.1', () => {
      socket.write(
        `PATCH /v1/uploads/${id} HTTP/1.1\r\nHost: ${to.host}\r\nTus-Resumable: 1.0.0\r\n` +
          `Content-Type: ${type['Content-Type']}\r\nUpload-Offset: ${offset}\r\n` +
          `Content-Length: ${total}\r\n\r\n${'s'.repeat(sent)}`,
        () => done({ socket, closed, reply: () => text }),
      )
    })
    let text = ''
    socket.on('data', (d) => {
      text += d
    })
    const closed = new Promise((end) => socket.on('close', end))
    socket.on('end', () => socket.end())
    socket.on('error', () => {})
  })
}
const grownTo = async (id, size) => {
  for (const end = Date.now() + 5000; readFileSync(file(id, '.part')).length < size; await sleep(2))
    assert.ok(Date.now() < end, 'the bytes that were sent are not written')
}

test('a client that comes back ends its own old connection', async () => {
  const id = await create(3000)
  const old = await stalled(id, 0, 3000, 1000)
  await grownTo(id, 1000)
  const now = await settled(() => head(id))
  assert.equal(now.headers['upload-offset'], '1000')
  await old.closed
  assert.match(old.reply(), /^HTTP\/1\.1 409 /)
  assert.equal((await patch(id, 1000, 'n'.repeat(2000))).status, 204)
  assert.equal(readFileSync(file(id), 'utf8'), 's'.repeat(1000) + 'n'.repeat(2000))
})

test('two servers over one folder: one writes', async () => {
  const other = await here.server('--quiet')
  const id = await create(3000)
  const old = await stalled(id, 0, 3000, 1000)
  await grownTo(id, 1000)
  const locked = await patch(id, 1000, 'n'.repeat(2000), {}, other)
  assert.equal(locked.status, 423)
  assert.equal(locked.headers['retry-after'], '1')
  assert.equal((await ask('DELETE', `/v1/uploads/${id}`, {}, '', other)).status, 423)
  assert.equal(await offsetOf(id, other), 1000)
  old.socket.destroy()
  const done = await settled(() => patch(id, 1000, 'n'.repeat(2000), {}, other))
  assert.equal(done.status, 204)
  assert.equal(await offsetOf(id), 3000)
  await other.stop()
})

test('SIGTERM does not wait for an upload that can be resumed', async () => {
  const drainMs = 60_000
  const own = await here.server('--quiet', '--drain-ms', String(drainMs))
  const id = await create(3000, {}, own)
  const old = await stalled(id, 0, 3000, 1000, own)
  await grownTo(id, 1000)
  const began = Date.now()
  await own.stop()
  assert.ok(Date.now() - began < drainMs / 2)
  await old.closed
  assert.match(old.reply(), /^HTTP\/1\.1 503 /)
  assert.equal(await offsetOf(id), 1000)
})

test('what is older than job_keep_h is swept with all of it, what still grows is not', async () => {
  const data = here.at('swept')
  let own = await here.server('--data', data, '--job-keep-h', '1', '--quiet')
  const made = {}
  for (const name of ['old', 'grows', 'whole', 'fresh']) {
    made[name] = await create(4, {}, own)
    assert.equal((await patch(made[name], 0, 'ab', {}, own)).status, 204)
  }
  assert.equal((await patch(made.whole, 2, 'cd', {}, own)).status, 204)
  await own.stop()
  const past = new Date(Date.now() - 2 * 3600 * 1000)
  const at = (name, ending) => `${data}/uploads/${made[name]}${ending}`
  for (const [name, ending] of [
    ['old', '.part'],
    ['old', '.tus'],
    ['grows', '.tus'], // created long ago, written to now
    ['whole', ''],
    ['whole', '.tus'],
  ])
    utimesSync(at(name, ending), past, past)
  own = await here.server('--data', data, '--job-keep-h', '1', '--quiet') // sweeps at the start
  for (const name of ['old', 'whole'])
    for (const end = Date.now() + 10000; ; await sleep(20)) {
      const left = readdirSync(`${data}/uploads`).filter((file) => file.startsWith(made[name]))
      if (left.every((file) => file.endsWith('.tus'))) break
      assert.ok(Date.now() < end, `${left}`)
    }
  assert.equal((await head(made.old, own)).status, 404)
  assert.equal(await offsetOf(made.grows, own), 2)
  assert.equal(await offsetOf(made.fresh, own), 2)
  await own.stop()
  // and the facts of what is gone go with it, at the latest in the next sweep
  own = await here.server('--data', data, '--job-keep-h', '1', '--quiet')
  for (const end = Date.now() + 10000; existsSync(at('old', '.tus')); await sleep(20))
    assert.ok(Date.now() < end, 'the facts are still there')
  assert.ok(existsSync(at('grows', '.tus')))
  await own.stop()
})

test('a full disk is 507, and what came before stays', async () => {
  const { args } = here
  const quoted = [...args, '--data', here.at('full'), '--quiet'].map((a) => `'${a}'`).join(' ')
  const wrapper = here.at('limited.sh')
  writeFileSync(wrapper, `#!/bin/bash\nulimit -f 2048\nexec '${binary}' "$@" ${quoted}\n`, {
    mode: 0o755,
  })
  const own = await start([], {}, wrapper) // 2 MB a file
  const content = bytesOf(3_000_000)
  const id = await create(content.length, {}, own)
  assert.equal((await patch(id, 0, content.subarray(0, 1_000_000), {}, own)).status, 204)
  const full = await patch(id, 1_000_000, content.subarray(1_000_000), {}, own).catch((e) => e)
  assert.ok(full.status === 507 || full.code === 'ECONNRESET' || full.code === 'EPIPE', `${full}`)
  const kept = await offsetOf(id, own)
  assert.ok(kept >= 1_000_000 && kept <= 2048 * 1024)
  assert.equal(
    sha256(readFileSync(here.at('full/uploads', `${id}.part`))),
    sha256(content.subarray(0, kept)),
  )
  await own.stop()
})

/** A proxy that cuts each connection after so many bytes to the server; `cuts` of them, then none. */
async function cuttingProxy(to, cuts, bytes) {
  const proxy = net.createServer((from) => {
    const up = net.connect(to.port, '127.0.0.1')
    let left = proxy.cuts > 0 ? bytes() : Number.POSITIVE_INFINITY
    from.on('data', (data) => {
      left -= data.length
      if (left >= 0) {
        up.write(data)
        return
      }
      proxy.cuts--
      up.write(data.subarray(0, data.length + left))
      from.destroy()
      up.end()
      left = Number.POSITIVE_INFINITY
    })
    up.on('data', (data) => from.write(data))
    up.on('close', () => from.destroy())
    from.on('close', () => up.destroy())
    from.on('error', () => {})
    up.on('error', () => {})
  })
  proxy.cuts = cuts
  await new Promise((done) => proxy.listen(0, '127.0.0.1', done))
  return proxy
}

test('tus-js-client through a proxy that cuts 25 times: the same hash', async (t) => {
  const content = bytesOf(4_000_000)
  // the proxy first: its name must be one that the server knows
  const target = {}
  const proxy = await cuttingProxy(target, 25, () => 2000 + Math.floor(random() * 150_000))
  t.after(() => proxy.close())
  const name = `127.0.0.1:${proxy.address().port}`
  const own = await here.server('--hosts', name, '--quiet')
  target.port = own.port
  const upload = await new Promise((done, fail) => {
    const upload = new tus.Upload(content, {
      endpoint: `http://${name}/v1/uploads`,
      metadata: { filename: 'talk \u00e9.mp4', filetype: 'video/mp4' },
      chunkSize: 500_000,
      retryDelays: Array(60).fill(1),
      onError: fail,
      onSuccess: () => done(upload),
    })
    upload.start()
  })
  assert.equal(proxy.cuts, 0)
  const id = upload.url.split('/').at(-1)
  assert.equal(sha256(readFileSync(file(id))), sha256(content))
  // a second client goes on with an upload of the first, and ends one
  const half = await create(1000, {}, own)
  assert.equal((await patch(half, 0, 'h'.repeat(400), {}, own)).status, 204)
  await new Promise((done, fail) => {
    new tus.Upload(Buffer.from('h'.repeat(1000)), {
      uploadUrl: `http://${name}/v1/uploads/${half}`,
      onError: fail,
      onSuccess: done,
    }).start()
  })
  assert.equal(readFileSync(file(half), 'utf8'), 'h'.repeat(1000))
  await tus.Upload.terminate(`http://${name}/v1/uploads/${half}`)
  assert.ok(!existsSync(file(half)))
  await new Promise((done) => {
    new tus.Upload(Buffer.from('x'.repeat(100)), {
      endpoint: `http://${name}/v1/jobs`, // not for uploads: the client is told, and gives up
      retryDelays: null,
      onError: done,
      onSuccess: () => done(null),
    }).start()
  }).then((error) => assert.equal(error?.originalResponse?.getStatus(), 403))
  await own.stop()
})

test('an upload of hundreds of megabytes in 32 MB of memory', async (t) => {
  const size = Number(process.env.NEARFIELD_UPLOAD_MB ?? (asan ? 64 : 256)) * 1024 * 1024
  const own = await here.server('--data', here.at('large'), '--upload-mb-max', '20000', '--quiet')
  const id = await create(size, {}, own)
  const piece = bytesOf(1 << 20)
  const hash = createHash('sha256')
  for (let i = 0; i < size / piece.length; i++) hash.update(piece)
  const want = hash.digest('hex')
  const send = (from) =>
    new Promise((done, fail) => {
      const request = http.request(
        {
          port: own.port,
          method: 'PATCH',
          path: `/v1/uploads/${id}`,
          agent: false,
          headers: {
            'Tus-Resumable': '1.0.0',
            ...type,
            'Upload-Offset': from,
            'Content-Length': size - from,
          },
        },
        (reply) => {
          reply.resume()
          reply.on('end', () => done(reply.statusCode))
        },
      )
      request.on('error', fail)
      let at = from
      const go = () => {
        while (at < size) {
          const part = piece.subarray(at % piece.length)
          at += part.length
          if (!request.write(part)) {
            request.once('drain', go)
            return
          }
        }
        request.end()
      }
      go()
    })
  assert.equal(await send(0), 204)
  const status = readFileSync(`/proc/${own.pid}/status`, 'utf8')
  const peak = Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024
  if (!asan) assert.ok(peak <= 32, `${peak} MB`)
  t.diagnostic(`${size / 2 ** 20} MB, the server's peak ${peak.toFixed(1)} MB`)
  const found = createHash('sha256')
  const fd = openSync(here.at('large/uploads', id), 'r')
  const buffer = Buffer.alloc(1 << 20)
  for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer))
    found.update(buffer.subarray(0, n))
  closeSync(fd)
  assert.equal(found.digest('hex'), want)
  await own.stop()
})
