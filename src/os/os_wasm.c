/* os.h on wasm32: one shared linear memory, threads lent by the JavaScript host.
 * Owns the free list of the memory above __heap_base and the table of thread slots.
 * Does NOT open files (NF_UNSUPPORTED) and does NOT create threads: the host starts workers,
 * each parks here, and os_thread_start hands a parked one its work. So nothing in C waits for
 * an event loop, and a page that is not cross-origin isolated simply parks none.
 *
 * ---- what the host must give (imports) ----
 *   env.memory       shared WebAssembly.Memory (initial >= the module's, maximum <= 65536)
 *   env.nf_clock_ms  () -> f64: performance.timeOrigin + performance.now(), the same time line
 *                    in every worker
 * ---- what the host finds (exports, besides those of nearfield_wasm.c) ----
 *   os_thread_prepare(): i32            reserve a slot with a stack; -1: no memory or no slot
 *   os_thread_stack_top(slot: i32): i32
 *   os_thread_tls(slot: i32): i32
 *   os_thread_park(slot: i32)           from now on os_thread_start may choose this worker
 *   os_thread_entry(slot: i32)          serve; never returns, ends with worker.terminate()
 *   os_threads_parked(): i32            workers ready for work (os_cpu_count() is 1 + this)
 *   __stack_pointer, __tls_base         mutable globals of each instance; __tls_size
 *   __wasm_init_tls(address: i32)
 * ---- how a worker joins (before the engine is opened) ----
 *   engine worker   slot = e.os_thread_prepare(); send {module, memory, slot,
 *                   top: e.os_thread_stack_top(slot), tls: e.os_thread_tls(slot)} to the worker
 *   new worker      i = await WebAssembly.instantiate(module, {env: {memory, nf_clock_ms}})
 *                   i.exports.__stack_pointer.value = top     (first: nothing runs before this)
 *                   i.exports.__wasm_init_tls(tls)
 *                   i.exports.os_thread_park(slot); postMessage("parked")
 *                   i.exports.os_thread_entry(slot)           (blocks in memory.atomic.wait)
 *   engine worker   after all "parked" messages: open the engine; its pool takes them.
 * The engine must itself live in a worker: the page's main thread may not wait. */
