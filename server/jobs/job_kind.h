/* The kinds of jobs: what a request may ask for, which program does it, which files come out. A
 * table; a new kind is a row and a worker. */
#pragma once
#include "server/config.h"

typedef enum : u8 { OPTION_TEXT, OPTION_BOOL } option_type;
typedef struct {
  const char *name; /* null: end of the list */
  option_type type; /* text: 1..32 letters, digits, '-' */
} job_option;
typedef struct {
  const char *name; /* null: end of the list */
  const char *type; /* Content-Type */
  const char *disposition;
} job_output;
typedef struct {
  const char *name;
  const char *mend; /* what to do where no worker is set up */
  const job_option *options;
  const job_output *outputs; /* all of them must be there when the worker has ended well */
} job_kind;

enum { JOB_KINDS_MAX = 4 };
const job_kind *job_kind_find(nf_bytes name); /* null: unknown */
const job_kind *job_kind_at(int i);           /* 0, 1, ...; null: there are no more */
/* The folder of the kind's worker, whose program is FOLDER/run; null: not set up. */
const char *job_kind_folder(const job_kind *kind, const config *c);
/* NULL-terminated names of the kinds whose worker is set up. names[JOB_KINDS_MAX + 1] */
void job_kinds_runnable(const config *c, const char **names);

/* A POST's body as the JSON that is stored: {"kind", "input": {"upload"|"path"}, options...} with
 * nothing else. input: malloc'd. false: the line says what is wrong. */
bool job_request_read(nf_bytes body, const job_kind **kind, char **input, nf_error *error);
