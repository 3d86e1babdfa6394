/* Settings: one table of keys serves the config file (`key = value`) and the command line
 * (`--key value`). Owns names, limits and defaults; opens nothing but the config file.
 * `nearfield-server --help` prints the table. Read next: server.h. */
#pragma once
#include "server/words.h"

enum {
  CONFIG_PATH_BYTES = 1024,
  CONFIG_MODELS_MAX = 8,
  CONFIG_HOSTS_MAX = 8,
  CONFIG_UPSTREAMS_MAX = 8,
  CONFIG_UPSTREAM_MODELS_MAX = 64,
};

/* Another server of OpenAI's API. */
typedef struct {
  char name[33];                    /* letters, digits, '-', '_': of models, metrics and errors */
  char url[512];                    /* to which "/chat/completions" is added */
  char key_file[CONFIG_PATH_BYTES]; /* "": it wants none */
  bool is_private;                  /* it lies at a private address, else at a public one */
} config_upstream;

/* A model that clients may ask an upstream for. */
typedef struct {
  char model[128];
  int i_upstream;
  i64 input_micro, output_micro; /* millionths of the currency for a million tokens */
  i64 output_tokens_max;         /* of an answer; 0: any */
} config_upstream_model;

typedef struct {
  char host[64];                                      /* an IP address */
  int port;                                           /* 0: the system chooses one */
  char root[CONFIG_PATH_BYTES];                       /* folder of the application */
  char models[CONFIG_MODELS_MAX][CONFIG_PATH_BYTES];  /* GGUF files and folders of them */
  int n_models;
  char hosts[CONFIG_HOSTS_MAX][128]; /* further names allowed in Host, with port if not 80/443 */
  int n_hosts;
  char token_file[CONFIG_PATH_BYTES];
  int behind_proxy, quiet;
  int connections_max;
  int idle_ms, head_ms, body_ms, drain_ms;
  /* answers of the model: /v1 */
  int inference;
  char inference_model[128]; /* NAME of one of the models; "": the first of them */
  int inference_threads, context_tokens; /* 0: the engine's defaults */
  int sessions_max, queue_max, inference_ms, api_body_bytes_max;
  int client_requests_minute; /* 0: no limit */
  config_upstream upstreams[CONFIG_UPSTREAMS_MAX];
  config_upstream_model upstream_models[CONFIG_UPSTREAM_MODELS_MAX];
  int n_upstreams, n_upstream_models;
  char upstream_ca_file[CONFIG_PATH_BYTES]; /* "": the system's */
  i64 budget_day_micro, budget_client_day_micro; /* 0: none; millionths of the currency */
  /* edits, see edit_route.h */
  char edit_upstream[128]; /* a model of an upstream; "": edits stay here */
  char edit_mode[24];      /* of a request that names none */
  int edit_patience_ms;
  i64 edit_second_micro; /* what a second less of waiting may cost */
  int upstream_connect_ms, upstream_first_ms, upstream_idle_ms;
  int upstream_tries, upstream_failures_max, upstream_pause_ms, upstream_requests_max;
  char data[CONFIG_PATH_BYTES];       /* folder of jobs; "": there are none */
  char store[CONFIG_PATH_BYTES];      /* "": SQLite in data */
  char media_root[CONFIG_PATH_BYTES]; /* "": inputs are uploads only */
  char transcribe[CONFIG_PATH_BYTES]; /* folder of the worker; "": none here */
  char render[CONFIG_PATH_BYTES];     /* likewise */
  int worker;                         /* jobs only: no listening */
  int job_slots, job_lease_ms, job_backoff_ms, job_wall_s, job_memory_mb, job_keep_h;
  int upload_mb_max;
  int send_bytes_s_min; /* a client slower than this over a whole reply is cut */
} config;

void config_defaults(config *c);
/* Set one key. false: `line` says what is wrong, without a place. Lists (model, hosts) grow. */
bool config_set(config *c, const char *key, const char *value, nf_error *error);
/* What stands behind "upstream = " and "upstream_model = " (config_upstream.c). */
bool config_upstream_add(config *c, const char *value, nf_error *error);
bool config_upstream_model_add(config *c, const char *value, nf_error *error);
/* false: the line names file, line number and what was expected. c may be half changed. */
bool config_file_read(config *c, const char *path, nf_error *error);
/* Checks what concerns several keys: where it may listen and with which protection. */
bool config_check(const config *c, nf_error *error);
/* What SIGHUP may change while running: quiet, hosts, deadlines, limits, models. */
void config_reload(config *c, const config *from);
/* "prefer_on_device" and the others, as edit_mode and requests say it; false: none of them. */
bool config_mode_read(nf_bytes name, nf_route_mode *mode);
/* Can c, with the budget it has, take the upstreams of `from`? false: the line. */
bool config_upstreams_fit(const config *c, const config *from, nf_error *error);
void config_upstreams_copy(config *c, const config *from);
bool config_is_loopback(const config *c);
void config_help(FILE *out);
