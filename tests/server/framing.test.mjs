// Where one request ends and the next begins: on pipelines that are right, odd or wrong, what this
// server answered nginx answers too, in the same order. Either may refuse earlier; neither may see
// other requests. That is what smuggling through a proxy needs. NEARFIELD_PIPELINES: how many
// (4,000), from NEARFIELD_SEED (1) on; framing_requests.mjs makes them.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { canary, names, pipeline } from './framing_requests.mjs'
import { connect, exchange, folder, freePort, sleep, start } from './harness.mjs'

const count = Number(process.env.NEARFIELD_PIPELINES ?? 4000)
const first = Number(process.env.NEARFIELD_SEED ?? 1)
const AT_ONCE = 16

let root, server, nginx
before(async () => {
  root = folder(Object.fromEntries([...names, canary].map((name) => [`www/${name}`, name])))
  server = await start(['--root', path.join(root.at, 'www'), '--quiet'])
  nginx = await startNginx()
})
after(async () => {
  nginx.child.kill('SIGTERM')
  await once(nginx.child, 'close')
  await server.stop()
  root.remove()
})

async function startNginx() {
  const port = await freePort()
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${root.at}/${name};`,
  )
  const conf = folder({
    'nginx.conf': `
daemon off; master_process off; pid ${root.at}/nginx.pid; error_log ${root.at}/error.log crit;
events { worker_connections 256; }
http { access_log off; default_type text/plain; ${temp.join(' ')}
  server { listen 127.0.0.1:${port}; root ${root.at}/www; } }`,
  })
  const child = spawn('nginx', ['-e', `${root.at}/error.log`, '-c', `${conf.at}/nginx.conf`])
  let said = ''
  child.stderr.on('data', (d) => {
    said += d
  })
  for (let i = 0; ; i++) {
    const up = await connect(port).catch(() => null)
    up?.socket.destroy()
    if (up) break
    assert.ok(child.exitCode === null && i < 200, `nginx does not start: ${said}`)
    await sleep(25)
  }
  conf.remove()
  return { child, port }
}

/** What was answered, in order, until the server refused or had no more. */
async function answers(port, data) {
  const { replies, closed, raw } = await exchange(port, data, { halfClose: true, ms: 5000 })
  assert.ok(closed, 'it ends once the client has')
  const seen = replies.map((r) => (r.status === 200 && r.whole ? `${r.body}` : r.status))
  const whole = seen.at(-1) === canary
  if (!whole && seen.length > 0 && typeof seen.at(-1) === 'number') seen.pop() // the refusal
  return { seen, whole, raw: raw.toString('latin1') }
}

/** null: they agree. */
function disagreement(ours, theirs) {
  const n = Math.min(ours.seen.length, theirs.seen.length)
  for (let i = 0; i < n; i++) {
    const [a, b] = [ours.seen[i], theirs.seen[i]]
    if (typeof a === 'string' && typeof b === 'string' && a !== b) return `answer ${i}: ${a}, ${b}`
  }
  if (ours.whole && theirs.whole && ours.seen.length !== theirs.seen.length) {
    return `${ours.seen.length} answers, ${theirs.seen.length}`
  }
  return null
}

test(`${count} pipelines: no framing that nginx does not share`, async (t) => {
  const sums = { both: 0, oursAlone: 0, nginxAlone: 0, neither: 0 }
  const found = []
  let next = first
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < first + count) {
        const seed = next++
        // one Host for both, so that the bytes are the same
        const data = pipeline(seed, server.host)
        const [ours, theirs] = [await answers(server.port, data), await answers(nginx.port, data)]
        if (ours.whole) sums[theirs.whole ? 'both' : 'oursAlone']++
        else sums[theirs.whole ? 'nginxAlone' : 'neither']++
        const why = disagreement(ours, theirs)
        if (why) found.push({ seed, why, data, ours: ours.raw, theirs: theirs.raw })
      }
    }),
  )
  t.diagnostic(JSON.stringify(sums))
  assert.deepEqual(found.slice(0, 3), [])
  assert.ok(sums.both > count / 5 && sums.neither + sums.nginxAlone > count / 5, 'both kinds')
})
