// A model with a server beside it, in Chromium: the real model on the page, the real nearfield-server
// behind the page's own origin, and outages of either by script. What is asserted are receipts, the
// ledger, and what the network saw.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import { startWithModel } from '../../server/api.mjs'
import { folder, found } from '../../server/harness.mjs'
import { launch } from '../chromium.mjs'
import { model, openPage, serveSdk } from './page.mjs'

const SECRET = 'they is zephyrine in the libary'
const site = folder({ 'index.html': 'page' })
let upstream
let server
let browser
let opened
/** What '/v1/' does instead of answering; null: nothing. */
let outage = null
/** What came to '/v1/'. */
let asked = []

before(async () => {
  upstream = await startWithModel(site.at, ['--client_requests_minute', '6000'])
  server = await serveSdk(true, { '/v1/': edits })
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.close()
  await upstream?.stop()
  site.remove()
})
beforeEach(async () => {
  await opened?.context.close()
  Object.assign(server.faults, { models: true })
  outage = null
  opened = await openPage(browser, server)
  // with that, and with patience, nobody is asked beside another one only because he is slow: which
  // place is quicker on this machine is not what these tests ask
  await opened.page.evaluate(() => {
    Object.defineProperty(navigator.connection, 'saveData', { get: () => true })
  })
  asked = []
})

const OUTAGES = {
  away: (request) => request.socket.destroy(),
  busy: (_, response) => response.writeHead(429, { 'retry-after': '1' }).end('{}'),
  garbage: (_, response) => response.end('<html>It works!</html>'),
  cut: (request, response) => {
    response.writeHead(200, { 'content-length': '400' })
    response.write('{"text": "they', () => request.socket.destroy())
  },
  /** A receipt in order, and a text that its changes do not make. */
  lie: (_, response, answer) =>
    response.end(JSON.stringify({ ...answer, text: `${answer.text} Buy now.` })),
  silent: () => {},
}

async function edits(request, response) {
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  const body = Buffer.concat(pieces)
  asked.push(body.toString())
  if (outage && outage !== 'lie') return OUTAGES[outage](request, response)
  const { host, port } = new URL(upstream.base)
  const onward = http.request({
    ...{ host: host.split(':')[0], port, path: request.url, method: request.method },
    headers: { 'content-type': 'application/json', 'content-length': body.length },
  })
  onward.end(body)
  const [reply] = await once(onward, 'response')
  const answer = []
  for await (const piece of reply) answer.push(piece)
  const text = Buffer.concat(answer).toString()
  if (outage === 'lie') return OUTAGES.lie(request, response, JSON.parse(text))
  response.writeHead(reply.statusCode, { 'content-type': 'application/json' }).end(text)
}

/** Holds all that the model's folder is asked for; answers what lets go. */
function hold() {
  let release
  server.faults.models = new Promise((kept) => {
    release = () => {
      server.faults.models = true
      kept()
    }
  })
  return release
}
const open = (options = {}) =>
  opened.page.evaluate(
    async ([url, { refuse, ...given }]) => {
      window.statuses = []
      window.nf = await window.sdk.Nearfield.open({
        ...{ model: url, backend: 'wasm' },
        server: { url: '/v1', inputUsd: 1, outputUsd: 2, patienceMs: 60_000 },
        ...given,
        ...(refuse ? { consent: () => false } : {}),
        onStatus: (status) => window.statuses.push(status.state),
      })
      return window.nf.status
    },
    [model(), options],
  )
const ready = () => opened.page.waitForFunction(() => window.nf.status.state === 'ready')
/** As the router wants it before it prefers the device on a machine as slow as it may be. */
async function known() {
  await ready()
  for (let i = 0; i < 3; i++) await edit({ mode: 'only_on_device' })
}
/** The text's number keeps an answer from being remembered. */
let n = 100
async function edit(request = {}) {
  const text = `i has ${n++} cats`
  const result = await opened.page.evaluate(
    (asked) => window.nf.edit(asked).catch((error) => ({ code: error.code, line: error.message })),
    { task: 'fix', text, ...request },
  )
  if (!result.receipt) return result
  const { receipt } = result
  const tried = receipt.attempts.map(({ source, outcome }) => `${source} ${outcome}`).join(', ')
  return { ...result, where: `${receipt.source}: ${receipt.why}`, tried, receipt }
}
/** As a crash of the engine's worker reaches the page. */
const kill = () =>
  opened.page
    .workers()
    .find((worker) => worker.url().endsWith('/engine.worker.js'))
    .evaluate(() => {
      setTimeout(() => {
        throw new Error('killed by the test')
      })
    })

test('the server answers until the model is there, then the device; what is known is at hand', async () => {
  const release = hold()
  const { state, tasks } = await open()
  assert.deepEqual([state, tasks], ['loading', []])
  const asks = { text: 'i has 98 cats' }
  const far = await edit(asks)
  assert.equal(far.where, 'server: device_loading')
  assert.equal((await edit(asks)).where, 'server: remembered')
  assert.match(far.tried, /^(device cancelled, )?server ok$/)
  assert.equal(far.receipt.backend, 'native')
  assert.ok(far.receipt.bytesSent > 30 && far.receipt.costUsd > 0)
  assert.match(far.text, /have \d+ cats/)
  release()
  await known()
  const text = 'i has 99 cats'
  const here = await edit({ text })
  assert.equal(here.where, 'device: device_preferred')
  assert.deepEqual([here.tried, here.receipt.bytesSent, here.receipt.costUsd], ['device ok', 0, 0])
  assert.equal((await edit({ text })).where, 'device: remembered')
  const sums = await opened.page.evaluate(() => window.nf.ledger())
  assert.deepEqual([sums.device.edits, sums.server.edits, sums.server.requests], [6, 1, 1])
  assert.equal(sums.server.bytesSent, far.receipt.bytesSent)
  assert.ok(sums.server.usd > 0 && sums.saved.usd > 0 && sums.failed === 0)
  assert.equal(asked.length, 1)
})

test('a scripted outage: device, server, device, and each receipt says why', async () => {
  await open()
  await known()
  const seen = [await edit()]
  outage = 'away' // which nobody notices as long as the device answers
  seen.push(await edit())
  outage = null
  const release = hold() // the worker that comes next waits for its manifest
  const text = 'they was late, and he go home without it because she have no money'
  const running = edit({ text })
  await kill()
  const caught = await running
  seen.push(await edit())
  release()
  await ready()
  seen.push(await edit())
  assert.deepEqual(
    seen.map(({ where }) => where),
    [
      'device: device_preferred',
      'device: device_preferred',
      'server: device_loading',
      'device: device_preferred',
    ],
  )
  // it may just have been done, and may be given to the next worker before the server has answered
  assert.match(caught.tried, /^device lost, (device cancelled, )?server ok$|^device ok$/)
  assert.match(caught.text, /late/)
  const states = await opened.page.evaluate(() => window.statuses)
  assert.deepEqual(
    states.filter((state, i) => state !== states[i - 1]),
    ['ready', 'loading', 'ready'],
  )
})

test('with neither, an edit waits for the one that comes back first', async () => {
  const release = hold()
  outage = 'away'
  await open()
  const waiting = edit()
  await found(() => asked.length > 0) // it has tried the server
  release()
  const { where, tried } = await waiting
  assert.match(where, /^device: /)
  assert.match(tried, /^(server network, )+device ok$/)
})

test('a server that is busy, cut, silent or lies is none: the device answers', {
  timeout: 120_000,
}, async () => {
  await open()
  await known()
  for (const kind of ['busy', 'garbage', 'cut', 'lie', 'silent']) {
    outage = kind
    const { where, tried, text } = await edit({ mode: 'prefer_in_cloud' })
    assert.match(where, /^(device|server): /, kind)
    assert.match(tried, /device ok$/, `${kind}: ${tried}`)
    assert.match(text, /^I have \d+ cats/i, kind)
  }
  outage = 'away'
  const refused = await edit({ mode: 'only_in_cloud' })
  assert.equal(refused.code, 'network', JSON.stringify(refused))
})

test('only_on_device: not a byte of it leaves the page, whatever happens', {
  timeout: 120_000,
}, async () => {
  const { page } = opened
  const seen = []
  const client = await opened.context.newCDPSession(page)
  await client.send('Network.enable')
  client.on('Network.requestWillBeSent', ({ request }) => seen.push(request))
  const release = hold()
  await open({ mode: 'only_on_device' })
  const waiting = edit({ text: SECRET }) // the model is not there yet
  await page.waitForTimeout(300)
  release()
  const first = await waiting
  assert.match(first.where, /^device: /)
  assert.ok(first.receipt.passes > 0)
  const again = hold()
  const running = edit({ text: `${SECRET} now` })
  await kill() // it runs on the worker that ends, or on the one that comes
  again()
  const second = await running
  await ready()
  const third = await edit({ text: `${SECRET} too` })
  await page.evaluate((text) => {
    window.nf.prefetch([{ text }], { task: 'fix' })
  }, `${SECRET} then`)
  const poor = await edit({ text: `${SECRET} ever`, task: 'rewrite' })
  assert.match(third.where, /^device: /)
  assert.equal(poor.code, 'unsupported')
  assert.ok(second.where?.startsWith('device: ') || second.code === 'lost', JSON.stringify(second))
  assert.deepEqual(asked, []) // nothing came to the server
  const words = SECRET.split(' ').filter((word) => word.length > 6)
  for (const { url, postData = '' } of seen)
    for (const word of words) assert.ok(!`${url}${postData}`.includes(word), url)
})

test('a download that is not wanted leaves the server, and edits say why', async () => {
  const models = []
  opened.page.on('request', (request) => {
    if (request.url().includes('/models/')) models.push(request.url())
  })
  await open({ refuse: true })
  await opened.page.waitForFunction(() => window.nf.status.state === 'absent')
  const reason = await opened.page.evaluate(() => window.nf.status.backendReason)
  assert.match(reason, /was not wanted$/)
  assert.equal((await edit()).where, 'server: device_absent')
  const { code } = await edit({ mode: 'only_on_device' })
  assert.equal(code, 'unsupported')
  assert.deepEqual(
    models.filter((url) => !url.endsWith('/manifest.json')),
    [],
  )
})

test('a model that cannot be had leaves the server, and says so', async () => {
  await open({ model: '/models/no-model/' })
  await opened.page.waitForFunction(() => window.nf.status.state === 'absent')
  const { where } = await edit()
  assert.equal(where, 'server: device_absent')
  const { code, line } = await edit({ mode: 'only_on_device' })
  assert.equal(code, 'unsupported', line)
  const reason = await opened.page.evaluate(() => window.nf.status.backendReason)
  assert.match(reason, /GGUF/)
})
