/* See job_upload.h. */
#include "server/jobs/job_upload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/jobs/job_folder.h"

enum { SYNC_BYTES = 32 << 20 }; /* so many unsynced at most: the end does not wait for gigabytes */

struct job_upload {
  job_task base; /* first */
  job_upload *next, *prev;
  job_upload_desc desc;
  uv_work_t work;
  text_buf fresh, writing; /* what came; what is being written */
  bool busy, ended, last; /* last: what is being written is the rest */
  i64 from; /* bytes that lay in the part when this body began */
  bool unmet; /* the body is not what its checksum says */
  bool met;
  int error; /* errno of what failed */
  int end_status; /* 0: it goes on; else it ends when the piece is written */
  const char *end_why;
  i64 unsynced;
};

void job_upload_path(const jobs *j, const job_id *id, const char *ending, char *out) {
  char name[64];
  snprintf(name, sizeof name, "%s%s", id->hex, ending);
  jobs_path(j, "uploads", name, out);
}

int job_upload_folder_sync(const jobs *j) {
  char path[JOB_PATH_BYTES];
  jobs_path(j, "uploads", "", path);
  return job_folder_sync(path);
}

int job_upload_publish(const jobs *j, const job_id *id) {
  char part[JOB_PATH_BYTES], whole[JOB_PATH_BYTES];
  job_upload_path(j, id, ".part", part);
  job_upload_path(j, id, "", whole);
  return rename(part, whole) != 0 ? errno : job_upload_folder_sync(j);
}

/* ---- the end ---- */

/* Let go of everything but the task itself. */
static void upload_close(job_upload *u, bool remove) {
  char part[JOB_PATH_BYTES];
  jobs *j = u->base.jobs;
  if (u->desc.checksum.kind != CHECKSUM_NONE && !u->met) (void)!ftruncate(u->desc.file, u->from);
  close(u->desc.file);
  job_upload_path(j, &u->desc.id, ".part", part);
  if (remove) (void)unlink(part);
  free(u->fresh.at);
  free(u->writing.at);
  u->fresh = u->writing = (text_buf){0};
  if (u->prev != nullptr) u->prev->next = u->next;
  if (u->next != nullptr) u->next->prev = u->prev;
  if (j->uploads == u) j->uploads = u->next;
}

static void upload_free(job_upload *u) {
  upload_close(u, !u->desc.tus);
  job_task_free(&u->base);
}

static void upload_refuse(job_upload *u, int status, const char *why) {
  upload_close(u, !u->desc.tus);
  job_task_error(&u->base, status, why);
}

static void upload_fail(job_upload *u) {
  bool full = u->error == ENOSPC || u->error == EDQUOT || u->error == EFBIG;
  log_event(u->base.jobs->desc.log, "an upload failed", strerror(u->error));
  upload_refuse(u, full ? 507 : 500, full ? "no space left for the upload" : "the upload failed");
}

/* ---- writing: on the thread pool ---- */

static bool piece_write(job_upload *u) {
  for (isize at = 0; at < u->writing.len;) {
    isize n = write(u->desc.file, u->writing.at + at, (size_t)(u->writing.len - at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    at += n;
  }
  job_checksum_add(&u->desc.checksum, bytes_from(u->writing.at, u->writing.len));
  u->unsynced += u->writing.len;
  u->writing.len = 0;
  if (!u->last && u->unsynced < SYNC_BYTES) return true;
  u->unsynced = 0;
  return fsync(u->desc.file) == 0;
}

/* The body is not what it should be: as if it had not come. */
static void body_discard(job_upload *u) {
  u->unmet = true;
  if (ftruncate(u->desc.file, u->from) != 0 || fsync(u->desc.file) != 0) u->error = errno;
}

static void upload_write(uv_work_t *work) {
  job_upload *u = work->data;
  if (u->writing.failed || !piece_write(u)) {
    u->error = u->writing.failed ? ENOMEM : errno; /* failed: some of what came is not in it */
    return;
  }
  if (u->last && !job_checksum_is_met(&u->desc.checksum)) {
    body_discard(u);
    return;
  }
  u->met = u->last;
  if (u->last && (u->desc.length < 0 || u->desc.bytes == u->desc.length)) {
    u->error = job_upload_publish(u->base.jobs, &u->desc.id);
  }
}

static void upload_go(job_upload *u);

static void on_written(uv_work_t *work, int status) {
  job_upload *u = work->data;
  u->busy = false;
  if (status != 0 || u->fresh.failed) u->error = ENOMEM;
  if (u->base.gone) {
    upload_free(u);
  } else if (u->error != 0) {
    upload_fail(u);
  } else if (u->end_status != 0) {
    upload_refuse(u, u->end_status, u->end_why);
  } else if (u->fresh.len > 0 || u->ended) {
    upload_go(u);
  } else {
    http_task_resume(&u->base.task);
  }
}

static void on_whole(uv_work_t *work, int status) {
  job_upload *u = work->data;
  u->busy = false;
  if (status != 0) u->error = ENOMEM;
  if (u->base.gone && u->error == 0) { /* of one body: nobody knows its name, the sweep takes it */
    upload_close(u, false);
    job_task_free(&u->base);
  } else if (u->base.gone) {
    upload_free(u);
  } else if (u->error != 0) {
    upload_fail(u);
  } else if (u->unmet) {
    upload_refuse(u, 460, "the body is not what Upload-Checksum says");
  } else {
    upload_close(u, false);
    u->desc.answer(&u->base, u->desc.bytes, u->desc.length);
  }
}

static void upload_go(job_upload *u) {
  if (u->busy) return;
  u->busy = true;
  text_buf spare = u->writing;
  u->writing = u->fresh;
  u->fresh = spare;
  u->fresh.len = 0;
  u->last = u->ended;
  u->work.data = u;
  uv_loop_t *loop = u->base.jobs->desc.loop;
  if (uv_queue_work(loop, &u->work, upload_write, u->last ? on_whole : on_written) != 0) {
    u->error = ENOMEM;
    on_whole(&u->work, 0);
  }
}

/* false: when its piece is written. */
static bool upload_end_early(job_upload *u, int status, const char *why) {
  if (u->busy) {
    u->end_status = status;
    u->end_why = why;
    return false;
  }
  upload_refuse(u, status, why);
  return true;
}

/* ---- the task ---- */

static void upload_body(http_task *task, nf_bytes bytes) {
  job_upload *u = (job_upload *)task;
  if (u->desc.length >= 0 && bytes.len > u->desc.length - u->desc.bytes) {
    if (!upload_end_early(u, 413, "more than Upload-Length")) http_task_pause(task);
    return;
  }
  text_buf_add(&u->fresh, bytes);
  u->desc.bytes += bytes.len;
  if (u->busy) {
    http_task_pause(task);
  } else {
    upload_go(u);
  }
}
static void upload_end(http_task *task) {
  job_upload *u = (job_upload *)task;
  u->ended = true;
  upload_go(u); /* or on_written does */
}
static void upload_gone(http_task *task) {
  job_upload *u = (job_upload *)task;
  (void)job_task_gone(task);
  if (!u->busy) upload_free(u);
}

static const http_task_kind UPLOAD = {upload_body, upload_end, upload_gone};

void job_upload_begin(jobs *j, const job_upload_desc *desc, i64 bytes_max, http_reply *reply) {
  job_upload *u = (job_upload *)job_task_new(j, sizeof *u, reply);
  if (u == nullptr) {
    close(desc->file);
    return;
  }
  u->desc = *desc;
  u->from = desc->bytes;
  u->base.id = desc->id;
  u->base.tus = desc->tus;
  u->base.task.kind = &UPLOAD;
  u->base.task.body_bytes_max = bytes_max;
  u->next = j->uploads;
  if (j->uploads != nullptr) j->uploads->prev = u;
  j->uploads = u;
}

bool job_upload_yield(jobs *j, const job_id *id) {
  job_upload *u = j->uploads;
  while (u != nullptr && (!u->desc.tus || strcmp(u->desc.id.hex, id->hex) != 0)) u = u->next;
  return u == nullptr || upload_end_early(u, 409, "another request goes on with this upload");
}

void job_uploads_stop(jobs *j) {
  for (job_upload *u = j->uploads, *next; u != nullptr; u = next) {
    next = u->next;
    if (u->desc.tus) (void)upload_end_early(u, 503, "the server is stopping; go on later");
  }
}

/* ---- the whole file as one body ---- */

static void whole_answer(job_task *t, i64 bytes, i64 length) {
  text_buf json = {0};
  (void)length;
  text_buf_str(&json, "{\"upload\":\"");
  text_buf_str(&json, t->id.hex);
  text_buf_str(&json, "\",\"bytes\":");
  text_buf_number(&json, bytes);
  text_buf_str(&json, "}");
  job_task_json(t, 200, &json);
}

void job_upload_reply(jobs *j, const http_request *request, http_reply *reply) {
  if (!request->has_body) {
    http_reply_error(reply, 400, "the body is the file; there is none", true);
    return;
  }
  job_upload_desc desc = {.length = -1, .answer = whole_answer};
  char part[JOB_PATH_BYTES];
  job_id_make(&desc.id);
  job_upload_path(j, &desc.id, ".part", part);
  desc.file = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (desc.file < 0) {
    int status = errno == ENOSPC || errno == EDQUOT ? 507 : 500;
    http_reply_error(reply, status, status == 507 ? "no space left for the upload" : nullptr, true);
    return;
  }
  job_upload_begin(j, &desc, (i64)j->desc.config->upload_mb_max << 20, reply);
}
