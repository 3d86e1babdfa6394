/* A request as an object of a route's own: its body piece by piece, then an answer, at once or
 * later (http_later.h). The route makes a task and leaves it in reply->task; from then on the
 * connection and the task know each other until one of them lets go:
 *
 *   body... -> body_end -> http_task_answer                     one reply
 *                       -> http_task_stream, write..., end      a stream
 *   gone    at any time instead: the client is no longer there
 *
 * All on the event loop. The task's memory is its maker's. Does not own: what the work is. */
#pragma once
#include "server/http_reply.h"

typedef struct http_task http_task;

typedef struct {
  /* The body's next bytes, borrowed. Null: the body is dropped. May answer (an error): then the
   * rest of the body is not read and the connection ends. */
  void (*body)(http_task *t, nf_bytes bytes);
  void (*body_end)(http_task *t); /* the request is whole; at once when it has no body */
  void (*gone)(http_task *t);     /* the last call, and only when the task did not end itself */
} http_task_kind;

struct http_task {
  const http_task_kind *kind;
  http_conn *conn;    /* null once they have let go of each other */
  i64 body_bytes_max; /* 413 beyond */
};

/* The whole answer; takes what `reply` owns. The task is let go. */
void http_task_answer(http_task *t, http_reply *reply);
/* Read no more of the body until http_task_resume: what came is being written elsewhere. */
void http_task_pause(http_task *t);
void http_task_resume(http_task *t);
/* A 200 whose body has no length yet; pieces are copied. `gone` is never called from in here. */
void http_task_stream(http_task *t, http_reply *reply);
void http_task_write(http_task *t, nf_bytes bytes);
/* The stream is complete. The task is let go. */
void http_task_end(http_task *t);
