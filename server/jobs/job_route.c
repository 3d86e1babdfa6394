/* The routes of jobs.h: who may, which of them, and what each asks of the store. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/http_origin.h"
#include "server/jobs/job_json.h"
#include "server/jobs/job_reply.h"
#include "server/jobs/job_tus.h"
#include "server/jobs/job_upload.h"
#include "server/platform.h"
#include "server/static_file.h"
#include "yyjson.h"

enum { BODY_BYTES_MAX = 65536, LIST_MAX = 100, KEPT_BYTES = 1024 };

/* ---- POST /v1/jobs ---- */

typedef struct {
  job_task base; /* first */
  char key[JOB_KEY_BYTES_MAX + 1];
  bool has_key, existed;
  text_buf body;
  const job_kind *kind;
  char *input;
} post_task;

static void post_free(post_task *p) {
  free(p->body.at);
  free(p->input);
  p->body = (text_buf){0};
  p->input = nullptr;
}

static void post_body(http_task *task, nf_bytes bytes) {
  text_buf_add(&((post_task *)task)->body, bytes);
}

static store_status post_work(store *s, store_call *call) {
  post_task *p = (post_task *)((char *)call - offsetof(post_task, base.call));
  store_request r = {.id = p->base.id, .kind = p->kind->name, .input = text(p->input)};
  if (p->has_key) r.key = text(p->key);
  return store_enqueue(s, &r, &p->base.job, &p->existed);
}

/* The store has answered: the job, or what went wrong, unless nobody waits any more. */
static void job_answer(job_task *t, store_status status, int http_status) {
  if (t->gone) {
    job_task_free(t);
  } else if (status != STORE_OK) {
    job_task_store_error(t);
  } else {
    text_buf json = {0};
    job_json_add(&json, &t->job);
    job_task_json(t, http_status, &json);
  }
}

static void post_done(store_call *call) {
  post_task *p = (post_task *)((char *)call - offsetof(post_task, base.call));
  job_task *t = &p->base;
  post_free(p);
  if (call->status == STORE_OK && !p->existed) job_metrics_accepted(&t->jobs->metrics, p->kind);
  if (call->status == STORE_OK && !t->jobs->stopping) jobs_claim_soon(t->jobs);
  job_answer(t, call->status, p->existed ? 200 : 201);
}

/* Is {"upload"} or {"path"} there? 0; or a status and why. */
static int one_missing(const jobs *j, yyjson_val *in, const char **why) {
  const char *upload = yyjson_get_str(yyjson_obj_get(in, "upload"));
  const char *path = yyjson_get_str(yyjson_obj_get(in, "path"));
  bool found;
  errno = 0;
  if (upload != nullptr) {
    char whole[JOB_PATH_BYTES];
    jobs_path(j, "uploads", upload, whole);
    *why = "input: no such upload";
    found = access(whole, R_OK) == 0;
  } else if (j->media_root < 0) {
    *why = "input: paths are off; --media-root FOLDER allows those below it";
    found = false;
  } else {
    int file = platform_open_beneath(j->media_root, path);
    struct stat facts;
    *why = "input: no such file below media_root";
    found = file >= 0 && fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
    if (file >= 0) close(file);
  }
  if (!found && platform_fault(errno)) {
    *why = "input: it cannot be looked for now";
    return 503;
  }
  return found ? 0 : 422;
}

/* Is what the job is to read there? Asked before it is accepted: an error one can act on. */
static int input_missing(const jobs *j, const job_kind *kind, const char *input, const char **why) {
  yyjson_doc *doc = yyjson_read(input, strlen(input), 0);
  if (doc == nullptr) { /* written by us a moment ago */
    *why = "no memory";
    return 503;
  }
  yyjson_val *request = yyjson_doc_get_root(doc);
  const job_option *second = job_kind_upload(kind);
  int status = one_missing(j, yyjson_obj_get(request, "input"), why);
  if (status == 0 && second != nullptr) {
    status = one_missing(j, yyjson_obj_get(request, second->name), why);
    if (status == 422) *why = "captions: no such upload";
  }
  yyjson_doc_free(doc);
  return status;
}

static void post_body_end(http_task *task) {
  post_task *p = (post_task *)task;
  job_task *t = &p->base;
  nf_error error = {0};
  const char *why = nullptr;
  int status;
  nf_bytes body = bytes_from(p->body.at, p->body.len);
  if (t->jobs->stopping) {
    why = "the server is stopping";
    status = 503;
  } else if (p->body.failed) {
    why = "no memory";
    status = 503;
  } else if ((status = job_request_read(body, &p->kind, &p->input, &error)) != 0) {
    why = error.line;
  } else if ((why = job_kind_refusal(p->kind, t->jobs->desc.config)) != nullptr) {
    status = 501;
  } else {
    status = input_missing(t->jobs, p->kind, p->input, &why);
  }
  if (status != 0) {
    post_free(p);
    job_task_error(t, status, why);
    return;
  }
  job_id_make(&t->id);
  job_task_post(t, post_work, post_done);
}

static void post_gone(http_task *task) {
  post_task *p = (post_task *)task;
  if (!job_task_gone(task)) return;
  post_free(p);
  job_task_free(&p->base);
}

static const http_task_kind POST = {post_body, post_body_end, post_gone};

static bool is_json(nf_bytes content_type) {
  nf_bytes rest = content_type;
  return content_type.at != nullptr &&
         bytes_same_nocase(bytes_take(&rest, ';'), text("application/json"));
}

static void post_reply(jobs *j, const http_request *request, http_reply *reply) {
  nf_bytes key = request->idempotency_key;
  if (!is_json(request->content_type)) {
    http_reply_error(reply, 415, "Content-Type must be application/json", true);
    return;
  }
  if (key.at != nullptr && (key.len == 0 || key.len > JOB_KEY_BYTES_MAX)) {
    http_reply_error(reply, 400, "Idempotency-Key: 1 to 200 characters", true);
    return;
  }
  for (isize i = 0; key.at != nullptr && i < key.len; i++) {
    if (key.at[i] > 0x20 && key.at[i] < 0x7F) continue;
    http_reply_error(reply, 400, "Idempotency-Key: visible ASCII only", true);
    return;
  }
  post_task *p = (post_task *)job_task_new(j, sizeof *p, reply);
  if (p == nullptr) return;
  p->base.task.kind = &POST;
  p->base.task.body_bytes_max = BODY_BYTES_MAX;
  p->has_key = key.at != nullptr;
  if (p->has_key) memcpy(p->key, key.at, (size_t)key.len);
}

/* ---- one job: GET, DELETE ---- */

static store_status get_work(store *s, store_call *call) {
  job_task *t = (job_task *)((char *)call - offsetof(job_task, call));
  return store_get(s, &t->id, &t->job);
}
static store_status cancel_work(store *s, store_call *call) {
  job_task *t = (job_task *)((char *)call - offsetof(job_task, call));
  return store_cancel(s, &t->id, &t->job);
}

static void one_done(store_call *call) {
  job_task *t = (job_task *)((char *)call - offsetof(job_task, call));
  bool cancel = call->work == cancel_work;
  if (cancel && call->status == STORE_OK) {
    if (t->job.state == JOB_CANCELLING) job_run_cancel(t->jobs, &t->id);
    if (t->job.state == JOB_CANCELLED) jobs_work_remove(t->jobs, &t->id); /* between two tries */
    jobs_changed(t->jobs, &t->id);
  }
  job_answer(t, call->status, cancel && !job_state_is_final(t->job.state) ? 202 : 200);
}

static void call_post(http_task *task) {
  job_task *t = (job_task *)task;
  if (t->jobs->stopping) {
    job_task_error(t, 503, "the server is stopping");
    return;
  }
  job_task_post(t, t->call.work, t->call.done);
}
static void call_gone(http_task *task) {
  if (job_task_gone(task)) job_task_free((job_task *)task);
}

static const http_task_kind ONE = {nullptr, call_post, call_gone};

static void one_reply(jobs *j, const job_id *id, bool cancel, http_reply *reply) {
  job_task *t = job_task_new(j, sizeof *t, reply);
  if (t == nullptr) return;
  t->task.kind = &ONE;
  t->id = *id;
  t->call.work = cancel ? cancel_work : get_work;
  t->call.done = one_done;
}

/* ---- GET /v1/jobs ---- */

typedef struct {
  job_task base; /* first */
  isize n;
  store_job jobs[LIST_MAX];
} list_task;

static store_status list_work(store *s, store_call *call) {
  list_task *l = (list_task *)((char *)call - offsetof(list_task, base.call));
  return store_list(s, l->jobs, LIST_MAX, &l->n);
}

/* What can be asked for here, up to the list of jobs itself. c null: jobs are off. */
static void offer_add(text_buf *json, const config *c) {
  text_buf_str(json, "{\"kinds\":");
  job_kinds_json_add(json, c);
  text_buf_str(json, ",\"upload_bytes_max\":");
  text_buf_number(json, c != nullptr ? (i64)c->upload_mb_max << 20 : 0);
  text_buf_str(json, ",\"jobs\":[");
}

/* A page asks before it offers anything: that is no error. */
static void off_reply(const http_request *request, bool jobs_root, http_reply *reply) {
  text_buf json = {0};
  http_reply_error(reply, 404, JOBS_OFF, request->has_body);
  if (!jobs_root || request->method != METHOD_GET) return;
  offer_add(&json, nullptr);
  text_buf_str(&json, "]}");
  if (json.failed) {
    free(json.at);
    return;
  }
  reply->status = 200;
  reply->content_type = "application/json";
  reply->why = reply->fixed = nullptr;
  reply->memory = json.at;
  reply->body_bytes = json.len;
}

static void list_done(store_call *call) {
  list_task *l = (list_task *)((char *)call - offsetof(list_task, base.call));
  const config *c = l->base.jobs->desc.config;
  text_buf json = {0};
  offer_add(&json, c);
  for (isize i = 0; i < l->n; i++) {
    if (i > 0) text_buf_str(&json, ",");
    job_json_add(&json, &l->jobs[i]);
    store_job_drop(&l->jobs[i]);
  }
  text_buf_str(&json, "]}");
  if (!l->base.gone && call->status == STORE_OK) {
    job_task_json(&l->base, 200, &json);
    return;
  }
  free(json.at);
  if (l->base.gone) {
    job_task_free(&l->base);
  } else {
    job_task_store_error(&l->base);
  }
}

static void list_reply(jobs *j, http_reply *reply) {
  list_task *l = (list_task *)job_task_new(j, sizeof *l, reply);
  if (l == nullptr) return;
  l->base.task.kind = &ONE;
  l->base.call.work = list_work;
  l->base.call.done = list_done;
}

/* ---- GET /v1/jobs/ID/result ---- */

typedef struct {
  job_task base;        /* first */
  http_request request; /* what file replies look at, kept in `bytes` */
  char name[32];        /* of the output; "": the first */
  u8 bytes[KEPT_BYTES];
} result_task;

/* Copy what the answer will need; false: headers larger than any honest client's. */
static bool request_keep(const http_request *from, result_task *r) {
  r->request.method = from->method;
  const nf_bytes fields[] = {
      from->range,         from->if_range,          from->if_match,
      from->if_none_match, from->if_modified_since, from->if_unmodified_since};
  nf_bytes *to[] = {
      &r->request.range,         &r->request.if_range,          &r->request.if_match,
      &r->request.if_none_match, &r->request.if_modified_since, &r->request.if_unmodified_since};
  isize used = 0;
  for (int i = 0; i < 6; i++) {
    if (fields[i].at == nullptr) continue;
    if (fields[i].len > KEPT_BYTES - used) return false;
    memcpy(r->bytes + used, fields[i].at, (size_t)fields[i].len);
    *to[i] = bytes_from(r->bytes + used, fields[i].len);
    used += fields[i].len;
  }
  return true;
}

static const job_output *output_find(const job_kind *kind, nf_bytes name) {
  for (const job_output *o = kind->outputs; o->name != nullptr; o++) {
    if (bytes_same(name, text(o->name))) return o;
  }
  return nullptr;
}

/* The file of the result that is called so, "" for the first, as the kind's own table has it:
 * nothing of the URL becomes part of a path. etag: written when it is there. no_memory: to tell. */
static const job_output *result_find(const store_job *job, const char *name, char *etag, size_t cap,
                                     bool *no_memory) {
  *no_memory = false;
  const job_kind *kind = job_kind_find(text(job->kind));
  if (kind == nullptr || job->result == nullptr) return nullptr;
  const job_output *found = nullptr;
  yyjson_doc *doc = yyjson_read(job->result, strlen(job->result), 0);
  *no_memory = doc == nullptr; /* it was JSON when it was stored */
  yyjson_val *files = yyjson_obj_get(yyjson_doc_get_root(doc), "files"), *file;
  size_t i, n;
  yyjson_arr_foreach(files, i, n, file) {
    const char *own = yyjson_get_str(yyjson_obj_get(file, "name"));
    const char *sha256 = yyjson_get_str(yyjson_obj_get(file, "sha256"));
    if (own == nullptr || sha256 == nullptr || found != nullptr) continue;
    if (name[0] != 0 && strcmp(name, own) != 0) continue;
    found = output_find(kind, text(own));
    snprintf(etag, cap, "\"%.64s\"", sha256);
  }
  yyjson_doc_free(doc);
  return found;
}

static void result_done(store_call *call) {
  result_task *r = (result_task *)((char *)call - offsetof(result_task, base.call));
  job_task *t = &r->base;
  if (t->gone) {
    job_task_free(t);
    return;
  }
  if (call->status != STORE_OK) {
    job_task_store_error(t);
    return;
  }
  if (t->job.state != JOB_DONE) {
    job_task_error(t, job_state_is_final(t->job.state) ? 404 : 409, "the job is not done");
    return;
  }
  http_reply reply;
  http_reply_begin(&reply);
  bool no_memory;
  const job_output *o =
      result_find(&t->job, r->name, reply.validator.etag, sizeof reply.validator.etag, &no_memory);
  if (no_memory) {
    job_task_error(t, 503, "no memory");
    return;
  }
  if (o == nullptr) {
    job_task_error(t, 404, "no such file in the result");
    return;
  }
  char path[JOB_PATH_BYTES], name[96];
  snprintf(name, sizeof name, "%s/%lld/%s", t->id.hex, (long long)t->job.fence, o->name);
  jobs_path(t->jobs, "results", name, path);
  struct stat facts;
  reply.file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (reply.file < 0 || fstat(reply.file, &facts) != 0) {
    bool ours = platform_fault(errno);
    http_reply_drop(&reply);
    job_task_error(t, ours ? 503 : 404,
                   ours ? "the file cannot be opened now" : "the file was removed");
    return;
  }
  reply.content_type = o->type;
  reply.disposition = o->disposition;
  reply.cache_control = "private, no-cache";
  reply.body_bytes = facts.st_size;
  file_reply_finish(&r->request, &reply);
  http_task_answer(&t->task, &reply);
  job_task_free(t);
}

static void result_reply(jobs *j, const job_id *id, nf_bytes name, const http_request *request,
                         http_reply *reply) {
  result_task *r = (result_task *)job_task_new(j, sizeof *r, reply);
  if (r == nullptr) return;
  r->base.task.kind = &ONE;
  r->base.id = *id;
  r->base.call.work = get_work;
  r->base.call.done = result_done;
  bool fits = name.len < (isize)sizeof r->name && request_keep(request, r);
  if (!fits) r->request = (http_request){.method = request->method}; /* whole, or no such file */
  if (name.len < (isize)sizeof r->name) {
    memcpy(r->name, name.at, (size_t)name.len);
  } else {
    str_copy(r->name, sizeof r->name, "?");
  }
}

/* ---- which ---- */

static void method_refuse(const http_request *request, const char *allow, http_reply *reply) {
  http_reply_error(reply, 405, nullptr, request->has_body);
  reply->allow = allow;
}

static void job_reply(jobs *j, nf_bytes path, const http_request *request, http_reply *reply) {
  nf_bytes rest = path, id_text = bytes_take(&rest, '/');
  job_id id;
  bool reads = request->method == METHOD_GET;
  bool result = bytes_same(rest, text("result")) || bytes_begin(rest, "result/");
  if (!job_id_read(id_text, &id) ||
      (rest.len > 0 && !result && !bytes_same(rest, text("events")))) {
    http_reply_error(reply, 404, nullptr, request->has_body);
  } else if (rest.len == 0 && (reads || request->method == METHOD_DELETE)) {
    one_reply(j, &id, !reads, reply);
  } else if (rest.len == 0) {
    method_refuse(request, "GET, DELETE", reply);
  } else if (result && request->method <= METHOD_HEAD) {
    (void)bytes_take(&rest, '/');
    result_reply(j, &id, rest, request, reply);
  } else if (!result && reads) {
    job_stream_reply(j, &id, request, reply);
  } else {
    method_refuse(request, result ? "GET, HEAD" : "GET", reply);
  }
}

void jobs_reply(jobs *j, nf_bytes path, const http_request *request, http_reply *reply) {
  bool writes = request->method > METHOD_HEAD;
  bool jobs_root = bytes_same(path, text("/jobs")), uploads = bytes_same(path, text("/uploads"));
  bool tus = job_tus_meant(path, request); /* has its own rule of what is another site's */
  if (j == nullptr) {
    off_reply(request, jobs_root, reply);
  } else if (j->desc.tokens->n > 0 &&
             token_matches(j->desc.tokens, request->authorization) == nullptr) {
    http_reply_error(reply, 401, "a token is needed", request->has_body);
  } else if (writes && !tus && http_origin_is_foreign(request)) {
    http_reply_error(reply, 403, "this looks like a request of another site's page", true);
  } else if (j->stopping) {
    http_reply_error(reply, 503, "the server is stopping", true);
  } else if (tus) {
    job_tus_reply(j, path, request, reply);
  } else if (jobs_root && request->method == METHOD_POST) {
    post_reply(j, request, reply);
  } else if (jobs_root && request->method == METHOD_GET) {
    list_reply(j, reply);
  } else if (uploads && request->method == METHOD_POST) {
    job_upload_reply(j, request, reply);
  } else if (jobs_root || uploads) {
    method_refuse(request, jobs_root ? "GET, POST" : "POST", reply);
  } else if (bytes_begin(path, "/jobs/")) {
    job_reply(j, bytes_after(path, (isize)strlen("/jobs/")), request, reply);
  } else {
    http_reply_error(reply, 404, nullptr, request->has_body);
  }
}
