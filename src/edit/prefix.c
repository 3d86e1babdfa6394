/* The prompts' beginnings of the tasks and adapters used last, so that a request computes only its
 * own part. See state.h. Which tokens they are is edit.c's; how they are kept session/snapshot.c's.
 */
#include "edit/state.h"

isize edit_prefixes_bytes(const model *m) {
  isize bytes = 0;
  for (isize i = 0; i < EDIT_PREFIXES; i++) {
    bytes = bytes_add(bytes, session_snapshot_bytes(m, EDIT_PREFIX_TOKENS_MAX));
  }
  return bytes;
}

nf_status edit_prefixes_open(edit *e, const model *m, arena *a) {
  nf_status status = NF_OK;
  for (isize i = 0; i < EDIT_PREFIXES && status == NF_OK; i++) {
    status = session_snapshot_open(m, EDIT_PREFIX_TOKENS_MAX, a, &e->prefixes[i].snapshot);
  }
  return status;
}

void edit_prefixes_close(edit *e) {
  for (isize i = 0; i < EDIT_PREFIXES; i++) {
    if (e->prefixes[i].snapshot != nullptr) session_snapshot_close(e->prefixes[i].snapshot);
  }
}

void edit_prefix_choose(edit *e) {
  model_adapter_key key = model_adapter_key_of(e->adapter);
  edit_prefix *oldest = &e->prefixes[0];
  e->prefix = nullptr;
  for (isize i = 0; i < EDIT_PREFIXES; i++) {
    edit_prefix *p = &e->prefixes[i];
    bool same = p->last_use > 0 && p->task == e->task_id && model_adapter_key_equal(&p->key, &key);
    if (same) e->prefix = p;
    if (p->last_use < oldest->last_use) oldest = p;
  }
  if (e->prefix == nullptr) {
    session_snapshot *snapshot = oldest->snapshot;
    session_snapshot_clear(snapshot);
    *oldest = (edit_prefix){.task = e->task_id, .key = key, .snapshot = snapshot};
    e->prefix = oldest;
  }
  e->prefix->last_use = ++e->n_prefix_uses;
}

void edit_prefix_save(edit *e) {
  edit_prefix *p = e->prefix;
  if (session_snapshot_tokens(p->snapshot) == 0) session_save(e->timeline, p->n, p->snapshot);
}
