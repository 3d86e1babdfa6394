// @vitest-environment jsdom
import { act, cleanup, render, renderHook, screen, waitFor } from '@testing-library/react'
import { Component, createElement as h, type ReactNode, StrictMode, Suspense } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
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

test('Suspense: left while it waits, the model is given up', async () => {
  vi.mocked(Nearfield.open).mockImplementationOnce((options) => {
    fake.opened.push(options)
    return new Promise(() => {})
  })
  const { unmount } = await act(async () => render(page()))
  screen.getByText('waiting')
  unmount()
  vi.advanceTimersByTime(60_000)
  expect(fake.opened[0]!.signal!.aborted).toBe(true)
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
