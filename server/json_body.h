/* A request's body as JSON: read once with yyjson, then looked at member by member, each with its
 * kind and range. What is wrong becomes one api_error that names the place; the first one stays.
 * Owns nothing: texts borrow the document. Numbers are whole where a whole one is asked for.
 * source RFC 8259 */
#pragma once
#include "server/api_error.h"
#include "yyjson.h"

enum { JSON_BODY_DEPTH_MAX = 16 };

/* One object, and where it stands: "" or "messages[2]". */
typedef struct {
  yyjson_val *object;
  const char *where;
  api_error *error;
} json_object;

/* The whole body, which must be one object. *doc goes back with yyjson_doc_free. false: error is
 * set: no JSON, not UTF-8, nested deeper than JSON_BODY_DEPTH_MAX, a name twice in an object. */
bool json_body_read(nf_bytes body, yyjson_doc **doc, json_object *root, api_error *error);

/* Refuse members that are in neither list, each a null-terminated array of names; those of
 * `unsupported` are refused as such unless they are null, false, or empty. */
bool json_names_check(const json_object *o, const char *const *known,
                      const char *const *unsupported);
/* A member's value; null where it is absent or null. */
yyjson_val *json_find(const json_object *o, const char *name);
/* error about a member: "NAME: expected WHAT, got KIND". Returns false. */
bool json_expected(const json_object *o, const char *name, const char *what, yyjson_val *got);

/* Each leaves *out alone where the member is absent. false: it is of another kind or out of range.
 * *_max of texts: bytes. */
bool json_text(const json_object *o, const char *name, isize bytes_max, nf_bytes *out);
bool json_whole(const json_object *o, const char *name, i64 min, i64 max, i64 *out);
bool json_number(const json_object *o, const char *name, double min, double max, float *out);
bool json_bool(const json_object *o, const char *name, bool *out);
/* The text of a value known to be one. */
nf_bytes json_text_of(yyjson_val *value);
