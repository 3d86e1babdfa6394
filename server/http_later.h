/* Replies that take time: a route keeps the connection and answers later, at once or as a stream.
 * Until then nothing of the client is read; when the client goes, or the deadline comes, the route
 * is told and must not touch the connection any more.
 *
 *   in http_reply.take: http_later_begin
 *   later: http_later_reply, or http_later_stream, http_later_add ..., http_later_end
 *
 * A stream is sent as chunks (HTTP/1.0: until the connection ends). Nothing here calls `gone`:
 * pieces are sent in the loop's next turn. */
#pragma once
#include "server/http_conn.h"

/* gone(owner) is called at most once, and only while the reply is not whole. deadline_ms: from now;
 * then the connection is cut, so the route's own deadline comes before. */
void http_later_begin(http_conn *c, void *owner, void (*gone)(void *owner), i64 deadline_ms);
/* The whole reply; takes what it owns. c is not the route's any more. */
void http_later_reply(http_conn *c, http_reply *reply);
/* The head of a stream; the reply has no body. */
void http_later_stream(http_conn *c, http_reply *reply);
/* The same for server-sent events, with the head they have. */
void http_later_events(http_conn *c);
/* A client that leaves more than STREAM_WAITING_BYTES_MAX unread is cut within a tick. */
enum { STREAM_WAITING_BYTES_MAX = 1 << 20 };
void http_later_add(http_conn *c, nf_bytes piece);
/* Flow control instead of that cut: room(owner) is called whenever all that was added is sent. The
 * owner adds no more while much of it waits. Right after http_later_begin. */
void http_later_flow(http_conn *c, void (*room)(void *owner));
isize http_later_waiting(const http_conn *c); /* bytes that the socket has not taken */
/* The stream is whole. c is not the route's any more. */
void http_later_end(http_conn *c);
