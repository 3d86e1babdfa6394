/* A machine that fails when told to: every libc call os_posix.c makes for memory, files and
 * threads is counted, and a script says which of them fails. The code under test is os_posix.c
 * itself; only the calls below it are replaced (linker option --wrap, see CMakeLists.txt here).
 *
 * Owns the count, the script and a list of what is held (blocks, open files, threads).
 * Does NOT fail what gives something back: munmap, unlink and joining always work.
 * One thread makes these calls; threads it starts may run meanwhile.
 * Read next: tests/faults/test_faults.c. */
#pragma once
#include "base/base.h"

typedef enum : u8 {
  OS_CALL_MEMORY, /* mmap: ENOMEM */
  OS_CALL_OPEN,   /* EMFILE */
  OS_CALL_STAT,   /* stat, fstat, realpath: EIO */
  OS_CALL_READ,   /* EIO */
  OS_CALL_CREATE, /* mkostemp: ENOSPC */
  OS_CALL_WRITE,  /* ENOSPC, after half of the bytes */
  OS_CALL_MODE,   /* fchmod: EPERM */
  OS_CALL_SYNC,   /* EIO */
  OS_CALL_CLOSE,  /* the file is closed, then EIO, as on a network file system */
  OS_CALL_RENAME, /* EIO, nothing renamed */
  OS_CALL_THREAD, /* pthread_create, and the memory of its record */
  OS_CALLS
} os_test_call;

typedef enum : u8 {
  OS_TEST_NONE, /* count only */
  OS_TEST_ONCE, /* the n-th call fails, all others work */
  OS_TEST_ON,   /* the n-th and every later call fail */
  OS_TEST_SLOW, /* none fails, but open, read and write are interrupted (EINTR), and read and
                   write move few bytes; n is not used */
} os_test_mode;

/* Begin to count from 0 under this script. */
void os_test_script(os_test_mode mode, isize n);
/* Did the script make a call fail? The first such call, when `call` is not null. */
bool os_test_failed(os_test_call *call);
isize os_test_count(void); /* calls since the script began */
const char *os_test_call_name(os_test_call call);

/* What this process got through os.h and has not given back. */
typedef struct {
  isize blocks, bytes; /* whole pages */
  isize files, threads;
} os_test_held;
os_test_held os_test_held_get(void);
