/* The platform seam: memory, files, threads, waiting, clock. Implementations: os_posix.c,
 * os_wasm.c (files and thread creation belong to the JavaScript host there); os_test.c puts a
 * script of failures below os_posix.c, for tests. Nothing above this folder names a platform.
 * Owns no policy: callers decide how much memory, how many threads, when to wait. */
#pragma once
#include <stdatomic.h>
#include "base/base.h"

/* ---- memory: whole blocks for arenas; zeroed, 64-byte aligned (page aligned on POSIX) ---- */
void *os_memory_get(isize bytes); /* null: none to be had */
void os_memory_release(void *at, isize bytes);

/* ---- files ---- */
/* A private, writable view of a whole file: writes stay in this process. */
typedef struct {
  u8 *at;
  isize len;
} os_map;
/* errors NF_IO (the line names path and reason), NF_BAD_INPUT the file is empty, NF_NO_MEMORY,
 * NF_UNSUPPORTED on wasm */
[[nodiscard]] nf_status os_file_map(const char *path, os_map *map, nf_error *error);
void os_file_unmap(os_map *map);

/* Read a whole file of at most bytes_max into a new block (os_memory_release it, len bytes).
 * "-" is standard input. errors NF_IO; NF_BAD_INPUT larger than bytes_max; NF_NO_MEMORY */
[[nodiscard]] nf_status os_file_read(const char *path, isize bytes_max, os_map *block,
                                     nf_error *error);
/* A regular file that is read in parts, at any place. */
typedef struct {
  const char *path; /* borrowed */
  u64 bytes;        /* of the whole file, when it was opened */
  i32 fd;
} os_file;
/* errors NF_IO, NF_UNSUPPORTED on wasm */
[[nodiscard]] nf_status os_file_open(const char *path, os_file *file, nf_error *error);
/* at + n <= file->bytes. errors NF_IO, also when the file has become shorter */
[[nodiscard]] nf_status os_file_read_at(const os_file *file, u64 at, u8 *to, isize n,
                                        nf_error *error);
void os_file_close(os_file *file);

/* Replace `path` as a whole or not at all: temp file beside it, fsync, rename, fsync of the
 * folder. "-" is standard output. errors NF_IO; on error no temp file is left, and the file is the
 * old one (the new one when only the folder could not be synced). */
[[nodiscard]] nf_status os_file_replace(const char *path, nf_bytes content, nf_error *error);
/* The same in parts: begin, write as often as needed, then commit, or drop to leave the old file.
 * What was begun is ended by either. Standard output, devices and pipes are written to at once. */
constexpr isize OS_PATH_MAX = 4096;
typedef struct {
  const char *path; /* borrowed */
  i32 fd;           /* -1: ended */
  u32 mode;
  bool direct;
  char target[OS_PATH_MAX], temp[OS_PATH_MAX + 16];
} os_replacement;
[[nodiscard]] nf_status os_replacement_begin(const char *path, os_replacement *r, nf_error *error);
[[nodiscard]] nf_status os_replacement_write(os_replacement *r, nf_bytes content, nf_error *error);
[[nodiscard]] nf_status os_replacement_commit(os_replacement *r, nf_error *error);
void os_replacement_drop(os_replacement *r); /* nothing is left; nothing to do when ended */

/* ---- threads ---- */
isize os_cpu_count(void); /* >= 1; what this process may use */
typedef struct {
  u64 id;
} os_thread;
[[nodiscard]] nf_status os_thread_start(os_thread *thread, void (*body)(void *arg), void *arg);
void os_thread_join(os_thread thread);
/* Sleep while *word == expected, until woken or timeout_ns passed (< 0: no limit). May wake
 * for no reason; callers loop. */
void os_wait(_Atomic u32 *word, u32 expected, i64 timeout_ns);
void os_wake(_Atomic u32 *word, isize n_threads);
void os_spin_pause(void);

/* ---- clock ---- */
i64 os_clock_ns(void); /* monotonic */
