// A wasm module with workers as its threads, as the head of src/os/os_wasm.c says. This file is also
// the workers' own program. Owns memory, instance and workers; knows no test.
import { readFileSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { noGpu } from '../../sdk/src/gpu/none.ts'

const nf_clock_ms = () => performance.timeOrigin + performance.now()
const instantiate = (module, memory) =>
  WebAssembly.instantiate(module, { env: { memory, nf_clock_ms, ...noGpu } })

/** The module's exports and memory, at first `pages` of 64 KiB. `threads(n)` parks n workers more; `close()` ends them all. */
export async function openModule(path, pages = 512) {
  const module = await WebAssembly.compile(readFileSync(path))
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true })
  const { exports: e } = await instantiate(module, memory)
  const workers = []
  const threads = async (n) => {
    for (let i = 0; i < n; i++) {
      const slot = e.os_thread_prepare()
      const top = e.os_thread_stack_top(slot)
      const data = { module, memory, slot, top, tls: e.os_thread_tls(slot) }
      const worker = new Worker(new URL(import.meta.url), { workerData: data })
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      workers.push(worker)
    }
  }
  return { e, memory, threads, close: () => Promise.all(workers.map((w) => w.terminate())) }
}

if (!isMainThread) {
  const { module, memory, slot, top, tls } = workerData
  const { exports: e } = await instantiate(module, memory)
  e.__stack_pointer.value = top
  e.__wasm_init_tls(tls)
  e.os_thread_park(slot)
  parentPort.postMessage('parked')
  e.os_thread_entry(slot)
}
