/* nearfield.h for JavaScript: the same calls with integers for pointers, f64 for times.
 * Owns the flat shapes only. Every result that is a struct is written as one row of f64 into
 * room the caller gives (nf_wasm_get), in the order of the comment above the function; its
 * pointers are addresses in this memory and live as long as nearfield.h says.
 * Does NOT: open files, own threads (os_wasm.c).
 * Calls come from one thread, the engine's worker. Read next: sdk/src/wasm/exports.ts. */
#include "base/base.h"
#include "os/os.h"

/* The only caller is the host: a prototype would be read by nobody. */
#pragma clang diagnostic ignored "-Wmissing-prototypes"
#define EXPORT(name) __attribute__((export_name(#name))) name

static nf_error last_error; /* of the last call that can fail; "" when it did not */
static nf_engine_info last_info; /* of nf_wasm_engine_info */
static nf_adapter_info last_adapter; /* of nf_wasm_adapter_info */
static nf_prefix_info last_prefix; /* of nf_wasm_prefix_info */
static nf_edit_result last_result; /* of nf_wasm_edit_result */

/* ---- memory and errors ---- */

/* Room for the caller's bytes, zeroed, 64-byte aligned; null: none to be had. */
void *EXPORT(nf_wasm_get)(i32 n) { return os_memory_get(n); }
void EXPORT(nf_wasm_release)(void *at, i32 n) { os_memory_release(at, n); }
const char *EXPORT(nf_wasm_error)(void) { return last_error.line; }
const char *EXPORT(nf_wasm_version)(void) { return nf_version(); }

/* ---- engine and session ---- */

/* The file comes in chunks (nf_load_*). file_bytes: a whole number. kernels: "" for the best CPU
 * table here; lives until nf_wasm_load_close. *load is written on NF_OK only. */
i32 EXPORT(nf_wasm_load_begin)(f64 file_bytes, i32 n_threads, i32 ctx_tokens_max,
                               const char *kernels, nf_load **load) {
  const nf_engine_desc desc = {.n_threads = n_threads,
                               .ctx_tokens_max = ctx_tokens_max,
                               .kernels = kernels && kernels[0] ? kernels : nullptr};
  return nf_load_begin((i64)file_bytes, &desc, load, &last_error);
}
u8 *EXPORT(nf_wasm_load_place)(const nf_load *load, i32 n) { return nf_load_place(load, n); }
i32 EXPORT(nf_wasm_load_bytes)(nf_load *load, const u8 *chunk, i32 len) {
  return nf_load_bytes(load, bytes_of(chunk, len), &last_error);
}
i32 EXPORT(nf_wasm_load_finish)(nf_load *load, nf_engine **engine) {
  return nf_load_finish(load, engine, &last_error);
}
void EXPORT(nf_wasm_load_close)(nf_load *load) { nf_load_close(load); }

void EXPORT(nf_wasm_engine_close)(nf_engine *engine) { nf_engine_close(engine); }

/* row[10]: name, architecture, quantization, kernels (addresses of C strings, valid until the
 * next call), file_bytes, n_params, n_vocab, ctx_tokens_train, ctx_tokens_max, n_threads */
void EXPORT(nf_wasm_engine_info)(const nf_engine *engine, f64 *row) {
  nf_engine_info_get(engine, &last_info);
  row[0] = (f64)(uintptr_t)last_info.name;
  row[1] = (f64)(uintptr_t)last_info.architecture;
  row[2] = (f64)(uintptr_t)last_info.quantization;
  row[3] = (f64)(uintptr_t)last_info.kernels;
  row[4] = (f64)last_info.file_bytes;
  row[5] = (f64)last_info.n_params;
  row[6] = last_info.n_vocab;
  row[7] = last_info.ctx_tokens_train;
  row[8] = last_info.ctx_tokens_max;
  row[9] = last_info.n_threads;
}

/* An adapter of that engine; *adapter is written on NF_OK only. */
i32 EXPORT(nf_wasm_adapter_open)(const nf_engine *engine, const u8 *file, i32 len,
                                 nf_adapter **adapter) {
  return nf_adapter_open_memory(engine, bytes_of(file, len), adapter, &last_error);
}
void EXPORT(nf_wasm_adapter_close)(nf_adapter *adapter) { nf_adapter_close(adapter); }
/* row[4]: name, task, sha256 (C strings, valid until the next call), file_bytes */
void EXPORT(nf_wasm_adapter_info)(const nf_adapter *adapter, f64 *row) {
  nf_adapter_info_get(adapter, &last_adapter);
  row[0] = (f64)(uintptr_t)last_adapter.name;
  row[1] = (f64)(uintptr_t)last_adapter.task;
  row[2] = (f64)(uintptr_t)last_adapter.sha256;
  row[3] = (f64)last_adapter.file_bytes;
}

/* Kernels of the GPU that were replaced by plain ones, a C string, "" none; until the next call. */
const char *EXPORT(nf_wasm_engine_replaced)(const nf_engine *engine) {
  nf_engine_info_get(engine, &last_info);
  return last_info.replaced;
}

i32 EXPORT(nf_wasm_session_open)(nf_engine *engine, nf_session **session) {
  return nf_session_open(engine, session, &last_error);
}
void EXPORT(nf_wasm_session_close)(nf_session *session) { nf_session_close(session); }

/* row[3]: decode_tok_s, rows32_tok_s, prefill_ms. For bench/, not part of the SDK's surface. */
i32 EXPORT(nf_wasm_bench)(nf_session *session, i32 repeats, f64 *row) {
  nf_bench_result result;
  nf_status status = nf_bench(session, repeats, &result, &last_error);
  if (status != NF_OK) return status;
  row[0] = result.decode_tok_s;
  row[1] = result.rows32_tok_s;
  row[2] = result.prefill_ms;
  return NF_OK;
}

/* ---- generate ---- */

/* desc: nf_generate_desc as it lies on wasm32, 20 words: messages (address of triples of role,
 * address and length), n_messages, raw_prompt, raw_prompt_len, output_tokens_max, 0, temperature,
 * top_k, top_p, min_p, repeat, presence and frequency penalty (top_k an integer, the others f32),
 * 0, seed (low, high), stops (address of pairs of address and length), n_stops, adapter, 0.
 * Everything is borrowed during this call only. */
i32 EXPORT(nf_wasm_generate_begin)(nf_session *session, const nf_generate_desc *desc) {
  static_assert(sizeof(nf_message) == 12 && offsetof(nf_generate_desc, output_tokens_max) == 16 &&
                offsetof(nf_generate_desc, sampling) == 24 && offsetof(nf_sampling, seed) == 32 &&
                offsetof(nf_generate_desc, stops) == 64 &&
                offsetof(nf_generate_desc, adapter) == 72 && sizeof(nf_generate_desc) == 80);
  return nf_generate_begin(session, desc, &last_error);
}
/* How many tokens the prompt is, or a negative status. */
i32 EXPORT(nf_wasm_generate_tokens)(nf_session *session, const nf_generate_desc *desc) {
  i32 n;
  nf_status status = nf_generate_tokens(session, desc, &n, &last_error);
  return status == NF_OK ? n : (i32)status;
}
/* row[2]: piece, piece_len; borrowed until the next step */
i32 EXPORT(nf_wasm_generate_step)(nf_session *session, f64 *row) {
  nf_bytes piece;
  nf_status status = nf_generate_step(session, &piece, &last_error);
  row[0] = (f64)(uintptr_t)piece.at;
  row[1] = (f64)piece.len;
  return status;
}
/* row[7]: end (nf_generate_end), first_token_ms, total_ms, input_tokens, cached_tokens,
 * output_tokens, passes */
void EXPORT(nf_wasm_generate_result)(const nf_session *session, f64 *row) {
  nf_receipt r;
  nf_generate_receipt(session, &r);
  row[0] = nf_generate_end_get(session);
  row[1] = r.first_token_ms;
  row[2] = r.total_ms;
  row[3] = r.input_tokens;
  row[4] = r.cached_tokens;
  row[5] = r.output_tokens;
  row[6] = r.passes;
}

/* ---- edit ---- */

/* The task of that name, or NF_BAD_INPUT. */
i32 EXPORT(nf_wasm_task)(const u8 *name, i32 len) {
  nf_task task = NF_TASK_FIX;
  nf_status status = nf_task_from_name(bytes_of(name, len), &task);
  return status == NF_OK ? (i32)task : (i32)status;
}
/* Why the device does not offer the task, a C string: "" where it does; null: no such task. */
const char *EXPORT(nf_wasm_task_poor)(i32 task) {
  nf_task_info info;
  return nf_task_info_get((nf_task)task, &info) == NF_OK ? info.why : nullptr;
}

/* desc: nf_edit_desc as it lies on wasm32, 19 words: task, text, text_len, format, before,
 * before_len, after, after_len, max_chars, max_lines, max_cps (f32), duration_ms, protect (address
 * of pairs of address and length), n_protect, seed (low, high), n_variants, even_if_poor,
 * adapter.
 * Everything is borrowed during this call only. */
i32 EXPORT(nf_wasm_edit_begin)(nf_session *session, const nf_edit_desc *desc) {
  static_assert(offsetof(nf_edit_desc, text) == 4 && offsetof(nf_edit_desc, max_cps) == 40 &&
                sizeof(nf_bytes) == 8 && offsetof(nf_edit_desc, seed) == 56 &&
                offsetof(nf_edit_desc, even_if_poor) == 68 &&
                offsetof(nf_edit_desc, adapter) == 72 && sizeof(nf_edit_desc) == 80);
  return nf_edit_begin(session, desc, &last_error);
}
i32 EXPORT(nf_wasm_edit_step)(nf_session *session) { return nf_edit_step(session, &last_error); }

/* desc as nf_wasm_edit_begin's. row[3]: key (C string, valid until the next call), file_bytes,
 * ready */
i32 EXPORT(nf_wasm_prefix_info)(nf_session *session, const nf_edit_desc *desc, const u8 *model,
                                i32 len, f64 *row) {
  nf_status status =
      nf_prefix_info_get(session, desc, bytes_of(model, len), &last_prefix, &last_error);
  if (status != NF_OK) return status;
  row[0] = (f64)(uintptr_t)last_prefix.key;
  row[1] = (f64)last_prefix.file_bytes;
  row[2] = last_prefix.ready;
  return NF_OK;
}
i32 EXPORT(nf_wasm_prefix_save)(nf_session *session, const nf_edit_desc *desc, const u8 *model,
                                i32 len, u8 *file, i32 cap) {
  return nf_prefix_save(session, desc, bytes_of(model, len), file, cap, &last_error);
}
i32 EXPORT(nf_wasm_prefix_load)(nf_session *session, const nf_edit_desc *desc, const u8 *model,
                                i32 len, const u8 *file, i32 file_len) {
  return nf_prefix_load(session, desc, bytes_of(model, len), bytes_of(file, file_len), &last_error);
}

/* row[15]: text, text_len, verdict, why (C string), n_changes, first_token_ms, total_ms,
 * input_tokens, cached_tokens, output_tokens, passes, drafted, accepted, forced, n_variants */
void EXPORT(nf_wasm_edit_result)(const nf_session *session, f64 *row) {
  nf_edit_result_get(session, &last_result);
  const nf_receipt *r = &last_result.receipt;
  row[0] = (f64)(uintptr_t)last_result.text.at;
  row[1] = (f64)last_result.text.len;
  row[2] = last_result.verdict;
  row[3] = (f64)(uintptr_t)last_result.why;
  row[4] = last_result.n_changes;
  row[5] = r->first_token_ms;
  row[6] = r->total_ms;
  row[7] = r->input_tokens;
  row[8] = r->cached_tokens;
  row[9] = r->output_tokens;
  row[10] = r->passes;
  row[11] = r->drafted;
  row[12] = r->accepted;
  row[13] = r->forced;
  row[14] = last_result.n_variants;
}
static void change_row(const nf_change *c, f64 *row) {
  row[0] = c->start16;
  row[1] = c->end16;
  row[2] = (f64)(uintptr_t)c->replacement.at;
  row[3] = (f64)c->replacement.len;
}
/* Change i of the last nf_wasm_edit_result, 0 <= i < n_changes.
 * row[4]: start, end (UTF-16 units of the input), replacement, replacement_len */
void EXPORT(nf_wasm_edit_change)(i32 i, f64 *row) {
  ASSERT(0 <= i && i < last_result.n_changes);
  change_row(&last_result.changes[i], row);
}

/* Variant i, 0 <= i < n_variants of the last result. row[4]: text, text_len, why (C string),
 * n_changes */
void EXPORT(nf_wasm_edit_variant)(const nf_session *session, i32 i, f64 *row) {
  nf_variant v;
  nf_edit_variant_get(session, i, &v);
  row[0] = (f64)(uintptr_t)v.text.at;
  row[1] = (f64)v.text.len;
  row[2] = (f64)(uintptr_t)v.why;
  row[3] = v.n_changes;
}
/* Change k of variant i. row[4] as nf_wasm_edit_change */
void EXPORT(nf_wasm_edit_variant_change)(const nf_session *session, i32 i, i32 k, f64 *row) {
  nf_variant v;
  nf_edit_variant_get(session, i, &v);
  ASSERT(0 <= k && k < v.n_changes);
  change_row(&v.changes[k], row);
}

/* ---- caption documents ---- */

i32 EXPORT(nf_wasm_caption_open)(const u8 *file, i32 len, nf_caption **doc) {
  return nf_caption_open(bytes_of(file, len), doc, &last_error);
}
void EXPORT(nf_wasm_caption_close)(nf_caption *doc) { nf_caption_close(doc); }
i32 EXPORT(nf_wasm_caption_format)(const nf_caption *doc) { return nf_caption_format_get(doc); }
i32 EXPORT(nf_wasm_caption_cues)(const nf_caption *doc) { return nf_caption_cue_count(doc); }
/* row[9]: start_ms, end_ms, text, text_len, settings, settings_len, label, label_len, line */
void EXPORT(nf_wasm_caption_cue)(const nf_caption *doc, i32 i, f64 *row) {
  nf_cue cue;
  nf_caption_cue_get(doc, i, &cue);
  row[0] = (f64)cue.start_ms;
  row[1] = (f64)cue.end_ms;
  row[2] = (f64)(uintptr_t)cue.text.at;
  row[3] = (f64)cue.text.len;
  row[4] = (f64)(uintptr_t)cue.settings.at;
  row[5] = (f64)cue.settings.len;
  row[6] = (f64)(uintptr_t)cue.label.at;
  row[7] = (f64)cue.label.len;
  row[8] = cue.line;
}
i32 EXPORT(nf_wasm_caption_warnings)(const nf_caption *doc) {
  return nf_caption_warning_count(doc);
}
/* row[2]: line, what (C string) */
void EXPORT(nf_wasm_caption_warning)(const nf_caption *doc, i32 i, f64 *row) {
  nf_caption_warning warning;
  nf_caption_warning_get(doc, i, &warning);
  row[0] = warning.line;
  row[1] = (f64)(uintptr_t)warning.what;
}
i32 EXPORT(nf_wasm_caption_text_set)(nf_caption *doc, i32 i, const u8 *text, i32 len) {
  return nf_caption_text_set(doc, i, bytes_of(text, len), &last_error);
}
i32 EXPORT(nf_wasm_caption_times_set)(nf_caption *doc, i32 i, f64 start_ms, f64 end_ms) {
  return nf_caption_times_set(doc, i, (i64)start_ms, (i64)end_ms, &last_error);
}
i32 EXPORT(nf_wasm_caption_insert)(nf_caption *doc, i32 i, f64 start_ms, f64 end_ms, const u8 *text,
                                   i32 len) {
  return nf_caption_cue_insert(doc, i, (i64)start_ms, (i64)end_ms, bytes_of(text, len),
                               &last_error);
}
i32 EXPORT(nf_wasm_caption_remove)(nf_caption *doc, i32 i) {
  return nf_caption_cue_remove(doc, i, &last_error);
}
/* row[2]: file, len */
i32 EXPORT(nf_wasm_caption_write)(nf_caption *doc, i32 format, f64 *row) {
  nf_bytes file;
  nf_status status = nf_caption_write(doc, (nf_caption_format)format, &file, &last_error);
  if (status != NF_OK) return status;
  row[0] = (f64)(uintptr_t)file.at;
  row[1] = (f64)file.len;
  return NF_OK;
}

/* ---- lint ---- */

/* Findings of the profile of that name: out[cap][4] = cue, rule, value, limit. Returns how many
 * there are (more than cap: only cap were written), or a negative status. */
i32 EXPORT(nf_wasm_lint)(const nf_caption *doc, const u8 *profile_name, i32 name_len,
                         nf_lint_finding *out, i32 cap) {
  static_assert(sizeof(nf_lint_finding) == 16, "four i32");
  nf_lint_profile profile;
  nf_status status = nf_lint_profile_get(bytes_of(profile_name, name_len), &profile);
  if (status != NF_OK) return status;
  return nf_lint(doc, &profile, out, cap);
}
/* null: no such rule */
const char *EXPORT(nf_wasm_lint_rule)(i32 rule) { return nf_lint_rule_name((nf_lint_rule)rule); }
/* row[3]: chars, line_chars_max, lines */
void EXPORT(nf_wasm_measure)(const u8 *text, i32 len, i32 format, f64 *row) {
  nf_text_measure m = nf_measure(bytes_of(text, len), (nf_caption_format)format);
  row[0] = m.chars;
  row[1] = m.line_chars_max;
  row[2] = m.lines;
}
