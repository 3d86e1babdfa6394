/* One adapter of the server's engine: the file that tunes the edits of one task, opened by the
 * first of them, or that it could not be opened. Owns the open adapter. Does NOT look for files
 * (models.h) and does NOT lock: inference.c has one of these a task, and knows when nothing runs
 * with it. */
#pragma once
#include "server/words.h"

enum { TASK_COUNT = NF_TASK_REWRITE + 1 };

/* A model's or an adapter's file; the path lives as long as the server does. null: none. */
typedef struct {
  const char *path;
  u8 sha256[32];
} inference_file;

/* All zeros: none was asked for yet. */
typedef struct {
  inference_file file;
  nf_adapter *open; /* null with a file: it could not be opened */
  u64 again_ns; /* then: from when on it is tried again; UINT64_MAX: never, the file is at fault */
  char name[sizeof((nf_adapter_info){0}.name)];
} inference_adapter;

/* Is `file` what it has tried, and is there nothing to be tried again? */
bool inference_adapter_is(const inference_adapter *a, const inference_file *file, u64 now_ns);
/* a: all zeros. Not opened: `error` has a line for the log, which names the path. Then the task's
 * edits go untuned. */
void inference_adapter_open(inference_adapter *a, const nf_engine *engine,
                            const inference_file *file, nf_task task, u64 now_ns, nf_error *error);
void inference_adapter_close(inference_adapter *a); /* nothing runs with it; all zeros again */
