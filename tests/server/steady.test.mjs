// Hours of ordinary work, shortened: at half of the load that it can bear the server's memory stays
// flat and no descriptor is lost. NEARFIELD_STEADY_S: for how long (8 s; ./dev soak memory: 1,200).
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { connect, get, sleep } from './harness.mjs'
import { client, events, place } from './jobs_harness.mjs'

const seconds = Number(process.env.NEARFIELD_STEADY_S ?? 8)
const LANES = 4
const SLACK_KB = 1024
const PART_S = seconds / 4

let here
let server
before(async () => {
  here = place('sqlite')
  server = await here.server('--job-slots', '2', '--quiet', '--job-keep-h', '1')
})
after(() => here.remove())

const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length
/** Memory of its own in KB: not the pages of files and libraries. */
const memory = () => {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return Number(/RssAnon:\s+(\d+) kB/.exec(status)[1])
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/** One of each thing that clients do, the last of them badly. */
const works = [
  async () => assert.equal((await get(server, '/index.html')).status, 200),
  async () => assert.equal((await get(server, '/index.html', { Range: 'bytes=0-0' })).status, 206),
  async () => assert.equal((await get(server, '/nothing.txt')).status, 404),
  async () => assert.equal((await get(server, '/v1/jobs')).status, 200),
  async () => assert.equal((await get(server, '/metrics')).status, 200),
  async () => {
    const body = JSON.stringify({ task: 'fix', text: 'a', model: 'none' })
    const headers = { 'Content-Type': 'application/json' }
    const reply = await fetch(`http://${server.host}/v1/edit`, { method: 'POST', headers, body })
    await reply.text()
    assert.equal(reply.status, 404)
  },
  async () => {
    const c = await connect(server.port) // goes in the middle of a head, and of a body
    c.send('GET / HTTP/1.1\r\nHo')
    c.socket.destroy()
    const d = await connect(server.port)
    d.send(
      `POST /v1/uploads HTTP/1.1\r\nHost: ${server.host}\r\nContent-Type: video/mp4\r\n` +
        `Content-Length: 100000\r\n\r\n${'x'.repeat(5000)}`,
    )
    await sleep(2)
    d.socket.destroy()
  },
]
async function job(cancels) {
  const api = client(server)
  const { id } = await api.add('ok 2')
  const { list } = await events(`${api.base}/jobs/${id}/events`)
  assert.equal(list.at(-1).data.state, 'done')
  assert.equal((await api.result(id)).status, 200)
  if (!cancels) return
  const other = await api.add('deaf')
  await api.cancel(other.id)
}

test(`${seconds} s at half load: memory flat, no descriptor lost`, async (t) => {
  for (const work of works) await work()
  await job(true)
  await sleep(2600) // the cancelled one's process is gone
  const before = descriptors()
  // what one lane can do in a row, for a while: each lane then rests as long as it works
  const samples = [] // {s, kb}
  const begin = performance.now()
  const now = () => (performance.now() - begin) / 1000
  let done = 0
  let jobs = 0
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    for (let i = lane; now() < seconds; i++) {
      const from = performance.now()
      await works[i % works.length]()
      done++
      await sleep(performance.now() - from)
    }
  })
  lanes.push(
    (async () => {
      for (; now() < seconds; jobs++) {
        await job(jobs % 16 === 15)
        await sleep(200)
      }
    })(),
  )
  const sampling = (async () => {
    for (; now() < seconds; await sleep(100)) samples.push({ s: now(), kb: memory() })
  })()
  await Promise.all([...lanes, sampling])
  const part = (i) =>
    median(samples.filter(({ s }) => s >= i * PART_S && s < (i + 1) * PART_S).map(({ kb }) => kb))
  const early = part(1) // the first quarter warms it up
  const late = part(3)
  let left = descriptors()
  for (let i = 0; i < 100 && left > before; i++) {
    await sleep(100)
    left = descriptors()
  }
  t.diagnostic(
    `${done} requests, ${jobs} jobs; ${part(0)}, ${early}, ${part(2)}, ${late} KB; ${before} and ${left} descriptors`,
  )
  assert.ok(done > seconds && jobs > 0)
  assert.ok(left <= before, `${left} descriptors, ${before} before`)
  const asan = process.env.NEARFIELD_SERVER?.includes('asan') // it keeps what was freed
  if (!asan) assert.ok(late <= early + SLACK_KB, `${early} KB, then ${late} KB`)
  await server.stop()
})
