/* SQLite's file system, with calls that fail on request: the disk is full from the n-th write on
 * until it is told to be well again. Owns nothing but two counters; all else goes to the real one.
 * source sqlite3.h, "OS Interface Open File Handle" */
#pragma once
#include <sqlite3.h>

typedef struct {
  sqlite3_file base;
  sqlite3_file *real; /* lies behind this struct */
} failing_file;

static struct {
  sqlite3_vfs *real;
  long n_writes;      /* since failing_after was called */
  long i_fail;        /* this and later ones fail; -1: none does */
  long n_failed;
} failing = {.i_fail = -1};

static void failing_after(long i) {
  failing.n_writes = 0, failing.n_failed = 0, failing.i_fail = i;
}
static bool write_fails(void) {
  bool fails = failing.i_fail >= 0 && failing.n_writes >= failing.i_fail;
  failing.n_writes++;
  failing.n_failed += fails;
  return fails;
}

static sqlite3_file *real_of(sqlite3_file *f) { return ((failing_file *)f)->real; }
#define REAL(f) real_of(f)->pMethods
static int f_close(sqlite3_file *f) { return REAL(f)->xClose(real_of(f)); }
static int f_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  return REAL(f)->xRead(real_of(f), to, n, at);
}
static int f_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  return write_fails() ? SQLITE_FULL : REAL(f)->xWrite(real_of(f), from, n, at);
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 n) {
  return REAL(f)->xTruncate(real_of(f), n);
}
/* No power is lost in these tests, and syncs would be most of their time. */
static int f_sync(sqlite3_file *f, int flags) { return (void)f, (void)flags, SQLITE_OK; }
static int f_size(sqlite3_file *f, sqlite3_int64 *n) { return REAL(f)->xFileSize(real_of(f), n); }
static int f_lock(sqlite3_file *f, int kind) { return REAL(f)->xLock(real_of(f), kind); }
static int f_unlock(sqlite3_file *f, int kind) { return REAL(f)->xUnlock(real_of(f), kind); }
static int f_reserved(sqlite3_file *f, int *out) {
  return REAL(f)->xCheckReservedLock(real_of(f), out);
}
static int f_control(sqlite3_file *f, int op, void *arg) {
  return REAL(f)->xFileControl(real_of(f), op, arg);
}
static int f_sector(sqlite3_file *f) { return REAL(f)->xSectorSize(real_of(f)); }
static int f_traits(sqlite3_file *f) { return REAL(f)->xDeviceCharacteristics(real_of(f)); }
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
  if (extend && write_fails()) return SQLITE_IOERR_SHMSIZE;
  return REAL(f)->xShmMap(real_of(f), page, size, extend, out);
}
static int f_shm_lock(sqlite3_file *f, int at, int n, int flags) {
  return REAL(f)->xShmLock(real_of(f), at, n, flags);
}
static void f_shm_barrier(sqlite3_file *f) { REAL(f)->xShmBarrier(real_of(f)); }
static int f_shm_unmap(sqlite3_file *f, int drop) { return REAL(f)->xShmUnmap(real_of(f), drop); }

static const sqlite3_io_methods FAILING_METHODS = {.iVersion = 2,
                                                   .xClose = f_close,
                                                   .xRead = f_read,
                                                   .xWrite = f_write,
                                                   .xTruncate = f_truncate,
                                                   .xSync = f_sync,
                                                   .xFileSize = f_size,
                                                   .xLock = f_lock,
                                                   .xUnlock = f_unlock,
                                                   .xCheckReservedLock = f_reserved,
                                                   .xFileControl = f_control,
                                                   .xSectorSize = f_sector,
                                                   .xDeviceCharacteristics = f_traits,
                                                   .xShmMap = f_shm_map,
                                                   .xShmLock = f_shm_lock,
                                                   .xShmBarrier = f_shm_barrier,
                                                   .xShmUnmap = f_shm_unmap};

static int failing_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags,
                        int *out) {
  (void)vfs;
  failing_file *file = (failing_file *)f;
  file->real = (sqlite3_file *)(file + 1);
  int code = failing.real->xOpen(failing.real, name, file->real, flags, out);
  f->pMethods = file->real->pMethods != nullptr ? &FAILING_METHODS : nullptr;
  return code;
}

/* Make it the file system of every database opened from now on. */
static void failing_vfs_use(void) {
  static sqlite3_vfs vfs;
  if (failing.real != nullptr) return;
  failing.real = sqlite3_vfs_find(nullptr);
  vfs = *failing.real;
  vfs.zName = "failing";
  vfs.szOsFile = (int)sizeof(failing_file) + failing.real->szOsFile;
  vfs.xOpen = failing_open;
  sqlite3_vfs_register(&vfs, 1);
}
