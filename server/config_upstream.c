/* The two settings of upstreams: one line each, words apart by blanks. See config.h. */
#include "server/config.h"
#include "server/upstream/upstream_address.h"

/* So that no cost overflows: a request is believed to have at most 1e8 tokens of each kind. */
static const i64 PRICE_MICRO_MAX = 10000000000, TOKENS_MAX = 10000000;

static bool fail(nf_error *error, const char *key, const char *expected) {
  snprintf(error->line, sizeof error->line, "%s: expected %s", key, expected);
  return false;
}

/* The next word into out[cap]; false: there is none, or it is too long. */
static bool word_take(nf_bytes *rest, char *out, isize cap) {
  *rest = bytes_trim(*rest);
  nf_bytes word = bytes_take(rest, ' ');
  if (word.len == 0 || word.len >= cap) return false;
  memcpy(out, word.at, (size_t)word.len);
  out[word.len] = 0;
  return true;
}

static bool name_good(const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return name[strspn(name, letters)] == 0;
}

static int upstream_find(const config *c, const char *name) {
  for (int i = 0; i < c->n_upstreams; i++) {
    if (strcmp(c->upstreams[i].name, name) == 0) return i;
  }
  return -1;
}

bool config_upstream_add(config *c, const char *value, nf_error *error) {
  nf_bytes rest = text(value);
  config_upstream u = {0};
  if (c->n_upstreams == CONFIG_UPSTREAMS_MAX) return fail(error, "upstream", "at most 8");
  if (!word_take(&rest, u.name, sizeof u.name) || !name_good(u.name) ||
      !word_take(&rest, u.url, sizeof u.url)) {
    return fail(error, "upstream", "NAME URL, the name of at most 32 letters, digits, - and _");
  }
  if (upstream_find(c, u.name) >= 0) return fail(error, "upstream", "another name for each");
  rest = bytes_trim(rest);
  u.is_private = bytes_same(rest, text("private")) || bytes_begin(rest, "private ");
  if (u.is_private) rest = bytes_trim(bytes_after(rest, 7));
  if (bytes_begin(rest, "key=")) {
    rest = bytes_after(rest, 4);
    if (rest.len == 0 || rest.len >= (isize)sizeof u.key_file) {
      return fail(error, "upstream", "key=FILE");
    }
    memcpy(u.key_file, rest.at, (size_t)rest.len);
    rest.len = 0;
  }
  if (rest.len > 0) return fail(error, "upstream", "NAME URL [private] [key=FILE]");
  if (!upstream_url_check(u.url, u.is_private, error)) return false;
  c->upstreams[c->n_upstreams++] = u;
  return true;
}

static bool number_take(nf_bytes *rest, i64 max, i64 *out) {
  char word[20];
  *rest = bytes_trim(*rest);
  if (rest->len == 0) return true; /* the rest is not given */
  return word_take(rest, word, sizeof word) && bytes_number(text(word), out) && *out <= max;
}

bool config_upstream_model_add(config *c, const char *value, nf_error *error) {
  static const char key[] = "upstream_model";
  nf_bytes rest = text(value);
  config_upstream_model m = {0};
  char name[sizeof c->upstreams[0].name];
  if (c->n_upstream_models == CONFIG_UPSTREAM_MODELS_MAX) return fail(error, key, "at most 64");
  if (!word_take(&rest, name, sizeof name) || !word_take(&rest, m.model, sizeof m.model)) {
    return fail(error, key, "NAME MODEL, the model of at most 127 letters");
  }
  m.i_upstream = upstream_find(c, name);
  if (m.i_upstream < 0) return fail(error, key, "the NAME of an upstream that stands before");
  for (int i = 0; i < c->n_upstream_models; i++) {
    if (strcmp(c->upstream_models[i].model, m.model) == 0) {
      return fail(error, key, "each model once");
    }
  }
  if (!number_take(&rest, PRICE_MICRO_MAX, &m.input_micro) ||
      !number_take(&rest, PRICE_MICRO_MAX, &m.output_micro) ||
      !number_take(&rest, TOKENS_MAX, &m.output_tokens_max) || rest.len > 0) {
    return fail(error, key, "NAME MODEL [INPUT OUTPUT [TOKENS]], whole numbers");
  }
  c->upstream_models[c->n_upstream_models++] = m;
  return true;
}
