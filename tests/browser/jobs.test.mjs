// The server's jobs in the editor, real parts throughout: a video of synthesized speech is dropped
// on the page, transcribed by the real transcriber while its lines are edited, the page reloaded and
// the server stopped in the middle, a line mended by the model in the page, all of it exported in the
// picture of the video; its upload cut in the middle by a killed server, and by a reload; cancelled;
// refused with a reason one can act on. NEARFIELD_TRANSCRIBE, NEARFIELD_RENDER: the folders that
// './dev transcribe' and './dev render' made ('./dev test' sets both).
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { binary, folder, freePort, runOnce, sleep, start } from '../server/harness.mjs'
import { client, events, finals } from '../server/jobs_harness.mjs'
import { distance, words } from '../server/speech.mjs'
import { launch, openPage } from './app/driver.mjs'
import { holdingProxy } from './holding_proxy.mjs'

/** Longer than the 30 s that the model hears at once, so that captions come before the end. */
const SPEECH = `The bees came back to the garden on the first warm day of spring. We counted forty of
them before lunch. My neighbour keeps two hives behind her kitchen window.

She told me that a healthy colony can make thirty kilos of honey in a year. Most of it stays in the
hive, because the winter is long. Only a small part is ever sold at the market.

In the evening we sat on the wall and listened to the traffic. Nobody said anything for a while.
Then the rain began, and everyone went inside to look for the umbrellas.

The next morning was cold and bright. A train passed behind the trees at seven, and after that the
whole valley was quiet again.`

let dir
let server
/** It is being killed, or was: the proxy connects nobody to it. */
let away = false
let browser
let model
let args
const at = (...names) => path.join(dir.at, ...names)

before(async () => {
  const { NEARFIELD_TRANSCRIBE: transcriber, NEARFIELD_RENDER: renderer } = process.env
  assert.ok(transcriber, "NEARFIELD_TRANSCRIBE is not set: './dev transcribe' prints it")
  assert.ok(renderer, "NEARFIELD_RENDER is not set: './dev render' prints it")
  dir = folder({ 'speech.txt': SPEECH })
  execFileSync('espeak-ng', [
    '-v',
    'en-us',
    '-s',
    '150',
    '-w',
    at('speech.wav'),
    '-f',
    at('speech.txt'),
  ])
  const picture = ['-f', 'lavfi', '-i', 'color=c=navy:s=640x360:r=10']
  const codecs = ['-shortest', '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac']
  const ffmpeg = ['-nostdin', '-loglevel', 'error', ...picture, '-i', at('speech.wav'), ...codecs]
  execFileSync('ffmpeg', [...ffmpeg, at('talk.mp4')])
  model = ['--root', 'app/dist', '--model', process.env.NEARFIELD_MODEL]
  args = [...model, '--data', at('data')]
  args.push('--transcribe', transcriber, '--render', renderer)
  // one that nobody else is given while the server is away
  server = await start([...args, '--port', String(await freePort())])
  browser = await launch()
})
after(async () => {
  await browser?.close()
  server?.signal('SIGKILL')
  dir?.remove()
})

/** Each test has a fresh profile. What the browser says of requests that were to fail is no error. */
async function withPage(act, { host = server.host, fails = /^$/ } = {}) {
  const { context, page, errors } = await openPage(browser, `http://${host}/`)
  try {
    await context.addInitScript(() => {
      delete globalThis.showSaveFilePicker // the system's dialog cannot be driven
    })
    await page.reload()
    await page.locator('.start').waitFor()
    await act(page)
  } finally {
    await context.close()
    await endJobs()
  }
  assert.deepEqual(
    errors.filter((line) => !fails.test(line) && !/favicon/.test(line)),
    [],
  )
}

/** What a failed test left: the next one's job would wait for it. */
async function endJobs() {
  const left = await jobs().catch(() => [])
  await Promise.all(
    left.filter((one) => !finals.has(one.state)).map((one) => client(server).cancel(one.id)),
  )
}

async function drop(page, name, bytes) {
  const data = await page.evaluateHandle(
    ([n, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
      const transfer = new DataTransfer()
      const facts = { type: 'video/mp4', lastModified: 1_700_000_000_000 }
      transfer.items.add(new File([bytes], n, facts))
      return transfer
    },
    [name, Buffer.from(bytes).toString('base64')],
  )
  await page.dispatchEvent('body', 'dragover', { dataTransfer: data })
  await page.dispatchEvent('body', 'drop', { dataTransfer: data })
}

/** Drops the video on the start page, and begins with the keyboard alone. */
async function transcribe(page, bytes = readFileSync(at('talk.mp4'))) {
  await drop(page, 'talk.mp4', bytes)
  const dialog = page.getByRole('dialog', { name: 'Transcribe a video' })
  await dialog.getByText('talk.mp4').waitFor()
  const begin = dialog.getByRole('button', { name: 'Transcribe' })
  await page.waitForFunction(() => document.activeElement?.textContent === 'Transcribe')
  await page.keyboard.press('Shift+Tab')
  // one key: of several, those that come late begin another word
  await page.keyboard.press('E')
  const language = dialog.getByRole('combobox', { name: 'Language' })
  assert.equal(await language.inputValue(), 'en')
  await begin.focus()
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'hidden' })
}

const progress = (page) => page.getByRole('progressbar', { name: /^Transcribing talk.mp4/ })
const row = (page, n) => page.locator(`.cue-row[aria-rowindex="${n + 1}"] .col-text`)
/** Whole or not; beside those the server keeps facts of them. */
const uploads = () => readdirSync(at('data/uploads')).filter((name) => !name.endsWith('.tus'))
const jobs = async (host = server.host) =>
  (await (await fetch(`http://${host}/v1/jobs`)).json()).jobs

/** The process groups of what the server runs: of its one worker, when it has begun. */
function workers() {
  const parent = (pid) => {
    try {
      return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ')[1])
    } catch {
      return 0 // it has ended
    }
  }
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => parent(pid) === server.pid)
}

/**
 * Stops the worker, until the server kills it, as soon as the server has `n` segments of the job:
 * from the server's own events, since whoever waits for the page to show them may be late.
 */
async function holdWorker(n) {
  const told = (list) => list.filter(({ event }) => event === 'segment').length >= n
  let job
  let running = []
  for (const end = Date.now() + 30_000; running.length === 0; await sleep(20)) {
    ;[job] = await jobs()
    if (job?.state === 'running') running = workers()
    assert.ok(Date.now() < end, `no worker runs: ${JSON.stringify(job)}`)
  }
  assert.equal(running.length, 1, `one worker: ${running}`)
  const { list } = await events(`http://${server.host}/v1/jobs/${job.id}/events`, { enough: told })
  assert.ok(told(list), `the job ended before: ${JSON.stringify(list.at(-1))}`)
  process.kill(-running[0], 'SIGSTOP')
  const { state } = await client(server).get(job.id)
  assert.equal(state, 'running', 'it was not done before it was held')
}

async function saved(page) {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.keyboard.press('Control+s'),
  ])
  return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') }
}
const blocks = (vtt) => vtt.trim().split('\n\n').slice(1)
const textOf = (block) => block.slice(block.indexOf('\n') + 1)
/** A second in the middle of it. */
function middleOf(block) {
  const times = block.match(/\d+:\d+:[\d.]+/g).map((time) => time.split(':').map(Number))
  const [from, to] = times.map(([h, m, s]) => h * 3600 + m * 60 + s)
  return (from + to) / 2
}

test('a dropped video: captions as they are heard, edited meanwhile, over a reload and a server that stops; then in its picture', async () => {
  await withPage(
    async (page) => {
      const taken = [] // the streams that were taken up again, by the last event that was seen
      page.on('request', (request) => {
        const last = request.url().endsWith('/events') && request.headers()['last-event-id']
        if (last) taken.push(Number(last))
      })
      await transcribe(page)
      // however fast the machine is, it is not done before what follows
      await holdWorker(4)
      await row(page, 4).waitFor()
      // a person goes on with what has come
      await row(page, 2).click()
      await page.keyboard.press('Enter')
      await page.keyboard.press('Control+a')
      await page.keyboard.type('We counted fourty bees.')
      await page.locator('.save-state[data-state="saved"]').waitFor()
      await progress(page).waitFor()
      await page.reload()
      // the job is there again, and so is what was typed
      await progress(page).waitFor()
      await page.getByText('We counted fourty bees.').first().waitFor()
      // it has seen the events up to the fourth, which has progress, and knows of the server
      await page.locator('.job progress[value]:not([value="0"])').waitFor()
      await page.locator('.chip[data-state="server"]').waitFor()
      assert.equal((await jobs())[0].state, 'running')
      const { port } = server
      await server.stop()
      await page.getByText('No answer from the server, trying again').waitFor()
      server = await start(['--port', String(port), ...args])
      await page
        .getByText(/^Transcribed: \d+ cues\.$/)
        .first()
        .waitFor({ timeout: 60_000 })
      assert.ok(taken.length > 0 && taken.every((id) => id > 3), `${taken}`)
      // a line is mended by the model in this page
      await row(page, 2).click()
      await page.keyboard.press('Alt+F')
      await page.getByRole('button', { name: /^Download 9\d/ }).press('Enter')
      await page.locator('.chip').getByText('This device').waitFor({ timeout: 180_000 })
      // the server's answer, if it came first, would be remembered
      await page.locator('.chip').click()
      await page.getByRole('radio', { name: 'Only on this device' }).check()
      await page.keyboard.press('Escape')
      await row(page, 2).click()
      await page.keyboard.press('Alt+F')
      await page.getByRole('button', { name: 'Accept: fourty becomes forty' }).press('Enter')
      await page.getByText('We counted forty bees.').first().waitFor()
      const [job] = await jobs()
      const url = `http://${server.host}/v1/jobs/${job.id}/result/captions.vtt`
      const wanted = blocks(await (await fetch(url)).text())
      assert.ok(wanted.length >= 8, wanted.join('\n'))
      const heard = words(wanted.map(textOf).join(' '))
      const said = words(SPEECH)
      // a twelfth on one processor; others round otherwise
      assert.ok(distance(said, heard) < said.length / 4, heard.join(' '))
      const file = await saved(page)
      assert.equal(file.name, 'talk.vtt')
      const found = blocks(file.text)
      const own = found.findIndex((block) => block.includes('We counted forty bees.'))
      assert.equal(own, 1, file.text)
      // all else is as the server laid it out, times and lines
      assert.deepEqual(found.toSpliced(own, 1), wanted.toSpliced(own, 1))
      await burnedIn(page, wanted)
    },
    { fails: /ERR_|503/ },
  )
})

/** Exports what is open, and compares frames with the source's and with those of other captions. */
async function burnedIn(page, unfixed) {
  const sent = uploads()
  await page.keyboard.press('Alt+Shift+E')
  const dialog = page.getByRole('dialog', { name: 'Export the video' })
  await dialog.getByText(/on the server already/).waitFor()
  await dialog.getByRole('combobox', { name: 'Encoding' }).selectOption('fast')
  await dialog.getByRole('button', { name: 'Export' }).focus()
  await page.keyboard.press('Enter')
  await page.getByText(/^captioned\.mp4 is ready, /).waitFor({ timeout: 60_000 })
  assert.equal(uploads().length, sent.length + 1, 'the captions were sent, the video was not')
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download' }).click(),
  ])
  await download.saveAs(at('fixed.mp4'))
  // the same video with the captions before they were edited
  const api = client(server)
  const [exported] = await jobs()
  const { request } = await api.get(exported.id)
  const { upload } = await api.upload(`WEBVTT\n\n${unfixed.join('\n\n')}\n`)
  const reply = await api.post({ ...request, kind: 'render', captions: { upload } })
  const { id, error } = await reply.json()
  assert.equal(reply.status, 201, error)
  assert.equal((await api.ended(id, 60_000)).state, 'done')
  writeFileSync(at('unfixed.mp4'), Buffer.from(await (await api.result(id)).arrayBuffer()))
  const letters = (name, second) => {
    const frame = ['-ss', String(second), '-i', at(name), '-frames:v', '1']
    const grey = ['-vf', 'format=gray', '-f', 'rawvideo', '-']
    return execFileSync('ffmpeg', ['-nostdin', '-loglevel', 'error', ...frame, ...grey]).map(
      (value) => (value > 150 ? 1 : 0),
    )
  }
  const count = (pixels) => pixels.reduce((sum, one) => sum + one, 0)
  const differing = (a, b) => count(a.map((one, i) => (one === b[i] ? 0 : 1)))
  const second = middleOf(unfixed[1]) // in the caption that was edited
  const other = middleOf(unfixed[3]) // in one that was not
  for (const s of [second, other]) {
    assert.equal(count(letters('talk.mp4', s)), 0, 'the source has no letters')
    assert.ok(count(letters('fixed.mp4', s)) > 200, `letters at ${s} s`)
  }
  const changed = differing(letters('fixed.mp4', second), letters('unfixed.mp4', second))
  const same = differing(letters('fixed.mp4', other), letters('unfixed.mp4', other))
  assert.ok(changed > 200, `the edited caption is another text: ${changed} pixels`)
  assert.ok(same < 20, `the other is the same: ${same} pixels`)
}

/** The video with 6 MB behind it that players pass over. */
function largeVideo() {
  const padding = Buffer.alloc(6 << 20, 0x5a)
  padding.writeUInt32BE(padding.length, 0)
  padding.write('free', 4, 'latin1')
  return Buffer.concat([readFileSync(at('talk.mp4')), padding])
}

/** Such a video, and a proxy that holds its upload halfway. */
async function cutUpload(act) {
  const video = largeVideo()
  const before = new Set(uploads())
  const proxy = await holdingProxy(() => (away ? null : server.port))
  const half = 3 << 20
  const held = proxy.hold(half)
  /** Until what the proxy let through is in the upload's file: the file's path. */
  const arrived = async () => {
    await held
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(5)) {
      const name = uploads().find((one) => one.endsWith('.part') && !before.has(one))
      if (name && statSync(at('data/uploads', name)).size === half) {
        return at('data/uploads', name)
      }
    }
    throw new Error('the bytes did not arrive')
  }
  try {
    await withPage((page) => act({ page, proxy, video, half, arrived }), {
      host: proxy.host,
      fails: /ERR_|50[0-9]/,
    })
  } finally {
    await proxy.close()
  }
}

/** It was sent in two goes without a byte twice, is what was given, and is being transcribed. */
async function sentInTwo(page, proxy, part, video, half) {
  await progress(page).waitFor({ timeout: 30_000 })
  assert.deepEqual(proxy.patches, [
    { offset: 0, sent: half },
    { offset: half, sent: video.length - half },
  ])
  const sha = (bytes) => createHash('sha256').update(bytes).digest('hex')
  assert.equal(sha(readFileSync(part.replace(/\.part$/, ''))), sha(video))
  await page.getByRole('button', { name: 'Cancel' }).click()
  const cancelled = page.getByText(/^Cancelled\./).first()
  await cancelled.waitFor()
}

test('an upload that a killed server cuts goes on behind the last byte it has', async () => {
  await cutUpload(async ({ page, proxy, video, half, arrived }) => {
    await transcribe(page, video)
    const part = await arrived()
    const { port } = server
    away = true
    server.signal('SIGKILL')
    await server.exited
    await page.getByText('No answer from the server, trying again').waitFor()
    assert.equal(statSync(part).size, half)
    server = await start(['--port', String(port), ...args])
    away = false
    await sentInTwo(page, proxy, part, video, half)
  })
})

test('after a reload the same file goes on where it was, and the dialogue says so', async () => {
  await cutUpload(async ({ page, proxy, video, half, arrived }) => {
    await transcribe(page, video)
    const part = await arrived()
    await page.locator('.save-state[data-state="saved"]').waitFor()
    await page.reload()
    const percent = `${Math.floor((half / video.length) * 100)} %`
    const line = `talk.mp4 was not sent to its end: the server has ${percent} of it.`
    await page.locator('.notice').getByText(line).waitFor()
    await drop(page, 'talk.mp4', video)
    const dialog = page.getByRole('dialog', { name: 'Transcribe a video' })
    await dialog.getByText(`The server has ${percent} of it: sending goes on there.`).waitFor()
    await dialog.getByRole('button', { name: 'Transcribe' }).click()
    await sentInTwo(page, proxy, part, video, half)
  })
})

test('a disk that is full in the middle of an upload is said, and not tried forever', async () => {
  const wrapper = at('full.sh')
  const words = [binary, ...args, '--data', at('full')].map((word) => `'${word}'`).join(' ')
  writeFileSync(wrapper, `#!/bin/bash\nulimit -f 3072\nexec ${words} "$@"\n`, { mode: 0o700 })
  const full = await start([], {}, wrapper)
  try {
    await withPage(
      async (page) => {
        await transcribe(page, largeVideo())
        const notice = page.locator('.notice')
        await notice.waitFor()
        const line =
          'talk.mp4 stopped: no space left for the upload. The disk of the server is full'
        assert.ok((await notice.textContent()).includes(line), await notice.textContent())
      },
      { host: full.host, fails: /507|ERR_/ },
    )
  } finally {
    await full.stop()
  }
})

test('cancelled while it is sent, nothing of it stays on the server', async () => {
  await cutUpload(async ({ page, video, arrived }) => {
    await transcribe(page, video)
    const part = await arrived()
    const gone = page.waitForResponse(
      (reply) => reply.request().method() === 'DELETE' && reply.status() === 204,
    )
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('Cancelled: talk.mp4 was not sent.').first().waitFor()
    await gone
    const name = path.basename(part, '.part')
    assert.deepEqual(
      readdirSync(at('data/uploads')).filter((one) => one.startsWith(name)),
      [],
    )
  })
})

test('cancel ends it on the server; the focus goes back to the work', async () => {
  await withPage(async (page) => {
    await transcribe(page)
    await progress(page).waitFor()
    await page.getByRole('button', { name: 'Cancel' }).focus()
    await page.keyboard.press('Enter')
    await page
      .getByText(/^Cancelled\./)
      .first()
      .waitFor()
    assert.equal(await progress(page).count(), 0)
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('role')), 'grid')
    const [job] = await jobs()
    assert.equal(job.state, 'cancelled')
  })
})

test('what is no video fails with the server’s reason, and can be chosen anew', async () => {
  await withPage(async (page) => {
    await transcribe(page, Buffer.from('this is text, whatever its name'))
    const notice = page.locator('.notice')
    await notice.waitFor({ timeout: 30_000 })
    assert.match(await notice.textContent(), /talk\.mp4 stopped: ffmpeg cannot read the file/)
    await notice.getByRole('button', { name: 'Dismiss' }).click()
    await notice.waitFor({ state: 'detached' })
  })
})

test('a server without a transcriber says how to get one; jobs that are off say how to turn them on', async () => {
  const rows = [
    [['--data', at('bare')], "no transcriber is set up: run './dev transcribe' and start with"],
    [[], 'jobs are off; --data FOLDER turns them on'],
  ]
  for (const [more, line] of rows) {
    const bare = await start([...model, ...more])
    try {
      await withPage(
        async (page) => {
          assert.equal(await page.getByRole('button', { name: 'Export video' }).count(), 0)
          await page.getByRole('button', { name: 'Transcribe a video' }).click()
          const dialog = page.getByRole('dialog', { name: 'Transcribe a video' })
          await dialog.getByText(line).waitFor()
          await page.keyboard.press('Escape')
          await dialog.waitFor({ state: 'hidden' })
          assert.equal(
            await page.evaluate(() => document.activeElement?.textContent),
            'Transcribe a video',
          )
        },
        { host: bare.host },
      )
    } finally {
      await bare.stop()
    }
  }
})

test('a server that wants a token is given it, and then works', async () => {
  const { stdout } = await runOnce(['--make-token', at('tokens')])
  const token = /[0-9a-f]{64}|[\w-]{40,}/.exec(stdout)?.[0]
  assert.ok(token, stdout)
  const locked = await start([...args, '--data', at('locked'), '--token-file', at('tokens')])
  try {
    await withPage(
      async (page) => {
        await page.getByRole('button', { name: 'Transcribe a video' }).click()
        const dialog = page.getByRole('dialog', { name: 'Transcribe a video' })
        await dialog.getByLabel('Token').fill('wrong')
        await page.keyboard.press('Enter')
        await dialog.getByText(/does not know this token/).waitFor()
        await dialog.getByLabel('Token').fill(token)
        await page.keyboard.press('Enter')
        await dialog.getByText('Drop a video or sound here, or').waitFor()
        await page.keyboard.press('Escape')
        await transcribe(page)
        await progress(page).waitFor()
        await page.getByRole('button', { name: 'Cancel' }).click()
        await page
          .getByText(/^Cancelled\./)
          .first()
          .waitFor()
      },
      { host: locked.host, fails: /401/ },
    )
  } finally {
    await locked.stop()
  }
})
