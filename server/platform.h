/* The few system calls that differ between Linux and macOS; the only file of the server with
 * platform #if is platform.c. Everything here is non-blocking or short. */
#pragma once
#include "server/words.h"

/* MSG_MORE and MSG_NOSIGNAL where the system has them, 0 elsewhere. */
extern const int PLATFORM_SEND_MORE, PLATFORM_SEND_QUIET;

/* accept(2), non-blocking and close-on-exec. -1 and errno. */
int platform_accept(int listener);

/* Send up to `bytes` of file[from..] to a socket. Bytes sent, 0 at the end of the file, -1 and
 * errno (EAGAIN: the socket is full). */
isize platform_sendfile(int socket, int file, i64 from, isize bytes);

/* Open a regular file or folder below `root` for reading, without ever leaving it: no absolute
 * path, no "..", no symbolic link that points outside. -1 and errno (EXDEV or ELOOP: it tried).
 * path is relative and NUL-terminated. On Linux by openat2(RESOLVE_BENEATH); elsewhere, and on
 * kernels before 5.6, by walking with O_NOFOLLOW, which refuses every symbolic link. */
int platform_open_beneath(int root, const char *path);

/* Is this errno about the machine (no descriptor left, no memory, a disk that fails) and not about
 * the path that was asked for? Then the same question may be answered later. */
bool platform_fault(int error);
