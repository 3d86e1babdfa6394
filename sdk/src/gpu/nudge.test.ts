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
  nudge.start()
  nudge.start() // another submit: still one loop
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
      nudge.start()
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
  nudge.start()
  await pause(10)
  expect(counts.submits).toBe(0)
  nudge.everyMs = 0.05
  nudge.start()
  nudge.close()
  const { submits } = counts
  await pause(10)
  expect(counts.submits).toBe(submits)
})
