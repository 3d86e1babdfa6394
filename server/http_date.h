/* HTTP dates ("Sun, 06 Nov 1994 08:49:37 GMT"), without the locale and without libc's tables. */
#pragma once
#include "server/words.h"

constexpr isize HTTP_DATE_BYTES = 29;

/* Writes exactly HTTP_DATE_BYTES characters, no NUL. seconds: since 1970, 0 .. year 9999.
 * source RFC 9110, 5.6.7, IMF-fixdate */
void http_date_write(i64 seconds, char out[29]);
/* The same form back; false for anything else (the two obsolete forms included: a validator we
 * never sent). */
bool http_date_read(nf_bytes date, i64 *seconds);
