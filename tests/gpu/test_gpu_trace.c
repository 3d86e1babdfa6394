/* The device in host memory: order of writes, dispatches and copies; answers after so many polls;
 * the scripted failures; counts. What the other tests of tests/gpu stand on. */
#include "cmocka_all.h"
#include "gpu/gpu_trace.h"

/* "add": binding 0 {u32 n}, 1: read, 2: += 1 added to each of n words. */
static void run(void *context, const gpu_trace_dispatch *g) {
  (*(int *)context)++;
  u32 n = load_u32(g->at[0]);
  const u32 *from = (const u32 *)(const void *)g->at[1];
  u32 *to = (u32 *)(void *)g->at[2];
  for (u32 i = 0; i < n; i++) to[i] += from[i] + (u32)g->constants[0].value;
}

typedef struct {
  i32 uniform, from, to, pipeline, bind;
} fixture;

static nf_bytes wgsl(void) { return bytes_from_str("fn main() {}"); }

static fixture make(void) {
  fixture f;
  f.uniform = gpu_buffer_make(512, GPU_UNIFORM);
  f.from = gpu_buffer_make(64, GPU_STORAGE);
  f.to = gpu_buffer_make(64, GPU_STORAGE);
  nf_bytes parts[1] = {wgsl()};
  gpu_constant constants[] = {{"STEP", 1}};
  f.pipeline = gpu_pipeline_make(&(gpu_pipeline_desc){.name = "add",
                                                      .parts = parts,
                                                      .n_parts = 1,
                                                      .constants = constants,
                                                      .n_constants = 1,
                                                      .bindings = "urw"});
  f.bind = gpu_bind_make(f.pipeline,
                         (gpu_binding[]){{f.uniform, 0, 4}, {f.from, 0, 64}, {f.to, 0, 64}}, 3);
  return f;
}
static void end(fixture f) {
  gpu_bind_free(f.bind);
  gpu_pipeline_free(f.pipeline);
  gpu_buffer_free(f.uniform);
  gpu_buffer_free(f.from);
  gpu_buffer_free(f.to);
  gpu_trace_counts counts = gpu_trace_counts_get();
  assert_int_equal(counts.buffers + counts.binds + counts.pipelines, 0);
  assert_int_equal(counts.buffer_bytes, 0);
}

static void runs_in_order(void **state) {
  (void)state;
  int n_runs = 0;
  gpu_trace_begin(&(gpu_trace_script){.run = run, .context = &n_runs, .polls_pending = 2});
  fixture f = make();
  nf_error error;
  assert_int_equal(gpu_pipeline_poll(f.pipeline, &error), NF_PENDING);
  assert_int_equal(gpu_pipeline_poll(f.pipeline, &error), NF_PENDING);
  assert_int_equal(gpu_pipeline_poll(f.pipeline, &error), NF_OK);
  u32 ns[128] = {[0] = 2, [64] = 16}, words[16];
  for (u32 i = 0; i < 16; i++) words[i] = i;
  gpu_buffer_write(f.uniform, 0, ns, 512);
  gpu_buffer_write(f.from, 0, words, 64);
  gpu_dispatch(f.pipeline, f.bind, 0, 1, 1, 1);
  gpu_dispatch(f.pipeline, f.bind, 256, 1, 1, 1);
  gpu_copy(f.to, 0, f.from, 32, 8);
  assert_int_equal(n_runs, 0); /* recorded only */
  i32 ticket = gpu_submit(f.to, 4, 8);
  u32 got[2] = {7, 7};
  assert_int_equal(gpu_poll(ticket, got, &error), NF_PENDING);
  assert_int_equal(gpu_poll(ticket, got, &error), NF_PENDING);
  assert_int_equal(got[0], 7);
  assert_int_equal(gpu_poll(ticket, got, &error), NF_OK);
  assert_int_equal(got[0], 4); /* 1 + 1, twice */
  assert_int_equal(got[1], 3); /* 2 + 1, once */
  assert_int_equal(load_u32(gpu_trace_buffer(f.from).at + 36), 4);
  gpu_trace_counts counts = gpu_trace_counts_get();
  assert_int_equal(counts.dispatches, 2);
  assert_int_equal(counts.copies, 1);
  assert_int_equal(counts.submits, 1);
  assert_int_equal(counts.bytes_read_back, 8);
  end(f);
}

/* One whole use of the device; true when it ended well. */
static bool use_all(nf_status *status, nf_error *error) {
  fixture f = make();
  do *status = gpu_pipeline_poll(f.pipeline, error);
  while (*status == NF_PENDING);
  if (*status == NF_OK) {
    u32 n = 16, got;
    gpu_buffer_write(f.uniform, 0, &n, 4);
    gpu_dispatch(f.pipeline, f.bind, 0, 1, 1, 1);
    i32 first = gpu_submit(0, 0, 0), second = gpu_submit(f.to, 0, 4);
    do *status = gpu_poll(first, nullptr, error);
    while (*status == NF_PENDING);
    nf_status later;
    do later = gpu_poll(second, &got, error);
    while (later == NF_PENDING);
    if (*status == NF_OK)
      *status = later;
    else
      assert_int_equal(later, *status);
  }
  end(f);
  return *status == NF_OK;
}

static void fails_when_told(void **state) {
  (void)state;
  nf_status status;
  nf_error error;
  int n_runs = 0;
  gpu_trace_begin(&(gpu_trace_script){.run = run, .context = &n_runs, .polls_pending = 1});
  assert_true(use_all(&status, &error));
  isize n_calls = gpu_trace_counts_get().calls;
  isize n_lost = 0;
  for (isize i = 1; i <= n_calls; i++) { /* lost at every call there is */
    gpu_trace_begin(
        &(gpu_trace_script){.run = run, .context = &n_runs, .polls_pending = 1, .lost_at_call = i});
    if (!use_all(&status, &error)) n_lost++;
    if (status != NF_OK) assert_int_equal(status, NF_LOST);
  }
  assert_int_equal(n_lost, n_calls - 5); /* all but the calls that free, at the end */
  for (isize i = 1; i <= 3; i++) {
    gpu_trace_begin(&(gpu_trace_script){.run = run, .context = &n_runs, .no_memory_at_buffer = i});
    assert_false(use_all(&status, &error));
    assert_int_equal(status, NF_NO_MEMORY);
  }
  gpu_trace_begin(&(gpu_trace_script){.bad_pipeline = "add"});
  assert_false(use_all(&status, &error));
  assert_int_equal(status, NF_UNSUPPORTED);
  assert_string_equal(error.line, "add: by script");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_in_order),
      cmocka_unit_test(fails_when_told),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
