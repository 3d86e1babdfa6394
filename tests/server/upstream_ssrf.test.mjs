// Nothing leaves for where no upstream may lead: addresses in settings do not start, names are
// refused once they are resolved, the environment's proxies and redirects change nothing. A listener
// on this machine's addresses sees no connection. The corpus is ssrf_corpus.mjs.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { post } from './api.mjs'
import { folder, freePort, runOnce, start } from './harness.mjs'
import { allowed, names, refused, refusedPrivate, resolved, resolvedNever } from './ssrf_corpus.mjs'
import { farMetric, foreign, preloaded, whole } from './upstream.mjs'

const site = folder({ 'index.html': 'page' })
let n = 0
let listeners
let port
before(async () => {
  const listen = (host, at) =>
    new Promise((done) => {
      const server = net.createServer((socket) => {
        n++
        socket.destroy()
      })
      server.listen(at, host, () => done(server))
    })
  port = await freePort()
  listeners = [await listen('127.0.0.1', port), await listen('::1', port)]
})
after(async () => {
  for (const one of listeners) one.close()
  site.remove()
})

const at = (url) => url.replace('PORT', port)
const ask = { model: 'large', messages: [{ role: 'user', content: 'hello' }] }

test(`${refused.length + refusedPrivate.length} settings do not start`, async () => {
  const all = [
    ...refused.map((url) => at(url)),
    ...refusedPrivate.map((url) => `${at(url)} private`),
  ]
  assert.ok(all.length >= 50) // one that passed would end at --host, with exit code 1
  for (const one of all) {
    const run = await runOnce(['--upstream', `far ${one}`, '--host', 'a name'])
    assert.equal(run.code, 2, `${one}: ${run.stderr}`)
    assert.match(run.stderr, /: upstream: /)
  }
  assert.equal(n, 0)
})

test('those that are fine start', async () => {
  for (const [url, isPrivate] of allowed) {
    const args = ['--upstream', `far ${url}${isPrivate ? ' private' : ''}`]
    const server = await start(['--root', site.at, ...args])
    await server.stop()
  }
  assert.equal(n, 0)
})

test('a name is looked at once it is resolved; the request cannot name a place', async () => {
  for (const name of names) {
    const args = ['--upstream', `far https://${name}:${port}/v1`, '--upstream-model', 'far large']
    const server = await start(['--root', site.at, '--inference', 'no', ...args])
    server.base = `http://${server.host}`
    const got = await post(server, '/v1/chat/completions', ask)
    assert.equal(got.status, 502, name)
    // a resolver may as well know no such name
    const codes = ['upstream_address_refused', 'upstream_unreachable']
    assert.ok(codes.slice(0, /^localhost$/i.test(name) ? 1 : 2).includes(got.body.error.code))
    assert.ok((await farMetric(server, 'failures_total')) >= 1)
    await server.stop()
  }
  assert.equal(n, 0)
})

test(`${resolved.length} addresses that names are resolved to: none is connected to`, async () => {
  const log = path.join(site.at, 'connects')
  const env = preloaded(site.at, log)
  writeFileSync(log, '')
  assert.ok(resolved.length >= 50 && resolvedNever.length >= 35)
  const all = [...resolved.map((a) => [a, '']), ...resolvedNever.map((a) => [a, ' private'])]
  while (all.length > 0) {
    const some = all.splice(0, 8)
    const args = some.flatMap(([address, more], i) => [
      ...[
        '--upstream',
        `u${i} https://a${address.replaceAll(/[.:]/g, '-')}.at.test:${port}/v1${more}`,
      ],
      ...['--upstream-model', `u${i} m${i}`],
    ])
    const server = await start(['--root', site.at, '--inference', 'no', ...args], env)
    server.base = `http://${server.host}`
    for (const [i, [address, more]] of some.entries()) {
      const got = await post(server, '/v1/chat/completions', { ...ask, model: `m${i}` })
      assert.equal(got.body.error?.code, 'upstream_address_refused', `${address}${more}`)
    }
    await server.stop()
  }
  assert.equal(n, 0)
  assert.equal(readFileSync(log, 'utf8'), '', 'no connect at all')
  // the log is one: an allowed address is in it
  const url = `http://a127-0-0-1.at.test:${port}/v1`
  const args = ['--upstream', `far ${url} private`, '--upstream-model', 'far large']
  const server = await start(['--root', site.at, '--inference', 'no', ...args], env)
  server.base = `http://${server.host}`
  assert.equal((await post(server, '/v1/chat/completions', ask)).body.error.code, 'upstream_cut')
  assert.match(readFileSync(log, 'utf8'), /^(127\.0\.0\.1\n)+$/)
  assert.equal(n, 3)
  n = 0
  await server.stop()
})

test('a redirect is not followed, a proxy of the environment not used', async () => {
  const elsewhere = {
    location: `http://127.0.0.1:${port}/`,
    refresh: `0; url=http://127.0.0.1:${port}`,
  }
  let status = 301
  const far = await foreign(({ socket }) => socket.write(whole(status, '{}', elsewhere)))
  const proxy = `http://127.0.0.1:${port}`
  const server = await start(
    [
      ...['--root', site.at, '--inference', 'no', '--upstream', `far ${far.url} private`],
      ...['--upstream-model', 'far large', '--upstream-failures-max', '100'],
    ],
    {
      http_proxy: proxy,
      https_proxy: proxy,
      all_proxy: proxy,
      ALL_PROXY: proxy,
      HTTP_PROXY: proxy,
    },
  )
  server.base = `http://${server.host}`
  for (status of [300, 301, 302, 303, 307, 308]) {
    const got = await post(server, '/v1/chat/completions', ask)
    assert.equal(got.status, 502)
    assert.equal(got.body.error.code, 'upstream_redirect')
    assert.ok(!JSON.stringify(got.body).includes(String(port)))
  }
  assert.equal(far.requests.length, 6)
  assert.equal(n, 0)
  await server.stop()
  await far.close()
})
