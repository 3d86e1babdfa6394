// Faults of rendering: bad videos and captions, hostile text, a worker and a server that are killed,
// cancelling, parts that are missing. Each ends as one clear line, or as the video that it would have
// been.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { folder, sleep } from './harness.mjs'
import { events } from './jobs_harness.mjs'
import {
  difference,
  facts,
  ffmpeg,
  frame,
  place,
  processes,
  renderer,
  video,
} from './render_harness.mjs'

/** Wait, 20 s at most; how long it took in ms. */
async function until(what) {
  const started = Date.now()
  while (!what()) {
    assert.ok(Date.now() - started < 20000, `still not: ${what}`)
    await sleep(10)
  }
  return Date.now() - started
}
function kill9(workers) {
  for (const { pid } of workers) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      assert.equal(error.code, 'ESRCH') // it went with the one before
    }
  }
}
const cue = (text, from = '00:00:00,500', to = '00:00:01,500') => `1\n${from} --> ${to}\n${text}\n`
const fast = { preset: 'fast' }
let here
before(async () => {
  here = await place()
  video(here.at('media/short.mp4'), 3)
  video(here.at('media/long.mp4'), 40, [], '640x360') // eight pieces
})
after(() => here.remove())

/** Queue it and wait for the end. */
const outcome = async (input, captions, options = fast) =>
  here.api.ended(await here.add(input, captions, options), 120000)

test('videos that cannot be rendered fail once, with what to do', async () => {
  writeFileSync(here.at('media/secret.mp4'), readFileSync(here.at('media/short.mp4')))
  const at = (name) => here.at('media', name)
  ffmpeg('-i', at('short.mp4'), ...'-vn -c:a copy'.split(' '), at('sound.m4a'))
  ffmpeg('-i', at('long.mp4'), ...'-c copy'.split(' '), at('long.mkv'))
  ffmpeg(
    ...'-f lavfi -i testsrc2=s=64x64:r=25:d=1 -vf select=0 -f matroska'.split(' '),
    at('none.mkv'),
  )
  const claims = readFileSync(at('long.mkv'))
  const duration = claims.indexOf(Buffer.from([0x44, 0x89, 0x88])) // Duration, a float64 of ms
  claims.writeDoubleBE(36000000, duration + 3)
  const whole = readFileSync(at('short.mp4'))
  const undecodable = Buffer.from(whole)
  const data = whole.indexOf('mdat')
  undecodable.fill(0, data + 4, data + whole.readUInt32BE(data - 4) - 4)
  const script = (name) => Buffer.from(`ffconcat version 1.0\nfile ${at(name)}\n`)
  const rows = [
    ['empty', Buffer.alloc(0), null],
    [
      'text named .mp4',
      Buffer.from('this is no video\n'),
      /^ffmpeg cannot read the video, export it again/,
    ],
    ['zeros', Buffer.alloc(100000), /^ffmpeg cannot read the video, export it again/],
    ['cut in its head', whole.subarray(0, 3000), /^ffmpeg cannot read the video, export it again/],
    [
      'cut in the middle',
      readFileSync(at('long.mkv')).subarray(0, 400000),
      /claims to last 40 s and ends after \d+ s/,
    ],
    [
      '10 h claimed',
      claims,
      /^the video claims to last 36000 s and ends after 40 s: it is cut off/,
    ],
    ['sound only', 'sound.m4a', /^there is no picture in the file/],
    [
      '0 s',
      'none.mkv',
      /^ffmpeg cannot read the video, export it again as MP4, MKV or WebM: End of file$/,
    ],
    [
      'no frame that can be decoded',
      undecodable,
      /^no frame of the video can be decoded; export it again/,
    ],
    ['an ffconcat script', script('secret.mp4'), /^ffmpeg cannot read the video, export it again/],
    [
      'a playlist',
      Buffer.from(`#EXTM3U\n#EXTINF:1,\nfile://${at('secret.mp4')}\n#EXT-X-ENDLIST\n`),
      /^ffmpeg cannot read/,
    ],
  ]
  writeFileSync(at('empty.mp4'), '')
  for (const [name, content, pattern] of rows) {
    const job = await outcome(content?.length === 0 ? 'empty.mp4' : content, cue('a'))
    assert.equal(job.state, 'failed', `${name}: ${JSON.stringify(job)}`)
    assert.equal(job.tries, 1, name)
    assert.match(job.error, pattern ?? /^the video file is empty; upload it again$/, name)
    assert.doesNotMatch(job.error, /secret|descriptor|\/proc/, name)
  }
})

test('captions that cannot be rendered fail once, with what to do', async () => {
  const many = Array.from({ length: 17 }, (_, i) => cue(`line ${i}`).replace(/^1/, i + 1)).join(
    '\n',
  )
  const rows = [
    [Buffer.from([0, 1, 2, 0, 0, 9]), /^the captions cannot be read: .*; upload SRT or WebVTT$/],
    ['just a text\nof two lines\n', /^the captions cannot be read: .*; upload SRT or WebVTT$/],
    ['WEBVTT\n\nNOTE nothing here\n', /^there is no cue in the captions; upload SRT or WebVTT/],
    [
      cue('a'.repeat(4001)),
      /^the captions cannot be drawn: line 1: a cue of 4001 bytes .* split it/,
    ],
    [cue('\u{10FFFD}'), /^no font here has the letter U\+10FFFD of the captions: apt-get install/],
    [many, /^the captions cannot be drawn: more than 16 cues are shown at once at 0 s; mend/],
  ]
  for (const [captions, pattern] of rows) {
    const job = await outcome('short.mp4', captions)
    assert.equal(job.state, 'failed', JSON.stringify(job))
    assert.equal(job.tries, 1)
    assert.match(job.error, pattern)
  }
})

test('hostile overrides are text that is not drawn, and cost nothing', async () => {
  // 14 KB of blurs, moves and drawings: libass alone takes minutes for a second of it
  const blur =
    '{\\blur200\\be100\\t(0,999999,\\fscx9000\\fscy9000\\frz720)\\fs900}A{\\p1}m 0 0 l 9999 9999{\\p0}'
  const captions = cue(`${blur.repeat(150)}\n{\\pos(9,9)\\an5`, '00:00:00,000', '00:00:01,000')
  const plain = cue(`${'Am 0 0 l 9999 9999'.repeat(150)}\nx`, '00:00:00,000', '00:00:01,000')
  const times = []
  for (const text of [plain, captions]) {
    const started = Date.now()
    const job = await outcome('short.mp4', text)
    assert.equal(job.state, 'done', job.error)
    times.push(Date.now() - started)
  }
  assert.ok(times[1] < 3 * times[0] + 2000, `${times} ms`)
})

/** Run to two whole pieces, break it by `kill`, and see what was done after it. tries: at the end. */
async function broken(tries, kill) {
  const captions = cue(
    'What is said here\nis long enough to be seen',
    '00:00:21,000',
    '00:00:24,000',
  )
  const id = await here.add('long.mp4', captions, { preset: 'small' })
  const url = () => `${here.api.base}/jobs/${id}/events`
  const pieces = (list) => list.filter((e) => e.event === 'checkpoint').map((e) => e.data.piece)
  await events(url(), { enough: (list) => pieces(list).length >= 2 })
  const workers = processes(id)
  assert.ok(workers.some((p) => p.name === 'ffmpeg') && workers.some((p) => p.name === 'run'))
  await kill(workers, id)
  const job = await here.api.ended(id, 120000)
  assert.equal(job.state, 'done', job.error)
  assert.equal(job.tries, tries)
  const { list } = await events(url())
  const made = pieces(list)
  assert.deepEqual(
    made,
    [...new Set(made)].sort((a, b) => a - b),
    'no piece was made twice',
  )
  // what was whole when it broke but not told of is the most that is missing here
  const second = list.findLastIndex((e) => e.event === 'state' && e.data.state === 'running')
  const [before2, after2] = [pieces(list.slice(0, second)), pieces(list.slice(second))]
  assert.ok(before2.length >= 2 && before2.length < 8, `${before2}`)
  assert.ok(after2[0] >= before2.at(-1) + 1, `${before2} | ${after2}`)
  assert.equal(after2.at(-1), 7)
  const progress = list
    .slice(second)
    .filter((e) => e.event === 'progress')
    .map((e) => e.data.progress)
  assert.ok(progress.length >= 3 && progress[0] > 0.9 * (after2[0] / 8), `${progress}`)
  assert.deepEqual(
    progress,
    [...progress].sort((a, b) => a - b),
  )
  const { body } = await here.save(id)
  writeFileSync(here.at('resumed.mp4'), body)
  const { streams } = facts(here.at('resumed.mp4'))
  assert.equal(streams[0].nb_frames, '1000')
  const scaled = (file) => {
    ffmpeg(
      '-i',
      file,
      ...'-vf scale=320:180 -c:v libx264 -crf 5 -preset ultrafast'.split(' '),
      `${file}.small.mp4`,
    )
    return `${file}.small.mp4`
  }
  const [got, wanted] = [scaled(here.at('resumed.mp4')), scaled(here.at('media/long.mp4'))]
  for (const second of [1, 9.96, 10, 14.96, 15, 20, 30, 39.96])
    assert.ok(difference(frame(got, second), frame(wanted, second), 0, 1) < 3, `at ${second} s`)
  const letters = difference(frame(got, 22), frame(wanted, 22), 0.72, 0.97)
  assert.ok(letters > 4.5, `${letters}`)
  await until(() => !existsSync(here.at('data/work', id)))
  return { before2, after2 }
}

test('kill -9 of the worker: the next try goes on behind the last piece', async (t) => {
  const pieces = await broken(2, (workers) => {
    kill9(workers)
  })
  t.diagnostic(`pieces ${pieces.before2} | ${pieces.after2}`)
})

test('kill -9 of the server: the next one goes on behind the last piece', async (t) => {
  const pieces = await broken(2, async (_, id) => {
    here.server.signal('SIGKILL')
    await here.server.exited
    await until(() => processes(id).length === 0) // they die with their server
    await here.begin()
  })
  t.diagnostic(`pieces ${pieces.before2} | ${pieces.after2}`)
})

test('SIGTERM gives the render back, and the next server goes on in the same try', async () => {
  await broken(1, async () => {
    await here.server.stop()
    await here.begin()
  })
})

test('a cancelled render: its processes are gone in 3 s, its files in 10 s', async () => {
  const id = await here.add('long.mp4', cue('a'), { preset: 'small' })
  await events(`${here.api.base}/jobs/${id}/events`, {
    enough: (list) => list.some((e) => e.event === 'checkpoint'),
  })
  assert.ok(processes(id).length >= 2)
  assert.equal((await here.api.cancel(id)).status, 202)
  const gone = await until(() => processes(id).length === 0)
  assert.ok(gone < 3000, `processes: ${gone} ms`)
  const removed = await until(() => !existsSync(here.at('data/work', id)))
  assert.ok(gone + removed < 10000, `files: ${gone + removed} ms`)
  assert.equal((await here.api.ended(id)).state, 'cancelled')
  assert.equal(existsSync(here.at('data/results', id)), false)
})

test('cancelled between two tries: what was kept goes at once', async () => {
  await here.server.stop()
  await here.begin('--job-backoff-ms', '60000')
  const id = await here.add('long.mp4', cue('a'), { preset: 'small' })
  await events(`${here.api.base}/jobs/${id}/events`, {
    enough: (list) => list.some((e) => e.event === 'checkpoint'),
  })
  kill9(processes(id))
  await here.api.until(id, (job) => job.state === 'queued')
  assert.ok(existsSync(here.at('data/work', id, '1/kept/000000.mp4')))
  assert.equal((await here.api.cancel(id)).state, 'cancelled')
  await until(() => !existsSync(here.at('data/work', id)))
  await here.server.stop()
  await here.begin()
})

test('uploads stay while a job that names them waits, and are swept after it', async () => {
  await here.server.stop()
  await here.begin('--job-slots', '0', '--job-keep-h', '1')
  const { upload } = await here.api.upload(cue('a'))
  const { upload: other } = await here.api.upload('of no job')
  const reply = await here.api.post({
    kind: 'render',
    input: { path: 'short.mp4' },
    captions: { upload },
  })
  const { id } = await reply.json()
  const files = [upload, other].map((name) => here.at('data/uploads', name))
  execFileSync('touch', ['-d', '3 hours ago', ...files])
  const swept = async (file) => {
    await here.server.stop()
    await here.begin('--job-slots', '0', '--job-keep-h', '1') // sweeps as it starts
    await until(() => !existsSync(file))
  }
  await swept(files[1])
  assert.ok(existsSync(files[0]))
  assert.equal((await here.api.cancel(id)).state, 'cancelled')
  await swept(files[0])
  await here.server.stop()
  await here.begin()
})

/** A renderer's folder of its own: the worker of the server's build, which may be one with sanitizers;
 * under the server's limit of memory those cannot run. */
function program(at) {
  const build = process.env.NEARFIELD_SERVER
  const from = build
    ? path.join(path.dirname(build), 'nearfield-render')
    : path.join(renderer, 'run')
  mkdirSync(at)
  copyFileSync(from, path.join(at, 'run'))
  symlinkSync(path.join(renderer, 'fonts'), path.join(at, 'fonts'))
  return path.join(at, 'run')
}

/** The worker alone, as the server starts it, in the folder `at`; its last line. */
function worker(program, at, env, name = 'short.mp4') {
  mkdirSync(path.join(at, 'kept'), { recursive: true })
  writeFileSync(path.join(at, 'job.json'), '{"request":{"preset":"fast"}}')
  writeFileSync(path.join(at, 'a.srt'), cue('a'))
  const inputs = [openSync(here.at('media', name)), openSync(path.join(at, 'a.srt'))]
  const stdio = ['ignore', 'pipe', 'pipe', ...inputs]
  const { status, stdout, stderr } = spawnSync(program, ['job.json'], {
    cwd: at,
    env,
    stdio,
    encoding: 'utf8',
  })
  for (const input of inputs) closeSync(input)
  assert.equal(status, 0, stderr)
  return stdout
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l))
}

test('what was kept is used again only by the same plan, and to the frame', () => {
  const dir = folder()
  const real = program(path.join(dir.at, 'worker'))
  const env = { PATH: '/usr/bin:/bin' }
  const pieces = (lines) => lines.filter((l) => l.checkpoint).map((l) => l.checkpoint.piece)
  const one = path.join(dir.at, 'one')
  assert.deepEqual(pieces(worker(real, one, env)), [0])
  const nFrames = (at) => facts(path.join(at, 'captioned.mp4')).streams[0].nb_frames
  assert.equal(nFrames(one), '75')
  // lost behind its last piece, before it said that there are no more
  const two = path.join(dir.at, 'two')
  mkdirSync(two)
  cpSync(path.join(one, 'kept'), path.join(two, 'kept'), { recursive: true })
  rmSync(path.join(two, 'kept/whole'))
  assert.deepEqual(pieces(worker(real, two, env)), [])
  assert.equal(nFrames(two), '75')
  // made by another plan
  const three = path.join(dir.at, 'three')
  mkdirSync(three)
  cpSync(path.join(one, 'kept'), path.join(three, 'kept'), { recursive: true })
  writeFileSync(path.join(three, 'kept/plan'), 'another')
  assert.deepEqual(pieces(worker(real, three, env)), [0])
  dir.remove()
})

test('a video whose picture changes its size: every piece and frame as if it did not', () => {
  const dir = folder()
  const at = (...names) => path.join(dir.at, ...names)
  for (const [name, size] of [
    ['a.webm', '320x180'],
    ['b.webm', '480x270'],
  ]) {
    const source = `-f lavfi -i testsrc2=s=${size}:r=25:d=7 -c:v libvpx -deadline realtime -b:v 4M`
    ffmpeg(...source.split(' '), at(name))
  }
  writeFileSync(at('list'), 'ffconcat version 1.0\nfile a.webm\nfile b.webm\nfile a.webm\n')
  ffmpeg(...'-f concat -i'.split(' '), at('list'), '-c', 'copy', here.at('media/sizes.webm'))
  const real = program(at('worker'))
  const env = { PATH: '/usr/bin:/bin' }
  const expected = ffmpeg(
    ...['-ss', '3', '-i', at('b.webm'), '-frames:v', '1', '-vf', 'scale=320:180'],
    ...'-f rawvideo -pix_fmt gray -'.split(' '),
  )
  const one = at('one')
  for (const again of [false, true]) {
    if (again)
      // the first pieces are there, the next begins in the larger picture
      for (const name of ['000002.mp4', '000003.mp4', '000004.mp4', 'whole'])
        rmSync(path.join(one, 'kept', name))
    worker(real, one, env, 'sizes.webm')
    const file = path.join(one, 'captioned.mp4')
    assert.equal(facts(file).streams[0].nb_frames, '525')
    for (const i of [0, 1, 2, 3, 4])
      assert.equal(facts(path.join(one, `kept/00000${i}.mp4`)).streams[0].width, 320)
    assert.ok(difference(frame(file, 10), expected, 0, 1) < 2.5)
  }
  dir.remove()
})

test('what is missing is named with the command that brings it', () => {
  const dir = folder({ 'bin/none': '' })
  const at = (...names) => path.join(dir.at, ...names)
  const said = (program, name, env) => worker(program, at(name), env).at(-1)
  const apt = 'apt-get install --no-install-recommends ffmpeg'
  const real = program(at('worker'))
  copyFileSync(real, at('run'))
  assert.deepEqual(said(at('run'), 'a', { PATH: '/usr/bin:/bin' }), {
    error: "the font is missing: './dev render' puts it into the renderer's folder",
    again: false,
  })
  assert.deepEqual(said(real, 'b', { PATH: at('bin') }), {
    error: `ffprobe is not installed: ${apt}`,
    again: false,
  })
  writeFileSync(at('bin/ffmpeg'), '#!/bin/sh\nexit 0\n')
  chmodSync(at('bin/ffmpeg'), 0o755)
  assert.deepEqual(said(real, 'c', { PATH: `${at('bin')}:/usr/bin:/bin` }), {
    error: `this ffmpeg has no libass: ${apt}`,
    again: false,
  })
  dir.remove()
})
