/* Snapshots: the cached start of a timeline, kept aside and put back. See session.h. */
#include "session/timeline.h"

struct session_snapshot {
  model_cache *cache;
  model_adapter_key key; /* of the adapter it was computed with */
  i32 *tokens; /* [tokens_max] */
  isize n, tokens_max;
};

isize session_snapshot_bytes(const model *m, isize tokens_max) {
  return bytes_add(
      model_cache_bytes(m, tokens_max),
      (isize)sizeof(session_snapshot) + tokens_max * (isize)sizeof(i32) + 2 * SESSION_LINE);
}

nf_status session_snapshot_open(const model *m, isize tokens_max, arena *a,
                                session_snapshot **out) {
  arena start = *a;
  session_snapshot *snapshot = arena_new(a, 1, session_snapshot);
  i32 *tokens = arena_new(a, tokens_max, i32);
  model_cache *cache = nullptr;
  if (!snapshot || !tokens || model_cache_open(m, tokens_max, a, &cache) != NF_OK) {
    *a = start;
    return NF_NO_MEMORY;
  }
  *snapshot = (session_snapshot){.cache = cache, .tokens = tokens, .tokens_max = tokens_max};
  *out = snapshot;
  return NF_OK;
}

void session_snapshot_close(session_snapshot *snapshot) { model_cache_close(snapshot->cache); }

void session_snapshot_clear(session_snapshot *snapshot) { snapshot->n = 0; }

isize session_snapshot_tokens(const session_snapshot *snapshot) { return snapshot->n; }

isize session_snapshot_values_bytes(const session_snapshot *snapshot, isize n) {
  ASSERT(0 <= n && n <= snapshot->tokens_max);
  return model_cache_values_bytes(snapshot->cache, n);
}

void session_snapshot_get(const session_snapshot *snapshot, u8 *values) {
  model_cache_values_get(snapshot->cache, snapshot->n, values);
}

void session_snapshot_set(session_snapshot *snapshot, const model_adapter *adapter,
                          const i32 *tokens, isize n, const u8 *values) {
  model_cache_values_set(snapshot->cache, n, values);
  bytes_copy(snapshot->tokens, tokens, n * (isize)sizeof(i32));
  snapshot->key = model_adapter_key_of(adapter);
  snapshot->n = n;
}

void session_save(const session *s, isize n, session_snapshot *to) {
  to->n = isize_min(isize_min(n, s->n_cached), to->tokens_max);
  bytes_copy(to->tokens, s->tokens, to->n * (isize)sizeof(i32));
  to->key = s->key;
  model_cache_copy(to->cache, s->cache, to->n);
}

void session_restore(session *s, const session_snapshot *from, const i32 *tokens, isize n) {
  if (!model_adapter_key_equal(&from->key, &s->key)) return;
  if (session_tokens_common(from->tokens, from->n, tokens, n) < from->n) return;
  if (session_tokens_common(s->tokens, s->n_cached, tokens, n) >= from->n) return;
  if (from->n > s->ctx_tokens) return;
  session_pass_keep(s, PASS_NONE);
  bytes_copy(s->tokens, from->tokens, from->n * (isize)sizeof(i32));
  model_cache_copy(s->cache, from->cache, from->n);
  s->n_tokens = s->n_cached = from->n;
  s->n_branches = s->ahead.n = s->ahead.at = 0;
  s->logits_ready = false;
}
