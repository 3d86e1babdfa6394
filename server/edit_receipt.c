/* See edit_receipt.h. */
#include "server/edit_receipt.h"

const char *edit_outcome_name(edit_outcome outcome) {
  static const char *const names[N_TRY_OUTCOMES] = {"ok",      "lost",    "no_memory", "refused",
                                                    "network", "timeout", "cancelled"};
  return names[outcome];
}

const char *edit_place_name(nf_place place) {
  return place == NF_ON_DEVICE ? "native" : place == NF_IN_CLOUD ? "upstream" : "nowhere";
}

static void number_add(text_buf *out, const char *name, double value, int digits) {
  char number[64];
  int n = snprintf(number, sizeof number, ",\"%s\":%.*f", name, digits, value);
  text_buf_add(out, bytes_from(number, n));
}

static void count_add(text_buf *out, const char *name, i64 value) {
  text_buf_str(out, ",\"");
  text_buf_str(out, name);
  text_buf_str(out, "\":");
  text_buf_number(out, value);
}

static void adapter_write(const edit_receipt *r, text_buf *out) {
  text_buf_str(out, "\",\"backendWhy\":\"asked\",\"replacedKernels\":\"\",\"adapter\":");
  if (r->adapter_name == nullptr) {
    text_buf_str(out, "null");
  } else {
    text_buf_str(out, "{\"name\":");
    text_buf_json(out, text(r->adapter_name), true);
    text_buf_str(out, ",\"sha256\":\"");
    text_buf_hex(out, r->adapter_sha256, 32);
    text_buf_str(out, "\"}");
  }
  text_buf_str(out, ",\"adapterProblem\":");
  text_buf_json(out, text(r->adapter_problem != nullptr ? r->adapter_problem : ""), true);
}

static void attempts_write(const edit_receipt *r, text_buf *out) {
  text_buf_str(out, ",\"attempts\":[");
  for (int i = 0; i < r->n_attempts; i++) {
    const edit_attempt *a = &r->attempts[i];
    text_buf_str(out, i == 0 ? "" : ",");
    text_buf_str(out, "{\"source\":\"server\",\"backend\":\"");
    text_buf_str(out, edit_place_name(a->place));
    text_buf_str(out, "\",\"outcome\":\"");
    text_buf_str(out, edit_outcome_name(a->outcome));
    text_buf_str(out, "\"");
    number_add(out, "ms", a->ms, 3);
    text_buf_str(out, "}");
  }
  text_buf_str(out, "]");
}

void edit_receipt_write(const edit_receipt *receipt, text_buf *out) {
  const nf_receipt *r = &receipt->counts;
  text_buf_str(out, ",\"receipt\":{\"source\":\"server\",\"backend\":\"");
  text_buf_str(out, edit_place_name(receipt->place));
  adapter_write(receipt, out);
  text_buf_str(out, ",\"model\":{\"id\":");
  text_buf_json(out, text(receipt->model_id), true);
  text_buf_str(out, ",\"sha256\":\"");
  if (receipt->sha256 != nullptr) text_buf_hex(out, receipt->sha256, 32);
  text_buf_str(out, "\"}");
  number_add(out, "queueMs", r->queue_ms, 3);
  number_add(out, "firstTokenMs", r->first_token_ms, 3);
  number_add(out, "totalMs", r->total_ms, 3);
  count_add(out, "inputTokens", r->input_tokens);
  count_add(out, "cachedTokens", r->cached_tokens);
  count_add(out, "outputTokens", r->output_tokens);
  count_add(out, "passes", r->passes);
  count_add(out, "drafted", r->drafted);
  count_add(out, "accepted", r->accepted);
  count_add(out, "forced", r->forced);
  count_add(out, "bytesSent", receipt->bytes_sent);
  number_add(out, "costUsd", (double)receipt->cost_micro / 1e6, 6);
  text_buf_str(out, ",\"why\":");
  text_buf_json(out, text(receipt->why), true);
  attempts_write(receipt, out);
  text_buf_str(out, "}");
}
