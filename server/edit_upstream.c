/* See edit_upstream.h. */
#include "server/edit_upstream.h"

#include "server/edit_json.h"

/* More than one answer to the same question wants some chance; one wants none. */
static const double VERSIONS_TEMPERATURE = 0.8;
enum { TOKENS_MORE = 64 }; /* an answer may be that much longer than the caption has bytes */

static const char *role_of(nf_role role) {
  return role == NF_SYSTEM ? "system" : role == NF_USER ? "user" : "assistant";
}

static i64 tokens_max_of(const nf_edit_desc *desc, const config_upstream_model *model) {
  i64 most = desc->text.len + TOKENS_MORE;
  return model->output_tokens_max > 0 && model->output_tokens_max < most ? model->output_tokens_max
                                                                         : most;
}

/* Choices asked for, and the most of an answer that are looked at. */
static i64 n_asked(const nf_edit_desc *desc) { return desc->n_variants > 1 ? desc->n_variants : 1; }

bool edit_upstream_ask(nf_remote *remote, const nf_edit_desc *desc,
                       const config_upstream_model *model, upstream_request *r) {
  nf_message messages[NF_REMOTE_MESSAGES_MAX];
  int n_messages = nf_remote_messages(remote, messages);
  i64 n = n_asked(desc), tokens = tokens_max_of(desc, model);
  yyjson_mut_doc *doc = yyjson_mut_doc_new(nullptr);
  yyjson_mut_val *root = yyjson_mut_obj(doc);
  yyjson_mut_doc_set_root(doc, root);
  yyjson_mut_obj_add_str(doc, root, "model", model->model);
  yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "messages");
  for (int i = 0; i < n_messages; i++) {
    yyjson_mut_val *one = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_str(doc, one, "role", role_of(messages[i].role));
    yyjson_mut_obj_add_strn(doc, one, "content", (const char *)messages[i].text.at,
                            (size_t)messages[i].text.len);
  }
  yyjson_mut_obj_add_real(doc, root, "temperature", n > 1 ? VERSIONS_TEMPERATURE : 0);
  yyjson_mut_obj_add_int(doc, root, "max_tokens", tokens);
  if (n > 1) yyjson_mut_obj_add_int(doc, root, "n", n);
  size_t bytes = 0;
  char *body = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &bytes);
  yyjson_mut_doc_free(doc);
  if (body == nullptr) return false;
  *r = (upstream_request){.body = body,
                          .body_bytes = (isize)bytes,
                          .n = n,
                          .input_tokens_max = (i64)bytes,
                          .output_tokens_max = tokens * n};
  return true;
}

/* ---- the answer ---- */

static nf_bytes text_of(yyjson_val *value) {
  return yyjson_is_str(value) ? bytes_from(yyjson_get_str(value), (isize)yyjson_get_len(value))
                              : (nf_bytes){0};
}

/* One choice, handed on. */
static edit_answer choice_take(nf_remote *remote, yyjson_val *choice) {
  yyjson_val *message = yyjson_obj_get(choice, "message");
  yyjson_val *end = yyjson_obj_get(choice, "finish_reason");
  nf_bytes content = text_of(yyjson_obj_get(message, "content"));
  bool declined = text_of(yyjson_obj_get(message, "refusal")).len > 0 ||
                  yyjson_equals_str(end, "content_filter");
  if (declined) return ANSWER_DECLINED;
  if (content.len == 0) return ANSWER_EMPTY;
  nf_remote_take(remote, content, yyjson_equals_str(end, "stop"));
  return ANSWER_HELD;
}

edit_answer edit_upstream_take(nf_remote *remote, const nf_edit_desc *desc, nf_bytes body,
                               text_buf *out) {
  nf_error error;
  yyjson_doc *doc = yyjson_read((const char *)body.at, (size_t)body.len, YYJSON_READ_NOFLAG);
  yyjson_val *choices = yyjson_obj_get(yyjson_doc_get_root(doc), "choices"), *one;
  edit_answer first = ANSWER_EMPTY;
  bool taken = false;
  out->failed = out->failed || doc == nullptr; /* it was JSON when upstream_said came */
  if (nf_remote_begin(remote, desc, &error) == NF_OK && !nf_remote_settled(remote)) {
    yyjson_arr_iter all = yyjson_arr_iter_with(choices);
    i64 n = n_asked(desc);
    for (i64 i = 0; i < n && (one = yyjson_arr_iter_next(&all)) != nullptr; i++) {
      edit_answer kind = choice_take(remote, one);
      if (i == 0) first = kind;
      taken = taken || kind == ANSWER_HELD;
    }
  }
  yyjson_doc_free(doc);
  if (!taken) return first;
  return edit_json_write_remote(remote, out) ? ANSWER_HELD : ANSWER_UNFIT;
}
