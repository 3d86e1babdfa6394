/* Model and session as a wasm module: what run_model.mjs calls. One model, one session; the
 * host writes the file's bytes to memory_get's block, tokens to tokens_at(). Or, in another
 * instance, captions_*: edits against one token a pass. */
#include "edit/lossless_side.h"
#include "model/model.h"
#include "os/os.h"
#include "session/session.h"
#include "timed_table.h"

#define EXPORT(name) __attribute__((export_name(#name)))
EXPORT(memory_get) void *memory_get(i32 bytes);
EXPORT(engine_open) i32 engine_open(u8 *file_at, i32 bytes, i32 n_threads);
EXPORT(engine_line) const char *engine_line(void);
EXPORT(engine_kernels) const char *engine_kernels(void);
EXPORT(tokens_at) i32 *tokens_at(void);
EXPORT(tokens_run) f32 *tokens_run(i32 n);
EXPORT(draft_verify) i32 draft_verify(i32 n_prompt, i32 n_draft);
EXPORT(profile_ask) void profile_ask(void);
EXPORT(profile_pass) const f64 *profile_pass(i32 m, i32 n_out_rows, f64 ms);
EXPORT(pass_rate) f64 pass_rate(i32 m, i32 n_out_rows, i32 logits, f64 ms);

EXPORT(captions_open)
i32 captions_open(u8 *file, i32 bytes, const u8 *corpus, i32 len, i32 n_threads);
EXPORT(captions_adapter) i32 captions_adapter(const u8 *file, i32 bytes);
EXPORT(captions_side) i32 captions_side(void);
EXPORT(captions_compare) i32 captions_compare(i32 from, i32 to);
EXPORT(captions_differ) i32 captions_differ(void);
EXPORT(captions_differs_at) i32 captions_differs_at(void);
EXPORT(captions_wrong) const char *captions_wrong(void);
EXPORT(captions_hash) u32 captions_hash(void);

constexpr isize ctx_tokens = 512;
static nf_error error;
static struct {
  arena a;
  gguf_file gguf;
  model_shape shape;
  model *m;
  pool *threads;
  model_scratch *scratch;
  model_cache *cache; /* for pass_rate; the session has its own */
  session *s;
} engine;
static i32 tokens[ctx_tokens];

void *memory_get(i32 bytes) { return os_memory_get(bytes); }
const char *engine_line(void) { return error.line; }
const char *engine_kernels(void) { return k_table_best()->name; }
i32 *tokens_at(void) { return tokens; }

/* Before engine_open: its kernels take the time of what they do. */
static bool profiling;
void profile_ask(void) { profiling = true; }

i32 engine_open(u8 *file_at, i32 bytes, i32 n_threads) {
  const k_table *table = profiling ? timed_table(k_table_best()) : k_table_best();
  void *directory = os_memory_get(1 << 20);
  engine.a = arena_of(directory, 1 << 20);
  nf_status status =
      gguf_open(bytes_of(file_at, bytes), (u64)bytes, &engine.a, &engine.gguf, &error);
  if (!status) status = model_shape_read(&engine.gguf, &engine.shape, &error);
  if (status) return status;
  isize need = model_bytes(&engine.shape) + 65536;
  void *block = os_memory_get(need);
  if (!block) return NF_NO_MEMORY;
  engine.a = arena_of(block, need);
  if ((status = model_open(&engine.gguf, file_at, table, &engine.a, &engine.m, &error)) ||
      (status = pool_start(&engine.a, n_threads, &engine.threads))) {
    return status;
  }
  need = session_bytes(engine.m, ctx_tokens) + model_cache_bytes(engine.m, ctx_tokens) +
         model_scratch_bytes(engine.m, ctx_tokens, n_threads) + 65536;
  block = os_memory_get(need);
  if (!block) return NF_NO_MEMORY;
  engine.a = arena_of(block, need);
  if ((status = model_scratch_open(engine.m, ctx_tokens, n_threads, &engine.a, &engine.scratch)) ||
      (status = model_cache_open(engine.m, ctx_tokens, &engine.a, &engine.cache)) ||
      (status = session_open(engine.m, engine.scratch, engine.threads, ctx_tokens, &engine.a,
                             &engine.s))) {
    return status;
  }
  return (i32)pool_threads(engine.threads);
}

f32 *tokens_run(i32 n) {
  isize cached;
  if (session_set(engine.s, tokens, n, &cached)) return nullptr;
  while (session_run(engine.s) == NF_PENDING) {
  }
  return session_logits(engine.s);
}

/* tokens[n_prompt + n_draft): how many of the draft are the model's own. */
i32 draft_verify(i32 n_prompt, i32 n_draft) {
  isize cached;
  session_verdict v;
  if (session_set(engine.s, tokens, n_prompt, &cached)) return -1;
  while (session_verify(engine.s, tokens + n_prompt, n_draft, &v) == NF_PENDING) {
  }
  return (i32)v.n_accepted;
}

/* One pass of m rows at position 64, as edits ask for it: ns it took. */
static f64 pass_ns(i32 m, i32 n_out_rows, bool logits, bool log_p) {
  static i32 best[MODEL_ROWS_MAX];
  static f32 log_p_best[MODEL_ROWS_MAX];
  const model_span span = {
      .kv = {.cache = engine.cache}, .tokens = tokens, .m = m, .pos = 64, .n_out_rows = n_out_rows};
  const model_pass pass = {.spans = &span,
                           .n_spans = 1,
                           .logits = logits ? session_logits(engine.s) : nullptr,
                           .best = best,
                           .log_p_best = log_p ? log_p_best : nullptr};
  i64 start = os_clock_ns();
  while (model_pass_run(engine.m, engine.scratch, engine.threads, &pass) == NF_PENDING) {
  }
  return (f64)(os_clock_ns() - start);
}

f64 pass_rate(i32 m, i32 n_out_rows, i32 logits, f64 ms) {
  f64 fastest = 0;
  i64 end = os_clock_ns() + (i64)(ms * 1e6);
  for (isize n = 0; n < 3 || os_clock_ns() < end; n++) {
    f64 rate = (f64)m * 1e9 / pass_ns(m, n_out_rows, logits, false);
    fastest = rate > fastest ? rate : fastest;
  }
  return fastest;
}

/* The fastest of some passes: its ns, then timed_ns of each thread in it. */
const f64 *profile_pass(i32 m, i32 n_out_rows, f64 ms) {
  static f64 out[1 + TIMED_THREADS_MAX * TIMED_KINDS];
  out[0] = 1e18;
  i64 end = os_clock_ns() + (i64)(ms * 1e6);
  for (isize n = 0; n < 3 || os_clock_ns() < end; n++) {
    timed_clear();
    f64 took = pass_ns(m, n_out_rows, false, true);
    if (took >= out[0]) continue;
    out[0] = took;
    __builtin_memcpy(out + 1, timed_ns(), sizeof out - sizeof(f64));
  }
  return out;
}

static lossless captions;

/* Threads that run; below 0: a status. */
i32 captions_open(u8 *file, i32 bytes, const u8 *corpus, i32 len, i32 n_threads) {
  nf_status status = lossless_open(&captions, file, bytes, bytes_of(corpus, len), n_threads);
  return status == NF_OK ? (i32)pool_threads(captions.engine->threads) : status;
}

/* From here on with this adapter: GGUF or safetensors. */
i32 captions_adapter(const u8 *file, i32 bytes) {
  nf_adapter *adapter;
  nf_status status =
      nf_adapter_open_memory(captions.engine, bytes_of(file, bytes), &adapter, &captions.error);
  if (status == NF_OK) lossless_adapter_set(&captions, adapter);
  return status;
}

/* A long run, as lossless_side.h says: captions_compare's count is one of captions begun. */
i32 captions_side(void) {
  void *block = os_memory_get(lossless_side_bytes(&captions));
  return block ? lossless_side_open(&captions, block) : NF_NO_MEMORY;
}

/* Of a long run: how many captions differ so far, those that wait now compared; the last. */
i32 captions_differ(void) {
  lossless_side_finish(&captions);
  return side.n_differ;
}
i32 captions_differs_at(void) { return side.line; }

/* How many of captions [from, to) were compared and equal; -1 - i: caption i differs. */
i32 captions_compare(i32 from, i32 to) {
  captions.n_lines = 0;
  for (i32 i = from; i < to; i++) {
    if (!lossless_line(&captions, i, i % (captions.compare ? 16 : 8) == 0)) return -1 - i;
  }
  return captions.n_lines;
}

const char *captions_wrong(void) { return captions.wrong ? captions.wrong : captions.error.line; }
u32 captions_hash(void) { return captions.hash; }
