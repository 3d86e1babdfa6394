/* A disk that loses its power, under SQLite. What is written lies in a cache until its file is
 * synced; at the cut each write that lies there survives or not, on its own, whole or in sectors,
 * and a name that was made or removed since the folder was synced may be there or not. Owns what
 * every file would hold. What SQLite reads, its locks and its shared memory are the real file
 * system's, over files that the cut throws away.
 * Assumed of the drive: bytes beside a write do not change (SQLITE_IOCAP_POWERSAFE_OVERWRITE, which
 * SQLite's own file system says too) and a sync that was answered is done.
 * source sqlite3.h, "OS Interface Open File Handle"; sqlite.org/atomiccommit.html, section 2 */
#pragma once
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DISK_FILES_MAX = 32, DISK_NAME_BYTES = 160, SECTOR = 512 };

typedef struct {
  unsigned char *at;
  long len, cap;
} disk_bytes;
typedef struct {
  long at, len;
  unsigned char *bytes; /* null: the file is made `at` bytes long */
} disk_write;
typedef struct {
  char path[DISK_NAME_BYTES]; /* "": unused */
  disk_bytes synced;
  disk_write *writes; /* since the last sync, oldest first */
  int n_writes, n_writes_cap;
  bool named, named_durably; /* in the folder as it is; as it was synced */
} disk_file;

typedef struct {
  sqlite3_file base;
  sqlite3_file *real; /* lies behind this struct */
  disk_file *disk;    /* null: a temporary file */
  bool folder_too; /* the first sync is one of the folder as well: os_unix.c, UNIXFILE_DIRSYNC */
} power_file;

static struct {
  sqlite3_vfs *real;
  disk_file files[DISK_FILES_MAX];
  disk_bytes survived[DISK_FILES_MAX]; /* .at null: the file is gone */
  unsigned long long random;
  long n_calls, i_cut; /* writes, syncs and so on since the start; the cut comes at this one */
  bool off; /* the power is gone */
  bool lies; /* the drive answers a sync and does nothing */
} power;

static unsigned long long power_random(void) { /* splitmix64, Steele et al. 2014 */
  unsigned long long z = power.random += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}
static long power_below(long n) { return (long)(power_random() % (unsigned long long)n); }

/* ---- what a file holds ---- */

/* How the cut treats what was not synced. */
typedef struct {
  int of_100; /* this share of the writes survives */
  bool in_sectors, garbage; /* each sector on its own; what was never written is not zeros */
} cut_kind;

static void bytes_reach(disk_bytes *b, long len, bool garbage) {
  if (len <= b->len) return;
  if (len > b->cap) {
    b->cap = len * 2;
    b->at = realloc(b->at, (size_t)b->cap);
  }
  for (long i = b->len; i < len; i++) b->at[i] = garbage ? (unsigned char)power_random() : 0;
  b->len = len;
}
static void write_apply(disk_bytes *b, const disk_write *w, const cut_kind *cut) {
  if (w->bytes == nullptr) {
    bool survives = cut == nullptr || power_below(100) < cut->of_100;
    if (survives) bytes_reach(b, w->at, false);
    if (survives) b->len = w->at;
    return;
  }
  long piece = cut != nullptr && cut->in_sectors ? SECTOR : w->len;
  for (long i = 0; i < w->len;) {
    long at = w->at + i, n = piece - (cut != nullptr && cut->in_sectors ? at % SECTOR : 0);
    if (n > w->len - i) n = w->len - i;
    if (cut == nullptr || power_below(100) < cut->of_100) {
      bytes_reach(b, at, cut != nullptr && cut->garbage);
      bytes_reach(b, at + n, false);
      memcpy(b->at + at, w->bytes + i, (size_t)n);
    } else if (power_below(4) == 0) { /* its length was noted before its bytes were */
      bytes_reach(b, at + n, cut->garbage);
    }
    i += n;
  }
}
static void writes_forget(disk_file *f) {
  for (int i = 0; i < f->n_writes; i++) free(f->writes[i].bytes);
  f->n_writes = 0;
}
static void file_synced(disk_file *f) {
  for (int i = 0; i < f->n_writes; i++) write_apply(&f->synced, &f->writes[i], nullptr);
  writes_forget(f);
}
static void file_clear(disk_file *f) {
  writes_forget(f);
  free(f->writes);
  free(f->synced.at);
  *f = (disk_file){0};
}
static void folder_synced(void) {
  for (int i = 0; i < DISK_FILES_MAX; i++) {
    disk_file *f = &power.files[i];
    if (f->path[0] == 0) continue;
    f->named_durably = f->named;
    if (!f->named) file_clear(f);
  }
}
static void write_note(disk_file *f, long at, const void *bytes, long len) {
  if (f == nullptr) return;
  if (f->n_writes == f->n_writes_cap) {
    f->n_writes_cap = f->n_writes_cap * 2 + 16;
    f->writes = realloc(f->writes, (size_t)f->n_writes_cap * sizeof f->writes[0]);
  }
  disk_write *w = &f->writes[f->n_writes++];
  *w = (disk_write){.at = at, .len = len};
  if (bytes == nullptr) return;
  w->bytes = malloc((size_t)len + 1);
  memcpy(w->bytes, bytes, (size_t)len);
}

static disk_file *file_named(const char *path) {
  for (int i = 0; i < DISK_FILES_MAX; i++) {
    if (power.files[i].named && strcmp(power.files[i].path, path) == 0) return &power.files[i];
  }
  return nullptr;
}
static disk_file *file_make(const char *path) {
  for (int i = 0; i < DISK_FILES_MAX; i++) {
    disk_file *f = &power.files[i];
    if (f->path[0] != 0) continue;
    snprintf(f->path, sizeof f->path, "%s", path);
    f->named = true;
    return f;
  }
  fprintf(stderr, "power_vfs.h: more than %d files\n", DISK_FILES_MAX);
  abort();
}

/* ---- the cut and what comes after it ---- */

static void file_survives(int i, const cut_kind *cut) {
  const disk_file *f = &power.files[i];
  disk_bytes *b = &power.survived[i];
  *b = (disk_bytes){malloc((size_t)f->synced.len + 1), f->synced.len, f->synced.len};
  if (f->synced.len > 0) memcpy(b->at, f->synced.at, (size_t)f->synced.len);
  for (int k = 0; k < f->n_writes; k++) write_apply(b, &f->writes[k], cut);
}
static bool name_survives(const char *path) {
  for (int i = 0; i < DISK_FILES_MAX; i++) {
    if (power.survived[i].at != nullptr && strcmp(power.files[i].path, path) == 0) return true;
  }
  return false;
}

static void power_cut(void) {
  static const int shares[] = {0, 10, 50, 90, 100};
  cut_kind cut = {shares[power_below(5)], power_below(2) == 0, power_below(2) == 0};
  power.off = true;
  for (int removed = 0; removed < 2; removed++) { /* a removed one only where no newer one is */
    for (int i = 0; i < DISK_FILES_MAX; i++) {
      const disk_file *f = &power.files[i];
      if (f->path[0] == 0 || f->named == (removed == 1)) continue;
      bool certain = f->named && f->named_durably;
      bool can = f->named || (f->named_durably && !name_survives(f->path));
      if (certain || (can && power_below(2) == 0)) file_survives(i, &cut);
    }
  }
}

static void file_put(const char *path, disk_bytes b) {
  FILE *file = fopen(path, "wb");
  bool ok = file != nullptr && fwrite(b.at, 1, (size_t)b.len, file) == (size_t)b.len;
  if (!ok || fclose(file) != 0) abort();
}

/* The power is back: the folder holds what survived. Nothing is open. */
static void power_on(void) {
  char other[DISK_NAME_BYTES + 8];
  for (int i = 0; i < DISK_FILES_MAX; i++) {
    disk_file *f = &power.files[i];
    if (f->path[0] == 0) continue;
    (void)unlink(f->path);
    snprintf(other, sizeof other, "%s-shm", f->path);
    (void)unlink(other);
  }
  for (int i = 0; i < DISK_FILES_MAX; i++) {
    disk_file *f = &power.files[i];
    char path[DISK_NAME_BYTES];
    memcpy(path, f->path, sizeof path);
    if (path[0] != 0) file_clear(f);
    if (power.survived[i].at == nullptr) continue;
    file_put(path, power.survived[i]);
    memcpy(f->path, path, sizeof f->path);
    f->named = f->named_durably = true;
    f->synced = power.survived[i];
    power.survived[i] = (disk_bytes){0};
  }
  power.off = false;
}
/* An empty folder; nothing is open. */
static void power_begin(unsigned long long seed) {
  for (int i = 0; i < DISK_FILES_MAX; i++) {
    if (power.files[i].path[0] != 0) file_clear(&power.files[i]);
  }
  power.random = seed;
  power.off = false;
}
static void power_cut_after(long n_calls) {
  power.n_calls = 0;
  power.i_cut = n_calls;
}

/* ---- SQLite's calls ---- */

/* Counts one that changes the disk. true: there is no power for it. */
static bool power_gone(void) {
  if (!power.off && power.n_calls++ == power.i_cut) power_cut();
  return power.off;
}

static power_file *power_of(sqlite3_file *f) { return (power_file *)f; }
#define REAL_FILE(f) power_of(f)->real
#define REAL_CALL(f) REAL_FILE(f)->pMethods
static int p_close(sqlite3_file *f) { return REAL_CALL(f)->xClose(REAL_FILE(f)); }
static int p_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  return REAL_CALL(f)->xRead(REAL_FILE(f), to, n, at);
}
static int p_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  if (power_gone()) return SQLITE_IOERR_WRITE;
  write_note(power_of(f)->disk, (long)at, from, n);
  return REAL_CALL(f)->xWrite(REAL_FILE(f), from, n, at);
}
static int p_truncate(sqlite3_file *f, sqlite3_int64 n) {
  if (power_gone()) return SQLITE_IOERR_TRUNCATE;
  write_note(power_of(f)->disk, (long)n, nullptr, 0);
  return REAL_CALL(f)->xTruncate(REAL_FILE(f), n);
}
static int p_sync(sqlite3_file *f, int flags) {
  (void)flags;
  power_file *file = power_of(f);
  if (power_gone()) return SQLITE_IOERR_FSYNC;
  if (power.lies || file->disk == nullptr) return SQLITE_OK;
  file_synced(file->disk);
  if (file->folder_too) folder_synced();
  file->folder_too = false;
  return SQLITE_OK;
}
static int p_size(sqlite3_file *f, sqlite3_int64 *n) {
  return REAL_CALL(f)->xFileSize(REAL_FILE(f), n);
}
static int p_lock(sqlite3_file *f, int kind) { return REAL_CALL(f)->xLock(REAL_FILE(f), kind); }
static int p_unlock(sqlite3_file *f, int kind) { return REAL_CALL(f)->xUnlock(REAL_FILE(f), kind); }
static int p_reserved(sqlite3_file *f, int *out) {
  return REAL_CALL(f)->xCheckReservedLock(REAL_FILE(f), out);
}
static int p_control(sqlite3_file *f, int op, void *arg) {
  return REAL_CALL(f)->xFileControl(REAL_FILE(f), op, arg);
}
static int p_sector(sqlite3_file *f) { return REAL_CALL(f)->xSectorSize(REAL_FILE(f)); }
static int p_traits(sqlite3_file *f) { return REAL_CALL(f)->xDeviceCharacteristics(REAL_FILE(f)); }
static int p_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
  return REAL_CALL(f)->xShmMap(REAL_FILE(f), page, size, extend, out);
}
static int p_shm_lock(sqlite3_file *f, int at, int n, int flags) {
  return REAL_CALL(f)->xShmLock(REAL_FILE(f), at, n, flags);
}
static void p_shm_barrier(sqlite3_file *f) { REAL_CALL(f)->xShmBarrier(REAL_FILE(f)); }
static int p_shm_unmap(sqlite3_file *f, int drop) {
  return REAL_CALL(f)->xShmUnmap(REAL_FILE(f), drop);
}

static const sqlite3_io_methods POWER_METHODS = {.iVersion = 2,
                                                 .xClose = p_close,
                                                 .xRead = p_read,
                                                 .xWrite = p_write,
                                                 .xTruncate = p_truncate,
                                                 .xSync = p_sync,
                                                 .xFileSize = p_size,
                                                 .xLock = p_lock,
                                                 .xUnlock = p_unlock,
                                                 .xCheckReservedLock = p_reserved,
                                                 .xFileControl = p_control,
                                                 .xSectorSize = p_sector,
                                                 .xDeviceCharacteristics = p_traits,
                                                 .xShmMap = p_shm_map,
                                                 .xShmLock = p_shm_lock,
                                                 .xShmBarrier = p_shm_barrier,
                                                 .xShmUnmap = p_shm_unmap};

static int power_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags,
                      int *out) {
  (void)vfs;
  enum { DIRSYNC = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL };
  power_file *file = power_of(f);
  f->pMethods = nullptr;
  file->real = (sqlite3_file *)(file + 1);
  bool makes = name != nullptr && (flags & SQLITE_OPEN_CREATE) != 0 && file_named(name) == nullptr;
  if (makes && power_gone()) return SQLITE_CANTOPEN;
  int code = power.real->xOpen(power.real, name, file->real, flags, out);
  if (file->real->pMethods != nullptr) f->pMethods = &POWER_METHODS;
  if (code != SQLITE_OK) return code;
  file->disk = name == nullptr ? nullptr : makes ? file_make(name) : file_named(name);
  file->folder_too = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & DIRSYNC) != 0;
  return code;
}
static int power_delete(sqlite3_vfs *vfs, const char *name, int folder_too) {
  (void)vfs;
  if (power_gone()) return SQLITE_IOERR_DELETE;
  disk_file *f = file_named(name);
  if (f != nullptr) f->named = false;
  if (folder_too && !power.lies) folder_synced();
  return power.real->xDelete(power.real, name, 0);
}

/* Make it the file system of every database opened from now on. */
static void power_vfs_use(void) {
  static sqlite3_vfs vfs;
  if (power.real != nullptr) return;
  power.real = sqlite3_vfs_find(nullptr);
  vfs = *power.real;
  vfs.zName = "power";
  vfs.szOsFile = (int)sizeof(power_file) + power.real->szOsFile;
  vfs.xOpen = power_open;
  vfs.xDelete = power_delete;
  sqlite3_vfs_register(&vfs, 1);
}
