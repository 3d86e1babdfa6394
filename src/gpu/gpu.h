/* The GPU seam: device memory, compiled kernels, one queue of work. C calls it, the host does it.
 * Implementations: gpu_wasm.c (WebGPU, sdk/src/gpu/), gpu_none.c (no device: the native product),
 * gpu_trace.c (runs in host memory, records, fails when told to: tests).
 *
 * Owns: nothing but handles; what they stand for is the host's. Does NOT know kernels (kernels.h),
 *       weights or models; does NOT block, retry or decide.
 * Use from one thread, the one that called first. Handles are > 0; 0 stands for none.
 *
 * ---- order ----
 * gpu_dispatch and gpu_copy record; gpu_submit sends all that was recorded, of which a host may
 * have sent the beginning already. Recorded dispatches see the results of those before them.
 * gpu_buffer_write is NOT recorded: it takes effect after everything submitted and before
 * everything that is not, so a range that a recorded command reads or writes must not be written
 * before gpu_submit (gpu_trace.c checks).
 *
 * ---- failures ----
 * Making a buffer or a bind never fails at once: it returns a handle, and the first gpu_poll of a
 * ticket submitted afterwards says NF_NO_MEMORY. NF_LOST and NF_NO_MEMORY stay: every later poll
 * says the same, calls that record do nothing, and the caller closes what it has. */
#pragma once
#include "base/base.h"

typedef struct {
  i32 present; /* 0: no device; nothing but gpu_facts_get may be called */
  i32 f16, subgroups, int8_dot; /* features the device was made with: shader-f16, subgroups; WGSL
                                   language feature packed_4x8_integer_dot_product */
  i32 subgroup_min, subgroup_max;   /* lanes; 0: not known */
  i32 workgroup_bytes_max;          /* var<workgroup> of one workgroup */
  i32 invocations_max;              /* of one workgroup, also the limit of its x and y */
  i32 storage_buffers_max;          /* 'r' and 'w' bindings of one pipeline, >= 8 */
  i64 buffer_bytes_max, binding_bytes_max; /* one buffer; one 'r' or 'w' binding */
  char vendor[32], architecture[32]; /* "nvidia", "hopper"; "" when the browser hides them */
} gpu_facts;
void gpu_facts_get(gpu_facts *facts);

enum : i32 {
  GPU_ALIGN = 256,         /* of gpu_binding.at and of dynamic offsets */
  GPU_GROUPS_MAX = 65535,  /* workgroups of a dispatch in each dimension */
  GPU_UNIFORM_MAX = 65536, /* bytes of one 'u' binding */
  GPU_BINDINGS_MAX = 16,
  GPU_TICKETS_MAX = 16,    /* submits that were not polled to their end */
};

/* ---- buffers: zeroed; every size and place a multiple of 4 ---- */
typedef enum : i32 { GPU_STORAGE = 0, GPU_UNIFORM = 1 } gpu_use;
i32 gpu_buffer_make(i64 bytes, gpu_use use);
void gpu_buffer_free(i32 buffer); /* 0 is fine; work submitted before still ends well; not while
                                     commands that use it are recorded */
void gpu_buffer_write(i32 buffer, i64 at, const void *from, isize bytes); /* copies `from` */

/* ---- pipelines: one WGSL entry point with its constants ---- */
typedef struct {
  const char *name; /* of an `override` */
  f64 value;
} gpu_constant;
typedef struct {
  const char *name;      /* for error lines and profiles */
  const nf_bytes *parts; /* WGSL, concatenated */
  isize n_parts;
  const char *entry; /* null: "main" */
  const gpu_constant *constants;
  isize n_constants;
  const char *bindings; /* group 0, a letter a binding in order: 'u' uniform with the dispatch's
                           dynamic offset (at most one), 'c' uniform that stays, 'r' read-only
                           storage, 'w' read-write storage */
} gpu_pipeline_desc;
/* Starts to compile, in the background; desc is borrowed during the call. */
i32 gpu_pipeline_make(const gpu_pipeline_desc *desc);
void gpu_pipeline_free(i32 pipeline); /* 0 is fine; not while commands that use it are recorded */
/* NF_PENDING; NF_OK: gpu_dispatch may use it. errors NF_UNSUPPORTED it does not compile here, the
 * line is "NAME: " and the compiler's first; a failure of the device as gpu_poll says it */
[[nodiscard]] nf_status gpu_pipeline_poll(i32 pipeline, nf_error *error);

/* ---- binds: buffers in the places of a pipeline's bindings; made once, not in the loop ---- */
typedef struct {
  i32 buffer;
  i64 at, bytes; /* a range of it; 'u': of one dispatch, to which the dynamic offset is added */
} gpu_binding;
/* The pipeline may still be compiling. A bind serves every pipeline with the same letters. No
 * range that is 'w' may overlap another of the same bind. */
i32 gpu_bind_make(i32 pipeline, const gpu_binding *bindings, isize n);
void gpu_bind_free(i32 bind); /* 0 is fine; recorded dispatches keep what they need of it */

/* ---- recording and running ---- */
/* x, y, z: workgroups, 1..GPU_GROUPS_MAX. dynamic_offset: 0 where there is no 'u'. */
void gpu_dispatch(i32 pipeline, i32 bind, u32 dynamic_offset, i32 x, i32 y, i32 z);
/* Between two different buffers (WebGPU copies none onto itself). Ends the open compute pass: for
 * loads, snapshots and moves, not for the layer loop. */
void gpu_copy(i32 from, i64 from_at, i32 to, i64 to_at, i64 bytes);
/* Sends what was recorded, then reads buffer[at, at + bytes) back; bytes 0: reads nothing, and
 * the ticket is done when the work is. Returns a ticket, good until gpu_poll ends it. */
i32 gpu_submit(i32 buffer, i64 at, isize bytes);
/* NF_PENDING. NF_OK: the bytes lie in `to` (null: nobody wants them any more), the ticket is
 * gone. errors NF_LOST the device; NF_NO_MEMORY a buffer was not to be had; NF_UNSUPPORTED the
 * device refused a command; the line says what the browser said */
[[nodiscard]] nf_status gpu_poll(i32 ticket, void *to, nf_error *error);
