// ./dev bench transcribe [--json] [--rounds N] [--times N]: a known recording through the server's
// job, from the upload to the captions, beside faster-whisper alone on the same file with the same
// model, in turns. Tells seconds of sound a second and word errors. The job decodes with ffmpeg,
// starts Python and opens the model in a sandbox, writes captions and commits them; the rival's
// time is without the start of Python. Owns no figure: each is measured here.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { folder, start } from '../../tests/server/harness.mjs'
import { client, events } from '../../tests/server/jobs_harness.mjs'
import { distance, makeSpeech, words } from '../../tests/server/speech.mjs'

const { values: asked } = parseArgs({
  options: {
    json: { type: 'boolean' },
    rounds: { type: 'string', default: '3' },
    times: { type: 'string', default: '4' },
  },
})
const worker = process.env.NEARFIELD_TRANSCRIBE
if (!worker) {
  console.error("NEARFIELD_TRANSCRIBE is not set: './dev transcribe' prints what it should be")
  process.exit(1)
}
const threads = Math.min(os.availableParallelism(), 8)
const dir = folder({ 'site/index.html': 'x' })
const at = (...names) => path.join(dir.at, ...names)
const truth = makeSpeech(at('speech.mp4'), Number(asked.times))
const seconds = Number(
  execFileSync('ffprobe', [
    '-v',
    'error',
    '-show_entries',
    'format=duration',
    '-of',
    'csv=p=0',
    at('speech.mp4'),
  ]),
)
const server = await start([
  '--root',
  at('site'),
  '--models',
  at('site'),
  '--data',
  at('data'),
  '--transcribe',
  worker,
  '--quiet',
])
const api = client(server)

/** The sound's seconds a second of work, and the share of words that are wrong. */
const row = (ms, text) => ({
  ms,
  realtime: (seconds * 1e3) / ms,
  word_errors: distance(truth, words(text)) / truth.length,
})

async function ours() {
  const begin = performance.now()
  const { upload } = await api.upload(readFileSync(at('speech.mp4')))
  const { id } = await (
    await api.post({ kind: 'transcribe', input: { upload }, language: 'en' })
  ).json()
  const { list } = await events(`${api.base}/jobs/${id}/events`)
  const ms = performance.now() - begin
  const job = await api.get(id)
  if (job.state !== 'done') throw new Error(`the job is ${job.state}: ${job.error}`)
  const first = list.find((e) => e.event === 'segment')
  if (!first) throw new Error('no segment came')
  return row(
    ms,
    (await (await api.result(id, 'captions.vtt')).text()).replaceAll(/WEBVTT|^.*-->.*$/gm, ' '),
  )
}
function alone() {
  const python = path.join(worker, 'venv/bin/python')
  const script = path.join(import.meta.dirname, 'faster_whisper_alone.py')
  const said = JSON.parse(
    execFileSync(python, [script, path.join(worker, 'model'), at('speech.mp4'), String(threads)], {
      env: { ...process.env, HF_HUB_OFFLINE: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  return { ...row(said.ms, said.text), peak_mb: said.peak_mb }
}

const rounds = { nearfield: [], faster_whisper: [] }
for (let i = 0; i < Number(asked.rounds); i++) {
  rounds.nearfield.push(await ours())
  rounds.faster_whisper.push(alone())
}
await server.stop()
dir.remove()

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1]
const sum = (list) => ({
  realtime: median(list.map((r) => r.realtime)),
  word_errors: median(list.map((r) => r.word_errors)),
})
const out = {
  bench: 'transcribe',
  date: new Date().toISOString().slice(0, 10),
  machine: `${os.cpus()[0].model}, ${os.availableParallelism()} processors`,
  model: 'Whisper base, CTranslate2 int8, beam 5, voice-activity filter, word times',
  seconds,
  words: truth.length,
  threads,
  nearfield: sum(rounds.nearfield),
  faster_whisper: sum(rounds.faster_whisper),
  ratio: median(rounds.nearfield.map((r, i) => r.realtime / rounds.faster_whisper[i].realtime)),
  rounds,
}
if (asked.json) console.log(JSON.stringify(out))
else {
  for (const who of ['nearfield', 'faster_whisper']) {
    const { realtime, word_errors } = out[who]
    console.log(
      `${who.padEnd(16)} ${realtime.toFixed(1)} x real time, ${(100 * word_errors).toFixed(1)} % of words wrong`,
    )
  }
  console.log(`ratio ${out.ratio.toFixed(2)} over ${seconds.toFixed(0)} s, ${threads} threads`)
}
