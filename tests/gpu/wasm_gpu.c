/* gpu.h as a wasm module for gpu.test.mjs: each call as an export, its structs built from flat
 * arguments. Strings are NUL-terminated, places in this memory from room(). Owns one scratch. */
#include "gpu/gpu.h"

#pragma clang diagnostic ignored "-Wmissing-prototypes"
#define EXPORT(name) __attribute__((export_name(#name))) name

static _Alignas(64) u8 scratch[1 << 20];
static nf_error error;
static gpu_facts facts;

u8 *EXPORT(room)(void) { return scratch; }
const char *EXPORT(line)(void) { return error.line; }
void EXPORT(line_clear)(void) { error.line[0] = 0; }

/* row[11]: present, f16, subgroups, int8_dot, subgroup_min, subgroup_max, workgroup_bytes_max,
 * invocations_max, storage_buffers_max, buffer_bytes_max, binding_bytes_max */
void EXPORT(facts_get)(f64 *row) {
  gpu_facts_get(&facts);
  row[0] = facts.present, row[1] = facts.f16, row[2] = facts.subgroups, row[3] = facts.int8_dot;
  row[4] = facts.subgroup_min, row[5] = facts.subgroup_max, row[6] = facts.workgroup_bytes_max;
  row[7] = facts.invocations_max, row[8] = facts.storage_buffers_max;
  row[9] = (f64)facts.buffer_bytes_max, row[10] = (f64)facts.binding_bytes_max;
}
const char *EXPORT(vendor)(void) { return facts.vendor; }
const char *EXPORT(architecture)(void) { return facts.architecture; }

i32 EXPORT(buffer_make)(f64 bytes, i32 use) { return gpu_buffer_make((i64)bytes, (gpu_use)use); }
void EXPORT(buffer_free)(i32 buffer) { gpu_buffer_free(buffer); }
void EXPORT(buffer_write)(i32 buffer, f64 at, const void *from, i32 bytes) {
  gpu_buffer_write(buffer, (i64)at, from, bytes);
}
/* Two parts, to see that they are joined; "STEP" and "SCALE" where constants is 2. */
i32 EXPORT(pipeline_make)(const char *name, const char *first, const char *second,
                          const char *entry, const char *letters, i32 constants, f64 step,
                          f64 scale) {
  nf_bytes parts[] = {bytes_from_str(first), bytes_from_str(second)};
  gpu_constant values[] = {{"STEP", step}, {"SCALE", scale}};
  return gpu_pipeline_make(&(gpu_pipeline_desc){.name = name,
                                                .parts = parts,
                                                .n_parts = 2,
                                                .entry = entry[0] ? entry : nullptr,
                                                .constants = values,
                                                .n_constants = constants,
                                                .bindings = letters});
}
void EXPORT(pipeline_free)(i32 pipeline) { gpu_pipeline_free(pipeline); }
i32 EXPORT(pipeline_poll)(i32 pipeline) { return gpu_pipeline_poll(pipeline, &error); }
/* from: n triples buffer, at, bytes */
i32 EXPORT(bind_make)(i32 pipeline, const f64 *from, i32 n) {
  gpu_binding bindings[GPU_BINDINGS_MAX];
  for (i32 i = 0; i < n; i++) {
    bindings[i] = (gpu_binding){(i32)from[3 * i], (i64)from[3 * i + 1], (i64)from[3 * i + 2]};
  }
  return gpu_bind_make(pipeline, bindings, n);
}
void EXPORT(bind_free)(i32 bind) { gpu_bind_free(bind); }
void EXPORT(dispatch)(i32 pipeline, i32 bind, u32 offset, i32 x, i32 y, i32 z) {
  gpu_dispatch(pipeline, bind, offset, x, y, z);
}
void EXPORT(copy)(i32 from, f64 from_at, i32 to, f64 to_at, f64 bytes) {
  gpu_copy(from, (i64)from_at, to, (i64)to_at, (i64)bytes);
}
i32 EXPORT(submit)(i32 buffer, f64 at, i32 bytes) { return gpu_submit(buffer, (i64)at, bytes); }
i32 EXPORT(poll)(i32 ticket, void *to) { return gpu_poll(ticket, to, &error); }
