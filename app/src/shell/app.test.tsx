// @vitest-environment jsdom
import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HandEngine, serverReceipt } from '../../tests/fake/engine'
import { HandJobs } from '../../tests/fake/jobs'
import { MemoryProjects } from '../../tests/fake/projects'
import { AppView } from './app'
import { createApp } from './create'

const SRT = `1
00:00:01,000 --> 00:00:03,000
its louder then this

2
00:00:03,000 --> 00:00:05,000
they is here
`

beforeEach(() => {
  // jsdom has no layout: the virtual list needs a height to show rows.
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(600)
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600)
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(800)
  vi.spyOn(HTMLElement.prototype, 'offsetWidth', 'get').mockReturnValue(800)
  // user-event's arrow keys on radio buttons want it
  vi.stubGlobal('CSS', { escape: (text: string) => text.replace(/[^\w-]/g, '\\$&') })
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
  vi.unstubAllGlobals()
  sessionStorage.clear()
  localStorage.clear()
})

async function start(facts: Partial<HandEngine['facts']> = {}, server = false) {
  const engine = new HandEngine()
  engine.server = server
  engine.facts = { ...engine.facts, ...facts }
  const projects = new MemoryProjects()
  const app = createApp(engine, projects, new HandJobs())
  render(<AppView app={app} />)
  await app.editor.model.look()
  await app.workspace.restore()
  const open = async (text = SRT) => {
    await app.workspace.open({ name: 'bees.srt', bytes: new TextEncoder().encode(text) })
    return screen.findByRole('grid', { name: 'Cues' })
  }
  const box = () => screen.getByRole<HTMLTextAreaElement>('textbox', { name: /^Text of cue/ })
  return { engine, app, projects, open, box, user: userEvent.setup() }
}

describe('the list', () => {
  it('is a grid with counts, the cue in hand its active descendant', async () => {
    const { open, user } = await start()
    const grid = await open()
    expect(grid.getAttribute('aria-rowcount')).toBe('3')
    expect(grid.getAttribute('aria-colcount')).toBe('6')
    const rows = within(grid).getAllByRole('row')
    expect(rows).toHaveLength(3)
    expect(rows[1]?.getAttribute('aria-selected')).toBe('true')
    grid.focus()
    await user.keyboard('{ArrowDown}')
    expect(grid.getAttribute('aria-activedescendant')).toBe(rows[2]?.id)
    expect(document.activeElement).toBe(grid)
    await user.keyboard('{Enter}')
    expect(document.activeElement).toBe(screen.getByRole('textbox', { name: /^Text of cue/ }))
    await user.keyboard('{Escape}')
    expect(document.activeElement).toBe(grid)
  })

  it('shows a cue’s rate, and says when it is over the limit', async () => {
    const { open } = await start()
    const grid = await open('1\n00:00:00,000 --> 00:00:01,000\nthirty characters in a second!!\n')
    await waitFor(() => expect(within(grid).getByText('31.0', { exact: false })).toBeTruthy())
    await waitFor(() => expect(within(grid).getAllByText(', over the limit')).toHaveLength(1))
  })
})

describe('a suggestion', () => {
  async function suggested() {
    const all = await start()
    await all.open()
    all.box().focus()
    fireEvent.keyDown(all.box(), { key: 'f', code: 'KeyF', altKey: true })
    await waitFor(() => expect(all.engine.asked).toHaveLength(1))
    all.engine.asked[0]?.finish("it's louder than this")
    await screen.findByRole('button', { name: /^Accept:\s*its\s*becomes\s*it's$/ })
    return all
  }

  it('Tab accepts it whole; without one Tab moves on', async () => {
    const { box, user } = await suggested()
    await user.tab()
    expect(box().value).toBe("it's louder than this")
    expect(document.activeElement).toBe(box())
    await user.tab()
    expect(document.activeElement).not.toBe(box())
  })

  it('Escape dismisses it and leaves the text', async () => {
    const { box, user } = await suggested()
    await user.keyboard('{Escape}')
    expect(screen.queryByText('than')).toBeNull()
    expect(box().value).toBe('its louder then this')
    expect(document.activeElement).toBe(box())
  })

  it('a click on a changed word accepts only that word; focus goes to the text', async () => {
    const { box, user } = await suggested()
    await user.click(screen.getByRole('button', { name: /^Accept:\s*then\s*becomes\s*than$/ }))
    expect(box().value).toBe('its louder than this')
    expect(screen.getByRole('button', { name: /^Accept:\s*its\s*becomes\s*it's$/ })).toBeTruthy()
    expect(document.activeElement).toBe(box())
  })

  it('shows its receipt and is announced politely', async () => {
    await suggested()
    expect(screen.getAllByText('this device, 38 ms').length).toBeGreaterThan(0)
    expect(screen.getByRole('status').textContent).toBe("Fix suggests: it's louder than this")
  })

  it('Ctrl+Z undoes it in one step, Ctrl+Y brings it back', async () => {
    const { box, user } = await suggested()
    await user.tab()
    await user.keyboard('{Control>}z{/Control}')
    expect(box().value).toBe('its louder then this')
    await user.keyboard('{Control>}y{/Control}')
    expect(box().value).toBe("it's louder than this")
  })
})

describe('versions', () => {
  /** Fix, then Alt+V: three versions of it. */
  async function several() {
    const all = await start()
    await all.open()
    all.box().focus()
    await all.user.keyboard('{Alt>}f{/Alt}')
    await waitFor(() => expect(all.engine.asked).toHaveLength(1))
    all.engine.asked[0]?.finish("it's louder than this")
    await screen.findByRole('button', { name: 'More Alt+V' })
    await all.user.keyboard('{Alt>}v{/Alt}')
    await waitFor(() => expect(all.engine.asked).toHaveLength(2))
    expect(all.engine.asked[1]?.request.variants).toBe(3)
    expect(screen.getByText('Looking…')).toBeTruthy() // and the one that stands, stays
    expect(screen.getByRole('button', { name: /^Accept:\s*its\s*becomes/ })).toBeTruthy()
    all.engine.asked[1]?.finish("it's louder than this", ['it is louder', "It's louder than that"])
    const group = await screen.findByRole('radiogroup', { name: 'Versions' })
    const radios = () => within(group).getAllByRole<HTMLInputElement>('radio')
    const chosen = () => radios().findIndex((radio) => radio.checked)
    return { ...all, radios, chosen }
  }

  it('are radio buttons with their text; the first is in hand, and Tab accepts that', async () => {
    const { box, user, radios, chosen } = await several()
    expect(radios().map((radio) => radio.getAttribute('aria-label'))).toEqual([
      "Version 1: it's louder than this",
      'Version 2: it is louder',
      "Version 3: It's louder than that",
    ])
    expect(chosen()).toBe(0)
    expect(screen.getByRole('status').textContent).toMatch(/^Fix suggests 3 versions, the first:/)
    await user.tab()
    expect(box().value).toBe("it's louder than this")
  })

  it('Alt+2 takes one in hand from the text, and says it; Tab accepts it', async () => {
    const { box, user, chosen, app } = await several()
    await user.keyboard('{Alt>}2{/Alt}')
    expect(chosen()).toBe(1)
    expect(document.activeElement).toBe(box())
    expect(screen.getByRole('status').textContent).toBe('Version 2 of 3: it is louder')
    await user.tab()
    expect(box().value).toBe('it is louder')
    expect(app.editor.store.get().history?.past).toHaveLength(1)
  })

  it('F6 goes into them, arrows walk, Enter accepts, Escape takes all of them away', async () => {
    const { box, user, radios, chosen } = await several()
    await user.keyboard('{F6}')
    expect(document.activeElement).toBe(radios()[0])
    await user.keyboard('{ArrowDown}{ArrowDown}')
    expect(chosen()).toBe(2)
    await user.keyboard('{Enter}')
    expect(box().value).toBe("It's louder than that")
    expect(document.activeElement).toBe(box())
    cleanup()
    const again = await several()
    await again.user.keyboard('{F6}{Escape}')
    expect(screen.queryByRole('radiogroup')).toBeNull()
    expect(again.box().value).toBe('its louder then this')
    expect(document.activeElement).toBe(again.box())
  })

  it('a task whose taste matters asks for three at once', async () => {
    const { open, user, engine } = await start()
    await open()
    await user.click(screen.getByRole('button', { name: 'Casual' }))
    await waitFor(() =>
      expect(engine.asked[0]?.request).toMatchObject({ task: 'casual', variants: 3 }),
    )
    engine.asked[0]?.finish('well, its louder')
    await screen.findByRole('button', { name: 'More Alt+V' }) // there was one only
    await user.keyboard('{Alt>}v{/Alt}')
    await waitFor(() => expect(engine.asked).toHaveLength(2))
    engine.asked[1]?.finish('well, its louder')
    await screen.findByText('There is no other version.', { selector: '.note' })
  })

  it('a task that is not offered says why, here and in the device panel, and asks nothing', async () => {
    const { open, user, engine } = await start()
    await open()
    expect(screen.queryByRole('button', { name: 'Formal' })).toBeNull()
    await user.keyboard('{Alt>}o{/Alt}')
    await screen.findByText(
      'Formal is not offered on this device: this model gave 2 of 30 usable answers.',
      { selector: '.note' },
    )
    expect(engine.asked).toHaveLength(0)
    const panel = document.getElementById('device') ?? document.body
    expect(within(panel).getByText('this model gave 9 of 30 usable answers')).toBeTruthy()
    expect(within(panel).getByText(/GPU 52 ms, CPU 38 ms/)).toBeTruthy()
  })
})

describe('the receipt', () => {
  it('is a button, and opened a list that can be read; the palette opens it too', async () => {
    const shown: HTMLElement[] = []
    HTMLElement.prototype.showPopover = function () {
      shown.push(this)
    }
    const { open, user, engine } = await start()
    await open()
    await user.keyboard('{Alt>}f{/Alt}')
    await waitFor(() => expect(engine.asked).toHaveLength(1))
    engine.asked[0]?.finish("it's louder than this")
    const [button] = await screen.findAllByRole('button', { name: 'this device, 38 ms' })
    const panel = document.getElementById(button?.getAttribute('popovertarget') ?? '')
    expect(panel?.textContent).toMatch(/Ran onThis device, CPU: the GPU is slower here/)
    expect(panel?.textContent).toMatch(/Sentnothing left this device/)
    await user.keyboard('{Alt>}i{/Alt}')
    expect(shown[0]?.getAttribute('aria-label')).toBe('Receipt of this edit')
  })
})

describe('the model', () => {
  it('the device panel copies a report, and shows it where the clipboard is closed', async () => {
    const { app, engine, user } = await start({ availability: 'downloadable' })
    const panel = within(document.getElementById('device') ?? document.body)
    const button = panel.getByRole('button', { name: 'Copy report', hidden: true })
    await user.click(button)
    await panel.findByText(/^Copied/)
    await screen.findByText('Report copied', { exact: false })
    expect(await navigator.clipboard.readText()).toBe('# nearfield report\n\nno model')
    await app.editor.model.download()
    await user.click(button)
    await waitFor(async () => expect(await navigator.clipboard.readText()).toMatch(/of the model/))
    vi.stubGlobal('navigator', { ...navigator, clipboard: undefined })
    await user.click(button)
    const shown = await panel.findByRole<HTMLTextAreaElement>('textbox', { hidden: true })
    expect(shown.value).toMatch(/of the model/)
    expect(engine.opens).toBe(1)
  })

  it('a report that cannot be made is told, and may be asked for again', async () => {
    const { engine, user } = await start({ availability: 'downloadable' })
    const panel = within(document.getElementById('device') ?? document.body)
    const button = panel.getByRole('button', { name: 'Copy report', hidden: true })
    engine.report = () => Promise.reject(new Error('no worker here'))
    await user.click(button)
    await screen.findAllByText('There is no report: no worker here')
    expect(button.getAttribute('aria-disabled')).toBe('false')
    engine.report = async () => 'a report'
    await user.click(button)
    await panel.findByText(/^Copied/)
  })

  it('is asked for with its size before anything is fetched, and can be refused', async () => {
    const { engine, open, box, user } = await start({ availability: 'downloadable' })
    await open()
    await user.click(screen.getByRole('button', { name: /^Fix( Alt.*)?$/ }))
    const strip = document.getElementById('suggestion')
    if (!strip) throw new Error('no strip')
    expect(within(strip).getByText(/98 MB\), works/)).toBeTruthy()
    expect(engine.opens).toBe(0)
    await user.click(within(strip).getByRole('button', { name: 'Not now' }))
    expect(engine.opens).toBe(0)
    expect(within(strip).queryByRole('button')).toBeNull()
    expect(document.activeElement).toBe(box())
  })

  it('shows progress, then does what was asked', async () => {
    const { engine, open, user } = await start({ availability: 'downloadable' })
    engine.holdOpen = true
    await open()
    await user.click(screen.getByRole('button', { name: /^Fix( Alt.*)?$/ }))
    const strip = document.getElementById('suggestion')
    if (!strip) throw new Error('no strip')
    await user.click(within(strip).getByRole('button', { name: 'Download 98 MB' }))
    engine.progress?.(49_000_000, 98_000_000)
    expect(await within(strip).findByText('Getting the model: 49 MB of 98 MB')).toBeTruthy()
    engine.finishOpen?.()
    await waitFor(() => expect(engine.asked).toHaveLength(1))
  })
})

describe('a server that edits too', () => {
  const absent = () => start({ availability: 'downloadable' }, true)
  const asksToDownload = () =>
    screen.queryByRole('button', { name: /^Download 98 MB.+here$/ }) !== null

  it('answers before there is a model; the page says so, and asks for the download once', async () => {
    const { engine, open, user, box } = await absent()
    await open()
    expect(screen.getByText('Edits are sent to the server.')).toBeTruthy()
    await user.click(screen.getByRole('button', { name: /^Fix( Alt.*)?$/ }))
    await waitFor(() => expect(engine.asked).toHaveLength(1))
    expect(engine.asked[0]?.request.mode).toBe('prefer_on_device')
    engine.asked[0]?.finish("it's louder than this", [], serverReceipt)
    await waitFor(() => expect(screen.getAllByText('server, 412 ms').length).toBeGreaterThan(0))
    expect([engine.opens, asksToDownload()]).toEqual([0, true])
    await user.click(screen.getByRole('button', { name: 'Not now' }))
    expect(document.activeElement).toBe(box())
    await user.keyboard('{Alt>}f{/Alt}')
    await waitFor(() => expect(engine.asked).toHaveLength(2))
    expect([engine.opens, asksToDownload()]).toEqual([0, false])
  })

  it('is asked nothing once a person wants this device alone, also after a reload', async () => {
    const { engine, app, open, user } = await absent()
    await open()
    await user.click(screen.getByRole('radio', { name: 'Only on this device', hidden: true }))
    expect(screen.queryByText('Edits are sent to the server.')).toBeNull()
    await user.click(screen.getByRole('button', { name: /^Fix( Alt.*)?$/ }))
    expect(engine.asked).toHaveLength(0)
    expect(screen.getAllByRole('button', { name: 'Download 98 MB' }).length).toBeGreaterThan(0)
    app.editor.reject()
    cleanup()
    const again = await absent()
    await again.open()
    const name = 'Only on this device'
    const radio = screen.getByRole<HTMLInputElement>('radio', { name, hidden: true })
    expect(radio.checked).toBe(true)
  })

  it('the page says where captions go, and nothing that is not so', async () => {
    const { app } = await absent()
    const until = 'The server runs the edits you ask for until the model is here.'
    const sent = /the text of a cue you ask to edit may be sent to this server\./
    expect(screen.getByText(until)).toBeTruthy()
    expect(screen.getByText(sent)).toBeTruthy()
    expect(screen.getByText(/which may pass a text on to another model\./)).toBeTruthy()
    act(() => app.editor.model.setMode('only_on_device'))
    expect(screen.getByText('Captions are edited on this device.')).toBeTruthy()
    expect(screen.getByText(/read in this browser and stay in it\./)).toBeTruthy()
    act(() => app.editor.model.setMode('prefer_in_cloud'))
    expect(screen.getByText('The server runs the edits you ask for.')).toBeTruthy()
    await act(() => app.editor.model.download())
    expect(screen.getByText('The server runs the edits you ask for.')).toBeTruthy()
    act(() => app.editor.model.setMode('prefer_on_device'))
    const helps = 'Captions are edited on this device; the server helps out.'
    expect(screen.getByText(helps)).toBeTruthy()
    expect(screen.getByText(sent)).toBeTruthy()
  })

  it('a batch that runs asks for the model as soon as only it may answer', async () => {
    const { engine, app, open } = await absent()
    await open()
    const ids = app.editor.document?.cues.map(({ id }) => id) ?? []
    const running = app.editor.assist.runBatch('fix', ids)
    await waitFor(() => expect(engine.asked).toHaveLength(1))
    engine.asked[0]?.finish()
    await waitFor(() => expect(engine.asked).toHaveLength(2))
    const strip = within(document.getElementById('suggestion') ?? document.body)
    expect(strip.queryByText(/^Suggestions come from/)).toBeNull()
    act(() => app.editor.model.setMode('only_on_device'))
    expect(strip.getByText(/^Suggestions come from/)).toBeTruthy()
    app.editor.assist.closeBatch()
    await running
  })

  it('?debug lists receipts without their text, the newest first; the ledger adds up', async () => {
    const { engine, app, open, user } = await absent()
    app.editor.store.set({ debug: true })
    await open()
    const [tab] = screen.getAllByRole('button', { name: /^Receipts/ })
    if (tab) await user.click(tab)
    const list = screen.getByLabelText<HTMLOListElement>('Receipts, the newest first')
    expect(list.hidden).toBe(true)
    for (const told of [serverReceipt, { ...serverReceipt, why: 'device_loading' }]) {
      engine.sums = { ...engine.sums, server: { ...engine.sums.server, edits: 2, requests: 2 } }
      await user.keyboard('{Alt>}f{/Alt}')
      engine.asked.at(-1)?.finish('zephyrine', [], told)
      await waitFor(() => expect(app.editor.assist.store.get().last).toBe(told))
    }
    const items = await within(list).findAllByRole('listitem')
    expect(items.map((item) => item.dataset.why)).toEqual(['device_loading', 'device_absent'])
    expect(items[1]?.textContent).toMatch(/there is no model on this device.*312 B to the server/)
    expect(list.textContent).not.toMatch(/zephyrine|louder/)
    const panel = document.getElementById('device') ?? document.body
    expect(within(panel).getByText('2 edits, 0 ms waited, 0 B sent')).toBeTruthy()
    await user.click(screen.getByRole('button', { name: 'Copy as JSON' }))
    const copied = JSON.parse(await navigator.clipboard.readText())
    expect(copied.map(({ n, why }: { n: number; why: string }) => [n, why])).toEqual([
      [2, 'device_loading'],
      [1, 'device_absent'],
    ])
  })

  it('no receipts are listed without ?debug', async () => {
    const { open } = await start()
    await open()
    expect(screen.queryByRole('button', { name: /^Receipts/ })).toBeNull()
  })
})

describe('commands', () => {
  it('the palette filters and runs', async () => {
    const { app, open, user } = await start()
    await open()
    await user.keyboard('{Control>}k{/Control}')
    const input = screen.getByRole('combobox')
    await user.type(input, 'next cue')
    expect(screen.getAllByRole('option').map((one) => one.textContent)).toContain('Next cue Alt+↓')
    const first = app.editor.active?.id
    await user.keyboard('{Control>}a{/Control}next cue{Enter}')
    await waitFor(() => expect(app.editor.active?.id).not.toBe(first))
  })

  it('review: none selected accepts nothing, all accepts in one step', async () => {
    const { engine, app, open, user } = await start()
    await open()
    await user.click(screen.getByRole('button', { name: 'Fix all' }))
    engine.asked[0]?.finish("it's louder than this")
    await waitFor(() => expect(engine.asked).toHaveLength(2))
    engine.asked[1]?.finish('they are here')
    const list = await screen.findByRole('listbox', { name: 'Suggestions' })
    await waitFor(() => expect(within(list).getAllByRole('option')).toHaveLength(2))
    await user.click(screen.getByRole('button', { name: 'Select none' }))
    await user.click(screen.getByRole('button', { name: /^Accept$/ }))
    expect(app.editor.store.get().history?.past).toHaveLength(0)
    await user.click(screen.getByRole('button', { name: 'Select all' }))
    await user.click(screen.getByRole('button', { name: 'Accept 2' }))
    expect(app.editor.document?.cues.map((cue) => cue.text)).toEqual([
      "it's louder than this",
      'they are here',
    ])
    expect(app.editor.store.get().history?.past).toHaveLength(1)
  })
})

describe('files', () => {
  it('a file that cannot be read is told; what is open stays', async () => {
    const { app, open } = await start()
    await open()
    await app.workspace.open({ name: 'noise.srt', bytes: new Uint8Array([1, 2, 3]) })
    expect(
      await screen.findByText('noise.srt was not opened: line 1: no cue found', { selector: 'p' }),
    ).toBeTruthy()
    expect(app.editor.store.get().project?.name).toBe('bees.srt')
  })

  it('typing is kept in this browser and restored', async () => {
    const { app, open, box, projects, user } = await start()
    await open()
    await user.type(box(), '!')
    await app.workspace.flush()
    expect(projects.saves).toBe(1)
    cleanup()
    const again = createApp(new HandEngine(), projects, new HandJobs())
    render(<AppView app={again} />)
    await again.workspace.restore()
    expect(screen.getByRole<HTMLTextAreaElement>('textbox', { name: /^Text of cue/ }).value).toBe(
      'its louder then this!',
    )
  })

  it('a browser that keeps nothing says so', async () => {
    const { app, open, projects, box, user } = await start()
    await open()
    projects.fail = new Error('the disk is full.')
    await user.type(box(), '!')
    await app.workspace.flush()
    expect(
      await screen.findByText(/Not saved in this browser: the disk is full/, { selector: 'p' }),
    ).toBeTruthy()
  })
})

describe('the times of the cue in hand', () => {
  const field = (name: string) => screen.getByRole<HTMLInputElement>('textbox', { name })
  const times = (app: Awaited<ReturnType<typeof start>>['app']) => {
    const cue = app.editor.active
    return [cue?.startMs, cue?.endMs]
  }

  it('are typed, taken on Enter, refused when they cannot be, taken back by Escape', async () => {
    const { app, open, user, box } = await start()
    await open()
    await user.keyboard('{Alt>}t{/Alt}')
    expect(document.activeElement).toBe(field('Start'))
    await user.keyboard('0.5{Enter}')
    expect(times(app)).toEqual([500, 3000])
    expect(field('Length').value).toBe('2.500')
    await user.clear(field('End'))
    await user.type(field('End'), '0:00.2{Enter}')
    expect(times(app)).toEqual([500, 3000])
    expect(field('End').getAttribute('aria-invalid')).toBe('true')
    await screen.findByText('Times not changed: the end must be after the start.', {
      selector: '.note',
    })
    await user.keyboard('{Escape}')
    expect(field('End').value).toBe('00:03.000')
    expect(document.activeElement).toBe(box())
    await user.clear(field('Length'))
    await user.type(field('Length'), '4')
    await user.tab()
    expect(times(app)).toEqual([500, 4500])
  })

  it('are taken before another command runs, which never loses them', async () => {
    const { app, open, user } = await start()
    await open()
    const first = app.editor.active?.id ?? -1
    await user.clear(field('End'))
    await user.type(field('End'), '2.5')
    await user.keyboard('{Alt>}{ArrowDown}{/Alt}')
    const cue = app.editor.document?.cues.find(({ id }) => id === first)
    expect(cue?.endMs).toBe(2500)
    expect(app.editor.active?.id).not.toBe(first)
    expect(field('End').value).toBe('00:05.000')
  })
})
