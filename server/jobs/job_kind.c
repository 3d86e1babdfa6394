/* See job_kind.h. */
#include "server/jobs/job_kind.h"

#include "server/store/store.h"
#include "server/text_buf.h"
#include "yyjson.h"

static const job_option TRANSCRIBE_OPTIONS[] = {
    {.name = "language", .type = OPTION_TEXT}, /* "en"; absent: found out */
    {.name = "vad", .type = OPTION_BOOL},      /* voice-activity filter [true] */
    {.name = nullptr}};
static const job_output TRANSCRIBE_OUTPUTS[] = {
    {"captions.srt", "application/x-subrip; charset=utf-8",
     "attachment; filename=\"captions.srt\""},
    {"captions.vtt", "text/vtt; charset=utf-8", "attachment; filename=\"captions.vtt\""},
    {nullptr, nullptr, nullptr}};

/* The first of each is the default (workers/render/request.c). */
static const char *const MODES[] = {"burn-in", "soft", nullptr};
static const char *const CONTAINERS[] = {"mp4", "mkv", "webm", nullptr};
static const char *const PRESETS[] = {"balanced", "fast", "small", nullptr};
static const char *const SIZES[] = {"medium", "small", "large", nullptr};
static const job_option RENDER_OPTIONS[] = {
    {.name = "captions", .type = OPTION_UPLOAD, .needed = true}, /* SRT or WebVTT */
    {.name = "mode", .type = OPTION_CHOICE, .choices = MODES},
    {.name = "container", .type = OPTION_CHOICE, .choices = CONTAINERS},
    {.name = "preset", .type = OPTION_CHOICE, .choices = PRESETS},
    {.name = "size", .type = OPTION_CHOICE, .choices = SIZES}, /* of the letters */
    {.name = nullptr}};
static const job_output RENDER_OUTPUTS[] = {
    {"captioned.mp4", "video/mp4", "attachment; filename=\"captioned.mp4\""},
    {"captioned.mkv", "video/x-matroska", "attachment; filename=\"captioned.mkv\""},
    {"captioned.webm", "video/webm", "attachment; filename=\"captioned.webm\""},
    {nullptr, nullptr, nullptr}};

static const job_kind KINDS[] = {
    {.name = "transcribe",
     .mend = "no transcriber is set up: run './dev transcribe' and start with --transcribe FOLDER",
     .options = TRANSCRIBE_OPTIONS,
     .outputs = TRANSCRIBE_OUTPUTS,
     .keeps = true,
     .folder_at = offsetof(config, transcribe)},
    {.name = "render",
     .mend = "no renderer is set up: run './dev render' and start with --render FOLDER",
     .options = RENDER_OPTIONS,
     .outputs = RENDER_OUTPUTS,
     .one_output = true,
     .keeps = true,
     .folder_at = offsetof(config, render)},
};
enum { N_KINDS = sizeof KINDS / sizeof KINDS[0] };
static_assert(N_KINDS <= JOB_KINDS_MAX, "jobs.kinds has room");

const job_kind *job_kind_find(nf_bytes name) {
  for (int i = 0; i < N_KINDS; i++) {
    if (bytes_same(name, text(KINDS[i].name))) return &KINDS[i];
  }
  return nullptr;
}

const job_kind *job_kind_at(int i) { return i < N_KINDS ? &KINDS[i] : nullptr; }

const char *job_kind_folder(const job_kind *kind, const config *c) {
  ASSERT(c != nullptr);
  const char *folder = (const char *)c + kind->folder_at;
  return folder[0] != 0 ? folder : nullptr;
}

const job_option *job_kind_upload(const job_kind *kind) {
  for (const job_option *o = kind->options; o->name != nullptr; o++) {
    if (o->type == OPTION_UPLOAD) return o;
  }
  return nullptr;
}

const char *job_kind_refusal(const job_kind *kind, const config *c) {
  if (c == nullptr) return JOBS_OFF;
  return job_kind_folder(kind, c) != nullptr || c->store[0] != 0 ? nullptr : kind->mend;
}

void job_kinds_json_add(text_buf *out, const config *c) {
  text_buf_str(out, "[");
  for (int i = 0; i < N_KINDS; i++) {
    const char *why = job_kind_refusal(&KINDS[i], c);
    text_buf_str(out, i > 0 ? ",{\"kind\":" : "{\"kind\":");
    text_buf_json(out, text(KINDS[i].name), true);
    text_buf_str(out, why == nullptr ? ",\"ready\":true,\"mend\":" : ",\"ready\":false,\"mend\":");
    if (why != nullptr) text_buf_json(out, text(why), true);
    if (why == nullptr) text_buf_str(out, "null");
    text_buf_str(out, "}");
  }
  text_buf_str(out, "]");
}

void job_kinds_runnable(const config *c, const char **names) {
  for (int i = 0; i < N_KINDS; i++) {
    if (job_kind_folder(&KINDS[i], c) != nullptr) *names++ = KINDS[i].name;
  }
  *names = nullptr;
}

/* ---- requests ---- */

static bool wrong(nf_error *error, const char *what, const char *expected) {
  snprintf(error->line, sizeof error->line, "%.60s: expected %s", what, expected);
  return false;
}

static nf_bytes string_of(yyjson_val *value) {
  return bytes_from(yyjson_get_str(value), (isize)yyjson_get_len(value));
}

/* {"upload": ID} or {"path": "talks/one.mp4"}. Whether it is there is asked later. */
static bool input_add(text_buf *out, yyjson_val *input, nf_error *error) {
  yyjson_val *upload = yyjson_obj_get(input, "upload"), *path = yyjson_obj_get(input, "path");
  job_id id;
  if (!yyjson_is_obj(input) || yyjson_obj_size(input) != 1) {
    return wrong(error, "input", "{\"upload\": ID} or {\"path\": FILE}");
  }
  text_buf_str(out, "{\"input\":{");
  if (yyjson_is_str(upload) && job_id_read(string_of(upload), &id)) {
    text_buf_str(out, "\"upload\":");
    text_buf_json(out, text(id.hex), true);
  } else if (yyjson_is_str(path) && yyjson_get_len(path) > 0 && yyjson_get_len(path) < 1000 &&
             strlen(yyjson_get_str(path)) == yyjson_get_len(path)) {
    text_buf_str(out, "\"path\":");
    text_buf_json(out, string_of(path), true);
  } else {
    return wrong(error, "input", "{\"upload\": ID} or {\"path\": FILE}");
  }
  text_buf_str(out, "}");
  return true;
}

static bool text_is_plain(nf_bytes b) {
  for (isize i = 0; i < b.len; i++) {
    u8 c = ascii_lower(b.at[i]);
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return false;
  }
  return b.len >= 1 && b.len <= 32;
}

static bool choice_check(const job_option *o, yyjson_val *value, nf_error *error) {
  char expected[120] = "one of";
  size_t used = strlen(expected);
  for (const char *const *word = o->choices; *word != nullptr; word++) {
    if (yyjson_equals_str(value, *word)) return true;
    used += (size_t)snprintf(expected + used, sizeof expected - used, " \"%s\"", *word);
    ASSERT(used < sizeof expected);
  }
  return wrong(error, o->name, expected);
}

static bool option_check(const job_option *o, yyjson_val *value, nf_error *error) {
  job_id id;
  switch (o->type) {
    case OPTION_TEXT:
      return (yyjson_is_str(value) && text_is_plain(string_of(value))) ||
             wrong(error, o->name, "a word of letters, digits and '-'");
    case OPTION_BOOL: return yyjson_is_bool(value) || wrong(error, o->name, "true or false");
    case OPTION_CHOICE: return choice_check(o, value, error);
    case OPTION_UPLOAD: break;
  }
  yyjson_val *upload = yyjson_obj_get(value, "upload");
  return (yyjson_obj_size(value) == 1 && yyjson_is_str(upload) &&
          job_id_read(string_of(upload), &id)) ||
         wrong(error, o->name, "{\"upload\": ID}");
}

static bool option_add(text_buf *out, const job_option *o, yyjson_val *value, nf_error *error) {
  if (!option_check(o, value, error)) return false;
  text_buf_str(out, ",\"");
  text_buf_str(out, o->name);
  text_buf_str(out, "\":");
  if (o->type == OPTION_BOOL) {
    text_buf_str(out, yyjson_get_bool(value) ? "true" : "false");
  } else if (o->type == OPTION_UPLOAD) {
    text_buf_str(out, "{\"upload\":");
    text_buf_json(out, string_of(yyjson_obj_get(value, "upload")), true);
    text_buf_str(out, "}");
  } else {
    text_buf_json(out, string_of(value), true);
  }
  return true;
}

static bool request_write(yyjson_val *root, const job_kind **kind, text_buf *out, nf_error *error) {
  yyjson_val *name = yyjson_obj_get(root, "kind"), *key, *value;
  if (!yyjson_is_str(name)) return wrong(error, "kind", "\"transcribe\" or \"render\"");
  *kind = job_kind_find(string_of(name));
  if (*kind == nullptr) return wrong(error, "kind", "\"transcribe\" or \"render\"");
  if (!input_add(out, yyjson_obj_get(root, "input"), error)) return false;
  size_t i, n, n_used = 2;
  for (const job_option *o = (*kind)->options; o->name != nullptr; o++) {
    value = yyjson_obj_get(root, o->name);
    if (value == nullptr && o->needed) return wrong(error, o->name, "{\"upload\": ID}");
    if (value == nullptr) continue;
    if (!option_add(out, o, value, error)) return false;
    n_used++;
  }
  text_buf_str(out, "}");
  if (n_used == yyjson_obj_size(root)) return true;
  yyjson_obj_foreach(root, i, n, key, value) { /* which one is it? the first we do not know */
    const char *k = yyjson_get_str(key);
    bool known = !strcmp(k, "kind") || !strcmp(k, "input");
    for (const job_option *o = (*kind)->options; o->name != nullptr; o++)
      known |= !strcmp(k, o->name);
    if (known) continue;
    snprintf(error->line, sizeof error->line, "a field this kind of job does not have, the %zuth",
             i + 1);
    return false;
  }
  return wrong(error, "request", "each field once");
}

static int no_memory(nf_error *error) {
  snprintf(error->line, sizeof error->line, "no memory");
  return 503;
}

int job_request_read(nf_bytes body, const job_kind **kind, char **input, nf_error *error) {
  yyjson_read_err why;
  yyjson_doc *doc =
      yyjson_read_opts((char *)(uintptr_t)body.at, (size_t)body.len, 0, nullptr, &why);
  if (doc == nullptr && why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) return no_memory(error);
  if (doc == nullptr) {
    snprintf(error->line, sizeof error->line, "not JSON: %.100s at byte %zu", why.msg, why.pos);
    return 400;
  }
  text_buf out = {0};
  yyjson_val *root = yyjson_doc_get_root(doc);
  bool ok = yyjson_is_obj(root) ? request_write(root, kind, &out, error)
                                : wrong(error, "body", "a JSON object");
  text_buf_add(&out, bytes_from("", 1));
  yyjson_doc_free(doc);
  if (ok && !out.failed) {
    *input = out.at;
    return 0;
  }
  free(out.at);
  return ok ? no_memory(error) : 400;
}
