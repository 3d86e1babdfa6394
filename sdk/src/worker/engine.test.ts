/// <reference types="node" />
/** The engine over the real wasm module and the real model, one thread, in node: who runs when. */
import { readFile } from 'node:fs/promises'
import { beforeAll, expect, test } from 'vitest'
import { realRuntime } from '../testing/real_wasm.ts'
import type { EditRequest } from '../types.ts'
import { Engine } from './engine.ts'
import { breathe } from './queue.ts'
import { clockMs } from './runtime.ts'

const LONG = 'me and Dana was going to the libary yesterday and we seen alot of books there'
let engine: Engine

beforeAll(async () => {
  const path = process.env.NEARFIELD_MODEL
  if (!path) throw new Error('NEARFIELD_MODEL is not set: run ./dev test sdk')
  const file = await readFile(path)
  const runtime = await realRuntime('nearfield-relaxed.wasm', file.length + 2 ** 29)
  const at = runtime.get(file.length)
  runtime.bytes(at, file.length).set(file)
  const manifest = {
    name: 'm',
    file: '',
    bytes: file.length,
    sha256: '',
    chunk_bytes: 1,
    chunks: [],
  }
  engine = new Engine(runtime, at, manifest, 1)
  await edit('warm') // the constant prompt is in the cache from here on
}, 60_000)

const edit = (
  text: string,
  priority: EditRequest['priority'] = 'now',
  signal = new AbortController().signal,
) => engine.edit({ task: 'fix', text, priority }, signal, clockMs())

test('an urgent edit overtakes a running idle one within a pass; both answers are as if alone', async () => {
  const alone = await edit(LONG)
  expect(alone.receipt.passes).toBeGreaterThan(1)
  const order: string[] = []
  const idle = edit(LONG, 'idle').finally(() => order.push('idle'))
  await breathe()
  const asked = clockMs()
  const urgent = await edit('they is here').finally(() => order.push('urgent'))
  expect(urgent.receipt.queueMs).toBeLessThan(clockMs() - asked)
  const again = await idle
  expect(order).toEqual(['urgent', 'idle'])
  const { text, changes, verdict } = again
  expect({ text, changes, verdict }).toEqual({
    text: alone.text,
    changes: alone.changes,
    verdict: alone.verdict,
  })
  expect(again.receipt.passes).toBe(alone.receipt.passes)
}, 60_000)

test('cancelled after every pass: free again within 50 ms, and the next answer is right', async () => {
  const alone = await edit('they is here')
  const { passes } = (await edit(LONG)).receipt
  const tookMs: number[] = []
  for (let pass = 0; pass < passes - 1; pass++) {
    const abort = new AbortController()
    const running = edit(LONG, 'now', abort.signal)
    running.catch(() => {})
    for (let i = 0; i < pass; i++) await breathe()
    const start = clockMs()
    abort.abort()
    const next = await edit('they is here')
    tookMs.push(next.receipt.queueMs)
    expect(clockMs() - start).toBeGreaterThanOrEqual(next.receipt.queueMs)
    await expect(running).rejects.toMatchObject({ name: 'AbortError' })
    expect(next.text).toBe(alone.text)
  }
  console.log(
    `cancel to next begin, ${passes - 1} points: at most ${Math.max(...tookMs).toFixed(1)} ms`,
  )
  expect(Math.max(...tookMs)).toBeLessThanOrEqual(50)
}, 120_000)
