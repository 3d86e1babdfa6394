// What an operator meets: options and their errors, the taken port, the config file and SIGHUP,
// refusing to listen beyond loopback without protection, health, metrics, logs.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { binary, exchange, folder, found, get, runOnce, sleep, start } from './harness.mjs'

let dir
const at = (name) => path.join(dir.at, name)
before(() => {
  dir = folder({ 'site/index.html': 'index', 'site/secret words.txt': 'x' })
})
after(() => dir.remove())

const oneLine = (result) => assert.match(result.stderr, /^nearfield-server: [^\n]+\n$/)

test('bad options: exit 2 and one line', async () => {
  for (const args of [
    ['--nonsense', '1'],
    ['stray'],
    ['--port'],
    ['--port', 'x'],
    ['--port', '70000'],
    ['--port', '-1'],
    ['--quiet', 'maybe'],
    ['--head-ms', '1'],
    ['--make-token'],
    ['-p', '1'],
  ]) {
    const result = await runOnce(
      ['--root', at('site'), ...args].slice(args[0] === '--make-token' ? 2 : 0),
    )
    assert.equal(result.code, 2, args.join(' '))
    oneLine(result)
  }
})

test('--help lists every setting, --version answers', async () => {
  const help = await runOnce(['--help'])
  assert.equal(help.code, 0)
  for (const key of [
    'host',
    'port',
    'root',
    'models',
    'model',
    'hosts',
    'token_file',
    'behind_proxy',
    'quiet',
    'head_ms',
    'drain_ms',
  ])
    assert.match(help.stdout, new RegExp(`\\b${key}\\b`))
  assert.match((await runOnce(['--version'])).stdout, /^nearfield-server \d/)
})

test('no application folder: exit 1, and the line says how to get one', async () => {
  const result = await runOnce(['--port', '0', '--root', at('none')])
  assert.equal(result.code, 1)
  oneLine(result)
  assert.match(result.stderr, /dev build app/)
})

test('a taken port: exit 3, one line, no other port taken silently', async () => {
  const server = await start(['--root', at('site'), '--quiet'])
  const result = await runOnce(['--root', at('site'), '--port', String(server.port)])
  assert.equal(result.code, 3)
  assert.equal(result.stdout, '')
  assert.equal(
    result.stderr,
    `nearfield-server: 127.0.0.1:${server.port}: the port is taken; choose another with --port\n`,
  )
  await server.stop()
})

test('config file: read, overridden by options, faults named with file and line', async () => {
  writeFileSync(
    at('good.conf'),
    `# comment\n\nroot = ${at('site')}\n  quiet=yes\nconnections_max = 7\n`,
  )
  const server = await start(['--config', at('good.conf')])
  assert.equal((await get(server, '/')).status, 200)
  await server.stop()
  assert.ok(!server.log().includes('"path"'))
  const faults = { 'nonsense\n': 1, 'port = 80\nprot = 1\n': 2, '\n\nport = many\n': 3, '= 5\n': 1 }
  for (const [content, line] of Object.entries(faults)) {
    writeFileSync(at('bad.conf'), content)
    const result = await runOnce(['--config', at('bad.conf')])
    assert.equal(result.code, 1)
    oneLine(result)
    assert.ok(result.stderr.includes(`bad.conf:${line}: `), result.stderr)
  }
  const missing = await runOnce(['--config', at('missing.conf')])
  assert.equal(missing.code, 1)
  oneLine(missing)
})

test('SIGHUP takes over safe settings; a broken file changes nothing', async () => {
  const write = (more) => writeFileSync(at('hup.conf'), `root = ${at('site')}\n${more}`)
  write('quiet = yes\n')
  const server = await start(['--config', at('hup.conf')])
  await get(server, '/')
  assert.equal((await get(server, '/', { Host: 'captions.example' })).status, 421)
  write('quiet = no\nhosts = captions.example\nport = 1\n')
  server.signal('SIGHUP')
  const status = async () => (await get(server, '/', { Host: 'captions.example' })).status
  await found(async () => (await status()) === 200)
  write('nonsense\n')
  server.signal('SIGHUP')
  const refused = (l) => l.event === 'settings not changed' && l.detail.includes('hup.conf:2')
  await found(() => server.lines().some(refused))
  assert.equal((await get(server, '/', { Host: 'captions.example' })).status, 200)
  await server.stop()
  const paths = server.lines().filter((l) => l.path === '/')
  assert.ok(paths.length >= 2, 'the access log is on since SIGHUP')
})

test('every setting is documented with its default, and the sample is one that is read', async () => {
  const { stdout } = await runOnce(['--help'])
  const keys = [...stdout.matchAll(/^ ([* ]) (\w+) +(.*)$/gm)]
  assert.ok(keys.length > 45)
  const page = readFileSync('docs/operations.md', 'utf8')
  const rows = new Map(
    [...page.matchAll(/^\| `(\w+)`( \*)? \|([^|]*)\| [^|]+ \|$/gm)].map((m) => [m[1], m]),
  )
  for (const [, reload, key, help] of keys) {
    const row = rows.get(key)
    assert.ok(row, `docs/operations.md: ${key}`)
    assert.equal(row[2] === ' *', reload === '*', key)
    const value = /\[([\w./~-]+)\]$/.exec(help)?.[1]
    if (value) assert.equal(row[3].trim(), value, key)
  }
  assert.equal(rows.size, keys.length, 'and nothing that is none')
  const sample = readFileSync('docs/nearfield.conf', 'utf8')
  writeFileSync(at('sample.conf'), sample)
  const good = await runOnce(['--config', at('sample.conf'), '--root', at('nowhere')])
  assert.equal(good.code, 1)
  assert.match(good.stderr, /nowhere: not there/) // all of it was read before
  writeFileSync(at('sample.conf'), sample.replace('4096', 'many'))
  const bad = await runOnce(['--config', at('sample.conf')])
  assert.match(bad.stderr, /sample\.conf:\d+: upstream_model: expected NAME MODEL/)
  oneLine(bad)
})

test('beyond loopback: refused without token, proxy and names', async () => {
  const base = ['--root', at('site'), '--port', '0', '--host', '0.0.0.0']
  const refused = async (...more) => {
    const result = await runOnce([...base, ...more])
    assert.equal(result.code, 1)
    oneLine(result)
    return result.stderr
  }
  assert.match(await refused(), /not loopback.*token_file/)
  const made = await runOnce(['--make-token', at('token')])
  assert.equal(made.code, 0)
  const token = made.stdout.trim()
  assert.match(token, /^[0-9a-f]{64}$/)
  assert.equal(statSync(at('token')).mode & 0o777, 0o600)
  assert.ok(!readFileSync(at('token'), 'utf8').includes(token), 'the token itself is not stored')
  assert.equal((await runOnce(['--make-token', at('token')])).code, 1) // never overwritten
  assert.match(await refused('--token-file', at('token')), /behind_proxy/)
  assert.match(await refused('--token-file', at('token'), '--behind-proxy'), /hosts/)
  const all = [
    '--token-file',
    at('token'),
    '--behind-proxy',
    '--hosts',
    'captions.example, other.example:8443',
  ]
  chmodSync(at('token'), 0o644)
  assert.match(await refused(...all), /others may read it/)
  chmodSync(at('token'), 0o600)
  writeFileSync(at('weak'), 'password\n', { mode: 0o600 })
  assert.match(await refused(...all, '--token-file', at('weak')), /expected the line/)

  const server = await start(['--root', at('site'), '--host', '0.0.0.0', ...all, '--quiet'])
  const as = (host, more = {}) => ({ Host: host, ...more })
  assert.equal((await get(server, '/', as('captions.example'))).status, 200)
  assert.equal((await get(server, '/', as('other.example:8443'))).status, 200)
  assert.equal((await get(server, '/', as(`127.0.0.1:${server.port}`))).status, 421)
  assert.equal((await get(server, '/healthz', as('captions.example'))).status, 200)
  const metrics = async (authorization) =>
    (await get(server, '/metrics', as('captions.example', authorization))).status
  assert.equal(await metrics({}), 401)
  assert.equal(
    await metrics({ Authorization: `Bearer ${token.slice(0, -1)}0` }),
    token.endsWith('0') ? 200 : 401,
  )
  assert.equal(await metrics({ Authorization: 'Bearer ' }), 401)
  assert.equal(await metrics({ Authorization: `Basic ${token}` }), 401)
  assert.equal(await metrics({ Authorization: `Bearer ${token}` }), 200)
  await server.stop()
})

test('other loopback addresses need nothing', async () => {
  for (const host of ['127.0.0.2', '::1']) {
    const server = await start(['--root', at('site'), '--host', host, '--quiet']).catch((e) => e)
    if (server instanceof Error && /Cannot assign|not supported/.test(server.message)) continue
    assert.ok(server.port > 0)
    await server.stop()
  }
  const name = await runOnce(['--root', at('site'), '--host', 'localhost'])
  assert.equal(name.code, 1)
  oneLine(name)
})

test('healthz, readyz, metrics', async (t) => {
  const server = await start(['--root', at('site'), '--quiet'])
  t.after(() => server.stop())
  assert.equal((await get(server, '/healthz')).body.toString(), 'ok\n')
  assert.equal((await get(server, '/readyz')).body.toString(), 'ready\n')
  await get(server, '/nothing')
  await exchange(server.port, 'GET / HTTP/1.1\r\n\r\n')
  const { headers, body } = await get(server, '/metrics')
  assert.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  const text = body.toString()
  assert.match(text, /nearfield_http_requests_total\{code="200"\} 2\n/)
  assert.match(text, /nearfield_http_requests_total\{code="404"\} 1\n/)
  assert.match(text, /nearfield_http_requests_total\{code="400"\} 1\n/)
  assert.match(text, /nearfield_http_connections 1\n/)
  assert.match(text, /nearfield_http_sent_bytes_total [1-9]\d+\n/)
  for (const line of text.trim().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) \S+ .+|[a-z_]+(\{[a-z]+="\w+"(,[a-z]+="\w+")*\})? \d+)$/)
})

test('the log: one JSON object a line, the path, never query, header or body', async () => {
  const server = await start(['--root', at('site')])
  await get(server, '/secret%20words.txt?token=QUERY', { Cookie: 'COOKIE', Referer: 'REFERER' })
  await exchange(server.port, `GET /%22%0a HTTP/1.1\r\nHost: ${server.host}\r\n\r\n`)
  await exchange(
    server.port,
    `GET /%22quoted%22 HTTP/1.1\r\nHost: ${server.host}\r\nConnection: close\r\n\r\n`,
  )
  await exchange(server.port, `GET / HTTP/1.1\r\nHost: HOSTNAME\r\n\r\n`)
  await get(server, `/a${'%C3%BC'.repeat(100)}`) // a long path is cut between letters
  await server.stop()
  const cut = server.lines().find((l) => l.path?.startsWith('/aü'))
  assert.match(cut.path, /^\/aü{50,}$/)
  const access = server.lines().filter((l) => l.method && l.path !== cut.path)
  assert.deepEqual(
    access.map((l) => [l.path, l.status]),
    [
      ['/secret words.txt', 200],
      ['', 400],
      ['/"quoted"', 404],
      ['', 421],
    ],
  )
  for (const line of access)
    assert.ok(line.bytes > 0 && line.ms >= 0 && !Number.isNaN(Date.parse(line.t)))
  assert.doesNotMatch(server.log(), /QUERY|COOKIE|REFERER|HOSTNAME/)
})

test('a log reader that stopped does not stop the server', async () => {
  // the shell reads one line of the server's stderr and then sleeps
  const child = spawn(
    'sh',
    [
      '-c',
      `exec 3>&1; "$0" "$@" 2>&1 1>&3 | { read line; exec sleep 30; }`,
      binary,
      '--port',
      '0',
      '--root',
      at('site'),
    ],
    { env: { ...process.env, HOME: '/nonexistent' }, detached: true },
  )
  let out = ''
  child.stdout.on('data', (d) => {
    out += d
  })
  for (let i = 0; i < 200 && !/:(\d+)\//.test(out); i++) await sleep(20)
  const port = Number(/:(\d+)\//.exec(out)[1])
  const line = `GET /${'a'.repeat(100)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
  for (let round = 0; round < 5; round++) {
    const { replies } = await exchange(port, line.repeat(400), { ms: 1500 })
    assert.equal(replies.length, 400)
  }
  process.kill(-child.pid, 'SIGKILL')
})
