// Models: list, manifest, hashes, ranges, the sidecar that saves reading a file again, and what
// happens when a file changes under the running server.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { folder, found, get, runOnce, sleep, start } from './harness.mjs'

const CHUNK = 524288
const sha256 = (data) => createHash('sha256').update(data).digest('hex')
const model = randomBytes(2 * CHUNK + 12345)
const adapter = randomBytes(4321)
let server
let dir
const at = (...names) => path.join(dir.at, ...names)
const ready = async (s) => {
  for (let i = 0; i < 200 && (await get(s, '/readyz')).status !== 200; i++) await sleep(20)
}

before(async () => {
  dir = folder({
    'site/index.html': 'x',
    'models/Tiny-Test.Q4_1.gguf': model,
    'models/readme.txt': 'no model',
    'models/exact.gguf': model.subarray(0, CHUNK),
    'models/Empty.gguf': '',
    'models/Tiny-Test.Q4_1.adapters/fix.gguf': adapter,
    'models/Tiny-Test.Q4_1.adapters/readme.txt': 'no adapter',
    'models/gone.adapters/fix.gguf': 'of no model',
  })
  writeFileSync(at('elsewhere.bin'), 'linked')
  symlinkSync(at('elsewhere.bin'), at('models', 'linked.gguf'))
  await sleep(2100)
  server = await start(['--root', at('site'), '--models', at('models'), '--quiet'])
  await ready(server)
})
after(async () => {
  await server.stop()
  dir.remove()
})

test('the list names every GGUF file, and nothing else', async () => {
  for (const target of ['/models', '/models/']) {
    const reply = await get(server, target)
    assert.equal(reply.headers['content-type'], 'application/json')
    const { models } = JSON.parse(reply.body)
    assert.deepEqual(models.map((m) => m.name).sort(), [
      'empty',
      'exact',
      'linked',
      'tiny-test.q4_1',
    ])
    const tiny = models.find((m) => m.name === 'tiny-test.q4_1')
    assert.deepEqual(tiny, {
      name: 'tiny-test.q4_1',
      file: 'Tiny-Test.Q4_1.gguf',
      bytes: model.length,
      sha256: sha256(model),
      manifest: '/models/tiny-test.q4_1/manifest.json',
    })
  }
})

test('the manifest has the hash of the file and of each 512 KiB', async () => {
  const manifest = JSON.parse((await get(server, '/models/tiny-test.q4_1/manifest.json')).body)
  const chunks = [0, 1, 2].map((i) => sha256(model.subarray(i * CHUNK, (i + 1) * CHUNK)))
  assert.deepEqual(manifest, {
    name: 'tiny-test.q4_1',
    file: 'Tiny-Test.Q4_1.gguf',
    bytes: model.length,
    sha256: sha256(model),
    chunk_bytes: CHUNK,
    chunks,
    adapters: [{ task: 'fix', file: 'fix.gguf', bytes: adapter.length, sha256: sha256(adapter) }],
  })
  const exact = JSON.parse((await get(server, '/models/exact/manifest.json')).body)
  assert.deepEqual(exact.chunks, [sha256(model.subarray(0, CHUNK))])
  assert.deepEqual(exact.adapters, [])
  const empty = JSON.parse((await get(server, '/models/empty/manifest.json')).body)
  assert.deepEqual([empty.bytes, empty.sha256, empty.chunks], [0, sha256(''), []])
})

test('the file: whole, by chunks, and only while it is the same file', async () => {
  const url = '/models/tiny-test.q4_1/Tiny-Test.Q4_1.gguf'
  const whole = await get(server, url)
  assert.equal(sha256(whole.body), sha256(model))
  assert.equal(whole.headers['content-type'], 'application/octet-stream')
  const etag = `"${sha256(model)}"`
  assert.equal(whole.headers.etag, etag)
  const part = await get(server, url, {
    Range: `bytes=${CHUNK}-${2 * CHUNK - 1}`,
    'If-Range': etag,
  })
  assert.equal(part.status, 206)
  assert.ok(part.body.equals(model.subarray(CHUNK, 2 * CHUNK)))
  assert.equal((await get(server, url, { Range: 'bytes=0-1', 'If-Range': '"old"' })).status, 200)
  assert.equal((await get(server, url, { 'If-None-Match': etag })).status, 304)
  assert.equal((await get(server, '/models/linked/linked.gguf')).body.toString(), 'linked')
})

test('an adapter is served with its hash, one that is gone is listed no more', async () => {
  const reply = await get(server, '/models/tiny-test.q4_1/fix.gguf')
  assert.ok(reply.body.equals(adapter))
  assert.equal(reply.headers.etag, `"${sha256(adapter)}"`)
  const one = at('models', 'Tiny-Test.Q4_1.gguf')
  const alone = await start(['--root', at('site'), '--model', one, '--quiet'])
  await ready(alone)
  const listed = async () => {
    const { status, body } = await get(alone, '/models/tiny-test.q4_1/manifest.json')
    return status === 200 ? JSON.parse(body).adapters : null // while it is read anew
  }
  assert.equal((await listed()).length, 1)
  renameSync(at('models', 'Tiny-Test.Q4_1.adapters'), at('models', 'away'))
  alone.signal('SIGHUP')
  await ready(alone)
  await found(async () => (await listed())?.length === 0)
  assert.equal((await get(alone, '/models/tiny-test.q4_1/fix.gguf')).status, 404)
  renameSync(at('models', 'away'), at('models', 'Tiny-Test.Q4_1.adapters'))
  await alone.stop()
})

test('names that are not in the table do not exist', async () => {
  for (const target of [
    '/models/none/manifest.json',
    '/models/tiny-test.q4_1',
    '/models/tiny-test.q4_1/',
    '/models/tiny-test.q4_1/readme.txt',
    '/models/exact/fix.gguf',
    '/models/gone/manifest.json',
    '/models/tiny-test.q4_1.adapters/fix.gguf',
    '/models/Tiny-Test.Q4_1/manifest.json',
    '/models/tiny-test.q4_1/tiny-test.q4_1.gguf',
    '/models/readme.txt',
    '/models/tiny-test.q4_1/manifest.json/x',
  ]) {
    assert.equal((await get(server, target)).status, 404, target)
  }
})

test('the sidecar is used when it fits the file and not when it does not', async () => {
  const sidecar = at('models', 'Tiny-Test.Q4_1.gguf.nearfield-hash')
  assert.ok(existsSync(sidecar))
  const right = readFileSync(sidecar, 'utf8')
  const listed = async () => {
    const other = await start(['--root', at('site'), '--models', at('models'), '--quiet'])
    await ready(other)
    const { models } = JSON.parse((await get(other, '/models/')).body)
    await other.stop()
    return models.find((m) => m.name === 'tiny-test.q4_1').sha256
  }
  // marked content shows that the sidecar is read at all
  writeFileSync(sidecar, right.replace(/sha256 ..../, 'sha256 0000'))
  assert.match(await listed(), /^0000/)
  for (const broken of [
    '',
    'nonsense\n',
    right.slice(0, -30),
    right.replace('nearfield-hash 1', 'nearfield-hash 2'),
    right.replace(/(nearfield-hash 1 )\d+/, '$11'),
    right.replace(/sha256 ..../, 'sha256 zzzz'),
    `${right}chunk ${'0'.repeat(64)}\n`,
  ]) {
    writeFileSync(sidecar, broken)
    assert.equal(await listed(), sha256(model), JSON.stringify(broken.slice(0, 60)))
  }
})

test('a model that changes is hashed again before it is served', async () => {
  const next = randomBytes(100000)
  const url = '/models/exact/exact.gguf'
  const file = at('models', 'exact.gguf')
  writeFileSync(at('next'), next)
  utimesSync(at('next'), new Date(1e12), new Date(1e12))
  renameSync(at('next'), file)
  let reply = await get(server, url)
  assert.equal(reply.status, 503)
  assert.equal(reply.headers['retry-after'], '1')
  await ready(server)
  reply = await get(server, url)
  assert.equal(reply.status, 200)
  assert.equal(reply.headers.etag, `"${sha256(next)}"`)
  assert.ok(reply.body.equals(next))
})

test('SIGHUP finds new models and forgets those that are gone', async () => {
  writeFileSync(at('models', 'New.gguf'), 'new')
  rmSync(at('models', 'Empty.gguf'))
  server.signal('SIGHUP')
  await found(async () => (await get(server, '/models/empty/Empty.gguf')).status === 404)
  await ready(server)
  const { models } = JSON.parse((await get(server, '/models/')).body)
  assert.deepEqual(models.map((m) => m.name).sort(), ['exact', 'linked', 'new', 'tiny-test.q4_1'])
  assert.equal((await get(server, '/models/empty/Empty.gguf')).status, 404)
  assert.equal((await get(server, '/models/new/New.gguf')).body.toString(), 'new')
})

test('--model names one file; one that is not there ends the start', async () => {
  const one = await start(['--root', at('site'), '--model', at('elsewhere.bin'), '--quiet'])
  await ready(one)
  const { models } = JSON.parse((await get(one, '/models/')).body)
  assert.deepEqual(
    models.map((m) => [m.name, m.file, m.bytes]),
    [['elsewhere.bin', 'elsewhere.bin', 6]],
  )
  await one.stop()
  const none = await runOnce(['--port', '0', '--root', at('site'), '--model', at('none.gguf')])
  assert.equal(none.code, 1)
  assert.match(none.stderr, /^nearfield-server: .*none\.gguf: No such file or directory\n$/)
})
