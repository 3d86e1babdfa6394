// Every request of the corpus is refused with its status and the connection is closed after it:
// also when it arrives byte by byte, and also as the second request of a pipeline, where what
// follows it must never be answered (that would be smuggling).
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { connect, exchange, folder, parseReplies, sleep, start, within } from './harness.mjs'
import { malformed } from './malformed_corpus.mjs'

let server
let root
before(async () => {
  root = folder({ 'index.html': 'index', 'secret.txt': 'SMUGGLED' })
  server = await start(['--root', root.at, '--quiet'])
})
after(async () => {
  await server.stop()
  root.remove()
})

const wire = (data) => data.replaceAll('HOST', server.host)
const smuggled = () => `GET /secret.txt HTTP/1.1\r\nHost: ${server.host}\r\n\r\n`

test('the corpus holds more than 60 requests', () => assert.ok(malformed.length >= 60))

for (const [name, data, status] of malformed) {
  test(`refused: ${name}`, async () => {
    const { replies, closed, raw } = await exchange(server.port, wire(data))
    assert.equal(replies.length, 1, raw.toString('latin1').slice(0, 200))
    assert.equal(replies[0].status, status)
    assert.ok(replies[0].whole)
    assert.equal(replies[0].headers.connection, 'close')
    assert.ok(closed, 'the connection is still open')
  })
}

test('nothing behind a refused request is answered', async () => {
  const results = await Promise.all(
    malformed.map(async ([name, data, status]) => {
      const first = `GET / HTTP/1.1\r\nHost: ${server.host}\r\n\r\n`
      // a head without an end would swallow what follows: there is no "behind"
      const { replies, closed, raw } = await exchange(server.port, first + wire(data) + smuggled())
      return {
        name,
        ok:
          closed &&
          replies.length === 2 &&
          replies[0].status === 200 &&
          replies[1].status >= 400 &&
          !raw.includes('SMUGGLED'),
        replies: replies.map((r) => r.status),
        status,
      }
    }),
  )
  assert.deepEqual(
    results.filter((r) => !r.ok),
    [],
  )
})

test('byte by byte gives the same refusals', async () => {
  const short = malformed.filter(([, data]) => data.length < 300)
  const results = await Promise.all(
    short.map(async ([name, data, status]) => {
      const c = await connect(server.port)
      c.socket.setNoDelay(true)
      for (const byte of wire(data)) {
        if (c.ended()) break
        c.send(byte)
        await sleep(0)
      }
      await within(c.closed, 3000)
      const replies = parseReplies(c.bytes())
      c.socket.destroy()
      return { name, got: replies.map((r) => r.status), status }
    }),
  )
  assert.deepEqual(
    results.filter((r) => r.got.length !== 1 || r.got[0] !== r.status),
    [],
  )
})
