/* See job_folder.h. */
#include "server/jobs/job_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/text_buf.h"

bool job_folder_make(const char *path) { return mkdir(path, 0700) == 0 || errno == EEXIST; }

int job_folder_sync(const char *path) {
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = folder < 0 || fsync(folder) != 0 ? errno : 0;
  if (folder >= 0) close(folder);
  return error;
}

/* but: the name of one entry that stays, at this level only; null: none. */
static void entries_remove(int folder, int depth, const char *but) {
  DIR *dir = fdopendir(folder);
  if (dir == nullptr) {
    close(folder);
    return;
  }
  for (struct dirent *e; (e = readdir(dir)) != nullptr;) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (but != nullptr && strcmp(e->d_name, but) == 0) continue;
    if (unlinkat(folder, e->d_name, 0) == 0 || depth == 0) continue;
    int inner = openat(folder, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0) continue;
    entries_remove(inner, depth - 1, nullptr);
    (void)unlinkat(folder, e->d_name, AT_REMOVEDIR);
  }
  closedir(dir);
}

void job_folder_remove_but(const char *path, const char *but) {
  enum { DEPTH_MAX = 16 };
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) {
    (void)unlink(path);
    return;
  }
  entries_remove(folder, DEPTH_MAX, but);
  (void)rmdir(path); /* not when something stays */
}

void job_folder_remove(const char *path) { job_folder_remove_but(path, nullptr); }

bool job_kept_take(const char *job, i64 fence) {
  int folder = open(job, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return false;
  DIR *dir = fdopendir(folder);
  if (dir == nullptr) {
    close(folder);
    return false;
  }
  i64 newest = -1, number;
  char name[80];
  struct stat facts;
  for (struct dirent *e; (e = readdir(dir)) != nullptr;) {
    if (!bytes_number(text(e->d_name), &number) || number >= fence || number <= newest) continue;
    snprintf(name, sizeof name, "%lld/" JOB_KEPT, (long long)number);
    bool kept = fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
    if (kept && S_ISDIR(facts.st_mode)) newest = number;
  }
  char to[80];
  snprintf(name, sizeof name, "%lld/" JOB_KEPT, (long long)newest);
  snprintf(to, sizeof to, "%lld/" JOB_KEPT, (long long)fence);
  bool ok = newest >= 0 ? renameat(folder, name, folder, to) == 0
                        : mkdirat(folder, to, 0700) == 0 || errno == EEXIST;
  closedir(dir);
  return ok;
}

void job_folder_list(const char *path, i64 max_age_s, job_folder_each *each, void *to) {
  DIR *dir = opendir(path);
  if (dir == nullptr) return;
  time_t now = time(nullptr);
  for (struct dirent *e; (e = readdir(dir)) != nullptr;) {
    struct stat facts;
    job_id id;
    char whole[CONFIG_PATH_BYTES + 256];
    nf_bytes name = text(e->d_name);
    if (name.len > JOB_ID_LEN) name.len = JOB_ID_LEN; /* ID.part, an upload that was cut */
    if (!job_id_read(name, &id)) continue;
    snprintf(whole, sizeof whole, "%s/%s", path, e->d_name);
    if (lstat(whole, &facts) != 0) continue;
    if (now - facts.st_mtime < max_age_s) continue;
    each(to, whole, &id);
  }
  closedir(dir);
}

/* ---- results ---- */

static bool fail(nf_error *error, const char *what, const char *why) {
  snprintf(error->line, sizeof error->line, "%.100s: %.100s", what, why);
  return false;
}

/* Hash and sync one file; adds its JSON. */
static bool output_read(int folder, const job_output *output, const bool *stop, text_buf *json,
                        nf_error *error) {
  enum { PIECE = 65536 };
  int file = openat(folder, output->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  struct stat facts;
  if (file < 0) return fail(error, output->name, "the worker ended without writing it");
  if (fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    close(file);
    return fail(error, output->name, "not a regular file");
  }
  static _Thread_local u8 piece[PIECE];
  nf_sha256 hash;
  nf_sha256_begin(&hash);
  isize n;
  i64 bytes = 0;
  bool stopped = false;
  while (!stopped && (n = read(file, piece, sizeof piece)) > 0) {
    stopped = __atomic_load_n(stop, __ATOMIC_RELAXED);
    nf_sha256_add(&hash, bytes_from(piece, n));
    bytes += n;
  }
  bool ok = !stopped && n == 0 && fsync(file) == 0;
  if (!ok) (void)fail(error, output->name, stopped ? "not wanted any more" : strerror(errno));
  close(file);
  u8 digest[32];
  nf_sha256_end(&hash, digest);
  text_buf_str(json, "{\"name\":\"");
  text_buf_str(json, output->name);
  text_buf_str(json, "\",\"bytes\":");
  text_buf_number(json, bytes);
  text_buf_str(json, ",\"sha256\":\"");
  text_buf_hex(json, digest, sizeof digest);
  text_buf_str(json, "\"}");
  return ok;
}

/* result is results/ID/FENCE: its parent is made as well. */
static bool result_folder_make(const char *result, char *parent, size_t cap) {
  snprintf(parent, cap, "%s", result);
  *strrchr(parent, '/') = 0;
  return job_folder_make(parent) && job_folder_make(result);
}

/* The result's folder, the job's and the one of all results: each has a new name in it. parent: the
 * second; its end is cut off. 0 or errno. */
static int result_sync(int result, char *parent) {
  int error = fsync(result) != 0 ? errno : job_folder_sync(parent);
  *strrchr(parent, '/') = 0;
  return error != 0 ? error : job_folder_sync(parent);
}

void job_result_remove(const char *result) {
  char parent[CONFIG_PATH_BYTES + 256];
  job_folder_remove(result);
  snprintf(parent, sizeof parent, "%s", result);
  *strrchr(parent, '/') = 0;
  (void)rmdir(parent);
}

bool job_output_publish(const job_kind *kind, const char *work, const char *result,
                        const bool *stop, char **json, nf_error *error) {
  char parent[CONFIG_PATH_BYTES + 256];
  text_buf out = {0};
  int from = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0) return fail(error, work, strerror(errno));
  bool ok = result_folder_make(result, parent, sizeof parent);
  int to = ok ? open(result, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (to < 0) ok = fail(error, "results", strerror(errno));
  text_buf_str(&out, "{\"files\":[");
  int n_found = 0;
  for (const job_output *o = kind->outputs; ok && o->name != nullptr; o++) {
    bool there = faccessat(from, o->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (kind->one_output && (n_found > 0 || !there)) continue;
    if (n_found++ > 0) text_buf_str(&out, ",");
    ok = output_read(from, o, stop, &out, error);
    if (ok && renameat(from, o->name, to, o->name) != 0) ok = fail(error, o->name, strerror(errno));
  }
  if (ok && n_found == 0) ok = fail(error, "result", "the worker ended without writing it");
  text_buf_str(&out, "]}");
  text_buf_add(&out, bytes_from("", 1));
  int unsynced = ok ? result_sync(to, parent) : 0;
  if (unsynced != 0) ok = fail(error, "results", strerror(unsynced));
  if (ok && out.failed) ok = fail(error, "results", "no memory");
  close(from);
  if (to >= 0) close(to);
  if (!ok) {
    free(out.at);
    job_result_remove(result);
  }
  if (ok) *json = out.at;
  return ok;
}
