/* See job_backup.h. First the database, then the files that this copy of it names: what ends or
 * comes later is not in it, so nothing that it names can be missing - but for jobs that were
 * forgotten in between, and then the database is copied once more. */
#include "server/jobs/job_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/jobs/job_folder.h"
#include "server/text_buf.h"
#include "yyjson.h"

enum { ROUNDS = 3, PATH_BYTES = CONFIG_PATH_BYTES + 256, PIECE_BYTES = 262144 };

typedef struct {
  const char *data, *part; /* folders: from, to */
  job_backup_counts counts;
  i64 n_missing; /* in this round */
  int exit_code;
  nf_error *error;
} backup;

static void fail(backup *b, int exit_code, const char *what, const char *why) {
  if (b->exit_code != 0) return; /* the first stands */
  b->exit_code = exit_code;
  snprintf(b->error->line, sizeof b->error->line, "%.170s: %.80s", what, why);
}
/* What errno says of the folder that is written. */
static void fail_write(backup *b, const char *what) { fail(b, 3, what, strerror(errno)); }

/* ---- one file ---- */

/* false: the reason is in b. digest[32]: of what was copied. */
static bool content_copy(backup *b, int from, int to, const char *path, u8 *digest) {
  static u8 piece[PIECE_BYTES];
  nf_sha256 hash;
  nf_sha256_begin(&hash);
  isize n;
  while ((n = read(from, piece, sizeof piece)) > 0) {
    nf_sha256_add(&hash, bytes_from(piece, n));
    for (isize at = 0; at < n;) {
      isize wrote = write(to, piece + at, (size_t)(n - at));
      if (wrote < 0) return fail_write(b, path), false;
      at += wrote;
    }
    b->counts.bytes += n;
  }
  if (n < 0) return fail(b, 3, path, strerror(errno)), false;
  nf_sha256_end(&hash, digest);
  return true;
}

/* name: below both folders, as "uploads/ID". sha256: hexadecimal digits, or null. Whole and synced
 * in the copy, or the reason is in b. A file that is not there is counted. */
static bool file_copy(backup *b, const char *name, const char *sha256) {
  char path[PATH_BYTES];
  struct stat facts;
  snprintf(path, sizeof path, "%s/%s", b->data, name);
  int from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0 && errno == ENOENT) {
    b->n_missing++;
    snprintf(b->error->line, sizeof b->error->line, "%.200s: the store names it, but it is gone",
             path);
    return false;
  }
  if (from < 0 || fstat(from, &facts) != 0) {
    fail(b, 3, path, strerror(errno));
    if (from >= 0) close(from);
    return false;
  }
  snprintf(path, sizeof path, "%s/%s", b->part, name);
  int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (to < 0) {
    if (errno != EEXIST) fail_write(b, path); /* else it was copied before */
    close(from);
    return false;
  }
  u8 digest[32], wanted[32];
  bool ok = content_copy(b, from, to, path, digest);
  if (ok && sha256 != nullptr &&
      (strlen(sha256) != 64 || !digest_read(sha256, wanted) || memcmp(digest, wanted, 32) != 0)) {
    fail(b, 1, name, "not what the store says it is (sha256): damaged");
  }
  /* the sweep goes by an upload's age */
  const struct timespec times[2] = {facts.st_atim, facts.st_mtim};
  if (ok && (futimens(to, times) != 0 || fsync(to) != 0)) fail_write(b, path);
  close(from);
  close(to);
  return ok && b->exit_code == 0;
}

/* A folder below the copy; there already is fine. */
static bool folder_make(backup *b, const char *name) {
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/%s", b->part, name);
  if (job_folder_make(path)) return true;
  fail_write(b, path);
  return false;
}
static void folder_sync(backup *b, const char *path) {
  int error = job_folder_sync(path);
  if (error != 0) fail(b, 3, path, strerror(error));
}
static void folder_sync_in(backup *b, const char *name) {
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/%s", b->part, name);
  folder_sync(b, path);
}

/* ---- one job ---- */

static void result_copy(backup *b, const store_job *job) {
  char one[64], whole[96], name[PATH_BYTES];
  snprintf(one, sizeof one, "results/%s", job->id.hex);
  snprintf(whole, sizeof whole, "%s/%lld", one, (long long)job->fence);
  if (!folder_make(b, one) || !folder_make(b, whole)) return;
  yyjson_doc *doc = yyjson_read(job->result, strlen(job->result), 0);
  yyjson_val *files = yyjson_obj_get(yyjson_doc_get_root(doc), "files"), *file;
  size_t i, n;
  yyjson_arr_foreach(files, i, n, file) {
    const char *plain = yyjson_get_str(yyjson_obj_get(file, "name"));
    const char *sha256 = yyjson_get_str(yyjson_obj_get(file, "sha256"));
    if (plain == nullptr || sha256 == nullptr || strchr(plain, '/') != nullptr) {
      fail(b, 1, job->id.hex, "its result in the store is damaged");
      break;
    }
    snprintf(name, sizeof name, "%s/%.100s", whole, plain);
    if (file_copy(b, name, sha256)) b->counts.n_results++;
  }
  yyjson_doc_free(doc);
  if (b->exit_code != 0) return;
  folder_sync_in(b, whole);
  folder_sync_in(b, one);
}

/* {"upload": ID}, or something else. */
static void upload_copy(backup *b, yyjson_val *in) {
  const char *upload = yyjson_get_str(yyjson_obj_get(in, "upload"));
  job_id id;
  if (upload == nullptr || !job_id_read(text(upload), &id)) return;
  char name[64];
  snprintf(name, sizeof name, "uploads/%s", id.hex);
  if (file_copy(b, name, nullptr)) b->counts.n_uploads++;
}

/* An ended job's inputs may have been removed before it: nobody needs them any more. */
static void inputs_copy(backup *b, const store_job *job) {
  const job_kind *kind = job_kind_find(text(job->kind));
  const job_option *second = kind != nullptr ? job_kind_upload(kind) : nullptr;
  yyjson_doc *doc = yyjson_read(job->input, strlen(job->input), 0);
  yyjson_val *request = yyjson_doc_get_root(doc);
  i64 n_missing = b->n_missing;
  upload_copy(b, yyjson_obj_get(request, "input"));
  if (second != nullptr) upload_copy(b, yyjson_obj_get(request, second->name));
  if (job_state_is_final(job->state)) b->n_missing = n_missing;
  yyjson_doc_free(doc);
}

static void job_copy(void *to, const store_job *job) {
  backup *b = to;
  if (b->exit_code != 0) return;
  b->counts.n_jobs++;
  if (job->state == JOB_DONE && job->result != nullptr) result_copy(b, job);
  if (job->input != nullptr && b->exit_code == 0) inputs_copy(b, job);
}

/* ---- all of it ---- */

static int exit_code_of(store_status status) {
  return status == STORE_DOWN || status == STORE_FULL || status == STORE_NO_MEMORY ? 3 : 1;
}

/* The database and what it names. Opening the copy proves that this program can, and brings an
 * older one up to date. */
static void round_run(backup *b, const char *store_path) {
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/nearfield.db", b->part);
  (void)unlink(path);
  b->counts.n_jobs = b->n_missing = 0;
  store *s = nullptr;
  store_status status = store_copy(store_path, path, b->error);
  if (status == STORE_OK) {
    status = store_open(&(store_desc){.url = path}, &s, b->error);
  }
  if (status == STORE_OK) {
    status = store_jobs(s, job_copy, b);
    if (status != STORE_OK) fail(b, exit_code_of(status), "store", store_error(s));
  } else if (b->exit_code == 0) {
    b->exit_code = exit_code_of(status);
  }
  store_close(s); /* its log is emptied into the file and removed */
  int file = b->exit_code == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (b->exit_code == 0 && (file < 0 || fsync(file) != 0)) fail_write(b, path);
  if (file >= 0) close(file);
}

static void fill(backup *b, const char *store_path) {
  if (!folder_make(b, "results") || !folder_make(b, "uploads")) return;
  for (int i = 0; i < ROUNDS && b->exit_code == 0; i++) {
    round_run(b, store_path);
    if (b->n_missing == 0) break;
  }
  if (b->exit_code == 0 && b->n_missing > 0) b->exit_code = 1; /* the line is that of file_copy */
  if (b->exit_code != 0) return;
  folder_sync_in(b, "results");
  folder_sync_in(b, "uploads");
  folder_sync(b, b->part);
}

/* The last step: the copy is whole, and has its name. */
static void publish(backup *b, const char *to) {
  char parent[PATH_BYTES];
  snprintf(parent, sizeof parent, "%s", to);
  char *slash = strrchr(parent, '/');
  if (slash != nullptr) slash[slash == parent] = 0;
  if (rename(b->part, to) != 0) {
    fail_write(b, to);
    return;
  }
  folder_sync(b, slash != nullptr ? parent : ".");
}

int job_backup(const config *c, const char *to, job_backup_counts *counts, nf_error *error) {
  char part[PATH_BYTES], path[PATH_BYTES];
  struct stat facts;
  size_t len = strlen(to);
  while (len > 1 && to[len - 1] == '/') len--;
  char name[CONFIG_PATH_BYTES];
  backup b = {.data = c->data, .part = part, .error = error};
  if (len == 0 || len >= sizeof name - 8) {
    fail(&b, 1, "backup", "expected a folder's name");
    return b.exit_code;
  }
  memcpy(name, to, len);
  name[len] = 0;
  snprintf(part, sizeof part, "%s.part", name);
  snprintf(path, sizeof path, "%s/nearfield.db", c->data);
  const char *from = c->store[0] == 0 ? path : c->store;
  if (strncmp(from, "sqlite:", 7) == 0) from += 7;
  if (c->data[0] == 0) {
    fail(&b, 1, "backup", "expected --data FOLDER, or it in the --config FILE");
  } else if (store_is_postgresql(from)) {
    snprintf(error->line, sizeof error->line,
             "the store is PostgreSQL: first pg_dump, then copy the folder %.150s", c->data);
    return 1;
  } else if (lstat(name, &facts) == 0) {
    fail(&b, 1, name, "is there already; a backup is a new folder");
  } else if (access(from, R_OK | W_OK) != 0) {
    fail(&b, errno == ENOENT ? 1 : 3, from, strerror(errno));
  } else if (mkdir(part, 0700) != 0) {
    fail(&b, errno == EEXIST ? 1 : 3, part,
         errno == EEXIST ? "a backup is under way, or one was cut: then remove it"
                         : strerror(errno));
  } else {
    fill(&b, from);
    if (b.exit_code == 0) publish(&b, name);
    if (b.exit_code != 0) job_folder_remove(part);
  }
  if (b.exit_code == 0) *counts = b.counts;
  return b.exit_code;
}
