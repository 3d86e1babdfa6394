/* A job as clients see it. */
#pragma once
#include "server/store/store.h"
#include "server/text_buf.h"

/* {"id", "kind", "state", "progress": 0..1, "tries", "created", "updated": ms since 1970,
 * "error", "input", "result"}: the last three only when they are there */
void job_json_add(text_buf *out, const store_job *job);
