/* A finished edit as JSON, in the SDK's shape (sdk/src/types.ts: EditResult), but for its receipt.
 * Owns nothing. Of a session: on the engine's thread. */
#pragma once
#include "server/text_buf.h"

/* Each adds `"text":..., "verdict":..., "why":..., "changes":[...], "variants":[...]`, without
 * braces, to out; offsets in UTF-16 units. receipt: as nf_edit_result's. */
void edit_json_write(const nf_session *session, text_buf *out, nf_receipt *receipt);
/* false: none of the model's answers held (nf_remote_finish). */
bool edit_json_write_remote(nf_remote *remote, text_buf *out);
