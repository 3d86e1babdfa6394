/* See upstream_reply.h. */
#include "server/upstream/upstream_reply.h"

#include "yyjson.h"

static bool tokens_read(yyjson_val *usage, const char *name, i64 *out) {
  yyjson_val *value = yyjson_obj_get(usage, name);
  if (!yyjson_is_uint(value) || yyjson_get_uint(value) > USAGE_TOKENS_MAX) return false;
  *out = (i64)yyjson_get_uint(value);
  return true;
}

static void usage_read(yyjson_val *root, reply_usage *out) {
  reply_usage found = {.known = true};
  yyjson_val *usage = yyjson_obj_get(root, "usage");
  if (tokens_read(usage, "prompt_tokens", &found.input_tokens) &&
      tokens_read(usage, "completion_tokens", &found.output_tokens)) {
    *out = found;
  }
}

/* Every choice is an object with its number, and its text where it belongs. */
static bool choices_good(yyjson_val *choices, const char *member) {
  yyjson_arr_iter all = yyjson_arr_iter_with(choices);
  yyjson_val *one;
  while ((one = yyjson_arr_iter_next(&all)) != nullptr) {
    if (!yyjson_is_uint(yyjson_obj_get(one, "index"))) return false;
    if (!yyjson_is_obj(yyjson_obj_get(one, member))) return false;
  }
  return true;
}

/* n_choices: written on REPLY_GOOD and REPLY_USAGE. */
static reply_kind read(nf_bytes bytes, const char *member, reply_usage *usage, size_t *n_choices) {
  yyjson_read_err why;
  /* without YYJSON_READ_INSITU the bytes are only read */
  yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)bytes.at, (size_t)bytes.len,
                                     YYJSON_READ_NOFLAG, nullptr, &why);
  if (doc == nullptr) return REPLY_BAD;
  yyjson_val *root = yyjson_doc_get_root(doc), *choices = yyjson_obj_get(root, "choices");
  yyjson_val *error = yyjson_obj_get(root, "error");
  reply_kind kind = REPLY_BAD;
  if (error != nullptr && !yyjson_is_null(error)) {
    kind = REPLY_ERROR;
  } else if (yyjson_is_arr(choices) && choices_good(choices, member)) {
    *n_choices = yyjson_arr_size(choices);
    bool counts = *n_choices == 0 && yyjson_is_obj(yyjson_obj_get(root, "usage"));
    kind = counts ? REPLY_USAGE : REPLY_GOOD;
    usage_read(root, usage);
  }
  yyjson_doc_free(doc);
  return kind;
}

reply_kind upstream_chunk_read(nf_bytes data, reply_usage *usage) {
  size_t n_choices;
  return read(data, "delta", usage, &n_choices);
}

reply_kind upstream_whole_read(nf_bytes body, reply_usage *usage) {
  size_t n_choices = 0;
  reply_kind kind = read(body, "message", usage, &n_choices);
  return kind != REPLY_ERROR && n_choices == 0 ? REPLY_BAD : kind;
}

/* How many bytes spell `letter` where they begin, inside of a JSON string; 0: they do not. */
static isize letter_bytes(nf_bytes bytes, u8 letter) {
  char code[5];
  if (bytes.len > 0 && bytes.at[0] != '\\') return bytes.at[0] == letter;
  if (bytes.len < 2) return 0;
  if (bytes.at[1] != 'u') return bytes.at[1] == letter && strchr("\"\\/", letter) ? 2 : 0;
  if (bytes.len < 6) return 0;
  snprintf(code, sizeof code, "%04x", letter);
  return bytes_same_nocase(bytes_from(bytes.at + 2, 4), text(code)) ? 6 : 0;
}

static bool spells(nf_bytes bytes, nf_bytes secret) {
  for (isize i = 0; i < secret.len; i++) {
    isize n = letter_bytes(bytes, secret.at[i]);
    if (n == 0) return false;
    bytes = bytes_after(bytes, n);
  }
  return true;
}

bool upstream_leaks(nf_bytes bytes, nf_bytes secret) {
  if (secret.len == 0 || bytes.len == 0) return false;
  if (memmem(bytes.at, (size_t)bytes.len, secret.at, (size_t)secret.len) != nullptr) return true;
  bool escapes = memchr(bytes.at, '\\', (size_t)bytes.len) != nullptr;
  for (isize i = 0; escapes && i < bytes.len; i++) {
    if (spells(bytes_after(bytes, i), secret)) return true;
  }
  return false;
}

void upstream_error_read(nf_bytes body, nf_bytes secret, char *out, isize out_bytes) {
  yyjson_doc *doc = yyjson_read((const char *)body.at, (size_t)body.len, YYJSON_READ_NOFLAG);
  yyjson_val *error = yyjson_obj_get(yyjson_doc_get_root(doc), "error");
  yyjson_val *message = yyjson_is_str(error) ? error : yyjson_obj_get(error, "message");
  nf_bytes line = bytes_from(yyjson_get_str(message), (isize)yyjson_get_len(message));
  isize n = 0;
  if (!upstream_leaks(line, secret)) {
    while (n < line.len && n < out_bytes - 1) {
      u8 c = line.at[n];
      out[n++] = (char)(c < 0x20 || c > 0x7E ? '?' : c);
    }
  }
  out[n] = 0;
  yyjson_doc_free(doc);
}
