/* Opening the kernels on a device in host memory (gpu_trace.h): it computes nothing, which the
 * known-answer test must see; and wherever it is lost, has no memory or refuses a pipeline, the
 * answer is a typed status, nothing hangs and all is given back. */
#include "cmocka_all.h"
#include "gpu/gpu_trace.h"
#include "gpu/kernels.h"
#include "gpu/orphans.h"

static alignas(64) u8 room[256 << 10];
static nf_error error;

static gpu_kernels_desc shape(void) {
  gpu_kernels_desc desc = {.d_model = 64,
                           .d_ff = 96,
                           .n_heads = 2,
                           .n_kv_heads = 1,
                           .d_head = 32,
                           .d_rope = 32,
                           .n_vocab = 70,
                           .rms_eps = 1e-5f,
                           .embed = 1 << GPU_B8};
  for (isize i = 0; i < GPU_OPS; i++) desc.matmul[i] = 1 << GPU_N4H | 1 << GPU_B8F;
  desc.repack[GGUF_Q4_0] = 1 << GPU_N4H | 1 << GPU_B8F;
  desc.repack[GGUF_Q8_0] = 1 << GPU_B8;
  return desc;
}

/* Opens and closes; the status it came to. stop: closes after so many polls, -1 never. */
static nf_status run(const gpu_trace_script *script, isize stop) {
  gpu_kernels_desc desc = shape();
  gpu_trace_begin(script);
  arena a = arena_of(room, sizeof room);
  gpu_kernels *k = nullptr;
  assert_true(gpu_kernels_bytes() <= (isize)sizeof room);
  assert_int_equal(gpu_kernels_open(&desc, &a, &k), NF_OK);
  nf_status status = NF_PENDING;
  for (isize i = 0; status == NF_PENDING && i != stop; i++) {
    assert_true(i < 1000);
    status = gpu_kernels_poll(k, &error);
  }
  if (status < 0) {
    assert_true(error.line[0] != 0);
    assert_int_equal(gpu_kernels_poll(k, &error), status); /* and stays */
  }
  gpu_kernels_close(k);
  for (isize i = 0; i < 8; i++) gpu_orphans_poll();
  gpu_trace_counts counts = gpu_trace_counts_get();
  assert_int_equal(counts.buffers + counts.binds + counts.pipelines, 0);
  return status;
}

static void a_device_that_computes_nothing(void **state) {
  (void)state;
  assert_int_equal(run(&(gpu_trace_script){.polls_pending = 2}, -1), NF_UNSUPPORTED);
  assert_string_equal(error.line, "this GPU computes repack:Q4_0:n4h wrong");
}

static void failures(void **state) {
  (void)state;
  const char *names[] = {"attention", "kv_move", "pick", "repack:Q8_0:b8", "embed:b8"};
  for (isize i = 0; i < 5; i++) {
    assert_int_equal(run(&(gpu_trace_script){.bad_pipeline = names[i]}, -1), NF_UNSUPPORTED);
  }
  for (isize n = 1; n < 10; n++) {
    nf_status status = run(&(gpu_trace_script){.no_memory_at_buffer = n, .polls_pending = 1}, -1);
    assert_true(status == NF_NO_MEMORY || status == NF_UNSUPPORTED);
    if (n <= 4) assert_int_equal(status, NF_NO_MEMORY); /* its own buffers */
  }
}

static void lost_anywhere(void **state) {
  (void)state;
  isize n_lost = 0;
  for (isize call = 1; call < 400; call++) {
    nf_status status = run(&(gpu_trace_script){.lost_at_call = call, .polls_pending = 1}, -1);
    assert_true(status == NF_LOST || status == NF_UNSUPPORTED);
    n_lost += status == NF_LOST;
  }
  assert_true(n_lost > 30);
}

static void closed_anywhere(void **state) {
  (void)state;
  for (isize stop = 0; stop < 12; stop++) run(&(gpu_trace_script){.polls_pending = 3}, stop);
}

/* A large matrix in slices: whole quadruples of rows, everything covered, or the reason. */
static void slices(void **state) {
  (void)state;
  gpu_facts facts = {.present = 1, .buffer_bytes_max = 1 << 20, .binding_bytes_max = 1 << 18};
  gpu_trace_begin(&(gpu_trace_script){.facts = facts});
  gpu_weight w;
  assert_int_equal(gpu_weight_make(GPU_B8F, 1001, 2048, &w, &error), NF_OK);
  assert_int_equal(w.n_slices, 8); /* 128 rows a binding */
  assert_int_equal(w.rows_slice % 4, 0);
  assert_true(w.rows_slice * 7 < 1001 && w.rows_slice * 8 >= 1001);
  assert_true(gpu_weight_bytes(&w) == (i64)1001 * 64 * 48);
  gpu_weight_free(&w);
  assert_int_equal(gpu_trace_counts_get().buffers, 0);
  assert_int_equal(gpu_weight_make(GPU_F32, 70000, 2048, &w, &error), NF_UNSUPPORTED);
  assert_string_equal(error.line,
                      "a matrix of 70000 x 2048 does not fit this GPU: it binds 0 MiB "
                      "at a time");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_device_that_computes_nothing),
                                     cmocka_unit_test(failures), cmocka_unit_test(lost_anywhere),
                                     cmocka_unit_test(closed_anywhere), cmocka_unit_test(slices)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
