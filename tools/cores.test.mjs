// Which steps of ./dev test run beside each other, on steps that end when they are told to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cores, each } from './cores.mjs'

const turns = () => new Promise((done) => setImmediate(done))

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

test('two that wait run beside one that computes; two compute when none waits', async () => {
  const m = machine()
  const waits = each(2, ['w1', 'w2', 'w3'], (name) => m.add('waits', name))
  for (const name of ['c1', 'c2', 'c3']) m.add('computes', name)
  assert.equal(await m.running(), 'w1 w2 c1')
  m.end('c1')
  assert.equal(await m.running(), 'w1 w2 c2')
  m.end('w2')
  assert.equal(await m.running(), 'w1 c2 w3', 'what waits goes ahead of what computes')
  m.end('w1')
  assert.equal(await m.running(), 'c2 w3', 'half a core is too little')
  m.end('w3')
  await waits
  assert.equal(await m.running(), 'c2 c3')
})

test('a step alone has both cores, and comes last; a build has them too, and comes next', async () => {
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

test('what fails gives its cores back, and its failure is its own', async () => {
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
