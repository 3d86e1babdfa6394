/* See models.h. */
#include "server/models.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "server/model_hash.h"
#include "server/static_file.h"

enum { MODELS_MAX = 256 };
static const char ADAPTERS_END[] = ".adapters"; /* of a folder's name, the model's stem before it */

typedef struct {
  char *name, *file; /* as in the URLs; an adapter's name is its model's */
  char *path; /* absolute */
  bool is_adapter;
  model_hash hash;
  enum { MODEL_HASHING, MODEL_READY, MODEL_FAILED, MODEL_GONE } state;
  bool seen; /* by the scan that runs now */
} model;

struct models {
  uv_loop_t *loop;
  server_log *log;
  model list[MODELS_MAX];
  int n;
  int n_jobs;
  _Atomic bool stop;
};

typedef struct {
  uv_work_t work;
  models *owner;
  int i_model;
  char *path;
  bool ok;
  model_hash hash;
  nf_error error;
} hash_job;

models *models_new(uv_loop_t *loop, server_log *log) {
  models *m = calloc(1, sizeof *m);
  if (m == nullptr) return nullptr;
  m->loop = loop;
  m->log = log;
  return m;
}

void models_stop(models *m) { atomic_store(&m->stop, true); }

void models_free(models *m) {
  if (m == nullptr) return;
  ASSERT(m->n_jobs == 0);
  for (int i = 0; i < m->n; i++) {
    free(m->list[i].name);
    free(m->list[i].file);
    free(m->list[i].path);
    model_hash_drop(&m->list[i].hash);
  }
  free(m);
}

/* ---- hashing in the background ---- */

static void job_run(uv_work_t *work) {
  hash_job *job = work->data;
  job->ok = model_hash_get(job->path, &job->owner->stop, &job->hash, &job->error);
}

static void job_done(uv_work_t *work, int status) {
  hash_job *job = work->data;
  models *m = job->owner;
  model *one = &m->list[job->i_model];
  m->n_jobs--;
  if (status == 0 && job->ok) {
    model_hash_drop(&one->hash);
    one->hash = job->hash;
    if (one->state == MODEL_HASHING) one->state = MODEL_READY;
    log_event(m->log, "model ready", one->name);
  } else {
    if (one->state == MODEL_HASHING) one->state = MODEL_FAILED;
    if (!atomic_load(&m->stop)) log_event(m->log, "model failed", job->error.line);
  }
  free(job);
}

static void hash_start(models *m, int i_model) {
  model *one = &m->list[i_model];
  one->state = MODEL_FAILED;
  hash_job *job = calloc(1, sizeof *job);
  if (job == nullptr) return;
  job->work.data = job;
  job->owner = m;
  job->i_model = i_model;
  job->path = one->path;
  if (uv_queue_work(m->loop, &job->work, job_run, job_done) != 0) {
    free(job);
    return;
  }
  one->state = MODEL_HASHING;
  m->n_jobs++;
}

/* ---- scanning ---- */

static bool fail(nf_error *error, const char *path, const char *why) {
  snprintf(error->line, sizeof error->line, "%.180s: %s", path, why);
  return false;
}

/* "Dir/SmolLM2.Q4_1.gguf" -> "smollm2.q4_1" */
static char *name_of(const char *file) {
  char *name = strdup(file);
  if (name == nullptr) return nullptr;
  size_t n = strlen(name);
  if (n > 5 && strcasecmp(name + n - 5, ".gguf") == 0) name[n - 5] = 0;
  for (char *at = name; *at != 0; at++) *at = (char)ascii_lower((u8)*at);
  return name;
}

/* name: of the model that the file is an adapter of; null: it is a model. */
static bool file_add(models *m, const char *given, const char *of, nf_error *error) {
  struct stat facts;
  char *path = realpath(given, nullptr);
  if (path == nullptr || stat(path, &facts) != 0) {
    free(path);
    return fail(error, given, strerror(errno));
  }
  /* the name the operator gave, not that of a link's target */
  const char *slash = strrchr(given, '/'), *given_file;
  given_file = slash != nullptr ? slash + 1 : given;
  char *name = of != nullptr ? strdup(of) : name_of(given_file);
  for (int i = 0; name != nullptr && i < m->n; i++) {
    model *one = &m->list[i];
    if (strcmp(one->name, name) != 0 || one->is_adapter != (of != nullptr)) continue;
    if (one->is_adapter && strcmp(one->file, given_file) != 0) continue;
    bool same = strcmp(one->path, path) == 0;
    free(name);
    free(path);
    if (!same) return fail(error, given, "another model has this name");
    one->seen = true;
    bool fresh = one->state == MODEL_HASHING ||
                 (one->state == MODEL_READY &&
                  file_identity_same(one->hash.identity, file_identity_of(&facts)));
    if (!fresh) hash_start(m, i);
    return true;
  }
  char *file = strdup(given_file);
  if (name == nullptr || file == nullptr || m->n == MODELS_MAX) {
    free(name);
    free(file);
    free(path);
    return fail(error, given, "too many models");
  }
  m->list[m->n] =
      (model){.name = name, .path = path, .file = file, .is_adapter = of != nullptr, .seen = true};
  hash_start(m, m->n++);
  return true;
}

/* path[PATH_MAX]: of the folder's next entry whose name ends so; false: there is none. */
static bool entry_next(DIR *folder, const char *folder_path, const char *end, char *path) {
  for (struct dirent *entry; (entry = readdir(folder)) != nullptr;) {
    if (entry->d_name[0] == '.' || !bytes_finish(text(entry->d_name), end)) continue;
    if (snprintf(path, PATH_MAX, "%s/%s", folder_path, entry->d_name) < PATH_MAX) return true;
  }
  return false;
}

static void folder_add(models *m, DIR *folder, const char *folder_path, const char *of) {
  char path[PATH_MAX];
  nf_error why;
  while (entry_next(folder, folder_path, ".gguf", path)) {
    if (!file_add(m, path, of, &why)) log_event(m->log, "model left out", why.line);
  }
}

/* What lies in "Dir/SmolLM2.Q4_1.adapters" belongs to the model smollm2.q4_1. No folder: none. */
static void adapters_add(models *m, const char *folder_path) {
  const char *slash = strrchr(folder_path, '/');
  char *of = name_of(slash != nullptr ? slash + 1 : folder_path);
  DIR *folder = of != nullptr ? opendir(folder_path) : nullptr;
  if (folder != nullptr) {
    of[strlen(of) - strlen(ADAPTERS_END)] = 0;
    folder_add(m, folder, folder_path, of);
    closedir(folder);
  }
  free(of);
}

bool models_scan(models *m, const char *path, nf_error *error) {
  struct stat facts;
  char adapters[PATH_MAX];
  if (stat(path, &facts) != 0) return fail(error, path, strerror(errno));
  if (!S_ISDIR(facts.st_mode)) {
    int n = (int)strlen(path) - (bytes_finish(text(path), ".gguf") ? 5 : 0);
    if (snprintf(adapters, sizeof adapters, "%.*s%s", n, path, ADAPTERS_END) < PATH_MAX) {
      adapters_add(m, adapters);
    }
    return file_add(m, path, nullptr, error);
  }
  DIR *folder = opendir(path);
  if (folder == nullptr) return fail(error, path, strerror(errno));
  folder_add(m, folder, path, nullptr);
  rewinddir(folder);
  while (entry_next(folder, path, ADAPTERS_END, adapters)) adapters_add(m, adapters);
  closedir(folder);
  return true;
}

void models_rescan_begin(models *m) {
  for (int i = 0; i < m->n; i++) m->list[i].seen = false;
}

void models_rescan_end(models *m) {
  for (int i = 0; i < m->n; i++) {
    if (!m->list[i].seen) m->list[i].state = MODEL_GONE;
  }
}

void models_count(const models *m, i64 *n, i64 *n_ready) {
  *n = *n_ready = 0;
  for (int i = 0; i < m->n; i++) {
    *n += m->list[i].state != MODEL_GONE;
    *n_ready += m->list[i].state == MODEL_READY;
  }
}

static bool is_adapter_of(const model *one, const model *base) {
  return one->is_adapter && one->state != MODEL_GONE && strcmp(one->name, base->name) == 0;
}

static bool adapters_hashing(const models *m, const model *base) {
  for (int i = 0; i < m->n; i++) {
    if (is_adapter_of(&m->list[i], base) && m->list[i].state == MODEL_HASHING) return true;
  }
  return false;
}

static models_entry entry_of(const models *m, const model *one) {
  models_entry entry = {.name = one->name,
                        .path = one->path,
                        .ready = one->state == MODEL_READY && !adapters_hashing(m, one),
                        .failed = one->state == MODEL_FAILED};
  memcpy(entry.sha256, one->hash.sha256, sizeof entry.sha256);
  return entry;
}

bool models_find(const models *m, const char *name, models_entry *entry) {
  const model *found = nullptr;
  for (int i = 0; i < m->n; i++) {
    const model *one = &m->list[i];
    if (one->state == MODEL_GONE || one->is_adapter) continue;
    if (name[0] != 0 && strcmp(one->name, name) != 0) continue;
    if (found == nullptr || strcmp(one->name, found->name) < 0) found = one;
  }
  if (found == nullptr) return false;
  *entry = entry_of(m, found);
  return true;
}

/* "fix.gguf" -> "fix" */
static nf_bytes task_of(const model *adapter) {
  return bytes_from(adapter->file, (isize)strlen(adapter->file) - 5);
}

bool models_adapter_find(const models *m, const char *name, const char *task, models_entry *entry) {
  for (int i = 0; i < m->n; i++) {
    const model *one = &m->list[i];
    if (!one->is_adapter || one->state != MODEL_READY || strcmp(one->name, name) != 0) continue;
    if (!bytes_same(task_of(one), text(task))) continue;
    *entry = entry_of(m, one);
    return true;
  }
  return false;
}

/* ---- replies ---- */

static void json_reply(text_buf *out, http_reply *reply) {
  if (out->failed) {
    free(out->at);
    http_reply_error(reply, 503, "no memory", true);
    return;
  }
  reply->content_type = "application/json";
  reply->cache_control = "no-cache";
  reply->memory = out->at;
  reply->body_bytes = out->len;
  reply->status = 200;
}

static void field_add(text_buf *out, const char *before, const char *value) {
  text_buf_str(out, before);
  text_buf_json(out, text(value), true);
}

static void size_add(text_buf *out, const model *one) {
  text_buf_str(out, ",\"bytes\":");
  text_buf_number(out, one->hash.identity.bytes);
  text_buf_str(out, ",\"sha256\":\"");
  text_buf_hex(out, one->hash.sha256, 32);
  text_buf_str(out, "\"");
}

static void head_add(text_buf *out, const model *one) {
  field_add(out, "{\"name\":", one->name);
  field_add(out, ",\"file\":", one->file);
  if (one->state == MODEL_READY) {
    size_add(out, one);
  } else {
    text_buf_str(out, ",\"bytes\":null,\"sha256\":null");
  }
}

static void list_reply(const models *m, http_reply *reply) {
  text_buf out = {0};
  text_buf_str(&out, "{\"models\":[");
  bool first = true;
  for (int i = 0; i < m->n; i++) {
    const model *one = &m->list[i];
    if (one->state == MODEL_GONE || one->is_adapter) continue;
    if (!first) text_buf_str(&out, ",");
    first = false;
    head_add(&out, one);
    char manifest[NAME_MAX + 64];
    snprintf(manifest, sizeof manifest, "/models/%s/manifest.json", one->name);
    field_add(&out, ",\"manifest\":", manifest);
    text_buf_str(&out, "}");
  }
  text_buf_str(&out, "]}\n");
  json_reply(&out, reply);
}

/* Those that cannot be read are left out: edits do without. */
static void adapters_list(text_buf *out, const models *m, const model *base) {
  const char *before = "{\"task\":";
  text_buf_str(out, ",\"adapters\":[");
  for (int i = 0; i < m->n; i++) {
    const model *one = &m->list[i];
    if (!is_adapter_of(one, base) || one->state != MODEL_READY) continue;
    text_buf_str(out, before);
    text_buf_json(out, task_of(one), true);
    field_add(out, ",\"file\":", one->file);
    size_add(out, one);
    text_buf_str(out, "}");
    before = ",{\"task\":";
  }
  text_buf_str(out, "]");
}

static void manifest_reply(const models *m, const model *one, http_reply *reply) {
  text_buf out = {0};
  head_add(&out, one);
  text_buf_str(&out, ",\"chunk_bytes\":");
  text_buf_number(&out, MODEL_CHUNK_BYTES);
  text_buf_str(&out, ",\"chunks\":[");
  for (isize i = 0; i < one->hash.n_chunks; i++) {
    text_buf_str(&out, i == 0 ? "\"" : ",\"");
    text_buf_hex(&out, one->hash.chunks[i], 32);
    text_buf_str(&out, "\"");
  }
  text_buf_str(&out, "]");
  adapters_list(&out, m, one);
  text_buf_str(&out, "}\n");
  json_reply(&out, reply);
}

static void file_reply(models *m, int i_model, const http_request *request, http_reply *reply) {
  model *one = &m->list[i_model];
  struct stat facts;
  reply->file = open(one->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (reply->file < 0 || fstat(reply->file, &facts) != 0) {
    bool gone = errno == ENOENT;
    http_reply_error(reply, gone ? 404 : 503, nullptr, !gone);
    return;
  }
  if (!file_identity_same(file_identity_of(&facts), one->hash.identity)) {
    hash_start(m, i_model);
    http_reply_error(reply, 503, "the model changed and is being read", false);
    reply->retry_after_s = 1;
    return;
  }
  reply->content_type = "application/octet-stream";
  reply->cache_control = "no-cache";
  reply->body_bytes = facts.st_size;
  char *at = reply->validator.etag;
  *at++ = '"';
  for (int i = 0; i < 32; i++) {
    *at++ = "0123456789abcdef"[one->hash.sha256[i] >> 4];
    *at++ = "0123456789abcdef"[one->hash.sha256[i] & 15];
  }
  *at++ = '"';
  *at = 0;
  reply->validator.modified_s = facts.st_mtim.tv_sec;
  file_reply_finish(request, reply);
}

void models_reply(models *m, nf_bytes path, const http_request *request, http_reply *reply) {
  if (path.len <= 1) {
    list_reply(m, reply);
    return;
  }
  nf_bytes rest = bytes_after(path, 1);
  isize slash = 0;
  while (slash < rest.len && rest.at[slash] != '/') slash++;
  nf_bytes name = bytes_from(rest.at, slash);
  nf_bytes file = slash < rest.len ? bytes_after(rest, slash + 1) : bytes_from("", 0);
  bool manifest = bytes_same(file, text("manifest.json"));
  for (int i = 0; i < m->n; i++) {
    const model *one = &m->list[i];
    if (one->state == MODEL_GONE || !bytes_same(name, text(one->name))) continue;
    if (manifest ? one->is_adapter : !bytes_same(file, text(one->file))) continue;
    if (one->state == MODEL_FAILED) {
      http_reply_error(reply, 503, "the model cannot be read", false);
      reply->retry_after_s = 30;
    } else if (one->state == MODEL_HASHING || (manifest && adapters_hashing(m, one))) {
      http_reply_error(reply, 503, "the model is being read", false);
      reply->retry_after_s = 1;
    } else if (manifest) {
      manifest_reply(m, one, reply);
    } else {
      file_reply(m, i, request, reply);
    }
    return;
  }
  http_reply_error(reply, 404, nullptr, false);
}
