// Faults of jobs, on both stores: kill -9 of server and worker at random points, a full disk, a
// database that goes away. NEARFIELD_ROUNDS: how many kills (50 on each of the two stores), the
// points come from NEARFIELD_SEED (1); NEARFIELD_DATABASE_ROUNDS: of the database (5).
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { randoms, sleep } from './harness.mjs'
import { client, events, place, stores, worker } from './jobs_harness.mjs'

const rounds = Number(process.env.NEARFIELD_ROUNDS ?? 50)
const seed = Number(process.env.NEARFIELD_SEED ?? 1)
const LOOK = 25 // rounds, then all that was acknowledged in them is looked at
const READY_MS = 2000
const databaseRounds = Number(process.env.NEARFIELD_DATABASE_ROUNDS ?? 5)

/** Every job ended once, and is what it says; how many are dead: killed five times. */
async function look(api, acknowledged) {
  assert.equal(new Set(acknowledged.values()).size, acknowledged.size)
  let dead = 0
  for (const [key, id] of acknowledged) {
    const job = await api.ended(id, 60000)
    assert.ok(
      job.state === 'done' || (job.state === 'dead' && job.tries === 5),
      `${key} ${job.state}`,
    )
    const { list } = await events(`${api.base}/jobs/${id}/events`)
    assert.equal(list.filter((e) => ['done', 'dead'].includes(e.data.state)).length, 1)
    dead += job.state === 'dead'
    if (job.state === 'dead') continue
    const body = Buffer.from(await (await api.result(id)).arrayBuffer())
    assert.equal(createHash('sha256').update(body).digest('hex'), job.result.files[0].sha256)
  }
  return dead
}

for (const store of stores) {
  describe(store, () => {
    let here
    before(() => {
      here = place(store)
    })
    after(() => here.remove())

    test(`kill -9 at ${rounds} random points: nothing acknowledged is lost or done twice`, async (t) => {
      const random = randoms(seed)
      const sums = { jobs: 0, dead: 0, servers: 0, workers: 0 }
      const ready = [] // ms of each start
      const acknowledged = new Map() // key -> id, since the last look
      const up = async () => {
        const started = Date.now()
        const server = await here.server('--job-slots', '4', '--quiet')
        ready.push(Date.now() - started)
        return server
      }
      let server
      let helper // works on the same jobs
      for (let round = 0; round < rounds; round++) {
        server ??= await up()
        helper ??= await worker(here)
        const victim = random() < 0.6 ? 'server' : random() < 0.5 ? 'worker' : 'both'
        const api = client(server)
        const { upload } = await api.upload('ok 2\n')
        let over = false
        const posting = [0, 1, 2].map(async (lane) => {
          for (let i = 0; !over; i++) {
            const key = `${round}-${lane}-${i}`
            const reply = await api
              .post({ kind: 'transcribe', input: { upload } }, { 'Idempotency-Key': key })
              .then((r) => (r.status === 201 ? r.json() : null))
              .catch(() => null) // killed before it answered: not acknowledged
            if (reply === null) return
            acknowledged.set(key, reply.id)
            await sleep(10 + random() * 30)
          }
        })
        await sleep(random() * 300)
        if (victim !== 'worker') {
          server.signal('SIGKILL')
          await server.exited
          server = undefined
          sums.servers++
        }
        if (victim !== 'server') {
          helper.kill('SIGKILL')
          await helper.closed
          helper = undefined
          sums.workers++
        }
        over = true
        await Promise.all(posting)
        if ((round + 1) % LOOK === 0 || round === rounds - 1) {
          server ??= await up()
          sums.dead += await look(client(server), acknowledged)
          sums.jobs += acknowledged.size
          acknowledged.clear()
        }
      }
      assert.ok(sums.jobs > rounds && sums.servers > 0 && sums.workers > 0)
      ready.sort((a, b) => a - b)
      const middle = ready[ready.length >> 1] // one start may wait for a busy machine
      t.diagnostic(`${JSON.stringify(sums)}, ready after ${middle} ms, ${ready.at(-1)} at most`)
      assert.ok(middle < READY_MS, `ready after ${middle} ms`)
      helper?.kill('SIGKILL')
      await server.stop()
    })

    test('a full disk: 507, nothing half done, and on it goes when there is room', async () => {
      // files may not grow beyond what they have: for a write the same as a full disk
      const server = await here.server('--job-slots', '0')
      const api = client(server)
      const limit = (bytes) =>
        execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}`])
      const before = await api.add('ok 1')
      const { upload } = await api.upload('ok 1\n')
      const ask = () => api.post({ kind: 'transcribe', input: { upload } })
      const uploads = () => readdirSync(here.at('data/uploads')).length
      const nUploads = uploads()
      limit('4096:unlimited')
      const refused = await api.upload(Buffer.alloc(100000))
      assert.equal(refused.status, 507)
      assert.equal(refused.error, 'no space left for the upload')
      assert.equal(uploads(), nUploads)
      if (store === 'sqlite') {
        for (let i = 0; i < 20; i++) {
          const reply = await ask()
          assert.equal(reply.status, 507)
          assert.equal((await reply.json()).error, 'no space left for jobs')
        }
        assert.equal((await api.get(before.id)).state, 'queued') // reading goes on
      }
      limit('unlimited:unlimited')
      const reply = await ask()
      assert.equal(reply.status, 201)
      await server.stop()
      const next = await here.server('--job-slots', '2')
      const again = client(next)
      for (const id of [before.id, (await reply.json()).id])
        assert.equal((await again.ended(id)).state, 'done')
      await next.stop()
    })

    test('files nobody needs are swept at the next start', async () => {
      const server = await here.server('--job-slots', '1')
      const api = client(server)
      const { id } = await api.add('slow 20')
      await api.until(id, (job) => job.state === 'running')
      server.signal('SIGKILL')
      await server.exited
      const work = here.at('data/work', id)
      assert.ok(existsSync(work))
      const next = await here.server('--job-slots', '1')
      assert.equal((await client(next).ended(id)).state, 'done')
      execFileSync('touch', ['-d', '2 minutes ago', work])
      await next.stop()
      const last = await here.server()
      for (let i = 0; i < 100 && existsSync(work); i++) await sleep(20)
      assert.equal(existsSync(work), false)
      assert.match(readFileSync(here.at('data/results', id, '2/captions.srt'), 'utf8'), /slow/)
      await last.stop()
    })

    if (store === 'postgresql')
      test('the database restarts: 503 meanwhile, the running job goes on, none is lost', async () => {
        const server = await here.server('--job-slots', '1', '--job-lease-ms', '20000')
        const api = client(server)
        const { upload } = await api.upload('ok 1\n')
        const ids = []
        for (let i = 0; i < databaseRounds; i++) {
          const running = await api.add('slow 30')
          ids.push(running.id)
          await api.until(running.id, (job) => job.state === 'running')
          here.database(i % 2 ? 'stop' : 'kill')
          const refused = await api.post({ kind: 'transcribe', input: { upload } })
          assert.equal(refused.status, 503)
          assert.ok(refused.headers.get('retry-after'))
          assert.equal((await fetch(`http://${server.host}/healthz`)).status, 200)
          await sleep(300)
          here.database('start')
          let reply
          for (let k = 0; k < 50 && reply?.status !== 201; k++) {
            await sleep(100)
            reply = await api.post({ kind: 'transcribe', input: { upload } })
          }
          assert.equal(reply.status, 201)
          ids.push((await reply.json()).id)
        }
        for (const id of ids) {
          const job = await api.ended(id, 30000)
          assert.equal(job.state, 'done')
          assert.equal(job.tries, 1, 'no lease was lost')
        }
        await server.stop()
      })
  })
}
