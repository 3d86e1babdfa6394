/* The model files offered under /models/: a table made by scanning, hashed in the background.
 * A request is matched against the table, so no part of a URL ever becomes part of a path.
 * Owns the table and its hashing jobs; not the bytes' way to the client (http_conn.c).
 *
 *   GET /models/                     {"models": [{name, file, bytes, sha256, manifest}]}
 *   GET /models/NAME/manifest.json   {name, file, bytes, sha256, chunk_bytes, chunks: [sha256],
 *                                     adapters: [{task, file, bytes, sha256}]}
 *   GET /models/NAME/FILE            the bytes; ETag is the sha256
 *
 * NAME is the file's stem in lower case; FILE the model's, or that of an adapter of it: STEM.gguf
 * has its adapters in the folder STEM.adapters beside it, each named by its task. While a file is
 * being hashed (first start, or the file changed) its URLs answer 503 with Retry-After. */
#pragma once
#include <uv.h>

#include "server/http_reply.h"
#include "server/log.h"

typedef struct models models;

models *models_new(uv_loop_t *loop, server_log *log); /* null: no memory */
/* Give up hashing; models_free once the loop has nothing left to do. */
void models_stop(models *m);
void models_free(models *m);

/* Add the GGUF file, or every *.gguf of the folder, at `path`, with their adapters; files known
 * already are checked for changes. false: it cannot be read; the line says why. */
bool models_scan(models *m, const char *path, nf_error *error);
/* Forget files that are gone or were not seen by models_scan since models_rescan_begin. */
void models_rescan_begin(models *m);
void models_rescan_end(models *m);

/* A model by its NAME, or, where that is "", the first by name. false: there is none. */
typedef struct {
  const char *name, *path; /* live as long as m */
  bool ready, failed;      /* neither: it is being read, or an adapter of it */
  u8 sha256[32];           /* when ready */
} models_entry;
bool models_find(const models *m, const char *name, models_entry *entry);
/* The adapter of the model NAME for a task, by the task's name. false: there is none that can be
 * read. */
bool models_adapter_find(const models *m, const char *name, const char *task, models_entry *entry);

void models_count(const models *m, i64 *n, i64 *n_ready);
/* path: what follows "/models". */
void models_reply(models *m, nf_bytes path, const http_request *request, http_reply *reply);
