/* See os_test.h. Each __wrap_ function stands in for the libc function of its name, which is
 * still there as __real_. A broken promise of the code under test (giving back what it does not
 * hold) stops the program. */
#define _GNU_SOURCE
#include "os/os_test.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* No header declares these names; the linker gives them. */
#pragma clang diagnostic ignored "-Wmissing-prototypes"

/* ---- script ---- */
static struct {
  os_test_mode mode;
  isize n, count;
  bool failed;
  os_test_call call;
} script;

void os_test_script(os_test_mode mode, isize n) { script = (typeof(script)){.mode = mode, .n = n}; }

bool os_test_failed(os_test_call *call) {
  if (call != nullptr) *call = script.call;
  return script.failed;
}

isize os_test_count(void) { return script.count; }

const char *os_test_call_name(os_test_call call) {
  static const char *const names[OS_CALLS] = {"memory", "open",   "stat",  "read",
                                              "create", "write",  "mode",  "fsync",
                                              "close",  "rename", "thread"};
  return names[call];
}

static bool must_fail(os_test_call call) {
  isize i = script.count++;
  bool fails = (script.mode == OS_TEST_ONCE && i == script.n) ||
               (script.mode == OS_TEST_ON && i >= script.n);
  if (fails && !script.failed) {
    script.failed = true;
    script.call = call;
  }
  return fails;
}

static int error_of(int code) {
  errno = code;
  return -1;
}

/* Every other call under OS_TEST_SLOW. */
static bool interrupted(void) { return script.mode == OS_TEST_SLOW && script.count % 2 == 0; }
static size_t few(size_t n) { return script.mode == OS_TEST_SLOW && n > 1000 ? 1000 : n; }

/* ---- what is held ---- */
constexpr isize RANGES_MAX = 256;
static struct {
  u8 *at;
  isize len;
} ranges[RANGES_MAX];
static os_test_held held;

os_test_held os_test_held_get(void) { return held; }

static isize whole_pages(size_t len) { return round_up((isize)len, (isize)sysconf(_SC_PAGESIZE)); }

static void range_add(u8 *at, isize len) {
  if (len == 0) return;
  ASSERT(held.blocks < RANGES_MAX);
  ranges[held.blocks].at = at;
  ranges[held.blocks++].len = len;
  held.bytes += len;
}

/* [at, at + len) must lie in one block; what is left of the block stays held. */
static void range_remove(u8 *at, isize len) {
  isize i = 0;
  while (i < held.blocks && !(ranges[i].at <= at && at + len <= ranges[i].at + ranges[i].len)) i++;
  ASSERT(i < held.blocks);
  u8 *from = ranges[i].at, *to = from + ranges[i].len;
  held.bytes -= to - from;
  ranges[i] = ranges[--held.blocks];
  range_add(from, at - from);
  range_add(at + len, to - (at + len));
}

/* ---- memory ---- */
void *__real_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset) {
  if (must_fail(OS_CALL_MEMORY)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void *got = __real_mmap(at, len, protection, flags, fd, offset);
  if (got != MAP_FAILED) range_add(got, whole_pages(len));
  return got;
}

int __real_munmap(void *at, size_t len);
int __wrap_munmap(void *at, size_t len) {
  range_remove(at, whole_pages(len));
  return __real_munmap(at, len);
}

/* ---- files ---- */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
  if (must_fail(OS_CALL_OPEN)) return error_of(EMFILE);
  if (interrupted()) return error_of(EINTR);
  int fd = __real_open(path, flags); /* os.h creates files by mkostemp only: no mode */
  held.files += fd >= 0;
  return fd;
}

int __real_close(int fd);
int __wrap_close(int fd) {
  bool fails = must_fail(OS_CALL_CLOSE);
  int result = __real_close(fd);
  held.files -= result == 0;
  return fails ? error_of(EIO) : result;
}

int __real_mkostemp(char *path, int flags);
int __wrap_mkostemp(char *path, int flags) {
  if (must_fail(OS_CALL_CREATE)) return error_of(ENOSPC);
  int fd = __real_mkostemp(path, flags);
  held.files += fd >= 0;
  return fd;
}

int __real_stat(const char *path, struct stat *info);
int __wrap_stat(const char *path, struct stat *info) {
  return must_fail(OS_CALL_STAT) ? error_of(EIO) : __real_stat(path, info);
}

int __real_fstat(int fd, struct stat *info);
int __wrap_fstat(int fd, struct stat *info) {
  return must_fail(OS_CALL_STAT) ? error_of(EIO) : __real_fstat(fd, info);
}

char *__real_realpath(const char *path, char *out);
char *__wrap_realpath(const char *path, char *out) {
  if (must_fail(OS_CALL_STAT)) {
    errno = EIO;
    return nullptr;
  }
  return __real_realpath(path, out);
}

ssize_t __real_read(int fd, void *at, size_t n);
ssize_t __wrap_read(int fd, void *at, size_t n) {
  if (must_fail(OS_CALL_READ)) return error_of(EIO);
  return interrupted() ? error_of(EINTR) : __real_read(fd, at, few(n));
}

ssize_t __real_write(int fd, const void *at, size_t n);
ssize_t __wrap_write(int fd, const void *at, size_t n) {
  if (must_fail(OS_CALL_WRITE)) {
    (void)!__real_write(fd, at, n / 2);
    return error_of(ENOSPC);
  }
  return interrupted() ? error_of(EINTR) : __real_write(fd, at, few(n));
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode) {
  return must_fail(OS_CALL_MODE) ? error_of(EPERM) : __real_fchmod(fd, mode);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd) { return must_fail(OS_CALL_SYNC) ? error_of(EIO) : __real_fsync(fd); }

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to) {
  return must_fail(OS_CALL_RENAME) ? error_of(EIO) : __real_rename(from, to);
}

/* ---- threads ---- */
int __real_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*body)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*body)(void *),
                          void *arg) {
  if (must_fail(OS_CALL_THREAD)) return EAGAIN;
  int result = __real_pthread_create(id, attributes, body, arg);
  held.threads += result == 0;
  return result;
}

int __real_pthread_join(pthread_t id, void **result);
int __wrap_pthread_join(pthread_t id, void **result) {
  held.threads--;
  return __real_pthread_join(id, result);
}

/* os_posix.c has one malloc: the record of a thread that starts. Tests that are linked with this
 * file call malloc too, but not while a script runs. */
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n) {
  return script.mode != OS_TEST_NONE && must_fail(OS_CALL_THREAD) ? nullptr : __real_malloc(n);
}
