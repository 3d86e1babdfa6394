// Which steps of ./dev test run beside each other, on steps that end when they are told to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cores, each } from './cores.mjs'

const turns = () => new Promise((done) => setImmediate(() => setImmediate(done)))

/** add(kind, name) asks for a step; running: names of those that began and did not end. */
function machine() {
  const cores = new Cores()
  const ends = new Map()
  return {
    add: (kind, name) =>
      cores.run(kind, () => new Promise((end, fail) => ends.set(name, { end, fail }))),
    running: async () => {
      await turns()
      return [...ends.keys()].join(' ')
    },
    end: (name, error) => {
      const { end, fail } = ends.get(name)
      ends.delete(name)
      if (error) fail(error)
      else end(name)
    },
  }
}

test('two that wait run beside two that compute, and what waits goes first', async () => {
  const m = machine()
  const waits = each(2, ['w1', 'w2', 'w3'], (name) => m.add('waits', name))
  for (const name of ['c1', 'c2', 'c3', 'c4']) m.add('computes', name)
  assert.equal(await m.running(), 'w1 w2 c1 c2')
  m.end('c1')
  assert.equal(await m.running(), 'w1 w2 c2 c3')
  m.end('w2')
  assert.equal(await m.running(), 'w1 c2 c3 w3')
  for (const name of ['w1', 'w3']) m.end(name)
  await waits
  assert.equal(await m.running(), 'c2 c3', 'three that compute are too many')
})

test('a step alone has all of it, and comes last; a build has it too, and comes next', async () => {
  const m = machine()
  m.add('alone', 'timed')
  m.add('computes', 'c1')
  m.add('build', 'b1')
  m.add('build', 'b2')
  assert.equal(await m.running(), 'b1')
  m.end('b1')
  assert.equal(await m.running(), 'b2', 'builds one after the other')
  m.end('b2')
  assert.equal(await m.running(), 'c1')
  m.add('build', 'b3')
  m.add('waits', 'w1')
  assert.equal(await m.running(), 'c1', 'nothing begins before a build that waits')
  m.end('c1')
  assert.equal(await m.running(), 'b3')
  m.end('b3')
  assert.equal(await m.running(), 'w1')
  m.end('w1')
  assert.equal(await m.running(), 'timed')
})

test('a build that follows a build goes ahead of what is asked for already', async () => {
  const m = machine()
  const both = m.add('build', 'b1').then(() => m.add('build', 'b2'))
  m.add('waits', 'w1')
  assert.equal(await m.running(), 'b1')
  m.end('b1')
  assert.equal(await m.running(), 'b2')
  m.end('b2')
  await both
  assert.equal(await m.running(), 'w1')
})

test('what fails gives its share back, and its failure is its own', async () => {
  const m = machine()
  const failing = m.add('alone', 'bad')
  const after = m.add('alone', 'good')
  assert.equal(await m.running(), 'bad')
  m.end('bad', new Error('broken'))
  await assert.rejects(failing, /broken/)
  assert.equal(await m.running(), 'good')
  m.end('good')
  assert.equal(await after, 'good')
})
