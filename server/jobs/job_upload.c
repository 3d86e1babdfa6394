/* POST /v1/uploads: the body goes to uploads/ID.part as it comes, one piece being written (on the
 * thread pool) while the next arrives, and becomes uploads/ID when it is whole and synced. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "server/jobs/job_reply.h"

typedef struct {
  job_task base; /* first */
  uv_work_t work;
  char path[JOB_PATH_BYTES];
  int file;
  text_buf fresh, writing; /* what came; what is being written */
  bool busy, ended, last; /* last: what is being written is the rest */
  int error; /* errno of what failed */
  i64 bytes;
} upload_task;

static void upload_free(upload_task *u, bool keep) {
  if (u->file >= 0) close(u->file);
  if (!keep) (void)unlink(u->path);
  free(u->fresh.at);
  free(u->writing.at);
  job_task_free(&u->base);
}

static void upload_fail(upload_task *u) {
  bool full = u->error == ENOSPC || u->error == EDQUOT || u->error == EFBIG;
  log_event(u->base.jobs->desc.log, "an upload failed", strerror(u->error));
  close(u->file);
  (void)unlink(u->path);
  free(u->fresh.at);
  free(u->writing.at);
  job_task_error(&u->base, full ? 507 : 500,
                 full ? "no space left for the upload" : "the upload failed");
}

/* On the thread pool: write what is there; at the end sync and give it its name. */
static void upload_write(uv_work_t *work) {
  upload_task *u = work->data;
  for (isize at = 0; at < u->writing.len;) {
    isize n = write(u->file, u->writing.at + at, (size_t)(u->writing.len - at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      u->error = errno;
      return;
    }
    at += n;
  }
  u->writing.len = 0;
  if (!u->last) return;
  char name[JOB_PATH_BYTES];
  jobs_path(u->base.jobs, "uploads", u->base.id.hex, name);
  if (fsync(u->file) != 0 || rename(u->path, name) != 0) u->error = errno;
  *strrchr(name, '/') = 0;
  int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || fsync(folder) != 0) u->error = errno;
  if (folder >= 0) close(folder);
}

static void upload_go(upload_task *u);

static void on_written(uv_work_t *work, int status) {
  upload_task *u = work->data;
  u->busy = false;
  if (status != 0) u->error = ENOMEM;
  if (u->base.gone) {
    upload_free(u, false);
  } else if (u->error != 0 || u->fresh.failed) {
    if (u->error == 0) u->error = ENOMEM;
    upload_fail(u);
  } else if (u->fresh.len > 0 || u->ended) {
    upload_go(u);
  } else {
    http_task_resume(&u->base.task);
  }
}

static void on_whole(uv_work_t *work, int status) {
  upload_task *u = work->data;
  u->busy = false;
  if (status != 0 || u->error != 0) {
    if (u->error == 0) u->error = ENOMEM;
    if (u->base.gone) {
      upload_free(u, false);
    } else {
      upload_fail(u);
    }
    return;
  }
  if (u->base.gone) { /* whole, but nobody will ever know its name; the sweep takes it */
    upload_free(u, true);
    return;
  }
  text_buf json = {0};
  text_buf_str(&json, "{\"upload\":\"");
  text_buf_str(&json, u->base.id.hex);
  text_buf_str(&json, "\",\"bytes\":");
  text_buf_number(&json, u->bytes);
  text_buf_str(&json, "}");
  close(u->file);
  free(u->fresh.at);
  free(u->writing.at);
  job_task_json(&u->base, 200, &json);
}

static void upload_go(upload_task *u) {
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

static void upload_body(http_task *task, nf_bytes bytes) {
  upload_task *u = (upload_task *)task;
  text_buf_add(&u->fresh, bytes);
  u->bytes += bytes.len;
  if (u->busy) {
    http_task_pause(task);
  } else {
    upload_go(u);
  }
}
static void upload_end(http_task *task) {
  upload_task *u = (upload_task *)task;
  u->ended = true;
  upload_go(u); /* or on_written does */
}
static void upload_gone(http_task *task) {
  upload_task *u = (upload_task *)task;
  (void)job_task_gone(task);
  if (!u->busy) upload_free(u, false);
}

static const http_task_kind UPLOAD = {upload_body, upload_end, upload_gone};

void job_upload_reply(jobs *j, const http_request *request, http_reply *reply) {
  if (!request->has_body) {
    http_reply_error(reply, 400, "the body is the file; there is none", true);
    return;
  }
  upload_task *u = (upload_task *)job_task_new(j, sizeof *u, reply);
  if (u == nullptr) return;
  char name[64];
  job_id_make(&u->base.id);
  snprintf(name, sizeof name, "%s.part", u->base.id.hex);
  jobs_path(j, "uploads", name, u->path);
  u->file = open(u->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (u->file < 0) {
    int status = errno == ENOSPC || errno == EDQUOT ? 507 : 500;
    job_task_free(&u->base);
    http_reply_error(reply, status, status == 507 ? "no space left for the upload" : nullptr, true);
    return;
  }
  u->base.task.kind = &UPLOAD;
  u->base.task.body_bytes_max = (i64)j->desc.config->upload_mb_max << 20;
}
