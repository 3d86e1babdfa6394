/* One client connection, from accept to close: reads heads and bodies, has them routed, sends
 * replies, keeps deadlines. Requests on one connection are answered in order, one at a time; a
 * pipelined one waits in the connection's buffer.
 * Does not own: the socket's readiness (libuv's uv_poll), routes, files. Read next: http_conn.c */
#pragma once
#include "server/server.h"

/* Tells clients apart: a hash of the peer's address. Behind a proxy all are one. */
u64 http_conn_client(const http_conn *c);
server *http_conn_server(const http_conn *c);

/* Takes over `fd`. Closes it when there is no memory. */
void http_conn_open(server *s, int fd);
/* Called for every connection about ten times a second: ends what is over its deadline. */
void http_conns_check(server *s, i64 now_ms);
/* The server drains: end every connection on which no request is being read or answered. */
void http_conns_drain(server *s);
/* End all of them now. */
void http_conns_close(server *s);
