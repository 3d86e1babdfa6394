/* What an adapter changes about edits beside the model's weights: the task it is for, the prompt it
 * was trained with, its gate. Read from an adapter's GGUF keys, which model/ does not look at.
 * Owns the text; borrows the adapter. */
#pragma once
#include "edit/tasks.h"
#include "gguf/gguf.h"
#include "model/adapter.h"

constexpr isize EDIT_SYSTEM_BYTES_MAX = 1024;

typedef struct {
  const model_adapter *adapter;
  bool one_task; /* only `task`, which it makes an offered one */
  nf_task task;
  char system[EDIT_SYSTEM_BYTES_MAX + 1]; /* "": the task's own instruction and examples */
  bool has_gate;
  edit_gate gate;
} edit_tuning;

/* errors NF_UNSUPPORTED a task that is none of tasks.h, other kinds of gates; NF_BAD_INPUT a system
 * message that is not UTF-8, has a NUL or is over EDIT_SYSTEM_BYTES_MAX, a gate that is no number
 */
[[nodiscard]] nf_status edit_tuning_read(const gguf_file *file, const model_adapter *adapter,
                                         edit_tuning *tuning, nf_error *error);
/* The same checks for keys that are to be written; an empty text is none. */
[[nodiscard]] nf_status edit_tuning_check(nf_bytes task, nf_bytes system, nf_error *error);
/* whole: null, none; n: of `kinds`, 0 or GATE_KINDS. Both: the kinds count. */
[[nodiscard]] nf_status edit_gate_of(const f32 *whole, const f32 *kinds, isize n, edit_gate *gate,
                                     nf_error *error);
