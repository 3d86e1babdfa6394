/* See upstream_request.h. */
#include "server/upstream/upstream_request.h"

static const char *const KNOWN[] = {"model",
                                    "messages",
                                    "stream",
                                    "stream_options",
                                    "n",
                                    "stop",
                                    "seed",
                                    "temperature",
                                    "top_p",
                                    "max_tokens",
                                    "max_completion_tokens",
                                    "presence_penalty",
                                    "frequency_penalty",
                                    "response_format",
                                    "tools",
                                    "tool_choice",
                                    "parallel_tool_calls",
                                    "functions",
                                    "function_call",
                                    "logprobs",
                                    "top_logprobs",
                                    "logit_bias",
                                    "reasoning_effort",
                                    "verbosity",
                                    "user",
                                    "metadata",
                                    "store",
                                    "safety_identifier",
                                    "prompt_cache_key",
                                    nullptr};
static const char *const UNSUPPORTED[] = {"modalities",         "audio",        "prediction",
                                          "web_search_options", "service_tier", nullptr};

/* A message's content is text: a string, null, or parts of type text. */
static bool content_check(const json_object *message) {
  yyjson_val *content = json_find(message, "content"), *part;
  if (content == nullptr || yyjson_is_str(content)) return true;
  yyjson_arr_iter parts = yyjson_arr_iter_with(content);
  bool good = yyjson_is_arr(content);
  while (good && (part = yyjson_arr_iter_next(&parts)) != nullptr) {
    yyjson_val *type = yyjson_obj_get(part, "type");
    good = yyjson_equals_str(type, "text") || yyjson_equals_str(type, "refusal");
  }
  return good || json_expected(message, "content", "a string, or parts of type text", content);
}

static bool messages_check(const json_object *root) {
  yyjson_val *list = json_find(root, "messages"), *one;
  if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0) {
    return json_expected(root, "messages", "an array of messages", list);
  }
  yyjson_arr_iter all = yyjson_arr_iter_with(list);
  for (size_t i = 0; (one = yyjson_arr_iter_next(&all)) != nullptr; i++) {
    char where[32];
    snprintf(where, sizeof where, "messages[%zu]", i);
    json_object message = {.object = one, .where = where, .error = root->error};
    if (!yyjson_is_obj(one)) return json_expected(&message, "", "an object", one);
    if (!content_check(&message)) return false;
  }
  return true;
}

static bool stream_read(const json_object *root, upstream_request *r) {
  yyjson_val *value = json_find(root, "stream_options");
  if (!json_bool(root, "stream", &r->stream)) return false;
  if (value == nullptr) return true;
  if (!yyjson_is_obj(value)) return json_expected(root, "stream_options", "an object", value);
  if (!r->stream) {
    return api_error_set(root->error, 400, "invalid_value", "stream_options",
                         "stream_options: only where stream is true");
  }
  json_object options = {.object = value, .where = "stream_options", .error = root->error};
  return json_bool(&options, "include_usage", &r->include_usage);
}

/* asked: of one answer; 0: nothing was said. */
static bool limits_read(const json_object *root, i64 tokens_max, upstream_request *r, i64 *asked) {
  i64 most = tokens_max > 0 ? tokens_max : INT32_MAX, old = 0;
  r->n = 1;
  if (!json_whole(root, "n", 1, UPSTREAM_CHOICES_MAX, &r->n) ||
      !json_whole(root, "max_tokens", 1, most, &old) ||
      !json_whole(root, "max_completion_tokens", 1, most, asked)) {
    return false;
  }
  if (old > 0 && *asked > 0) {
    return api_error_set(root->error, 400, "invalid_value", "max_tokens",
                         "max_tokens: not beside max_completion_tokens");
  }
  if (*asked == 0) *asked = old;
  return true;
}

static bool body_write(const json_object *root, i64 tokens, upstream_request *r) {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(nullptr);
  yyjson_mut_val *object = doc != nullptr ? yyjson_val_mut_copy(doc, root->object) : nullptr;
  size_t n = 0;
  if (object != nullptr) {
    yyjson_mut_doc_set_root(doc, object);
    if (tokens > 0) {
      (void)yyjson_mut_obj_remove_key(object, "max_tokens"); /* it may say null */
      yyjson_mut_obj_add_int(doc, object, "max_tokens", tokens);
    }
    if (r->stream) {
      yyjson_mut_val *options = yyjson_mut_obj_get(object, "stream_options");
      if (!yyjson_mut_is_obj(options)) {
        (void)yyjson_mut_obj_remove_key(object, "stream_options");
        options = yyjson_mut_obj_add_obj(doc, object, "stream_options");
      }
      (void)yyjson_mut_obj_remove_key(options, "include_usage");
      yyjson_mut_obj_add_bool(doc, options, "include_usage", true);
    }
    r->body = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &n);
  }
  r->body_bytes = (isize)n;
  yyjson_mut_doc_free(doc);
  return r->body != nullptr || api_error_set(root->error, 503, "no_memory", nullptr, "no memory");
}

bool upstream_request_read(const json_object *root, isize body_bytes, i64 tokens_max,
                           upstream_request *r) {
  upstream_request read = {0};
  i64 asked = 0;
  if (!json_names_check(root, KNOWN, UNSUPPORTED) || !messages_check(root) ||
      !stream_read(root, &read) || !limits_read(root, tokens_max, &read, &asked) ||
      !body_write(root, asked == 0 ? tokens_max : 0, &read)) {
    return false;
  }
  read.input_tokens_max = body_bytes;
  read.output_tokens_max = (asked > 0 ? asked : tokens_max) * read.n;
  *r = read;
  return true;
}
