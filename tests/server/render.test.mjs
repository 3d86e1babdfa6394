// Rendering with the real ffmpeg: captions in the picture where and when they belong, as a track,
// into each kind of file; the result as a download; what a request may say. In the sandbox, and once
// without it.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { folder, runOnce, start } from './harness.mjs'
import { client, events } from './jobs_harness.mjs'
import { difference, facts, ffmpeg, frame, frames, place, track, video } from './render_harness.mjs'

const srt = `1
00:00:01,000 --> 00:00:03,000
Hello <i>world</i>,
{a brace} & 5 < 6

2
00:00:05,000 --> 00:00:06,500
{\\an8}At the top
`
const seen = 'Hello world,\n{a brace} & 5 < 6'

let here
before(async () => {
  here = await place()
  video(here.at('media/talk.mp4'), 12)
  video(here.at('media/talk.mkv'), 12, ['-c:a', 'libopus'])
})
after(() => here.remove())

/** Render to the end and save the result. */
async function rendered(where, input, captions, options, name) {
  const id = await where.add(input, captions, options)
  const job = await where.api.ended(id, 120000)
  assert.equal(job.state, 'done', job.error)
  const { reply, body } = await where.save(id)
  writeFileSync(here.at(name), body)
  return { id, job, reply, body, file: here.at(name) }
}

/** Captions at 2 s below and at 6 s above; no letters anywhere else: only what encoding does, which
 * is 0.4 to 1.8 here, where letters are 6 and more. */
function looks(file, source) {
  const [letters, noise] = [4.5, 2.5]
  const diff = (second, from, to) =>
    difference(frame(file, second), frame(source, second), from, to)
  assert.ok(diff(2, 0.72, 0.97) > letters, `at the bottom: ${diff(2, 0.72, 0.97)}`)
  assert.ok(diff(2, 0, 0.6) < noise, `not at the top: ${diff(2, 0, 0.6)}`)
  assert.ok(diff(6, 0.04, 0.2) > letters, `at the top: ${diff(6, 0.04, 0.2)}`)
  assert.ok(diff(6, 0.4, 1) < noise, `not at the bottom: ${diff(6, 0.4, 1)}`)
  for (const second of [0.48, 4, 4.88, 7, 11])
    assert.ok(diff(second, 0, 1) < noise, `a gap at ${second} s: ${diff(second, 0, 1)}`)
}

for (const sandbox of [true, false])
  describe(sandbox ? 'in the sandbox' : 'without bubblewrap', () => {
    let mine
    before(async () => {
      mine = sandbox ? here : await place([], { PATH: '/nonexistent' })
      video(mine.at('media/talk.mp4'), 12)
    })
    after(() => sandbox || mine.remove())

    test('burned in: letters in the frames of their times, and in no other', async () => {
      const { id, job, reply, body, file } = await rendered(
        mine,
        'talk.mp4',
        srt,
        { preset: 'fast' },
        'burned.mp4',
      )
      looks(file, mine.at('media/talk.mp4'))
      const said = mine.server.lines().find((l) => l.event === 'sandbox').detail
      if (!sandbox) assert.match(said, /only limits/)
      const { streams, format } = facts(file)
      assert.deepEqual(
        streams.map((s) => [s.codec_name, s.nb_frames]),
        [
          ['h264', '300'],
          ['aac', facts(mine.at('media/talk.mp4')).streams[1].nb_frames],
        ],
      )
      assert.ok(Math.abs(Number(format.duration) - 12) < 0.1)
      const { list } = await events(`${mine.api.base}/jobs/${id}/events`)
      const pieces = list.filter((e) => e.event === 'checkpoint').map((e) => e.data.piece)
      assert.deepEqual(pieces, [0, 1, 2])
      const progress = list.filter((e) => e.event === 'progress').map((e) => e.data.progress)
      assert.ok(progress.length >= 1)
      assert.deepEqual(
        progress,
        [...progress].sort((a, b) => a - b),
      )
      assert.equal(reply.headers.get('content-type'), 'video/mp4')
      assert.equal(reply.headers.get('content-disposition'), 'attachment; filename="captioned.mp4"')
      assert.equal(reply.headers.get('etag'), `"${job.result.files[0].sha256}"`)
      assert.deepEqual(
        job.result.files.map((f) => [f.name, f.bytes]),
        [['captioned.mp4', body.length]],
      )
      const part = await mine.api.result(id, 'captioned.mp4', { Range: 'bytes=1000-1999' })
      assert.equal(part.status, 206)
      assert.equal(part.headers.get('content-range'), `bytes 1000-1999/${body.length}`)
      assert.deepEqual(Buffer.from(await part.arrayBuffer()), body.subarray(1000, 2000))
      for (const name of ['captioned.mkv', 'captioned.webm', 'captions.ass', 'job.json'])
        assert.equal((await mine.api.result(id, name)).status, 404, name)
    })
  })

test('burned into WebM and Matroska; WebVTT with its places; sizes of letters', async () => {
  const vtt = `WEBVTT\n\n00:01.000 --> 00:03.000\nHello <b>world</b>\nsecond line\n\n00:05.000 --> 00:06.500 line:0\nAt the top\n`
  const source = here.at('media/talk.mp4')
  const webm = await rendered(
    here,
    'talk.mkv',
    vtt,
    { preset: 'fast', container: 'webm' },
    'burned.webm',
  )
  looks(webm.file, source)
  assert.deepEqual(
    facts(webm.file).streams.map((s) => s.codec_name),
    ['vp9', 'opus'],
  )
  assert.equal(webm.reply.headers.get('content-type'), 'video/webm')
  const sizes = []
  for (const size of ['small', 'large']) {
    const options = { preset: 'fast', container: 'mkv', size }
    const mkv = await rendered(here, 'talk.mp4', vtt, options, `${size}.mkv`)
    looks(mkv.file, source)
    sizes.push(difference(frame(mkv.file, 2), frame(source, 2), 0.6, 1))
  }
  assert.ok(sizes[1] > 1.3 * sizes[0], `${sizes}`)
})

test('soft: the picture is copied, the track says what the captions say', async () => {
  const rows = [
    ['talk.mp4', 'mp4', ['h264', 'aac', 'mov_text']],
    ['talk.mkv', 'mkv', ['h264', 'opus', 'subrip']],
    ['talk.mkv', 'mp4', ['h264', 'opus', 'mov_text']],
    ['talk.mp4', 'webm', ['vp9', 'opus', 'webvtt']],
  ]
  for (const [input, container, codecs] of rows) {
    const options = { mode: 'soft', container, preset: 'fast' }
    const { file } = await rendered(here, input, srt, options, `soft.${container}`)
    const { streams } = facts(file)
    assert.deepEqual(
      streams.map((s) => s.codec_name),
      codecs,
    )
    if (container !== 'webm') assert.equal(frames(file), frames(here.at('media', input)), input)
    const cues = track(file)
    const plain = (t) =>
      t
        .replaceAll(/<[^>]*>|\{\\an8\}/g, '')
        .replaceAll('&lt;', '<')
        .replaceAll('&amp;', '&')
    assert.deepEqual(
      cues.map((c) => plain(c[2])),
      [seen, 'At the top'],
      container,
    )
    for (const [i, [from, to]] of [
      [0, [1, 3]],
      [1, [5, 6.5]],
    ]) {
      assert.ok(Math.abs(cues[i][0] - from) < 0.05, `${container}: ${cues[i]}`)
      assert.ok(Math.abs(cues[i][1] - to) < 0.05, `${container}: ${cues[i]}`)
    }
  }
})

test('odd pictures: turned, with wide pixels and odd sides, a late start, no sound', async () => {
  const at = (name) => here.at('media', name)
  ffmpeg(
    '-i',
    at('talk.mp4'),
    ...'-c copy -t 3 -metadata:s:v rotate=90'.split(' '),
    at('turned.mp4'),
  )
  ffmpeg(
    '-i',
    at('talk.mp4'),
    ...'-t 3 -an -vf scale=161:91,setsar=2 -c:v ffv1'.split(' '),
    at('wide.mkv'),
  )
  ffmpeg('-i', at('talk.mp4'), ...'-t 3 -c copy -output_ts_offset 50'.split(' '), at('late.mkv'))
  ffmpeg('-i', at('talk.mp4'), ...'-t 3 -c:v mpeg4 -c:a mp3'.split(' '), at('old.avi'))
  const rows = [
    ['turned.mp4', 180, 320, 2],
    ['wide.mkv', 322, 90, 1],
    ['late.mkv', 320, 180, 2],
    ['old.avi', 320, 180, 2],
  ]
  for (const [name, wide, tall, n] of rows) {
    const { file } = await rendered(here, name, srt, { preset: 'fast' }, `odd-${name}.mp4`)
    const { streams, format } = facts(file)
    assert.deepEqual([streams[0].width, streams[0].height, streams.length], [wide, tall, n], name)
    assert.equal(streams[0].sample_aspect_ratio ?? '1:1', '1:1', name)
    assert.ok(Math.abs(Number(format.duration) - 3) < 0.2, `${name}: ${format.duration}`)
  }
  const late = here.at('odd-late.mkv.mp4')
  assert.ok(difference(frame(late, 2), frame(here.at('media/talk.mp4'), 2), 0.72, 0.97) > 4.5)
})

test('odd files: a long subtitle, a sound of no known codec, a clock that jumps', async () => {
  const at = (name) => here.at('media', name)
  const from = ['-i', at('talk.mp4')]
  const late = here.at('late.srt')
  writeFileSync(late, '1\n00:00:20,000 --> 00:00:30,000\nlong after\n')
  ffmpeg(...from, '-i', late, ...'-map 0 -map 1 -c copy -t 3 -c:s srt'.split(' '), at('subs.mkv'))
  ffmpeg(...from, '-i', late, ...'-map 0 -map 1 -c copy -c:s mov_text'.split(' '), at('subs.mp4'))
  ffmpeg(...from, ...'-map 0:v -map 0:a -map 0:a -c copy -t 3'.split(' '), at('spatial.mp4'))
  const spatial = readFileSync(at('spatial.mp4')) // as phones write them
  spatial.write('apac', spatial.lastIndexOf('mp4a'))
  spatial.write('none', spatial.lastIndexOf('esds'))
  writeFileSync(at('spatial.mp4'), spatial)
  for (const [name, offset] of Object.entries({ 'a.ts': 0, 'b.ts': 1000 })) {
    ffmpeg(...from, ...`-t 3 -c copy -output_ts_offset ${offset}`.split(' '), at(name))
  }
  const jump = Buffer.concat([readFileSync(at('a.ts')), readFileSync(at('b.ts'))])
  writeFileSync(at('jump.ts'), jump)
  const whole = Number(facts(at('talk.mp4')).format.duration)
  const rows = [
    ['subs.mkv', { preset: 'fast' }, 2, 3],
    ['subs.mp4', { preset: 'fast' }, 2, whole],
    ['spatial.mp4', { preset: 'fast' }, 2, 3],
    ['spatial.mp4', { mode: 'soft' }, 3, 3],
    ['jump.ts', { preset: 'fast' }, 2, 6],
  ]
  for (const [name, options, n, seconds] of rows) {
    const { file } = await rendered(here, name, srt, options, `other-${name}.mp4`)
    const { streams } = facts(file)
    assert.equal(streams.length, n, name)
    for (const { duration, codec_type: type } of streams.slice(0, 2)) {
      assert.ok(Math.abs(Number(duration) - seconds) < 0.3, `${name}: ${type} ${duration}`)
    }
  }
})

test('a picture that is turned stays so, also where the file cannot say it', async () => {
  const turned = here.at('media/turned.mp4')
  ffmpeg(
    ...['-i', here.at('media/talk.mp4')],
    ...'-c copy -t 3 -metadata:s:v rotate=90'.split(' '),
    turned,
  )
  const side = ({ streams: [{ width, height, side_data_list: side }] }) => [
    width,
    height,
    side?.[0].rotation,
  ]
  for (const [container, expected] of [
    ['mp4', [320, 180, 90]],
    ['mkv', [180, 320, undefined]],
  ]) {
    const options = { mode: 'soft', container, preset: 'fast' }
    const { file } = await rendered(here, 'turned.mp4', srt, options, `turned-soft.${container}`)
    assert.deepEqual(side(facts(file)), expected, container)
  }
})

test('what a request may say', async () => {
  const { upload } = await here.api.upload(srt)
  const good = { kind: 'render', input: { path: 'talk.mp4' }, captions: { upload } }
  const none = '0'.repeat(32)
  const rows = [
    [400, { captions: undefined }, /^captions: expected \{"upload": ID\}$/],
    [400, { captions: upload }, /^captions: expected/],
    [400, { captions: { path: 'none.txt' } }, /^captions: expected/],
    [400, { captions: { upload, path: 'x' } }, /^captions: expected/],
    [400, { mode: 'both' }, /^mode: expected one of "burn-in" "soft"$/],
    [400, { container: 'avi' }, /^container: expected one of "mp4" "mkv" "webm"$/],
    [400, { preset: 'best' }, /^preset: expected one of/],
    [400, { size: 12 }, /^size: expected one of/],
    [400, { style: 'x' }, /does not have/],
    [400, { language: 'en' }, /does not have/],
    [422, { captions: { upload: none } }, /^captions: no such upload$/],
    [422, { input: { upload: none } }, /^input: no such upload$/],
  ]
  for (const [status, change, pattern] of rows) {
    const reply = await here.api.post({ ...good, ...change })
    const { error } = await reply.json()
    assert.equal(reply.status, status, error)
    assert.match(error, pattern)
  }
})

test('without a renderer: 501, and the command that makes one', async () => {
  const dir = folder({ 'site/x.txt': '' })
  const at = (name) => path.join(dir.at, name)
  const common = ['--data', at('data'), '--root', at('site'), '--models', at('site')]
  const missing = await runOnce([...common, '--render', dir.at])
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /run: not there; '\.\/dev render' makes the folder/)
  const server = await start(common)
  try {
    const api = client(server)
    const { upload } = await api.upload(srt)
    const reply = await api.post({ kind: 'render', input: { upload }, captions: { upload } })
    assert.equal(reply.status, 501)
    const wanted = "no renderer is set up: run './dev render' and start with --render FOLDER"
    assert.equal((await reply.json()).error, wanted)
  } finally {
    await server.stop()
    dir.remove()
  }
})
