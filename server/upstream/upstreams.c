/* See upstreams.h. */
#include "server/upstream/upstreams.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(nf_error *error, const char *what, const char *why) {
  snprintf(error->line, sizeof error->line, "%.160s: %.80s", what, why);
  return false;
}

/* ---- keys ---- */

/* No copy of a key is left behind; a compiler would drop a memset. */
static void wipe(void *at, size_t n) {
  for (volatile char *byte = at; n > 0; n--) *byte++ = 0;
}

/* One line of visible ASCII into key[UPSTREAM_KEY_BYTES_MAX]. */
static bool key_read(const char *path, char *key, nf_error *error) {
  struct stat facts;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &facts) != 0) {
    fail(error, path, strerror(errno));
    if (file >= 0) close(file);
    return false;
  }
  isize n = read(file, key, UPSTREAM_KEY_BYTES_MAX);
  close(file);
  if ((facts.st_mode & 077) != 0) return fail(error, path, "others may read it; chmod 600");
  if (n > 0 && key[n - 1] == '\n') n--;
  bool good = n > 0 && n < UPSTREAM_KEY_BYTES_MAX;
  for (isize i = 0; good && i < n; i++) good = key[i] > 0x20 && key[i] < 0x7F;
  if (!good) return fail(error, path, "expected a key: one line of visible ASCII");
  key[n] = 0;
  return true;
}

static bool header_add(struct curl_slist **list, const char *line) {
  struct curl_slist *longer = curl_slist_append(*list, line);
  if (longer != nullptr) *list = longer;
  return longer != nullptr;
}

struct curl_slist *upstream_headers_make(const upstream *row) {
  struct curl_slist *list = nullptr;
  char line[UPSTREAM_KEY_BYTES_MAX + 32];
  snprintf(line, sizeof line, "Authorization: Bearer %s", row->key);
  bool ok = header_add(&list, "Content-Type: application/json") &&
            header_add(&list, "Accept: application/json, text/event-stream") &&
            header_add(&list, "User-Agent: nearfield") && header_add(&list, "Expect:") &&
            (row->key[0] == 0 || header_add(&list, line));
  wipe(line, sizeof line);
  if (ok) return list;
  curl_slist_free_all(list);
  return nullptr;
}

/* ---- rows ---- */

static void row_drop(upstream *row) {
  if (row == nullptr) return;
  free(row->url);
  wipe(row->key, sizeof row->key);
  free(row);
}

static upstream *row_make(const config *c, const config_upstream *from, nf_error *error) {
  upstream *row = calloc(1, sizeof *row);
  size_t n = strlen(from->url), room = n + 32;
  if (row != nullptr) row->url = malloc(room);
  if (row == nullptr || row->url == nullptr) {
    row_drop(row);
    (void)fail(error, "upstream", "no memory");
    return nullptr;
  }
  row->config = *from;
  row->breaker =
      (nf_breaker){.failures_max = c->upstream_failures_max, .pause_ms = c->upstream_pause_ms};
  while (n > 0 && from->url[n - 1] == '/') n--;
  snprintf(row->url, room, "%.*s/chat/completions", (int)n, from->url);
  if (from->key_file[0] == 0 || key_read(from->key_file, row->key, error)) return row;
  row_drop(row);
  return nullptr;
}

/* One for each of c, or none of them. */
static bool rows_make(const config *c, upstream **rows, nf_error *error) {
  for (int i = 0; i < c->n_upstreams; i++) {
    rows[i] = row_make(c, &c->upstreams[i], error);
    if (rows[i] != nullptr) continue;
    while (i > 0) row_drop(rows[--i]);
    return false;
  }
  return true;
}

/* *row comes in place of *old, or the old one stays with the new key, and is null then. */
static void row_follow(upstream **row, upstream **old) {
  upstream *to = *row, *from = *old;
  bool same = strcmp(to->url, from->url) == 0 && to->config.is_private == from->config.is_private;
  if (same) {
    memcpy(from->key, to->key, sizeof from->key);
    from->config = to->config;
    row_drop(to);
    *row = from;
    *old = nullptr;
    return;
  }
  memcpy(to->n_outcomes, from->n_outcomes, sizeof to->n_outcomes);
  to->n_tries = from->n_tries;
  to->n_pauses = from->n_pauses;
}

static void row_retire(upstream *row) {
  row->retired = true;
  if (row->n_open == 0) row_drop(row);
}

void upstream_release(upstreams *u, upstream *row) {
  u->n_open--;
  row->n_open--;
  if (row->retired && row->n_open == 0) row_drop(row);
}

/* ---- start, change and stop ---- */

bool upstreams_start(uv_loop_t *loop, const config *c, upstreams **out, nf_error *error) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail(error, "curl", "no memory");
  upstreams *u = calloc(1, sizeof *u);
  if (u == nullptr) return fail(error, "upstream", "no memory");
  u->config = c;
  bool ok = rows_make(c, u->rows, error);
  if (ok) u->n = c->n_upstreams;
  if (ok) u->loop = curl_loop_new(loop);
  if (ok && u->loop == nullptr) ok = fail(error, "upstream", "no memory");
  if (!ok) {
    upstreams_free(u);
    return false;
  }
  *out = u;
  return true;
}

bool upstreams_reload(upstreams *u, config *c, const config *next, nf_error *error) {
  upstream *fresh[CONFIG_UPSTREAMS_MAX] = {0}, *old[CONFIG_UPSTREAMS_MAX];
  int n_old = u->n;
  if (!rows_make(next, fresh, error)) return false;
  memcpy(old, u->rows, sizeof old);
  config_upstreams_copy(c, next);
  for (int i = 0; i < next->n_upstreams; i++) {
    for (int k = 0; k < n_old; k++) {
      if (old[k] == nullptr || strcmp(old[k]->config.name, fresh[i]->config.name) != 0) continue;
      row_follow(&fresh[i], &old[k]);
      break;
    }
  }
  memcpy(u->rows, fresh, sizeof fresh);
  u->n = next->n_upstreams;
  for (int k = 0; k < n_old; k++) {
    if (old[k] != nullptr) row_retire(old[k]);
  }
  return true;
}

void upstreams_stop(upstreams *u) {
  ASSERT(u->n_open == 0);
  curl_loop_stop(u->loop);
}

void upstreams_free(upstreams *u) {
  if (u == nullptr) return;
  for (int i = 0; i < u->n; i++) row_drop(u->rows[i]);
  curl_loop_free(u->loop);
  free(u);
  curl_global_cleanup();
}

const config_upstream_model *upstreams_find(const upstreams *u, nf_bytes model) {
  for (int i = 0; u != nullptr && i < u->config->n_upstream_models; i++) {
    const config_upstream_model *m = &u->config->upstream_models[i];
    if (bytes_same(text(m->model), model)) return m;
  }
  return nullptr;
}

/* ---- metrics ---- */

static void head_add(text_buf *out, const char *name, const char *type, const char *help) {
  char line[240];
  int n = snprintf(line, sizeof line, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
  text_buf_add(out, bytes_from(line, n));
}

static void row_add(text_buf *out, const char *name, const char *upstream_name, const char *more,
                    i64 value) {
  char line[240];
  int n = snprintf(line, sizeof line, "%s{upstream=\"%s\"%s} %lld\n", name, upstream_name, more,
                   (long long)value);
  text_buf_add(out, bytes_from(line, n));
}

static const struct {
  const char *name, *type, *help;
} FAMILIES[] = {
    {"nearfield_upstream_tries_total", "counter", "Requests sent, repeats included."},
    {"nearfield_upstream_failures_total", "counter", "Tries the breaker counts as failed."},
    {"nearfield_upstream_breaker", "gauge", "0 closed, 1 half open, 2 open."},
    {"nearfield_upstream_breaker_opened_total", "counter", "Times the breaker opened."},
    {"nearfield_upstream_open", "gauge", "Requests being answered."},
    {"nearfield_upstream_pauses_total", "counter", "Streams held up by a slow client."},
};

void upstreams_metrics(const upstreams *u, text_buf *out) {
  static const char *const outcomes[N_UPSTREAM_OUTCOMES] = {"ok",   "refused", "busy",
                                                            "late", "gone",    "failed"};
  static const char requests[] = "nearfield_upstream_requests_total";
  head_add(out, requests, "counter", "Requests to an upstream, by outcome.");
  for (int i = 0; i < u->n; i++) {
    for (int k = 0; k < N_UPSTREAM_OUTCOMES; k++) {
      char label[40];
      snprintf(label, sizeof label, ",outcome=\"%s\"", outcomes[k]);
      row_add(out, requests, u->rows[i]->config.name, label, u->rows[i]->n_outcomes[k]);
    }
  }
  for (size_t f = 0; f < sizeof FAMILIES / sizeof FAMILIES[0]; f++) {
    head_add(out, FAMILIES[f].name, FAMILIES[f].type, FAMILIES[f].help);
    for (int i = 0; i < u->n; i++) {
      const upstream *row = u->rows[i];
      const i64 values[] = {row->n_tries,       row->breaker.n_failures,
                            row->breaker.state, row->breaker.n_opened,
                            row->n_open,        row->n_pauses};
      row_add(out, FAMILIES[f].name, row->config.name, "", values[f]);
    }
  }
}
