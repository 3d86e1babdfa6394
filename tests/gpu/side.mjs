// build/wasm/test_gpu_model.wasm (wasm_gpu_model.c) over a Gpu of the SDK: a model on the GPU
// (side GPU) and one on the CPU (side CPU), asked the same things. Owns the loop that waits. Runs in
// node and in a page; where module and Gpu come from is the caller's.
export const S = {
  lost: -6,
  badInput: -3,
  unsupported: -2,
  noMemory: -1,
  ok: 0,
  needBytes: 1,
  pending: 2,
}
export const GPU = 0
export const CPU = 1

/** clock: of the engine, in ms; by it a slow device's passes are cut into pieces. */
export async function sidesOn(module, gpu, { clock = () => performance.now() } = {}) {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true })
  const env = { memory, nf_clock_ms: clock, ...gpu.imports(memory) }
  const { exports } = await WebAssembly.instantiate(module, { env })
  return new Sides(exports, memory, gpu)
}

export class Sides {
  /** How often a call said NF_PENDING. */
  pendings = 0
  constructor(exports, memory, gpu) {
    Object.assign(this, { e: exports, memory, gpu, room: exports.room_at() })
    this.webgpuName = this.#bytes(new TextEncoder().encode('webgpu\0'))
    this.refName = this.#bytes(new TextEncoder().encode('ref\0'))
  }
  #bytes(bytes) {
    const at = this.e.get(Math.max(bytes.length, 1)) >>> 0
    if (at === 0) throw new Error('no memory')
    new Uint8Array(this.memory.buffer, at, bytes.length).set(bytes)
    return at
  }
  text(at, length) {
    const bytes = new Uint8Array(this.memory.buffer, at)
    return new TextDecoder().decode(bytes.slice(0, length ?? bytes.indexOf(0)))
  }
  get line() {
    return this.text(this.e.line())
  }
  /** As the engine's loop does it: call, and wait while it is pending. */
  async until(call) {
    for (;;) {
      const status = call()
      if (status !== S.pending) return status
      this.pendings++
      if (this.gpu.waiting) await this.gpu.settled()
      else await new Promise((resolve) => setTimeout(resolve))
    }
  }
  /** Through nf_load_*; the first status that is an error, or ok. kernels: nf_engine_desc's. */
  async load(side, file, { ctx = 256, chunk = 1 << 20, kernels } = {}) {
    const otherwise = side === GPU ? this.webgpuName : this.refName
    const name = kernels ? this.#bytes(new TextEncoder().encode(`${kernels}\0`)) : otherwise
    let status = this.e.load_begin(side, file.length, ctx, name)
    if (status < 0) return status
    for (let at = 0; at < file.length && status >= 0; at += chunk) {
      const part = file.subarray(at, at + chunk)
      const place = this.#bytes(part)
      status = await this.until(() => this.e.load_bytes(side, place, part.length))
      this.e.release(place, part.length)
    }
    if (status === S.needBytes) throw new Error('the load wants more than the file')
    if (status === S.ok) status = await this.until(() => this.e.load_finish(side))
    this.e.load_close(side)
    return status
  }
  adapter(side, file) {
    const at = this.#bytes(file)
    const status = this.e.adapter_open(side, at, file.length)
    this.e.release(at, file.length)
    return status
  }
  /**
   * spans: [{ tokens, pos, out, shared, gap }]. Resolves to { status, best, logP, logits, ... }.
   * more: further steps; asked: tokens of the out rows.
   */
  async pass(side, spans, options = {}) {
    const n = this.passBegin(side, spans, options)
    const status = await this.until(() => this.e.pass_step(side))
    return this.results(side, n, status, options)
  }
  passBegin(
    side,
    spans,
    { logits = false, asked = null, more = 0, temperature = 0, minP = 1, adapter = false } = {},
  ) {
    const spec = [spans.length, more, (logits ? 1 : 0) + (asked ? 2 : 0) + (adapter ? 4 : 0)]
    for (const s of spans)
      spec.push(s.shared ?? 0, s.gap ?? 0, s.tokens.length, s.pos, s.out ?? 0, ...s.tokens)
    if (asked) spec.push(...asked)
    new Int32Array(this.memory.buffer, this.room, spec.length).set(spec)
    return this.e.pass_begin(side, this.room, temperature, minP)
  }
  results(side, n, status, { logits = false, more = 0 } = {}) {
    const floats = (at, count) => new Float32Array(this.memory.buffer, at, count).slice()
    return {
      status,
      best: [...new Int32Array(this.memory.buffer, this.e.best_at(), n + more)],
      logP: floats(this.e.log_p_best_at(), n + more),
      logPAsked: floats(this.e.log_p_asked_at(), n),
      logits: logits ? floats(this.e.logits_at() >>> 0, n * this.e.n_vocab(side)) : null,
    }
  }
  /** The whole text of a greedy answer to a raw prompt. */
  async generate(side, prompt, nTokens) {
    const bytes = new TextEncoder().encode(prompt)
    const at = this.#bytes(bytes)
    let status = this.e.generate_begin(side, at, bytes.length, nTokens)
    let text = ''
    while (status >= 0) {
      status = await this.until(() => {
        const step = this.e.generate_step(side)
        text += this.text(this.e.piece_at(), this.e.piece_len())
        return step
      })
      if (status === S.ok) break
    }
    this.e.release(at, bytes.length)
    return { status, text }
  }
  /** One edit: { status, answer, prompt, passes, forced } with tokens. */
  async edit(side, task, text, variants = 0) {
    const bytes = new TextEncoder().encode(text)
    const at = this.#bytes(bytes)
    let status = this.e.edit_begin(side, task, at, bytes.length, variants)
    if (status === S.ok) status = await this.until(() => this.e.edit_step(side))
    this.e.release(at, bytes.length)
    if (status !== S.ok) return { status }
    this.e.edit_tokens(side, this.room)
    const [answerAt, nAnswer, promptAt, nPrompt, passes, forced] = new Float64Array(
      this.memory.buffer,
      this.room,
      6,
    )
    const words = (from, n) => [...new Int32Array(this.memory.buffer, from, n)]
    return {
      status,
      answer: words(answerAt, nAnswer),
      prompt: words(promptAt, nPrompt),
      passes,
      forced,
    }
  }
  /** Caption i of lossless.h, made of the corpus's lines. */
  caption(corpus, i) {
    this.corpusAt ??= this.#bytes(corpus)
    const length = this.e.caption(this.corpusAt, corpus.length, i, this.room)
    return this.text(this.room, length)
  }
  /** Plain greedy tokens after a prompt, until an end or n of them. */
  async plain(side, prompt, n) {
    new Int32Array(this.memory.buffer, this.room, prompt.length).set(prompt)
    if (this.e.timeline_set(side, this.room, prompt.length) !== S.ok)
      throw new Error('timeline_set')
    const out = []
    while (out.length < n) {
      const status = await this.until(() => this.e.timeline_step(side, this.room))
      if (status !== S.ok) throw new Error(`timeline_step: ${status}`)
      const [next] = new Int32Array(this.memory.buffer, this.room, 1)
      if (this.e.is_end(side, next)) break
      out.push(next)
      this.e.timeline_push(side, next)
    }
    return out
  }
}
