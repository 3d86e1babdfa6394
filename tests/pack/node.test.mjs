// The package in node, on the CPU: examples/node fixes a caption file with the real model, from a
// GGUF file, a model folder or a server, and the process ends by itself.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { manifestOf, modelPath, serve } from '../browser/serve.mjs'
import { freshFolder, installPackage, modelFolder, repository } from './package.mjs'

const TIMEOUT = { timeout: 600_000 }
const talk = path.join(repository, 'tests/data/talk.srt')
const exec = promisify(execFile)
let root
let folder
let server

before(async () => {
  root = freshFolder('node')
  installPackage(root, { private: true, type: 'module' })
  copyFileSync(path.join(repository, 'examples/node/fix.mjs'), `${root}/fix.mjs`)
  folder = modelFolder(`${root}/models/small`)
  server = await serve()
})
after(() => server?.close())

/** One script in the folder; its standard output. Rejects when it fails or does not end. */
async function node(script, { program = process.execPath, args = [] } = {}) {
  writeFileSync(`${root}/script.mjs`, script)
  const options = { cwd: root, timeout: 300_000 }
  return (await exec(program, ['script.mjs', ...args], options)).stdout.trim()
}

test('a caption file is fixed as the command line fixes it', TIMEOUT, async (t) => {
  const program = path.join(repository, 'build/native/nearfield')
  const fixed = path.join(root, 'native.srt')
  await exec(program, ['edit', '--task', 'fix', '--model', modelPath, talk, '-o', fixed])
  const { stdout } = await exec(process.execPath, ['fix.mjs', modelPath, talk, 'out.srt'], {
    cwd: root,
  })
  t.diagnostic(stdout.trim())
  assert.match(stdout, /^\d+ of 46 captions changed, (relaxed|relaxed32|simd128)$/m)
  const linesOf = (file) => readFileSync(file, 'utf8').split('\n')
  const [input, native, here] = [talk, fixed, `${root}/out.srt`].map(linesOf)
  assert.equal(here.length, native.length)
  assert.ok(input.filter((line, i) => line !== here[i]).length > 20)
  // other kernels round otherwise, and a choice that hangs by a hair may fall the other way
  const others = here.flatMap((line, i) => (line === native[i] ? [] : [[native[i], line]]))
  t.diagnostic(`lines that are not the command line's: ${JSON.stringify(others)}`)
  assert.ok(others.length <= 3, JSON.stringify(others))
})

const OPEN = `
import { Nearfield } from 'nearfield'
const nf = await Nearfield.open({ model: process.argv[2], threads: 2 })
const { text, receipt } = await nf.edit({ task: 'fix', text: 'she go to the libary' })
const { backend, threads, model } = nf.status
const asked = await Nearfield.availability({ model: process.argv[2] })
console.log(JSON.stringify({ text, backend, threads, id: model.id, bytes: model.bytes, asked }))
`

test(
  'from a folder by its path, without close(): the process ends all the same',
  TIMEOUT,
  async () => {
    const { bytes, name } = manifestOf()
    assert.deepEqual(JSON.parse(await node(OPEN, { args: ['./models/small/'] })), {
      text: 'She went to the library.',
      backend: 'wasm',
      threads: 2,
      id: name,
      bytes,
      asked: 'available',
    })
  },
)

test('from a server', TIMEOUT, async () => {
  const model = `${server.origin}/models/${manifestOf().name}/`
  const { text, asked } = JSON.parse(await node(OPEN, { args: [model] }))
  assert.equal(text, 'She went to the library.')
  assert.equal(asked, 'downloadable')
})

const OLD = '/usr/bin/node'
const isOld =
  existsSync(OLD) && (await exec(OLD, ['-p', 'process.version'])).stdout.startsWith('v20')
if (isOld)
  test('in node 20, which has no relaxed SIMD: one thread', TIMEOUT, async () => {
    const told = JSON.parse(await node(OPEN, { program: OLD, args: ['./models/small'] }))
    assert.equal(told.text, 'She went to the library.')
    assert.equal(told.threads, 1)
  })

test('captions need no model; the other entries are of the same Nearfield', TIMEOUT, async () => {
  const script = `
import { captions, Nearfield, NearfieldError } from 'nearfield'
import { LanguageModel } from 'nearfield/web'
import { createNearfield } from 'nearfield/ai-sdk'
const measures = await captions.measure(['<i>two</i>\\nlines'], 'srt')
const nearfield = await Nearfield.open({ model: './models/small/' })
const session = await LanguageModel.create({ nearfield })
const written = await session.prompt('Hello', { maxTokens: 3 })
const refused = await nearfield.chat.completions.create({ messages: [] }).catch((e) => e)
const { progress } = await new Promise((resolve) => {
  const seen = []
  const monitor = (m) => m.addEventListener('downloadprogress', (e) => seen.push(e.loaded))
  LanguageModel.create({ nearfield, monitor }).then(() => resolve({ progress: seen }))
})
nearfield.close()
const kind = typeof createNearfield
console.log(JSON.stringify({ measures, written: written.length > 0, kind, progress,
  typed: refused instanceof NearfieldError }))
`
  assert.deepEqual(JSON.parse(await node(script)), {
    measures: [{ chars: 8, lineCharsMax: 5, lines: 2 }],
    written: true,
    kind: 'function',
    progress: [0, 1],
    typed: true,
  })
})

test('beside a server that is gone, the device answers when it is ready', TIMEOUT, async () => {
  const script = `
import { Nearfield } from 'nearfield'
const nf = await Nearfield.open({ model: './models/small/', server: 'http://127.0.0.1:1/v1' })
const { text, receipt } = await nf.edit({ task: 'fix', text: 'she go to the libary' })
console.log(JSON.stringify({ text, source: receipt.source, first: receipt.attempts[0].outcome }))
nf.close()
`
  const told = { text: 'She went to the library.', source: 'device', first: 'network' }
  assert.deepEqual(JSON.parse(await node(script)), told)
})

test('the report is of node and of this machine, with the model and without', TIMEOUT, async () => {
  const script = `
import { Nearfield } from 'nearfield'
process.env.SERVICE_TOKEN = 'not-to-be-told'
const before = await Nearfield.report()
const nf = await Nearfield.open({ model: './models/small/' })
await nf.edit({ task: 'fix', text: 'she go to the libary' })
console.log(JSON.stringify([before, await nf.report()]))
`
  const [first, second] = JSON.parse(await node(script))
  for (const text of [first, second]) {
    assert.match(text, /^# nearfield report\n\n\S+, nearfield \d/)
    assert.ok(text.includes(`\n- Node: ${process.version}, V8 `), text)
    assert.match(text, /^- cores: \d+$/m)
    assert.match(text, /^- simd: yes$/m)
    assert.doesNotMatch(text, /## (Browser|WebGPU|Storage)|not-to-be-told|libary|library/)
  }
  assert.match(first, /^- model: none is open$/m)
  assert.match(second, new RegExp(`^- model: ${manifestOf().name}, `, 'm'))
  assert.match(second, /edit: device wasm, \d/)
})

const REFUSE = `
import { Nearfield } from 'nearfield'
const error = await Nearfield.open({ model: process.argv[2], backend: process.argv[3] }).catch((e) => e)
console.log([error.name, error.code, error.message].join(' '))
`

test('what cannot be had is said in one line, and the process ends', TIMEOUT, async () => {
  assert.match(
    await node(REFUSE, { args: ['./nowhere/'] }),
    /^NearfieldError network file:.*\/nowhere\/manifest\.json could not be fetched$/,
  )
  assert.match(
    await node(REFUSE, { args: ['./models/small/', 'webgpu'] }),
    /^NearfieldError unsupported node has no WebGPU$/,
  )
})

test('one flipped bit of the file on disk is found', TIMEOUT, async () => {
  const file = path.join(folder, manifestOf().file)
  const content = readFileSync(file)
  const { chunk_bytes: chunk } = manifestOf()
  const at = Math.floor(content.length / 2)
  content[at] ^= 4
  rmSync(file) // a link to the real one
  writeFileSync(file, content)
  const said = await node(REFUSE, { args: ['./models/small/', 'wasm'] })
  const from = Math.floor(at / chunk) * chunk
  assert.match(said, /bad_input .*: bytes \d+ to \d+ do not have the manifest's SHA-256$/)
  assert.ok(said.includes(`bytes ${from} to ${from + chunk} `), said)
})
