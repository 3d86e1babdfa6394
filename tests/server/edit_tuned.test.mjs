// POST /v1/edit with the adapters beside the model: the answers of the command line, whoever else is
// in the same passes; what the receipt, /v1/models and /metrics say of it; adapters that are
// damaged, of another task, or changed while edits run. With the real model and its adapter.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { ask, metric, model, post, startWithModel } from './api.mjs'
import { folder, get, sleep } from './harness.mjs'

const shipped = path.resolve('model/adapters/fix.gguf')
const LINES = [
  'their going too the libary',
  '<i>she dont like the the new office</i>',
  'we was waiting at 10:30 for Mr. Patel',
  'I have been working here for ten years',
  'He have three brother in Berlin.',
  'could of been the last train to Oslo',
  "You doesn't like the attorney, I hope?",
  'Its a very impotant decision for everbody.',
]

const dir = folder({ 'site/index.html': 'x', 'own.adapters/readme.txt': 'no adapter' })
const at = (...names) => path.join(dir.at, ...names)
const adapterAt = (task) => at('own.adapters', `${task}.gguf`)
let server

function command(args) {
  const r = spawnSync(path.resolve('build/native/nearfield'), args, { encoding: 'utf8' })
  assert.equal(r.status, 0, r.stderr)
  return r.stdout
}
/** What the command line makes of LINES, with the adapter it finds beside the model. */
function byCommand(...more) {
  const cue = (text, i) => `${i + 1}\n00:00:0${i},000 --> 00:00:0${i},900\n${text}\n`
  writeFileSync(at('lines.srt'), LINES.map(cue).join('\n'))
  const args = [
    'edit',
    '--task',
    'fix',
    '--model',
    at('own.gguf'),
    '--threads',
    '1',
    '--json',
    ...more,
  ]
  return JSON.parse(command([...args, at('lines.srt')]))
}
const edit = async (text, more = {}) => {
  const { status, body } = await post(server, '/v1/edit', { task: 'fix', text, ...more })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}
/** The same whoever is computed beside it; passes depend on what a session has kept. */
const told = ({ text, verdict, why, receipt: { outputTokens } }) => {
  return { text, verdict, why, outputTokens }
}
const tuned = async () => JSON.parse((await get(server, '/v1/models')).body).nearfield.tuned
const until = async (test, what) => {
  for (let i = 0; !(await test()); i++) {
    assert.ok(i < 1200, what)
    await sleep(25)
  }
}
/** The server has looked again, found an adapter of this task, and read what is new. */
async function listedAnew(task) {
  server.signal('SIGHUP')
  await until(async () => (await tuned()).includes(task), `${task} is not listed`)
  await until(async () => (await get(server, '/readyz')).status === 200, 'it does not get ready')
}

let fix // of the shipped adapter, as a receipt names it
before(async () => {
  symlinkSync(model, at('own.gguf'))
  copyFileSync(shipped, adapterAt('fix'))
  const sha256 = createHash('sha256').update(readFileSync(shipped)).digest('hex')
  fix = { name: 'nearfield fix', sha256 }
  server = await startWithModel(at('site'), ['--inference-threads', '1'], at('own.gguf'))
})
after(async () => {
  await server?.stop()
  dir.remove()
})

test('eight lines: the answers of the command line, with the adapter and without', async () => {
  const own = byCommand()
  const none = byCommand('--adapter', 'none')
  assert.deepEqual([own.adapter, none.adapter], [fix.name, null])
  for (const [i, line] of LINES.entries()) {
    for (const [cues, more] of [
      [own.cues, {}],
      [none.cues, { adapter: null }],
    ]) {
      const got = await edit(line, more)
      const { after: text, verdict, why, outputTokens } = cues[i]
      assert.deepEqual(told(got), { text, verdict, why, outputTokens })
      const by = more.adapter === null ? null : fix
      assert.deepEqual([got.receipt.adapter, got.receipt.adapterProblem], [by, ''])
    }
  }
  const texts = (report) => report.cues.map((cue) => cue.after)
  assert.notDeepEqual(texts(own), texts(none), 'the adapter matters for these lines')
})

test('many at once, tuned, alone and chat: each as it is by itself', async () => {
  const lines = LINES.slice(0, 4)
  const asks = lines.flatMap((text) => [() => edit(text), () => edit(text, { adapter: null })])
  const alone = []
  for (const one of asks) alone.push(told(await one()))
  const count = async (tuned) => metric(server, `nearfield_inference_edits_total{tuned="${tuned}"}`)
  const before = [await count('yes'), await count('no')]
  const chat = post(server, '/v1/chat/completions', ask(server, 'Say hello in five words.'))
  const together = await Promise.all(asks.map((one) => one()))
  assert.deepEqual(together.map(told), alone)
  assert.equal((await chat).status, 200)
  assert.deepEqual(
    [await count('yes'), await count('no')],
    before.map((n) => n + lines.length),
  )
})

test('a task that only an adapter makes good is offered with it, once the server has looked', async () => {
  const asked = { task: 'rewrite', text: 'i has two cats' }
  assert.equal((await post(server, '/v1/edit', asked)).status, 400)
  assert.deepEqual(await tuned(), ['fix'])
  const args = ['--task', 'rewrite', '--name', 'other', shipped, adapterAt('rewrite')]
  command(['adapter', '--type', 'q8_0', '--model', model, ...args])
  await listedAnew('rewrite')
  assert.deepEqual(await tuned(), ['fix', 'rewrite'])
  const { status, body } = await post(server, '/v1/edit', asked)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.receipt.adapter.name, 'other')
  assert.equal((await post(server, '/v1/edit', { ...asked, adapter: null })).status, 400)
  const own = await post(server, '/v1/edit', { ...asked, adapter: { name: 'mine', sha256: 'ab' } })
  assert.equal(own.body.error.code, 'unsupported_parameter')
})

test('an adapter that changes while edits run: every answer is by the old one or the new', async () => {
  const next = adapterAt('next')
  command(['adapter', '--type', 'q8_0', '--model', model, '--name', 'new', shipped, next])
  const seen = new Set()
  let changed = false
  const client = async () => {
    for (let i = 0; !changed; i++) {
      assert.ok(i < 1200, 'the new one is not taken')
      const reply = await post(server, '/v1/edit', { task: 'fix', text: LINES[i % LINES.length] })
      if (reply.status === 503) {
        await sleep(25) // it is being read
        continue
      }
      const { adapter, adapterProblem } = reply.body.receipt
      assert.equal(adapterProblem, '')
      seen.add(adapter.name)
      changed ||= adapter.name === 'new'
    }
  }
  const clients = [client(), client(), client()]
  await until(() => seen.size > 0, 'no answer')
  renameSync(next, adapterAt('fix'))
  server.signal('SIGHUP')
  await Promise.all(clients)
  assert.deepEqual([...seen], [fix.name, 'new'])
  assert.equal((await edit(LINES[0])).receipt.adapter.name, 'new')
})

test('damaged, or of another task: a line in the log, and the answers of the model alone', async () => {
  copyFileSync(shipped, adapterAt('shorten'))
  writeFileSync(adapterAt('fix'), readFileSync(shipped).subarray(0, 100_000))
  await listedAnew('shorten')
  const failures = () => server.lines().filter((line) => line.event === 'adapter failed')
  const shorten = { task: 'shorten', text: 'You know, I really have to go home now.', maxChars: 30 }
  for (const body of [{ task: 'fix', text: LINES[0] }, shorten]) {
    const plain = await post(server, '/v1/edit', { ...body, adapter: null })
    for (let i = 0; i < 2; i++) {
      const got = await post(server, '/v1/edit', body)
      assert.equal(got.status, 200, JSON.stringify(got.body))
      assert.deepEqual(told(got.body), told(plain.body))
      assert.equal(got.body.receipt.adapter, null)
      assert.match(got.body.receipt.adapterProblem, /^the adapter cannot be opened; /)
    }
  }
  await until(() => failures().length > 1, 'the log has no line')
  const lines = failures().map((line) => line.detail)
  assert.equal(lines.length, 2, lines.join('\n'))
  assert.match(lines[0], /own\.adapters\/fix\.gguf: .+; fix is edited untuned$/)
  assert.match(lines[1], /shorten\.gguf: the adapter is for the task fix, not shorten; /)
  assert.deepEqual(await tuned(), ['rewrite'])
  copyFileSync(shipped, adapterAt('mended'))
  renameSync(adapterAt('mended'), adapterAt('fix'))
  await listedAnew('fix')
  assert.deepEqual((await edit(LINES[0])).receipt.adapter, fix)
})
