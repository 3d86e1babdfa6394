/* gpu.h where there is no device: the native product runs on the CPU. Only the facts may be asked;
 * every other call is a mistake of the caller and stops the program. */
#include "gpu/gpu.h"

void gpu_facts_get(gpu_facts *facts) { *facts = (gpu_facts){}; }

[[noreturn]] static void no_device(void) { __builtin_trap(); }

i32 gpu_buffer_make([[maybe_unused]] i64 bytes, [[maybe_unused]] gpu_use use) { no_device(); }
void gpu_buffer_free(i32 buffer) { ASSERT(buffer == 0); }
void gpu_buffer_write([[maybe_unused]] i32 buffer, [[maybe_unused]] i64 at,
                      [[maybe_unused]] const void *from, [[maybe_unused]] isize bytes) {
  no_device();
}
i32 gpu_pipeline_make([[maybe_unused]] const gpu_pipeline_desc *desc) { no_device(); }
void gpu_pipeline_free(i32 pipeline) { ASSERT(pipeline == 0); }
nf_status gpu_pipeline_poll([[maybe_unused]] i32 pipeline, [[maybe_unused]] nf_error *error) {
  no_device();
}
i32 gpu_bind_make([[maybe_unused]] i32 pipeline, [[maybe_unused]] const gpu_binding *bindings,
                  [[maybe_unused]] isize n) {
  no_device();
}
void gpu_bind_free(i32 bind) { ASSERT(bind == 0); }
void gpu_dispatch([[maybe_unused]] i32 pipeline, [[maybe_unused]] i32 bind,
                  [[maybe_unused]] u32 dynamic_offset, [[maybe_unused]] i32 x,
                  [[maybe_unused]] i32 y, [[maybe_unused]] i32 z) {
  no_device();
}
void gpu_copy([[maybe_unused]] i32 from, [[maybe_unused]] i64 from_at, [[maybe_unused]] i32 to,
              [[maybe_unused]] i64 to_at, [[maybe_unused]] i64 bytes) {
  no_device();
}
i32 gpu_submit([[maybe_unused]] i32 buffer, [[maybe_unused]] i64 at, [[maybe_unused]] isize bytes) {
  no_device();
}
nf_status gpu_poll([[maybe_unused]] i32 ticket, [[maybe_unused]] void *to,
                   [[maybe_unused]] nf_error *error) {
  no_device();
}
