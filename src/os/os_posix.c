/* os.h on Linux: mmap, pthreads, futex, rename. The one file below cli/ and server/ that calls
 * libc. Owns nothing between calls, except the start record of a thread until it runs.
 * Does NOT decide policy: no retries of I/O but EINTR, no fallback places for files.
 * Read next: os.h, os_wasm.c. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/text_out.h"

constexpr isize HUGE_PAGE_BYTES = 2 << 20;

/* ---- memory ---- */
void *os_memory_get(isize bytes) {
  if (bytes <= 0) return nullptr;
  void *at =
      mmap(nullptr, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  /* weights are read front to back all the time: large pages save most address look-ups */
  if (bytes >= 4 * HUGE_PAGE_BYTES) (void)madvise(at, (size_t)bytes, MADV_HUGEPAGE);
  return at;
}

void os_memory_release(void *at, isize bytes) {
  if (at != nullptr) ASSERT(munmap(at, (size_t)bytes) == 0);
}

/* ---- files ---- */
typedef struct {
  char at[128];
} shown_path;

/* A path for an error line: its end (the file's name is what a person looks for), no control
 * bytes. */
static shown_path path_shown(const char *path) {
  shown_path shown;
  isize len = (isize)strlen(path), max = (isize)sizeof shown.at - 1;
  const char *from = len > max ? path + (len - max) : path;
  isize n = isize_min(len, max);
  for (isize i = 0; i < n; i++) {
    bool control = (u8)from[i] < 0x20 || from[i] == 0x7F;
    shown.at[i] = control ? '?' : from[i];
  }
  shown.at[n] = 0;
  return shown;
}

/* One line: what failed, where, why. */
static nf_status io_error(nf_error *error, const char *what, const char *path, int reason) {
  shown_path shown = path_shown(path);
  char why[64];
  nf_status status = reason == ENOMEM ? NF_NO_MEMORY : NF_IO;
  (void)error_set(error, status, E_STR(what), E_STR(shown.at), E_STR(": "),
                  E_STR(strerror_r(reason, why, sizeof why)));
  return status; /* said here, so that the analyzer of clang-tidy sees that it is no NF_OK */
}

static int open_retry(const char *path, int flags) {
  int fd;
  do fd = open(path, flags | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return fd;
}

/* Up to n bytes; fewer only at the end of the file. -1: errno says why. */
static isize read_all(int fd, u8 *at, isize n) {
  isize done = 0;
  while (done < n) {
    ssize_t got = read(fd, at + done, (size_t)isize_min(n - done, 1 << 30));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += got;
  }
  return done;
}

static bool write_all(int fd, nf_bytes content) {
  isize done = 0;
  while (done < content.len) {
    ssize_t put = write(fd, content.at + done, (size_t)isize_min(content.len - done, 1 << 30));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    done += put;
  }
  return true;
}

/* Read into large pages rather than mapped: every page of the weights is rewritten by the
 * repacking, so a mapping would fault and copy each 4 KiB page. */
nf_status os_file_map(const char *path, os_map *map, nf_error *error) {
  int fd = open_retry(path, O_RDONLY);
  if (fd < 0) return io_error(error, "cannot open ", path, errno);
  nf_status status = NF_OK;
  struct stat info;
  u8 *at = nullptr;
  isize len = 0;
  if (fstat(fd, &info) != 0) {
    status = io_error(error, "cannot read ", path, errno);
  } else if (!S_ISREG(info.st_mode)) {
    status = io_error(error, "cannot read ", path, S_ISDIR(info.st_mode) ? EISDIR : ESPIPE);
  } else if ((len = (isize)info.st_size) == 0) {
    status = error_set(error, NF_BAD_INPUT, E_STR(path_shown(path).at), E_STR(" is empty"));
  } else if ((at = os_memory_get(len)) == nullptr) {
    status = io_error(error, "no memory to read ", path, ENOMEM);
  } else {
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    isize got = read_all(fd, at, len);
    if (got != len) {
      status = io_error(error, "cannot read ", path, got < 0 ? errno : EIO);
      os_memory_release(at, len);
    }
  }
  close(fd);
  if (status == NF_OK) *map = (os_map){at, len};
  return status;
}

void os_file_unmap(os_map *map) {
  os_memory_release(map->at, map->len);
  *map = (os_map){};
}

/* Read a stream of unknown length in growing blocks. */
static nf_status stream_read(int fd, const char *path, isize bytes_max, os_map *block,
                             nf_error *error) {
  isize cap = isize_min(bytes_max, 1 << 16) + 1, len = 0; /* + 1 shows what is too long */
  u8 *at = os_memory_get(cap);
  while (at != nullptr) {
    isize got = read_all(fd, at + len, cap - len);
    if (got < 0) {
      nf_status status = io_error(error, "cannot read ", path, errno);
      os_memory_release(at, cap);
      return status;
    }
    len += got;
    if (len < cap) break;
    if (cap > bytes_max) {
      os_memory_release(at, cap);
      return error_set(error, NF_BAD_INPUT, E_STR(path_shown(path).at), E_STR(" is larger than "),
                       E_INT(bytes_max), E_STR(" bytes"));
    }
    isize more = isize_min(bytes_max, cap * 4) + 1;
    u8 *grown = os_memory_get(more);
    if (grown != nullptr) bytes_copy(grown, at, len);
    os_memory_release(at, cap);
    at = grown;
    cap = more;
  }
  if (at == nullptr) return error_set(error, NF_NO_MEMORY, E_STR("no memory to read the input"));
  /* os_memory_release(at, len) must fit: give back whole pages past len now */
  isize page = (isize)sysconf(_SC_PAGESIZE), keep = round_up(isize_max(len, 1), page);
  if (round_up(cap, page) > keep) os_memory_release(at + keep, round_up(cap, page) - keep);
  if (len == 0) {
    os_memory_release(at, keep);
    at = nullptr;
  }
  *block = (os_map){at, len};
  return NF_OK;
}

nf_status os_file_read(const char *path, isize bytes_max, os_map *block, nf_error *error) {
  if (strcmp(path, "-") == 0) return stream_read(0, "standard input", bytes_max, block, error);
  int fd = open_retry(path, O_RDONLY);
  if (fd < 0) return io_error(error, "cannot open ", path, errno);
  nf_status status = stream_read(fd, path, bytes_max, block, error);
  close(fd);
  return status;
}

nf_status os_file_open(const char *path, os_file *file, nf_error *error) {
  int fd = open_retry(path, O_RDONLY);
  if (fd < 0) return io_error(error, "cannot open ", path, errno);
  struct stat info;
  int reason = fstat(fd, &info) != 0   ? errno
               : S_ISREG(info.st_mode) ? 0
               : S_ISDIR(info.st_mode) ? EISDIR
                                       : ESPIPE;
  if (reason != 0) {
    close(fd);
    return io_error(error, "cannot read ", path, reason);
  }
  *file = (os_file){.path = path, .bytes = (u64)info.st_size, .fd = fd};
  return NF_OK;
}

nf_status os_file_read_at(const os_file *file, u64 at, u8 *to, isize n, nf_error *error) {
  isize got = lseek(file->fd, (off_t)at, SEEK_SET) < 0 ? -1 : read_all(file->fd, to, n);
  if (got == n) return NF_OK;
  return io_error(error, "cannot read ", file->path, got < 0 ? errno : EIO);
}

void os_file_close(os_file *file) { close(file->fd); }

/* The folder's entry must survive a power cut too. Some file systems refuse (EINVAL): fine. */
static bool folder_sync(const char *path) {
  const char *slash = strrchr(path, '/');
  char folder[PATH_MAX];
  isize n = slash == nullptr ? 0 : isize_max(slash - path, 1);
  if (slash == nullptr) {
    folder[n++] = '.';
  } else {
    bytes_copy(folder, path, n);
  }
  folder[n] = 0;
  int fd = open_retry(folder, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return errno == EACCES; /* a folder one may write but not list */
  bool done = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
  close(fd);
  return done;
}

/* Asked of /proc: umask() can only be read by setting it, for a moment, in every thread. */
static mode_t umask_get(void) {
  unsigned mask = 022;
  FILE *file = fopen("/proc/self/status", "re");
  if (file == nullptr) return mask;
  char line[128];
  while (fgets(line, sizeof line, file) != nullptr && sscanf(line, "Umask: %o", &mask) != 1) {
  }
  fclose(file);
  return mask & 0777;
}

/* A device or pipe is written to, never replaced by a file. */
static nf_status replacement_direct(os_replacement *r, nf_error *error) {
  bool is_stdout = strcmp(r->path, "-") == 0;
  r->direct = true;
  r->fd = is_stdout ? STDOUT_FILENO : open_retry(r->path, O_WRONLY);
  if (is_stdout) r->path = "standard output";
  return r->fd >= 0 ? NF_OK : io_error(error, "cannot write ", r->path, errno);
}

nf_status os_replacement_begin(const char *path, os_replacement *r, nf_error *error) {
  r->path = path;
  r->fd = -1;
  r->direct = false;
  if (strcmp(path, "-") == 0) return replacement_direct(r, error);
  struct stat info;
  bool exists = stat(path, &info) == 0;
  /* not knowing what is there, one would replace a link or device by a file, and lose its mode */
  if (!exists && errno != ENOENT) return io_error(error, "cannot write ", path, errno);
  if (exists && S_ISDIR(info.st_mode)) return io_error(error, "cannot write ", path, EISDIR);
  if (exists && !S_ISREG(info.st_mode)) return replacement_direct(r, error);
  /* a file its owner made read-only stays as it is, though rename could replace it */
  if (exists && access(path, W_OK) != 0) return io_error(error, "cannot write ", path, errno);
  static_assert(OS_PATH_MAX >= PATH_MAX);
  if (exists) { /* follow a link: the link stays, its target is replaced */
    if (realpath(path, r->target) == nullptr) return io_error(error, "cannot write ", path, errno);
  } else {
    size_t len = strlen(path);
    if (len >= sizeof r->target) return io_error(error, "cannot write ", path, ENAMETOOLONG);
    memcpy(r->target, path, len + 1);
  }
  snprintf(r->temp, sizeof r->temp, "%s.tmpXXXXXX", r->target);
  r->fd = mkostemp(r->temp, O_CLOEXEC);
  if (r->fd < 0) return io_error(error, "cannot write beside ", path, errno);
  r->mode = exists ? info.st_mode & 07777 : 0666 & ~umask_get();
  return NF_OK;
}

nf_status os_replacement_write(os_replacement *r, nf_bytes content, nf_error *error) {
  return write_all(r->fd, content) ? NF_OK : io_error(error, "cannot write ", r->path, errno);
}

nf_status os_replacement_commit(os_replacement *r, nf_error *error) {
  int reason = 0;
  if (!r->direct && (fchmod(r->fd, r->mode) != 0 || fsync(r->fd) != 0)) reason = errno;
  if (r->fd != STDOUT_FILENO && close(r->fd) != 0 && reason == 0) reason = errno;
  if (!r->direct && reason == 0 && rename(r->temp, r->target) != 0) reason = errno;
  if (!r->direct && reason != 0) (void)unlink(r->temp);
  if (!r->direct && reason == 0 && !folder_sync(r->target)) reason = errno;
  r->fd = -1;
  return reason == 0 ? NF_OK : io_error(error, "cannot write ", r->path, reason);
}

void os_replacement_drop(os_replacement *r) {
  if (r->fd < 0) return;
  if (r->fd != STDOUT_FILENO) close(r->fd);
  if (!r->direct) (void)unlink(r->temp);
  r->fd = -1;
}

nf_status os_file_replace(const char *path, nf_bytes content, nf_error *error) {
  os_replacement r;
  nf_status status = os_replacement_begin(path, &r, error);
  if (status != NF_OK) return status;
  status = os_replacement_write(&r, content, error);
  if (status == NF_OK) return os_replacement_commit(&r, error);
  os_replacement_drop(&r);
  return status;
}

/* ---- threads ---- */
/* A container's CPU quota, rounded up; ISIZE_MAX when there is none. */
static isize cpu_quota(void) {
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
  if (file == nullptr) return ISIZE_MAX;
  long long quota = 0, period = 0;
  int n = fscanf(file, "%lld %lld", &quota, &period);
  fclose(file);
  return n == 2 && quota > 0 && period > 0 ? (isize)((quota + period - 1) / period) : ISIZE_MAX;
}

isize os_cpu_count(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  isize n =
      sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
  return isize_max(1, isize_min(n, cpu_quota()));
}

typedef struct {
  void (*body)(void *arg);
  void *arg;
} thread_start;

static void *thread_main(void *record) {
  thread_start start = *(thread_start *)record;
  free(record);
  start.body(start.arg);
  return nullptr;
}

nf_status os_thread_start(os_thread *thread, void (*body)(void *arg), void *arg) {
  thread_start *start = malloc(sizeof *start);
  if (start == nullptr) return NF_NO_MEMORY;
  *start = (thread_start){body, arg};
  pthread_t id;
  if (pthread_create(&id, nullptr, thread_main, start) != 0) {
    free(start);
    return NF_NO_MEMORY;
  }
  thread->id = (u64)id;
  return NF_OK;
}

void os_thread_join(os_thread thread) { ASSERT(pthread_join((pthread_t)thread.id, nullptr) == 0); }

void os_wait(_Atomic u32 *word, u32 expected, i64 timeout_ns) {
  struct timespec limit = {timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns < 0 ? nullptr : &limit,
                nullptr, 0);
}

void os_wake(_Atomic u32 *word, isize n_threads) {
  (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, (int)isize_min(n_threads, INT_MAX), nullptr,
                nullptr, 0);
}

void os_spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory"); /* yield is a no-op on most cores; isb waits a little */
#endif
}

/* ---- clock ---- */
i64 os_clock_ns(void) {
  struct timespec now;
  ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return (i64)now.tv_sec * 1'000'000'000 + now.tv_nsec;
}
