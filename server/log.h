/* The log: one JSON object a line on stderr. Never holds what a user typed: a request is logged
 * with its path, without query, headers, body or address. Lines are collected and written once
 * per turn of the loop; what stderr does not take waits, and past 1 MiB lines are dropped and
 * counted, so a stuck log reader cannot stop the server. */
#pragma once
#include "server/text_buf.h"

typedef struct {
  text_buf lines;
  bool quiet; /* no access lines; events are still written */
  i64 n_dropped;
} server_log;

typedef struct {
  const char *method; /* static */
  nf_bytes path;      /* decoded; empty when the head was refused */
  int status;
  i64 bytes;       /* sent, head included */
  i64 duration_us; /* from the first byte of the head to the last of the reply */
  const char *why; /* static, or null */
  bool cut;        /* the reply did not reach the client whole */
} log_access;

void log_access_add(server_log *log, const log_access *access);
/* Something about the server itself: event is static; detail may be null. */
void log_event(server_log *log, const char *event, const char *detail);
void log_flush(server_log *log);
