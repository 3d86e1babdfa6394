/* gpu.h in host memory, for tests: buffers are blocks, copies and writes happen, a dispatch calls
 * the test's own function; every handle, range and order that gpu.h promises is checked (ASSERT).
 * A script makes it slow or failing. Owns the one device of the process. Not thread-safe. */
#pragma once
#include "gpu/gpu.h"

typedef struct {
  const char *pipeline, *entry; /* its name and entry point, the test's strings */
  const gpu_constant *constants;
  isize n_constants;
  i32 x, y, z; /* workgroups */
  isize n;
  u8 *at[GPU_BINDINGS_MAX]; /* each binding's bytes, dynamic offset included */
  i64 bytes[GPU_BINDINGS_MAX];
} gpu_trace_dispatch;

typedef struct {
  gpu_facts facts; /* all zero: a plain device (no features, the limits WebGPU promises) */
  isize polls_pending;       /* NF_PENDING so often before each ticket and pipeline is done */
  isize lost_at_call;        /* the device is lost at the n-th call of gpu.h; 0: never */
  isize no_memory_at_buffer; /* the n-th gpu_buffer_make fails; 0: none */
  const char *bad_pipeline;  /* pipelines of this name do not compile; null: all do */
  void (*run)(void *context, const gpu_trace_dispatch *dispatch); /* null: dispatches do nothing */
  void *context;
} gpu_trace_script;

/* A new device; whatever the last one had is gone. The script is copied. */
void gpu_trace_begin(const gpu_trace_script *script);

typedef struct {
  isize calls; /* of gpu.h, all kinds */
  isize buffers, binds, pipelines; /* alive now */
  i64 buffer_bytes; /* of the buffers alive now */
  isize submits, dispatches, copies, writes, read_backs; /* so far; sent ones only */
  isize dispatches_last; /* of the last submit */
  i64 bytes_written, bytes_read_back;
} gpu_trace_counts;
gpu_trace_counts gpu_trace_counts_get(void);

/* A buffer's bytes as they are after the last submit. */
nf_bytes gpu_trace_buffer(i32 buffer);
