/* The kinds of jobs: what a request may ask for, which program does it, which files come out. A
 * table; a new kind is a row and a worker. */
#pragma once
#include "server/config.h"
#include "server/text_buf.h"

#define JOBS_OFF "jobs are off; --data FOLDER turns them on"

typedef enum : u8 { OPTION_TEXT, OPTION_BOOL, OPTION_CHOICE, OPTION_UPLOAD } option_type;
typedef struct {
  const char *name; /* null: end of the list */
  option_type type; /* text: 1..32 letters, digits, '-'; upload: {"upload": ID} */
  const char *const *choices; /* NULL-terminated */
  bool needed;
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
  bool one_output;           /* no: the first that is there, and one must be */
  bool keeps; /* what a try leaves in its folder kept/ is there for the next try of the job */
  size_t folder_at; /* of the setting in config that names the worker's folder */
} job_kind;

/* The option whose upload is the worker's descriptor 4; null: the kind has none. */
const job_option *job_kind_upload(const job_kind *kind);

enum { JOB_KINDS_MAX = 4 };
const job_kind *job_kind_find(nf_bytes name); /* null: unknown */
/* The folder of the kind's worker, whose program is FOLDER/run; null: not set up. */
const char *job_kind_folder(const job_kind *kind, const config *c);
/* Why a job of this kind is not taken, for the operator; null: it is. With a shared store another
 * machine may have the worker. */
const char *job_kind_refusal(const job_kind *kind, const config *c);
/* Append {"kind", "ready", "mend": what to do, or null} for every kind, in [ ]. c null: jobs are
 * off. */
void job_kinds_json_add(text_buf *out, const config *c);
/* The i-th kind, i from 0; null: there are no more. */
const job_kind *job_kind_at(int i);
/* NULL-terminated names of the kinds whose worker is set up. names[JOB_KINDS_MAX + 1] */
void job_kinds_runnable(const config *c, const char **names);

/* A POST's body as the JSON that is stored: {"kind", "input": {"upload"|"path"}, options...} with
 * nothing else. input: malloc'd. 0; or HTTP's status, 400 or 503, and the line says why. */
int job_request_read(nf_bytes body, const job_kind **kind, char **input, nf_error *error);
