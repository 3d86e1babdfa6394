// Static files: types, headers, HEAD, ranges, validators, ready-made compressed variants.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { truncateSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import { connect, exchange, folder, get, parseReplies, sleep, start, within } from './harness.mjs'

const script = 'export const caption = "hello"\n'.repeat(50)
const big = randomBytes(3_000_000) // more than a socket takes at once
let server
let root
before(async () => {
  root = folder({
    'index.html': '<!doctype html><p>caption editor</p>',
    'sub/index.html': 'sub',
    'assets/index-DiwrgTda.js': script,
    'assets/index-DiwrgTda.js.br': brotliCompressSync(script),
    'assets/index-DiwrgTda.js.gz': gzipSync(script),
    'assets/plain.js': script,
    'assets/plain.js.gz': gzipSync(script),
    'old.js': script,
    'old.js.br': brotliCompressSync('stale'),
    'ten.txt': '0123456789',
    'empty.txt': '',
    'big.bin': big,
    'a b+c%.txt': 'odd name',
    'Zürich.txt': 'umlaut',
  })
  utimesSync(path.join(root.at, 'old.js.br'), new Date(1e12), new Date(1e12))
  await sleep(2100) // a file younger than 2 s gets no tag
  server = await start(['--root', root.at])
})
after(async () => {
  await server.stop()
  root.remove()
})

const names = {
  'a.html': 'text/html; charset=utf-8',
  'a.js': 'text/javascript; charset=utf-8',
  'a.mjs': 'text/javascript; charset=utf-8',
  'a.css': 'text/css; charset=utf-8',
  'a.json': 'application/json',
  'a.wasm': 'application/wasm',
  'a.svg': 'image/svg+xml',
  'a.png': 'image/png',
  'a.srt': 'application/x-subrip; charset=utf-8',
  'a.vtt': 'text/vtt; charset=utf-8',
  'a.gguf': 'application/octet-stream',
  a: 'application/octet-stream',
  'a.JS': 'text/javascript; charset=utf-8',
}
for (const [name, type] of Object.entries(names)) {
  test(`type of ${name}`, async () => {
    writeFileSync(path.join(root.at, name), 'x')
    const reply = await get(server, `/${name}`)
    assert.equal(reply.headers['content-type'], type)
    assert.equal(reply.headers['x-content-type-options'], 'nosniff')
  })
}

test('the page is cross-origin isolated and locked down', async () => {
  for (const target of ['/', '/nothing', '/assets/plain.js']) {
    const { headers } = await get(server, target)
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin')
    assert.equal(headers['cross-origin-embedder-policy'], 'require-corp')
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
    const csp = headers['content-security-policy'].split('; ')
    assert.ok(csp.includes("script-src 'self' 'wasm-unsafe-eval'"))
    assert.ok(
      csp.includes("object-src 'none'") &&
        csp.includes("frame-ancestors 'none'") &&
        csp.includes("base-uri 'none'"),
    )
    assert.ok(csp.includes("require-trusted-types-for 'script'"))
    assert.ok(!headers['content-security-policy'].includes("'unsafe-inline'"))
    assert.equal(headers['access-control-allow-origin'], undefined)
  }
})

test('index, folders, odd names', async () => {
  assert.match((await get(server, '/')).body.toString(), /caption editor/)
  assert.match((await get(server, '/?q=1')).body.toString(), /caption editor/)
  assert.equal((await get(server, '/sub/')).body.toString(), 'sub')
  assert.equal((await get(server, '/sub')).status, 404)
  assert.equal((await get(server, '/a%20b+c%25.txt')).body.toString(), 'odd name')
  assert.equal((await get(server, '/Z%C3%BCrich.txt')).body.toString(), 'umlaut')
  assert.equal((await get(server, '/nothing.txt')).status, 404)
})

test('caching: content-addressed names for ever, the rest asks again', async () => {
  assert.match(
    (await get(server, '/assets/index-DiwrgTda.js')).headers['cache-control'],
    /immutable/,
  )
  assert.equal((await get(server, '/assets/plain.js')).headers['cache-control'], 'no-cache')
  assert.equal((await get(server, '/')).headers['cache-control'], 'no-cache')
  assert.equal((await get(server, '/nothing')).headers['cache-control'], 'no-store')
})

test('HEAD gives the head of GET and no body', async () => {
  for (const target of ['/', '/big.bin', '/empty.txt', '/nothing', '/healthz', '/models/']) {
    const head = await get(server, target, {}, 'HEAD')
    const full = await get(server, target)
    delete head.headers.date
    delete full.headers.date
    assert.deepEqual(head.headers, full.headers)
    assert.equal(head.status, full.status)
    const { raw } = await exchange(
      server.port,
      `HEAD ${target} HTTP/1.1\r\nHost: ${server.host}\r\nConnection: close\r\n\r\n`,
    )
    assert.ok(raw.toString('latin1').endsWith('\r\n\r\n'))
  }
})

test('a large file arrives whole', async () => {
  const reply = await get(server, '/big.bin')
  assert.ok(reply.whole && reply.body.equals(big))
})

const ranges = [
  ['bytes=0-0', 206, 'bytes 0-0/10', '0'],
  ['bytes=0-9', 206, 'bytes 0-9/10', '0123456789'],
  ['bytes=2-5', 206, 'bytes 2-5/10', '2345'],
  ['bytes=5-', 206, 'bytes 5-9/10', '56789'],
  ['bytes=5-500', 206, 'bytes 5-9/10', '56789'],
  ['bytes=-3', 206, 'bytes 7-9/10', '789'],
  ['bytes=-300', 206, 'bytes 0-9/10', '0123456789'],
  ['BYTES=1-2', 206, 'bytes 1-2/10', '12'],
  ['bytes=9-99999999999999999999', 206, 'bytes 9-9/10', '9'],
  ['bytes=10-', 416, 'bytes */10'],
  ['bytes=10-11', 416, 'bytes */10'],
  ['bytes=-0', 416, 'bytes */10'],
  ['bytes=99999999999999999999-', 416, 'bytes */10'],
  ['bytes=5-2', 200],
  ['bytes=', 200],
  ['bytes=-', 200],
  ['bytes', 200],
  ['bytes=a-b', 200],
  ['bytes=1 -2', 200],
  ['bytes=0-1,3-4', 200],
  ['bytes=0-0,-1', 200],
  ['lines=0-1', 200],
  ['bytes=0x1-2', 200],
  ['bytes=--1', 200],
  ['bytes=1-2-3', 200],
]
for (const [range, status, contentRange, body] of ranges) {
  test(`Range: ${range}`, async () => {
    const reply = await get(server, '/ten.txt', { Range: range })
    assert.equal(reply.status, status)
    assert.equal(reply.headers['content-range'], contentRange)
    if (status === 200) assert.equal(reply.body.toString(), '0123456789')
    if (status === 206) assert.equal(reply.body.toString(), body)
  })
}

test('ranges of a large file, of an empty one, and of HEAD', async () => {
  const part = await get(server, '/big.bin', { Range: 'bytes=1000000-2999998' })
  assert.equal(part.status, 206)
  assert.ok(part.body.equals(big.subarray(1000000, 2999999)))
  assert.equal((await get(server, '/empty.txt', { Range: 'bytes=0-' })).status, 416)
  assert.equal((await get(server, '/ten.txt', { Range: 'bytes=0-1' }, 'HEAD')).status, 200)
})

test('If-None-Match, If-Match, If-Range, dates', async () => {
  const { headers } = await get(server, '/ten.txt')
  const tag = headers.etag
  const date = headers['last-modified']
  assert.match(tag, /^"[^"]+"$/)
  const status = async (h) => (await get(server, '/ten.txt', h)).status
  assert.equal(await status({ 'If-None-Match': tag }), 304)
  assert.equal(await status({ 'If-None-Match': `W/${tag}` }), 304)
  assert.equal(await status({ 'If-None-Match': `"other", ${tag}` }), 304)
  assert.equal(await status({ 'If-None-Match': '*' }), 304)
  assert.equal(await status({ 'If-None-Match': '"other"' }), 200)
  assert.equal(await status({ 'If-None-Match': tag.slice(1, -1) }), 200)
  assert.equal(await status({ 'If-None-Match': '"other"', 'If-Modified-Since': date }), 200)
  assert.equal(await status({ 'If-Modified-Since': date }), 304)
  assert.equal(await status({ 'If-Modified-Since': 'Sun, 06 Nov 1994 08:49:37 GMT' }), 200)
  assert.equal(await status({ 'If-Modified-Since': 'tomorrow' }), 200)
  assert.equal(await status({ 'If-Match': tag }), 200)
  assert.equal(await status({ 'If-Match': `W/${tag}` }), 412)
  assert.equal(await status({ 'If-Match': '"other"' }), 412)
  assert.equal(await status({ 'If-Unmodified-Since': 'Sun, 06 Nov 1994 08:49:37 GMT' }), 412)
  assert.equal(await status({ Range: 'bytes=0-1', 'If-Range': tag }), 206)
  assert.equal(await status({ Range: 'bytes=0-1', 'If-Range': `W/${tag}` }), 200)
  assert.equal(await status({ Range: 'bytes=0-1', 'If-Range': '"other"' }), 200)
  assert.equal(await status({ Range: 'bytes=0-1', 'If-Range': date }), 206)
  assert.equal(
    await status({ Range: 'bytes=0-1', 'If-Range': 'Sun, 06 Nov 1994 08:49:37 GMT' }),
    200,
  )
  const not = await get(server, '/ten.txt', { 'If-None-Match': tag })
  assert.equal(not.headers.etag, tag)
  assert.equal(not.headers['content-length'], undefined)
  assert.equal(not.headers['cache-control'], 'no-cache')
})

test('a tag is strong: the same size and mtime, other bytes, another tag; none while the file is young', async () => {
  const file = path.join(root.at, 'twice.txt')
  const when = new Date(1.6e12)
  writeFileSync(file, 'first')
  utimesSync(file, when, when)
  assert.equal((await get(server, '/twice.txt')).headers.etag, undefined)
  await sleep(2100)
  const first = (await get(server, '/twice.txt')).headers
  writeFileSync(file, 'other')
  utimesSync(file, when, when)
  assert.equal((await get(server, '/twice.txt', { 'If-None-Match': first.etag })).status, 200)
  await sleep(2100)
  const second = (await get(server, '/twice.txt')).headers
  assert.equal(first['last-modified'], second['last-modified'])
  assert.notEqual(first.etag, second.etag)
})

const wishes = [
  ['br', 'br'],
  ['gzip', 'gzip'],
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip;q=1.0, br;q=0.5', 'gzip'],
  ['br;q=0, gzip', 'gzip'],
  ['br;q=0, gzip;q=0', undefined],
  ['*', 'br'],
  ['*;q=0', undefined],
  ['*, br;q=0', 'gzip'],
  ['identity', undefined],
  ['identity;q=1, br;q=0.5', undefined],
  ['BR', 'br'],
  ['br;q=2', undefined],
  ['br;q=x', undefined],
  ['', undefined],
  ['x-gzip', 'gzip'],
  ['br ; q=0.8', 'br'],
  ['deflate', undefined],
  ['bread', undefined],
]
for (const [wish, coding] of wishes) {
  test(`Accept-Encoding: ${wish || '(empty)'}`, async () => {
    const reply = await get(server, '/assets/index-DiwrgTda.js', { 'Accept-Encoding': wish })
    assert.equal(reply.headers['content-encoding'], coding)
    assert.equal(reply.headers.vary, 'Accept-Encoding')
    assert.equal(reply.headers['content-type'], 'text/javascript; charset=utf-8')
    const plain =
      coding === 'br'
        ? brotliDecompressSync(reply.body)
        : coding === 'gzip'
          ? gunzipSync(reply.body)
          : reply.body
    assert.equal(plain.toString(), script)
  })
}

test('variants: each its own tag; a missing one falls back; a stale one is not sent', async () => {
  const tags = new Set()
  for (const wish of ['br', 'gzip', 'identity'])
    tags.add(
      (await get(server, '/assets/index-DiwrgTda.js', { 'Accept-Encoding': wish })).headers.etag,
    )
  assert.equal(tags.size, 3)
  assert.equal(
    (await get(server, '/assets/plain.js', { 'Accept-Encoding': 'br' })).headers[
      'content-encoding'
    ],
    undefined,
  )
  assert.equal(
    (await get(server, '/assets/plain.js', { 'Accept-Encoding': 'br, gzip' })).headers[
      'content-encoding'
    ],
    'gzip',
  )
  const old = await get(server, '/old.js', { 'Accept-Encoding': 'br' })
  assert.equal(old.body.toString(), script)
  const part = await get(server, '/assets/index-DiwrgTda.js', {
    'Accept-Encoding': 'gzip',
    Range: 'bytes=0-9',
  })
  assert.equal(part.status, 206)
  assert.ok(part.body.equals(gzipSync(script).subarray(0, 10)))
})

test('a file that shrinks while it is sent ends the connection, never a full-length lie', async () => {
  const file = path.join(root.at, 'shrinks.bin')
  writeFileSync(file, Buffer.alloc(50_000_000, 1))
  const c = await connect(server.port)
  c.send(`GET /shrinks.bin HTTP/1.1\r\nHost: ${server.host}\r\n\r\n`)
  await c.until((b) => b.length > 0)
  c.socket.pause()
  await sleep(200) // the socket's buffers are full, the server waits
  truncateSync(file, 5)
  c.socket.resume()
  await within(c.closed, 5000)
  assert.ok(c.ended(), 'still open')
  const [reply] = parseReplies(c.bytes())
  assert.equal(reply.headers['content-length'], '50000000')
  assert.ok(!reply.whole && c.bytes().length < 50_000_000)
  c.socket.destroy()
})

test('only GET and HEAD', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND']) {
    const reply = await get(server, '/ten.txt', {}, method)
    assert.equal(reply.status, 405)
    assert.equal(reply.headers.allow, 'GET, HEAD')
  }
  assert.equal((await get(server, '*', {}, 'OPTIONS')).status, 405)
})
