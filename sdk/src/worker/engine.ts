/**
 * A model in wasm memory and one session over it. Owns both, and the queue of edits.
 * Does not know messages (serve.ts) or where bytes come from (load.ts).
 */
import { NearfieldError } from '../error.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Bench, Calls } from '../protocol.ts'
import { status as S } from '../status.gen.ts'
import type { Change, EditResult, Variant } from '../types.ts'
import { placeEdit } from './edit_desc.ts'
import { Scheduler } from './queue.ts'
import { clockMs, type Runtime } from './runtime.ts'

const VERDICTS = ['unchanged', 'changed', 'unfit'] as const

export interface EngineFacts {
  kernels: string
  threads: number
}

export class Engine {
  readonly facts: EngineFacts
  #runtime: Runtime
  #session: number
  #model: { id: string; sha256: string }
  #queue = new Scheduler()

  /** file: address of the model's bytes, which stay borrowed by the engine. */
  constructor(runtime: Runtime, file: number, manifest: Manifest, threads: number) {
    const { exports } = runtime
    this.#runtime = runtime
    this.#model = { id: manifest.name, sha256: manifest.sha256 }
    const open = (call: (out: number) => number) =>
      runtime.using(8, (out) => {
        runtime.check(call(out))
        return runtime.word(out)
      })
    const engine = open((out) =>
      exports.nf_wasm_engine_open(file, manifest.bytes, threads, 0, 0, out),
    )
    this.#session = open((out) => exports.nf_wasm_session_open(engine, out))
    const info = runtime.using(80, (row) => {
      exports.nf_wasm_engine_info(engine, row)
      return runtime.row(row, 10)
    })
    this.facts = { kernels: runtime.cString(info[3]), threads: info[9] }
  }

  edit(request: Calls['edit']['args'], signal: AbortSignal, sentAt: number): Promise<EditResult> {
    return this.#queue.run({ signal, priority: request.priority }, async (turn) => {
      const queueMs = Math.max(0, clockMs() - sentAt)
      const { exports } = this.#runtime
      const task = this.#runtime.lend(this.#runtime.encode(request.task), exports.nf_wasm_task)
      if (task < 0) throw new NearfieldError('bad_input', `there is no task '${request.task}'`)
      placeEdit(this.#runtime, task, request, (desc) =>
        this.#runtime.check(exports.nf_wasm_edit_begin(this.#session, desc)),
      )
      while (this.#runtime.check(exports.nf_wasm_edit_step(this.#session)) === S.pending) {
        await turn.pass()
      }
      return this.#result(queueMs)
    })
  }

  bench(repeats: number, signal: AbortSignal): Promise<Bench> {
    return this.#queue.run({ signal }, async () => {
      const [decodeTokS, rows32TokS, prefillMs] = this.#runtime.using(24, (row) => {
        this.#runtime.check(this.#runtime.exports.nf_wasm_bench(this.#session, repeats, row))
        return this.#runtime.row(row, 3)
      })
      return { decodeTokS, rows32TokS, prefillMs }
    })
  }

  #result(queueMs: number): EditResult {
    const runtime = this.#runtime
    return runtime.using(15 * 8, (at) => {
      runtime.exports.nf_wasm_edit_result(this.#session, at)
      const [
        text,
        length,
        verdict,
        why,
        nChanges,
        firstTokenMs,
        totalMs,
        inputTokens,
        cachedTokens,
        outputTokens,
        passes,
        drafted,
        accepted,
        forced,
        nVariants,
      ] = runtime.row(at, 15)
      const { nf_wasm_edit_change: changeRow } = runtime.exports
      return {
        text: runtime.text(text, length),
        verdict: VERDICTS[verdict as 0 | 1 | 2],
        why: runtime.cString(why),
        changes: this.#changes(nChanges, at, (k) => changeRow(k, at)),
        variants: Array.from({ length: nVariants }, (_, i) => this.#variant(i, at)),
        receipt: {
          source: 'device',
          backend: 'wasm',
          model: this.#model,
          queueMs,
          firstTokenMs,
          totalMs,
          inputTokens,
          cachedTokens,
          outputTokens,
          passes,
          drafted,
          accepted,
          forced,
          bytesSent: 0,
          costUsd: 0,
          why: 'device',
          attempts: [{ source: 'device', outcome: 'ok', ms: totalMs }],
        },
      }
    })
  }

  #variant(i: number, at: number): Variant {
    const runtime = this.#runtime
    const { nf_wasm_edit_variant, nf_wasm_edit_variant_change } = runtime.exports
    nf_wasm_edit_variant(this.#session, i, at)
    const [text, length, why, nChanges] = runtime.row(at, 4)
    return {
      text: runtime.text(text, length),
      why: runtime.cString(why),
      changes: this.#changes(nChanges, at, (k) =>
        nf_wasm_edit_variant_change(this.#session, i, k, at),
      ),
    }
  }

  /** write(k) puts change k into the row at `at`. */
  #changes(n: number, at: number, write: (k: number) => void): Change[] {
    return Array.from({ length: n }, (_, k) => {
      write(k)
      const [start, end, with_, withLength] = this.#runtime.row(at, 4)
      return { start, end, replacement: this.#runtime.text(with_, withLength) }
    })
  }
}
