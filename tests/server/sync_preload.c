/* Preloaded into a server under test: which names it makes, moves and removes, which files it
 * writes and syncs, what it answers, in order, a line each in the file SYNC_LOG:
 *   name PATH | move PATH PATH | gone PATH | write PATH | sync PATH | send FIRST-BYTES
 * Calls that failed are not told. Paths are absolute: a descriptor's is asked of /proc. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int log_fd = -1;
__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SYNC_LOG");
  if (path != NULL) log_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  unsetenv("LD_PRELOAD"); /* not its children */
}
static void tell(const char *what, const char *a, const char *b) {
  char line[2400];
  int error = errno, n = snprintf(line, sizeof line, "%s %s%s%s\n", what, a, b[0] ? " " : "", b);
  if (log_fd >= 0) (void)!syscall(SYS_write, log_fd, line, (size_t)n);
  errno = error;
}
/* PATH below the folder `at`, or the path of `at` itself. */
static const char *whole(int at, const char *path, char out[1100]) {
  char link[32];
  out[0] = 0;
  if (path != NULL && path[0] == '/') return snprintf(out, 1100, "%s", path), out;
  snprintf(link, sizeof link, "/proc/self/fd/%d", at);
  ssize_t n = at == AT_FDCWD ? -1 : readlink(link, out, 1000);
  if (n < 0 && getcwd(out, 1000) == NULL) out[0] = 0;
  if (n >= 0) out[n] = 0;
  if (path == NULL) return out;
  size_t end = strlen(out);
  snprintf(out + end, 1100 - end, "/%s", path);
  return out;
}
static void written(int fd) {
  struct stat facts;
  char path[1100];
  if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode)) tell("write", whole(fd, NULL, path), "");
}
static void sent(int fd, const void *from, size_t n) {
  struct stat facts;
  char text[64];
  if (fstat(fd, &facts) != 0 || !S_ISSOCK(facts.st_mode)) return;
  int len = n < 40 ? (int)n : 40;
  snprintf(text, sizeof text, "%.*s", len, (const char *)from);
  text[strcspn(text, "\r\n")] = 0;
  tell("send", text, "");
}

#define REAL(type, name, ...)       \
  static type (*real)(__VA_ARGS__); \
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, name)

#define SYNC(name)                                            \
  int name(int fd) {                                          \
    char path[1100];                                          \
    REAL(int, #name, int);                                    \
    int result = real(fd);                                    \
    if (result == 0) tell("sync", whole(fd, NULL, path), ""); \
    return result;                                            \
  }
SYNC(fsync)
SYNC(fdatasync)

int renameat(int at, const char *from, int to_at, const char *to) {
  char a[1100], b[1100];
  REAL(int, "renameat", int, const char *, int, const char *);
  whole(at, from, a), whole(to_at, to, b);
  int result = real(at, from, to_at, to);
  if (result == 0) tell("move", a, b);
  return result;
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
int mkdirat(int at, const char *path, mode_t mode) {
  char a[1100];
  REAL(int, "mkdirat", int, const char *, mode_t);
  int result = real(at, path, mode);
  if (result == 0) tell("name", whole(at, path, a), "");
  return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int unlinkat(int at, const char *path, int flags) {
  char a[1100];
  REAL(int, "unlinkat", int, const char *, int);
  int result = real(at, path, flags);
  if (result == 0) tell("gone", whole(at, path, a), "");
  return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

static int open_told(int at, const char *path, int flags, mode_t mode) {
  char a[1100];
  REAL(int, "openat", int, const char *, int, ...);
  int made = (flags & O_CREAT) != 0 && faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  int fd = real(at, path, flags, mode);
  if (fd >= 0 && made) tell("name", whole(at, path, a), "");
  return fd;
}
#define OPEN(name)                                            \
  int name(const char *path, int flags, ...) {                \
    va_list more;                                             \
    va_start(more, flags);                                    \
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
    va_end(more);                                             \
    return open_told(AT_FDCWD, path, flags, mode);            \
  }
OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *from, size_t n) {
  ssize_t done = syscall(SYS_write, fd, from, n);
  if (done > 0) written(fd);
  return done;
}
ssize_t send(int fd, const void *from, size_t n, int flags) {
  REAL(ssize_t, "send", int, const void *, size_t, int);
  sent(fd, from, n);
  return real(fd, from, n, flags);
}
