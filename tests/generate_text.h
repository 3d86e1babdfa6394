/* A generation run to its end, for tests. Asserts instead of reporting. */
#pragma once
#include <string.h>

#include "cmocka_all.h"
#include "nearfield.h"

/* The whole text, closed by NUL; it must be shorter than cap. */
static inline void generate_text(nf_session *session, const nf_generate_desc *desc, char *out,
                                 int64_t cap) {
  nf_error error = {};
  int64_t len = 0;
  if (nf_generate_begin(session, desc, &error)) fail_msg("%s", error.line);
  for (nf_status status = NF_PENDING; status == NF_PENDING;) {
    nf_bytes piece;
    status = nf_generate_step(session, &piece, &error);
    assert_true(status >= 0 && len + piece.len < cap);
    if (piece.len > 0) memcpy(out + len, piece.at, (size_t)piece.len);
    len += piece.len;
  }
  out[len] = 0;
}
