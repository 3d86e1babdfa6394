/* How a worker's program is kept small: the command line around it. With bubblewrap: no network,
 * a file system of /usr, its own folder and the try's folder, nothing else; without (no user
 * namespaces here) at least limits and no_new_privs. Owns no process. */
#pragma once
#include "server/words.h"

/* Try bubblewrap once, at start. Blocks for some milliseconds. false: why, in its own words. */
bool job_sandbox_works(nf_error *why);

typedef struct {
  bool sandbox;
  const char *folder; /* of the worker: FOLDER/run is started, read-only */
  const char *work;   /* the try's folder: its current one, and the only one it can write */
  i64 cpu_s, memory_mb, file_mb;
} job_sandbox_desc;
enum { SANDBOX_ARGS_MAX = 80 };
typedef struct {
  char *at[SANDBOX_ARGS_MAX]; /* NULL-terminated; point into text or into the descriptor */
  int n;
  char text[2048];
  int text_len;
} job_sandbox_args;
/* FOLDER/run job.json, wrapped. The process is its own group's leader and dies with its parent. */
void job_sandbox_args_make(const job_sandbox_desc *desc, job_sandbox_args *args);
