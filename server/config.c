/* See config.h. */
#include "server/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>

typedef enum {
  KEY_INT,
  KEY_MICRO,
  KEY_BOOL,
  KEY_TEXT,
  KEY_MODEL,
  KEY_HOST,
  KEY_UPSTREAM,
  KEY_UPSTREAM_MODEL
} key_kind;
typedef struct {
  const char *name, *help;
  size_t at;
  int min, max; /* KEY_TEXT: max is the room in bytes */
  key_kind kind;
  bool reload;
} key_row;

static const i64 MICRO_MAX = 1000000000000000;

#define AT(member) offsetof(config, member)
static const key_row KEYS[] = {
    {"host", "address to listen on [127.0.0.1]", AT(host), 0, 64, KEY_TEXT, false},
    {"port", "port, 0 for any free one [8080]", AT(port), 0, 65535, KEY_INT, false},
    {"root", "folder of the app [app/dist]", AT(root), 0, CONFIG_PATH_BYTES, KEY_TEXT, false},
    {"models", "folder of GGUF files, may repeat [~/.cache/nearfield/models]", 0, 0, 0, KEY_MODEL,
     true},
    {"model", "one GGUF file, may repeat", 0, 0, 0, KEY_MODEL, true},
    {"hosts", "further names allowed in Host, comma-separated", 0, 0, 0, KEY_HOST, true},
    {"token_file", "made by --make-token or --add-token; needed beyond loopback", AT(token_file), 0,
     CONFIG_PATH_BYTES, KEY_TEXT, false},
    {"behind_proxy", "a proxy in front does TLS; needed beyond loopback [no]", AT(behind_proxy), 0,
     1, KEY_BOOL, false},
    {"quiet", "no access log [no]", AT(quiet), 0, 1, KEY_BOOL, true},
    {"connections_max", "[12000]", AT(connections_max), 1, 1000000, KEY_INT, true},
    {"idle_ms", "connection without a request [60000]", AT(idle_ms), 100, 3600000, KEY_INT, true},
    {"head_ms", "from the first byte of a head to its last [10000]", AT(head_ms), 100, 600000,
     KEY_INT, true},
    {"body_ms", "from the end of the head to the end of the body [30000]", AT(body_ms), 100,
     3600000, KEY_INT, true},
    {"drain_ms", "to finish replies at SIGTERM [10000]", AT(drain_ms), 0, 600000, KEY_INT, true},
    {"send_bytes_s_min", "a reply may take 30 s plus its size over this [16384]",
     AT(send_bytes_s_min), 1, 1000000000, KEY_INT, true},
    {"data", "folder of jobs, uploads and results; jobs are off without", AT(data), 0,
     CONFIG_PATH_BYTES, KEY_TEXT, false},
    {"store", "postgresql://... for several machines [SQLite in data]", AT(store), 0,
     CONFIG_PATH_BYTES, KEY_TEXT, false},
    {"worker", "run jobs of the store, do not listen [no]", AT(worker), 0, 1, KEY_BOOL, false},
    {"transcribe", "folder of the transcriber, made by './dev transcribe'", AT(transcribe), 0,
     CONFIG_PATH_BYTES, KEY_TEXT, false},
    {"render", "folder of the renderer, made by './dev render'", AT(render), 0, CONFIG_PATH_BYTES,
     KEY_TEXT, false},
    {"media_root", "folder whose files jobs may name by path", AT(media_root), 0, CONFIG_PATH_BYTES,
     KEY_TEXT, false},
    {"upload_mb_max", "also of a worker's files [4096]", AT(upload_mb_max), 1, 1000000, KEY_INT,
     true},
    {"job_slots", "jobs at a time, 0: none here [1]", AT(job_slots), 0, 64, KEY_INT, true},
    {"job_wall_s", "a job may take [14400]", AT(job_wall_s), 1, 1000000, KEY_INT, true},
    {"job_memory_mb", "address space of a worker [8192]", AT(job_memory_mb), 64, 1000000, KEY_INT,
     true},
    {"job_keep_h", "ended jobs and uploads are kept [168]", AT(job_keep_h), 1, 100000, KEY_INT,
     true},
    {"job_lease_ms", "a worker silent for so long is given up [30000]", AT(job_lease_ms), 500,
     3600000, KEY_INT, false},
    {"job_backoff_ms", "pause after a failed try, x 2 for each [1000]", AT(job_backoff_ms), 1,
     60000, KEY_INT, false},
    {"inference", "answer /v1 with a model of this server [yes]", AT(inference), 0, 1, KEY_BOOL,
     false},
    {"inference_model", "its NAME, as in /models/NAME/ [the first]", AT(inference_model), 0, 128,
     KEY_TEXT, false},
    {"inference_threads", "0: as many as there are CPUs, at most 8 [0]", AT(inference_threads), 0,
     64, KEY_INT, false},
    {"context_tokens", "prompt and answer together, 0: 1024 [0]", AT(context_tokens), 0, 1000000,
     KEY_INT, false},
    {"sessions_max", "requests computed together [8]", AT(sessions_max), 1, NF_BATCH_SESSIONS_MAX,
     KEY_INT, false},
    {"queue_max", "requests that may wait, above: 503 [64]", AT(queue_max), 8, 4096, KEY_INT,
     false},
    {"inference_ms", "a request may take, waiting included [120000]", AT(inference_ms), 100,
     3600000, KEY_INT, true},
    {"client_requests_minute", "of one client to /v1, above: 429; 0: any [0]",
     AT(client_requests_minute), 0, 60000, KEY_INT, true},
    {"upstream", "NAME URL [private] [key=FILE]: another server to ask, may repeat", 0, 0, 0,
     KEY_UPSTREAM, true},
    {"upstream_model", "NAME MODEL [INPUT OUTPUT [TOKENS]]: one of its models; prices", 0, 0, 0,
     KEY_UPSTREAM_MODEL, true},
    {"edit_upstream", "a MODEL of upstream_model that edits may go to [none]", AT(edit_upstream), 0,
     128, KEY_TEXT, true},
    {"edit_mode", "prefer_on_device, only_on_device, prefer_in_cloud or only_in_cloud [the first]",
     AT(edit_mode), 0, 24, KEY_TEXT, true},
    {"edit_patience_ms", "waiting nobody minds: the preferred place goes first [400]",
     AT(edit_patience_ms), 0, 600000, KEY_INT, true},
    {"edit_second_micro", "a second less of waiting may cost, millionths; 0: any [0]",
     AT(edit_second_micro), 0, 0, KEY_MICRO, true},
    {"budget_day_micro", "all may spend in a day, millionths of the currency; 0: any [0]",
     AT(budget_day_micro), 0, 0, KEY_MICRO, false},
    {"budget_client_day_micro", "the same for each token's name or address [0]",
     AT(budget_client_day_micro), 0, 0, KEY_MICRO, false},
    {"upstream_ca_file", "certificates to trust [the system's]", AT(upstream_ca_file), 0,
     CONFIG_PATH_BYTES, KEY_TEXT, false},
    {"upstream_connect_ms", "to connect, TLS included [5000]", AT(upstream_connect_ms), 50, 120000,
     KEY_INT, true},
    {"upstream_first_ms", "to the first byte of a stream [60000]", AT(upstream_first_ms), 50,
     3600000, KEY_INT, true},
    {"upstream_idle_ms", "from one byte to the next [30000]", AT(upstream_idle_ms), 50, 3600000,
     KEY_INT, true},
    {"upstream_tries", "of a request, before a byte has come [3]", AT(upstream_tries), 1, 3,
     KEY_INT, true},
    {"upstream_failures_max", "in a row, then it is left alone [5]", AT(upstream_failures_max), 1,
     1000, KEY_INT, false},
    {"upstream_pause_ms", "for so long, x 2 while it stays ill [10000]", AT(upstream_pause_ms), 50,
     600000, KEY_INT, false},
    {"upstream_requests_max", "at a time, above: 503 [256]", AT(upstream_requests_max), 1, 10000,
     KEY_INT, true},
    {"api_body_bytes_max", "of a request to /v1 [262144]", AT(api_body_bytes_max), 1024, 16777216,
     KEY_INT, true},
};
enum { N_KEYS = sizeof KEYS / sizeof KEYS[0] };

void config_defaults(config *c) {
  *c = (config){.host = "127.0.0.1",
                .port = 8080,
                .root = "app/dist",
                .connections_max = 12000,
                .idle_ms = 60000,
                .head_ms = 10000,
                .body_ms = 30000,
                .drain_ms = 10000,
                .inference = 1,
                .sessions_max = 8,
                .queue_max = 64,
                .inference_ms = 120000,
                .api_body_bytes_max = 262144,
                .edit_mode = "prefer_on_device",
                .edit_patience_ms = 400,
                .upstream_connect_ms = 5000,
                .upstream_first_ms = 60000,
                .upstream_idle_ms = 30000,
                .upstream_tries = 3,
                .upstream_failures_max = 5,
                .upstream_pause_ms = 10000,
                .upstream_requests_max = 256,
                .job_slots = 1,
                .job_lease_ms = 30000,
                .job_backoff_ms = 1000,
                .job_wall_s = 14400,
                .job_memory_mb = 8192,
                .job_keep_h = 168,
                .upload_mb_max = 4096,
                .send_bytes_s_min = 16384};
}

static bool fail(nf_error *error, const char *key, const char *expected, const char *value) {
  snprintf(error->line, sizeof error->line, "%.32s: expected %s, got '%.80s'", key, expected,
           value);
  for (char *at = error->line; *at != 0; at++) {
    if ((u8)*at < 0x20) *at = '?';
  }
  return false;
}

static bool hosts_add(config *c, const char *value, nf_error *error) {
  nf_bytes rest = text(value);
  while (rest.len > 0) {
    nf_bytes name = bytes_take(&rest, ',');
    if (name.len == 0) continue;
    if (name.len >= (isize)sizeof c->hosts[0] || c->n_hosts == CONFIG_HOSTS_MAX) {
      return fail(error, "hosts", "at most 8 names", value);
    }
    memcpy(c->hosts[c->n_hosts], name.at, (size_t)name.len);
    c->hosts[c->n_hosts++][name.len] = 0;
  }
  return true;
}

static bool bool_parse(const char *value, int *out) {
  *out = !strcmp(value, "yes") || !strcmp(value, "true") || !strcmp(value, "1");
  return *out || !strcmp(value, "no") || !strcmp(value, "false") || !strcmp(value, "0");
}

static bool row_set(config *c, const key_row *row, const char *value, nf_error *error) {
  char *at = (char *)c + row->at;
  i64 number;
  int flag;
  switch (row->kind) {
    case KEY_INT:
      if (!bytes_number(text(value), &number) || number < row->min || number > row->max) {
        char expected[64];
        snprintf(expected, sizeof expected, "a number from %d to %d", row->min, row->max);
        return fail(error, row->name, expected, value);
      }
      memcpy(at, &(int){(int)number}, sizeof(int));
      return true;
    case KEY_MICRO:
      if (!bytes_number(text(value), &number) || number > MICRO_MAX) {
        return fail(error, row->name, "millionths, a whole number up to 1e15", value);
      }
      memcpy(at, &number, sizeof number);
      return true;
    case KEY_BOOL:
      if (!bool_parse(value, &flag)) return fail(error, row->name, "yes or no", value);
      memcpy(at, &flag, sizeof flag);
      return true;
    case KEY_TEXT:
      if (value[0] == 0 || strlen(value) >= (size_t)row->max) {
        return fail(error, row->name, "a shorter text, not an empty one", value);
      }
      str_copy(at, row->max, value);
      return true;
    case KEY_MODEL:
      if (value[0] == 0 || strlen(value) >= CONFIG_PATH_BYTES || c->n_models == CONFIG_MODELS_MAX) {
        return fail(error, row->name, "at most 8 paths", value);
      }
      str_copy(c->models[c->n_models++], CONFIG_PATH_BYTES, value);
      return true;
    case KEY_HOST: return hosts_add(c, value, error);
    case KEY_UPSTREAM: return config_upstream_add(c, value, error);
    case KEY_UPSTREAM_MODEL: return config_upstream_model_add(c, value, error);
  }
  return false;
}

bool config_set(config *c, const char *key, const char *value, nf_error *error) {
  for (int i = 0; i < N_KEYS; i++) {
    if (strcmp(KEYS[i].name, key) == 0) return row_set(c, &KEYS[i], value, error);
  }
  snprintf(error->line, sizeof error->line, "unknown setting '%.60s'", key);
  return false;
}

/* One line without its end. "" and "# ..." are fine. */
static bool line_set(config *c, char *line, nf_error *error) {
  nf_bytes rest = bytes_trim(text(line));
  if (rest.len == 0 || rest.at[0] == '#') return true;
  bool has_equals = memchr(rest.at, '=', (size_t)rest.len) != nullptr;
  nf_bytes key = bytes_take(&rest, '='), value = bytes_trim(rest);
  if (!has_equals || key.len == 0 || key.len > 63) {
    snprintf(error->line, sizeof error->line, "expected 'key = value'");
    return false;
  }
  char key_text[64], value_text[2048];
  memcpy(key_text, key.at, (size_t)key.len);
  key_text[key.len] = 0;
  memcpy(value_text, value.at, (size_t)value.len);
  value_text[value.len] = 0;
  return config_set(c, key_text, value_text, error);
}

bool config_file_read(config *c, const char *path, nf_error *error) {
  FILE *file = fopen(path, "r");
  if (file == nullptr) {
    snprintf(error->line, sizeof error->line, "%.160s: %s", path, strerror(errno));
    return false;
  }
  char line[2048];
  bool ok = true;
  for (int n = 1; ok && fgets(line, sizeof line, file) != nullptr; n++) {
    size_t len = strlen(line);
    nf_error why = {"line is too long"};
    bool whole = len > 0 && (line[len - 1] == '\n' || len + 1 < sizeof line);
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) line[--len] = 0;
    ok = whole && line_set(c, line, &why);
    if (!ok) snprintf(error->line, sizeof error->line, "%.100s:%d: %.140s", path, n, why.line);
  }
  fclose(file);
  return ok;
}

bool config_is_loopback(const config *c) {
  struct in_addr v4;
  struct in6_addr v6;
  if (inet_pton(AF_INET, c->host, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return inet_pton(AF_INET6, c->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* A budget is kept in the store, and needs to know what a request can cost. */
static bool budget_check(const config *c, nf_error *error) {
  if (c->budget_day_micro == 0 && c->budget_client_day_micro == 0) return true;
  if (c->data[0] == 0) return fail(error, "budget_day_micro", "--data FOLDER with it", "none");
  return config_upstreams_fit(c, c, error);
}

bool config_upstreams_fit(const config *c, const config *from, nf_error *error) {
  if (c->budget_day_micro == 0 && c->budget_client_day_micro == 0) return true;
  for (int i = 0; i < from->n_upstream_models; i++) {
    const config_upstream_model *m = &from->upstream_models[i];
    if (m->output_micro > 0 && m->output_tokens_max == 0) {
      return fail(error, "upstream_model", "TOKENS with a budget", m->model);
    }
  }
  return true;
}

static bool edits_check(const config *c, nf_error *error) {
  nf_route_mode mode;
  if (!config_mode_read(text(c->edit_mode), &mode)) {
    return fail(error, "edit_mode",
                "prefer_on_device, only_on_device, prefer_in_cloud or only_in_cloud", c->edit_mode);
  }
  bool known = c->edit_upstream[0] == 0;
  for (int i = 0; i < c->n_upstream_models; i++) {
    known = known || strcmp(c->upstream_models[i].model, c->edit_upstream) == 0;
  }
  return known || fail(error, "edit_upstream", "the MODEL of an upstream_model", c->edit_upstream);
}

bool config_mode_read(nf_bytes name, nf_route_mode *mode) {
  static const char *const names[] = {[NF_PREFER_ON_DEVICE] = "prefer_on_device",
                                      [NF_ONLY_ON_DEVICE] = "only_on_device",
                                      [NF_ONLY_IN_CLOUD] = "only_in_cloud",
                                      [NF_PREFER_IN_CLOUD] = "prefer_in_cloud"};
  for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
    if (!bytes_same(name, text(names[i]))) continue;
    *mode = (nf_route_mode)i;
    return true;
  }
  return false;
}

bool config_check(const config *c, nf_error *error) {
  struct in6_addr any;
  if (inet_pton(AF_INET, c->host, &any) != 1 && inet_pton(AF_INET6, c->host, &any) != 1) {
    return fail(error, "host", "an IP address such as 127.0.0.1", c->host);
  }
  if (c->worker && c->data[0] == 0) return fail(error, "worker", "--data FOLDER with it", "none");
  if (!budget_check(c, error) || !edits_check(c, error)) return false;
  if (c->worker || config_is_loopback(c)) return true;
  const char *missing = c->token_file[0] == 0 ? "token_file (see --make-token)"
                        : !c->behind_proxy    ? "behind_proxy = yes and a proxy that does TLS"
                        : c->n_hosts == 0     ? "hosts, the names clients may use"
                                              : nullptr;
  if (missing == nullptr) return true;
  snprintf(error->line, sizeof error->line, "host %.64s is not loopback: that needs %s", c->host,
           missing);
  return false;
}

void config_upstreams_copy(config *c, const config *from) {
  memcpy(c->upstreams, from->upstreams, sizeof c->upstreams);
  memcpy(c->upstream_models, from->upstream_models, sizeof c->upstream_models);
  c->n_upstreams = from->n_upstreams;
  c->n_upstream_models = from->n_upstream_models;
}

void config_reload(config *c, const config *from) {
  for (int i = 0; i < N_KEYS; i++) {
    if (!KEYS[i].reload || (KEYS[i].kind != KEY_INT && KEYS[i].kind != KEY_BOOL)) continue;
    memcpy((char *)c + KEYS[i].at, (const char *)from + KEYS[i].at, sizeof(int));
  }
  memcpy(c->edit_upstream, from->edit_upstream, sizeof c->edit_upstream);
  memcpy(c->edit_mode, from->edit_mode, sizeof c->edit_mode);
  c->edit_second_micro = from->edit_second_micro;
  memcpy(c->models, from->models, sizeof c->models);
  c->n_models = from->n_models;
  memcpy(c->hosts, from->hosts, sizeof c->hosts);
  c->n_hosts = from->n_hosts;
}

void config_help(FILE *out) {
  fputs(
      "usage: nearfield-server [--config FILE] [--KEY VALUE]... [--quiet]\n"
      "       nearfield-server --backup FOLDER [--config FILE] [--data FOLDER]\n"
      "       nearfield-server --make-token FILE | --add-token FILE NAME | --version | --help\n"
      "Settings, as --KEY VALUE or as 'KEY = VALUE' lines of the config file (later wins;\n"
      "SIGHUP reads the file again for those marked *):\n",
      out);
  for (int i = 0; i < N_KEYS; i++) {
    fprintf(out, " %c %-22s %s\n", KEYS[i].reload ? '*' : ' ', KEYS[i].name, KEYS[i].help);
  }
}
