import { expect, test } from 'vitest'
import { Answers, answerKey } from './prefetch.ts'
import type { EditResult } from './types.ts'

const answer = (text: string) =>
  ({
    ...{ text, changes: [] },
    receipt: { why: 'server_faster', bytesSent: 80, costUsd: 0.1, attempts: ['first', 'last'] },
  }) as unknown as EditResult

test('bounded: the answer longest unused goes first', () => {
  const answers = new Answers(2)
  answers.remember('a', answer('A'))
  answers.remember('b', answer('B'))
  expect(answers.take('a')?.text).toBe('A')
  answers.remember('c', answer('C'))
  expect(['a', 'b', 'c'].map((key) => answers.take(key)?.text ?? null)).toEqual(['A', null, 'C'])
})

test('a remembered answer sends and costs nothing again', () => {
  const answers = new Answers()
  answers.remember('a', answer('A'))
  const { receipt } = answers.take('a')!
  expect(receipt).toMatchObject({ why: 'remembered', bytesSent: 0, costUsd: 0 })
  expect(receipt.attempts).toEqual(['last'])
})

test('an answer is of one adapter', () => {
  const args = { task: 'fix', text: 'a' } as const
  expect(answerKey({ ...args, adapter: null })).not.toBe(answerKey(args)) // none is not the own one
  const adapter = (sha256: string) => ({ sha256, name: 'n', task: null, bytes: 1 })
  const keys = [
    answerKey(args),
    answerKey({ ...args, adapter: adapter('1') }),
    answerKey({ ...args, adapter: adapter('2') }),
  ]
  expect(new Set(keys).size).toBe(3)
  expect(answerKey({ ...args, adapter: { ...adapter('1'), name: 'm' } })).toBe(keys[1])
})
