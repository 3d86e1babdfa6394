// Videos made by ffmpeg, a server with the renderer, and what frames look like. Owns folders and
// servers it started. NEARFIELD_RENDER: the folder that './dev render' made ('./dev test' sets it).
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { folder, start } from './harness.mjs'
import { client } from './jobs_harness.mjs'

export const renderer = process.env.NEARFIELD_RENDER
export const width = 320
export const height = 180

export const ffmpeg = (...args) =>
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  })
const ffprobe = (...args) =>
  execFileSync('ffprobe', ['-v', 'error', '-of', 'json', ...args], { encoding: 'utf8' })

/** {streams, format} of a file. */
export const facts = (file) => JSON.parse(ffprobe('-show_streams', '-show_format', file))

/** A moving picture (its own clock in a corner) with a tone. */
export function video(at, seconds, more = [], size = `${width}x${height}`) {
  ffmpeg(
    ...['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=25:d=${seconds}`],
    ...['-f', 'lavfi', '-i', `sine=d=${seconds}`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '12', '-c:a', 'aac', '-shortest'],
    ...more,
    at,
  )
}

/** The grey frame that begins at that second, a multiple of 0.04: a little before it, because sound
 * that is copied may begin some ms before the picture. */
export const frame = (file, second) =>
  ffmpeg(
    ...['-ss', String(second - 0.005), '-i', file, '-frames:v', '1'],
    ...'-f rawvideo -pix_fmt gray -'.split(' '),
  )

/** Mean absolute difference of two frames between two rows, given as parts of the height. */
export function difference(a, b, from, to) {
  assert.equal(a.length, width * height)
  assert.equal(b.length, width * height)
  const [first, last] = [Math.round(from * height) * width, Math.round(to * height) * width]
  let sum = 0
  for (let i = first; i < last; i++) sum += Math.abs(a[i] - b[i])
  return sum / (last - first)
}

/** What the stream's frames are, whatever the file around them. */
export const frames = (file) =>
  ffmpeg(...['-i', file], ...'-map 0:v:0 -fps_mode passthrough -f md5 -'.split(' ')).toString()

/** The subtitle track as [[start, end, text]], as it lies in the file where a text format holds it. */
export function track(file) {
  const how = { mp4: '-f srt', mkv: '-c copy -f srt', webm: '-c copy -f webvtt' }[
    file.split('.').pop()
  ]
  const text = ffmpeg(...['-i', file], ...`-map 0:s:0 ${how} -`.split(' ')).toString()
  return text
    .replaceAll('\r', '')
    .split('\n\n')
    .filter((block) => block.includes(' --> '))
    .map((block) => {
      const [time, ...lines] = block
        .trim()
        .replace(/^\d+\n/, '')
        .split('\n')
      const seconds = time
        .match(/[\d:.,]{9,}/g)
        .map((t) => t.split(':').reduce((s, v) => s * 60 + Number(v.replace(',', '.')), 0))
      return [...seconds, lines.join('\n')]
    })
}

/** A server over a folder of its own, and what a test asks of it. */
export async function place(more = [], env = {}) {
  assert.ok(renderer, "NEARFIELD_RENDER is not set: './dev render' prints what it should be")
  const dir = folder({ 'site/index.html': 'x', 'media/none.txt': '' })
  const at = (...names) => path.join(dir.at, ...names)
  const args = [
    ...['--root', at('site'), '--data', at('data'), '--media-root', at('media')],
    ...['--render', renderer, '--models', at('site'), '--job-backoff-ms', '20'],
    ...['--job-lease-ms', '2000', ...more],
  ]
  const here = {
    at,
    remove: () => {
      here.server?.signal('SIGKILL')
      dir.remove()
    },
    begin: async (...extra) => {
      here.server = await start([...args, ...extra], env)
      here.api = client(here.server)
    },
    /** Queue a render of a file of media/ or of these bytes; the job's id. */
    async add(input, captions, options = {}) {
      const { upload } = await here.api.upload(captions)
      const from =
        typeof input === 'string'
          ? { path: input }
          : { upload: (await here.api.upload(input)).upload }
      const reply = await here.api.post({
        kind: 'render',
        input: from,
        captions: { upload },
        ...options,
      })
      const job = await reply.json()
      assert.equal(reply.status, 201, JSON.stringify(job))
      return job.id
    },
    async save(id, name) {
      const reply = await here.api.result(id)
      assert.equal(reply.status, 200)
      const body = Buffer.from(await reply.arrayBuffer())
      return { reply, body, at: name && at(name) }
    },
  }
  await here.begin()
  return here
}

/** The processes that work in a folder whose path has this in it: [{pid, name}]. */
export function processes(part) {
  const found = []
  for (const pid of readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`).includes(part))
        found.push({ pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() })
    } catch {
      // it has ended
    }
  }
  return found
}
