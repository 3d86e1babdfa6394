/* A request's body that becomes a file: it goes to uploads/ID.part as it comes, one piece being
 * written (on the thread pool) while the next arrives, and is uploads/ID when it is whole and
 * synced. Both ways to upload end here: the whole file as one body, and tus (job_tus.h). Does not
 * own: who may, where it begins, what is answered when it went well. */
#pragma once
#include "server/jobs/job_checksum.h"
#include "server/jobs/job_reply.h"

typedef struct {
  job_id id;
  int file;   /* ID.part, open for appending; taken, and with it any lock */
  i64 bytes;  /* that lie in it already */
  i64 length; /* whole at so many; -1: at the end of this body */
  bool tus;   /* what came stays when it is cut; else the part is removed */
  job_checksum checksum; /* of this body; then what came stays only when that is met */
  /* the body is synced, and has its name when it is whole: answer, and free t */
  void (*answer)(job_task *t, i64 bytes, i64 length);
} job_upload_desc;
/* Leaves a task in the reply, or an error. At most bytes_max of a body are taken. */
void job_upload_begin(jobs *j, const job_upload_desc *desc, i64 bytes_max, http_reply *reply);

/* End what this process is still taking for a tus upload: a client that comes back has given its
 * old connection up, whether or not that has been noticed. false: its last piece is being written,
 * ask again. */
bool job_upload_yield(jobs *j, const job_id *id);

/* The server stops: what can be resumed is not waited for. */
void job_uploads_stop(jobs *j);

/* Blocks. uploads/ID.part, synced, gets its name. 0 or errno. */
int job_upload_publish(const jobs *j, const job_id *id);
/* Blocks. A file was made, named or removed in uploads/: make that last. 0 or errno. */
int job_upload_folder_sync(const jobs *j);
/* uploads/ID with an ending, such as ".part", into out[JOB_PATH_BYTES]. */
void job_upload_path(const jobs *j, const job_id *id, const char *ending, char *out);

/* POST /v1/uploads with the file as its body. */
void job_upload_reply(jobs *j, const http_request *request, http_reply *reply);
