/* The upstreams of the settings: their keys, their breakers, their counts, and which model is
 * whose. Owns the curl loop they share. A key is read from its file, kept in memory only, and shown
 * to nobody but the upstream. Does not own requests: upstream_call.h. */
#pragma once
#include "server/config.h"
#include "server/text_buf.h"
#include "server/upstream/curl_loop.h"

enum { UPSTREAM_KEY_BYTES_MAX = 1024 };

/* What a request to an upstream came to. */
typedef enum : u8 {
  UPSTREAM_OK,
  UPSTREAM_REFUSED, /* the client's fault: 400 */
  UPSTREAM_BUSY,    /* 429 */
  UPSTREAM_LATE,    /* 504 */
  UPSTREAM_GONE,    /* the client went */
  UPSTREAM_FAILED,
  N_UPSTREAM_OUTCOMES,
} upstream_outcome;

typedef struct {
  config_upstream config;
  char *url;                  /* of chat completions */
  char key[UPSTREAM_KEY_BYTES_MAX]; /* "": none */
  nf_breaker breaker;
  i64 n_outcomes[N_UPSTREAM_OUTCOMES];
  i64 n_tries, n_pauses;
  int n_open; /* requests */
  bool retired; /* not in the settings any more: goes with the last of them */
} upstream;

typedef struct {
  const config *config;
  curl_loop *loop;
  upstream *rows[CONFIG_UPSTREAMS_MAX]; /* as in config.upstreams */
  int n, n_open;
} upstreams;

/* config outlives them. *u is null after a failure: the line names the key's
 * file, or says that there is no memory. */
bool upstreams_start(uv_loop_t *loop, const config *c, upstreams **u, nf_error *error);
/* Take the upstreams and models of `next` and read the keys again; c, u's config, changes as well.
 * One that keeps name, URL and "private" keeps its breaker, one that keeps its name its counts;
 * requests go on with what they began with. false: nothing has changed. */
bool upstreams_reload(upstreams *u, config *c, const config *next, nf_error *error);
/* A request of it ends. */
void upstream_release(upstreams *u, upstream *row);
/* The headers of one request, the key among them; whoever asks frees them. null: no memory. */
struct curl_slist *upstream_headers_make(const upstream *row);
/* No request is open. upstreams_free once the loop is closed. */
void upstreams_stop(upstreams *u);
void upstreams_free(upstreams *u); /* null is fine */

/* Whose a model is; null: of none. */
const config_upstream_model *upstreams_find(const upstreams *u, nf_bytes model);
void upstreams_metrics(const upstreams *u, text_buf *out);
