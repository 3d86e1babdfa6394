/* The remote part of include/nearfield.h: an edit that a model elsewhere answers. Owns the one
 * block of it; everything else is edit/remote.c's. */
#include "edit/remote.h"
#include "api/internal.h"
#include "base/text_out.h"

struct nf_remote {
  isize block_bytes; /* of the block it lies at the start of */
  edit_remote *edit;
};

nf_status nf_remote_open(nf_remote **remote, nf_error *error) {
  error_clear(error);
  constexpr isize alignment = 2L * 64;
  isize bytes = (isize)sizeof(nf_remote) + alignment + edit_remote_bytes();
  u8 *block = os_memory_get(bytes);
  if (block == nullptr) return error_set(error, NF_NO_MEMORY, E_STR("no memory for remote edits"));
  arena a = arena_of(block, bytes);
  nf_remote *r = arena_new(&a, 1, nf_remote);
  ASSERT(r != nullptr);
  r->block_bytes = bytes;
  nf_status status = edit_remote_open(&a, &r->edit);
  ASSERT(status == NF_OK); /* edit_remote_bytes is an exact promise */
  *remote = r;
  return NF_OK;
}

void nf_remote_close(nf_remote *remote) {
  if (remote != nullptr) os_memory_release(remote, remote->block_bytes);
}

nf_status nf_remote_begin(nf_remote *remote, const nf_edit_desc *desc, nf_error *error) {
  error_clear(error);
  return edit_remote_begin(remote->edit, desc, error);
}

bool nf_remote_settled(const nf_remote *remote) { return edit_remote_settled(remote->edit); }

int32_t nf_remote_messages(const nf_remote *remote, nf_message messages[NF_REMOTE_MESSAGES_MAX]) {
  return (i32)edit_remote_messages(remote->edit, messages);
}

void nf_remote_take(nf_remote *remote, nf_bytes answer, bool whole) {
  edit_remote_take(remote->edit, answer, whole);
}

bool nf_remote_finish(nf_remote *remote, nf_edit_result *result) {
  return edit_remote_finish(remote->edit, result);
}

void nf_remote_variant_get(const nf_remote *remote, int32_t i, nf_variant *variant) {
  edit_remote_variant_get(remote->edit, i, variant);
}
