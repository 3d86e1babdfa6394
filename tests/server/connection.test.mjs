// One connection over time: keep-alive, pipelining, half-close, HTTP/1.0, bodies, Expect,
// deadlines, many idle ones, the limit, and the drain.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { connect, exchange, folder, get, parseReplies, sleep, start, within } from './harness.mjs'

const big = randomBytes(20_000_000) // far more than the sockets' buffers hold
const deadlines = ['--head-ms', '600', '--body-ms', '600', '--idle-ms', '2000']
let server
let slow // the same with short deadlines
let root
before(async () => {
  root = folder({ 'index.html': 'index', 'a.txt': 'A', 'b.txt': 'B', 'big.bin': big })
  server = await start(['--root', root.at])
  slow = await start(['--root', root.at, ...deadlines])
})
after(async () => {
  await server.stop()
  await slow.stop()
  root.remove()
})

const request = (target, extra = '', s = server) =>
  `GET ${target} HTTP/1.1\r\nHost: ${s.host}\r\n${extra}\r\n`
const statuses = (data, heads) => parseReplies(data, heads).map((r) => r.status)

test('keep-alive: many requests one after the other on one connection', async () => {
  const c = await connect(server.port)
  for (let i = 1; i <= 50; i++) {
    c.send(request('/a.txt'))
    assert.ok(await c.until((b) => parseReplies(b).length === i))
  }
  assert.ok(
    parseReplies(c.bytes()).every(
      (r) => r.status === 200 && r.body.toString() === 'A' && r.headers.connection === undefined,
    ),
  )
  c.socket.destroy()
})

test('a 404, 405, 304 or 416 does not end the connection', async () => {
  const all =
    request('/nothing') +
    request('/a.txt', 'Range: bytes=9-\r\n') +
    request('/a.txt', 'If-None-Match: *\r\n') +
    request('/a.txt').replace('GET', 'DELETE') +
    request('/b.txt', 'Connection: close\r\n')
  const { replies, closed } = await exchange(server.port, all)
  assert.deepEqual(
    replies.map((r) => r.status),
    [404, 416, 304, 405, 200],
  )
  assert.ok(closed)
})

test('pipelining: 1,000 requests in one write are answered in order', async () => {
  const targets = Array.from({ length: 1000 }, (_, i) =>
    i % 3 === 0 ? '/a.txt' : i % 3 === 1 ? '/b.txt' : '/nothing',
  )
  const all = targets.map((t) => request(t)).join('') + request('/', 'Connection: close\r\n')
  const { replies, closed } = await exchange(server.port, all, { ms: 10000 })
  assert.ok(closed)
  assert.equal(replies.length, 1001)
  for (const [i, t] of targets.entries()) {
    assert.equal(
      replies[i].body.toString(),
      t === '/a.txt' ? 'A' : t === '/b.txt' ? 'B' : 'Not Found',
    )
  }
})

test('pipelining behind a reply that blocks, and with a slow reader', async () => {
  const c = await connect(server.port)
  c.send(
    request('/big.bin') +
      request('/a.txt') +
      request('/big.bin') +
      request('/b.txt', 'Connection: close\r\n'),
  )
  c.socket.pause()
  await sleep(300)
  c.socket.resume()
  await within(c.closed, 20000)
  const replies = parseReplies(c.bytes())
  assert.equal(replies.length, 4)
  assert.ok(replies[0].body.equals(big) && replies[2].body.equals(big))
  assert.deepEqual([replies[1].body.toString(), replies[3].body.toString()], ['A', 'B'])
  c.socket.destroy()
})

test('pipelining: requests cut at every byte', async () => {
  const all = [
    request('/a.txt'),
    request('/b.txt', 'Content-Length: 3\r\n'),
    'xyz',
    request('/a.txt', 'Connection: close\r\n'),
  ].join('')
  const cuts = Array.from({ length: all.length - 1 }, (_, i) => i + 1)
  await Promise.all(
    cuts.map(async (cut) => {
      const c = await connect(server.port)
      c.socket.setNoDelay(true)
      c.send(all.slice(0, cut))
      await sleep(20)
      c.send(all.slice(cut))
      await within(c.closed, 5000)
      assert.deepEqual(
        parseReplies(c.bytes()).map((r) => r.body.toString()),
        ['A', 'B', 'A'],
        `cut at ${cut}`,
      )
      c.socket.destroy()
    }),
  )
})

test('half-close: a client that shut its side still gets the whole reply', async () => {
  const { replies, closed } = await exchange(server.port, request('/big.bin'), {
    halfClose: true,
    ms: 10000,
  })
  assert.ok(closed && replies[0].whole && replies[0].body.equals(big))
  const cut = await exchange(server.port, `${request('/a.txt')}GET /b`, { halfClose: true })
  assert.ok(cut.closed)
  assert.deepEqual(
    cut.replies.map((r) => r.status),
    [200],
  )
})

test('HTTP/1.0 closes unless it asks to stay', async () => {
  const plain = await exchange(server.port, `GET /a.txt HTTP/1.0\r\nHost: ${server.host}\r\n\r\n`)
  assert.ok(plain.closed)
  assert.equal(plain.replies[0].headers.connection, 'close')
  const kept = `GET /a.txt HTTP/1.0\r\nHost: ${server.host}\r\nConnection: keep-alive\r\n\r\n`
  const c = await connect(server.port)
  c.send(kept + kept)
  assert.ok(await c.until((b) => parseReplies(b).length === 2))
  assert.deepEqual(
    parseReplies(c.bytes()).map((r) => r.headers.connection),
    ['keep-alive', 'keep-alive'],
  )
  assert.ok(!c.ended())
  c.socket.destroy()
})

test('absolute-form targets name us or nobody; one empty line before a request is overlooked', async () => {
  const { replies } = await exchange(
    server.port,
    `\r\nGET http://${server.host}/a.txt HTTP/1.1\r\nHost: ${server.host}\r\n\r\n` +
      `GET http://${server.host} HTTP/1.1\r\nHost: ${server.host}\r\nConnection: close\r\n\r\n`,
  )
  assert.deepEqual(
    replies.map((r) => r.body.toString()),
    ['A', 'index'],
  )
})

test('every loopback name with the port is a host of ours', async () => {
  for (const host of [
    `localhost:${server.port}`,
    `LOCALHOST:${server.port}`,
    `127.0.0.1:${server.port}`,
    `[::1]:${server.port}`,
  ]) {
    assert.equal((await get(server, '/', { Host: host })).status, 200)
  }
})

test('bodies of GET are read past, by length and by chunks, with trailers', async () => {
  const chunks = '3\r\nabc\r\n5;ext=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n'
  const all =
    request('/a.txt', 'Content-Length: 5\r\n') +
    'GET /' +
    request('/b.txt', 'Transfer-Encoding: Chunked\r\n') +
    chunks +
    request('/a.txt', 'Content-Length: 0\r\n') +
    request('/b.txt', 'Connection: close\r\n')
  const { replies } = await exchange(server.port, all)
  assert.deepEqual(
    replies.map((r) => r.body.toString()),
    ['A', 'B', 'A', 'B'],
  )
})

test('an upgrade is not taken', async () => {
  const { replies } = await exchange(
    server.port,
    request('/a.txt', 'Connection: Upgrade\r\nUpgrade: h2c\r\n') +
      request('/b.txt', 'Connection: close\r\n'),
  )
  assert.deepEqual(
    replies.map((r) => r.status),
    [200, 200],
  )
})

test('Expect: 100-continue', async () => {
  const c = await connect(server.port)
  c.send(request('/a.txt', 'Expect: 100-continue\r\nContent-Length: 5\r\n'))
  assert.ok(await c.until((b) => b.toString().startsWith('HTTP/1.1 100 ')))
  await sleep(100)
  assert.deepEqual(statuses(c.bytes()), [100])
  c.send('hello')
  assert.ok(await c.until((b) => statuses(b).length === 2))
  assert.deepEqual(statuses(c.bytes()), [100, 200])
  c.socket.destroy()
  // a body nobody wants is refused before it is sent
  const post = request('/a.txt', 'Expect: 100-continue\r\nContent-Length: 5000000\r\n').replace(
    'GET',
    'POST',
  )
  const refused = await exchange(server.port, post)
  assert.deepEqual(
    refused.replies.map((r) => r.status),
    [405],
  )
  assert.ok(refused.closed)
})

test('a refused upload gets its answer although it is still sending', async () => {
  const head = request('/a.txt', 'Content-Length: 300000\r\n').replace('GET', 'POST')
  const { replies, closed } = await exchange(server.port, head + 'x'.repeat(300000))
  assert.deepEqual(
    replies.map((r) => r.status),
    [405],
  )
  assert.ok(closed)
})

// A byte every 100 ms: how long until the connection ends, and with what?
async function trickle(bytes) {
  const c = await connect(slow.port)
  c.socket.setNoDelay(true)
  const begin = Date.now()
  let i = 0
  for (; !c.ended() && i < bytes.length; i++) {
    c.send(bytes[i])
    await Promise.race([sleep(100), c.closed])
  }
  const ms = Date.now() - begin
  const got = statuses(c.bytes())
  c.socket.destroy()
  return { ms, got, sent: i / bytes.length }
}

test('a head that trickles is cut at its deadline, not kept alive by each byte', async () => {
  const all = await Promise.all(
    Array.from({ length: 50 }, () => trickle(request('/a.txt', 'A: b\r\n'.repeat(50), slow))),
  )
  for (const { ms, got, sent } of all) {
    assert.deepEqual(got, [408])
    // by the clock: were it kept alive by each byte, all of it would go through
    assert.ok(ms >= 500 && sent < 0.5, `after ${ms} ms, ${sent} of it`)
  }
  assert.equal((await get(slow, '/a.txt')).status, 200)
})

test('a body that trickles is cut at its deadline', async () => {
  const c = await connect(slow.port)
  c.send(request('/a.txt', 'Content-Length: 1000\r\n', slow))
  let sent = 0
  for (; !c.ended() && sent < 1000; sent++) {
    c.send('x')
    await Promise.race([sleep(100), c.closed])
  }
  assert.deepEqual(statuses(c.bytes()), [408])
  assert.ok(sent < 500, `${sent} of 1000 bytes`)
  c.socket.destroy()
})

test('an idle connection ends silently after its time', async () => {
  const fresh = await connect(slow.port)
  const used = await connect(slow.port)
  const begin = Date.now()
  used.send(request('/a.txt', '', slow))
  await within(Promise.all([fresh.closed, used.closed]), 6000)
  assert.ok(fresh.ended() && used.ended())
  assert.ok(Date.now() - begin > 1500)
  assert.equal(fresh.bytes().length, 0)
  assert.deepEqual(statuses(used.bytes()), [200])
  fresh.socket.destroy()
  used.socket.destroy()
})

const rssKb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
const nFiles = (pid) => readdirSync(`/proc/${pid}/fd`).length

test('1,000 idle connections: little memory, others are served, no descriptor stays', async () => {
  await get(server, '/a.txt')
  const files = nFiles(server.pid)
  const before = rssKb(server.pid)
  const idle = await Promise.all(
    Array.from({ length: 1000 }, async () => {
      const c = await connect(server.port)
      c.send(request('/a.txt'))
      await c.until((b) => b.length > 0)
      return c
    }),
  )
  const kbEach = (rssKb(server.pid) - before) / 1000
  assert.ok(process.env.NEARFIELD_SERVER || kbEach <= 6, `${kbEach} KB each`)
  assert.match(
    (await get(server, '/metrics')).body.toString(),
    /nearfield_http_connections 100\d\n/,
  )
  for (let i = 0; i < 20; i++) assert.equal((await get(server, '/b.txt')).status, 200)
  for (const c of idle) c.send(request('/b.txt'))
  for (const c of idle) assert.ok(await c.until((b) => statuses(b).length === 2))
  for (const c of idle) c.socket.destroy()
  for (let i = 0; i < 100 && nFiles(server.pid) > files; i++) await sleep(50)
  assert.ok(nFiles(server.pid) <= files, `${nFiles(server.pid)} files, ${files} before`)
})

test('at the limit a connection is turned away, and taken again when there is room', async () => {
  const small = await start(['--root', root.at, '--connections-max', '3'])
  const held = await Promise.all([1, 2, 3].map(() => connect(small.port)))
  await sleep(100)
  const refused = await exchange(small.port, request('/a.txt', '', small))
  assert.ok(refused.closed && (refused.raw.length === 0 || refused.replies[0].status === 503))
  held[0].socket.destroy()
  const again = () => exchange(small.port, request('/a.txt', 'Connection: close\r\n', small))
  let taken = await again()
  for (let i = 0; i < 200 && taken.replies[0]?.status !== 200; i++) {
    await sleep(20) // until the server has seen the end of the one
    taken = await again()
  }
  assert.equal(taken.replies[0].status, 200)
  for (const c of held) c.socket.destroy()
  await small.stop()
})

test('a client that goes away in the middle of a reply leaves nothing behind', async () => {
  const files = nFiles(server.pid)
  for (let i = 0; i < 50; i++) {
    const c = await connect(server.port)
    c.send(request('/big.bin'))
    await c.until((b) => b.length > 0)
    c.socket.resetAndDestroy()
  }
  for (let i = 0; i < 100 && nFiles(server.pid) > files; i++) await sleep(50)
  assert.ok(nFiles(server.pid) <= files)
})

test('SIGTERM: new connections are refused, the running download ends whole, idle ones end', async () => {
  const s = await start(['--root', root.at])
  const idle = await connect(s.port)
  const busy = await connect(s.port)
  busy.send(request('/big.bin', '', s))
  await busy.until((b) => b.length > 0)
  busy.socket.pause()
  await sleep(100)
  s.signal('SIGTERM')
  await within(idle.closed, 2000)
  assert.ok(idle.ended())
  await assert.rejects(connect(s.port))
  assert.equal(
    await within(
      s.exited.then(() => 'exited'),
      300,
      'running',
    ),
    'running',
  )
  busy.socket.resume()
  await within(busy.closed, 5000)
  const [reply] = parseReplies(busy.bytes())
  assert.ok(reply.whole && reply.body.equals(big))
  busy.socket.end()
  assert.equal((await s.exited).code, 0)
  idle.socket.destroy()
  busy.socket.destroy()
})

test('SIGTERM: what does not end in drain_ms is cut, and never looks whole', async () => {
  const s = await start(['--root', root.at, '--drain-ms', '500'])
  const busy = await connect(s.port)
  busy.send(request('/big.bin', '', s))
  await busy.until((b) => b.length > 0)
  busy.socket.pause()
  await sleep(100)
  const begin = Date.now()
  s.signal('SIGTERM')
  assert.equal((await s.exited).code, 0)
  assert.ok(Date.now() - begin < 3000)
  busy.socket.resume()
  await within(busy.closed, 2000)
  assert.ok(!parseReplies(busy.bytes())[0].whole)
  busy.socket.destroy()
})
