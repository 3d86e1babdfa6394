/* See job_tus.h. The routes but PATCH's body (job_upload.c). What waits for the disk to sync runs
 * on the thread pool. */
#include "server/jobs/job_tus.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/http_date.h"
#include "server/http_origin.h"
#include "server/jobs/job_upload.h"
#include "server/platform.h"

enum { METADATA_BYTES_MAX = 512 };
static const char VERSION_FIELD[] = "Tus-Resumable: 1.0.0\r\n";
static const char PART[] = ".part", FACTS[] = ".tus";

typedef struct {
  i64 length, offset, expires_s;
  bool whole;
  bool unclear; /* it may be there, and cannot be read now */
  char metadata[METADATA_BYTES_MAX + 1]; /* "": none */
} upload_facts;

/* ---- answers ---- */

static void number_field(text_buf *out, const char *name, i64 number) {
  text_buf_str(out, name);
  text_buf_number(out, number);
  text_buf_str(out, "\r\n");
}

/* Null when there is no memory. */
static char *fields_take(text_buf *out) {
  text_buf_add(out, bytes_from("", 1));
  if (!out->failed) return out->at;
  free(out->at);
  return nullptr;
}

static void expires_field(text_buf *out, i64 expires_s) {
  char date[29];
  http_date_write(expires_s, date);
  text_buf_str(out, "Upload-Expires: ");
  text_buf_add(out, bytes_from(date, sizeof date));
  text_buf_str(out, "\r\n");
}

/* An error on the spot. offset: -1, or what a client that was wrong about it should know. */
static void refuse(http_reply *reply, int status, const char *why, bool close, i64 offset) {
  text_buf fields = {0};
  http_reply_error(reply, status, why, close);
  text_buf_str(&fields, VERSION_FIELD);
  if (status == 412) text_buf_str(&fields, "Tus-Version: 1.0.0\r\n");
  if (offset >= 0) number_field(&fields, "Upload-Offset: ", offset);
  if (status == 423) reply->retry_after_s = 1;
  reply->fields = fields_take(&fields);
}

static i64 expires_at(const jobs *j, i64 modified_s) {
  return modified_s + (i64)j->desc.config->job_keep_h * 3600;
}

/* ---- the disk ---- */

static bool unclear(upload_facts *f) {
  f->unclear = f->unclear || platform_fault(errno);
  return false;
}

/* "LENGTH METADATA\n": false when it is not there or was cut while it was made. */
static bool facts_load(const jobs *j, const job_id *id, upload_facts *f) {
  char path[JOB_PATH_BYTES], line[METADATA_BYTES_MAX + 32];
  job_upload_path(j, id, FACTS, path);
  int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return unclear(f);
  isize n = read(file, line, sizeof line);
  if (n < 0) (void)unclear(f);
  close(file);
  if (n < 1 || line[n - 1] != '\n') return false;
  nf_bytes rest = bytes_from(line, n - 1), number = bytes_take(&rest, ' ');
  if (rest.len > METADATA_BYTES_MAX || !bytes_number(number, &f->length)) return false;
  memcpy(f->metadata, rest.at, (size_t)rest.len);
  f->metadata[rest.len] = 0;
  return true;
}

static int facts_store(const jobs *j, const job_id *id, const upload_facts *f) {
  char path[JOB_PATH_BYTES], line[METADATA_BYTES_MAX + 32];
  int n = snprintf(line, sizeof line, "%lld %s\n", (long long)f->length, f->metadata);
  job_upload_path(j, id, FACTS, path);
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return errno;
  errno = ENOSPC; /* of a write that is too short */
  int error = write(file, line, (size_t)n) != n || fsync(file) != 0 ? errno : 0;
  close(file);
  return error;
}

/* What is known of an upload; with `sync`, on the thread pool, the offset is that of the disk. An
 * upload that was cut between its last byte and its name gets that now. false: there is none, or
 * f->unclear. */
static bool facts_read(const jobs *j, const job_id *id, bool sync, upload_facts *f) {
  char path[JOB_PATH_BYTES];
  struct stat facts;
  *f = (upload_facts){0};
  bool known = facts_load(j, id, f);
  for (int i = 0; i < 2; i++) { /* it may get its name in between */
    job_upload_path(j, id, "", path);
    if (lstat(path, &facts) == 0) {
      f->whole = true;
      f->unclear = false;
      f->length = f->offset = facts.st_size;
      f->expires_s = expires_at(j, facts.st_mtime);
      return true;
    }
    (void)unclear(f);
    if (!known) continue;
    job_upload_path(j, id, PART, path);
    int file = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) (void)unclear(f);
    if (file < 0) continue;
    bool ok = (!sync || fsync(file) == 0) && fstat(file, &facts) == 0;
    f->unclear = !ok;
    f->offset = facts.st_size;
    f->expires_s = expires_at(j, facts.st_mtime);
    if (ok && sync && f->offset == f->length && flock(file, LOCK_EX | LOCK_NB) == 0) {
      f->whole = job_upload_publish(j, id) == 0;
    }
    close(file);
    return ok;
  }
  return false;
}

bool job_tus_is_orphan(const char *path) {
  char other[JOB_PATH_BYTES];
  nf_bytes name = text(path);
  if (!bytes_finish(name, FACTS)) return false;
  int n = (int)(name.len - (isize)strlen(FACTS));
  snprintf(other, sizeof other, "%.*s", n, path);
  if (access(other, F_OK) == 0) return false;
  snprintf(other, sizeof other, "%.*s%s", n, path, PART);
  return access(other, F_OK) != 0;
}

/* ---- what waits for the disk: POST, HEAD, DELETE, a PATCH of nothing ---- */

typedef struct {
  job_task base; /* first */
  uv_work_t work;
  http_method method;
  upload_facts facts; /* POST: of the request; HEAD: as found */
  int status;
} tus_task;

static int status_of(int error) {
  return error == 0 ? 201 : error == ENOSPC || error == EDQUOT || error == EFBIG ? 507 : 500;
}

static void create(tus_task *t) {
  jobs *j = t->base.jobs;
  char path[JOB_PATH_BYTES];
  job_upload_path(j, &t->base.id, t->facts.length > 0 ? PART : "", path);
  int error = facts_store(j, &t->base.id, &t->facts);
  int file = error == 0 ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
  if (error == 0 && (file < 0 || fsync(file) != 0)) error = errno;
  if (file >= 0) close(file);
  if (error == 0) error = job_upload_folder_sync(j);
  t->status = status_of(error);
  t->facts.expires_s = expires_at(j, time(nullptr));
  if (error == 0) return;
  (void)unlink(path);
  job_upload_path(j, &t->base.id, FACTS, path);
  (void)unlink(path);
}

/* Not while someone writes, here or on another server. */
static void terminate(tus_task *t) {
  jobs *j = t->base.jobs;
  char path[JOB_PATH_BYTES];
  job_upload_path(j, &t->base.id, PART, path);
  int file = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  bool locked = file < 0 ? errno == ENOENT : flock(file, LOCK_EX | LOCK_NB) == 0;
  bool found = false, failed = file < 0 && !locked;
  static const char *const endings[] = {PART, "", FACTS};
  for (int i = 0; i < 3 && locked; i++) {
    job_upload_path(j, &t->base.id, endings[i], path);
    bool gone = unlink(path) == 0;
    failed = failed || (!gone && errno != ENOENT);
    found = found || gone;
  }
  if (file >= 0) close(file);
  t->status = failed ? 500 : !locked ? 423 : found ? 204 : 404;
}

static void tus_work(uv_work_t *work) {
  tus_task *t = work->data;
  if (t->method == METHOD_POST) {
    create(t);
  } else if (t->method == METHOD_DELETE) {
    terminate(t);
  } else {
    bool found = facts_read(t->base.jobs, &t->base.id, true, &t->facts);
    t->status = t->facts.unclear ? 500 : !found ? 404 : t->method == METHOD_PATCH ? 204 : 200;
  }
}

static void tus_answer(tus_task *t) {
  http_reply reply;
  http_reply_begin(&reply);
  text_buf fields = {0};
  const upload_facts *f = &t->facts;
  reply.status = t->status;
  reply.cache_control = "no-store";
  text_buf_str(&fields, VERSION_FIELD);
  bool patch = t->method == METHOD_PATCH;
  if (t->status == 200 || patch) number_field(&fields, "Upload-Offset: ", f->offset);
  if (t->status == 200) {
    number_field(&fields, "Upload-Length: ", f->length);
    if (f->metadata[0] != 0) {
      text_buf_str(&fields, "Upload-Metadata: ");
      text_buf_str(&fields, f->metadata);
      text_buf_str(&fields, "\r\n");
    }
  }
  if (t->status == 201) {
    snprintf(reply.location, sizeof reply.location, "/v1/uploads/%s", t->base.id.hex);
  }
  if (t->status != 204 && !f->whole) expires_field(&fields, f->expires_s);
  reply.fields = fields_take(&fields);
  if (reply.fields == nullptr) {
    job_task_error(&t->base, 503, "no memory");
    return;
  }
  http_task_answer(&t->base.task, &reply);
  job_task_free(&t->base);
}

static void on_tus_done(uv_work_t *work, int status) {
  tus_task *t = work->data;
  if (status != 0) t->status = 500;
  if (t->base.gone) {
    job_task_free(&t->base);
  } else if (t->status < 300) {
    tus_answer(t);
  } else {
    job_task_error(&t->base, t->status,
                   t->status == 404   ? "no such upload"
                   : t->status == 423 ? "another request writes to this upload"
                   : t->status == 507 ? "no space left for the upload"
                                      : "the upload failed");
  }
}

static void tus_whole(http_task *task) {
  tus_task *t = (tus_task *)task;
  t->base.posted = true;
  t->work.data = t;
  if (uv_queue_work(t->base.jobs->desc.loop, &t->work, tus_work, on_tus_done) != 0) {
    on_tus_done(&t->work, UV_ENOMEM);
  }
}
static void tus_gone(http_task *task) {
  if (job_task_gone(task)) job_task_free((job_task *)task);
}
static const http_task_kind TUS = {nullptr, tus_whole, tus_gone};

static tus_task *tus_begin(jobs *j, http_method method, const job_id *id, http_reply *reply) {
  tus_task *t = (tus_task *)job_task_new(j, sizeof *t, reply);
  if (t == nullptr) return nullptr;
  t->base.task.kind = &TUS;
  t->base.tus = true;
  t->base.id = *id;
  t->method = method;
  return t;
}

/* ---- the routes ---- */

/* What the protocol has in it, sent back as it came: names, blanks, base64, commas. */
static bool metadata_is_fine(nf_bytes metadata) {
  if (metadata.len > METADATA_BYTES_MAX) return false;
  for (isize i = 0; i < metadata.len; i++) {
    if (metadata.at[i] < 0x20 || metadata.at[i] > 0x7E) return false;
  }
  return true;
}

static void post_reply(jobs *j, const http_request *request, http_reply *reply) {
  i64 length, length_max = (i64)j->desc.config->upload_mb_max << 20;
  job_id id;
  if (request->has_body) {
    refuse(reply, 400, "a new upload has no body: PATCH brings it", true, -1);
  } else if (!bytes_number(request->upload_length, &length)) {
    refuse(reply, 400, "Upload-Length: expected a number of bytes", false, -1);
  } else if (length > length_max) {
    refuse(reply, 413, "Upload-Length is over upload_mb_max", false, -1);
  } else if (!metadata_is_fine(request->upload_metadata)) {
    refuse(reply, 400, "Upload-Metadata: at most 512 bytes of visible ASCII", false, -1);
  } else {
    job_id_make(&id);
    tus_task *t = tus_begin(j, METHOD_POST, &id, reply);
    if (t == nullptr) return;
    t->facts.length = length;
    nf_bytes metadata = request->upload_metadata;
    if (metadata.len > 0) memcpy(t->facts.metadata, metadata.at, (size_t)metadata.len);
  }
}

static void patch_answer(job_task *t, i64 bytes, i64 length) {
  http_reply reply;
  http_reply_begin(&reply);
  text_buf fields = {0};
  reply.status = 204;
  text_buf_str(&fields, VERSION_FIELD);
  number_field(&fields, "Upload-Offset: ", bytes);
  if (bytes < length) expires_field(&fields, expires_at(t->jobs, time(nullptr)));
  reply.fields = fields_take(&fields);
  if (reply.fields == nullptr) { /* the bytes are there: HEAD says so */
    job_task_error(t, 503, "no memory");
    return;
  }
  http_task_answer(&t->task, &reply);
  job_task_free(t);
}

/* ID.part for the one who writes: open, locked, and as long as the client thinks. -1: refused. */
static int part_open(jobs *j, const job_id *id, i64 offset, http_reply *reply) {
  char path[JOB_PATH_BYTES];
  struct stat facts;
  job_upload_path(j, id, PART, path);
  int file = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) {
    refuse(reply, errno == ENOENT ? 404 : 500, "no such upload", true, -1);
  } else if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    refuse(reply, 423, "another request writes to this upload", true, -1);
  } else if (fstat(file, &facts) != 0 || facts.st_size != offset) {
    refuse(reply, 409, "Upload-Offset is not where the upload ends", true, facts.st_size);
  } else {
    return file;
  }
  if (file >= 0) close(file);
  return -1;
}

static void patch_reply(jobs *j, const job_id *id, const http_request *request, http_reply *reply) {
  enum { FRAMING = 65536 }; /* of chunks, which are counted with the body, and 1/8 */
  upload_facts f;
  i64 offset, content = request->content_length;
  job_checksum checksum;
  nf_bytes type = request->content_type;
  bool body = request->has_body; /* it is not read after an error */
  if (type.at == nullptr || !bytes_same_nocase(type, text("application/offset+octet-stream"))) {
    refuse(reply, 415, "Content-Type must be application/offset+octet-stream", body, -1);
  } else if (!bytes_number(request->upload_offset, &offset)) {
    refuse(reply, 400, "Upload-Offset: expected a number of bytes", body, -1);
  } else if (!job_checksum_read(request->upload_checksum, &checksum)) {
    refuse(reply, 400, "Upload-Checksum: expected " JOB_CHECKSUMS " and the digest in Base64", body,
           -1);
  } else if (!job_upload_yield(j, id)) {
    refuse(reply, 423, "another request writes to this upload", body, -1);
  } else if (!facts_read(j, id, false, &f)) {
    refuse(reply, f.unclear ? 500 : 404, f.unclear ? "the upload failed" : "no such upload", body,
           -1);
  } else if (f.offset != offset || (f.whole && body)) {
    refuse(reply, 409, "Upload-Offset is not where the upload ends", body, f.offset);
  } else if (content > f.length - offset) {
    refuse(reply, 413, "more than Upload-Length", true, -1);
  } else if (f.whole) {
    (void)tus_begin(j, METHOD_PATCH, id, reply); /* nothing to add: the offset once more */
  } else {
    int file = part_open(j, id, offset, reply);
    if (file < 0) return;
    i64 rest = f.length - offset;
    job_upload_begin(j,
                     &(job_upload_desc){.id = *id,
                                        .file = file,
                                        .bytes = offset,
                                        .length = f.length,
                                        .tus = true,
                                        .checksum = checksum,
                                        .answer = patch_answer},
                     content >= 0 ? rest : rest + rest / 8 + FRAMING, reply);
  }
}

static void options_reply(const jobs *j, http_reply *reply) {
  text_buf fields = {0};
  reply->status = 204;
  reply->cache_control = "no-store";
  text_buf_str(&fields, VERSION_FIELD);
  text_buf_str(&fields,
               "Tus-Version: 1.0.0\r\nTus-Extension: creation,termination,expiration,checksum\r\n");
  text_buf_str(&fields, "Tus-Checksum-Algorithm: " JOB_CHECKSUMS "\r\n");
  number_field(&fields, "Tus-Max-Size: ", (i64)j->desc.config->upload_mb_max << 20);
  reply->fields = fields_take(&fields);
}

/* For clients that cannot send PATCH or DELETE (the protocol's "X-HTTP-Method-Override"). */
static http_method method_of(const http_request *request) {
  nf_bytes name = request->method_override;
  if (request->method != METHOD_POST || name.at == nullptr) return request->method;
  return bytes_same(name, text("PATCH"))    ? METHOD_PATCH
         : bytes_same(name, text("DELETE")) ? METHOD_DELETE
         : bytes_same(name, text("HEAD"))   ? METHOD_HEAD
         : bytes_same(name, text("POST"))   ? METHOD_POST
                                            : METHOD_OTHER;
}

bool job_tus_meant(nf_bytes path, const http_request *request) {
  if (bytes_begin(path, "/uploads/")) return true;
  bool named = request->tus_resumable.at != nullptr || request->method == METHOD_OPTIONS;
  return bytes_same(path, text("/uploads")) && named;
}

static void upload_route(jobs *j, nf_bytes name, const http_request *request, http_reply *reply) {
  http_method method = method_of(request);
  job_id id;
  if (!job_id_read(name, &id)) {
    refuse(reply, 404, "no such upload", request->has_body, -1);
  } else if (method == METHOD_PATCH) {
    patch_reply(j, &id, request, reply);
  } else if (method == METHOD_HEAD || method == METHOD_DELETE) {
    if (!job_upload_yield(j, &id)) {
      refuse(reply, 423, "another request writes to this upload", request->has_body, -1);
    } else {
      (void)tus_begin(j, method, &id, reply);
    }
  } else {
    refuse(reply, 405, nullptr, request->has_body, -1);
    reply->allow = "HEAD, PATCH, DELETE, OPTIONS";
  }
}

void job_tus_reply(jobs *j, nf_bytes path, const http_request *request, http_reply *reply) {
  bool root = bytes_same(path, text("/uploads"));
  if (http_origin_is_another(request)) {
    http_reply_error(reply, 403, "this looks like a request of another site's page", true);
  } else if (request->method == METHOD_OPTIONS) {
    options_reply(j, reply);
  } else if (!bytes_same(request->tus_resumable, text("1.0.0"))) {
    refuse(reply, 412, "Tus-Resumable must be 1.0.0", request->has_body, -1);
  } else if (!root) {
    upload_route(j, bytes_after(path, (isize)strlen("/uploads/")), request, reply);
  } else if (request->method == METHOD_POST) {
    post_reply(j, request, reply);
  } else {
    refuse(reply, 405, nullptr, request->has_body, -1);
    reply->allow = "POST, OPTIONS";
  }
}
