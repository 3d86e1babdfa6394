/* The batch part of include/nearfield.h. Owns the block a batch lies in; passes are joined by
 * model/batch.c. */
#include "api/internal.h"
#include "base/text_out.h"

static isize bytes_needed(const nf_engine *engine) {
  constexpr isize handle = (isize)sizeof(nf_batch) + 64;
  if (engine->on_gpu) return handle;
  return bytes_add(
      model_batch_bytes(engine->model, engine->ctx_tokens, pool_threads(engine->threads)), handle);
}

int64_t nf_batch_bytes(const nf_engine *engine) { return bytes_needed(engine); }

nf_status nf_batch_open(nf_engine *engine, nf_batch **batch, nf_error *error) {
  error_clear(error);
  if (engine->on_gpu) {
    return error_set(error, NF_UNSUPPORTED, E_STR("a batch of sessions runs on the CPU only"));
  }
  isize bytes = bytes_needed(engine);
  u8 *block = os_memory_get(bytes);
  if (block == nullptr) {
    return error_set(error, NF_NO_MEMORY, E_STR("no memory for a batch of "), E_INT(bytes),
                     E_STR(" bytes"));
  }
  arena a = arena_of(block, bytes);
  nf_batch *b = arena_new(&a, 1, nf_batch);
  ASSERT(b != nullptr);
  b->engine = engine;
  b->block_bytes = bytes;
  nf_status status = model_batch_open(engine->model, engine->ctx_tokens,
                                      pool_threads(engine->threads), &a, &b->passes);
  ASSERT(status == NF_OK); /* counted above */
  *batch = b;
  return NF_OK;
}

void nf_batch_close(nf_batch *batch) {
  if (batch == nullptr) return;
  model_batch_close(batch->passes);
  os_memory_release(batch, batch->block_bytes);
}

nf_status nf_batch_join(nf_batch *batch, nf_session *session, nf_error *error) {
  static_assert(NF_BATCH_SESSIONS_MAX == MODEL_MEMBERS_MAX);
  error_clear(error);
  if (session->engine != batch->engine || session->batch != nullptr) {
    return error_set(error, NF_BAD_INPUT,
                     E_STR("the session is of another engine, or in a batch already"));
  }
  if (batch->n_sessions == NF_BATCH_SESSIONS_MAX) {
    return error_set(error, NF_BAD_INPUT, E_STR("at most "), E_INT(NF_BATCH_SESSIONS_MAX),
                     E_STR(" sessions are in a batch"));
  }
  nf_session_drop(session);
  session->batch = batch;
  batch->n_sessions++;
  model_batch_join(batch->passes, session->pass_scratch);
  return NF_OK;
}

void batch_leave(nf_session *session) {
  nf_session_drop(session);
  model_batch_leave(session->pass_scratch);
  session->batch->n_sessions--;
  session->batch = nullptr;
}

bool nf_session_waits(const nf_session *session) {
  return model_batch_waits(session->pass_scratch);
}

nf_status nf_batch_run(nf_batch *batch, int32_t *n_works) {
  isize n;
  engine_enter(batch->engine);
  nf_status status = model_batch_run(batch->passes, batch->engine->threads, &n);
  engine_leave(batch->engine);
  *n_works = (i32)n;
  return status;
}
