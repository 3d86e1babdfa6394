/* See tuning.h. */
#include "edit/tuning.h"

#include "base/text_out.h"
#include "base/utf8.h"
#include "model/adapter_source.h"

nf_status edit_gate_of(const f32 *whole, const f32 *kinds, isize n, edit_gate *gate,
                       nf_error *error) {
  if (n != 0 && n != GATE_KINDS) {
    return error_set(error, NF_UNSUPPORTED, E_STR("the adapter has a gate for each of "), E_INT(n),
                     E_STR(" kinds of changes; this build knows "), E_INT(GATE_KINDS));
  }
  *gate = (edit_gate){.by_kind = n > 0, .whole = whole != nullptr ? *whole : 0};
  for (isize i = 0; i < n; i++) gate->kinds[i] = kinds[i];
  if (gate_valid(gate)) return NF_OK;
  return error_set(error, NF_BAD_INPUT, E_STR("the adapter's gate is no number"));
}

nf_status edit_tuning_check(nf_bytes task, nf_bytes system, nf_error *error) {
  nf_task ignored;
  if (task.len > 0 && !edit_task_named(task, &ignored)) {
    return error_set(error, NF_UNSUPPORTED, E_STR("the adapter is for the task "), E_FOREIGN(task),
                     E_STR("; this build has no such task"));
  }
  bool text = utf8_valid(system) && bytes_find(system, bytes_of("", 1)) < 0;
  if (text && system.len <= EDIT_SYSTEM_BYTES_MAX) return NF_OK;
  return error_set(error, NF_BAD_INPUT, E_STR("the adapter's system message is not UTF-8 or over "),
                   E_INT(EDIT_SYSTEM_BYTES_MAX), E_STR(" bytes"));
}

nf_status edit_tuning_read(const gguf_file *file, const model_adapter *adapter, edit_tuning *tuning,
                           nf_error *error) {
  nf_bytes task = {}, system = {};
  edit_tuning t = {.adapter = adapter};
  if (!gguf_string(file, ADAPTER_KEY_TASK, &task)) task.len = 0;
  if (!gguf_string(file, ADAPTER_KEY_SYSTEM, &system)) system.len = 0;
  f32 whole, kinds[ADAPTER_GATES_MAX];
  isize n_kinds = 0;
  bool has_whole = gguf_float(file, ADAPTER_KEY_GATE, &whole);
  if (!gguf_floats(file, ADAPTER_KEY_GATES, kinds, ADAPTER_GATES_MAX, &n_kinds)) n_kinds = 0;
  t.has_gate = has_whole || n_kinds > 0;
  nf_status status = edit_gate_of(has_whole ? &whole : nullptr, kinds, n_kinds, &t.gate, error);
  if (status == NF_OK) status = edit_tuning_check(task, system, error);
  if (status) return status;
  t.one_task = task.len > 0 && edit_task_named(task, &t.task);
  bytes_copy(t.system, system.at, system.len);
  *tuning = t;
  return NF_OK;
}
