import { expect, test } from 'vitest'
import { Answers } from './prefetch.ts'
import type { EditResult } from './types.ts'

const answer = (text: string) =>
  ({ text, changes: [], receipt: { why: 'device' } }) as unknown as EditResult

test('bounded: the answer longest unused goes first', () => {
  const answers = new Answers(2)
  answers.remember('a', answer('A'))
  answers.remember('b', answer('B'))
  expect(answers.take('a')?.text).toBe('A')
  answers.remember('c', answer('C'))
  expect(['a', 'b', 'c'].map((key) => answers.take(key)?.text ?? null)).toEqual(['A', null, 'C'])
})
