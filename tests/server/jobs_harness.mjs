// A server with jobs over one of the two stores, and clients for its routes. Owns folders, servers
// and a PostgreSQL that it started; the worker is fake_worker.sh, told by its input what to do.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { binary, folder, sleep, start } from './harness.mjs'

export const stores = ['sqlite', 'postgresql']
export const finals = new Set(['done', 'failed', 'dead', 'cancelled'])

/** A place for one store: its folder and the options that every server over it shares. */
export function place(store) {
  const servers = []
  const dir = folder({ 'site/index.html': 'x', 'media/talk.txt': 'ok 2\n', 'secret.txt': 'ok 1\n' })
  chmodSync(dir.at, 0o755) // PostgreSQL runs as another user
  mkdirSync(path.join(dir.at, 'worker'))
  copyFileSync('tests/server/fake_worker.sh', path.join(dir.at, 'worker/run'))
  const pg = path.join(dir.at, 'pg')
  const database = (verb) =>
    execFileSync('tests/server/postgresql.sh', [verb, pg], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  if (store === 'postgresql') database('start')
  const at = (...names) => path.join(dir.at, ...names)
  const args = [
    ...['--root', at('site'), '--data', at('data'), '--models', at('site')],
    ...['--transcribe', at('worker'), '--media-root', at('media')],
    ...['--job-lease-ms', '1500', '--job-backoff-ms', '20'],
    ...(store === 'postgresql'
      ? ['--store', `postgresql:///postgres?host=${pg}&user=postgres`]
      : []),
  ]
  return {
    at,
    args,
    database,
    async serverIn(env, ...more) {
      const server = await start([...args, ...more], env)
      servers.push(server)
      return server
    },
    async server(...more) {
      return this.serverIn({}, ...more)
    },
    remove: () => {
      for (const server of servers) server.signal('SIGKILL') // those a failed test left behind
      if (store === 'postgresql') database('stop')
      dir.remove()
    },
  }
}

/** nearfield-server --worker over the same store. */
export async function worker(here) {
  const child = spawn(binary, ['--worker', ...here.args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const closed = new Promise((done) => child.on('close', done))
  await new Promise((done) => child.stdout.once('data', done))
  return { pid: child.pid, kill: (signal) => child.kill(signal), closed }
}

/** The routes of one server. */
export function client(server) {
  const base = `http://${server.host}/v1`
  const json = async (reply) => ({
    status: reply.status,
    headers: reply.headers,
    ...(await reply.json()),
  })
  const post = (body, headers = {}) =>
    fetch(`${base}/jobs`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const upload = async (content) =>
    json(
      await fetch(`${base}/uploads`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/octet-stream' },
        body: content,
      }),
    )
  return {
    base,
    post,
    upload,
    /** Upload a script for the fake worker and queue it. */
    async add(script, headers) {
      const { upload: id } = await upload(`${script}\n`)
      return json(await post({ kind: 'transcribe', input: { upload: id } }, headers))
    },
    get: async (id) => json(await fetch(`${base}/jobs/${id}`)),
    cancel: async (id) => json(await fetch(`${base}/jobs/${id}`, { method: 'DELETE' })),
    result: (id, name = '', headers = {}) =>
      fetch(`${base}/jobs/${id}/result${name && `/${name}`}`, { headers }),
    async until(id, test, ms = 15000) {
      for (const end = Date.now() + ms; ; await sleep(20)) {
        const job = await this.get(id)
        if (test(job)) return job
        if (Date.now() > end) throw new Error(`job ${id} is still ${JSON.stringify(job)}`)
      }
    },
    ended: async function (id, ms) {
      return this.until(id, (job) => finals.has(job.state), ms)
    },
  }
}

/** Server-sent events as {id, event, data}, until the stream ends or `enough` says so. */
export async function events(url, { after, enough = () => false } = {}) {
  const headers = after === undefined ? {} : { 'Last-Event-ID': String(after) }
  const stop = new AbortController()
  const reply = await fetch(url, { headers, signal: stop.signal })
  const list = []
  if (reply.status !== 200) return { status: reply.status, list }
  let text = ''
  try {
    for await (const piece of reply.body.pipeThrough(new TextDecoderStream())) {
      text += piece
      const blocks = text.split('\n\n')
      text = blocks.pop()
      for (const block of blocks.filter((b) => !b.startsWith(':'))) {
        const fields = Object.fromEntries(
          block.split('\n').map((l) => l.split(/: (.*)/s).slice(0, 2)),
        )
        list.push({ id: Number(fields.id), event: fields.event, data: JSON.parse(fields.data) })
      }
      if (enough(list)) stop.abort()
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  return { status: 200, type: reply.headers.get('content-type'), list, whole: !stop.signal.aborted }
}
