// Nothing is left of a try that nobody needs, 10 s after its job ended: what it was working on, what
// it kept for a next try, and a result that was published but is not the job's.
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { sleep } from './harness.mjs'
import { client, place, stores, worker } from './jobs_harness.mjs'

const GONE_MS = 10000
async function gone(path) {
  for (const end = Date.now() + GONE_MS; existsSync(path); await sleep(50))
    assert.ok(Date.now() < end, `${path} is still there after ${GONE_MS} ms`)
}
async function until(test, what, ms = 30000) {
  for (const end = Date.now() + ms; !(await test()); await sleep(10))
    assert.ok(Date.now() < end, what)
}

for (const store of stores) {
  describe(store, () => {
    let here
    let server
    let api
    before(async () => {
      here = place(store)
      server = await here.server('--job-slots', '2', '--upload-mb-max', '65536')
      api = client(server)
    })
    after(async () => {
      await server.stop().finally(() => here.remove())
    })
    const work = (id) => here.at('data/work', id)
    const results = (id) => here.at('data/results', id)
    const fences = (id) => (existsSync(results(id)) ? readdirSync(results(id)).sort() : [])

    test('a job that is dead keeps nothing for another try', async () => {
      const { id } = await api.add('keeps')
      assert.equal((await api.ended(id)).state, 'dead')
      await gone(work(id))
      assert.equal(existsSync(results(id)), false)
    })

    test('cancelled while its result is hashed: at once, and nothing of it stays', async () => {
      const { id } = await api.add('big 40000') // that takes minutes
      await until(() => fences(id).length > 0, 'published')
      const asked = Date.now()
      await api.cancel(id)
      assert.equal((await api.ended(id)).state, 'cancelled')
      assert.ok(Date.now() - asked < 15_000, `${Date.now() - asked} ms`)
      await gone(results(id))
      await gone(work(id))
    })

    test('overtaken while it is hashed: only what the other one made stays', async () => {
      for (let mb = 300; ; mb *= 2) {
        assert.ok(mb < 65536, 'it is never late')
        const { id } = await api.add(`big ${mb}`)
        await until(() => fences(id).length > 0, 'published')
        process.kill(server.pid, 'SIGSTOP')
        const other = await worker(here)
        // over the same store: another lease begins when the first is over
        await until(
          () => fences(id).length === 2 || fences(id)[0] !== '1',
          'overtaken',
          10000,
        ).catch(() => {})
        await sleep(300)
        process.kill(server.pid, 'SIGCONT')
        const job = await api.ended(id, 90000)
        other.kill('SIGTERM')
        await other.closed
        assert.equal(job.state, 'done')
        if (job.tries === 1) continue // it was done before it was stopped
        await gone(here.at('data/results', id, '1'))
        const [{ bytes, sha256 }] = job.result.files
        assert.equal(bytes, mb * 2 ** 20)
        assert.match(sha256, /^[0-9a-f]{64}$/)
        assert.deepEqual(fences(id), [String(job.tries)])
        assert.equal((await api.result(id, 'captions.vtt')).status, 200)
        await gone(work(id))
        break
      }
    })

    test('cancelled after its worker was killed', async () => {
      const small = await here.server('--job-slots', '0')
      await server.stop()
      const helper = await worker(here)
      const asked = client(small)
      const { id } = await asked.add('keeps 1')
      await asked.until(id, (job) => job.state === 'running')
      await until(() => existsSync(work(id)), 'begun')
      helper.kill('SIGKILL')
      await helper.closed
      await asked.cancel(id)
      server = await here.server('--job-slots', '2')
      api = client(server)
      assert.equal((await api.ended(id)).state, 'cancelled')
      await gone(work(id))
      await small.stop()
    })
  })
}
