import { expect, test } from 'vitest'
import { NearfieldError } from '../error.ts'
import { packStrings } from '../pack.ts'
import type { FromWorker } from '../protocol.ts'
import { breathe, Scheduler } from './queue.ts'
import { type Handlers, serveCalls } from './serve.ts'

const unused = async (): Promise<never> => {
  throw new Error('not part of this test')
}

const nothing = new Float64Array(0)

function serving(handlers: Partial<Handlers>) {
  const sent: FromWorker[] = []
  const all = {
    open: unused,
    adapter: unused,
    edit: unused,
    generate: unused,
    tokens: unused,
    bench: unused,
    parse: unused,
    write: unused,
    lint: unused,
    measure: unused,
  }
  const receive = serveCalls((message) => sent.push(message), { ...all, ...handlers })
  const measure = (id: number) =>
    receive({
      kind: 'call',
      id,
      name: 'measure',
      args: { texts: packStrings([]), format: 'srt' },
      sentAt: 0,
    })
  return { sent, receive, measure }
}

test('a value, a failure of ours and a surprise each come back under their id', async () => {
  let n = 0
  const { sent, measure } = serving({
    measure: async () => {
      n++
      if (n === 2) throw new NearfieldError('unsupported', 'no')
      if (n === 3) throw new RangeError('odd')
      return nothing
    },
  })
  for (const id of [11, 12, 13]) measure(id)
  await breathe()
  expect(sent).toEqual([
    { kind: 'value', id: 11, value: nothing },
    { kind: 'failure', id: 12, error: { code: 'unsupported', message: 'no' } },
    {
      kind: 'failure',
      id: 13,
      error: { code: 'lost', message: 'the engine failed: RangeError: odd' },
    },
  ])
})

test('cancel stops a running call between passes and a queued one before it starts', async () => {
  const queue = new Scheduler()
  let passes = 0
  const { sent, receive, measure } = serving({
    measure: (_args, { signal }) =>
      queue.run({ signal }, async (turn) => {
        for (;;) {
          passes++
          await turn.pass()
        }
      }),
  })
  measure(1)
  measure(2)
  for (let i = 0; i < 5; i++) await breathe()
  const before = passes
  expect(before).toBeGreaterThan(2)
  receive({ kind: 'cancel', id: 2 })
  receive({ kind: 'cancel', id: 1 })
  for (let i = 0; i < 5; i++) await breathe()
  expect(passes).toBeLessThanOrEqual(before + 1)
  const failures = sent.filter((m) => m.kind === 'failure')
  expect(failures.map((m) => [m.id, m.error.code])).toEqual([
    [2, 'abort'],
    [1, 'abort'],
  ])
})
