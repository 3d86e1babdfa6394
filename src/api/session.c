/* Opening and closing a session; the edit part of include/nearfield.h; task names. Owns the one
 * block a session's cache, buffers and scratch lie in. */
#include "api/internal.h"
#include "base/text_out.h"
#include "edit/tasks.h"

constexpr isize OUTPUT_BYTES_PER_TOKEN = 16, STOP_BYTES_MAX = 1024;

typedef struct {
  isize timeline, scratch, ids, text, tokenizer, sampler, edit, sum;
} session_sizes;

static session_sizes sizes_of(const nf_engine *e) {
  const model *m = e->model;
  const model_shape *shape = model_shape_get(m);
  isize n_threads = e->threads != nullptr ? pool_threads(e->threads) : e->n_threads_wanted;
  isize ctx = e->ctx_tokens;
  session_sizes z = {
      .timeline = session_bytes(m, ctx),
      .scratch = model_scratch_bytes(m, ctx, n_threads),
      .ids = ctx * (isize)sizeof(i32),
      .text = ctx * OUTPUT_BYTES_PER_TOKEN + text_token_bytes_max(e->vocab),
      .tokenizer = text_scratch_bytes(ctx * OUTPUT_BYTES_PER_TOKEN),
      .sampler = sampler_scratch_bytes(shape->n_vocab),
      .edit = edit_bytes(m, ctx),
  };
  const isize parts[] = {z.timeline, z.scratch, z.ids, z.text, z.tokenizer, z.sampler, z.edit};
  constexpr isize alignment = 16L * 64;
  z.sum = STOP_BYTES_MAX + (isize)sizeof(nf_session) + alignment;
  for (isize i = 0; i < (isize)(sizeof parts / sizeof *parts); i++) {
    z.sum = bytes_add(z.sum, parts[i]); /* on wasm32 a long context is over the address space */
  }
  return z;
}

int64_t nf_session_bytes(const nf_engine *engine) { return sizes_of(engine).sum; }

static nf_status no_room(isize bytes, nf_error *error) {
  return error_set(error, NF_NO_MEMORY, E_STR("no memory for a session of "), E_INT(bytes),
                   E_STR(" bytes; a smaller context needs less"));
}

nf_status engine_session_reserve(nf_engine *e, bool may_shrink, nf_error *error) {
  for (;;) {
    isize bytes = sizes_of(e).sum;
    void *block = os_memory_get(bytes);
    if (block != nullptr) {
      e->session_block = block;
      e->session_bytes = bytes;
      return NF_OK;
    }
    if (!may_shrink || e->ctx_tokens / 2 < CTX_TOKENS_ENOUGH) return no_room(bytes, error);
    e->ctx_tokens /= 2;
  }
}

static nf_status session_fill(nf_session *s, arena *a, const session_sizes *z) {
  nf_engine *e = s->engine;
  nf_status status =
      model_scratch_open(e->model, e->ctx_tokens, pool_threads(e->threads), a, &s->pass_scratch);
  if (status != NF_OK) return status;
  status = session_open(e->model, s->pass_scratch, e->threads, e->ctx_tokens, a, &s->timeline);
  if (status != NF_OK) return status;
  s->ids = arena_alloc_raw(a, z->ids, 1, 64);
  s->generation.text = arena_alloc_raw(a, z->text, 1, 64);
  s->generation.text_cap = z->text;
  s->generation.stops = arena_alloc_raw(a, STOP_BYTES_MAX, 1, 1);
  s->generation.stop_bytes_max = STOP_BYTES_MAX;
  s->sampler_scratch = arena_alloc_raw(a, z->sampler, 1, 64);
  u8 *tokenizer = arena_alloc_raw(a, z->tokenizer, 1, 64);
  if (tokenizer == nullptr) return NF_NO_MEMORY;
  s->scratch = arena_of(tokenizer, z->tokenizer);
  return edit_open(e->vocab, e->chat, s->timeline, e->model, e->ctx_tokens, a, &s->edit);
}

nf_status nf_session_open(nf_engine *engine, nf_session **session, nf_error *error) {
  error_clear(error);
  session_sizes z = sizes_of(engine);
  u8 *block = atomic_exchange(&engine->session_block, nullptr);
  isize block_bytes = block != nullptr ? engine->session_bytes : z.sum;
  if (block == nullptr) block = os_memory_get(block_bytes);
  if (block == nullptr) return no_room(block_bytes, error);
  ASSERT(block_bytes >= z.sum); /* no more threads have come than were wanted */
  arena a = arena_of(block, z.sum);
  nf_session *s = arena_new(&a, 1, nf_session);
  ASSERT(s != nullptr);
  s->engine = engine;
  s->block = block;
  s->block_bytes = block_bytes;
  nf_status status = session_fill(s, &a, &z);
  if (status == NF_NO_MEMORY) {
    ASSERT(engine->on_gpu); /* the sizes above are exact promises */
    nf_session_close(s);
    return error_set(error, status, E_STR("the GPU has no room for a session's keys and values"));
  }
  if (status != NF_OK) {
    nf_session_close(s);
    return error_set(error, status, E_STR("the vocabulary has no token that ends an answer"));
  }
  *session = s;
  return NF_OK;
}

void nf_session_close(nf_session *session) {
  if (session == nullptr) return;
  if (session->batch != nullptr) batch_leave(session);
  if (session->edit != nullptr) edit_close(session->edit);
  if (session->timeline != nullptr) session_close(session->timeline);
  if (session->pass_scratch != nullptr) model_scratch_close(session->pass_scratch);
  os_memory_release(session->block, session->block_bytes);
}

void nf_session_drop(nf_session *session) {
  session->work = WORK_NONE;
  session_drop(session->timeline);
}

/* ---- edit ---- */

nf_status nf_edit_begin(nf_session *session, const nf_edit_desc *desc, nf_error *error) {
  error_clear(error);
  session->work = WORK_NONE;
  session->receipt = (nf_receipt){};
  session->generation.started_ns = os_clock_ns();
  nf_status status = adapter_check(session->engine, desc->adapter, error);
  if (status != NF_OK) return status;
  const edit_tuning *tuning = desc->adapter != nullptr ? &desc->adapter->tuning : nullptr;
  status = edit_begin(session->edit, desc, tuning, error);
  if (status == NF_OK) session->work = WORK_EDIT;
  return status;
}

nf_status nf_edit_step(nf_session *session, nf_error *error) {
  error_clear(error);
  if (session->work != WORK_EDIT) {
    return error_set(error, NF_BAD_INPUT, E_STR("no edit was begun on this session"));
  }
  engine_enter(session->engine);
  nf_status status = edit_step(session->edit, error);
  engine_leave(session->engine);
  f64 ms = ms_since(session->generation.started_ns);
  if (session->receipt.first_token_ms == 0 && edit_output_tokens(session->edit) > 0) {
    session->receipt.first_token_ms = ms;
  }
  if (status == NF_OK) session->receipt.total_ms = ms;
  if (status >= 0) return status;
  session->work = WORK_NONE;
  return engine_step_failed(session->engine, status, error);
}

void nf_edit_result_get(const nf_session *session, nf_edit_result *result) {
  edit_result_get(session->edit, result);
  result->receipt.first_token_ms = session->receipt.first_token_ms;
  result->receipt.total_ms = session->receipt.total_ms;
}

void nf_edit_variant_get(const nf_session *session, int32_t i, nf_variant *variant) {
  edit_variant_get(session->edit, i, variant);
}

nf_bytes nf_edit_trace(const nf_session *session) { return edit_trace_get(session->edit); }

const char *nf_gate_kind_name(int32_t kind) {
  ASSERT(0 <= kind && kind < NF_GATE_KINDS);
  return gate_kind_name((gate_kind)kind);
}

const char *nf_task_name(nf_task task) {
  const edit_task *t = edit_task_of(task);
  return t == nullptr ? nullptr : t->name;
}

nf_status nf_task_from_name(nf_bytes name, nf_task *task) {
  return edit_task_named(name, task) ? NF_OK : NF_BAD_INPUT;
}

nf_status nf_task_info_get(nf_task task, nf_task_info *info) {
  const edit_task *t = edit_task_of(task);
  if (t == nullptr) return NF_BAD_INPUT;
  *info = (nf_task_info){.name = t->name, .offered = t->device, .why = t->poor};
  return NF_OK;
}
