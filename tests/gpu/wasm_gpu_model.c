/* A model on the GPU and another on the CPU as one wasm module: what model.test.mjs calls. Passes,
 * cache moves, generation and edits of either side, with their statuses as they come; strings and
 * arrays are places in this memory. Owns two sides and the one pass of each. */
#include "api/internal.h"
#include "edit/lossless.h"
#include "edit/state.h"
#include "gpu/kernels_internal.h"
#include "model/gpu_internal.h"

#pragma clang diagnostic ignored "-Wmissing-prototypes"
#define EXPORT(name) __attribute__((export_name(#name))) test_##name

enum : i32 { TOKENS_MAX = 4096, MORE_MAX = 16, VOCAB_MAX = 1 << 17 };

typedef struct {
  nf_load *load;
  nf_engine *engine;
  nf_session *session;
  void *block; /* cache and scratch for passes without a session */
  isize block_bytes;
  model_cache *cache, *other;
  model_scratch *scratch;
  nf_adapter *adapter;
} side;
static side sides[2];
static nf_error error;
static nf_engine_info info;
static nf_edit_result result;
static nf_bytes piece;

/* The pass in flight. */
static struct {
  i32 tokens[MODEL_ROWS_MAX], best[MODEL_ROWS_MAX + MORE_MAX], asked[MODEL_ROWS_MAX];
  f32 log_p_best[MODEL_ROWS_MAX + MORE_MAX], log_p_asked[MODEL_ROWS_MAX];
  u64 seeds[MODEL_SPANS_MAX];
  model_span spans[MODEL_SPANS_MAX];
  model_choice choice;
  model_pass pass;
  f32 *logits;
} p;
static i32 room[1 << 16];

i32 *EXPORT(room_at)(void) { return room; }
const char *EXPORT(line)(void) { return error.line; }
void *EXPORT(get)(i32 bytes) { return os_memory_get(bytes); }
void EXPORT(release)(void *at, i32 bytes) { os_memory_release(at, bytes); }

/* ---- opening ---- */
i32 EXPORT(load_begin)(i32 i, f64 file_bytes, i32 ctx_tokens, const char *kernels) {
  const nf_engine_desc desc = {.n_threads = 1, .ctx_tokens_max = ctx_tokens, .kernels = kernels};
  return nf_load_begin((i64)file_bytes, &desc, &sides[i].load, &error);
}
i32 EXPORT(load_bytes)(i32 i, const u8 *chunk, i32 len) {
  return nf_load_bytes(sides[i].load, bytes_of(chunk, len), &error);
}
i32 EXPORT(load_finish)(i32 i) { return nf_load_finish(sides[i].load, &sides[i].engine, &error); }
void EXPORT(load_close)(i32 i) {
  nf_load_close(sides[i].load);
  sides[i].load = nullptr;
}
i32 EXPORT(n_vocab)(i32 i) { return (i32)text_n_vocab(sides[i].engine->vocab); }
const char *EXPORT(kernels)(i32 i) {
  nf_engine_info_get(sides[i].engine, &info);
  return info.kernels;
}
const char *EXPORT(replaced)(i32 i) {
  nf_engine_info_get(sides[i].engine, &info);
  return info.replaced;
}
/* Best time of a race's way, ns; 0: it was not run. */
f64 EXPORT(race_ns)(i32 i, i32 what, i32 way) {
  return (f64)sides[i].engine->model->gpu->kernels->races[what].best_ns[way];
}
/* Caches (the second one for copies) and scratch for passes. */
i32 EXPORT(caches_open)(i32 i, i32 n_slots) {
  side *s = &sides[i];
  const model *m = s->engine->model;
  s->block_bytes = 2 * model_cache_bytes(m, n_slots) + model_scratch_bytes(m, n_slots, 1) + 4096;
  s->block = os_memory_get(s->block_bytes);
  if (s->block == nullptr) return NF_NO_MEMORY;
  arena a = arena_of(s->block, s->block_bytes);
  nf_status status = model_cache_open(m, n_slots, &a, &s->cache);
  if (status == NF_OK) status = model_cache_open(m, n_slots, &a, &s->other);
  if (status == NF_OK) status = model_scratch_open(m, n_slots, 1, &a, &s->scratch);
  return status;
}
void EXPORT(side_close)(i32 i) {
  side *s = &sides[i];
  if (s->block != nullptr) {
    model_scratch_close(s->scratch);
    model_cache_close(s->cache);
    model_cache_close(s->other);
    os_memory_release(s->block, s->block_bytes);
  }
  nf_session_close(s->session);
  nf_adapter_close(s->adapter);
  nf_engine_close(s->engine);
  nf_load_close(s->load);
  *s = (side){};
}

i32 EXPORT(adapter_open)(i32 i, const u8 *file, i32 len) {
  return nf_adapter_open_memory(sides[i].engine, bytes_of(file, len), &sides[i].adapter, &error);
}
void EXPORT(adapter_close)(i32 i) {
  nf_adapter_close(sides[i].adapter);
  sides[i].adapter = nullptr;
}

/* ---- passes ---- */
/* spec: n_spans, n_more, want (1 logits, 2 asked, 4 with the adapter), then per span n_shared, gap,
 * m, pos, n_out_rows and m tokens; then the asked tokens of all out rows; sampling when temperature
 * > 0, seed i of span i. The logits' block is made on demand. */
i32 EXPORT(pass_begin)(i32 i, const i32 *spec, f32 temperature, f32 min_p) {
  side *s = &sides[i];
  isize n_spans = *spec++, n_more = *spec++, want = *spec++, n_rows = 0, n_out = 0;
  for (isize j = 0; j < n_spans; j++) {
    p.spans[j] = (model_span){.kv = {s->cache, spec[0], spec[1]},
                              .tokens = p.tokens + n_rows,
                              .m = spec[2],
                              .pos = spec[3],
                              .n_out_rows = spec[4]};
    bytes_copy(p.tokens + n_rows, spec + 5, spec[2] * (isize)sizeof(i32));
    p.seeds[j] = (u64)j * 0x100000001ULL + 7;
    n_rows += spec[2];
    n_out += spec[4];
    spec += 5 + spec[2];
  }
  if (want & 2) bytes_copy(p.asked, spec, n_out * (isize)sizeof(i32));
  if (p.logits == nullptr) p.logits = os_memory_get(MODEL_ROWS_MAX * VOCAB_MAX * 4L);
  p.choice = (model_choice){.temperature = temperature, .min_p = min_p, .seeds = p.seeds};
  p.pass = (model_pass){.spans = p.spans,
                        .n_spans = n_spans,
                        .choice = temperature > 0 ? &p.choice : nullptr,
                        .n_more = n_more,
                        .adapter = want & 4 ? s->adapter->tensors : nullptr,
                        .logits = want & 1 ? p.logits : nullptr,
                        .best = p.best,
                        .log_p_best = p.log_p_best,
                        .asked = want & 2 ? p.asked : nullptr,
                        .log_p_asked = want & 2 ? p.log_p_asked : nullptr};
  return (i32)n_out;
}
i32 EXPORT(pass_step)(i32 i) {
  side *s = &sides[i];
  return model_pass_run(s->engine->model, s->scratch, s->engine->threads, &p.pass);
}
void EXPORT(pass_drop)(i32 i) { model_pass_drop(sides[i].engine->model, sides[i].scratch); }
i32 EXPORT(more_max)(i32 i) { return (i32)model_more_max(sides[i].engine->model); }
i32 *EXPORT(best_at)(void) { return p.best; }
f32 *EXPORT(log_p_best_at)(void) { return p.log_p_best; }
f32 *EXPORT(log_p_asked_at)(void) { return p.log_p_asked; }
f32 *EXPORT(logits_at)(void) { return p.logits; }
void EXPORT(cache_move)(i32 i, i32 n_shared, i32 gap, i32 pos, i32 n) {
  model_cache_move((model_kv){sides[i].cache, n_shared, gap}, pos, n);
}
/* The cache's slots [0, n) into the other one, and back. */
void EXPORT(cache_save)(i32 i, i32 n) { model_cache_copy(sides[i].other, sides[i].cache, n); }
void EXPORT(cache_restore)(i32 i, i32 n) { model_cache_copy(sides[i].cache, sides[i].other, n); }
/* Slots [0, n) of the cache of side `from`, on the CPU, into that of side `to`, on the GPU. */
void EXPORT(cache_upload)(i32 to, i32 from, i32 n) {
  const model_cache *a = sides[from].cache, *b = sides[to].cache;
  const gpu_cache *c = b->gpu;
  ASSERT(a->at && c && n <= a->n_slots && n <= b->n_slots);
  isize slot_bytes = b->d_head * (isize)sizeof(f32), n_planes = 2 * b->n_kv_heads;
  for (isize i = 0; i < b->n_layers * n_planes; i++) {
    isize layer = i / n_planes, plane = i % n_planes;
    i64 at = layer % c->layers_each * c->layer_bytes + (i64)(plane * b->n_slots * slot_bytes);
    gpu_buffer_write(c->buffers[layer / c->layers_each], at, a->at + i * a->n_slots * a->d_head,
                     n * slot_bytes);
  }
}

/* ---- text ---- */
i32 EXPORT(session_open)(i32 i) {
  return nf_session_open(sides[i].engine, &sides[i].session, &error);
}
/* The prompt as it is, special tokens and all, greedily. */
i32 EXPORT(generate_begin)(i32 i, const u8 *text, i32 len, i32 n_tokens) {
  const nf_generate_desc ask = {.raw_prompt = bytes_of(text, len), .output_tokens_max = n_tokens};
  return nf_generate_begin(sides[i].session, &ask, &error);
}
i32 EXPORT(generate_step)(i32 i) { return nf_generate_step(sides[i].session, &piece, &error); }
const u8 *EXPORT(piece_at)(void) { return piece.at; }
i32 EXPORT(piece_len)(void) { return (i32)piece.len; }

i32 EXPORT(edit_begin)(i32 i, i32 task, const u8 *text, i32 len, i32 n_variants) {
  const nf_edit_desc desc = {.task = (nf_task)task,
                             .text = bytes_of(text, len),
                             .n_variants = n_variants,
                             .even_if_poor = true};
  return nf_edit_begin(sides[i].session, &desc, &error);
}
i32 EXPORT(edit_step)(i32 i) { return nf_edit_step(sides[i].session, &error); }
/* row[7]: answer tokens, how many, prompt tokens, how many, passes, forced, 1 where the model ended
 * the answer and 0 where it grew too long */
void EXPORT(edit_tokens)(i32 i, f64 *row) {
  const edit *e = sides[i].session->edit;
  nf_edit_result_get(sides[i].session, &result);
  row[0] = (f64)(uintptr_t)e->answer;
  row[1] = (f64)e->n_answer;
  row[2] = (f64)(uintptr_t)e->prompt;
  row[3] = result.receipt.input_tokens;
  row[4] = result.receipt.passes;
  row[5] = result.receipt.forced;
  row[6] = e->ended;
}
i32 EXPORT(is_end)(i32 i, i32 token) { return text_is_end(sides[i].engine->vocab, token); }

/* A new timeline; then one plain step of it. */
i32 EXPORT(timeline_set)(i32 i, const i32 *tokens, i32 n) {
  isize cached;
  return session_set(sides[i].session->timeline, tokens, n, &cached);
}
i32 EXPORT(timeline_step)(i32 i, i32 *next) {
  session_verdict verdict;
  nf_status status = session_verify(sides[i].session->timeline, nullptr, 0, &verdict);
  if (status == NF_OK) *next = verdict.next;
  return status;
}
i32 EXPORT(timeline_push)(i32 i, i32 token) {
  return session_push(sides[i].session->timeline, token);
}
const f32 *EXPORT(timeline_logits)(i32 i) { return session_logits(sides[i].session->timeline); }
i32 EXPORT(timeline_run)(i32 i) { return session_run(sides[i].session->timeline); }

/* ---- branches of the timeline; over: a bit for each ---- */
void EXPORT(branches_begin)(i32 i, i32 n, i32 tokens_max) {
  session_branches_begin(sides[i].session->timeline, n, tokens_max);
}
i32 EXPORT(branches_run)(i32 i, u32 over) {
  bool bits[SESSION_BRANCHES_MAX];
  for (isize k = 0; k < SESSION_BRANCHES_MAX; k++) bits[k] = (over >> k & 1) != 0;
  return session_branches_run(sides[i].session->timeline, bits);
}
i32 EXPORT(branch_push)(i32 i, i32 branch, i32 token) {
  return session_branch_push(sides[i].session->timeline, branch, token);
}
void EXPORT(branch_copy)(i32 i, i32 to, i32 from) {
  session_branch_copy(sides[i].session->timeline, to, from);
}
const f32 *EXPORT(branch_logits)(i32 i, i32 branch) {
  return session_branch_logits(sides[i].session->timeline, branch);
}

/* ---- caption i of lossless.h, made of the corpus's lines, to out[1024); its bytes ---- */
i32 EXPORT(caption)(const u8 *corpus, i32 len, i32 i, u8 *out) {
  const lossless l = {.corpus = bytes_of(corpus, len)};
  return (i32)lossless_caption(&l, i, out);
}
