// build/wasm/test_gpu.wasm (wasm_gpu.c) over a Gpu of the SDK: gpu.h as C would call it.
import { readFileSync } from 'node:fs'

const compiled = WebAssembly.compile(
  readFileSync(process.env.NEARFIELD_TEST_GPU ?? 'build/wasm/test_gpu.wasm'),
)
const USE = { storage: 0, uniform: 1 }
export const S = { lost: -6, unsupported: -2, noMemory: -1, ok: 0, pending: 2 }

/** gpu: of sdk/src/gpu, or an object of imports such as noGpu. */
export async function openModule(gpu) {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true })
  const imports = typeof gpu.imports === 'function' ? gpu.imports(memory) : gpu
  const instance = await WebAssembly.instantiate(await compiled, {
    env: { memory, nf_clock_ms: () => 0, ...imports },
  })
  return new Module(instance.exports, memory, gpu)
}

export class Module {
  constructor(exports, memory, gpu) {
    Object.assign(this, { e: exports, memory, gpu, room: exports.room() })
  }
  #strings(texts) {
    let at = this.room
    return texts.map((text) => {
      const bytes = new TextEncoder().encode(`${text}\0`)
      new Uint8Array(this.memory.buffer, at, bytes.length).set(bytes)
      at += bytes.length
      return at - bytes.length
    })
  }
  text(at) {
    const bytes = new Uint8Array(this.memory.buffer, at)
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)))
  }
  get line() {
    return this.text(this.e.line())
  }
  facts() {
    this.e.facts_get(this.room)
    return [...new Float64Array(this.memory.buffer, this.room, 11)]
  }
  buffer(bytes, use = 'storage') {
    return this.e.buffer_make(bytes, USE[use])
  }
  write(buffer, words, at = 0) {
    new Uint32Array(this.memory.buffer, this.room, words.length).set(words)
    this.e.buffer_write(buffer, at, this.room, 4 * words.length)
    new Uint32Array(this.memory.buffer, this.room, words.length).fill(0xdead) // it was copied
  }
  pipeline({ name = 'add', head = '', body, entry = '', letters, step = null, scale = 0 }) {
    const at = this.#strings([name, head, body, entry, letters])
    return this.e.pipeline_make(...at, step === null ? 0 : 2, step ?? 0, scale)
  }
  bind(pipeline, bindings) {
    new Float64Array(this.memory.buffer, this.room, 3 * bindings.length).set(bindings.flat())
    return this.e.bind_make(pipeline, this.room, bindings.length)
  }
  /** As the engine's loop does it: call, and await settled() while it is pending. */
  async until(call) {
    for (let n = 0; ; n++) {
      const status = call()
      if (status !== S.pending) return status
      if (n > 1000) throw new Error('pending for ever')
      await this.gpu.settled()
    }
  }
  ready(pipeline) {
    return this.until(() => this.e.pipeline_poll(pipeline))
  }
  /** [status, words] of a submit that reads `words` words back. */
  async read(ticket, words) {
    const status = await this.until(() => this.e.poll(ticket, words === 0 ? 0 : this.room))
    return [status, [...new Uint32Array(this.memory.buffer, this.room, words)]]
  }
}
