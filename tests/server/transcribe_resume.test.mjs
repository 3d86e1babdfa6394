// A transcription that is lost in its middle: the next try goes on with the first piece that is not
// finished, and its files are those of a run that nothing happened to. Five LibriVox clips, joined
// to three pieces. NEARFIELD_TRANSCRIBE: the folder that './dev transcribe' made.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { folder, sleep, start } from './harness.mjs'
import { client, events } from './jobs_harness.mjs'
import { processes } from './render_harness.mjs'
import { clips, distance, words } from './speech.mjs'

const transcriber = process.env.NEARFIELD_TRANSCRIBE
const rate = 16000
/** Which clip, and the seconds of silence behind it. */
const joined = [
  ...[
    [0, 0.3],
    [2, 0.3],
    [1, 2.5],
  ],
  ...[
    [3, 0.3],
    [4, 0.3],
    [0, 2.5],
  ],
  ...[
    [2, 0.3],
    [1, 0.3],
    [3, 0.5],
  ],
]
const files = ['captions.srt', 'captions.vtt']
let dir
let server
let api
/** What the recording holds: [{i, text, endS}]; i: which clip. */
let said
/** The run that nothing happened to: {lines, at}. */
let whole
const at = (...names) => path.join(dir.at, ...names)
const of = (lines, type) => lines.filter((l) => l[type] !== undefined).map((l) => l[type])

/** Write speech.wav: the samples of the clips behind each other, so that places are exact. */
function record() {
  const parts = []
  let n = 0
  said = joined.map(([i, silence]) => {
    const file = readFileSync(clips[i].file)
    const samples = file.subarray(file.indexOf('data') + 8)
    parts.push(samples, Buffer.alloc(2 * rate * silence))
    const endS = (n + samples.length / 2) / rate
    n += samples.length / 2 + rate * silence
    return { i, text: clips[i].text, endS }
  })
  writeFileSync(at('speech.raw'), Buffer.concat(parts))
  const format = ['-f', 's16le', '-ar', String(rate), '-ac', '1']
  execFileSync('ffmpeg', ['-v', 'error', ...format, '-i', at('speech.raw'), at('media/speech.wav')])
}

/** The worker alone, as the server starts it, in the folder `place`: all it says. killed: its end
 * when a line says so. */
async function worker(place, job, killed = () => false) {
  mkdirSync(path.join(place, 'kept'), { recursive: true })
  writeFileSync(path.join(place, 'job.json'), JSON.stringify({ request: {}, try: 1, ...job }))
  const input = openSync(at('media/speech.wav'))
  const child = spawn(path.join(transcriber, 'run'), ['job.json'], {
    cwd: place,
    env: { PATH: '/usr/bin:/bin', HOME: place },
    stdio: ['ignore', 'pipe', 'inherit', input],
  })
  const closed = new Promise((done) => child.on('close', done))
  const lines = []
  let text = ''
  for await (const piece of child.stdout) {
    text += piece
    const ended = text.split('\n')
    text = ended.pop()
    lines.push(...ended.map((l) => JSON.parse(l)))
    if (lines.some(killed)) child.kill('SIGKILL')
  }
  return { lines, code: await closed }
}

/** A copy of what the whole run kept, in a try's folder of its own. */
function kept(name) {
  mkdirSync(at(name))
  cpSync(path.join(whole.at, 'kept'), at(name, 'kept'), { recursive: true })
  return at(name)
}

function sameFiles(place) {
  for (const name of files)
    assert.deepEqual(readFileSync(path.join(place, name)), readFileSync(path.join(whole.at, name)))
}

async function until(what) {
  for (const end = Date.now() + 20000; !what(); await sleep(10))
    assert.ok(Date.now() < end, `still not: ${what}`)
}

async function begin() {
  server = await start([
    ...['--root', at('site'), '--data', at('data'), '--media-root', at('media')],
    ...['--transcribe', transcriber, '--models', at('site')],
    ...['--job-backoff-ms', '20', '--job-lease-ms', '2000'],
  ])
  api = client(server)
}

before(async () => {
  assert.ok(transcriber, "NEARFIELD_TRANSCRIBE is not set: './dev transcribe' prints its value")
  dir = folder({ 'site/index.html': 'x', 'media/none.txt': '' })
  record()
  whole = { at: at('whole'), ...(await worker(at('whole'))) }
  assert.equal(whole.code, 0)
  await begin()
})
after(() => {
  server?.signal('SIGKILL')
  dir.remove()
})

test('three pieces that end in silences; each word at its place', (t) => {
  assert.deepEqual(of(whole.lines, 'piece'), [0, 1, 2])
  assert.deepEqual(
    of(whole.lines, 'checkpoint'),
    [0, 1, 2].map((piece) => ({ piece, try: 1 })),
  )
  const segments = of(whole.lines, 'segment')
  assert.deepEqual(
    segments.map((s) => s.i),
    segments.map((_, i) => i),
  )
  assert.ok(segments.every((s) => s.language === 'en'))
  const heard = segments.flatMap((s) => s.words)
  const truth = words(said.map((clip) => clip.text).join(' '))
  const errors = distance(truth, words(segments.map((s) => s.text).join(' '))) / truth.length
  t.diagnostic(`word errors ${(errors * 100).toFixed(1)} % of ${truth.length}`)
  assert.ok(errors <= 0.06, `${errors}`)
  // Both cuts lie in the silences of 2.5 s.
  const pieces = [0, 1, 2].map((i) => JSON.parse(readFileSync(at(`whole/kept/00000${i}.json`))))
  for (const [i, clip] of [2, 5].entries()) {
    const cut = pieces[i].end / rate
    assert.ok(cut > said[clip].endS && cut < said[clip].endS + 2.5, `${cut}: ${said[clip].endS}`)
    assert.equal(pieces[i + 1].start, pieces[i].end)
  }
  // A clip ends with some 0.3 s without speech: the same, in whatever piece it lies.
  const pauses = said.map(({ text, endS }) => {
    const last = words(text).at(-1)
    const ends = heard.filter((w) => words(w[2]).at(-1) === last).map((w) => endS - w[1])
    return Math.min(...ends.filter((pause) => pause > -0.2))
  })
  assert.ok(
    pauses.every((pause) => pause < 0.8),
    `${pauses}`,
  )
  for (const [n, clip] of said.entries()) {
    const first = said.findIndex((other) => other.i === clip.i)
    assert.ok(Math.abs(pauses[n] - pauses[first]) < 0.3, `${pauses}`)
  }
})

/** [{start, end, spoken}]: every piece that the worker cuts these samples into, in seconds. */
function cuts(name, parts, vad = true) {
  writeFileSync(at(name), Buffer.concat(parts))
  const program = `
import json, sys
sys.path.insert(0, sys.argv[1])
from sound import Sound
sound, start, cuts = Sound(sys.argv[2], sys.argv[3] == "true"), 0, []
while start < sound.length:
    end, spoken = sound.cut(start)
    cuts.append({"start": start, "end": end, "spoken": spoken})
    start = end
print(json.dumps(cuts))`
  const python = path.join(transcriber, 'venv/bin/python')
  const found = execFileSync(python, ['-B', '-c', program, transcriber, at(name), String(vad)])
  return JSON.parse(found).map((c) => ({ ...c, start: c.start / rate, end: c.end / rate }))
}

test('long silences, sound without a pause, no voice filter: pieces stay short', () => {
  const speech = readFileSync(at('speech.raw'))
  const silence = (seconds) => Buffer.alloc(2 * rate * seconds)
  const clip = speech.subarray(0, 2 * rate * 7)
  const voice = clip.subarray(2 * rate, 3 * rate)
  const gaps = [silence(200), clip, silence(250), clip]
  const rows = {
    gaps: cuts('gaps.raw', gaps),
    loop: cuts('loop.raw', Array(500).fill(voice)),
    off: cuts('off.raw', [speech, speech], false),
  }
  for (const [name, pieces] of Object.entries(rows)) {
    const lengths = pieces.map((p) => p.end - p.start)
    const most = name === 'off' ? 29 : 120
    assert.ok(
      lengths.every((l) => l > 0 && l <= most),
      `${name}: ${lengths}`,
    )
    const shortest = Math.min(...lengths.slice(0, -1))
    assert.ok(shortest >= (name === 'off' ? 24 : 60), `${name}: ${lengths}`)
  }
  // What is not given to the model holds nothing, and no cut goes through what is said.
  const whole = Buffer.concat(gaps)
  for (const { start, end, spoken } of rows.gaps) {
    const bytes = whole.subarray(2 * Math.round(start * rate), 2 * Math.round(end * rate))
    assert.equal(
      bytes.some((b) => b !== 0),
      spoken,
    )
  }
  assert.ok(rows.gaps.some((p) => !p.spoken))
  for (const { end } of rows.gaps.slice(0, -1))
    assert.ok(end < 200 || (end > 207 && end < 457), `${end}`)
  assert.ok(rows.loop.every((p) => p.spoken))
})

test('a try says what the store does not have, and does no piece again', async () => {
  const say = async (name, told) => {
    const place = kept(name)
    const { lines, code } = await worker(place, { try: 2, ...(told && { told }) })
    assert.equal(code, 0)
    assert.deepEqual(of(lines, 'piece'), [])
    sameFiles(place)
    return lines.filter((l) => l.segment || l.checkpoint)
  }
  const all = whole.lines.filter((l) => l.segment || l.checkpoint)
  const behind = (i, piece) =>
    all.filter((l) => (l.segment ? l.segment.i > i : l.checkpoint.piece > piece))
  const last = of(all, 'segment').at(-1).i
  const told = (i, piece) => ({
    ...(i >= 0 && { segment: { i } }),
    ...(piece >= 0 && { checkpoint: { piece } }),
  })
  assert.deepEqual(await say('none', undefined), all)
  assert.deepEqual(await say('empty', {}), all)
  for (const [i, piece] of [
    [0, -1],
    [3, 0],
    [last, 1],
    [last, 2],
  ])
    assert.deepEqual(await say(`told-${i}-${piece}`, told(i, piece)), behind(i, piece))
  // The store knows of more than there is: what was kept was lost. All of it comes, from 0.
  assert.deepEqual(await say('lost', told(last + 1, 2)), all)
})

test('what was kept counts only for the same options', async () => {
  const place = kept('other')
  const { lines } = await worker(place, { request: { language: 'xx' } })
  assert.deepEqual(of(lines, 'piece'), [0])
  assert.match(lines.at(-1).error, /^language 'xx' is not one/)
  assert.deepEqual(readdirSync(path.join(place, 'kept')).sort(), ['plan', 'sound'])
})

test('a piece whose file is damaged is done again', async () => {
  const place = kept('damaged')
  writeFileSync(path.join(place, 'kept/000002.json'), '{"start": 1')
  const { lines } = await worker(place, { try: 2 })
  assert.deepEqual(of(lines, 'piece'), [2])
  sameFiles(place)
})

test('kill -9 in the second piece: it alone is begun twice', async () => {
  const place = at('killed')
  const first = await worker(place, {}, (l) => l.piece === 1)
  const i = of(first.lines, 'segment').at(-1).i
  const second = await worker(place, { try: 2, told: { segment: { i }, checkpoint: { piece: 0 } } })
  assert.equal(second.code, 0)
  const begun = [...of(first.lines, 'piece'), ...of(second.lines, 'piece')]
  assert.deepEqual(begun, [0, 1, 1, 2])
  const segments = [...of(first.lines, 'segment'), ...of(second.lines, 'segment')]
  assert.deepEqual(segments, of(whole.lines, 'segment'))
  sameFiles(place)
})

/** Through the server: broken in its second piece by `kill`, then to the end. */
async function broken(kill) {
  const reply = await api.post({ kind: 'transcribe', input: { path: 'speech.wav' } })
  const { id } = await reply.json()
  const url = () => `${api.base}/jobs/${id}/events`
  await events(url(), { enough: (list) => list.some((e) => e.event === 'checkpoint') })
  await kill(processes(id), id)
  const job = await api.ended(id, 120000)
  assert.equal(job.state, 'done', job.error)
  assert.equal(job.tries, 2)
  const { list } = await events(url())
  const all = (type) => list.filter((e) => e.event === type).map((e) => e.data)
  assert.deepEqual(all('segment'), of(whole.lines, 'segment'), 'each once, in order')
  const progress = all('progress').map((p) => p.progress)
  assert.deepEqual(progress, progress.toSorted(), 'never back')
  const pieces = all('checkpoint')
  assert.deepEqual(
    pieces.map((p) => p.piece),
    [0, 1, 2],
  )
  const made = pieces.map((p) => p.try)
  assert.deepEqual(made, made.toSorted(), 'the second try begins where the first has ended')
  assert.ok(made[0] === 1 && made[2] === 2, `${made}`)
  for (const name of files) {
    const body = Buffer.from(await (await api.result(id, name)).arrayBuffer())
    assert.deepEqual(body, readFileSync(path.join(whole.at, name)), name)
  }
  await until(() => !existsSync(at('data/work', id)))
  return made
}

test('kill -9 of the worker under the server', async (t) => {
  const made = await broken((workers) => {
    assert.ok(workers.some((p) => p.name.startsWith('python')))
    for (const { pid } of workers) process.kill(pid, 'SIGKILL')
  })
  t.diagnostic(`pieces by try ${made}`)
})

test('kill -9 of the server', async (t) => {
  const made = await broken(async (_, id) => {
    server.signal('SIGKILL')
    await server.exited
    await until(() => processes(id).length === 0) // they die with their server
    await begin()
  })
  t.diagnostic(`pieces by try ${made}`)
})
