/* Log-probabilities out of logits: what the gate compares. Owns nothing. */
#pragma once
#include "base/base.h"

/* log softmax(logits[n])[id], in nats. Error below 1e-4. */
f32 score_log_p(const f32 *logits, isize n, i32 id);
