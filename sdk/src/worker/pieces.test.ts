import { expect, test } from 'vitest'
import { Pieces } from './pieces.ts'

test('each piece is given once, however it is cut the next time', () => {
  const given: string[] = []
  const pieces = new Pieces((piece) => given.push(piece))
  pieces.begin()
  for (const piece of ['ab', 'c']) pieces.add(piece)
  pieces.begin()
  for (const piece of ['a', 'bcd', 'e']) pieces.add(piece)
  expect(given).toEqual(['ab', 'c', 'd', 'e'])
  pieces.begin()
  pieces.add('abc')
  expect(() => pieces.add('x')).toThrow('differently')
  expect(given).toEqual(['ab', 'c', 'd', 'e'])
})
