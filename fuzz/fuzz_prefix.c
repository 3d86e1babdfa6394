/* A kept prefix of any bytes for a tiny model is refused with one line, or taken whole. Byte 0 of
 * the input says which fields are put right before the rest is given, so that what lies behind them
 * is reached: 1 the key, 2 the sum. Sum and layout are prefix_file.c's. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "gguf/tiny_llama.h"

constexpr isize AT_KEY = 16, AT_SUM = 48, HEAD = 56;

static nf_engine *engine;
static nf_session *session;
static u8 *model_file; /* the engine's, which lives where LeakSanitizer does not look */
static const nf_edit_desc fix = {.task = NF_TASK_FIX};
static nf_bytes model = {(const u8 *)"tiny", 4};

static void check(bool right) {
  if (!right) __builtin_trap();
}

static void engine_open_once(void) {
  if (engine) return;
  gguf_make g = {};
  const tiny_llama_desc desc = {
      .n_layers = 1, .d_model = 32, .n_heads = 4, .n_kv_heads = 1, .ctx_tokens = 1024};
  nf_bytes file = tiny_llama_file(&g, desc);
  model_file = aligned_alloc(64, (size_t)round_up(file.len, 64));
  memcpy(model_file, file.at, (size_t)file.len);
  const nf_engine_desc how = {.n_threads = 1, .kernels = "scalar"};
  check(nf_engine_open_memory(model_file, file.len, &how, &engine, nullptr) == NF_OK);
  check(nf_session_open(engine, &session, nullptr) == NF_OK);
  gguf_make_free(&g);
}

static nf_prefix_info info_get(void) {
  nf_prefix_info info;
  check(nf_prefix_info_get(session, &fix, model, &info, nullptr) == NF_OK);
  return info;
}

static u8 nibble(char c) { return (u8)(c <= '9' ? c - '0' : c - 'a' + 10); }

static u64 sum_of(const u8 *file, isize len) {
  u64 sum = 1;
  for (isize at = 0; at + 8 <= len; at += 8) {
    if (at == AT_SUM) continue;
    sum = ((sum << 31 | sum >> 33) ^ load_u64(file + at)) * 0x9E3779B97F4A7C15;
  }
  return sum;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  if (size < 1) return 0;
  engine_open_once();
  nf_prefix_info info = info_get();
  check(!info.ready && info.file_bytes > HEAD);
  isize len = (isize)size - 1;
  u8 *file = malloc((size_t)len + 1);
  memcpy(file, data + 1, (size_t)len);
  if (len >= HEAD && data[0] & 1) {
    for (isize i = 0; i < 32; i++) {
      file[AT_KEY + i] = (u8)(nibble(info.key[2 * i]) << 4 | nibble(info.key[2 * i + 1]));
    }
  }
  if (len >= HEAD && data[0] & 2) {
    u64 sum = sum_of(file, len);
    memcpy(file + AT_SUM, &sum, sizeof sum);
  }
  nf_error error;
  nf_status status = nf_prefix_load(session, &fix, model, bytes_of(file, len), &error);
  check(status == NF_OK || status == NF_BAD_INPUT || status == NF_UNSUPPORTED);
  check((status == NF_OK) == (error.line[0] == 0) && info_get().ready == (status == NF_OK));
  if (status == NF_OK) { /* it was the right one: what is written now is what was read */
    u8 *again = malloc((size_t)len);
    check(nf_prefix_save(session, &fix, model, again, len, nullptr) == NF_OK);
    check(memcmp(again, file, (size_t)len) == 0);
    free(again);
    nf_session_close(session);
    check(nf_session_open(engine, &session, nullptr) == NF_OK);
  }
  free(file);
  return 0;
}
