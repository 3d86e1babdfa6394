/* See platform.h. */
#include "server/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#endif

enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

/* One component after the other; every one must be a real folder or file. */
static int open_by_walking(int root, const char *path) {
  int folder = root;
  for (;;) {
    size_t n = strcspn(path, "/");
    char name[256];
    bool up = (n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.');
    int opened = -1;
    if (n == 0 || n >= sizeof name || up) {
      errno = n >= sizeof name ? ENAMETOOLONG : EXDEV;
    } else {
      memcpy(name, path, n);
      name[n] = 0;
      opened = openat(folder, name, OPEN_FLAGS | O_NOFOLLOW | (path[n] == '/' ? O_DIRECTORY : 0));
    }
    int error = errno;
    if (folder != root) close(folder);
    errno = error;
    if (opened < 0 || path[n] == 0) return opened;
    folder = opened;
    path += n + 1;
  }
}

bool platform_fault(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO;
}

#if defined(__linux__)

const int PLATFORM_SEND_MORE = MSG_MORE, PLATFORM_SEND_QUIET = MSG_NOSIGNAL;

int platform_accept(int listener) {
  return accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

isize platform_sendfile(int socket, int file, i64 from, isize bytes) {
  off_t at = from;
  return sendfile(socket, file, &at, (size_t)bytes);
}

int platform_open_beneath(int root, const char *path) {
  struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  for (int tries = 0; tries < 4; tries++) {
    int file = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (file >= 0) return file;
    if (errno == ENOSYS || errno == EPERM) return open_by_walking(root, path);
    if (errno != EAGAIN && errno != EINTR) return -1; /* EAGAIN: a rename raced with us */
  }
  return -1;
}

#else

const int PLATFORM_SEND_MORE = 0, PLATFORM_SEND_QUIET = 0;

int platform_accept(int listener) {
  int fd = accept(listener, nullptr, nullptr);
  if (fd < 0) return fd;
  if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) return fd;
  close(fd);
  return -1;
}

isize platform_sendfile(int socket, int file, i64 from, isize bytes) {
  char block[32768];
  isize n = pread(file, block, bytes < (isize)sizeof block ? (size_t)bytes : sizeof block, from);
  return n > 0 ? send(socket, block, (size_t)n, 0) : n;
}

int platform_open_beneath(int root, const char *path) { return open_by_walking(root, path); }

#endif
