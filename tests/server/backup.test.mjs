// nearfield-server --backup: a copy made beside a working server, restored and asked; what it
// refuses; what it leaves behind when it fails.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { binary, runOnce, start } from './harness.mjs'
import { client, events, place } from './jobs_harness.mjs'

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

describe('backup', () => {
  let here
  let server
  let api
  before(async () => {
    here = place('sqlite')
    server = await here.server()
    api = client(server)
  })
  after(async () => {
    await server.stop().finally(() => here.remove())
  })
  const backup = (to, ...more) => runOnce(['--backup', to, ...here.args, ...more])

  test('a copy beside a working server holds jobs, results and inputs', async () => {
    const done = []
    for (let i = 1; i <= 5; i++) done.push(await api.add(`ok ${i}`))
    for (const job of done) assert.equal((await api.ended(job.id)).state, 'done')
    const slow = await api.add('slow 8') // runs while the copy is made, and goes on
    await api.until(slow.id, (job) => job.state === 'running')
    const waits = await api.add('ok 9')
    const more = Array.from({ length: 20 }, () => api.add('ok 1')) // written meanwhile
    const { code, stdout, stderr } = await backup(here.at('copy'))
    assert.equal(code, 0, stderr)
    assert.match(stdout, /copy: \d+ jobs, 10 files of results, \d+ uploads, \d+ bytes\n$/)
    assert.ok(!existsSync(here.at('copy.part')))
    assert.deepEqual(readdirSync(here.at('copy')).sort(), ['nearfield.db', 'results', 'uploads'])
    const late = await api.add('ok 2')
    // the server was not disturbed: all ends well, nothing ran twice
    for (const job of [slow, waits, late, ...(await Promise.all(more))]) {
      const ended = await api.ended(job.id)
      assert.equal(ended.state, 'done')
      assert.equal(ended.tries, 1)
    }
    const copy = await start([...here.args, '--data', here.at('copy')])
    try {
      const restored = client(copy)
      for (const job of done) {
        const before = await api.get(job.id)
        const now = await restored.get(job.id)
        assert.deepEqual(now.result, before.result)
        assert.equal(now.created, before.created)
        for (const file of now.result.files) {
          const body = Buffer.from(await (await restored.result(job.id, file.name)).arrayBuffer())
          assert.equal(sha256(body), file.sha256)
        }
        const told = await events(`${restored.base}/jobs/${job.id}/events`)
        assert.equal(told.list.at(-1).data.state, 'done')
      }
      // what waited or ran is there with its input, and is worked on: the lease is void or runs out
      for (const job of [slow, waits])
        assert.equal((await restored.ended(job.id, 30000)).state, 'done')
      assert.equal((await fetch(`${restored.base}/jobs/${late.id}`)).status, 404)
    } finally {
      await copy.stop()
    }
  })

  test('a job with two uploads has both in the copy', async () => {
    const own = await here.server('--render', here.at('worker'), '--job-slots', '0')
    const two = client(own)
    const [video, captions] = [await two.upload('ok 1\n'), await two.upload('1\n')]
    const reply = await two.post({
      kind: 'render',
      input: { upload: video.upload },
      captions: { upload: captions.upload },
    })
    assert.equal(reply.status, 201)
    assert.equal((await backup(here.at('both'))).code, 0)
    for (const { upload } of [video, captions])
      assert.ok(existsSync(here.at('both/uploads', upload)), upload)
    // one of them gone: the job cannot run any more, and that is said
    rmSync(here.at('data/uploads', captions.upload))
    const gone = await backup(here.at('less'))
    assert.equal(gone.code, 1)
    assert.match(gone.stderr, new RegExp(`uploads/${captions.upload}: the store names it`))
    assert.equal((await two.cancel((await reply.json()).id)).state, 'cancelled')
    await own.stop()
  })

  test('what it cannot do is one line and an exit code', async () => {
    mkdirSync(here.at('there'))
    mkdirSync(here.at('cut.part'))
    const cases = [
      [['--backup'], 2, /--backup FOLDER/],
      [['--backup', '--data', here.at('data')], 2, /--backup FOLDER/],
      [['--backup', here.at('x'), '--nonsense', '1'], 2, /unknown setting 'nonsense'/],
      [['--backup', here.at('x')], 1, /expected --data FOLDER/],
      [['--backup', here.at('x'), '--data', here.at('none')], 1, /nearfield\.db: No such file/],
      [['--backup', here.at('there'), ...here.args], 1, /there: is there already/],
      [['--backup', here.at('cut'), ...here.args], 1, /cut\.part: a backup is under way, or one/],
      [['--backup', here.at('no/where'), ...here.args], 3, /no\/where\.part: No such file/],
      [
        ['--backup', here.at('x'), ...here.args, '--store', 'postgresql://u:secret@h/d'],
        1,
        /PostgreSQL: first pg_dump, then copy the folder .*data/,
      ],
    ]
    for (const [args, exit, line] of cases) {
      const { code, stdout, stderr } = await runOnce(args)
      assert.equal(code, exit, `${args}: ${stderr}`)
      assert.match(stderr, line)
      assert.equal(stderr.split('\n').length, 2, stderr)
      assert.doesNotMatch(stderr, /secret/)
      assert.equal(stdout, '')
    }
    assert.ok(!existsSync(here.at('x')) && !existsSync(here.at('x.part')))
    assert.deepEqual(readdirSync(here.at('there')), [])
  })

  test('a full disk leaves nothing behind', async () => {
    const big = await api.upload(`ok 1\n${'x'.repeat(600 * 1024)}`)
    const reply = await api.post({ kind: 'transcribe', input: { upload: big.upload } })
    await api.ended((await reply.json()).id)
    const quoted = [binary, '--backup', here.at('full'), ...here.args].map((a) => `'${a}'`)
    const ended = await new Promise((done) => {
      // 512 KB a file: less than the upload
      const child = spawn('bash', ['-c', `ulimit -f 512; exec ${quoted.join(' ')}`])
      let stderr = ''
      child.stderr.on('data', (d) => {
        stderr += d
      })
      child.on('close', (code) => done({ code, stderr }))
    })
    assert.equal(ended.code, 3, ended.stderr)
    assert.match(ended.stderr, /File too large|disk is full/)
    assert.ok(!existsSync(here.at('full')) && !existsSync(here.at('full.part')))
  })

  test('a result that is not what the store names, or is gone, is found', async () => {
    const job = await api.add('ok 4')
    await api.ended(job.id)
    const folder = here.at('data/results', job.id)
    const file = `${folder}/${readdirSync(folder)[0]}/captions.vtt`
    const right = readFileSync(file)
    writeFileSync(file, `${right}.`)
    const damaged = await backup(here.at('bad'))
    assert.equal(damaged.code, 1)
    assert.match(damaged.stderr, /results\/[0-9a-f]{32}\/1\/captions\.vtt: not what the store says/)
    rmSync(file)
    const gone = await backup(here.at('bad'))
    assert.equal(gone.code, 1)
    assert.match(gone.stderr, /captions\.vtt: the store names it, but it is gone/)
    assert.ok(!existsSync(here.at('bad')) && !existsSync(here.at('bad.part')))
    writeFileSync(file, right)
    assert.equal((await backup(here.at('good'))).code, 0)
  })

  test('a damaged store is not copied as a good one', async () => {
    assert.equal((await backup(here.at('broken'))).code, 0)
    const file = here.at('broken/nearfield.db')
    const bytes = readFileSync(file)
    bytes.fill(0xaa, 4096 * 2, 4096 * 4) // two pages of tables
    writeFileSync(file, bytes)
    const again = await backup(here.at('again'), '--data', here.at('broken'))
    assert.equal(again.code, 1)
    assert.match(again.stderr, /damaged|malformed/)
    assert.ok(!existsSync(here.at('again')) && !existsSync(here.at('again.part')))
  })

  test('killed at any moment, it leaves no folder that looks whole', async () => {
    let cut = 0
    for (let i = 0; i < 12; i++) {
      const to = here.at(`killed-${i}`)
      const child = spawn(binary, ['--backup', to, ...here.args], { stdio: 'ignore' })
      const ended = new Promise((done) => child.on('close', done))
      // a busy wait of 0 to 11 ms: a moment, not a synchronisation
      for (const end = performance.now() + i; performance.now() < end; );
      child.kill('SIGKILL')
      await ended
      if (!existsSync(to)) {
        cut++
        rmSync(`${to}.part`, { recursive: true, force: true })
        assert.equal((await backup(to)).code, 0)
      }
      const check = 'PRAGMA integrity_check'
      const found = execFileSync('python3', [
        '-c',
        `import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute(${JSON.stringify(check)}).fetchone()[0])`,
        `${to}/nearfield.db`,
      ])
      assert.equal(String(found), 'ok\n')
    }
    assert.ok(cut > 0, 'every copy was quicker than its kill')
  })
})
