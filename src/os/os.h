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
/* Replace `path` as a whole or not at all: temp file beside it, fsync, rename, fsync of the
 * folder. "-" is standard output. errors NF_IO; on error no temp file is left, and the file is the
 * old one (the new one when only the folder could not be synced). */
[[nodiscard]] nf_status os_file_replace(const char *path, nf_bytes content, nf_error *error);

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
