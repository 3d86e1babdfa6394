// A nearfield-server with the real model, and ways to ask it. NEARFIELD_MODEL names the model
// (./dev test sets it). Owns no test.
import { get, start } from './harness.mjs'

export const model = process.env.NEARFIELD_MODEL
/** Start the server over `site` with the model, and wait until it is hashed. */
export async function startWithModel(site, args = [], file = model) {
  if (!model) throw new Error('NEARFIELD_MODEL must name the model file')
  // one thread: files run beside each other, and threads of both would wait for a core by turning
  const own = args.includes('--inference-threads') ? [] : ['--inference-threads', '1']
  const server = await start(['--root', site, '--model', file, ...own, ...args])
  while ((await get(server, '/readyz')).status !== 200) await new Promise((r) => setTimeout(r, 50))
  server.base = `http://${server.host}`
  const { data } = await (await fetch(`${server.base}/v1/models`)).json()
  server.model = data[0].id
  return server
}

/** POST JSON (or raw text) to a path: {status, headers, body}, body parsed. */
export async function post(server, path, body, headers = {}, signal = undefined) {
  const reply = await fetch(`${server.base}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    signal,
  })
  const text = await reply.text()
  const json = reply.headers.get('content-type') === 'application/json'
  return { status: reply.status, headers: reply.headers, body: json ? JSON.parse(text) : text }
}

/** A question to the model, greedy and short unless `more` says otherwise. */
export const ask = (server, text, more = {}) => ({
  model: server.model,
  messages: [{ role: 'user', content: text }],
  temperature: 0,
  max_tokens: 12,
  ...more,
})

/** One counter or gauge of /metrics. */
export async function metric(server, name) {
  const text = await (await fetch(`${server.base}/metrics`)).text()
  const line = text.split('\n').find((l) => l.startsWith(`${name} `))
  if (!line) throw new Error(`no metric ${name}`)
  return Number(line.slice(name.length + 1))
}
