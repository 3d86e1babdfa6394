// @vitest-environment jsdom
import { cleanup, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HandEngine } from '../../../tests/fake/engine'
import { HandJobs } from '../../../tests/fake/jobs'
import { MemoryProjects } from '../../../tests/fake/projects'
import { JobError } from '../../jobs/problem'
import { AppView } from '../../shell/app'
import { createApp } from '../../shell/create'
import { openers } from '../../shell/openers'

const SRT = '1\n00:00:01,000 --> 00:00:03,000\nan old line\n'
const video = () => new File([new Uint8Array(4000)], 'talk.mp4', { type: 'video/mp4' })

beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(600)
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true
  }
  HTMLDialogElement.prototype.close = function () {
    this.open = false
    this.dispatchEvent(new Event('close'))
  }
})
afterEach(() => {
  cleanup()
  sessionStorage.clear()
})

async function start(client = new HandJobs()) {
  const app = createApp(new HandEngine(), new MemoryProjects(), client)
  render(<AppView app={app} />)
  await app.workspace.restore()
  await app.jobs.look()
  const open = async () => {
    await app.workspace.open({ name: 'a.srt', bytes: new TextEncoder().encode(SRT) })
    await screen.findByRole('grid', { name: 'Cues' })
  }
  const dialog = (name: string) => screen.findByRole('dialog', { name })
  return { app, client, open, dialog, user: userEvent.setup() }
}

describe('the dialogue for a transcription', () => {
  it('opens for a dropped video, with what comes next in hand; Enter begins', async () => {
    const { app, client, dialog, user } = await start()
    await app.workspace.openFile(video())
    const box = await dialog('Transcribe a video')
    expect(within(box).getByText('talk.mp4')).toBeTruthy()
    const begin = within(box).getByRole('button', { name: 'Transcribe' })
    await waitFor(() => expect(document.activeElement).toBe(begin))
    await user.selectOptions(within(box).getByRole('combobox', { name: 'Language' }), 'German')
    begin.focus()
    await user.keyboard('{Enter}')
    await waitFor(() => expect(client.jobs.size).toBe(1))
    expect(client.jobs.get('job-1')?.request).toMatchObject({ language: 'de' })
    expect(app.editor.store.get().project?.name).toBe('talk.vtt')
    expect(await screen.findByText('Captions appear here as they are heard.')).toBeTruthy()
  })

  it('without a video the choice of one is in hand, and nothing begins', async () => {
    const { client, dialog, user } = await start()
    await user.click(screen.getByRole('button', { name: 'Transcribe a video' }))
    const box = await dialog('Transcribe a video')
    const choose = within(box).getByRole('button', { name: 'Choose…' })
    await waitFor(() => expect(document.activeElement).toBe(choose))
    await user.click(within(box).getByRole('button', { name: 'Transcribe' }))
    expect(client.uploads.size).toBe(0)
  })

  it('asks before captions are replaced: a new document is the default', async () => {
    const { app, client, open, dialog, user } = await start()
    await open()
    await app.workspace.openFile(video())
    const box = await dialog('Transcribe a video')
    const [fresh, here] = within(box).getAllByRole<HTMLInputElement>('radio')
    expect(fresh?.checked).toBe(true)
    if (here) await user.click(here)
    await user.click(within(box).getByRole('button', { name: 'Transcribe' }))
    await waitFor(() => expect(client.jobs.size).toBe(1))
    expect(app.editor.store.get().project?.name).toBe('a.srt')
    expect(app.editor.document?.cues[0]?.text).toBe('an old line')
    client.segment('job-1', 0, 0, 'a new line')
    await waitFor(() => expect(app.editor.document?.cues[0]?.text).toBe('a new line'))
    await user.keyboard('{Control>}z{/Control}')
    expect(app.editor.document?.cues[0]?.text).toBe('an old line')
  })

  it('says what will be sent when the server has a part already', async () => {
    const { app, client, open, dialog } = await start()
    await open()
    const upload = await client.tus.create(4000)
    client.parts.set(upload, 1000)
    const part = {
      upload,
      kind: 'transcribe',
      name: 'talk.mp4',
      bytes: 4000,
      modifiedMs: 7,
    } as const
    app.workspace.remember({ part })
    openers.transcribe?.()
    const box = await dialog('Transcribe a video')
    await within(box).findByText(
      'The server has 25 % of talk.mp4: choose it again, and it goes on there.',
    )
    openers.video?.(new File([new Uint8Array(4000)], 'talk.mp4', { lastModified: 7 }))
    await within(box).findByText('The server has 25 % of it: sending goes on there.')
    openers.video?.(new File([new Uint8Array(4000)], 'talk.mp4', { lastModified: 8 }))
    await within(box).findByText(/^It is sent from its start: it is not the talk.mp4 that/)
  })

  it('a server that is not set up says how, and is looked at again', async () => {
    const client = new HandJobs()
    client.kinds = new Map([['transcribe', { ready: false, mend: "run './dev transcribe'" }]])
    const { open, dialog, user } = await start(client)
    await open()
    expect(screen.queryByRole('button', { name: 'Export video' })).toBeNull()
    await user.keyboard('{Alt>}{Shift>}V{/Shift}{/Alt}')
    const box = await dialog('Transcribe a video')
    expect(within(box).getByText("run './dev transcribe'")).toBeTruthy()
    client.kinds.set('transcribe', { ready: true, mend: null })
    await user.click(within(box).getByRole('button', { name: 'Look again' }))
    expect(await within(box).findByRole('button', { name: 'Choose…' })).toBeTruthy()
  })

  it('a server that wants a token: a wrong one is said, the right one opens the form', async () => {
    const client = new HandJobs()
    client.wanted = 'right'
    const { dialog, user } = await start(client)
    await user.click(screen.getByRole('button', { name: 'Transcribe a video' }))
    const box = await dialog('Transcribe a video')
    const field = within(box).getByLabelText('Token')
    await waitFor(() => expect(document.activeElement).toBe(field))
    await user.keyboard('wrong{Enter}')
    await within(box).findByText(/does not know this token/)
    await user.clear(field)
    await user.type(field, 'right{Enter}')
    expect(await within(box).findByRole('button', { name: 'Choose…' })).toBeTruthy()
  })
})

describe('what the server does', () => {
  it('is a progress bar with a name and a way out; the focus stays in the work', async () => {
    const { app, client, open, user } = await start()
    await open()
    void app.jobs.transcribe(video(), '', true)
    await waitFor(() => expect(client.jobs.size).toBe(1))
    client.say('job-1', 'progress', { progress: 0.42 })
    const bar = await screen.findByRole<HTMLProgressElement>('progressbar', {
      name: 'Transcribing talk.mp4',
    })
    await waitFor(() => expect(bar.value).toBe(42))
    client.faults.push(new JobError(503, 'the server is stopping'))
    client.cut()
    await screen.findByText('No answer from the server, trying again')
    const cancel = screen.getByRole('button', { name: 'Cancel' })
    cancel.focus()
    await user.keyboard('{Enter}')
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull())
    expect(client.jobs.get('job-1')?.state).toBe('cancelled')
    expect(document.activeElement).toBe(screen.getByRole('grid', { name: 'Cues' }))
  })

  it('what went wrong stays, is said, and is tried again by a button and from the palette', async () => {
    const { app, client, open, user } = await start()
    await open()
    client.faults.push(new JobError(507, 'no space left for the upload'))
    await app.jobs.render(video(), {
      mode: 'soft',
      container: 'mkv',
      preset: 'fast',
      size: 'small',
    })
    const words = /no space left for the upload\. The disk of the server is full/
    await screen.findByText(words, { selector: '.notice p' })
    expect(screen.getByText(words, { selector: '[role=status] span' })).toBeTruthy()
    expect(app.actions.by['job-again'].enabled()).toBe(true)
    await user.click(screen.getByRole('button', { name: 'Try again' }))
    await waitFor(() => expect(client.jobs.size).toBe(1))
    expect(document.querySelector('.notice')).toBeNull()
  })

  it('a refused token leads to the field for it', async () => {
    const { app, client, open, user, dialog } = await start()
    await open()
    client.wanted = 'right'
    await app.jobs.transcribe(video(), '', true)
    await user.click(await screen.findByRole('button', { name: 'Enter the token…' }))
    expect(within(await dialog('Transcribe a video')).getByLabelText('Token')).toBeTruthy()
  })
})

describe('the dialogue for an export', () => {
  it('takes the video that the server has; how letters look is asked only where it matters', async () => {
    const { app, client, open, dialog, user } = await start()
    await open()
    const upload = await client.tus.create(4000)
    client.parts.delete(upload)
    client.uploads.set(upload, video())
    app.workspace.remember({ video: { upload, name: 'talk.mp4', bytes: 4000 } })
    await user.click(screen.getByRole('button', { name: 'Export video' }))
    const box = await dialog('Export the video')
    expect(within(box).getByText(/on the server already/)).toBeTruthy()
    expect(within(box).getByRole('combobox', { name: 'Letters' })).toBeTruthy()
    await user.click(within(box).getByRole('radio', { name: /^as a track/ }))
    expect(within(box).queryByRole('combobox', { name: 'Letters' })).toBeNull()
    await user.selectOptions(within(box).getByRole('combobox', { name: 'File' }), 'Matroska')
    await user.click(within(box).getByRole('button', { name: 'Export' }))
    await waitFor(() => expect(client.jobs.size).toBe(1))
    expect(client.jobs.get('job-1')?.request).toMatchObject({
      kind: 'render',
      input: { upload },
      mode: 'soft',
      container: 'mkv',
    })
    client.files = { 'video.mkv': 'x'.repeat(2000) }
    client.end('job-1', 'done')
    await screen.findByText('video.mkv is ready, 2 kB.')
    await user.click(screen.getByRole('button', { name: 'Download' }))
    expect(client.downloads).toEqual(['job-1/video.mkv'])
    await user.click(screen.getByRole('button', { name: 'Dismiss' }))
    expect(document.activeElement).toBe(screen.getByRole('grid', { name: 'Cues' }))
  })
})
