/* See tuning.h. */
#include "edit/tuning.h"

#include "base/text_out.h"
#include "base/utf8.h"
#include "model/adapter_source.h"

nf_status edit_tuning_check(nf_bytes task, nf_bytes system, f32 gate, nf_error *error) {
  nf_task ignored;
  if (task.len > 0 && !edit_task_named(task, &ignored)) {
    return error_set(error, NF_UNSUPPORTED, E_STR("the adapter is for the task "), E_FOREIGN(task),
                     E_STR("; this build has no such task"));
  }
  bool text = utf8_valid(system) && bytes_find(system, bytes_of("", 1)) < 0;
  if (!text || system.len > EDIT_SYSTEM_BYTES_MAX) {
    return error_set(error, NF_BAD_INPUT,
                     E_STR("the adapter's system message is not UTF-8 or over "),
                     E_INT(EDIT_SYSTEM_BYTES_MAX), E_STR(" bytes"));
  }
  if (gate - gate == 0) return NF_OK;
  return error_set(error, NF_BAD_INPUT, E_STR("the adapter's gate is no number"));
}

nf_status edit_tuning_read(const gguf_file *file, const model_adapter *adapter, edit_tuning *tuning,
                           nf_error *error) {
  nf_bytes task = {}, system = {};
  edit_tuning t = {.adapter = adapter};
  if (!gguf_string(file, ADAPTER_KEY_TASK, &task)) task.len = 0;
  if (!gguf_string(file, ADAPTER_KEY_SYSTEM, &system)) system.len = 0;
  t.has_gate = gguf_float(file, ADAPTER_KEY_GATE, &t.gate);
  nf_status status = edit_tuning_check(task, system, t.gate, error);
  if (status) return status;
  t.one_task = task.len > 0 && edit_task_named(task, &t.task);
  bytes_copy(t.system, system.at, system.len);
  *tuning = t;
  return NF_OK;
}
