// What /metrics says of jobs, on both stores: those the store has by kind and state, tries by what
// they came to, durations, lost leases, a store that fails; and that it answers while that is away.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sleep } from './harness.mjs'
import { client, place, stores, worker } from './jobs_harness.mjs'

/** {'name{labels}': number} of one answer. */
async function metrics(server) {
  const reply = await fetch(`http://${server.host}/metrics`)
  assert.equal(reply.status, 200)
  const rows = (await reply.text()).split('\n').filter((line) => line && !line.startsWith('#'))
  return Object.fromEntries(
    rows.map((line) => {
      const [, name, value] = /^(\S+) (\S+)$/.exec(line)
      return [name, Number(value)]
    }),
  )
}
const stored = (state, name = 'nearfield_jobs') => `${name}{kind="transcribe",state="${state}"}`
const tried = (outcome) => `nearfield_job_tries_total{kind="transcribe",outcome="${outcome}"}`
/** Ask until `test` holds; the store is counted every few seconds. */
async function until(server, test, ms = 15000) {
  for (const end = Date.now() + ms; ; await sleep(50)) {
    const now = await metrics(server)
    if (test(now)) return now
    assert.ok(Date.now() < end, JSON.stringify(now, null, 1))
  }
}

for (const store of stores) {
  describe(store, () => {
    let here
    before(() => {
      here = place(store)
    })
    after(() => here.remove())

    test('jobs by state, tries by outcome, durations', async () => {
      const server = await here.server('--job-slots', '2')
      const api = client(server)
      const zero = await metrics(server)
      assert.equal(zero[tried('done')], 0)
      assert.equal(zero['nearfield_job_try_seconds_bucket{kind="transcribe",le="+Inf"}'], 0)
      const ended = { 'ok 1': 'done', bad: 'failed', crash: 'dead' }
      for (const [script, state] of Object.entries(ended))
        assert.equal((await api.ended((await api.add(script)).id, 30000)).state, state)
      const slow = await api.add('slow 600')
      await api.until(slow.id, (job) => job.state === 'running')
      await api.cancel(slow.id)
      assert.equal((await api.ended(slow.id)).state, 'cancelled')
      const running = [await api.add('slow 600'), await api.add('slow 600')]
      for (const job of running) await api.until(job.id, ({ state }) => state === 'running')
      const waits = await api.add('ok 1')
      const now = await until(
        server,
        (m) => m[stored('queued')] === 1 && m[stored('running')] === 2,
      )
      for (const state of ['done', 'failed', 'dead', 'cancelled'])
        assert.equal(now[stored(state)], 1, state)
      assert.equal(now[stored('dead', 'nearfield_jobs_tries')], 5)
      assert.equal(now[stored('done', 'nearfield_jobs_tries')], 1)
      assert.ok(now[stored('dead', 'nearfield_jobs_seconds')] > 0)
      assert.ok(now[stored('dead', 'nearfield_jobs_seconds')] < 30)
      const oldest = now['nearfield_jobs_oldest_queued_time_seconds{kind="transcribe"}']
      assert.ok(Math.abs(oldest - new Date((await api.get(waits.id)).created).getTime() / 1000) < 1)
      assert.ok(Math.abs(now.nearfield_jobs_counted_time_seconds - Date.now() / 1000) < 10)
      assert.equal(now['nearfield_jobs_accepted_total{kind="transcribe"}'], 7)
      assert.equal(now[tried('done')], 1)
      assert.equal(now[tried('failed')], 1)
      assert.equal(now[tried('again')], 5)
      assert.equal(now[tried('cancelled')], 1)
      assert.equal(now[tried('lost')], 0)
      assert.equal(now['nearfield_job_try_seconds_count{kind="transcribe"}'], 8)
      assert.equal(now['nearfield_job_try_seconds_bucket{kind="transcribe",le="14400"}'], 8)
      assert.ok(now['nearfield_job_try_seconds_sum{kind="transcribe"}'] < 60)
      assert.equal(now['nearfield_store_errors_total{error="down"}'], 0)
      for (const job of [...running, waits]) await api.cancel(job.id)
      await server.stop()
    })

    test('a worker that lost its lease says so; one elsewhere is seen through the store', async () => {
      const server = await here.server()
      const api = client(server)
      const job = await api.add('slow 600')
      await api.until(job.id, ({ state }) => state === 'running')
      server.signal('SIGSTOP') // longer than its lease: another worker takes the job
      const other = await worker(here)
      const second = await here.server('--job-slots', '0')
      const watch = client(second)
      const again = await watch.until(job.id, ({ tries }) => tries === 2, 20000)
      assert.equal(again.state, 'running')
      server.signal('SIGCONT')
      await until(server, (m) => m[tried('lost')] === 1)
      await watch.cancel(job.id)
      await watch.ended(job.id)
      const seen = await until(second, (m) => m[stored('cancelled', 'nearfield_jobs_tries')] >= 3)
      assert.equal(seen[tried('cancelled')], 0) // that was the worker's
      other.kill('SIGTERM')
      await other.closed
      await second.stop()
      await server.stop()
    })

    if (store === 'postgresql')
      test('while the store is away it answers with what was counted, and counts the errors', async () => {
        const server = await here.server()
        const was = await until(server, (m) => m.nearfield_jobs_counted_time_seconds > 0)
        here.database('stop')
        const began = performance.now()
        const away = await until(server, (m) => m['nearfield_store_errors_total{error="down"}'] > 0)
        assert.ok(performance.now() - began < 15000)
        assert.equal(away[stored('cancelled')], was[stored('cancelled')])
        here.database('start')
        await until(
          server,
          (m) => m.nearfield_jobs_counted_time_seconds > was.nearfield_jobs_counted_time_seconds,
        )
        await server.stop()
      })
  })
}
