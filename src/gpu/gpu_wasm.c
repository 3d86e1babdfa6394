/* gpu.h over WebGPU: every call goes to JavaScript (sdk/src/gpu/), which reads the structs of
 * gpu.h out of this memory as they lie on wasm32. Offsets and sizes go as f64: i64 would arrive
 * as BigInt. A host without a device gives sdk/src/gpu/none.ts. */
#include "gpu/gpu.h"

#define IMPORT(name) __attribute__((import_module("env"), import_name(#name)))

IMPORT(gpu_facts) void js_facts(gpu_facts *facts);
IMPORT(gpu_buffer_make) i32 js_buffer_make(f64 bytes, i32 use);
IMPORT(gpu_buffer_free) void js_buffer_free(i32 buffer);
IMPORT(gpu_buffer_write) void js_buffer_write(i32 buffer, f64 at, const void *from, i32 bytes);
IMPORT(gpu_pipeline_make) i32 js_pipeline_make(const gpu_pipeline_desc *desc);
IMPORT(gpu_pipeline_free) void js_pipeline_free(i32 pipeline);
IMPORT(gpu_pipeline_poll) i32 js_pipeline_poll(i32 pipeline, nf_error *error);
IMPORT(gpu_bind_make) i32 js_bind_make(i32 pipeline, const gpu_binding *bindings, i32 n);
IMPORT(gpu_bind_free) void js_bind_free(i32 bind);
IMPORT(gpu_dispatch) void js_dispatch(i32 pipeline, i32 bind, u32 offset, i32 x, i32 y, i32 z);
IMPORT(gpu_copy) void js_copy(i32 from, f64 from_at, i32 to, f64 to_at, f64 bytes);
IMPORT(gpu_submit) i32 js_submit(i32 buffer, f64 at, i32 bytes);
IMPORT(gpu_poll) i32 js_poll(i32 ticket, void *to, nf_error *error);

/* What sdk/src/gpu/structs.ts reads and writes by offset. */
static_assert(sizeof(nf_bytes) == 8 && sizeof(nf_error) == 256);
static_assert(sizeof(gpu_constant) == 16 && offsetof(gpu_constant, value) == 8);
static_assert(sizeof(gpu_pipeline_desc) == 28 && offsetof(gpu_pipeline_desc, bindings) == 24);
static_assert(sizeof(gpu_binding) == 24 && offsetof(gpu_binding, at) == 8);
static_assert(sizeof(gpu_facts) == 120 && offsetof(gpu_facts, buffer_bytes_max) == 40 &&
              offsetof(gpu_facts, vendor) == 56);

void gpu_facts_get(gpu_facts *facts) {
  *facts = (gpu_facts){};
  js_facts(facts);
}

i32 gpu_buffer_make(i64 bytes, gpu_use use) { return js_buffer_make((f64)bytes, use); }
void gpu_buffer_free(i32 buffer) {
  if (buffer != 0) js_buffer_free(buffer);
}
void gpu_buffer_write(i32 buffer, i64 at, const void *from, isize bytes) {
  js_buffer_write(buffer, (f64)at, from, (i32)bytes);
}

i32 gpu_pipeline_make(const gpu_pipeline_desc *desc) { return js_pipeline_make(desc); }
void gpu_pipeline_free(i32 pipeline) {
  if (pipeline != 0) js_pipeline_free(pipeline);
}
nf_status gpu_pipeline_poll(i32 pipeline, nf_error *error) {
  return (nf_status)js_pipeline_poll(pipeline, error);
}

i32 gpu_bind_make(i32 pipeline, const gpu_binding *bindings, isize n) {
  ASSERT(n <= GPU_BINDINGS_MAX);
  return js_bind_make(pipeline, bindings, (i32)n);
}
void gpu_bind_free(i32 bind) {
  if (bind != 0) js_bind_free(bind);
}

void gpu_dispatch(i32 pipeline, i32 bind, u32 dynamic_offset, i32 x, i32 y, i32 z) {
  js_dispatch(pipeline, bind, dynamic_offset, x, y, z);
}
void gpu_copy(i32 from, i64 from_at, i32 to, i64 to_at, i64 bytes) {
  js_copy(from, (f64)from_at, to, (f64)to_at, (f64)bytes);
}
i32 gpu_submit(i32 buffer, i64 at, isize bytes) { return js_submit(buffer, (f64)at, (i32)bytes); }
nf_status gpu_poll(i32 ticket, void *to, nf_error *error) {
  return (nf_status)js_poll(ticket, to, error);
}
