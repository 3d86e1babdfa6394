/* See edit_request.h. */
#include "server/edit_request.h"

#include "server/config.h"

static const char *const KNOWN[] = {"model",      "task",     "text",       "format",     "context",
                                    "maxChars",   "maxLines", "maxCps",     "durationMs", "protect",
                                    "variants",   "seed",     "evenIfPoor", "priority",   "mode",
                                    "deadlineMs", nullptr};
static const char *const UNSUPPORTED[] = {"adapter", "key", "signal", nullptr};
static const char *const NONE[] = {nullptr};

/* The index of a text in a list; -1: it is none of them. */
static int choice_of(yyjson_val *value, const char *const *names) {
  for (int i = 0; names[i] != nullptr; i++) {
    if (yyjson_equals_str(value, names[i])) return i;
  }
  return -1;
}

static bool task_read(const json_object *root, edit_request *r) {
  yyjson_val *value = json_find(root, "task");
  nf_bytes name = yyjson_is_str(value) ? json_text_of(value) : text("");
  if (nf_task_from_name(name, &r->desc.task) == NF_OK) return true;
  return json_expected(root, "task", "fix, shorten, formal, casual, simple or rewrite", value);
}

static bool names_read(const json_object *root, edit_request *r) {
  static const char *const formats[] = {"srt", "vtt", nullptr};
  static const char *const priorities[] = {"now", "focus", "next", "idle", nullptr};
  yyjson_val *format = json_find(root, "format"), *priority = json_find(root, "priority");
  int i_format = format != nullptr ? choice_of(format, formats) : 0;
  int i_priority = priority != nullptr ? choice_of(priority, priorities) : 0;
  if (i_format < 0) return json_expected(root, "format", "srt or vtt", format);
  if (i_priority < 0) return json_expected(root, "priority", "now, focus, next or idle", priority);
  r->desc.format = (nf_caption_format)i_format;
  r->priority = i_priority;
  return true;
}

static bool context_read(const json_object *root, edit_request *r) {
  static const char *const known[] = {"before", "after", nullptr};
  yyjson_val *value = json_find(root, "context");
  if (value == nullptr) return true;
  if (!yyjson_is_obj(value)) return json_expected(root, "context", "an object", value);
  json_object context = {.object = value, .where = "context", .error = root->error};
  return json_names_check(&context, known, NONE) &&
         json_text(&context, "before", EDIT_BYTES_MAX, &r->desc.before) &&
         json_text(&context, "after", EDIT_BYTES_MAX, &r->desc.after);
}

static bool protect_read(const json_object *root, edit_request *r) {
  yyjson_val *list = json_find(root, "protect");
  if (list == nullptr) return true;
  size_t n = yyjson_arr_size(list);
  if (!yyjson_is_arr(list) || n > EDIT_PROTECT_MAX) {
    return json_expected(root, "protect", "an array of at most 256 strings", list);
  }
  for (size_t i = 0; i < n; i++) {
    yyjson_val *term = yyjson_arr_get(list, i);
    if (!yyjson_is_str(term)) return json_expected(root, "protect", "strings only", term);
    r->protect[i] = json_text_of(term);
  }
  r->desc.protect = r->protect;
  r->desc.n_protect = (int32_t)n;
  return true;
}

static bool mode_read(const json_object *root, edit_request *r) {
  yyjson_val *value = json_find(root, "mode");
  if (value == nullptr) return true;
  r->has_mode = yyjson_is_str(value) && config_mode_read(json_text_of(value), &r->mode);
  return r->has_mode ||
         json_expected(root, "mode",
                       "prefer_on_device, only_on_device, prefer_in_cloud or only_in_cloud", value);
}

static bool limits_read(const json_object *root, edit_request *r) {
  i64 chars = 0, lines = 0, duration = 0, variants = 1, seed = 0;
  bool ok = json_whole(root, "maxChars", 0, 100000, &chars) &&
            json_whole(root, "maxLines", 0, 1000, &lines) &&
            json_number(root, "maxCps", 0, 1000, &r->desc.max_cps) &&
            json_whole(root, "durationMs", 0, INT32_MAX, &duration) &&
            json_whole(root, "variants", 1, NF_VARIANTS_MAX, &variants) &&
            json_whole(root, "seed", 0, INT64_MAX, &seed) &&
            json_whole(root, "deadlineMs", 1, 3600000, &r->deadline_ms) &&
            json_bool(root, "evenIfPoor", &r->desc.even_if_poor);
  r->desc.max_chars = (int32_t)chars;
  r->desc.max_lines = (int32_t)lines;
  r->desc.duration_ms = (int32_t)duration;
  r->desc.n_variants = (int32_t)variants;
  r->desc.seed = (u64)seed;
  r->alone = yyjson_obj_get(root->object, "adapter") != nullptr; /* UNSUPPORTED: it says nothing */
  return ok;
}

bool edit_request_read(nf_bytes body, edit_request *r, api_error *error) {
  json_object root;
  if (!json_body_read(body, &r->doc, &root, error)) {
    r->doc = nullptr;
    return false;
  }
  return json_names_check(&root, KNOWN, UNSUPPORTED) && json_text(&root, "model", 256, &r->model) &&
         task_read(&root, r) && json_text(&root, "text", EDIT_BYTES_MAX, &r->desc.text) &&
         (r->desc.text.at != nullptr || json_expected(&root, "text", "a string", nullptr)) &&
         names_read(&root, r) && context_read(&root, r) && protect_read(&root, r) &&
         limits_read(&root, r) && mode_read(&root, r);
}

void edit_request_free(edit_request *r) { yyjson_doc_free(r->doc); }
