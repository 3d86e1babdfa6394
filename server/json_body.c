/* See json_body.h. */
#include "server/json_body.h"

/* Brackets outside of strings: how deep they go, whether they match is the parser's business. */
static int depth_of(nf_bytes body) {
  int depth = 0, most = 0;
  bool in_string = false;
  for (isize i = 0; i < body.len; i++) {
    u8 c = body.at[i];
    if (in_string) {
      if (c == '\\') i++;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > most) most = depth;
    } else if (c == '}' || c == ']') {
      depth--;
    }
  }
  return most;
}

/* A name that stands twice in one object means two things to two readers. Every member is compared
 * with those before it, so there are few. */
enum { MEMBERS_MAX = 128 };
static bool names_unique(yyjson_val *value) {
  yyjson_val *key;
  yyjson_val *element;
  if (yyjson_is_obj(value)) {
    if (yyjson_obj_size(value) > MEMBERS_MAX) return false;
    yyjson_obj_iter members = yyjson_obj_iter_with(value);
    while ((key = yyjson_obj_iter_next(&members)) != nullptr) {
      yyjson_val *first = yyjson_obj_getn(value, yyjson_get_str(key), yyjson_get_len(key));
      if (first != yyjson_obj_iter_get_val(key) || !names_unique(first)) return false;
    }
  } else if (yyjson_is_arr(value)) {
    yyjson_arr_iter elements = yyjson_arr_iter_with(value);
    while ((element = yyjson_arr_iter_next(&elements)) != nullptr) {
      if (!names_unique(element)) return false;
    }
  }
  return true;
}

static bool body_fail(yyjson_doc *doc, api_error *error, const char *line) {
  yyjson_doc_free(doc);
  return api_error_set(error, 400, "invalid_json", nullptr, "%s", line);
}

bool json_body_read(nf_bytes body, yyjson_doc **doc, json_object *root, api_error *error) {
  yyjson_read_err why;
  if (body.len == 0) return body_fail(nullptr, error, "the body is empty: expected a JSON object");
  if (depth_of(body) > JSON_BODY_DEPTH_MAX) {
    return body_fail(nullptr, error, "the body is nested deeper than 16 levels");
  }
  /* without YYJSON_READ_INSITU the bytes are only read */
  *doc = yyjson_read_opts((char *)(uintptr_t)body.at, (size_t)body.len, YYJSON_READ_NOFLAG, nullptr,
                          &why);
  if (*doc == nullptr && why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
    return api_error_set(error, 503, "no_memory", nullptr, "no memory");
  }
  if (*doc == nullptr) {
    return api_error_set(error, 400, "invalid_json", nullptr, "the body is no JSON: %s at byte %zu",
                         why.msg, why.pos);
  }
  yyjson_val *object = yyjson_doc_get_root(*doc);
  if (!yyjson_is_obj(object)) return body_fail(*doc, error, "the body: expected a JSON object");
  if (!names_unique(object))
    return body_fail(*doc, error, "a name stands twice in one object, or it has over 128");
  *root = (json_object){.object = object, .where = "", .error = error};
  return true;
}

/* "messages[2]" and "content" -> "messages[2].content" */
static void place_of(const json_object *o, const char *name, char place[64]) {
  snprintf(place, 64, "%s%s%.40s", o->where, o->where[0] != 0 && name[0] != 0 ? "." : "", name);
}

static bool listed(const char *const *names, nf_bytes name) {
  for (; *names != nullptr; names++) {
    if (bytes_same(text(*names), name)) return true;
  }
  return false;
}

static bool says_nothing(yyjson_val *value) {
  return yyjson_is_null(value) || yyjson_is_false(value) ||
         (yyjson_is_ctn(value) && yyjson_get_len(value) == 0);
}

bool json_names_check(const json_object *o, const char *const *known,
                      const char *const *unsupported) {
  yyjson_obj_iter members = yyjson_obj_iter_with(o->object);
  yyjson_val *key;
  while ((key = yyjson_obj_iter_next(&members)) != nullptr) {
    nf_bytes name = json_text_of(key);
    if (listed(known, name)) continue;
    bool other = listed(unsupported, name);
    if (other && says_nothing(yyjson_obj_iter_get_val(key))) continue;
    char printed[41], place[64];
    snprintf(printed, sizeof printed, "%.*s", (int)(name.len < 40 ? name.len : 40), name.at);
    place_of(o, printed, place);
    if (other) {
      return api_error_set(o->error, 400, "unsupported_parameter", place,
                           "%s: this server does not support it", place);
    }
    return api_error_set(o->error, 400, "unknown_parameter", place, "%s: there is no such field",
                         place);
  }
  return true;
}

yyjson_val *json_find(const json_object *o, const char *name) {
  yyjson_val *value = yyjson_obj_get(o->object, name);
  return yyjson_is_null(value) ? nullptr : value;
}

bool json_expected(const json_object *o, const char *name, const char *what, yyjson_val *got) {
  char place[64];
  place_of(o, name, place);
  if (got == nullptr) {
    return api_error_set(o->error, 400, "missing_required_parameter", place,
                         "%s is missing: expected %s", place, what);
  }
  return api_error_set(o->error, 400, "invalid_value", place, "%s: expected %s, got %s", place,
                       what, yyjson_is_num(got) ? "another number" : yyjson_get_type_desc(got));
}

nf_bytes json_text_of(yyjson_val *value) {
  return bytes_from(yyjson_get_str(value), (isize)yyjson_get_len(value));
}

bool json_text(const json_object *o, const char *name, isize bytes_max, nf_bytes *out) {
  yyjson_val *value = json_find(o, name);
  if (value == nullptr) return true;
  if (!yyjson_is_str(value)) return json_expected(o, name, "a string", value);
  if ((isize)yyjson_get_len(value) > bytes_max) {
    char what[64];
    snprintf(what, sizeof what, "at most %td bytes", bytes_max);
    return json_expected(o, name, what, value);
  }
  *out = json_text_of(value);
  return true;
}

bool json_whole(const json_object *o, const char *name, i64 min, i64 max, i64 *out) {
  yyjson_val *value = json_find(o, name);
  if (value == nullptr) return true;
  bool fits = yyjson_is_uint(value) ? yyjson_get_uint(value) <= (u64)INT64_MAX : true;
  if (!yyjson_is_int(value) || !fits || yyjson_get_sint(value) < min ||
      yyjson_get_sint(value) > max) {
    char what[80];
    snprintf(what, sizeof what, "a whole number from %lld to %lld", (long long)min, (long long)max);
    return json_expected(o, name, what, value);
  }
  *out = yyjson_get_sint(value);
  return true;
}

bool json_number(const json_object *o, const char *name, double min, double max, float *out) {
  yyjson_val *value = json_find(o, name);
  if (value == nullptr) return true;
  double number = yyjson_get_num(value);
  if (!yyjson_is_num(value) || !(number >= min && number <= max)) {
    char what[80];
    snprintf(what, sizeof what, "a number from %g to %g", min, max);
    return json_expected(o, name, what, value);
  }
  *out = (float)number;
  return true;
}

bool json_bool(const json_object *o, const char *name, bool *out) {
  yyjson_val *value = json_find(o, name);
  if (value == nullptr) return true;
  if (!yyjson_is_bool(value)) return json_expected(o, name, "true or false", value);
  *out = yyjson_get_bool(value);
  return true;
}
