// The transcriber on real speech: five LibriVox clips out of Debian's pocketsphinx-testdata, as one
// file, through the server: upload -> ffmpeg -> faster-whisper -> events -> SRT and WebVTT. And bad
// media. NEARFIELD_TRANSCRIBE: the folder that './dev transcribe' made ('./dev test' sets it).
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { folder, start } from './harness.mjs'
import { client, events } from './jobs_harness.mjs'
import { clips, distance, makeSpeech, words } from './speech.mjs'

let dir
let server
let api
const at = (...names) => path.join(dir.at, ...names)
const ffmpeg = (...args) =>
  execFileSync('ffmpeg', ['-nostdin', '-loglevel', 'error', '-y', ...args], { stdio: 'pipe' })

before(async () => {
  const worker = process.env.NEARFIELD_TRANSCRIBE
  assert.ok(worker, "NEARFIELD_TRANSCRIBE is not set: './dev transcribe' prints what it should be")
  dir = folder({ 'site/index.html': 'x', 'media/none.txt': '' })
  server = await start([
    ...['--root', at('site'), '--data', at('data'), '--media-root', at('media')],
    ...['--transcribe', worker, '--models', at('site')],
  ])
  api = client(server)
})
after(async () => {
  server.signal('SIGKILL')
  dir.remove()
})

async function transcribe(content, options = {}) {
  const { upload } = await api.upload(content)
  const reply = await api.post({ kind: 'transcribe', input: { upload }, ...options })
  return (await reply.json()).id
}

test('27 s of read English: word errors at most 6 %, captions the lint accepts', async (t) => {
  const truth = makeSpeech(at('speech.mp4'))
  const started = Date.now()
  const id = await transcribe(readFileSync(at('speech.mp4')))
  const { list } = await events(`${api.base}/jobs/${id}/events`)
  const job = await api.get(id)
  assert.equal(job.state, 'done', job.error)
  const segments = list.filter((e) => e.event === 'segment').map((e) => e.data)
  assert.ok(segments.length >= 3, 'segments come one by one')
  assert.ok(list.findIndex((e) => e.event === 'segment') < list.length - 2)
  const heard = words(segments.map((s) => s.text).join(' '))
  const errors = distance(truth, heard) / truth.length
  t.diagnostic(
    `word errors ${(errors * 100).toFixed(1)} % of ${truth.length}, ${Date.now() - started} ms`,
  )
  assert.ok(errors <= 0.06, `${errors}: ${heard.join(' ')}`)
  assert.ok(segments.every((s) => s.language === 'en' && s.words.length > 0))
  for (const name of ['captions.srt', 'captions.vtt']) {
    const text = await (await api.result(id, name)).text()
    assert.equal(
      distance(truth, words(text.replaceAll(/WEBVTT|^\d+$|^.*-->.*$/gm, ' '))) / truth.length,
      errors,
    )
    writeFileSync(at(name), text)
    const lint = JSON.parse(run('build/native/nearfield', ['lint', '--json', at(name)]))
    const broken = lint.findings.map((f) => f.rule).filter((r) => r !== 'cps')
    assert.deepEqual(broken, [], name)
  }
})

/** Standard output, whatever the exit code: lint ends with 1 when it finds something. */
function run(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    return error.stdout
  }
}

test('media that cannot be transcribed fails once, with the reason', async () => {
  writeFileSync(at('media/secret.wav'), 'not to be read')
  ffmpeg('-f', 'lavfi', '-i', 'color=s=64x64:d=1', at('silent.mp4'))
  ffmpeg('-i', clips[4].file, '-c:a', 'aac', at('short.mp4'))
  const script = `ffconcat version 1.0\nfile ${at('media/secret.wav')}\n`
  const playlist = `#EXTM3U\n#EXTINF:1,\nfile://${at('media/secret.wav')}\n#EXT-X-ENDLIST\n`
  const rows = [
    [readFileSync(at('silent.mp4')), {}, /^there is no audio in the file$/],
    [readFileSync(at('short.mp4')).subarray(0, 2000), {}, /^ffmpeg cannot read the file: /],
    ['this is text, whatever its name', {}, /^ffmpeg cannot read the file: /],
    [script, {}, /^ffmpeg cannot read the file: /],
    [playlist, {}, /^ffmpeg cannot read the file: /],
    [Buffer.alloc(5000), {}, /^ffmpeg cannot read the file: /],
    [
      readFileSync(at('short.mp4')),
      { language: 'xx' },
      /^language 'xx' is not one the model knows$/,
    ],
  ]
  for (const [content, options, pattern] of rows) {
    const job = await api.ended(await transcribe(content, options), 60000)
    assert.equal(job.state, 'failed', JSON.stringify(job))
    assert.equal(job.tries, 1)
    assert.match(job.error, pattern)
    assert.doesNotMatch(job.error, /secret/)
  }
})

test('silence is no error: captions without a cue', async () => {
  ffmpeg('-f', 'lavfi', '-i', 'anullsrc=r=16000:cl=mono:d=5', at('media/silence.wav'))
  const reply = await api.post({ kind: 'transcribe', input: { path: 'silence.wav' } })
  const job = await api.ended((await reply.json()).id, 60000)
  assert.equal(job.state, 'done', job.error)
  assert.equal(await (await api.result(job.id)).text(), '')
  assert.equal(await (await api.result(job.id, 'captions.vtt')).text(), 'WEBVTT\n\n')
})

test('a sound that begins after the picture: its times are those of the picture', async () => {
  const clip = clips.find(({ file }) => file.endsWith('-0930.wav')).file
  ffmpeg(
    ...'-f lavfi -i color=s=64x64:r=5:d=9 -itsoffset 5 -i'.split(' '),
    ...[clip, '-c:a', 'flac', at('late.mkv')],
  )
  const id = await transcribe(readFileSync(at('late.mkv')))
  const job = await api.ended(id, 60000)
  assert.equal(job.state, 'done', job.error)
  const { list } = await events(`${api.base}/jobs/${id}/events`)
  const start = list.find(({ event }) => event === 'segment')?.data.start_ms
  assert.ok(start > 4500 && start < 6500, `begins at ${start} ms`)
})
