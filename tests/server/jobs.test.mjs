// Jobs over HTTP, the same suite on both stores: life, idempotency, events, results, bad workers,
// cancel, workers elsewhere, the sandbox, and what is refused.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { exchange, folder, get, runOnce, sleep, start } from './harness.mjs'
import { client, events, place, stores, worker } from './jobs_harness.mjs'

/** What the fake worker's 'deaf' goes on for at least, were it not ended. */
const DEAF_MS = 60_000

for (const store of stores) {
  describe(store, () => {
    let here
    let server
    let api
    before(async () => {
      here = place(store)
      server = await here.server()
      api = client(server)
    })
    after(async () => {
      await server.stop().finally(() => here.remove())
    })

    test('a job lives: upload, queue, events, result', async () => {
      const job = await api.add('ok 3')
      assert.equal(job.status, 201)
      assert.equal(job.headers.get('location'), `/v1/jobs/${job.id}`)
      assert.equal(job.state, 'queued')
      const { list, type, whole } = await events(`${api.base}/jobs/${job.id}/events`)
      assert.equal(type, 'text/event-stream')
      assert.ok(whole)
      assert.deepEqual(
        list.map((e) => e.id),
        list.map((_, i) => i + 1),
      )
      const states = list.filter((e) => e.event === 'state').map((e) => e.data.state)
      assert.deepEqual(states, ['queued', 'running', 'done'])
      const lines = list.filter((e) => e.event === 'segment').map((e) => e.data.text)
      assert.deepEqual(lines, ['line 1', 'line 2', 'line 3'])
      const done = await api.get(job.id)
      assert.equal(done.state, 'done')
      assert.equal(done.progress, 1)
      const [srt, vtt] = done.result.files
      const body = Buffer.from(await (await api.result(job.id)).arrayBuffer())
      assert.match(body.toString(), /3 lines/)
      assert.equal(srt.bytes, body.length)
      assert.equal(srt.sha256, createHash('sha256').update(body).digest('hex'))
      const reply = await api.result(job.id, 'captions.vtt')
      assert.equal(reply.headers.get('content-type'), 'text/vtt; charset=utf-8')
      assert.equal(reply.headers.get('etag'), `"${vtt.sha256}"`)
      const part = await api.result(job.id, 'captions.srt', { Range: 'bytes=2-5' })
      assert.equal(part.status, 206)
      assert.equal(await part.text(), body.subarray(2, 6).toString())
      const again = await api.result(job.id, '', { 'If-None-Match': `"${srt.sha256}"` })
      assert.equal(again.status, 304)
      for (const name of ['job.json', '1%2fcaptions.srt', 'captions.srt/', 'x'.repeat(100)])
        assert.ok((await api.result(job.id, name)).status >= 400, name)
      // removed once the store has the end of the job
      for (let i = 0; i < 500 && readdirSync(here.at('data/work')).length > 0; i++) await sleep(10)
      assert.deepEqual(readdirSync(here.at('data/work')), [])
      const list100 = await (await fetch(`${api.base}/jobs`)).json()
      assert.equal(list100.jobs[0].id, job.id)
      assert.deepEqual(
        list100.kinds.find((k) => k.kind === 'transcribe'),
        { kind: 'transcribe', ready: true, mend: null },
      )
    })

    test('a result that is hashed for longer than a lease is still the first try', async (t) => {
      const lease = 1500
      const long = ['--job-lease-ms', String(lease), '--job-slots', '2', '--upload-mb-max', '65536']
      const other = await here.server(...long)
      const mine = client(other)
      await server.stop() // so that no longer lease is given
      for (let mb = 1000, ms = 0; ms < 1.2 * lease; mb *= 2) {
        assert.ok(mb < 65536, 'or it proves nothing')
        const { id } = await mine.add(`big ${mb}`)
        const { list } = await events(`${mine.base}/jobs/${id}/events`)
        const job = await mine.get(id)
        assert.equal(job.state, 'done', job.error)
        assert.deepEqual(
          list.filter((e) => e.event === 'state').map((e) => [e.data.state, e.data.try]),
          [
            ['queued', 0],
            ['running', 1],
            ['done', 1],
          ],
        )
        ms = job.updated - job.created
        t.diagnostic(`${mb} MB, ${ms} ms`)
      }
      await other.stop()
      server = await here.server()
      api = client(server)
    })

    test('a path below media_root is an input; others are not', async () => {
      const ask = (path) => api.post({ kind: 'transcribe', input: { path } })
      const reply = await ask('talk.txt')
      assert.equal(reply.status, 201)
      assert.equal((await api.ended((await reply.json()).id)).state, 'done')
      for (const path of ['../secret.txt', '/etc/passwd', 'none.txt', '.', 'a/../../secret.txt']) {
        const refused = await ask(path)
        assert.equal(refused.status, 422, path)
        assert.match((await refused.json()).error, /^input: no such file/)
      }
    })

    test('100 parallel requests with one key make one job', async () => {
      const { upload } = await api.upload('ok 1\n')
      const body = { kind: 'transcribe', input: { upload } }
      const key = { 'Idempotency-Key': `k-${store}` }
      const replies = await Promise.all(Array.from({ length: 100 }, () => api.post(body, key)))
      const jobs = await Promise.all(replies.map((r) => r.json()))
      assert.equal(new Set(jobs.map((j) => j.id)).size, 1)
      assert.equal(replies.filter((r) => r.status === 201).length, 1)
      assert.equal(replies.filter((r) => r.status === 200).length, 99)
      const other = await api.post({ ...body, language: 'en' }, key)
      assert.equal(other.status, 422)
      assert.equal((await api.ended(jobs[0].id)).tries, 1)
    })

    test('a stream is taken up again behind Last-Event-ID, and ends with 204', async () => {
      const { id } = await api.add('slow 15')
      const url = `${api.base}/jobs/${id}/events`
      const first = await events(url, { enough: (list) => list.length >= 6 })
      const last = first.list.at(-1).id
      const rest = await events(url, { after: last })
      assert.equal(rest.list[0].id, last + 1)
      const seen = [...first.list, ...rest.list].filter((e) => e.event === 'segment')
      assert.deepEqual(
        seen.map((e) => e.data.i),
        Array.from({ length: 15 }, (_, i) => i + 1),
      )
      assert.equal((await events(url, { after: rest.list.at(-1).id })).status, 204)
    })

    test('bad input fails once, a poison job is dead after five tries, others go on', async () => {
      const [bad, crash, silent, noise, long, ok] = await Promise.all(
        ['bad', 'crash', 'silent', 'noise', 'long', 'ok 1'].map((script) => api.add(script)),
      )
      const failed = await api.ended(bad.id)
      assert.equal(failed.state, 'failed')
      assert.equal(failed.tries, 1)
      assert.equal(failed.error, 'no audio stream in the file')
      const dead = await api.ended(crash.id)
      assert.equal(dead.state, 'dead')
      assert.equal(dead.tries, 5)
      assert.match(dead.error, /^the worker ended with (signal 9|exit code 137): something broke$/)
      assert.equal((await api.ended(ok.id)).state, 'done')
      const nothing = await api.ended(silent.id)
      assert.equal(nothing.state, 'dead')
      assert.match(nothing.error, /^captions.srt: the worker ended without writing it/)
      assert.match((await api.ended(noise.id)).error, /no JSON object/)
      assert.match((await api.ended(long.id)).error, /line of more than 64 KB/)
      assert.equal((await api.result(crash.id)).status, 404)
    })

    test('cancel: the state at once, the process soon, files too', async () => {
      const { id } = await api.add('deaf')
      await api.until(id, (job) => job.state === 'running')
      await sleep(300)
      assert.equal((await api.result(id)).status, 409)
      const asked = Date.now()
      const answer = await api.cancel(id)
      assert.equal(answer.status, 202)
      assert.equal(answer.state, 'cancelling')
      await api.until(id, (job) => job.state === 'cancelled')
      assert.ok(Date.now() - asked < DEAF_MS / 4, `${Date.now() - asked} ms`)
      for (let i = 0; i < 500 && existsSync(here.at('data/work', id)); i++) await sleep(20)
      assert.equal(existsSync(here.at('data/work', id)), false)
      assert.equal((await api.cancel(id)).state, 'cancelled')
      const { list } = await events(`${api.base}/jobs/${id}/events`)
      assert.equal(list.at(-1).data.state, 'cancelled')
    })

    test('SIGTERM gives the running job back, and the next server does it in the same try', async () => {
      const { id } = await api.add('slow 20')
      await api.until(id, (job) => job.state === 'running')
      await server.stop()
      server = await here.server()
      api = client(server)
      const job = await api.ended(id)
      assert.equal(job.state, 'done')
      assert.equal(job.tries, 1)
    })

    test('workers elsewhere: one that dies is replaced, its job is done once', async () => {
      await server.stop()
      server = await here.server('--job-slots', '0')
      api = client(server)
      const { id } = await api.add('slow 10')
      await sleep(600)
      assert.equal((await api.get(id)).state, 'queued')
      const first = await worker(here)
      await api.until(id, (job) => job.state === 'running')
      const second = await worker(here)
      first.kill('SIGKILL')
      await api.until(id, (job) => job.state === 'running' && job.tries === 2)
      const job = await api.ended(id)
      assert.equal(job.state, 'done')
      assert.equal(job.tries, 2)
      const deaf = await api.add('deaf') // a cancel reaches it through the store
      await api.until(deaf.id, (j) => j.state === 'running')
      const asked = Date.now()
      await api.cancel(deaf.id)
      await api.ended(deaf.id)
      assert.ok(Date.now() - asked < DEAF_MS / 4, `${Date.now() - asked} ms`)
      second.kill('SIGTERM')
      await second.closed
      await server.stop()
      server = await here.server()
      api = client(server)
    })

    test('a worker sees its own folder and /usr, not the machine', async () => {
      const { id } = await api.add('look')
      const job = await api.ended(id)
      assert.equal(job.state, 'done', job.error)
      const sandbox = server.lines().find((l) => l.event === 'sandbox').detail
      const root = await (await api.result(id, 'captions.srt')).text()
      const secret = await (await api.result(id, 'captions.vtt')).text()
      assert.match(root, /NoNewPrivs:\s1/)
      if (sandbox === 'bubblewrap') {
        assert.equal(secret, 'no passwd\n')
        assert.doesNotMatch(root, /home|root|var|wrote outside/)
      } else assert.match(sandbox, /only limits and no_new_privs, .*: bwrap/)
    })

    test('what is refused', async () => {
      const { upload } = await api.upload('ok 1\n')
      const good = JSON.stringify({ kind: 'transcribe', input: { upload } })
      const json = { 'Content-Type': 'application/json' }
      const rows = [
        [415, { 'Content-Type': 'application/octet-stream' }, good],
        [403, { 'Content-Type': 'text/plain' }, good],
        [403, {}, good],
        [403, { ...json, Origin: 'http://evil.example' }, good],
        [403, { ...json, Origin: 'null' }, good],
        [403, { ...json, 'Sec-Fetch-Site': 'cross-site', Origin: `http://${server.host}` }, good],
        [403, { ...json, 'Sec-Fetch-Site': 'same-site' }, good],
        [400, { ...json, 'Idempotency-Key': 'x'.repeat(201) }, good],
        [400, { ...json, 'Idempotency-Key': 'a b' }, good],
        [400, json, ''],
        [400, json, '[]'],
        [400, json, '{"kind":"transcribe"'],
        [400, json, '{"kind":"mine","input":{"path":"talk.txt"}}'],
        [400, json, '{"kind":"transcribe","input":{"path":"talk.txt","upload":"x"}}'],
        [400, json, '{"kind":"transcribe","input":{"path":"talk.txt"},"language":"e n"}'],
        [400, json, '{"kind":"transcribe","input":{"path":"talk.txt"},"vad":1}'],
        [400, json, '{"kind":"transcribe","input":{"path":"talk.txt"},"command":"rm"}'],
        [400, json, '{"kind":"transcribe","input":{"path":"talk.txt"},"vad":true,"vad":false}'],
        [400, json, '{"kind":"transcribe","input":{"path":"a\\u0000b"}}'],
        [400, json, '{"kind":"transcribe","input":{"upload":"../../secret.txt"}}'],
        [422, json, `{"kind":"transcribe","input":{"upload":"${'0'.repeat(32)}"}}`],
        [413, json, `{"kind":"transcribe"${' '.repeat(70000)}}`],
      ]
      const before = (await (await fetch(`${api.base}/jobs`)).json()).jobs.length
      for (const [status, headers, body] of rows) {
        const fields = Object.entries({
          Host: server.host,
          'Content-Length': body.length,
          ...headers,
        })
        const head = fields.map(([k, v]) => `${k}: ${v}\r\n`).join('')
        const { replies } = await exchange(
          server.port,
          `POST /v1/jobs HTTP/1.1\r\n${head}\r\n${body}`,
          {
            ms: 300,
          },
        )
        assert.equal(replies[0]?.status, status, `${JSON.stringify(headers)} ${body.slice(0, 80)}`)
      }
      assert.equal((await (await fetch(`${api.base}/jobs`)).json()).jobs.length, before)
      assert.equal((await get(server, '/v1/jobs/xyz')).status, 404)
      assert.equal((await get(server, `/v1/jobs/${'0'.repeat(32)}`)).status, 404)
      assert.equal((await get(server, `/v1/jobs/${'0'.repeat(32)}/events`)).status, 404)
      assert.equal((await get(server, '/v1/jobs', {}, 'PUT')).status, 403)
      assert.equal(
        (await get(server, '/v1/jobs', { Origin: `http://${server.host}` }, 'PUT')).status,
        405,
      )
    })

    test('an upload over the limit is refused before its body, and one that is cut leaves nothing', async () => {
      const small = await here.server('--upload-mb-max', '1', '--job-slots', '0')
      const head = (n) =>
        `POST /v1/uploads HTTP/1.1\r\nHost: ${small.host}\r\nContent-Type: video/mp4\r\n` +
        `Content-Length: ${n}\r\n\r\n`
      const { replies, closed } = await exchange(small.port, head(1048577))
      assert.equal(replies[0].status, 413)
      assert.ok(closed)
      const before = readdirSync(here.at('data/uploads')).length
      const cut = exchange(small.port, `${head(1000000)}${'x'.repeat(500000)}`, { ms: 300 })
      await cut
      for (let i = 0; i < 100 && readdirSync(here.at('data/uploads')).length > before; i++)
        await sleep(20)
      assert.equal(readdirSync(here.at('data/uploads')).length, before)
      const whole = Buffer.alloc(1048576, 'ab')
      const { upload, bytes } = await client(small).upload(whole)
      assert.equal(bytes, whole.length)
      assert.ok(existsSync(here.at('data/uploads', upload)))
      await small.stop()
    })
  })
}

test('what is not set up says how to set it up', async () => {
  const dir = folder({ 'site/index.html': 'x' })
  const off = await start(['--root', `${dir.at}/site`])
  const json = async (server) => JSON.parse((await get(server, '/v1/jobs')).body)
  const why = 'jobs are off; --data FOLDER turns them on'
  const nothing = await json(off)
  assert.deepEqual(nothing.jobs, [])
  assert.deepEqual(
    nothing.kinds.find((k) => k.kind === 'transcribe'),
    { kind: 'transcribe', ready: false, mend: why },
  )
  const reply = await get(off, `/v1/jobs/${'0'.repeat(32)}`)
  assert.equal(reply.status, 404)
  assert.equal(reply.body.toString(), why)
  await off.stop()
  const bare = await start(['--root', `${dir.at}/site`, '--data', `${dir.at}/data`])
  const api = client(bare)
  const { upload } = await api.upload('ok 1\n')
  const refused = await api.post({ kind: 'transcribe', input: { upload } })
  assert.equal(refused.status, 501)
  const { error } = await refused.json()
  assert.match(error, /\.\/dev transcribe/)
  const { kinds, upload_bytes_max: most } = await json(bare)
  assert.equal(kinds.find((k) => k.kind === 'transcribe').mend, error)
  assert.equal(most, 4096 * 1048576)
  await bare.stop()
  const ends = [
    [['--data', `${dir.at}/no/where`], 1, /no\/where: No such file/],
    [['--data', `${dir.at}/data`, '--transcribe', `${dir.at}/none`], 1, /\.\/dev transcribe/],
    [
      ['--data', `${dir.at}/data`, '--store', `postgresql:///x?host=${dir.at}`],
      3,
      /store: postgresql: /,
    ],
    [['--worker'], 1, /worker: expected --data/],
  ]
  for (const [args, code, pattern] of ends) {
    const end = await runOnce(['--root', `${dir.at}/site`, '--port', '0', ...args])
    assert.equal(end.code, code, end.stderr)
    assert.match(end.stderr, pattern)
    assert.equal(end.stderr.trim().split('\n').at(-1).startsWith('nearfield-server: '), true)
  }
  dir.remove()
})
