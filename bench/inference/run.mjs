// How much a batch gives: edits and completions a second at 1, 4 and 16 clients at once, with the
// real model, through HTTP. Prints one JSON object; medians of rounds that alternate the numbers of
// clients. `passes` and `works` come from /metrics: how many requests shared a pass on average.
//   NEARFIELD_MODEL=FILE node bench/inference/run.mjs [--seconds 4] [--rounds 3]
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`)
  return i < 0 ? fallback : Number(process.argv[i + 1])
}
const seconds = option('seconds', 4)
const rounds = option('rounds', 3)
const model = process.env.NEARFIELD_MODEL
if (!model) throw new Error('NEARFIELD_MODEL must name the model file')
const site = mkdtempSync(path.join(os.tmpdir(), 'nearfield-bench-'))
writeFileSync(path.join(site, 'index.html'), 'x')
const binary = path.resolve(process.env.NEARFIELD_SERVER ?? 'build/native/nearfield-server')
const args = ['--port', '0', '--root', site, '--model', model, '--sessions-max', '16', '--quiet']
const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] })
const line = await new Promise((done) => child.stdout.once('data', (d) => done(String(d))))
const base = /http:\/\/[^/]+/.exec(line)[0]
while (!(await fetch(`${base}/readyz`)).ok) await new Promise((r) => setTimeout(r, 50))
const { data } = await (await fetch(`${base}/v1/models`)).json()

const lines = readFileSync('tests/data/edit_lines.txt', 'utf8').trim().split('\n')
const kinds = {
  edit: (i) => ['/v1/edit', { task: 'fix', text: lines[i % lines.length] }],
  chat32: (i) => [
    '/v1/chat/completions',
    {
      model: data[0].id,
      messages: [{ role: 'user', content: `Tell me about number ${i % 50}.` }],
      max_tokens: 32,
      temperature: 0,
    },
  ],
}
const ask = async ([url, body]) => {
  const reply = await fetch(base + url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`)
  await reply.arrayBuffer()
}
const counters = async () => {
  const text = await (await fetch(`${base}/metrics`)).text()
  const of = (name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)[1])
  return [of('nearfield_inference_passes_total'), of('nearfield_inference_pass_works_total')]
}
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1]

/** `n` clients, each with one request after the other, for a while. */
async function run(kind, n) {
  const from = await counters()
  const start = performance.now()
  const times = []
  let next = 0
  await Promise.all(
    Array.from({ length: n }, async () => {
      while (performance.now() - start < seconds * 1000) {
        const at = performance.now()
        await ask(kinds[kind](next++))
        times.push(performance.now() - at)
      }
    }),
  )
  const to = await counters()
  const a_second = (times.length * 1000) / (performance.now() - start)
  return { a_second, ms: median(times), sharing: (to[1] - from[1]) / (to[0] - from[0]) }
}

const result = { machine: os.cpus()[0].model, cpus: os.cpus().length, model: data[0].id, seconds }
for (const kind of Object.keys(kinds)) {
  const clients = [1, 4, 16]
  for (const n of clients)
    await Promise.all(Array.from({ length: n }, (_, i) => ask(kinds[kind](i))))
  const all = Object.fromEntries(clients.map((n) => [n, []]))
  for (let round = 0; round < rounds; round++)
    for (const n of clients) all[n].push(await run(kind, n))
  const row = (n, key) => Number(median(all[n].map((r) => r[key])).toFixed(2))
  result[kind] = clients.map((n) => ({
    clients: n,
    a_second: row(n, 'a_second'),
    median_ms: row(n, 'ms'),
    works_a_pass: row(n, 'sharing'),
    times_one: Number((row(n, 'a_second') / row(1, 'a_second')).toFixed(2)),
  }))
}
child.kill()
rmSync(site, { recursive: true, force: true })
console.log(JSON.stringify(result, null, 2))
