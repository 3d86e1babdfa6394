// What upstreams cost: reserved before, settled after, never more than the day's budget, whoever
// asks at once; the budget of a token's name; tokens added to their file. The store's own rules are
// in test_store.c, on both databases; here SQLite in a folder, and once PostgreSQL.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { post } from './api.mjs'
import { folder, runOnce, sleep } from './harness.mjs'
import {
  chunk,
  completion,
  EVENTS,
  foreign,
  good,
  piece,
  startWithUpstream,
  usage,
  whole,
} from './upstream.mjs'

const site = folder({ 'index.html': 'page' })
const spare = []
after(() => {
  site.remove()
  for (const one of spare) rmSync(one, { recursive: true, force: true })
})
const data = () => {
  const at = mkdtempSync('/tmp/nearfield-budget-')
  spare.push(at)
  return at
}

// 1 a token of the prompt, 2 a token of the answer, at most 100 of these: 200 and the body's bytes
const MODEL = 'm 1000000 2000000 100'
const ask = (more = {}) => ({
  model: 'm',
  messages: [{ role: 'user', content: 'hello' }],
  ...more,
})
const most = (body) => JSON.stringify(body).length + 200 * (body.n ?? 1)
const chat = (server, body, headers) => post(server, '/v1/chat/completions', body, headers)

async function spent(server, headers = {}) {
  await sleep(50)
  const text = await (await fetch(`${server.base}/metrics`, { headers })).text()
  return Number(/^nearfield_budget_day_micro (\d+)$/m.exec(text)[1])
}
const settled = async (server, want, headers) => {
  for (let i = 0; i < 40 && (await spent(server, headers)) !== want; i++) await sleep(25)
  assert.equal(await spent(server, headers), want)
}

let far
let answer = good
before(async () => {
  far = await foreign((r) => answer(r))
})
after(() => far.close())

test('reserved at its most, settled at what it was; n answers are counted', async () => {
  const held = []
  answer = (r) => held.push(r)
  const at = await startWithUpstream(
    site.at,
    far,
    [MODEL],
    [
      ...['--data', data(), '--budget-day-micro', '1000000', '--inference-ms', '1500'],
      ...['--upstream-idle-ms', '200', '--upstream-tries', '1'],
    ],
  )
  const next = async () => {
    while (held.length === 0) await sleep(5)
    return held.shift()
  }
  let sum = 0
  for (const stream of [false, true]) {
    const body = ask({ stream, n: 3 })
    const reply = chat(at, body)
    const request = await next()
    assert.equal(request.body.max_tokens, 100)
    await settled(at, sum + most(body))
    good(request)
    assert.equal((await reply).status, 200)
    sum += 7 + 2 * 3
    await settled(at, sum)
  }
  for (const status of [500, 429, 400, 401]) {
    const reply = chat(at, ask())
    ;(await next()).socket.write(whole(status, '{}'))
    assert.ok((await reply).status >= 400)
    await settled(at, sum) // it cost nothing
  }
  const noUsage = chat(at, ask())
  const one = await next()
  one.socket.write(whole(200, completion('m', 'x', { usage: undefined })))
  assert.equal((await noUsage).status, 200)
  sum += most(ask())
  await settled(at, sum) // not known: as it was reserved
  const cut = chat(at, ask({ stream: true }))
  const two = await next()
  two.socket.write(EVENTS + chunk(piece('m', 'a', { usage: usage(3, 1) })), () =>
    two.socket.destroy(),
  )
  assert.match((await cut).body, /upstream_cut/)
  sum += most(ask({ stream: true }))
  await settled(at, sum)
  const abort = new AbortController()
  const gone = post(at, '/v1/chat/completions', ask(), {}, abort.signal)
  await next()
  abort.abort()
  await assert.rejects(gone)
  sum += most(ask())
  await settled(at, sum)
  const lie = chat(at, ask())
  const three = await next()
  three.socket.write(whole(200, completion('m', 'x', { usage: usage(1000, 2000) })))
  assert.equal((await lie).status, 200)
  sum += 5000 // more than was thought possible: told as it is
  await settled(at, sum)
  await at.stop()
  answer = good
})

test('what may have been paid is not sent again: not by the server, not by curl', async () => {
  const args = ['--data', data(), '--budget-day-micro', '1000000']
  const at = await startWithUpstream(site.at, far, [MODEL, 'free'], args)
  let from = far.requests.length
  answer = ({ socket }) => socket.resetAndDestroy()
  assert.equal((await chat(at, ask())).body.error.code, 'upstream_cut')
  assert.equal(far.requests.length - from, 1)
  await settled(at, most(ask()))
  assert.equal((await chat(at, ask({ model: 'free' }))).body.error.code, 'upstream_cut')
  assert.equal(far.requests.length - from, 4, 'what costs nothing is')
  answer = good
  assert.equal((await chat(at, ask())).status, 200)
  from = far.requests.length
  const kept = far.requests.at(-1).socket
  answer = (r) => (r.socket === kept ? kept.end() : good(r))
  assert.equal((await chat(at, ask())).body.error.code, 'upstream_cut')
  assert.equal(far.requests.length - from, 1)
  await settled(at, 2 * most(ask()) + 13)
  let n = 0
  answer = (r) => (++n < 3 ? r.socket.write(whole(500, '')) : good(r))
  assert.equal((await chat(at, ask())).status, 200)
  assert.equal(n, 3, 'a refusal is free, and passes')
  await at.stop()
  answer = good
})

async function hundred(args, stores) {
  const before = far.requests.length
  let open = 0
  let most_open = 0
  answer = (r) => {
    most_open = Math.max(most_open, ++open)
    setTimeout(() => {
      open--
      r.socket.write(whole(200, completion('m', 'x', { usage: usage(most(ask()) - 200, 100) })))
    }, 100)
  }
  const budget = most(ask()) * 7 + 50
  const servers = []
  for (const store of stores)
    servers.push(
      await startWithUpstream(
        site.at,
        far,
        [MODEL],
        [...args, ...store, '--budget-day-micro', `${budget}`],
      ),
    )
  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, i) => chat(servers[i % servers.length], ask())),
  )
  const refused = replies.filter((r) => r.status === 429)
  assert.ok(refused.every((r) => r.body.error.code === 'insufficient_quota'))
  assert.equal(replies.filter((r) => r.status === 200).length, 7)
  assert.equal(refused.length, 93)
  assert.equal(far.requests.length - before, 7, 'what is refused does not leave')
  assert.ok(most_open <= 7)
  for (const one of servers) await one.stop()
  const again = await startWithUpstream(
    site.at,
    far,
    [MODEL],
    [...args, ...stores[0], '--budget-day-micro', `${budget}`],
  )
  assert.equal((await chat(again, ask())).status, 429, 'a restart gives nothing back')
  await again.stop()
  answer = good
}

test('100 at once: no more than the budget, SQLite', () => hundred(['--data', data()], [[]]))

test('100 at once over two servers and one PostgreSQL', async () => {
  const at = data()
  const script = path.resolve('tests/server/postgresql.sh')
  execFileSync(script, ['start', at])
  const store = ['--store', `postgresql:///postgres?host=${at}&user=postgres`]
  try {
    await hundred(['--data', data()], [store, store])
  } finally {
    execFileSync(script, ['stop', at])
  }
})

test('each name has its own, hashed tokens say who it is', async () => {
  const file = path.join(site.at, 'tokens')
  const made = {}
  for (const name of ['ann', 'bob']) {
    const run = await runOnce(['--add-token', file, name])
    assert.equal(run.code, 0, run.stderr)
    made[name] = run.stdout.trim()
    assert.match(made[name], /^[0-9a-f]{64}$/)
  }
  const text = readFileSync(file, 'utf8')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.match(text, /^sha256:[0-9a-f]{64} ann\nsha256:[0-9a-f]{64} bob\n$/)
  assert.ok(!text.includes(made.ann) && !text.includes(made.bob))
  for (const [name, line] of [
    ['ann', /name is taken/],
    ['', /expected 1 to 32/],
    ['a b', /expected 1 to 32/],
    ['x'.repeat(33), /expected 1 to 32/],
  ]) {
    const run = await runOnce(['--add-token', file, name])
    assert.equal(run.code, 1)
    assert.match(run.stderr, line)
  }
  assert.equal(readFileSync(file, 'utf8'), text)
  const at = await startWithUpstream(
    site.at,
    far,
    [MODEL],
    [
      ...[
        '--token-file',
        file,
        '--data',
        data(),
        '--budget-client-day-micro',
        `${most(ask()) + 30}`,
      ],
    ],
  )
  const as = (name) => ({ authorization: `Bearer ${made[name]}` })
  answer = ({ socket }) => socket.write(whole(200, completion('m', 'x', { usage: usage(31, 0) })))
  assert.equal((await chat(at, ask(), { authorization: 'Bearer none' })).status, 401)
  assert.equal((await chat(at, ask())).status, 401)
  assert.equal((await chat(at, ask(), as('ann'))).status, 200)
  await settled(at, 31, as('ann'))
  assert.equal((await chat(at, ask(), as('ann'))).body.error.code, 'insufficient_quota')
  assert.equal((await chat(at, ask(), as('bob'))).status, 200)
  for (const name of ['ann', 'bob']) assert.ok(!at.log().includes(made[name]))
  await at.stop()
  answer = good
  writeFileSync(file, `${text}sha256:short carl\n`)
  const bad = await runOnce(['--root', site.at, '--token-file', file])
  assert.equal(bad.code, 1)
  chmodSync(file, 0o644)
  assert.match((await runOnce(['--add-token', file, 'carl'])).stderr, /others may read it/)
})

test('a budget wants a store and a bound; without its store nothing is spent', async () => {
  const upstream = ['--upstream', `far ${far.url} private`]
  for (const [args, line] of [
    [['--budget-day-micro', '5'], /--data FOLDER/],
    [
      ['--budget-day-micro', '5', '--data', data(), ...upstream, '--upstream-model', 'far m 1 1'],
      /TOKENS with a budget/,
    ],
    [['--budget-day-micro', 'x'], /millionths/],
    [['--budget-day-micro', '-1'], /millionths/],
  ]) {
    const run = await runOnce(['--root', site.at, ...args])
    assert.ok(run.code === 1 || run.code === 2)
    assert.match(run.stderr, line)
  }
  const at = data()
  const before = far.requests.length
  const script = path.resolve('tests/server/postgresql.sh')
  execFileSync(script, ['start', at])
  const store = `postgresql:///postgres?host=${at}&user=postgres`
  const server = await startWithUpstream(
    site.at,
    far,
    [MODEL, 'free'],
    [...['--data', data(), '--store', store, '--budget-day-micro', '5000']],
  )
  execFileSync(script, ['stop', at])
  const down = await chat(server, ask())
  assert.equal(down.status, 503)
  assert.equal(down.body.error.code, 'store_unavailable')
  assert.equal(down.headers.get('retry-after'), '1')
  assert.equal(
    (await chat(server, ask({ model: 'free' }))).status,
    200,
    'what is free needs no store',
  )
  assert.equal(far.requests.length, before + 1)
  await server.stop()
})
