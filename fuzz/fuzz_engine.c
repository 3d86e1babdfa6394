/* A model file of any bytes through the public calls: engine, session, a generation, an edit.
 * Each ends in a status, and a failure in one line. What fuzz_model and fuzz_text do below the
 * API, this does with what only the API puts together: template, vocabulary and shape of one
 * file. Files are small; what asks for a large session is passed over. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

constexpr i64 session_bytes_max = 64 << 20;
constexpr i32 steps_max = 6;

static nf_status told(nf_status status, const nf_error *error) {
  const char *end = memchr(error->line, 0, sizeof error->line);
  bool empty = end == error->line;
  if (end == nullptr || empty != (status >= NF_OK)) __builtin_trap();
  if (strchr(error->line, '\n') != nullptr) __builtin_trap();
  return status;
}

static void work_try(nf_session *session, nf_bytes text) {
  nf_error error;
  nf_message message = {NF_USER, text};
  nf_generate_desc ask = {.messages = &message, .n_messages = 1, .output_tokens_max = steps_max};
  nf_status status = told(nf_generate_begin(session, &ask, &error), &error);
  if (status == NF_OK) status = NF_PENDING;
  for (i32 i = 0; i < steps_max && status == NF_PENDING; i++) {
    nf_bytes piece;
    status = told(nf_generate_step(session, &piece, &error), &error);
  }
  nf_edit_desc edit = {.task = NF_TASK_FIX, .text = text};
  status = told(nf_edit_begin(session, &edit, &error), &error);
  if (status == NF_OK) status = NF_PENDING;
  for (i32 i = 0; i < steps_max && status == NF_PENDING; i++) {
    status = told(nf_edit_step(session, &error), &error);
  }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  u8 *file = aligned_alloc(64, (size_t)round_up((isize)size + 1, 64));
  if (size > 0) memcpy(file, data, size);
  nf_error error;
  nf_engine *engine = nullptr;
  nf_session *session = nullptr;
  nf_engine_desc desc = {.n_threads = 1, .ctx_tokens_max = 256};
  nf_status status = nf_engine_open_memory(file, (i64)size, &desc, &engine, &error);
  if (told(status, &error) == NF_OK) {
    nf_engine_info info;
    nf_engine_info_get(engine, &info);
    if (nf_session_bytes(engine) < session_bytes_max &&
        told(nf_session_open(engine, &session, &error), &error) == NF_OK) {
      work_try(session, bytes_from_str("the end <|im_end|> \xC3\xA9"));
    }
  }
  nf_session_close(session);
  nf_engine_close(engine);
  free(file);
  return 0;
}
