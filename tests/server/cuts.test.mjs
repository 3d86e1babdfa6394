// Connections that end early: 1,000 downloads cut anywhere and resumed give the file, 100 restarts
// under load let no reply that was cut pass as whole, 1,000 clients that trickle are cut at the
// deadline while others are served. NEARFIELD_SEED (1) says where; NEARFIELD_DOWNLOADS and
// NEARFIELD_RESTARTS how many.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { connect, folder, get, randoms, sleep, start } from './harness.mjs'

const DOWNLOADS = Number(process.env.NEARFIELD_DOWNLOADS ?? 1000)
const RESTARTS = Number(process.env.NEARFIELD_RESTARTS ?? 100)
const TRICKLING = 1000
const BYTES = 3 << 20
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')
const random = randoms(Number(process.env.NEARFIELD_SEED ?? 1))

let root, bytes
before(() => {
  bytes = randomBytes(BYTES)
  root = folder({ 'file.bin': bytes, 'small.txt': 'small' })
})
after(() => root.remove())

/** Ends with the test, also with one that fails. */
async function serve(t, ...more) {
  const server = await start(['--root', root.at, '--quiet', ...more])
  t.after(() => server.signal('SIGKILL'))
  return server
}
const request = (server, fields = '') =>
  `GET /file.bin HTTP/1.1\r\nHost: ${server.host}\r\n${fields}\r\n`

/** The head of what came, and the bytes behind it; null: no whole head yet. */
function split(raw) {
  const end = raw.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [line, ...fields] = raw.subarray(0, end).toString('latin1').split('\r\n')
  const headers = Object.fromEntries(
    fields.map((f) => [
      f.slice(0, f.indexOf(':')).toLowerCase(),
      f.slice(f.indexOf(':') + 1).trim(),
    ]),
  )
  return { status: Number(line.split(' ')[1]), headers, body: raw.subarray(end + 4) }
}

/** Reads until `n` bytes of body are there or the server ends; then cuts. */
async function readUpTo(server, fields, n) {
  const c = await connect(server.port)
  c.send(request(server, fields))
  let have = 0
  await new Promise((done) => {
    c.socket.on('data', (piece) => {
      have += piece.length
      if (have > n) done()
    })
    c.closed.then(done)
  })
  const reply = split(c.bytes())
  c.socket.destroy()
  return reply
}

test(`${DOWNLOADS} downloads, each cut once and resumed: the same bytes, none twice`, async (t) => {
  const server = await serve(t)
  while (!(await get(server, '/file.bin', {}, 'HEAD')).headers.etag) await sleep(100) // it is too young
  const want = hash(bytes)
  let left = DOWNLOADS
  let resumed = 0
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (left-- > 0) {
        const cut = await readUpTo(server, '', Math.floor(random() * BYTES))
        assert.equal(cut.status, 200)
        const at = cut.body.length
        const rest = await readUpTo(
          server,
          `Range: bytes=${at}-\r\nIf-Range: ${cut.headers.etag}\r\nConnection: close\r\n`,
          Infinity,
        )
        if (at === BYTES) {
          assert.equal(rest.status, 416)
          continue
        }
        resumed++
        assert.equal(rest.status, 206)
        assert.equal(rest.headers['content-range'], `bytes ${at}-${BYTES - 1}/${BYTES}`)
        assert.equal(rest.body.length, BYTES - at)
        assert.equal(hash(Buffer.concat([cut.body, rest.body])), want)
      }
    }),
  )
  assert.ok(resumed > DOWNLOADS / 2)
  await server.stop()
})

test(`${RESTARTS} restarts under load: a reply is whole and right, or it is seen to be cut`, async (t) => {
  const sums = { whole: 0, cut: 0, refused: 0 }
  for (let round = 0; round < RESTARTS; round++) {
    const server = await serve(t, '--drain-ms', '20')
    let over = false
    const clients = Array.from({ length: 6 }, async () => {
      while (!over) {
        const c = await connect(server.port).catch(() => null)
        if (!c) {
          sums.refused++
          await sleep(1)
          continue
        }
        c.send(request(server, 'Connection: close\r\n'))
        await c.closed
        const reply = split(c.bytes())
        c.socket.destroy()
        const said = Number(reply?.headers['content-length'])
        if (reply?.status === 503) sums.refused++
        else if (!reply || reply.body.length < said) sums.cut++
        else {
          assert.ok(reply.status === 200 && said === BYTES && bytes.equals(reply.body))
          sums.whole++
        }
      }
    })
    await sleep(5 + 40 * random())
    server.signal(round % 4 === 3 ? 'SIGKILL' : 'SIGTERM')
    const { code, signal } = await server.exited
    assert.ok(round % 4 === 3 ? signal === 'SIGKILL' : code === 0, `${code} ${signal}`)
    over = true
    await Promise.all(clients)
  }
  t.diagnostic(JSON.stringify(sums))
  assert.ok(sums.whole > RESTARTS && sums.cut > 0)
})

test(`${TRICKLING} clients that trickle: cut at the deadline, others are served beside them`, async (t) => {
  const server = await serve(t, '--head-ms', '3000')
  const begun = []
  const slow = await Promise.all(
    Array.from({ length: TRICKLING }, async () => {
      const c = await connect(server.port)
      c.send('G')
      begun.push(Date.now())
      return c
    }),
  )
  let over = false
  const trickle = (async () => {
    for (const piece of 'ET /small.txt HTTP/1.1\r\nA: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb') {
      if (over) break
      for (const c of slow) if (!c.ended()) c.send(piece)
      await sleep(100)
    }
  })()
  const took = []
  while (slow.some((c) => !c.ended())) {
    const begin = performance.now()
    assert.equal((await get(server, '/small.txt')).status, 200)
    took.push(performance.now() - begin)
    assert.ok(Date.now() - begun[0] < 20000, 'all are cut')
    await sleep(10)
  }
  over = true
  await trickle
  const first = Date.now() - begun[0]
  for (const c of slow) {
    assert.match(c.bytes().toString('latin1'), /^HTTP\/1\.1 408 /)
    c.socket.destroy()
  }
  took.sort((a, b) => a - b)
  t.diagnostic(
    `cut within ${first} ms; ${took.length} others: p50 ${took[took.length >> 1].toFixed(1)} ms, p99 ${took[Math.floor(took.length * 0.99)].toFixed(1)} ms`,
  )
  assert.ok(took.length >= 4, 'all along') // some hundred, on a machine of its own
  await server.stop()
})
