import { expect, test } from 'vitest'
import { Nudge } from './nudge.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function counted(waits: () => boolean) {
  const counts = { submits: 0 }
  const submit = (commands: unknown[]) => {
    expect(commands).toEqual([]) // nothing but a look
    counts.submits++
  }
  const nudge = new Nudge({ queue: { submit } } as unknown as GPUDevice, waits)
  return { counts, nudge }
}

test('looks while something is waited for, and no longer', async () => {
  let waiting = true
  const { counts, nudge } = counted(() => waiting)
  nudge.forMs = 10_000
  nudge.start(1)
  nudge.start(1) // another submit: still one loop
  while (counts.submits < 3) await pause(5)
  waiting = false
  await pause(5)
  const { submits } = counts
  await pause(20)
  expect(counts.submits).toBe(submits)
  nudge.close()
})

test('leaves a long pass to the browser, until the next submit', async () => {
  const { counts, nudge } = counted(() => true)
  nudge.forMs = 5
  // a machine that gives no turn within forMs looks not at all, so it is started until it has
  const started = async (than: number) => {
    while (counts.submits <= than) {
      nudge.start(1)
      await pause(5)
    }
  }
  await started(0)
  await pause(30)
  const { submits } = counts
  await pause(20)
  expect(counts.submits).toBe(submits)
  await started(submits)
  nudge.close()
})

test('closed or switched off it does nothing', async () => {
  const { counts, nudge } = counted(() => true)
  nudge.everyMs = 0
  nudge.start(1)
  await pause(10)
  expect(counts.submits).toBe(0)
  nudge.everyMs = 0.1
  nudge.start(1)
  nudge.close()
  const { submits } = counts
  await pause(10)
  expect(counts.submits).toBe(submits)
})

test('does not look before as much work as this could have ended', async () => {
  let waiting = true
  const { counts, nudge } = counted(() => waiting)
  nudge.forMs = 60_000
  const took = async (ms: number, ...work: number[]) => {
    waiting = true
    for (const n of work) nudge.start(n)
    await pause(ms)
    waiting = false
    nudge.end()
    await pause(5)
  }
  await took(1500, 100, 50)
  waiting = true
  const { submits } = counts
  nudge.start(150)
  const started = performance.now()
  while (counts.submits === submits) await pause(5)
  expect(performance.now() - started).toBeGreaterThan(1190)
  await took(0)
  // of other work nothing is known: it is looked for at once
  waiting = true
  const before = counts.submits
  nudge.start(149)
  const again = performance.now()
  while (counts.submits === before) await pause(1)
  expect(performance.now() - again).toBeLessThan(1100)
  nudge.close()
})

test('work that takes long costs no core: the browser looks', async () => {
  let waiting = true
  const { counts, nudge } = counted(() => waiting)
  nudge.forMs = 20
  nudge.start(150)
  await pause(100)
  waiting = false
  nudge.end()
  waiting = true
  const { submits } = counts
  nudge.start(150) // 80 ms at the least
  await pause(200)
  expect(counts.submits).toBe(submits)
  nudge.close()
})
