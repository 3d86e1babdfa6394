/* The Range header, for one range: pure arithmetic, no files. Several ranges in one header are
 * answered with the whole file, as RFC 9110 allows; nothing of ours needs them, and overlapping
 * ones are a known way to make a server work hard. */
#pragma once
#include "server/words.h"

typedef enum {
  RANGE_NONE, /* absent, malformed, another unit or several ranges: send everything */
  RANGE_PART, /* send [from, from + bytes) */
  RANGE_OUTSIDE, /* 416 */
} range_kind;

/* value       the header's value; .at null when absent
 * file_bytes  size of the representation, >= 0
 * from, bytes written only for RANGE_PART; 0 <= from, 1 <= bytes, from + bytes <= file_bytes
 * source      RFC 9110, 14.1.2 and 14.2 */
range_kind range_parse(nf_bytes value, i64 file_bytes, i64 *from, i64 *bytes);
