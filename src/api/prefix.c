/* The prefix part of include/nearfield.h. Owns nothing: what is kept and how it is checked is
 * edit/prefix_file.c's. */
#include "api/internal.h"
#include "base/text_out.h"

constexpr isize MODEL_BYTES_MAX = 4096;

static nf_status ask_fill(nf_session *session, const nf_edit_desc *desc, nf_bytes model,
                          edit_prefix_ask *ask, nf_error *error) {
  const nf_engine *engine = session->engine;
  error_clear(error);
  session->work = WORK_NONE;
  if (model.len < 1 || model.len > MODEL_BYTES_MAX) {
    return error_set(error, NF_BAD_INPUT, E_STR("the model is told by "), E_INT(model.len),
                     E_STR(" bytes, expected 1 to "), E_INT(MODEL_BYTES_MAX));
  }
  *ask = (edit_prefix_ask){
      .desc = desc,
      .tuning = desc->adapter != nullptr ? &desc->adapter->tuning : nullptr,
      .model = model,
      .kernels = bytes_from_str(engine->on_gpu ? "webgpu" : engine->kernels->name)};
  return adapter_check(engine, desc->adapter, error);
}

nf_status nf_prefix_info_get(nf_session *session, const nf_edit_desc *desc, nf_bytes model,
                             nf_prefix_info *info, nf_error *error) {
  edit_prefix_ask ask;
  edit_prefix_facts facts;
  nf_status status = ask_fill(session, desc, model, &ask, error);
  if (status == NF_OK) status = edit_prefix_find(session->edit, &ask, &facts, error);
  if (status != NF_OK) return status;
  *info = (nf_prefix_info){.file_bytes = facts.file_bytes, .ready = facts.ready};
  text_out hex = {.at = info->key, .cap = (isize)sizeof info->key - 1};
  for (isize i = 0; i < (isize)sizeof facts.key; i++) out_hex(&hex, facts.key[i], 2);
  return NF_OK;
}

nf_status nf_prefix_save(nf_session *session, const nf_edit_desc *desc, nf_bytes model,
                         uint8_t *file, int64_t cap, nf_error *error) {
  edit_prefix_ask ask;
  nf_status status = ask_fill(session, desc, model, &ask, error);
  if (status != NF_OK) return status;
  isize room = cap < ISIZE_MAX ? (isize)cap : ISIZE_MAX;
  return edit_prefix_write(session->edit, &ask, file, room, error);
}

nf_status nf_prefix_load(nf_session *session, const nf_edit_desc *desc, nf_bytes model,
                         nf_bytes file, nf_error *error) {
  edit_prefix_ask ask;
  nf_status status = ask_fill(session, desc, model, &ask, error);
  return status == NF_OK ? edit_prefix_read(session->edit, &ask, file, error) : status;
}
