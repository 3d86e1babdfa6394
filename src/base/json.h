/* JSON read in place: a text is checked as a whole once, then walked member by member. For the
 * small files that come beside weights (a safetensors head, an adapter's configuration).
 *
 * Owns nothing: values borrow the text. Does NOT decode escapes (a string is handed out as it
 * stands between its quotes), write JSON, or keep big numbers exact.
 * Source: RFC 8259. */
#pragma once
#include "base/base.h"

constexpr isize JSON_DEPTH_MAX = 32;

typedef enum : u8 {
  JSON_NULL,
  JSON_BOOL,
  JSON_NUMBER,
  JSON_STRING, /* text: between the quotes */
  JSON_ARRAY,  /* text: between the brackets, as of objects */
  JSON_OBJECT,
} json_kind;

typedef struct {
  json_kind kind;
  nf_bytes text; /* well-formed: json_read has seen it */
} json_value;

/* The whole text as one value, blanks around it allowed. UTF-8 is the caller's to check.
 * errors NF_BAD_INPUT no JSON, or nested deeper than JSON_DEPTH_MAX; *at: the byte it broke at */
[[nodiscard]] nf_status json_read(nf_bytes text, json_value *value, isize *at);

/* Take the next member of an object, or element of an array, from the front of *rest, which
 * starts as the value's text. false: there is none. */
bool json_member_next(nf_bytes *rest, nf_bytes *key, json_value *value);
bool json_element_next(nf_bytes *rest, json_value *value);
/* The first member of that name; false: none, or no object. */
bool json_member(json_value object, const char *key, json_value *value);

/* Numbers. false: another kind, or for u64 not a whole number from 0 to 2^63 - 1 in digits only. */
bool json_u64(json_value value, u64 *out);
bool json_f64(json_value value, f64 *out); /* to about 1e-14; out of range gives infinity or 0 */
/* The number that a text begins with, e.g. of "2.0 (alpha 64)"; false: none does. */
bool json_leading_f64(nf_bytes text, f64 *out);
