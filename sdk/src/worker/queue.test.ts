import { afterEach, expect, test, vi } from 'vitest'
import type { Priority } from '../types.ts'
import { breathe, Scheduler } from './queue.ts'

afterEach(() => vi.useRealTimers())

/** Jobs of `passes` passes each; `log` has every pass in the order they ran. */
function start() {
  const queue = new Scheduler()
  const log: string[] = []
  const add = (
    name: string,
    priority?: Priority,
    passes = 3,
    signal = new AbortController().signal,
  ) =>
    queue.run({ signal, priority }, async (turn) => {
      for (let i = 0; i < passes; i++) {
        log.push(name)
        if (i < passes - 1) await turn.pass()
      }
      return name
    })
  return { queue, log, add }
}

test('of one priority in the order they came, one at a time; a failure does not stop the rest', async () => {
  const { queue, log, add } = start()
  const { signal } = new AbortController()
  const bad = queue.run({ signal }, async (turn) => {
    await turn.pass()
    throw new Error('one')
  })
  const rest = [add('a'), add('b')]
  await expect(bad).rejects.toThrow('one')
  await expect(Promise.all(rest)).resolves.toEqual(['a', 'b'])
  expect(log.join('')).toBe('aaabbb')
})

test('the more urgent first, whatever their order', async () => {
  const { log, add } = start()
  await Promise.all([
    add('0', 'now', 1),
    add('i', 'idle', 1),
    add('n', 'next', 1),
    add('f', 'focus', 1),
    add('u', 'now', 1),
    add('F', 'focus', 1),
  ])
  expect(log.join('')).toBe('0ufFni')
})

test('an urgent request starts within one pass; what gave way begins again before its like', async () => {
  const { log, add } = start()
  const idle = [add('a', 'idle', 4), add('b', 'idle', 1)]
  await breathe()
  const before = log.length
  const urgent = add('u', 'now', 2)
  await urgent
  expect(log.slice(before).join('')).toMatch(/^a?uua?$/)
  await Promise.all(idle)
  expect(log.join('')).toMatch(/uuaaaab$/)
})

test('the same priority never gives way, and a less urgent one waits', async () => {
  const { log, add } = start()
  const first = add('a', 'focus')
  await breathe()
  await Promise.all([first, add('b', 'focus'), add('c', 'next')])
  expect(log.join('')).toBe('aaabbbccc')
})

test('idle work is done when nothing urgent comes any more', async () => {
  const { add } = start()
  let idleDone = false
  const idle = add('i', 'idle', 5).then(() => (idleDone = true))
  for (let n = 0; n < 10; n++) {
    await breathe()
    await add('u', 'now', 2)
  }
  expect(idleDone).toBe(false)
  await idle
  expect(idleDone).toBe(true)
})

test.each([0, 1, 2, 3, 4])(
  'cancel at point %i: told at once, nothing more runs, the next goes on',
  async (point) => {
    const { log, add } = start()
    const abort = new AbortController()
    const reason = new Error('typed on')
    const idle = add('a', 'idle', 3, abort.signal)
    const late = add('z', 'idle', 1)
    for (let i = 0; i < point; i++) await breathe()
    const ran = log.length
    abort.abort(reason)
    const cancelled = point < 2 // before its last pass; then it is done
    if (cancelled) {
      await expect(idle).rejects.toBe(reason)
      expect(log.filter((name) => name === 'a').length).toBeLessThanOrEqual(ran)
    } else await expect(idle).resolves.toBe('a')
    await expect(late).resolves.toBe('z')
  },
)

test('cancelled while it waits, and while it waits again after giving way', async () => {
  const { log, add } = start()
  const queued = new AbortController()
  const again = new AbortController()
  const idle = add('a', 'idle', 4, again.signal)
  await breathe()
  const urgent = add('u', 'now', 4)
  const waiting = add('w', 'now', 1, queued.signal)
  const settled = Promise.allSettled([waiting, idle])
  queued.abort()
  await breathe()
  await breathe()
  again.abort()
  await settled
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  await expect(idle).rejects.toMatchObject({ name: 'AbortError' })
  await urgent
  await breathe()
  expect(log.join('')).toMatch(/^a+uuuu$/)
})

test('an aborted signal runs nothing', async () => {
  const { log, add } = start()
  await expect(add('a', 'now', 1, AbortSignal.abort())).rejects.toMatchObject({
    name: 'AbortError',
  })
  expect(log).toEqual([])
})

test('a job that waits for a device is cancelled when the device answers', async () => {
  const queue = new Scheduler()
  const abort = new AbortController()
  let answer = () => {}
  const device = new Promise<void>((resolve) => {
    answer = resolve
  })
  let after = false
  const job = queue.run({ signal: abort.signal }, async (turn) => {
    await turn.pass(device)
    after = true
  })
  abort.abort()
  await expect(job).rejects.toMatchObject({ name: 'AbortError' })
  const next = queue.run({ signal: new AbortController().signal }, async () => 'next')
  answer()
  await expect(next).resolves.toBe('next')
  expect(after).toBe(false)
})

test('nothing here needs a timer: a hidden page throttles those', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'requestAnimationFrame'] })
  const { add } = start()
  const idle = add('i', 'idle', 4)
  await breathe()
  await expect(add('u', 'now', 3)).resolves.toBe('u')
  await expect(idle).resolves.toBe('i')
})
