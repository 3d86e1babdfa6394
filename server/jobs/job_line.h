/* One line of a worker's standard output: a JSON object with one of
 *   {"progress": 0..1}   {"segment": {...}}   {"checkpoint": {...}}   {"error": "why", "again":
 * bool} Others are skipped, so that a newer worker may say more. Pure. Read next: job_run.c. */
#pragma once
#include "server/words.h"

typedef struct {
  enum : u8 { LINE_SKIPPED, LINE_BAD, LINE_NO_MEMORY, LINE_EVENT, LINE_ERROR } kind;
  const char *type; /* of the event: "progress", "segment", "checkpoint" */
  char *data;       /* its JSON, malloc'd: the caller's */
  i64 progress;     /* thousandths, of a progress event */
  bool again;       /* of an error: another try may help */
  char error[240];  /* printable ASCII */
} job_line;

/* LINE_BAD: not a JSON object. */
void job_line_read(nf_bytes bytes, job_line *line);
/* `from` as one line of printable ASCII, cut at cap. */
void job_line_plain(const char *from, char *to, isize cap);
