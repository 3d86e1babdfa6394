/* A prefix as a file: written from its snapshot, read back only when every bit is what was written
 * for the same model, kernels, adapter and tokens. Owns the format; where files lie is the host's.
 * Which tokens a prefix has is edit.c's. Little-endian, as every machine this runs on.
 *
 *   0  8   "NFPREFIX"
 *   8  4   version
 *  12  4   n tokens
 *  16  32  key: SHA-256 of what the values depend on
 *  48  8   sum of all else
 *  56      values: [layer][k|v][kv_head][n][d_head] f32 */
#include "base/sha256.h"
#include "base/text_out.h"
#include "edit/edit.h"
#include "edit/state.h"

enum : i32 { AT_VERSION = 8, AT_TOKENS = 12, AT_KEY = 16, AT_SUM = 48, AT_VALUES = 56 };
constexpr u32 VERSION = 1;
static const char magic[8] = {'N', 'F', 'P', 'R', 'E', 'F', 'I', 'X'};

static void u32_write(u8 *to, u32 value) { bytes_copy(to, &value, (isize)sizeof value); }

/* A piece of what is hashed, told from its neighbours by its length. */
static void piece_add(nf_sha256 *hash, nf_bytes piece) {
  u8 len[4];
  u32_write(len, (u32)piece.len);
  sha256_add(hash, bytes_of(len, (isize)sizeof len));
  sha256_add(hash, piece);
}

static isize tokens_kept(const edit *e) { return isize_min(e->prefix->n, EDIT_PREFIX_TOKENS_MAX); }

/* Of the prefix in e->prefix, its tokens in e->prompt. */
static void facts_fill(const edit *e, const edit_prefix_ask *ask, edit_prefix_facts *facts) {
  const edit_prefix *p = e->prefix;
  isize n = tokens_kept(e), values = session_snapshot_values_bytes(p->snapshot, n);
  *facts = (edit_prefix_facts){.file_bytes = values > 0 ? AT_VALUES + values : 0,
                               .ready = n > 0 && session_snapshot_tokens(p->snapshot) == n};
  nf_sha256 hash;
  sha256_begin(&hash);
  piece_add(&hash, ask->model);
  piece_add(&hash, ask->kernels);
  piece_add(&hash, bytes_of(p->key.digest, (isize)sizeof p->key.digest));
  piece_add(&hash, bytes_of(e->prompt, n * (isize)sizeof(i32)));
  sha256_end(&hash, facts->key);
}

/* Of a whole file of at least AT_VALUES bytes, all but the sum itself. Finds damage, not intent:
 * every step is a bijection of the sum, so a change within one word is always found. SHA-256 would
 * take longer than the rest of a load. */
static u64 sum_of(nf_bytes file) {
  u64 sum = VERSION;
  for (isize at = 0; at + 8 <= file.len; at += 8) {
    if (at == AT_SUM) continue;
    sum = ((sum << 31 | sum >> 33) ^ load_u64(file.at + at)) * 0x9E3779B97F4A7C15; /* odd */
  }
  return sum;
}

nf_status edit_prefix_find(edit *e, const edit_prefix_ask *ask, edit_prefix_facts *facts,
                           nf_error *error) {
  nf_status status = edit_prefix_take(e, ask->desc, ask->tuning, error);
  if (status == NF_OK) facts_fill(e, ask, facts);
  bool by_rules = e->task->rules == EDIT_RULES_ONLY && ask->tuning == nullptr;
  if (status == NF_OK && by_rules && !ask->desc->even_if_poor) facts->file_bytes = 0;
  return status;
}

nf_status edit_prefix_write(edit *e, const edit_prefix_ask *ask, u8 *file, isize cap,
                            nf_error *error) {
  edit_prefix_facts facts;
  nf_status status = edit_prefix_find(e, ask, &facts, error);
  if (status != NF_OK) return status;
  if (!facts.ready || facts.file_bytes == 0) {
    return error_set(error, NF_BAD_INPUT, E_STR("this session has no such prefix to keep"));
  }
  if (cap < facts.file_bytes) {
    return error_set(error, NF_BAD_INPUT, E_STR("the prefix has "), E_INT(facts.file_bytes),
                     E_STR(" bytes, there is room for "), E_INT(cap));
  }
  bytes_copy(file, magic, (isize)sizeof magic);
  u32_write(file + AT_VERSION, VERSION);
  u32_write(file + AT_TOKENS, (u32)tokens_kept(e));
  bytes_copy(file + AT_KEY, facts.key, (isize)sizeof facts.key);
  session_snapshot_get(e->prefix->snapshot, file + AT_VALUES);
  u64 sum = sum_of(bytes_of(file, facts.file_bytes));
  bytes_copy(file + AT_SUM, &sum, (isize)sizeof sum);
  return NF_OK;
}

/* Is it the file of that prefix, whole? */
static nf_status file_check(nf_bytes file, const edit_prefix_facts *facts, isize n,
                            nf_error *error) {
  if (file.len < AT_VALUES || !bytes_start_with(file, bytes_of(magic, (isize)sizeof magic))) {
    return error_set(error, NF_BAD_INPUT, E_STR("this is no kept prefix"));
  }
  u32 version = load_u32(file.at + AT_VERSION);
  if (version != VERSION) {
    return error_set(error, NF_UNSUPPORTED, E_STR("a kept prefix of version "), E_INT(version),
                     E_STR(", expected "), E_INT(VERSION));
  }
  if (!bytes_equal(bytes_slice(file, AT_KEY, AT_SUM),
                   bytes_of(facts->key, (isize)sizeof facts->key))) {
    return error_set(error, NF_UNSUPPORTED,
                     E_STR("the kept prefix is of another model, adapter, task or build"));
  }
  if (file.len == facts->file_bytes && load_u32(file.at + AT_TOKENS) == (u32)n &&
      load_u64(file.at + AT_SUM) == sum_of(file)) {
    return NF_OK;
  }
  return error_set(error, NF_BAD_INPUT, E_STR("the kept prefix is damaged: "), E_INT(file.len),
                   E_STR(" bytes, expected "), E_INT(facts->file_bytes),
                   E_STR(" with the sum they tell"));
}

nf_status edit_prefix_read(edit *e, const edit_prefix_ask *ask, nf_bytes file, nf_error *error) {
  edit_prefix_facts facts;
  nf_status status = edit_prefix_find(e, ask, &facts, error);
  if (status != NF_OK || facts.ready) return status;
  if (facts.file_bytes == 0) {
    return error_set(error, NF_UNSUPPORTED,
                     E_STR("this session keeps no prefix: it is on a GPU, "
                           "or the task's prompts share nothing"));
  }
  isize n = tokens_kept(e);
  status = file_check(file, &facts, n, error);
  if (status != NF_OK) return status;
  session_snapshot_set(e->prefix->snapshot, e->adapter, e->prompt, n, file.at + AT_VALUES);
  return NF_OK;
}
