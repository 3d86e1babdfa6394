/* See model_hash.h. */
#include "server/model_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "server/text_buf.h"

enum { READ_BYTES = 1 << 19 };
static_assert(MODEL_CHUNK_BYTES % READ_BYTES == 0);

static i64 ns_of(struct timespec t) { return (i64)t.tv_sec * 1000000000 + t.tv_nsec; }

file_identity file_identity_of(const struct stat *facts) {
  return (file_identity){facts->st_size, (i64)facts->st_ino, ns_of(facts->st_mtim),
                         ns_of(facts->st_ctim)};
}

bool file_identity_same(file_identity a, file_identity b) {
  return a.bytes == b.bytes && a.ino == b.ino && a.mtime_ns == b.mtime_ns &&
         a.ctime_ns == b.ctime_ns;
}

void model_hash_drop(model_hash *hash) {
  free(hash->chunks);
  *hash = (model_hash){0};
}

static bool fail(nf_error *error, const char *path, const char *why) {
  snprintf(error->line, sizeof error->line, "%.180s: %s", path, why);
  return false;
}

/* ---- sidecar: five "key value" lines, then one "chunk HEX" line each ---- */

static void sidecar_path(const char *path, char out[PATH_MAX + 32], const char *suffix) {
  snprintf(out, PATH_MAX + 32, "%s.nearfield-hash%s", path, suffix);
}

static bool hex_read(const char *line, const char *key, u8 digest[32]) {
  size_t n = strlen(key);
  return strncmp(line, key, n) == 0 && strlen(line) == n + 65 && digest_read(line + n, digest);
}

/* hash->identity, n_chunks and the room for chunks are set already. */
static bool sidecar_read(const char *path, model_hash *hash) {
  char name[PATH_MAX + 32], line[256], expected[256];
  sidecar_path(path, name, "");
  FILE *file = fopen(name, "r");
  if (file == nullptr) return false;
  const file_identity *id = &hash->identity;
  snprintf(expected, sizeof expected, "nearfield-hash 1 %lld %lld %lld %lld\n",
           (long long)id->bytes, (long long)id->ino, (long long)id->mtime_ns,
           (long long)id->ctime_ns);
  bool ok = fgets(line, sizeof line, file) != nullptr && strcmp(line, expected) == 0 &&
            fgets(line, sizeof line, file) != nullptr && hex_read(line, "sha256 ", hash->sha256);
  for (isize i = 0; ok && i < hash->n_chunks; i++) {
    ok = fgets(line, sizeof line, file) != nullptr && hex_read(line, "chunk ", hash->chunks[i]);
  }
  ok = ok && fgets(line, sizeof line, file) == nullptr;
  fclose(file);
  return ok;
}

static void sidecar_write(const char *path, const model_hash *hash) {
  const file_identity *id = &hash->identity;
  text_buf out = {0};
  char line[256];
  snprintf(line, sizeof line, "nearfield-hash 1 %lld %lld %lld %lld\nsha256 ", (long long)id->bytes,
           (long long)id->ino, (long long)id->mtime_ns, (long long)id->ctime_ns);
  text_buf_str(&out, line);
  text_buf_hex(&out, hash->sha256, 32);
  for (isize i = 0; i < hash->n_chunks; i++) {
    text_buf_str(&out, "\nchunk ");
    text_buf_hex(&out, hash->chunks[i], 32);
  }
  text_buf_str(&out, "\n");
  char temp[PATH_MAX + 32], name[PATH_MAX + 32];
  sidecar_path(path, temp, ".tmp");
  sidecar_path(path, name, "");
  int file = out.failed ? -1 : open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file >= 0) {
    bool ok = write(file, out.at, (size_t)out.len) == out.len;
    ok = close(file) == 0 && ok;
    if (!ok || rename(temp, name) != 0) unlink(temp);
  }
  free(out.at);
}

/* ---- reading the file ---- */

static bool content_hash(int file, const char *path, const _Atomic bool *stop, model_hash *hash,
                         nf_error *error) {
  u8 *block = malloc(READ_BYTES);
  if (block == nullptr) return fail(error, path, "no memory to hash it");
  nf_sha256 whole, chunk;
  nf_sha256_begin(&whole);
  nf_sha256_begin(&chunk);
  bool ok = true;
  i64 at = 0;
  while (ok && at < hash->identity.bytes) {
    isize n = pread(file, block, READ_BYTES, at);
    if (n <= 0 || atomic_load_explicit(stop, memory_order_relaxed)) {
      ok = fail(error, path, n < 0 ? strerror(errno) : n == 0 ? "became shorter" : "stopped");
      break;
    }
    /* a short read must not cross a chunk's end: READ_BYTES divides it only when aligned */
    i64 room = MODEL_CHUNK_BYTES - at % MODEL_CHUNK_BYTES;
    if (n > room) n = (isize)room;
    nf_sha256_add(&whole, bytes_from(block, n));
    nf_sha256_add(&chunk, bytes_from(block, n));
    at += n;
    if (at % MODEL_CHUNK_BYTES == 0 || at == hash->identity.bytes) {
      isize i = (isize)((at - 1) / MODEL_CHUNK_BYTES);
      if (i >= hash->n_chunks) { /* it grew while we read */
        ok = fail(error, path, "changed while it was hashed");
        break;
      }
      nf_sha256_end(&chunk, hash->chunks[i]);
      nf_sha256_begin(&chunk);
    }
  }
  nf_sha256_end(&whole, hash->sha256);
  free(block);
  return ok;
}

bool model_hash_get(const char *path, const _Atomic bool *stop, model_hash *hash, nf_error *error) {
  struct stat before, after;
  struct timespec now;
  *hash = (model_hash){0};
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0 || fstat(file, &before) != 0) {
    fail(error, path, strerror(errno));
    if (file >= 0) close(file);
    return false;
  }
  hash->identity = file_identity_of(&before);
  hash->n_chunks = (isize)((before.st_size + MODEL_CHUNK_BYTES - 1) / MODEL_CHUNK_BYTES);
  hash->chunks = calloc((size_t)hash->n_chunks + 1, 32);
  bool ok = S_ISREG(before.st_mode) && hash->chunks != nullptr;
  if (!ok) fail(error, path, hash->chunks == nullptr ? "no memory to hash it" : "not a file");
  if (ok && !sidecar_read(path, hash)) {
    ok = content_hash(file, path, stop, hash, error);
    if (ok && (fstat(file, &after) != 0 ||
               !file_identity_same(hash->identity, file_identity_of(&after)))) {
      ok = fail(error, path, "changed while it was hashed");
    }
    /* a file younger than 2 s could still change without changing its times */
    clock_gettime(CLOCK_REALTIME, &now);
    if (ok && ns_of(now) - hash->identity.ctime_ns > 2000000000) sidecar_write(path, hash);
  }
  close(file);
  if (!ok) model_hash_drop(hash);
  return ok;
}
