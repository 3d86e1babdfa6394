/* A copy of the embedded store and of the files that it names, in a new folder that a server can be
 * started on, made while servers and workers go on. Owns what belongs into it and when it is
 * whole; not the copy of the database itself (store_copy). Blocks: for a program of its own. */
#pragma once
#include "server/config.h"

typedef struct {
  i64 n_jobs, n_results, n_uploads, bytes; /* files and their bytes, without the database */
} job_backup_counts;

/* to: a folder that is not there yet. It is made as "to.part", synced and renamed when whole;
 * after a failure nothing is left. Results are compared with the SHA-256 that the store has.
 * Returns an exit code, and unless 0 the line: 1 what was asked for or what is copied is at fault,
 * 3 the machine (a full disk). */
[[nodiscard]] int job_backup(const config *c, const char *to, job_backup_counts *counts,
                             nf_error *error);
