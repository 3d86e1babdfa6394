// The checksum extension of tus: a PATCH whose bytes are not what Upload-Checksum says leaves
// nothing behind, whether it came whole or was cut; one that says nothing is kept as ever.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { connect, sleep } from './harness.mjs'
import { place } from './jobs_harness.mjs'

const tus = { 'Tus-Resumable': '1.0.0' }
const SIZE = 300000
const content = Buffer.from(Array.from({ length: SIZE }, (_, i) => (i * i) % 251))
const sum = (algorithm, bytes) => ({
  'Upload-Checksum': `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`,
})

let here
let server
before(async () => {
  here = place('sqlite')
  server = await here.server('--quiet')
})
after(async () => {
  await server.stop().finally(() => here.remove())
})

async function create() {
  const headers = { ...tus, 'Upload-Length': String(SIZE) }
  const reply = await fetch(`http://${server.host}/v1/uploads`, { method: 'POST', headers })
  assert.equal(reply.status, 201)
  return reply.headers.get('location')
}
async function patch(at, offset, body, fields = {}) {
  const headers = { ...tus, 'Upload-Offset': String(offset), ...fields }
  headers['Content-Type'] = 'application/offset+octet-stream'
  const reply = await fetch(`http://${server.host}${at}`, { method: 'PATCH', headers, body })
  await reply.arrayBuffer()
  return reply.status
}
async function offset(at) {
  const reply = await fetch(`http://${server.host}${at}`, { method: 'HEAD', headers: tus })
  if (reply.status === 423) return offset(at) // still being written
  assert.equal(reply.status, 200)
  return Number(reply.headers.get('upload-offset'))
}

test('each PATCH by its own algorithm; a wrong one is 460 and is not there', async () => {
  const at = await create()
  const [a, b, c] = [
    content.subarray(0, 1000),
    content.subarray(1000, 200000),
    content.subarray(200000),
  ]
  assert.equal(await patch(at, 0, a, sum('sha1', b)), 460)
  assert.equal(await offset(at), 0)
  assert.equal(await patch(at, 0, a, sum('sha1', a)), 204)
  assert.equal(await patch(at, 1000, b, sum('sha256', a)), 460)
  assert.equal(await offset(at), 1000)
  assert.equal(await patch(at, 1000, b, sum('sha256', b)), 204)
  const damaged = Buffer.from(c)
  damaged[50000] ^= 1
  assert.equal(await patch(at, 200000, damaged, sum('sha1', c)), 460) // it would have been whole
  assert.equal(await offset(at), 200000)
  assert.equal(await patch(at, 200000, c), 204)
  const file = here.at('data/uploads', at.split('/').at(-1))
  assert.ok(readFileSync(file).equals(content))
})

test('what cannot be checked is refused before its body', async () => {
  const at = await create()
  const bad = ['md5 kAFQmDzST7DWlj99KOF/cg==', 'sha1', 'sha1 AAAA', 'sha256 !']
  for (const field of bad)
    assert.equal(await patch(at, 0, content, { 'Upload-Checksum': field }), 400, field)
  assert.equal(await offset(at), 0)
})

test('cut: with a checksum nothing stays, without one all that came', async () => {
  for (const fields of [sum('sha1', content), {}]) {
    const at = await create()
    const c = await connect(server.port)
    const lines = Object.entries({
      Host: server.host,
      ...tus,
      'Upload-Offset': 0,
      'Content-Type': 'application/offset+octet-stream',
      'Content-Length': SIZE,
      ...fields,
    }).map(([k, v]) => `${k}: ${v}\r\n`)
    c.send(`PATCH ${at} HTTP/1.1\r\n${lines.join('')}\r\n`)
    c.send(content.subarray(0, 250000))
    for (let i = 0; i < 500 && (await size(at)) < 250000; i++) await sleep(10)
    assert.equal(await size(at), 250000)
    c.socket.destroy()
    const left = fields['Upload-Checksum'] ? 0 : 250000
    for (let i = 0; i < 500 && (await size(at)) !== left; i++) await sleep(10)
    assert.equal(await offset(at), left)
    assert.equal(
      await patch(at, left, content.subarray(left), sum('sha256', content.subarray(left))),
      204,
    )
  }
})
const size = async (at) =>
  readFileSync(here.at('data/uploads', `${at.split('/').at(-1)}.part`)).length
