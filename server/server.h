/* The running server: one libuv loop, a listener, the connections, and what routes need.
 * Owns starting, accepting, deadlines' tick, draining. Read next: http_conn.c (one connection),
 * route.c (what answers a path), main.c (options and signals). */
#pragma once
#include <uv.h>

#include "server/bucket.h"
#include "server/budget.h"
#include "server/config.h"
#include "server/edit_route.h"
#include "server/http_guard.h"
#include "server/inference.h"
#include "server/jobs/jobs.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/models.h"
#include "server/token.h"
#include "server/upstream/upstreams.h"

enum {
  RECEIVE_BYTES = 65536, /* one read; shared by all connections */
  SMALL_FILE_BYTES = 32768, /* up to here head and body leave in one send */
};

typedef struct {
  uv_loop_t loop;
  config config;
  tokens tokens;
  int root;     /* open folder of the application */
  int port;     /* the real one */
  int listener; /* -1 when closed */
  uv_poll_t accept_poll;
  uv_timer_t tick;     /* deadlines; runs only while there are connections */
  uv_timer_t drain;    /* the end of patience after server_drain */
  uv_check_t flush;    /* log lines, once a turn */
  bool draining, accept_paused;
  http_hosts hosts;
  char host_names[16][160]; /* what hosts.allowed points into */
  http_conn *conns;         /* doubly linked */
  metrics metrics;
  server_log log;
  models *models;
  inference *inference;
  buckets clients; /* of /v1 */
  upstreams *upstreams; /* null: there are none */
  edit_router edits;    /* where they run */
  nf_remote *remote;    /* for edits of upstreams; null: none was asked for yet */
  budget *budget;       /* null: there is none, or it stops */
  jobs *jobs; /* null: off, or stopping */
  i64 date_s; /* the second `date` speaks of */
  char date[29];
  u8 received[RECEIVE_BYTES];
  char scratch[HTTP_REPLY_HEAD_BYTES_MAX + SMALL_FILE_BYTES];
} server;

/* Exit codes of the program: 1 input at fault, 2 usage, 3 machine. */
typedef struct {
  int exit_code; /* 0: started */
  nf_error error;
} server_start_result;

/* Take the settings, open root and models, listen. s is zeroed by the caller. After a failure
 * the process is expected to exit: nothing is taken back. */
server_start_result server_start(server *s, const config *c);
/* The same without listening: jobs only. */
server_start_result server_start_worker(server *s, const config *c);
/* Stop listening, end what is idle, let replies finish until drain_ms; then the loop ends.
 * A second call ends everything now. */
void server_drain(server *s);
/* Take over the settings that may change while running. */
void server_reload(server *s, const config *c);
/* After the loop has ended, and only when server_start succeeded. */
void server_free(server *s);

/* For http_conn.c. */
const char *server_date(server *s); /* 29 letters */
i64 server_now_ns(void);            /* CLOCK_REALTIME */

/* For http_conn.c: fill the reply to a request that passed the guards. */
void route_reply(server *s, const http_request *request, http_reply *reply);
