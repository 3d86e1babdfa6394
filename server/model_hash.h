/* SHA-256 of a model file and of each of its chunks, with a sidecar so that a file is read once
 * and not at every start. Runs on a worker thread: touches nothing but its arguments.
 * The sidecar, FILE.nearfield-hash, is trusted only while size, inode, mtime and ctime of the
 * model are the ones it was written for. Read next: models.h. */
#pragma once
#include <stdatomic.h>
#include <sys/stat.h>

#include "server/words.h"

/* Small enough that a browser's digest(), which copies what it is given, gets the memory for that
 * from its free lists and not fresh from the system (docs/adr/0008). */
enum { MODEL_CHUNK_BYTES = 524288 };

/* Which bytes a hash speaks of. */
typedef struct {
  i64 bytes, ino, mtime_ns, ctime_ns;
} file_identity;
file_identity file_identity_of(const struct stat *facts);
bool file_identity_same(file_identity a, file_identity b);

typedef struct {
  file_identity identity;
  u8 sha256[32];
  u8 (*chunks)[32]; /* malloc'd, n_chunks of MODEL_CHUNK_BYTES, the last one shorter */
  isize n_chunks;
} model_hash;

/* stop: set by another thread to give up early. false: cannot be read, changed while it was
 * read, or stopped; the line says which. A sidecar that cannot be written is no failure. */
bool model_hash_get(const char *path, const _Atomic bool *stop, model_hash *hash, nf_error *error);
void model_hash_drop(model_hash *hash);
