// @vitest-environment jsdom
import { act, cleanup, render, renderHook, screen, waitFor } from '@testing-library/react'
import {
  Activity,
  Component,
  createElement as h,
  type ReactNode,
  StrictMode,
  Suspense,
  useEffect,
} from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SupersededError } from './error.ts'
import { Nearfield, NearfieldError } from './index.ts'
import { useEdit, useNearfield, useVariants } from './react.ts'
import { type Fake, fakeNearfield } from './testing/fake_nearfield.ts'

let fake: Fake
beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 5 })
  fake = fakeNearfield()
})
afterEach(() => {
  cleanup()
  vi.advanceTimersByTime(60_000) // what the test held is closed
  vi.useRealTimers()
  vi.restoreAllMocks()
})
const MODEL = { model: '/m/' }
const later = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms))

test('a model is opened once for all components, and closed when the last has gone', async () => {
  const first = renderHook(() => useNearfield(MODEL))
  const second = renderHook(() => useNearfield({ ...MODEL }))
  expect(first.result.current).toMatchObject({ nearfield: null, error: null })
  await waitFor(() => expect(first.result.current.nearfield).not.toBeNull())
  expect(first.result.current.progress).toEqual({ loaded: 10, total: 10, stage: 'load' })
  expect(first.result.current.status).toMatchObject({ state: 'ready' })
  expect(second.result.current.nearfield).toBe(first.result.current.nearfield)
  expect(fake.opened).toHaveLength(1)
  first.unmount()
  await later(60_000)
  expect(fake.close).not.toHaveBeenCalled()
  second.unmount()
  const soon = renderHook(() => useNearfield(MODEL)) // a remount finds it open
  await later(60_000)
  expect(fake.close).not.toHaveBeenCalled()
  expect(soon.result.current.nearfield).not.toBeNull()
  soon.unmount()
  await later(60_000)
  expect(fake.close).toHaveBeenCalledOnce()
  expect(fake.opened).toHaveLength(1)
})

test('StrictMode opens one model and closes none that is in use', async () => {
  const { result, unmount } = renderHook(() => useNearfield(MODEL), { wrapper: StrictMode })
  await waitFor(() => expect(result.current.nearfield).not.toBeNull())
  await later(60_000)
  expect(fake.opened).toHaveLength(1)
  expect(fake.opened[0]!.signal!.aborted).toBe(false)
  expect(fake.close).not.toHaveBeenCalled()
  unmount()
  await later(60_000)
  expect(fake.close).toHaveBeenCalledOnce()
})

test('unmounted before it is ready: the download ends', async () => {
  const { unmount } = renderHook(() => useNearfield(MODEL))
  unmount()
  expect(fake.opened[0]!.signal!.aborted).toBe(false)
  vi.advanceTimersByTime(60_000)
  expect(fake.opened[0]!.signal!.aborted).toBe(true)
})

const Page = () => h('p', null, useNearfield({ model: '/other/' }).nearfield ? 'ready' : 'not yet')

test('no model is opened for null, nor on a server', async () => {
  const { result, rerender } = renderHook(({ options }) => useNearfield(options), {
    initialProps: { options: null as typeof MODEL | null },
  })
  await later(100)
  expect(fake.opened).toEqual([])
  rerender({ options: MODEL })
  await waitFor(() => expect(result.current.nearfield).not.toBeNull())
  expect(renderToString(h(Page))).toBe('<p>not yet</p>')
  expect(fake.opened).toHaveLength(1)
})

test('why a model could not be opened; the next mount tries again', async () => {
  vi.mocked(Nearfield.open).mockRejectedValueOnce(new NearfieldError('network', 'cut'))
  const first = renderHook(() => useNearfield(MODEL))
  await waitFor(() => expect(first.result.current.error).toMatchObject({ code: 'network' }))
  first.unmount()
  const second = renderHook(() => useNearfield(MODEL))
  await waitFor(() => expect(second.result.current.nearfield).not.toBeNull())
  expect(second.result.current.error).toBeNull()
})

class Boundary extends Component<{ children: ReactNode }, { said: string }> {
  override state = { said: '' }
  static getDerivedStateFromError = (error: Error) => ({ said: error.message })
  override render() {
    return this.state.said ? h('p', null, this.state.said) : this.props.children
  }
}
const Suspended = () => {
  const { nearfield } = useNearfield({ ...MODEL, suspense: true })
  return h('p', null, nearfield ? 'ready' : 'never')
}
const page = (wrapper: typeof StrictMode | typeof Boundary = StrictMode) =>
  h(wrapper, null, h(Suspense, { fallback: h('p', null, 'waiting') }, h(Suspended)))

test('Suspense: the fallback until the model is ready, one model, none left behind', async () => {
  const { unmount } = await act(async () => render(page()))
  await waitFor(() => screen.getByText('ready'))
  expect(fake.opened).toHaveLength(1)
  await later(60_000)
  expect(fake.close).not.toHaveBeenCalled()
  unmount()
  await later(60_000)
  expect(fake.close).toHaveBeenCalledOnce()
})

/** As a real model: one that takes its time. Answers what each open() was given. */
function opensAfter(ms: number) {
  const open = vi.mocked(Nearfield.open).getMockImplementation()!
  vi.mocked(Nearfield.open).mockImplementation(async (options) => {
    await new Promise((done) => setTimeout(done, ms))
    return open(options)
  })
  return vi.mocked(Nearfield.open).mock.calls
}

test.each([
  ['StrictMode', StrictMode],
  ['no StrictMode', Boundary],
])('Suspense: a model that takes 20 s is waited for (%s)', async (_, by) => {
  const opens = opensAfter(20_000)
  const { unmount } = await act(async () => render(page(by)))
  await later(15_000)
  screen.getByText('waiting')
  await later(6000)
  screen.getByText('ready')
  await later(60_000)
  expect(opens).toHaveLength(1)
  expect(opens[0]![0].signal!.aborted).toBe(false)
  expect(fake.close).not.toHaveBeenCalled()
  unmount()
  await later(60_000)
  expect(fake.close).toHaveBeenCalledOnce()
})

test('Suspense: left while it waits, the model is closed soon after it is ready', async () => {
  const opens = opensAfter(20_000)
  const { unmount } = await act(async () => render(page()))
  unmount()
  await later(21_000)
  expect(fake.close).not.toHaveBeenCalled()
  await later(10_000)
  expect(fake.close).toHaveBeenCalledOnce()
  expect(opens).toHaveLength(1)
})

const Shown = ({ shown }: { shown: (Nearfield | null)[] }) => {
  const { nearfield } = useNearfield(MODEL)
  shown.push(nearfield)
  return h('p', null, nearfield ? 'ready' : 'not yet')
}

test('Activity: hidden for long the model is closed, and shown again it is opened again', async () => {
  const shown: (Nearfield | null)[] = []
  const child = h(Shown, { shown }) // the same element: no render by its parent
  const view = (mode: 'visible' | 'hidden') => {
    const props = { mode, children: child } // the type wants it among them
    return h(Activity, props)
  }
  const { rerender, unmount } = render(view('visible'))
  await waitFor(() => screen.getByText('ready'))
  const [first] = shown.slice(-1)
  await act(async () => rerender(view('hidden')))
  await later(60_000)
  expect(first!.close).toHaveBeenCalledOnce()
  await act(async () => rerender(view('visible')))
  await later(1000)
  const [second] = shown.slice(-1)
  screen.getByText('ready')
  expect(second).not.toBe(first)
  await later(60_000)
  expect(second!.close).not.toHaveBeenCalled()
  expect(fake.opened.map(({ signal }) => signal!.aborted)).toEqual([true, false])
  unmount()
  await later(60_000)
  expect(second!.close).toHaveBeenCalledOnce()
})

test.each(['lost', 'closed'] as const)('a model that is %s is replaced', async (state) => {
  const { result, rerender } = renderHook(() => useNearfield(MODEL))
  await waitFor(() => expect(result.current.nearfield).not.toBeNull())
  const first = result.current.nearfield!
  Object.assign(first.status, { state })
  if (state === 'lost') act(() => fake.opened[0]!.onStatus!({ ...first.status }))
  else rerender() // close() tells nobody
  expect(result.current.nearfield).toBeNull()
  await waitFor(() => expect(result.current.nearfield).not.toBeNull())
  await later(60_000)
  expect(result.current.nearfield).not.toBe(first)
  expect(result.current.nearfield!.close).not.toHaveBeenCalled()
  expect(fake.opened).toHaveLength(2)
})

test('Suspense: an error goes to the boundary', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {}) // React tells of it
  vi.mocked(Nearfield.open).mockRejectedValueOnce(new NearfieldError('network', 'cut'))
  await act(async () => render(page(Boundary)))
  await waitFor(() => screen.getByText('cut'))
})

async function withModel<T>(hook: (nearfield: Nearfield | null) => T, strict = false) {
  const nearfield = await Nearfield.open(MODEL)
  return renderHook(() => hook(nearfield), strict ? { wrapper: StrictMode } : {})
}

test.each([false, true])('useEdit: pending, then the result (StrictMode: %s)', async (strict) => {
  fake.edit = ({ text }) => ({ text: text.toUpperCase() })
  const { result } = await withModel(useEdit, strict)
  expect(result.current).toMatchObject({ result: null, pending: false, error: null })
  let answer: unknown
  await act(async () => {
    void result.current.edit({ task: 'fix', text: 'a' }).then((given) => {
      answer = given
    })
  })
  await waitFor(() => expect(result.current.result).toMatchObject({ text: 'A' }))
  expect(result.current.pending).toBe(false)
  expect(answer).toBe(result.current.result)
})

test('useEdit: a newer edit ends the older; unmount and cancel end what runs', async () => {
  const { result, unmount } = await withModel(useEdit)
  const ask = (text: string) => result.current.edit({ task: 'fix', text })
  const { edit } = result.current
  let older: Promise<unknown> = Promise.resolve()
  await act(async () => {
    older = ask('a')
    await ask('b')
  })
  await expect(older).resolves.toBeNull()
  expect(fake.edits[0]!.signal!.aborted).toBe(true)
  expect(result.current).toMatchObject({ result: { text: 'b' }, error: null })
  expect(result.current.edit).toBe(edit) // stable: fit for the dependencies of an effect

  let given: Promise<unknown> = Promise.resolve()
  act(() => {
    given = ask('c')
  })
  expect(result.current.pending).toBe(true)
  act(() => result.current.cancel())
  expect(result.current.pending).toBe(false)
  await expect(given).resolves.toBeNull()
  act(() => {
    given = ask('d')
  })
  await act(async () => {})
  unmount()
  expect(fake.edits.at(-1)!.signal!.aborted).toBe(true)
  await expect(given).resolves.toBeNull()
})

test('useEdit: what failed is told; without a model too', async () => {
  fake.edit = () => {
    throw new NearfieldError('bad_input', 'odd')
  }
  const { result } = await withModel(useEdit)
  await act(() => result.current.edit({ task: 'fix', text: 'a' }))
  expect(result.current).toMatchObject({ result: null, error: { code: 'bad_input' } })
  const { result: none } = renderHook(() => useEdit(null))
  await act(() => none.current.edit({ task: 'fix', text: 'a' }))
  expect(none.current.error?.message).toBe('the model is not ready')
})

test('useEdit: superseded by its key or ended by close() is no error', async () => {
  fake.edit = () => {
    throw new SupersededError()
  }
  const { result } = await withModel(useEdit)
  let answer: unknown
  await act(async () => {
    answer = await result.current.edit({ task: 'fix', text: 'a', key: 'k' })
  })
  expect(answer).toBeNull()
  expect(result.current).toMatchObject({ result: null, pending: false, error: null })
})

test('useEdit: after the unmount nothing is run', async () => {
  const { result, unmount } = await withModel(useEdit)
  unmount()
  await expect(result.current.edit({ task: 'fix', text: 'a' })).resolves.toBeNull()
  expect(fake.edits).toEqual([])
})

const Asks = ({ edit }: { edit: ReturnType<typeof useEdit>['edit'] }) => {
  useEffect(() => void edit({ task: 'fix', text: 'a' }), [edit])
  return null
}
const AskedByChild = ({ nearfield }: { nearfield: Nearfield }) => {
  const { edit, result } = useEdit(nearfield)
  return h('p', null, result ? result.text : 'none', h(Asks, { edit }))
}

test('useEdit: a child may ask in an effect of its own, in StrictMode too', async () => {
  const nearfield = await Nearfield.open(MODEL)
  await act(async () => render(h(StrictMode, null, h(AskedByChild, { nearfield }))))
  await waitFor(() => screen.getByText('a'))
})

test('useVariants: the versions; unmount ends the work', async () => {
  fake.edit = ({ text, variants = 1 }) => ({
    text,
    variants: Array.from({ length: variants }, (_, i) => ({
      text: `${text}${i}`,
      changes: [],
      why: '',
    })),
  })
  const { result, unmount } = await withModel(useVariants)
  expect(result.current.variants).toEqual([])
  await act(() => result.current.ask({ task: 'casual', text: 'a', n: 2 }))
  expect(result.current.variants.map(({ text }) => text)).toEqual(['a0', 'a1'])
  act(() => void result.current.ask({ task: 'casual', text: 'b' }))
  await act(async () => {})
  unmount()
  expect(fake.edits.at(-1)!.signal!.aborted).toBe(true)
})
