// @vitest-environment jsdom
import { afterEach, describe, expect, it, vi } from 'vitest'
import { HandEngine } from '../../tests/fake/engine'
import { HandJobs } from '../../tests/fake/jobs'
import { MemoryProjects } from '../../tests/fake/projects'
import { createApp } from '../shell/create'
import { knows } from './offer'
import { JobError } from './problem'

afterEach(() => {
  vi.useRealTimers()
  sessionStorage.clear()
})

const SRT = '1\n00:00:01,000 --> 00:00:03,000\nan old line\n'
/** What the laid out file holds: "one two" and "three", cut as the segments are not. */
const LAID_OUT = `1
00:00:00,000 --> 00:00:00,900
one two

2
00:00:02,000 --> 00:00:02,900
three
`
const video = (name = 'talk.mp4', size = 4000) =>
  new File([new Uint8Array(size)], name, { lastModified: 1_700_000_000_000 })

async function start(client = new HandJobs(), projects = new MemoryProjects()) {
  const app = createApp(new HandEngine(), projects, client)
  await app.workspace.restore()
  await app.jobs.look()
  const texts = () => app.editor.document?.cues.map((cue) => cue.text)
  const running = () => app.jobs.store.get().running
  const note = () => app.editor.store.get().note?.text
  return { ...app, client, projects, texts, running, note }
}
type Started = Awaited<ReturnType<typeof start>>

const soon = (test: () => void) => vi.waitFor(test, { timeout: 2000, interval: 1 })

/** A transcription that has begun; its job is job-1. */
async function transcribing(here = false, all?: Started) {
  const app = all ?? (await start())
  const over = app.jobs.transcribe(video(), 'en', here)
  await soon(() => expect(app.client.jobs.get('job-1')).toBeTruthy())
  app.client.end('job-1', 'running')
  await soon(() => expect(app.running()?.phase).toBe('running'))
  return { ...app, over }
}

describe('a transcription', () => {
  it('goes into a new document as it is heard, and ends as the file is laid out', async () => {
    const { client, over, texts, editor, jobs, note, running } = await transcribing()
    expect(editor.store.get().project).toMatchObject({ name: 'talk.vtt', format: 'vtt' })
    expect(client.jobs.get('job-1')?.request).toEqual({
      kind: 'transcribe',
      input: { upload: 'upload-1' },
      language: 'en',
    })
    client.segment('job-1', 0, 0, 'one two')
    await soon(() => expect(texts()).toEqual(['one two']))
    expect(editor.active?.text).toBe('one two')
    client.say('job-1', 'progress', { progress: 0.4 })
    await soon(() => expect(running()?.done).toBe(0.4))
    client.segment('job-1', 1, 1500, 'three')
    client.files = { 'captions.vtt': LAID_OUT }
    client.end('job-1', 'done')
    await over
    expect(texts()).toEqual(['one two', 'three'])
    expect(editor.document?.cues.map((cue) => cue.endMs)).toEqual([900, 2900])
    expect(jobs.store.get()).toMatchObject({ running: null, problem: null })
    expect(editor.store.get().project).toMatchObject({ job: null, video: { upload: 'upload-1' } })
    expect(note()).toBe('Transcribed: 2 cues.')
    editor.undo()
    expect(texts()).toEqual([])
    editor.redo()
    expect(texts()).toEqual(['one two', 'three'])
  })

  it('what is typed meanwhile stays, each in its own undo step', async () => {
    const { client, over, texts, editor } = await transcribing()
    client.segment('job-1', 0, 0, 'one two')
    await soon(() => expect(texts()).toEqual(['one two']))
    editor.type(editor.active?.id ?? -1, 'ONE two')
    client.segment('job-1', 1, 2000, 'three')
    await soon(() => expect(texts()).toEqual(['ONE two', 'three']))
    editor.undo()
    expect(texts()).toEqual(['one two', 'three'])
    editor.redo()
    client.files = { 'captions.vtt': LAID_OUT }
    client.end('job-1', 'done')
    await over
    expect(texts()).toEqual(['ONE two', 'three'])
    expect(editor.document?.cues.map((cue) => cue.endMs)).toEqual([1000, 2900])
  })

  it('in place of what is open: only with the first segment, and undone as one', async () => {
    const all = await start()
    await all.workspace.open({ name: 'a.srt', bytes: new TextEncoder().encode(SRT) })
    const { client, over, texts, editor } = await transcribing(true, all)
    expect(editor.store.get().project?.name).toBe('a.srt')
    expect(texts()).toEqual(['an old line'])
    client.segment('job-1', 0, 0, 'one two')
    await soon(() => expect(texts()).toEqual(['one two']))
    editor.undo()
    expect(texts()).toEqual(['an old line'])
    client.segment('job-1', 1, 2000, 'three')
    client.say('job-1', 'progress', { progress: 0.9 })
    await soon(() => expect(all.running()?.done).toBe(0.9))
    expect(texts()).toEqual(['an old line'])
    editor.redo()
    expect(texts()).toEqual(['one two', 'three'])
    client.files = { 'captions.srt': LAID_OUT }
    client.end('job-1', 'done')
    await over
    editor.undo()
    expect(texts()).toEqual(['an old line'])
  })

  it('taken back and left behind by another change, it is cancelled', async () => {
    const all = await start()
    await all.workspace.open({ name: 'a.srt', bytes: new TextEncoder().encode(SRT) })
    const { client, over, texts, editor, running } = await transcribing(true, all)
    client.segment('job-1', 0, 0, 'one two')
    await soon(() => expect(texts()).toEqual(['one two']))
    editor.undo()
    editor.type(editor.document?.cues[0]?.id ?? -1, 'my own line')
    client.segment('job-1', 1, 2000, 'three')
    await over
    expect(client.jobs.get('job-1')?.state).toBe('cancelled')
    expect(texts()).toEqual(['my own line'])
    expect(running()).toBeNull()
  })

  it('silence is said and changes nothing', async () => {
    const { client, over, texts, note } = await transcribing()
    client.files = { 'captions.vtt': 'WEBVTT\n\n' }
    client.end('job-1', 'done')
    await over
    expect(texts()).toEqual([])
    expect(note()).toBe('No speech was found in talk.mp4.')
  })

  it('a transcriber that says nothing before its end: its file, in one step', async () => {
    const all = await start()
    await all.workspace.open({ name: 'a.srt', bytes: new TextEncoder().encode(SRT) })
    const { client, over, texts, editor } = await transcribing(true, all)
    client.say('job-1', 'segment', { i: 0, text: 'without times' })
    client.files = { 'captions.srt': LAID_OUT }
    client.end('job-1', 'done')
    await over
    expect(texts()).toEqual(['one two', 'three'])
    editor.undo()
    expect(texts()).toEqual(['an old line'])
    expect(editor.isGrowing).toBe(false)
  })

  it('a second try of the server says its segments again: none is there twice', async () => {
    const { client, texts } = await transcribing()
    client.segment('job-1', 0, 0, 'one two')
    client.end('job-1', 'queued')
    client.end('job-1', 'running')
    client.segment('job-1', 0, 0, 'one two')
    client.segment('job-1', 1, 2000, 'three')
    await soon(() => expect(texts()).toEqual(['one two', 'three']))
  })
})

describe('after a reload', () => {
  it('goes on where it was: edits stay, nothing is missing or there twice', async () => {
    const first = await transcribing()
    first.client.segment('job-1', 0, 0, 'one two')
    first.client.segment('job-1', 1, 2000, 'three')
    await soon(() => expect(first.texts()).toEqual(['one two', 'three']))
    first.editor.type(first.editor.document?.cues[0]?.id ?? -1, 'ONE two')
    await first.workspace.flush()
    first.client.segment('job-1', 2, 4000, 'four')
    const again = await start(first.client, first.projects)
    await soon(() => expect(again.texts()).toEqual(['ONE two', 'three', 'four']))
    again.client.files = {
      'captions.vtt': `${LAID_OUT}\n3\n00:00:04,000 --> 00:00:04,800\nfour\n`,
    }
    again.client.end('job-1', 'done')
    await soon(() => expect(again.running()).toBeNull())
    expect(again.texts()).toEqual(['ONE two', 'three', 'four'])
    expect(again.editor.document?.cues.map((cue) => cue.endMs)).toEqual([1000, 2900, 4800])
  })

  it('a job that ended meanwhile is settled, one the server forgot is said', async () => {
    const first = await transcribing()
    first.client.segment('job-1', 0, 0, 'one two')
    await soon(() => expect(first.texts()).toEqual(['one two']))
    await first.workspace.flush()
    const lost = new HandJobs()
    const forgot = await start(lost, first.projects)
    await soon(() => expect(forgot.jobs.store.get().problem?.line).toMatch(/no such job/))
    expect(forgot.texts()).toEqual(['one two'])
  })
})

describe('a token that is not there any more', () => {
  it('after a reload: the job is kept until there is one, and then taken up again', async () => {
    const first = await transcribing()
    first.client.segment('job-1', 0, 0, 'one two')
    await soon(() => expect(first.texts()).toEqual(['one two']))
    await first.workspace.flush()
    first.client.wanted = 'right'
    const again = await start(first.client, first.projects)
    await soon(() => expect(again.jobs.store.get().problem?.remedy).toBe('token'))
    again.jobs.dismiss()
    expect(again.editor.store.get().project?.job?.id).toBe('job-1')
    await again.jobs.unlock('right')
    first.client.segment('job-1', 1, 2000, 'three')
    await soon(() => expect(again.texts()).toEqual(['one two', 'three']))
    expect(again.running()?.phase).toBe('running')
  })
})

describe('a connection that is lost', () => {
  it('is said, tried again, and taken up behind the last event', async () => {
    const { client, running, texts, over } = await transcribing()
    client.segment('job-1', 0, 0, 'one two')
    await soon(() => expect(texts()).toEqual(['one two']))
    client.faults.push(new JobError(503, 'the server is stopping'))
    client.cut()
    await soon(() => expect(running()?.lost).toBe('the connection was lost'))
    dispatchEvent(new Event('online'))
    await soon(() => expect(running()?.lost).toBe('the server is stopping'))
    client.segment('job-1', 1, 2000, 'three')
    dispatchEvent(new Event('online'))
    await soon(() => expect(texts()).toEqual(['one two', 'three']))
    expect(running()?.lost).toBeNull()
    expect(client.asked).toEqual([0, 3])
    client.files = { 'captions.vtt': LAID_OUT }
    client.end('job-1', 'done')
    await over
  })

  it('while sending: it goes on where the server is; one request makes one job', async () => {
    const client = new HandJobs()
    client.holdUploads = true
    const app = await start(client)
    const over = app.jobs.transcribe(video(), '', false)
    await soon(() => expect(app.running()?.done).toBe(0.5))
    client.cutUpload(1000)
    await soon(() => expect(app.running()?.lost).toBe('the connection was lost while uploading'))
    client.holdUploads = false
    dispatchEvent(new Event('online'))
    await soon(() => expect(client.jobs.size).toBe(1))
    expect(client.offsets).toEqual([0, 1000])
    expect(app.editor.store.get().project).toMatchObject({
      part: null,
      video: { upload: 'upload-1' },
    })
    await app.jobs.cancel()
    await over
  })

  it('before it is sent: one request makes one upload and one job', async () => {
    const client = new HandJobs()
    const app = await start(client)
    client.faults.push(new JobError(0, 'the connection was lost while uploading'))
    const over = app.jobs.transcribe(video(), '', false)
    await soon(() => expect(app.running()?.lost).toBeTruthy())
    client.faults.push(new JobError(502, 'no answer'))
    dispatchEvent(new Event('online'))
    await soon(() => expect(app.running()?.lost).toBe('no answer'))
    dispatchEvent(new Event('online'))
    await soon(() => expect(client.jobs.size).toBe(1))
    await app.jobs.cancel()
    await over
  })

  it('waits longer each time, up to 15 seconds', async () => {
    vi.useFakeTimers()
    const client = new HandJobs()
    const app = createApp(new HandEngine(), new MemoryProjects(), client)
    const tries: number[] = []
    client.tus.create = async () => {
      tries.push(Math.round(performance.now() / 1000))
      throw new JobError(0, 'lost')
    }
    void app.jobs.transcribe(video(), '', false)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(tries.slice(1).map((at, i) => at - (tries[i] ?? 0))).toEqual([1, 2, 4, 8, 15, 15, 15])
    await app.jobs.cancel()
  })
})

describe('a reload while a video is sent', () => {
  async function cut(client = new HandJobs()) {
    client.holdUploads = true
    const first = await start(client)
    void first.jobs.transcribe(video(), 'en', false)
    await soon(() => expect(first.running()?.done).toBe(0.5))
    client.parts.set('upload-1', 1000)
    await first.workspace.flush()
    client.holdUploads = false
    const again = await start(client, first.projects)
    await soon(() => expect(again.jobs.store.get().problem?.remedy).toBe('choose'))
    return again
  }

  it('says how much is there; the same file goes on', async () => {
    const { client, jobs, editor, running } = await cut()
    expect(jobs.store.get().problem).toMatchObject({
      kind: 'transcribe',
      line: 'talk.mp4 was not sent to its end: the server has 25 % of it.',
    })
    expect(jobs.store.get().rest).toMatchObject({ offset: 1000 })
    expect(running()).toBeNull()
    void jobs.transcribe(video(), 'en', true)
    await soon(() => expect(client.jobs.size).toBe(1))
    expect(client.offsets).toEqual([0, 1000])
    expect(client.jobs.get('job-1')?.request.input.upload).toBe('upload-1')
    expect(editor.store.get().project?.part).toBeNull()
    await jobs.cancel()
  })

  it('the same file for a new document goes on as well', async () => {
    const { client, jobs, editor } = await cut()
    const { id } = editor.store.get().project ?? {}
    void jobs.transcribe(video(), 'en', false)
    await soon(() => expect(client.jobs.size).toBe(1))
    expect(client.offsets).toEqual([0, 1000])
    expect(editor.store.get().project?.id).not.toBe(id)
    await jobs.cancel()
  })

  it('another file starts anew, and what was there is taken off the server', async () => {
    const others = [
      video('other.mp4'),
      video('talk.mp4', 4001),
      new File([new Uint8Array(4000)], 'talk.mp4', { lastModified: 5 }),
    ]
    for (const other of others) {
      const { client, jobs } = await cut()
      void jobs.transcribe(other, 'en', true)
      await soon(() => expect(client.jobs.size).toBe(1))
      expect(client.offsets).toEqual([0, 0])
      expect(client.jobs.get('job-1')?.request.input.upload).toBe('upload-2')
      expect(client.parts.has('upload-1')).toBe(false)
      await jobs.cancel()
    }
  })

  it('what the server has thrown away is not spoken of; what it has all of is a video it has', async () => {
    const lost = await cut()
    await lost.workspace.flush()
    lost.client.parts.clear()
    const forgot = await start(lost.client, lost.projects)
    await soon(() => expect(forgot.editor.store.get().project?.part).toBeNull())
    expect(forgot.jobs.store.get()).toMatchObject({ problem: null, rest: null })
    const sent = await cut()
    await sent.workspace.flush()
    sent.client.parts.delete('upload-1')
    sent.client.uploads.set('upload-1', video())
    const whole = await start(sent.client, sent.projects)
    await soon(() =>
      expect(whole.editor.store.get().project?.video).toEqual({
        upload: 'upload-1',
        name: 'talk.mp4',
        bytes: 4000,
      }),
    )
    expect(whole.jobs.store.get()).toMatchObject({ problem: null, rest: null })
  })

  it('its captions closed and opened again, or the token refused: as after a reload', async () => {
    const client = new HandJobs()
    client.holdUploads = true
    const app = await start(client)
    void app.jobs.transcribe(video(), '', false)
    await soon(() => expect(app.running()?.done).toBe(0.5))
    const id = app.editor.store.get().project?.id ?? ''
    client.parts.set('upload-1', 1000)
    await app.workspace.close()
    expect(app.note()).toMatch(/^talk.mp4 was not sent: its captions were closed; it goes on/)
    expect(client.parts.get('upload-1')).toBe(1000)
    await app.workspace.reopen(id)
    await soon(() => expect(app.jobs.store.get().rest?.offset).toBe(1000))
    client.wanted = 'right'
    await app.jobs.transcribe(video(), '', true)
    expect(app.jobs.store.get().problem?.remedy).toBe('token')
    await app.jobs.unlock('right')
    await soon(() => expect(app.jobs.store.get().problem?.remedy).toBe('choose'))
    client.holdUploads = false
    void app.jobs.transcribe(video(), '', true)
    await soon(() => expect(client.jobs.size).toBe(1))
    expect(client.offsets).toEqual([0, 1000])
    await app.jobs.cancel()
  })

  it('what fails for good leaves the rest to go on with', async () => {
    const client = new HandJobs()
    client.tus.append = async () => {
      client.parts.set('upload-1', 1000)
      throw new JobError(507, 'no space left for the upload')
    }
    const { jobs, editor } = await start(client)
    await jobs.transcribe(video(), 'en', false)
    expect(jobs.store.get().problem?.line).toMatch(/no space left/)
    expect(editor.store.get().project?.part).toMatchObject({ upload: 'upload-1' })
    await jobs.look()
    expect(jobs.store.get().rest?.offset).toBe(1000)
  })
})

describe('cancel', () => {
  it('while sending: nothing stays on the server', async () => {
    const client = new HandJobs()
    client.holdUploads = true
    const app = await start(client)
    const over = app.jobs.transcribe(video(), '', false)
    await soon(() => expect(app.running()?.phase).toBe('uploading'))
    expect(app.jobs.uploading).toBe(true)
    await app.jobs.cancel()
    await over
    expect(client.jobs.size).toBe(0)
    await soon(() => expect(client.parts.size + client.uploads.size).toBe(0))
    expect(app.editor.store.get().project?.part).toBeNull()
    expect(app.running()).toBeNull()
    expect(app.note()).toBe('Cancelled: talk.mp4 was not sent.')
  })

  it('while it runs: what was heard stays, and can be taken back', async () => {
    const { client, jobs, over, texts, editor, note } = await transcribing()
    client.segment('job-1', 0, 0, 'one two')
    await soon(() => expect(texts()).toEqual(['one two']))
    await jobs.cancel()
    await over
    expect(client.jobs.get('job-1')?.state).toBe('cancelled')
    expect(texts()).toEqual(['one two'])
    expect(note()).toBe('Cancelled. What was heard so far stays.')
    expect(editor.store.get().project?.job).toBeNull()
    editor.undo()
    expect(texts()).toEqual([])
  })

  it('a file that is closed stops its upload and leaves its job', async () => {
    const { client, workspace, running } = await transcribing()
    await workspace.close()
    expect(running()).toBeNull()
    expect(client.jobs.get('job-1')?.state).toBe('running')
  })
})

describe('what goes wrong says what to do', () => {
  const rows: [number, string, RegExp, string | null][] = [
    [401, 'a token is needed', /Enter the token/, 'token'],
    [413, 'body is too large', /upload_mb_max/, 'choose'],
    [429, 'too many jobs wait already', /Others are first/, 'again'],
    [501, "no transcriber is set up: run './dev transcribe'", /'.\/dev transcribe'/, 'again'],
    [507, 'no space left for the upload', /operator makes room/, 'again'],
  ]
  it.each(rows)('%i', async (status, line, words, remedy) => {
    const client = new HandJobs()
    const app = await start(client)
    client.faults.push(new JobError(status, line))
    await app.jobs.transcribe(video(), '', false)
    const { problem, running } = app.jobs.store.get()
    expect(`${problem?.line} ${problem?.mend}`).toMatch(words)
    expect(problem?.line).toBe(`The transcription of talk.mp4 stopped: ${line}.`)
    expect(problem?.remedy).toBe(remedy)
    expect(running).toBeNull()
    if (remedy !== 'again') return
    expect(app.jobs.again()).toBe(true)
    await soon(() => expect(client.jobs.size).toBe(1))
    await app.jobs.cancel()
  })

  it('a job that failed says the server’s reason', async () => {
    const { client, jobs, over } = await transcribing()
    client.end('job-1', 'failed', 'there is no audio in the file')
    await over
    expect(jobs.store.get().problem?.line).toBe(
      'The transcription of talk.mp4 stopped: there is no audio in the file.',
    )
  })

  it('a file over the server’s limit is not sent at all', async () => {
    const { jobs, client } = await start()
    client.bytesMax = 1000
    await jobs.look()
    expect(jobs.fileProblem('transcribe', video())).toMatch(
      /talk.mp4 has 1 MB; this server takes 1 MB.*ffmpeg/,
    )
    expect(jobs.fileProblem('render', video())).toMatch(/smaller version/)
    await jobs.transcribe(video(), '', false)
    expect(client.uploads.size).toBe(0)
  })

  it('what the server offers: ready, with a reason, locked, unknown', async () => {
    const { jobs, client, editor } = await start()
    expect(jobs.refusal('transcribe')).toBe('')
    client.kinds.set('transcribe', { ready: false, mend: "run './dev transcribe'" })
    client.kinds.delete('render')
    await jobs.look()
    expect(jobs.refusal('transcribe')).toBe("run './dev transcribe'")
    expect(knows(jobs.store.get().offer, 'render')).toBe(false)
    client.faults.push(new JobError(0, 'the server cannot be reached'))
    await jobs.look()
    expect(jobs.refusal('transcribe')).toBe("run './dev transcribe'")
    client.wanted = 'secret'
    await jobs.look()
    expect(jobs.store.get().offer).toEqual({ kind: 'locked', refused: false })
    const given = vi.spyOn(editor.model, 'tokenGiven')
    await jobs.unlock('wrong')
    expect(jobs.store.get().offer).toEqual({ kind: 'locked', refused: true })
    expect(given).not.toHaveBeenCalled()
    await jobs.unlock('secret')
    expect(jobs.store.get().offer.kind).toBe('known')
    expect(given).toHaveBeenCalledOnce() // it counts for edits, too
  })
})

describe('an export', () => {
  const options = { mode: 'burn-in', container: 'mp4', preset: 'fast', size: 'medium' } as const

  async function exporting(client = new HandJobs()) {
    const app = await start(client)
    await app.workspace.open({ name: 'a.srt', bytes: new TextEncoder().encode(SRT) })
    const over = app.jobs.render(video(), options)
    await soon(() => expect(client.jobs.size).toBe(1))
    return { ...app, over }
  }

  it('sends the video and the captions as they are, and has the result ready', async () => {
    const { client, jobs, over, editor } = await exporting()
    expect(client.jobs.get('job-1')?.request).toEqual({
      kind: 'render',
      input: { upload: 'upload-1' },
      captions: { upload: 'upload-2' },
      ...options,
    })
    expect(await client.uploads.get('upload-2')?.text()).toContain('an old line')
    client.files = { 'video.mp4': 'xxxx' }
    client.end('job-1', 'done')
    await over
    expect(jobs.store.get().ready).toEqual({ id: 'job-1', file: 'video.mp4', bytes: 4 })
    await jobs.download()
    expect(client.downloads).toEqual(['job-1/video.mp4'])
    jobs.dismiss()
    expect(editor.store.get().project?.job).toBeNull()
  })

  it('a video the server has is not sent again; one it has thrown away is', async () => {
    const { client, jobs, over, editor, running } = await exporting()
    client.end('job-1', 'done')
    await over
    const remote = editor.store.get().project?.video
    if (!remote) throw new Error('no video is remembered')
    void jobs.render(remote, options)
    await soon(() => expect(client.jobs.size).toBe(2))
    expect(client.jobs.get('job-2')?.request.input.upload).toBe('upload-1')
    client.end('job-2', 'done')
    await soon(() => expect(running()).toBeNull())
    client.uploads.delete('upload-1')
    void jobs.render(remote, options)
    await soon(() => expect(client.jobs.size).toBe(3))
    expect(client.jobs.get('job-3')?.request.input.upload).not.toBe('upload-1')
    expect(client.uploads.get(client.jobs.get('job-3')?.request.input.upload ?? '')?.size).toBe(
      4000,
    )
  })

  it('cancelled while a second video is sent: nothing of it starts', async () => {
    const { client, jobs, over, note, running } = await exporting()
    client.end('job-1', 'done')
    await over
    client.holdUploads = true
    const second = jobs.render(video('other.mp4'), options)
    await soon(() => expect(running()?.phase).toBe('uploading'))
    await jobs.cancel()
    await second
    expect(note()).toBe('Cancelled: other.mp4 was not sent.')
    expect(running()).toBeNull()
    expect(client.jobs.size).toBe(1)
    expect(client.jobs.get('job-1')?.state).toBe('done')
  })

  it('after a reload the result is still there to be downloaded', async () => {
    const { client, over, workspace, projects } = await exporting()
    client.files = { 'video.mp4': 'xxxx' }
    await workspace.flush()
    client.end('job-1', 'done')
    await over
    await workspace.flush()
    const again = await start(client, projects)
    await soon(() => expect(again.jobs.store.get().ready?.id).toBe('job-1'))
  })
})
