// What a worker may use: wall clock, processor, memory, the size of a file, descriptors. What goes
// beyond it ends with a reason, and the next job is done.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { client, place } from './jobs_harness.mjs'

const WALL_S = 60 // of the first tests; the last waits for it to be over
const SHORT_S = 4
const MEMORY_MB = 256
const FILE_MB = 3

let here
let server
let api
before(async () => {
  here = place('sqlite')
  const args = ['--job-wall-s', WALL_S, '--job-memory-mb', MEMORY_MB, '--upload-mb-max', FILE_MB]
  server = await here.server(...args.map(String), '--job-slots', '2')
  api = client(server)
})
after(async () => {
  await server.stop().finally(() => here.remove())
})

/** The state, and the error or the text of the first result. */
async function outcome(script) {
  const { id } = await api.add(script)
  const job = await api.ended(id, 60000)
  const text = job.state === 'done' ? await (await api.result(id)).text() : job.error
  return { state: job.state, tries: job.tries, text }
}

test('the limits are those of the settings', async () => {
  const { text } = await outcome('limits')
  const limit = (name) => Number(new RegExp(`^${name} +\\S+ +(\\d+)`, 'm').exec(text)?.[1])
  assert.equal(limit('Max cpu time'), WALL_S * 4)
  assert.equal(limit('Max address space'), MEMORY_MB * 2 ** 20)
  assert.equal(limit('Max file size'), FILE_MB * 2 ** 20)
  assert.equal(limit('Max open files'), 256)
  assert.equal(limit('Max core file size'), 0)
})

test('memory: as much as is allowed, and no more', async () => {
  assert.deepEqual(await outcome('hog 60'), {
    state: 'done',
    tries: 1,
    text: `${60 * 2 ** 20}\n`,
  })
  const beyond = await outcome(`hog ${MEMORY_MB + 100}`)
  assert.equal(beyond.state, 'failed')
  assert.equal(beyond.text, 'no memory for it')
})

test('a file: as large as is allowed, and no larger', async () => {
  assert.equal((await outcome(`fat ${FILE_MB}`)).text.length, FILE_MB * 2 ** 20)
  const beyond = await outcome(`fat ${FILE_MB + 1}`)
  assert.equal(beyond.state, 'failed')
  assert.equal(beyond.text, 'no room for it')
})

test('the wall clock: one that does not end is ended, and is not tried again', async () => {
  await server.stop()
  server = await here.server('--job-wall-s', String(SHORT_S), '--job-slots', '2')
  api = client(server)
  const began = Date.now()
  const { id } = await api.add('deaf')
  const job = await api.ended(id, 60000)
  assert.equal(job.state, 'failed')
  assert.equal(job.tries, 1)
  assert.equal(job.error, `took longer than job_wall_s = ${SHORT_S} s`)
  assert.ok(Date.now() - began >= SHORT_S * 1000)
  assert.equal((await outcome('ok 1')).state, 'done')
})
