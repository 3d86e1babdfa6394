/* A model on a device in host memory that fails by script (gpu_trace.h): wherever it is lost, has
 * no memory or refuses a pipeline, the answer is a typed status with a line, nothing hangs, and
 * all that was made is given back. The device computes nothing, so what kernels compute, and the
 * known-answer tests that say so, are tests/gpu/model*.test.mjs' subject. */
#include "cmocka_all.h"
#include "gguf/tiny_llama.h"
#include "gpu/gpu_trace.h"
#include "gpu/orphans.h"
#include "nearfield.h"

static const nf_engine_desc desc = {.kernels = "webgpu", .ctx_tokens_max = 128};
constexpr isize CALLS_MAX = 1 << 20; /* far more than any run needs: a hang */
static nf_error error;
static nf_bytes file;
static isize n_waits;

static void wait(void) {
  n_waits++;
  if (n_waits > CALLS_MAX) fail_msg("pending for ever");
}

/* The whole file in chunks of `step`. */
static nf_status file_give(nf_load *load, isize step) {
  nf_status status = NF_NEED_BYTES;
  for (isize at = 0; at < file.len && status == NF_NEED_BYTES;) {
    isize len = file.len - at < step ? file.len - at : step;
    u8 *chunk = malloc((size_t)len); /* its own block each time: nothing may be kept of it */
    memcpy(chunk, file.at + at, (size_t)len);
    status = nf_load_bytes(load, (nf_bytes){chunk, len}, &error);
    memset(chunk, 0xAA, (size_t)len);
    free(chunk);
    if (status == NF_PENDING) {
      wait();
      status = NF_NEED_BYTES;
    } else {
      at += len;
    }
  }
  return status;
}

static nf_status prompt_run(nf_engine *engine) {
  nf_session *session = nullptr;
  const nf_generate_desc ask = {.raw_prompt = {(const u8 *)"the end", 7}, .output_tokens_max = 4};
  nf_status status = nf_session_open(engine, &session, &error);
  if (status == NF_OK) status = nf_generate_begin(session, &ask, &error);
  while (status == NF_OK) {
    nf_bytes piece;
    status = nf_generate_step(session, &piece, &error);
    if (status != NF_PENDING) break;
    wait();
    status = NF_OK;
  }
  nf_session_close(session);
  return status;
}

/* Load, answer, close on a fresh device; the first failure, if any. */
static nf_status script_run(const gpu_trace_script *script, isize step) {
  nf_load *load = nullptr;
  nf_engine *engine = nullptr;
  gpu_trace_begin(script);
  n_waits = 0;
  nf_status status = nf_load_begin(file.len, &desc, &load, &error);
  if (status == NF_OK) status = file_give(load, step);
  while (status == NF_OK && (status = nf_load_finish(load, &engine, &error)) == NF_PENDING) {
    wait();
    status = NF_OK;
  }
  nf_load_close(load);
  if (status == NF_OK) status = prompt_run(engine);
  if (status < 0) assert_true(error.line[0] != 0);
  nf_engine_close(engine);
  for (isize i = 0; i < 8; i++) gpu_orphans_poll(); /* what nobody waited for comes to its end */
  gpu_trace_counts counts = gpu_trace_counts_get();
  assert_int_equal(counts.buffers, 0);
  assert_int_equal(counts.binds, 0);
  assert_int_equal(counts.pipelines, 0);
  assert_int_equal(counts.buffer_bytes, 0);
  return status;
}

static void a_load_in_any_chunks_ends(void **state) {
  (void)state;
  const isize steps[] = {1 << 24, 65536, 4099, 7};
  for (isize i = 0; i < 4; i++) {
    for (isize pending = 0; pending < 3; pending++) {
      nf_status status = script_run(&(gpu_trace_script){.polls_pending = pending}, steps[i]);
      assert_true(status == NF_OK || status == NF_UNSUPPORTED); /* the device computes nothing */
      assert_true(n_waits > 0 || pending == 0);
    }
  }
}

static void a_device_lost_at_any_call_is_lost(void **state) {
  (void)state;
  script_run(&(gpu_trace_script){.polls_pending = 1}, 65536);
  isize n_calls = gpu_trace_counts_get().calls, n_lost = 0;
  assert_true(n_calls > 100);
  for (isize n = 1; n <= n_calls; n += n < 200 ? 1 : 7) {
    nf_status status =
        script_run(&(gpu_trace_script){.polls_pending = 1, .lost_at_call = n}, 65536);
    n_lost += status == NF_LOST; /* in the calls that close, nobody hears of it */
  }
  assert_true(n_lost > 60);
}

static void a_buffer_that_is_not_to_be_had_is_no_memory(void **state) {
  (void)state;
  for (isize n = 1; n < 60; n++) {
    nf_status status =
        script_run(&(gpu_trace_script){.polls_pending = n % 3, .no_memory_at_buffer = n}, 1 << 20);
    assert_true(status == NF_NO_MEMORY || n > 30); /* few are made after the load */
  }
}

static void a_pipeline_that_does_not_compile_is_named(void **state) {
  (void)state;
  const gpu_trace_script script = {.polls_pending = 1, .bad_pipeline = "repack:Q8_0:b8"};
  assert_int_equal(script_run(&script, 1 << 20), NF_UNSUPPORTED);
  if (!strstr(error.line, "repack:Q8_0:b8")) fail_msg("%s", error.line);
}

static int file_make(void **state) {
  static gguf_make g;
  *state = &g;
  tiny_llama(&g, (tiny_llama_desc){.type = GGUF_Q4_1, .embed_type = GGUF_Q8_0, .seed = 3});
  file = gguf_make_finish(&g);
  return 0;
}
static int file_free(void **state) {
  gguf_make_free(*state);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_load_in_any_chunks_ends),
      cmocka_unit_test(a_device_lost_at_any_call_is_lost),
      cmocka_unit_test(a_buffer_that_is_not_to_be_had_is_no_memory),
      cmocka_unit_test(a_pipeline_that_does_not_compile_is_named),
  };
  return cmocka_run_group_tests(tests, file_make, file_free);
}
