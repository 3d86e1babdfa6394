/* Linked into a second nearfield-server (server_with_faults): one allocation or one call of the
 * operating system fails, the n-th of this process, whoever makes it - the server, libuv, SQLite,
 * libcurl. Owns the counting; what follows from it is the test's to judge.
 *   FAIL=memory:17  or  FAIL=call:17    none: nothing fails, all is counted
 *   FAIL_LOG=FILE                       at the end: "memory M call N NAME", NAME: what failed, or
 * -; FILE.where: who called it Not counted: what the C library calls inside itself; what a forked
 * child does; getrandom, which cannot fail for a few bytes; epoll_ctl, and reads and writes of
 * libuv's own event and signal pipes, whose failure libuv answers with abort() (uv__io_poll,
 * uv__async_io, uv__signal_event). */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

typedef enum { MEMORY, CALL, NOT_YET } fail_kind;
static long n_seen[2], i_fail;
static fail_kind wanted = NOT_YET;
static const char *failed = "-";
static char log_path[256];

static _Thread_local int is_foreign; /* a call of the sanitizer's own */

/* Who made the call, for a person: into FAIL_LOG.where. */
static void where_write(void) {
  void *frames[24];
  char path[sizeof log_path + 8];
  is_foreign = 1; /* backtrace() loads a library the first time */
  snprintf(path, sizeof path, "%s.where", log_path);
  FILE *file = log_path[0] != 0 ? fopen(path, "w") : NULL;
  if (file != NULL) {
    backtrace_symbols_fd(frames, backtrace(frames, 24), fileno(file));
    fclose(file);
  }
  is_foreign = 0;
}

static int fails(fail_kind kind, const char *name) {
  if (wanted == NOT_YET || is_foreign) return 0; /* NOT_YET: before main */
  long i = __atomic_add_fetch(&n_seen[kind], 1, __ATOMIC_RELAXED);
  if (kind != wanted || i != i_fail) return 0;
  failed = name;
  where_write();
  return 1;
}

/* ---- memory ---- */

#ifdef OVER_ASAN
#define REAL_MEMORY(name) __interceptor_##name /* the sanitizer's; its "malloc" is a weak alias */
#else
#define REAL_MEMORY(name) __libc_##name
#endif
void *REAL_MEMORY(malloc)(size_t n);
void *REAL_MEMORY(calloc)(size_t n, size_t each);
void *REAL_MEMORY(realloc)(void *p, size_t n);

static void *no_memory(void) {
  errno = ENOMEM;
  return NULL;
}
SEEN void *malloc(size_t n) {
  return fails(MEMORY, "malloc") ? no_memory() : REAL_MEMORY(malloc)(n);
}
SEEN void *calloc(size_t n, size_t each) {
  return fails(MEMORY, "calloc") ? no_memory() : REAL_MEMORY(calloc)(n, each);
}
SEEN void *realloc(void *p, size_t n) {
  return fails(MEMORY, "realloc") ? no_memory() : REAL_MEMORY(realloc)(p, n);
}
SEEN char *strdup(const char *s) { /* the sanitizer's own does not go through malloc */
  size_t n = strlen(s) + 1;
  char *copy = fails(MEMORY, "strdup") ? no_memory() : REAL_MEMORY(malloc)(n);
  return copy == NULL ? NULL : memcpy(copy, s, n);
}

/* ---- calls ---- */

/* Reads and writes count on files and sockets: not on the pipes and events inside libuv. */
static int counts(int fd) {
  struct stat facts;
  int error = errno;
  int ok = fstat(fd, &facts) == 0 && (S_ISREG(facts.st_mode) || S_ISSOCK(facts.st_mode));
  errno = error;
  return ok && fd > 2;
}

#define CALL_OF(type, name, parameters, arguments, condition, number, bad) \
  SEEN type name parameters {                                              \
    static type(*real) parameters;                                         \
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, #name);           \
    if (!(condition) || !fails(CALL, #name)) return real arguments;        \
    errno = number;                                                        \
    return bad;                                                            \
  }
#define INT_CALL(name, parameters, arguments, number) \
  CALL_OF(int, name, parameters, arguments, 1, number, -1)
#define SIZE_CALL(name, parameters, arguments, number) \
  CALL_OF(ssize_t, name, parameters, arguments, counts(fd), number, -1)

SIZE_CALL(read, (int fd, void *to, size_t n), (fd, to, n), EIO)
SIZE_CALL(readv, (int fd, const struct iovec *to, int n), (fd, to, n), EIO)
SIZE_CALL(pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at), EIO)
SIZE_CALL(pread64, (int fd, void *to, size_t n, off_t at), (fd, to, n, at), EIO)
SIZE_CALL(write, (int fd, const void *from, size_t n), (fd, from, n), ENOSPC)
SIZE_CALL(writev, (int fd, const struct iovec *from, int n), (fd, from, n), ENOSPC)
SIZE_CALL(pwrite, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at), ENOSPC)
SIZE_CALL(pwrite64, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at), ENOSPC)
SIZE_CALL(send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags), ENOBUFS)
SIZE_CALL(sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), ENOBUFS)
SIZE_CALL(recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), ECONNRESET)
SIZE_CALL(recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), ECONNRESET)
CALL_OF(ssize_t, sendfile, (int to, int from, off_t *at, size_t n), (to, from, at, n), 1, EIO, -1)
INT_CALL(fsync, (int fd), (fd), EIO)
INT_CALL(fdatasync, (int fd), (fd), EIO)
INT_CALL(ftruncate, (int fd, off_t n), (fd, n), EIO)
INT_CALL(ftruncate64, (int fd, off_t n), (fd, n), EIO)
INT_CALL(rename, (const char *from, const char *to), (from, to), ENOSPC)
INT_CALL(renameat, (int at, const char *from, int b, const char *to), (at, from, b, to), ENOSPC)
INT_CALL(unlink, (const char *path), (path), EIO)
INT_CALL(unlinkat, (int at, const char *path, int flags), (at, path, flags), EIO)
INT_CALL(rmdir, (const char *path), (path), EIO)
INT_CALL(mkdir, (const char *path, mode_t mode), (path, mode), ENOSPC)
INT_CALL(mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), ENOSPC)
INT_CALL(access, (const char *path, int mode), (path, mode), EIO)
INT_CALL(faccessat, (int at, const char *path, int mode, int flags), (at, path, mode, flags), EIO)
INT_CALL(stat, (const char *path, struct stat *to), (path, to), EIO)
INT_CALL(lstat, (const char *path, struct stat *to), (path, to), EIO)
INT_CALL(fstatat, (int at, const char *path, struct stat *to, int flags), (at, path, to, flags),
         EIO)
INT_CALL(flock, (int fd, int what), (fd, what), ENOLCK)
INT_CALL(socket, (int family, int type, int protocol), (family, type, protocol), EMFILE)
INT_CALL(socketpair, (int family, int type, int p, int *to), (family, type, p, to), EMFILE)
INT_CALL(bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), EADDRINUSE)
INT_CALL(listen, (int fd, int n), (fd, n), EADDRINUSE)
INT_CALL(accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags), EMFILE)
INT_CALL(getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), ENOBUFS)
INT_CALL(setsockopt, (int fd, int l, int o, const void *v, socklen_t n), (fd, l, o, v, n), ENOBUFS)
INT_CALL(pipe2, (int *to, int flags), (to, flags), EMFILE)
INT_CALL(eventfd, (unsigned value, int flags), (value, flags), EMFILE)
INT_CALL(epoll_create1, (int flags), (flags), EMFILE)
CALL_OF(pid_t, fork, (void), (), 1, EAGAIN, -1)
CALL_OF(DIR *, opendir, (const char *path), (path), 1, EMFILE, NULL)
CALL_OF(DIR *, fdopendir, (int fd), (fd), 1, ENOMEM, NULL)
CALL_OF(char *, realpath, (const char *path, char *to), (path, to), 1, EIO, NULL)
CALL_OF(void *, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t at),
        (p, n, prot, flags, fd, at), 1, ENOMEM, MAP_FAILED)
CALL_OF(void *, mmap64, (void *p, size_t n, int prot, int flags, int fd, off_t at),
        (p, n, prot, flags, fd, at), 1, ENOMEM, MAP_FAILED)

#define OPEN_CALL(name, parameters, last, arguments)             \
  SEEN int name parameters {                                     \
    static int(*real) parameters;                                \
    va_list more;                                                \
    va_start(more, last);                                        \
    mode_t mode = (last & O_CREAT) ? va_arg(more, mode_t) : 0;   \
    va_end(more);                                                \
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, #name); \
    if (!fails(CALL, #name)) return real arguments;              \
    errno = EMFILE;                                              \
    return -1;                                                   \
  }
OPEN_CALL(open, (const char *path, int flags, ...), flags, (path, flags, mode))
OPEN_CALL(open64, (const char *path, int flags, ...), flags, (path, flags, mode))
OPEN_CALL(openat, (int at, const char *path, int flags, ...), flags, (at, path, flags, mode))

typedef int make_thread(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
SEEN int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                        void *to) {
#ifdef OVER_ASAN /* which keeps a list of threads */
  extern make_thread __interceptor_pthread_create;
  make_thread *real = __interceptor_pthread_create;
#else
  make_thread *real = (make_thread *)dlsym(RTLD_NEXT, "pthread_create");
#endif
  return fails(CALL, "pthread_create") ? EAGAIN : real(thread, how, run, to);
}

#ifdef OVER_ASAN /* asks for a thread's stack as it begins, and takes no failure */
SEEN int pthread_getattr_np(pthread_t thread, pthread_attr_t *to) {
  static int (*real)(pthread_t, pthread_attr_t *);
  is_foreign = 1;
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pthread_getattr_np");
  int result = real(thread, to);
  is_foreign = 0;
  return result;
}
#endif

/* ---- the count ---- */

static void child_begins(void) { wanted = NOT_YET; }

static void counts_write(void) {
  wanted = NOT_YET;
  FILE *log = log_path[0] != 0 ? fopen(log_path, "w") : NULL;
  if (log == NULL) return;
  fprintf(log, "memory %ld call %ld %s\n", n_seen[MEMORY], n_seen[CALL], failed);
  fclose(log);
}

__attribute__((constructor)) static void begin(void) {
  const char *fail = getenv("FAIL"), *path = getenv("FAIL_LOG");
  if (path != NULL) snprintf(log_path, sizeof log_path, "%s", path);
  pthread_atfork(NULL, NULL, child_begins);
  atexit(counts_write);
  fail_kind kind = fail != NULL && strncmp(fail, "call:", 5) == 0 ? CALL : MEMORY;
  if (fail != NULL) i_fail = atol(strchr(fail, ':') + 1);
  wanted = kind;
}
