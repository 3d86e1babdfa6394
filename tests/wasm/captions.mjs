// The captions of tests/edit/lossless.h in a wasm module (wasm_model.c), for its runners.
import { readFileSync, statSync } from 'node:fs'
import { openModule } from './threads.mjs'

export function fileIn({ e, memory }, path) {
  const bytes = statSync(path).size
  const at = e.memory_get(bytes)
  new Uint8Array(memory.buffer, at, bytes).set(readFileSync(path))
  return { at, bytes }
}
export function text(memory, at) {
  const bytes = new Uint8Array(memory.buffer, at)
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)))
}
export async function openThreaded(path, nThreads) {
  const engine = await openModule(path)
  await engine.threads(nThreads - 1)
  return engine
}

/** An instance whose captions_* exports are ready, with an adapter if there is a path to one. */
export async function openCaptions(path, modelPath, nThreads, adapterPath) {
  const engine = await openThreaded(path, nThreads)
  const { e, memory } = engine
  const file = fileIn(engine, modelPath)
  const lines = fileIn(engine, new URL('../data/edit_lines.txt', import.meta.url).pathname)
  const opened = e.captions_open(file.at, file.bytes, lines.at, lines.bytes, nThreads)
  if (opened !== nThreads)
    throw new Error(`captions_open: ${opened} ${text(memory, e.captions_wrong())}`)
  if (adapterPath) {
    const adapter = fileIn(engine, adapterPath)
    const status = e.captions_adapter(adapter.at, adapter.bytes)
    if (status !== 0) throw new Error(`captions_adapter: ${text(memory, e.captions_wrong())}`)
  }
  return engine
}
