/** What nearfield.wasm exports, as nearfield_wasm.c and os_wasm.c document it. Addresses are
 * byte offsets into the memory; a function that answers a status answers nf_status. */
export interface Exports {
  nf_wasm_get(bytes: number): number
  nf_wasm_release(at: number, bytes: number): void
  nf_wasm_error(): number
  nf_wasm_version(): number

  nf_wasm_load_begin(
    fileBytes: number,
    threads: number,
    ctxTokens: number,
    kernels: number,
    out: number,
  ): number
  nf_wasm_load_place(load: number, length: number): number
  nf_wasm_load_bytes(load: number, chunk: number, length: number): number
  nf_wasm_load_finish(load: number, out: number): number
  nf_wasm_load_close(load: number): void
  nf_wasm_engine_close(engine: number): void
  nf_wasm_engine_info(engine: number, row: number): void
  nf_wasm_engine_replaced(engine: number): number
  nf_wasm_session_open(engine: number, out: number): number
  nf_wasm_session_close(session: number): void
  nf_wasm_adapter_open(engine: number, file: number, length: number, out: number): number
  nf_wasm_adapter_close(adapter: number): void
  nf_wasm_adapter_info(adapter: number, row: number): void
  nf_wasm_bench(session: number, repeats: number, row: number): number

  nf_wasm_generate_begin(session: number, desc: number): number
  nf_wasm_generate_tokens(session: number, desc: number): number
  nf_wasm_generate_step(session: number, row: number): number
  nf_wasm_generate_result(session: number, row: number): void

  nf_wasm_task(name: number, length: number): number
  nf_wasm_task_poor(task: number): number
  nf_wasm_edit_begin(session: number, desc: number): number
  nf_wasm_edit_step(session: number): number
  nf_wasm_prefix_info(
    session: number,
    desc: number,
    model: number,
    length: number,
    row: number,
  ): number
  nf_wasm_prefix_save(
    session: number,
    desc: number,
    model: number,
    length: number,
    file: number,
    cap: number,
  ): number
  nf_wasm_prefix_load(
    session: number,
    desc: number,
    model: number,
    length: number,
    file: number,
    fileLength: number,
  ): number
  nf_wasm_edit_result(session: number, row: number): void
  nf_wasm_edit_change(index: number, row: number): void
  nf_wasm_edit_variant(session: number, index: number, row: number): void
  nf_wasm_edit_variant_change(session: number, index: number, change: number, row: number): void

  nf_wasm_caption_open(file: number, length: number, out: number): number
  nf_wasm_caption_close(doc: number): void
  nf_wasm_caption_format(doc: number): number
  nf_wasm_caption_cues(doc: number): number
  nf_wasm_caption_cue(doc: number, index: number, row: number): void
  nf_wasm_caption_warnings(doc: number): number
  nf_wasm_caption_warning(doc: number, index: number, row: number): void
  nf_wasm_caption_text_set(doc: number, index: number, text: number, length: number): number
  nf_wasm_caption_times_set(doc: number, index: number, startMs: number, endMs: number): number
  nf_wasm_caption_insert(
    doc: number,
    index: number,
    startMs: number,
    endMs: number,
    text: number,
    length: number,
  ): number
  nf_wasm_caption_remove(doc: number, index: number): number
  nf_wasm_caption_write(doc: number, format: number, row: number): number
  nf_wasm_lint(doc: number, name: number, length: number, out: number, cap: number): number
  nf_wasm_lint_rule(rule: number): number
  nf_wasm_measure(text: number, length: number, format: number, row: number): void

  os_thread_prepare(): number
  os_thread_stack_top(slot: number): number
  os_thread_tls(slot: number): number
  os_thread_park(slot: number): void
  os_thread_entry(slot: number): void
  os_threads_parked(): number
  __stack_pointer: WebAssembly.Global
  __wasm_init_tls(at: number): void
}
