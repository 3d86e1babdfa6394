/* See edit_json.h. */
#include "server/edit_json.h"

static void changes_write(const nf_change *changes, int n, text_buf *out) {
  text_buf_str(out, ",\"changes\":[");
  for (int i = 0; i < n; i++) {
    text_buf_str(out, i == 0 ? "{\"start\":" : ",{\"start\":");
    text_buf_number(out, changes[i].start16);
    text_buf_str(out, ",\"end\":");
    text_buf_number(out, changes[i].end16);
    text_buf_str(out, ",\"replacement\":");
    text_buf_json(out, changes[i].replacement, true);
    text_buf_str(out, "}");
  }
  text_buf_str(out, "]");
}

static void head_write(const nf_edit_result *result, text_buf *out) {
  static const char *const verdicts[] = {"unchanged", "changed", "unfit"};
  text_buf_str(out, "\"text\":");
  text_buf_json(out, result->text, true);
  text_buf_str(out, ",\"verdict\":\"");
  text_buf_str(out, verdicts[result->verdict]);
  text_buf_str(out, "\",\"why\":");
  text_buf_json(out, text(result->why), true);
  changes_write(result->changes, result->n_changes, out);
  text_buf_str(out, ",\"variants\":[");
}

static void variant_write(int i, const nf_variant *variant, text_buf *out) {
  text_buf_str(out, i == 0 ? "{\"text\":" : ",{\"text\":");
  text_buf_json(out, variant->text, true);
  changes_write(variant->changes, variant->n_changes, out);
  text_buf_str(out, ",\"why\":");
  text_buf_json(out, text(variant->why), true);
  text_buf_str(out, "}");
}

void edit_json_write(const nf_session *session, text_buf *out, nf_receipt *receipt) {
  nf_edit_result result;
  nf_edit_result_get(session, &result);
  *receipt = result.receipt;
  head_write(&result, out);
  for (int i = 0; i < result.n_variants; i++) {
    nf_variant variant;
    nf_edit_variant_get(session, i, &variant);
    variant_write(i, &variant, out);
  }
  text_buf_str(out, "]");
}

bool edit_json_write_remote(nf_remote *remote, text_buf *out) {
  nf_edit_result result;
  bool held = nf_remote_finish(remote, &result);
  head_write(&result, out);
  for (int i = 0; i < result.n_variants; i++) {
    nf_variant variant;
    nf_remote_variant_get(remote, i, &variant);
    variant_write(i, &variant, out);
  }
  text_buf_str(out, "]");
  return held;
}
