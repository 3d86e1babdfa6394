// One allocation or one call of the operating system fails, the n-th of the process (fail_calls.c):
// the server starts or says in one line why not; then a file, an upload, a job and a refused edit
// are asked for, again where the answer was the fault's; at the end SIGTERM stops it with exit code
// 0. No crash, no hang, no leak (the asan build sees those), and the job is done. One thing may be:
// before it listens, libuv ends the process where it can make no pipe, lock or thread (abort()).
// NEARFIELD_FAULTS: how many of each are tried (40); `all`: every one (./dev soak alloc);
// `memory:17` or `call:20-30`: those.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { binary, folder, sleep } from './harness.mjs'

const program = path.join(path.dirname(binary), 'tests/server_with_faults')
const wish = process.env.NEARFIELD_FAULTS ?? '40'
const LANES = 2
const PATIENCE_MS = 60000 // of one run, on a busy machine

let dir
before(() => {
  assert.ok(existsSync(program), `${program} is not built`)
  dir = folder({ 'site/index.html': '<p>x', 'models/.keep': '' })
  mkdirSync(path.join(dir.at, 'worker'))
  copyFileSync('tests/server/fake_worker.sh', path.join(dir.at, 'worker/run'))
  chmodSync(path.join(dir.at, 'worker/run'), 0o755)
})
after(() => dir.remove())

function deadline(promise, what) {
  let timer
  const late = new Promise((_, fail) => {
    const error = new Error(`no end within ${PATIENCE_MS} ms: ${what}`)
    timer = setTimeout(() => fail(error), PATIENCE_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Ask until it is answered well; an error of the server's, or none, may come a few times. */
async function ask(url, options, good) {
  const seen = []
  for (let i = 0; i < 6; i++) {
    try {
      const reply = await fetch(url, { ...options, signal: AbortSignal.timeout(15000) })
      const body = await reply.text()
      if (good.includes(reply.status)) return body
      seen.push(`${reply.status} ${body.slice(0, 200)}`)
      if (reply.status < 500) break
    } catch (error) {
      seen.push(String(error.cause ?? error))
    }
    await sleep(30)
  }
  throw new Error(`${options?.method ?? 'GET'} ${url}: ${seen.join('; ')}`)
}

const json = { 'Content-Type': 'application/json' }
const tus = { 'Tus-Resumable': '1.0.0' }

/** By tus, from wherever the server says that it ends. */
async function upload(base, content) {
  let at
  for (let i = 0; at === undefined; i++) {
    assert.ok(i < 6, 'no upload is made')
    const headers = { ...tus, 'Upload-Length': String(content.length) }
    const reply = await fetch(`${base}/v1/uploads`, { method: 'POST', headers }).catch(() => null)
    at = reply?.headers.get('location') ?? undefined
  }
  for (let i = 0; i < 8; i++) {
    const head = await fetch(`${base}${at}`, { method: 'HEAD', headers: tus }).catch(() => null)
    if (head === null || head.status >= 500) continue
    assert.equal(head.status, 200, 'HEAD of the upload')
    const offset = Number(head.headers.get('upload-offset'))
    if (offset === content.length) return path.basename(at)
    const headers = { ...tus, 'Upload-Offset': String(offset) }
    headers['Content-Type'] = 'application/offset+octet-stream'
    const body = content.slice(offset)
    await fetch(`${base}${at}`, { method: 'PATCH', headers, body }).catch(() => null)
  }
  throw new Error('the upload does not get whole')
}

async function scenario(base, key) {
  assert.equal(await ask(`${base}/index.html`, {}, [200]), '<p>x')
  const octets = { 'Content-Type': 'application/octet-stream' }
  await ask(`${base}/v1/uploads`, { method: 'POST', headers: octets, body: 'x' }, [200])
  const input = { upload: await upload(base, 'ok 1\n') }
  const body = JSON.stringify({ kind: 'transcribe', input })
  const headers = { ...json, 'Idempotency-Key': key }
  const { id } = JSON.parse(
    await ask(`${base}/v1/jobs`, { method: 'POST', headers, body }, [200, 201]),
  )
  const edit = JSON.stringify({ task: 'fix', text: 'a', model: 'none' })
  await ask(`${base}/v1/edit`, { method: 'POST', headers: json, body: edit }, [404])
  for (;;) {
    const job = JSON.parse(await ask(`${base}/v1/jobs/${id}`, {}, [200]))
    if (['failed', 'dead', 'cancelled'].includes(job.state)) throw new Error(JSON.stringify(job))
    if (job.state === 'done') break
    await sleep(20)
  }
  assert.match(await ask(`${base}/v1/jobs/${id}/result`, {}, [200]), /1 lines/)
}

/** One run of the server from its start to its end: what failed in it, and the counts. */
async function run(fail) {
  const name = fail.replace(':', '-')
  const data = path.join(dir.at, `data-${name}`)
  const log = path.join(dir.at, `log-${name}`)
  const args = ['--port', '0', '--root', `${dir.at}/site`, '--models', `${dir.at}/models`]
  args.push('--data', data, '--transcribe', `${dir.at}/worker`)
  args.push('--job-lease-ms', '3000', '--job-backoff-ms', '20')
  const env = { ...process.env, HOME: '/nonexistent', FAIL: fail, FAIL_LOG: log }
  const child = spawn(program, args, { env })
  let stdout = ''
  let stderr = ''
  child.stderr.on('data', (d) => {
    stderr += d
  })
  const exited = new Promise((done) => child.on('close', (code, signal) => done({ code, signal })))
  const up = new Promise((done) => {
    child.stdout.on('data', (d) => {
      stdout += d
      const match = /nearfield is at (http:\/\/127\.0\.0\.1:\d+)\/\n/.exec(stdout)
      if (match) done(match[1])
    })
    exited.then(() => done(null))
  })
  try {
    const base = await deadline(up, 'start')
    if (base !== null) {
      await deadline(scenario(base, name), 'requests')
      child.kill('SIGTERM')
    }
    const end = await deadline(exited, 'stop')
    if (base === null && end.signal === 'SIGABRT' && stderr === '') return { failed: 'libuv' }
    assert.equal(end.signal, null, 'it ended by itself')
    assert.doesNotMatch(stderr, /Sanitizer|runtime error/)
    if (base !== null) assert.equal(end.code, 0)
    if (base === null) {
      assert.ok(end.code === 1 || end.code === 3, `exit ${end.code}`)
      assert.match(stderr.trim().split('\n').at(-1), /^nearfield-server: .*\S/)
    }
  } catch (error) {
    const ended = child.exitCode ?? child.signalCode
    if (ended !== null) error.message = `it had ended: ${ended}; ${error.message}`
    child.kill('SIGKILL')
    await exited
    const where = existsSync(`${log}.where`) ? readFileSync(`${log}.where`, 'utf8') : ''
    error.message = `FAIL=${fail}: ${error.message}\n${where}${stderr.slice(-3000)}`
    throw error
  }
  const [, memory, call, failed] = /^memory (\d+) call (\d+) (\S+)/.exec(readFileSync(log, 'utf8'))
  rmSync(data, { recursive: true, force: true })
  return { memory: Number(memory), call: Number(call), failed }
}

for (const kind of ['memory', 'call']) {
  const range = new RegExp(`^${kind}:(\\d+)(?:-(\\d+))?$`).exec(wish)?.slice(1)
  if (wish.includes(':') && !range) continue
  test(`${wish} of the failures of ${kind}`, async (t) => {
    const counts = await run(`${kind}:0`) // none fails
    const n = counts[kind]
    assert.ok(n > 100, `${n} calls of ${kind} were counted`)
    const first = Number(range?.[0] ?? 1)
    const tries = range
      ? Number(range[1] ?? first) - first + 1
      : wish === 'all'
        ? n
        : Math.min(n, Number(wish))
    // of some: more of the later ones, which are under requests
    const place = (i) => (tries === n ? i : Math.floor(n * Math.sqrt((i + 0.5) / tries)))
    const all = Array.from({ length: tries }, (_, i) => first + (range ? i : place(i)))
    const list = [...new Set(all)]
    const problems = []
    const seen = {}
    await Promise.all(
      Array.from({ length: LANES }, async () => {
        for (let i = list.shift(); i !== undefined; i = list.shift()) {
          try {
            const { failed } = await run(`${kind}:${i}`)
            seen[failed] = (seen[failed] ?? 0) + 1
          } catch (error) {
            problems.push(error.message)
            if (wish === 'all') t.diagnostic(error.message.split('\n')[0])
          }
        }
      }),
    )
    t.diagnostic(`${new Set(all).size} of ${n}: ${JSON.stringify(seen)}`)
    const hit = Object.entries(seen).reduce((sum, [what, k]) => sum + (what === '-' ? 0 : k), 0)
    assert.ok(range || hit >= tries / 2, `${hit} of ${tries} came to pass`)
    assert.equal(problems.length, 0, `${problems.length} problems\n${problems.join('\n\n')}`)
  })
}
