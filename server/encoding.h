/* Accept-Encoding: which of the ready-made variants of a file the client wants. Pure. The
 * identity form is always at hand and always allowed as the last resort (RFC 9110, 12.5.3). */
#pragma once
#include "server/words.h"

/* Weights 0..1000 of the two codings we may hold beside a file; 0: do not send it. */
typedef struct {
  int br, gzip;
} encoding_wish;

/* An absent header (.at null) or a malformed one wants neither. Codings that the client ranks
 * below identity count as 0. source RFC 9110, 12.4.2 and 12.5.3 */
encoding_wish encoding_parse(nf_bytes accept_encoding);
