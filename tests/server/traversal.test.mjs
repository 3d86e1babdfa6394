// No target reaches a file outside the root or a hidden one; a link that stays inside works.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { exchange, folder, get, start } from './harness.mjs'
import { traversal } from './traversal_corpus.mjs'

const SECRET = 'this line must never leave the machine'
let server
let outer
before(async () => {
  outer = folder({
    'secret.txt': SECRET,
    'site/index.html': 'index',
    'site/assets/inside.txt': 'inside',
    'site/.git/config': SECRET,
    'site/.env': SECRET,
    'site/.secret.txt': SECRET,
    'site/assets/.hidden/secret.txt': SECRET,
    'models/small.gguf': 'GGUF small',
    'models/secret.txt': SECRET,
  })
  const site = path.join(outer.at, 'site')
  const link = (to, at) => symlinkSync(to, path.join(site, at))
  link('../secret.txt', 'link-out.txt')
  link(path.join(outer.at, 'secret.txt'), 'link-out-absolute.txt')
  link('..', 'link-dir')
  link(outer.at, 'link-dir-absolute')
  link('../..', 'assets/link-up')
  link('link-out.txt', 'link-chain.txt')
  link('link-loop', 'link-loop')
  link('/', 'link-root')
  link('/proc', 'link-proc')
  link('assets/inside.txt', 'link-inside.txt')
  execFileSync('mkfifo', [path.join(site, 'fifo')])
  server = await start(['--root', site, '--models', path.join(outer.at, 'models'), '--quiet'])
  for (let i = 0; i < 100 && (await get(server, '/readyz')).status !== 200; i++);
})
after(async () => {
  await server.stop()
  outer.remove()
})

test('the corpus holds more than 100 targets', () => assert.ok(traversal.length >= 100))

for (const target of traversal) {
  test(`does not escape: ${target}`, async () => {
    const wire = target.replaceAll('SECRET', path.join(outer.at, 'secret.txt'))
    const { raw, replies } = await exchange(
      server.port,
      `GET ${wire} HTTP/1.1\r\nHost: ${server.host}\r\nConnection: close\r\n\r\n`,
    )
    assert.ok(!raw.includes(SECRET) && !raw.includes('root:'), 'the secret got out')
    assert.equal(replies.length, 1)
    if (target.startsWith('/?'))
      assert.equal(replies[0].body.toString(), 'index') // only a query
    else assert.ok([400, 404].includes(replies[0].status), `status ${replies[0].status}`)
  })
}

test('a link that stays inside is followed', async () => {
  const reply = await get(server, '/link-inside.txt')
  assert.equal(reply.status, 200)
  assert.equal(reply.body.toString(), 'inside')
})

test('the model beside the secret is served, the secret is not', async () => {
  assert.equal((await get(server, '/models/small/small.gguf')).body.toString(), 'GGUF small')
  assert.equal((await get(server, '/models/small/secret.txt')).status, 404)
})
