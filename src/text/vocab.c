/* Filling a text_vocab from a GGUF file, and its look-ups. See vocab.h.
 * Everything the file says is checked here, so that encoding can rely on it. Owns no memory but
 * what it takes from the caller's arena. Read next: vocab_find.c, merge.c. */
#include "text/vocab.h"

#include "base/text_out.h"
#include "base/utf8.h"

/* Ten times the largest vocabulary there is; keeps sizes far from wasm32's limits. */
constexpr isize VOCAB_ENTRIES_MAX = 1 << 22;

static u32 slots_for(isize n) { /* a power of two, at most 2/3 full */
  u32 slots = 16;
  while ((u64)slots * 2 < (u64)n * 3) slots *= 2;
  return slots;
}

/* The arrays of a file that make a vocabulary; false when it has none. */
typedef struct {
  gguf_array tokens, merges, types, scores;
  bool has_merges, has_types, has_scores;
  nf_bytes template_text;
} sources;

static bool sources_of(const gguf_file *file, sources *s) {
  *s = (sources){};
  if (!gguf_array_get(file, "tokenizer.ggml.tokens", GGUF_KV_STRING, &s->tokens)) return false;
  s->has_merges = gguf_array_get(file, "tokenizer.ggml.merges", GGUF_KV_STRING, &s->merges);
  s->has_types = gguf_array_get(file, "tokenizer.ggml.token_type", GGUF_KV_I32, &s->types);
  s->has_scores = gguf_array_get(file, "tokenizer.ggml.scores", GGUF_KV_F32, &s->scores);
  (void)gguf_string(file, "tokenizer.chat_template", &s->template_text);
  return s->tokens.n > 0;
}

isize text_vocab_bytes(const gguf_file *file) {
  sources s;
  if (!sources_of(file, &s) || s.tokens.n > VOCAB_ENTRIES_MAX || s.merges.n > VOCAB_ENTRIES_MAX) {
    return 0;
  }
  isize bytes = (isize)sizeof(text_vocab) + 256;
  bytes += (s.tokens.n + slots_for(s.tokens.n)) * (isize)sizeof(u32);
  bytes += s.merges.n * (isize)sizeof(merge_rule) + slots_for(s.merges.n) * (isize)sizeof(u32);
  return bytes + chat_style_bytes(s.template_text.len);
}

/* ---- tokens ---- */

static nf_status duplicate_error(const text_vocab *v, i32 id, i32 other, nf_error *error) {
  return error_set(error, NF_BAD_INPUT, E_STR("tokens "), E_INT(other), E_STR(" and "), E_INT(id),
                   E_STR(" are the same, \""), E_FOREIGN(vocab_token(v, id)), E_STR("\""));
}

static void filter_add(token_filter *filter, nf_bytes token) {
  if (token.len == 0 || token.len > 255) return;
  filter->first_bytes[token.at[0] >> 6] |= 1ull << (token.at[0] & 63);
  filter->lengths[token.len >> 6] |= 1ull << (token.len & 63);
}

static nf_status token_add(text_vocab *v, i32 id, nf_error *error) {
  nf_bytes token = vocab_token(v, id);
  i32 other = vocab_find(v, token);
  if (other >= 0) return duplicate_error(v, id, other, error);
  u32 slot = vocab_hash(token) & v->token_mask;
  while (v->token_slots[slot] != 0) slot = (slot + 1) & v->token_mask;
  v->token_slots[slot] = (u32)id + 1;
  v->token_bytes_max = isize_max(v->token_bytes_max, token.len);
  token_type type = vocab_type(v, id);
  if (type < TOKEN_NORMAL || type > TOKEN_BYTE) {
    return error_set(error, NF_BAD_INPUT, E_STR("token "), E_INT(id), E_STR(" has type "),
                     E_INT(type), E_STR(", expected 1 to 6"));
  }
  if (type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED) filter_add(&v->special, token);
  if (type == TOKEN_USER_DEFINED && vocab_is_white(token)) filter_add(&v->verbatim, token);
  return NF_OK;
}

static nf_status length_error(const char *key, isize n, isize n_tokens, nf_error *error) {
  return error_set(error, NF_BAD_INPUT, E_STR(key), E_STR(" has "), E_INT(n),
                   E_STR(" entries for "), E_INT(n_tokens), E_STR(" tokens"));
}

static nf_status tokens_read(text_vocab *v, const sources *s, arena *a, nf_error *error) {
  isize n = s->tokens.n;
  if (s->has_types && s->types.n != n) {
    return length_error("tokenizer.ggml.token_type", s->types.n, n, error);
  }
  if (s->has_scores && s->scores.n != n) {
    return length_error("tokenizer.ggml.scores", s->scores.n, n, error);
  }
  if ((u64)s->tokens.bytes.len > UINT32_MAX) {
    return error_set(error, NF_UNSUPPORTED, E_STR("token strings of more than 4 GiB"));
  }
  v->n_tokens = n;
  v->strings = s->tokens.bytes;
  v->types = s->has_types ? s->types.bytes.at : nullptr;
  v->scores = s->has_scores ? s->scores.bytes.at : nullptr;
  v->token_mask = slots_for(n) - 1;
  v->token_at = arena_new(a, n, u32);
  v->token_slots = arena_new(a, (isize)v->token_mask + 1, u32);
  if (v->token_at == nullptr || v->token_slots == nullptr) return NF_NO_MEMORY;
  nf_bytes rest = s->tokens.bytes;
  for (isize i = 0; i < n; i++) {
    nf_bytes token = gguf_string_next(&rest);
    v->token_at[i] = (u32)(token.at - v->strings.at);
    nf_status status = token_add(v, (i32)i, error);
    if (status != NF_OK) return status;
  }
  return NF_OK;
}

/* ---- single bytes ---- */

static void bytes_find_ids(text_vocab *v) {
  for (i32 byte = 0; byte < 256; byte++) {
    u8 name[8];
    isize n;
    if (v->kind == VOCAB_BPE) {
      n = utf8_put(vocab_char_of_byte((u8)byte), name);
    } else {
      static const char hex[] = "0123456789ABCDEF";
      bytes_copy(name, "<0x__>", 6);
      name[3] = (u8)hex[byte >> 4];
      name[4] = (u8)hex[byte & 15];
      n = 6;
    }
    i32 id = vocab_find(v, bytes_of(name, n));
    bool usable = id >= 0 && vocab_type(v, id) != TOKEN_CONTROL;
    v->byte_ids[byte] = usable ? id : -1;
  }
}

/* ---- merges ---- */

static nf_status merge_error(isize rank, nf_bytes text, const char *what, nf_error *error) {
  return error_set(error, NF_BAD_INPUT, E_STR("merge "), E_INT(rank), E_STR(" (\""),
                   E_FOREIGN(text), E_STR("\") "), E_STR(what));
}

static nf_status merge_add(text_vocab *v, isize rank, nf_bytes text, nf_error *error) {
  isize space = 1; /* a token may itself begin with a space */
  while (space < text.len && text.at[space] != ' ') space++;
  if (space >= text.len - 1) return merge_error(rank, text, "is not two tokens", error);
  nf_bytes left = bytes_slice(text, 0, space), right = bytes_slice(text, space + 1, text.len);
  i32 a = vocab_find(v, left), b = vocab_find(v, right), c = vocab_find_joined(v, left, right);
  if (a < 0 || b < 0 || c < 0) {
    return merge_error(rank, text, "names a token the file does not have", error);
  }
  if (vocab_merge(v, a, b) >= 0) return merge_error(rank, text, "is there twice", error);
  v->merges[rank] = (merge_rule){(u32)a, (u32)b, (u32)c};
  /* Text must never turn into a control token: such a merge is kept out of the look-up. */
  if (vocab_type(v, c) == TOKEN_CONTROL) return NF_OK;
  u32 slot = vocab_pair_hash(a, b) & v->merge_mask;
  while (v->merge_slots[slot] != 0) slot = (slot + 1) & v->merge_mask;
  v->merge_slots[slot] = (u32)rank + 1;
  return NF_OK;
}

static nf_status merges_read(text_vocab *v, const sources *s, arena *a, nf_error *error) {
  if (!s->has_merges) {
    return error_set(error, NF_BAD_INPUT, E_STR("a gpt2 tokenizer without tokenizer.ggml.merges"));
  }
  v->n_merges = s->merges.n;
  v->merge_mask = slots_for(s->merges.n) - 1;
  v->merges = arena_new(a, v->n_merges, merge_rule);
  v->merge_slots = arena_new(a, (isize)v->merge_mask + 1, u32);
  if (v->merges == nullptr || v->merge_slots == nullptr) return NF_NO_MEMORY;
  nf_bytes rest = s->merges.bytes;
  for (isize i = 0; i < v->n_merges; i++) {
    nf_status status = merge_add(v, i, gguf_string_next(&rest), error);
    if (status != NF_OK) return status;
  }
  return NF_OK;
}

/* ---- what kind of tokenizer, and its special tokens ---- */

static nf_status kind_read(text_vocab *v, const gguf_file *file, nf_error *error) {
  nf_bytes model = {}, pre = {};
  if (!gguf_string(file, "tokenizer.ggml.model", &model)) {
    return error_set(error, NF_BAD_INPUT, E_STR("the file has no tokenizer.ggml.model"));
  }
  if (bytes_equal(model, bytes_from_str("llama"))) {
    v->kind = VOCAB_SPM;
    v->add_bos = v->space_prefix = true;
    return NF_OK;
  }
  if (!bytes_equal(model, bytes_from_str("gpt2"))) {
    return error_set(error, NF_UNSUPPORTED, E_STR("tokenizer.ggml.model is \""), E_FOREIGN(model),
                     E_STR("\"; this build knows gpt2 and llama"));
  }
  if (!gguf_string(file, "tokenizer.ggml.pre", &pre)) {
    return error_set(error, NF_UNSUPPORTED,
                     E_STR("the file does not name its pre-tokenizer (tokenizer.ggml.pre)"));
  }
  v->kind = VOCAB_BPE;
  v->rules = pretok_rules_find(pre);
  if (v->rules == nullptr) {
    return error_set(error, NF_UNSUPPORTED, E_STR("tokenizer.ggml.pre is \""), E_FOREIGN(pre),
                     E_STR("\", a pre-tokenizer this build does not know"));
  }
  v->add_bos = v->rules->bos;
  return NF_OK;
}

/* An id the file gives under a key; stays as it is without one. */
static nf_status id_read(const text_vocab *v, const gguf_file *file, const char *key, i32 *id,
                         nf_error *error) {
  i64 value;
  if (!gguf_int(file, key, &value)) return NF_OK;
  if (value == -1 || value == UINT32_MAX) { /* how converters write "none" */
    *id = -1;
    return NF_OK;
  }
  if (value < 0 || value >= v->n_tokens) {
    return error_set(error, NF_BAD_INPUT, E_STR(key), E_STR(" is "), E_INT(value), E_STR(" of "),
                     E_INT(v->n_tokens), E_STR(" tokens"));
  }
  *id = (i32)value;
  return NF_OK;
}

static void end_add(text_vocab *v, i32 id) {
  if (id < 0 || text_is_end(v, id) || v->n_ends == VOCAB_ENDS_MAX) return;
  v->ends[v->n_ends++] = id;
}

static nf_status specials_read(text_vocab *v, const gguf_file *file, nf_error *error) {
  static const char *ends[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
  /* Some files give only one of several ends; these names mean nothing else when they are
   * control tokens. */
  static const char *names[] = {"<|im_end|>",    "<|endoftext|>", "<|eot_id|>",
                                "<|eom_id|>",    "<|end|>",       "<|end_of_text|>",
                                "<end_of_turn>", "<eos>",         "</s>"};
  v->bos = v->eos = v->unknown = -1;
  if (v->kind == VOCAB_SPM) { /* SentencePiece's own numbers */
    v->unknown = 0;
    v->bos = v->n_tokens > 1 ? 1 : -1;
    v->eos = v->n_tokens > 2 ? 2 : -1;
  }
  nf_status status = id_read(v, file, "tokenizer.ggml.bos_token_id", &v->bos, error);
  if (status == NF_OK) status = id_read(v, file, "tokenizer.ggml.eos_token_id", &v->eos, error);
  if (status == NF_OK) {
    status = id_read(v, file, "tokenizer.ggml.unknown_token_id", &v->unknown, error);
  }
  if (status != NF_OK) return status;
  end_add(v, v->eos);
  for (isize i = 0; i < (isize)(sizeof ends / sizeof *ends); i++) {
    i32 id = -1;
    status = id_read(v, file, ends[i], &id, error);
    if (status != NF_OK) return status;
    end_add(v, id);
  }
  for (isize i = 0; i < (isize)(sizeof names / sizeof *names); i++) {
    i32 id = vocab_find(v, bytes_from_str(names[i]));
    if (id >= 0 && vocab_type(v, id) == TOKEN_CONTROL) end_add(v, id);
  }
  (void)gguf_bool(file, "tokenizer.ggml.add_bos_token", &v->add_bos);
  if (v->kind == VOCAB_SPM) {
    (void)gguf_bool(file, "tokenizer.ggml.add_space_prefix", &v->space_prefix);
  }
  return NF_OK;
}

static nf_status fill(text_vocab *v, const gguf_file *file, const sources *s, arena *a,
                      nf_error *error) {
  nf_status status = kind_read(v, file, error);
  if (status == NF_OK) status = tokens_read(v, s, a, error);
  if (status != NF_OK) return status;
  if (v->kind == VOCAB_SPM && v->scores == nullptr) {
    return error_set(error, NF_BAD_INPUT, E_STR("a llama tokenizer without tokenizer.ggml.scores"));
  }
  bytes_find_ids(v);
  if (v->kind == VOCAB_BPE) status = merges_read(v, s, a, error);
  if (status == NF_OK) status = specials_read(v, file, error);
  if (status != NF_OK) return status;
  if (s->template_text.len > 0) {
    /* An unknown template stops chats, not the vocabulary. */
    status = chat_style_read(s->template_text, a, &v->chat, nullptr);
    if (status != NF_OK && status != NF_UNSUPPORTED) return status;
  }
  return NF_OK;
}

nf_status text_open(const gguf_file *file, arena *a, text_vocab **out, nf_error *error) {
  sources s;
  if (!sources_of(file, &s)) {
    return error_set(error, NF_BAD_INPUT, E_STR("the file has no tokenizer.ggml.tokens"));
  }
  isize bytes = text_vocab_bytes(file);
  if (bytes == 0) {
    return error_set(error, NF_UNSUPPORTED, E_STR("a vocabulary of "), E_INT(s.tokens.n),
                     E_STR(" tokens and "), E_INT(s.merges.n), E_STR(" merges"));
  }
  arena mine = *a;
  text_vocab *v = arena_new(&mine, 1, text_vocab);
  nf_status status = v == nullptr ? NF_NO_MEMORY : fill(v, file, &s, &mine, error);
  if (status == NF_NO_MEMORY) {
    return error_set(error, NF_NO_MEMORY, E_STR("the vocabulary needs "), E_INT(bytes),
                     E_STR(" bytes"));
  }
  if (status != NF_OK) return status;
  *a = mine;
  *out = v;
  return NF_OK;
}
