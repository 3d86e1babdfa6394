/* The files of jobs on the disk. Every call blocks: store thread or thread pool only, but for
 * job_folder_make and job_kept_take. Does not own: which folders count (the store says). */
#pragma once
#include "server/jobs/job_kind.h"
#include "server/store/store.h"

/* mkdir -p for one level below an existing folder; false and errno. */
bool job_folder_make(const char *path);
/* A file in it was made, named or removed: make that last. 0 or errno. */
int job_folder_sync(const char *path);
/* rm -r; what cannot be removed stays. Never follows a symbolic link. */
void job_folder_remove(const char *path);
/* rm -r of all in it but the entry of that name. */
void job_folder_remove_but(const char *path, const char *name);
/* The folder in a try's own whose content the next try of the job is given (job_kind.keeps). */
#define JOB_KEPT "kept"
/* Make kept/ in the folder `fence` of a job's folder (work/ID): it is moved there from the newest
 * try before, so that a worker which lost its lease no longer reaches it, or it is empty. false and
 * errno. Does not block for long. */
bool job_kept_take(const char *job, i64 fence);
/* Entries of a folder whose names are job ids, older than max_age_s (by mtime), one after another.
 */
typedef void job_folder_each(void *to, const char *path, const job_id *id);
void job_folder_list(const char *path, i64 max_age_s, job_folder_each *each, void *to);

/* Move the outputs of a try from work/ to result/ (made here) so that they survive a loss of
 * power, and write the result's JSON: {"files": [{"name", "bytes", "sha256"}]}.
 * stop: set by another thread, it ends early. json: malloc'd on true. false: the line says why, and
 * nothing is left of it. */
bool job_output_publish(const job_kind *kind, const char *work, const char *result,
                        const bool *stop, char **json, nf_error *error);
/* rm -r of results/ID/FENCE, and of results/ID when that is empty then. */
void job_result_remove(const char *result);
