// Our engine in the edit benchmark, through the SDK's public surface as an app would use it.
// The answers' times are taken here, around edit(): worker messages are in them. firstTokenMs is
// the receipt's. The speeds come from nf_bench (src/api/bench.c).
import { timed, work } from './work.js'

let engine

// A seed of its own for each: the SDK remembers what it has answered, greedy answers need no seed.
let n_edits = 0
const edit = (text) => engine.edit({ task: 'fix', text, seed: n_edits++ })

export async function load({ threads, backend, model, gpu }) {
  const { Nearfield } = await import(`/sdk/index.js${gpu ? `?gpu=${encodeURIComponent(gpu)}` : ''}`)
  const options = backend === 'webgpu' ? { model, backend } : { model, backend, threads }
  const { value, ms } = await timed(() => Nearfield.open(options))
  engine = value
  const { status } = engine
  if (status.backend !== backend)
    throw new Error(
      `asked for ${backend}, got ${status.backend}: ${status.backendReason ?? 'no reason given'}`,
    )
  if (backend === 'wasm' && status.threads !== threads) {
    throw new Error(
      `asked for ${threads} threads, got ${status.threads} (isolated: ${status.isolated})`,
    )
  }
  return { version: `kernels ${status.kernels}`, load_ms: ms, from_storage: status.cached }
}

export async function firstEdit() {
  const { value, ms } = await timed(() => edit('hello and welcome back to the the show'))
  const { inputTokens, cachedTokens } = value.receipt
  return { first_edit_ms: ms, first_edit_new_tokens: inputTokens - cachedTokens }
}

// Until the browser's storage holds what the next first edit begins with.
export async function kept() {
  const root = await navigator.storage.getDirectory()
  for (let tries = 0; tries < 200; tries++) {
    try {
      const at = await (await root.getDirectoryHandle('nearfield')).getDirectoryHandle('prefixes')
      for await (const file of at.values()) if ((await file.getFile()).size > 1000) return
    } catch {
      // no such folder yet
    }
    await new Promise((again) => setTimeout(again, 50))
  }
  throw new Error('no prefix was kept within 10 s')
}

// Opened twice: from the server, then from the browser's own storage, which is load_ms.
export async function open(options) {
  const { load_ms: load_first_ms } = await load(options)
  engine.close()
  return { load_first_ms, ...(await load(options)), ...(await firstEdit()) }
}

export async function edits(n) {
  const rows = []
  for (const { id, caption } of work.edits.slice(0, n)) {
    const { value, ms } = await timed(() => edit(caption))
    const r = value.receipt
    if (r.why !== 'device') throw new Error(`caption ${id} was not worked out: ${r.why}`)
    if (r.outputTokens > work.max_new_tokens)
      throw new Error(`caption ${id}: ${r.outputTokens} tokens out`)
    rows.push({
      id,
      ms,
      first_ms: r.firstTokenMs,
      tokens: r.outputTokens,
      passes: r.passes,
      drafted: r.drafted,
      accepted: r.accepted,
      prompt_tokens: r.inputTokens,
      cached_tokens: r.cachedTokens,
      text: value.text,
    })
  }
  return rows
}

export async function speeds() {
  const { decodeTokS, rows32TokS, prefillMs } = await engine.bench(1)
  return { decode_tok_s: decodeTokS, rows32_tok_s: rows32TokS, rows128_tok_s: 128e3 / prefillMs }
}
