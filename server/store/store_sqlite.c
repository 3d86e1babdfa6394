/* SQLite as a store's database: WAL, synchronous=FULL, so that a committed change survives the
 * loss of power. Leases are kept by the clock since boot, which nobody sets; after a reboot they
 * are void (store.c). Read next: store_db.h. */
#include <errno.h>
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#include "server/store/store_db.h"

enum { BUSY_MS = 5000, COPY_BUSY_TRIES = 12 }; /* each waits up to BUSY_MS */

typedef struct {
  store_db base; /* first */
  sqlite3 *sqlite;
  sqlite3_stmt *prepared[DB_STATEMENTS_MAX];
  char path[256];
} sqlite_db;

/* errno of the last failed write, to the database or its log. SQLite tells a full disk by a code of
 * its own, but neither a quota nor a limit on file sizes. */
static int errno_of(sqlite3 *sqlite) {
  static const int files[] = {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER};
  int found = 0;
  for (int i = 0; i < 2 && found == 0; i++) {
    sqlite3_file *file = nullptr;
    int code = sqlite3_file_control(sqlite, "main", files[i], &file);
    if (code != SQLITE_OK || file == nullptr || file->pMethods == nullptr) continue;
    (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &found);
  }
  return found;
}

/* SQLite's code as ours, and the error's line. */
static store_status status_of(sqlite_db *db, int code) {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return STORE_OK;
  bool io = (code & 0xFF) == SQLITE_IOERR;
  int os = io ? errno_of(db->sqlite) : 0;
  bool full = (code & 0xFF) == SQLITE_FULL ||
              (io && (os == ENOSPC || os == EDQUOT || os == EFBIG || code == SQLITE_IOERR_SHMSIZE));
  snprintf(db->base.error->line, sizeof db->base.error->line, "%.160s: %.60s%s%.30s", db->path,
           full ? "the disk is full" : sqlite3_errmsg(db->sqlite), io && !full && os ? ", " : "",
           io && !full && os ? strerror(os) : "");
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return STORE_DOWN;
    case SQLITE_NOMEM: return STORE_NO_MEMORY;
    default: return full ? STORE_FULL : STORE_FAILED;
  }
}

static store_status sqlite_run(store_db *base, int id, const char *sql, const db_value *values,
                               isize n, db_row *row, void *to) {
  sqlite_db *db = (sqlite_db *)base;
  if (id < 0) return status_of(db, sqlite3_exec(db->sqlite, sql, nullptr, nullptr, nullptr));
  sqlite3_stmt **statement = &db->prepared[id];
  int code = SQLITE_OK;
  if (*statement == nullptr) {
    code = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, nullptr);
    if (code != SQLITE_OK) return status_of(db, code);
  }
  for (int i = 0; i < (int)n && code == SQLITE_OK; i++) {
    const db_value *v = &values[i];
    code = v->kind == DB_INT    ? sqlite3_bind_int64(*statement, i + 1, v->number)
           : v->kind == DB_TEXT ? sqlite3_bind_text64(*statement, i + 1, (const char *)v->text.at,
                                                      (u64)v->text.len, SQLITE_STATIC, SQLITE_UTF8)
                                : sqlite3_bind_null(*statement, i + 1);
  }
  bool fits = true;
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(*statement);
    if (code != SQLITE_ROW || row == nullptr || !fits) continue;
    nf_bytes cells[24];
    int n_cells = sqlite3_column_count(*statement);
    ASSERT(n_cells <= (int)(sizeof cells / sizeof cells[0]));
    for (int i = 0; i < n_cells; i++) {
      cells[i].at = sqlite3_column_text(*statement, i);
      cells[i].len = sqlite3_column_bytes(*statement, i);
    }
    fits = row(to, cells, n_cells);
  }
  store_status status = fits ? status_of(db, code) : STORE_NO_MEMORY;
  sqlite3_reset(*statement);
  sqlite3_clear_bindings(*statement);
  return status;
}

/* After some errors SQLite has rolled back by itself; asking again is harmless. */
static void sqlite_rollback(store_db *base) {
  sqlite3 *sqlite = ((sqlite_db *)base)->sqlite;
  if (!sqlite3_get_autocommit(sqlite)) {
    (void)sqlite3_exec(sqlite, "ROLLBACK", nullptr, nullptr, nullptr);
  }
}
/* A beginning or an end may be reported as failed, for want of memory, and have been done: what is
 * still open from before is nobody's. */
static store_status sqlite_begin(store_db *base) {
  sqlite_rollback(base);
  return sqlite_run(base, -1, "BEGIN IMMEDIATE", nullptr, 0, nullptr, nullptr);
}
static store_status sqlite_commit(store_db *base) {
  return sqlite_run(base, -1, "COMMIT", nullptr, 0, nullptr, nullptr);
}

static void sqlite_close(store_db *base) {
  sqlite_db *db = (sqlite_db *)base;
  for (int i = 0; i < DB_STATEMENTS_MAX; i++) sqlite3_finalize(db->prepared[i]);
  sqlite3_close(db->sqlite);
  free(db);
}

static void nf_now(sqlite3_context *context, int n, sqlite3_value **values) {
  (void)n, (void)values;
  struct timespec now;
#ifdef CLOCK_BOOTTIME
  clock_gettime(CLOCK_BOOTTIME, &now);
#else
  clock_gettime(CLOCK_MONOTONIC, &now);
#endif
  sqlite3_result_int64(context, (i64)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static const store_db_kind SQLITE = {.dialect = 0,
                                     .n_tries = 1,
                                     .run = sqlite_run,
                                     .begin = sqlite_begin,
                                     .commit = sqlite_commit,
                                     .rollback = sqlite_rollback,
                                     .close = sqlite_close};

store_status store_sqlite_open(const char *path, nf_error *error, store_db **out) {
  sqlite_db *db = calloc(1, sizeof *db);
  if (db == nullptr) return STORE_NO_MEMORY;
  db->base = (store_db){&SQLITE, error};
  snprintf(db->path, sizeof db->path, "%s", path);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(path, &db->sqlite, flags, nullptr);
  store_status status = db->sqlite == nullptr ? STORE_NO_MEMORY : status_of(db, code);
  if (status == STORE_OK) {
    (void)sqlite3_extended_result_codes(db->sqlite, 1);
    (void)sqlite3_busy_timeout(db->sqlite, BUSY_MS);
    code = sqlite3_create_function(db->sqlite, "nf_now", 0, SQLITE_UTF8, nullptr, nf_now, nullptr,
                                   nullptr);
    status = status_of(db, code);
  }
  if (status == STORE_OK) {
    status = sqlite_run(&db->base, -1,
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                        "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;",
                        nullptr, 0, nullptr, nullptr);
  }
  if (status != STORE_OK) {
    sqlite_close(&db->base);
    return status;
  }
  *out = &db->base;
  return STORE_OK;
}

/* ---- a copy ---- */

/* Both databases are open. One step over all pages is one read of the store, at one moment; in
 * WAL mode a writer does not wait for it. */
static store_status copy_run(sqlite_db *from, sqlite_db *to) {
  sqlite3_backup *backup = sqlite3_backup_init(to->sqlite, "main", from->sqlite, "main");
  if (backup == nullptr) return status_of(to, sqlite3_errcode(to->sqlite));
  int code = SQLITE_BUSY;
  for (int i = 0; i < COPY_BUSY_TRIES && (code & 0xFF) == SQLITE_BUSY; i++) {
    code = sqlite3_backup_step(backup, -1);
  }
  int end = sqlite3_backup_finish(backup);
  if (code == SQLITE_DONE) code = end;
  if (code == SQLITE_OK) return STORE_OK;
  store_status status = status_of(to, code); /* errors of either side are reported here */
  if (status == STORE_OK) status = STORE_FAILED;
  return status;
}

static int check_row(void *to, int n, char **cells, char **names) {
  (void)n, (void)names;
  str_copy(to, 80, cells[0] != nullptr ? cells[0] : "");
  return 1; /* the first line says enough */
}

static store_status copy_check(sqlite_db *to) {
  char found[80] = "nothing";
  int code = sqlite3_exec(to->sqlite, "PRAGMA quick_check(1)", check_row, found, nullptr);
  if (code != SQLITE_OK && code != SQLITE_ABORT) return status_of(to, code);
  if (strcmp(found, "ok") == 0) return STORE_OK;
  snprintf(to->base.error->line, sizeof to->base.error->line, "%.150s: damaged: %.80s", to->path,
           found);
  return STORE_FAILED;
}

/* Without anything of ours in it: no functions, no settings, nothing brought up to date. */
static store_status plain_open(const char *path, int flags, sqlite_db *db, nf_error *error) {
  *db = (sqlite_db){.base = {&SQLITE, error}};
  str_copy(db->path, sizeof db->path, path);
  int code = sqlite3_open_v2(path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (db->sqlite == nullptr) return STORE_NO_MEMORY;
  (void)sqlite3_extended_result_codes(db->sqlite, 1);
  (void)sqlite3_busy_timeout(db->sqlite, BUSY_MS);
  return status_of(db, code);
}

store_status store_copy(const char *path, const char *to_path, nf_error *error) {
  sqlite_db from = {0}, to = {0};
  if (access(path, F_OK) != 0) {
    snprintf(error->line, sizeof error->line, "%.160s: %.80s", path, strerror(errno));
    return STORE_NONE;
  }
  store_status status = plain_open(path, SQLITE_OPEN_READWRITE, &from, error);
  if (status == STORE_OK) {
    status = plain_open(to_path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &to, error);
  }
  if (status == STORE_OK) status = copy_run(&from, &to);
  if (status == STORE_OK) status = copy_check(&to);
  sqlite3_close(to.sqlite);
  sqlite3_close(from.sqlite);
  if (status == STORE_NO_MEMORY) snprintf(error->line, sizeof error->line, "no memory");
  return status;
}
