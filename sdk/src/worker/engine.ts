/**
 * A model in wasm memory and one session over it. Owns both, and the queue of edits.
 * Does not know messages (serve.ts) or where bytes come from (load.ts).
 */
import { NearfieldError } from '../error.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Bench, Calls } from '../protocol.ts'
import { status as S } from '../status.gen.ts'
import type { Change, EditResult } from '../types.ts'
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
      if (!exports.nf_wasm_task_offered(task)) {
        throw new NearfieldError(
          'unsupported',
          `the task '${request.task}' is not offered on the device`,
        )
      }
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
    return runtime.using(13 * 8, (at) => {
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
      ] = runtime.row(at, 13)
      const changes: Change[] = []
      const changed = runtime.text(text, length)
      for (let i = 0; i < nChanges; i++) {
        runtime.exports.nf_wasm_edit_change(i, at)
        const [start, end, with_, withLength] = runtime.row(at, 4)
        changes.push({ start, end, replacement: runtime.text(with_, withLength) })
      }
      return {
        text: changed,
        verdict: VERDICTS[verdict as 0 | 1 | 2],
        why: runtime.cString(why),
        changes,
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
          bytesSent: 0,
          costUsd: 0,
          why: 'device',
          attempts: [{ source: 'device', outcome: 'ok', ms: totalMs }],
        },
      }
    })
  }
}
