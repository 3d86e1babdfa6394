/* Files of the application folder: open beneath the root, choose the ready-made compressed
 * variant, answer conditionals and ranges. Blocking calls are limited to open and stat.
 * Does not own: sending (http_conn.c), names of models (models.c). */
#pragma once
#include "server/http_reply.h"

/* root: an open folder. now_ns: CLOCK_REALTIME. Fills reply; never fails otherwise. */
void static_file_reply(int root, const http_request *request, i64 now_ns, http_reply *reply);

/* The rest of every file reply, shared with models.c. reply->file is open, reply->body_bytes
 * its whole size, reply->validator set: applies If-*, Range and the method. */
void file_reply_finish(const http_request *request, http_reply *reply);
