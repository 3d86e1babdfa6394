/* See chat_request.h. */
#include "server/chat_request.h"

static const char *const KNOWN[] = {
    "model", "messages", "stream", "stream_options", "n", "stop", "seed", "temperature", "top_p",
    "max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty",
    /* who asks, and hints that change no answer */
    "user", "metadata", "store", "safety_identifier", "prompt_cache_key", "service_tier",
    "response_format", nullptr};
static const char *const UNSUPPORTED[] = {
    "tools",      "tool_choice",      "parallel_tool_calls", "functions",  "function_call",
    "logprobs",   "top_logprobs",     "logit_bias",          "modalities", "audio",
    "prediction", "reasoning_effort", "web_search_options",  "verbosity",  nullptr};
static const char *const NONE[] = {nullptr};

static bool role_read(const json_object *message, nf_role *role) {
  static const struct {
    const char *name;
    nf_role role;
  } roles[] = {{"system", NF_SYSTEM},
               {"developer", NF_SYSTEM},
               {"user", NF_USER},
               {"assistant", NF_ASSISTANT}};
  yyjson_val *value = json_find(message, "role");
  for (int i = 0; i < 4; i++) {
    if (yyjson_equals_str(value, roles[i].name)) {
      *role = roles[i].role;
      return true;
    }
  }
  return json_expected(message, "role", "system, developer, user or assistant", value);
}

/* [{"type": "text", "text": ...}, ...] as one text, written to *room, which moves on. */
static bool parts_join(const json_object *message, yyjson_val *parts, char **room, nf_bytes *out) {
  static const char *const known[] = {"type", "text", nullptr};
  yyjson_arr_iter elements = yyjson_arr_iter_with(parts);
  char *start = *room;
  yyjson_val *one;
  while ((one = yyjson_arr_iter_next(&elements)) != nullptr) {
    json_object part = {.object = one, .where = message->where, .error = message->error};
    if (!yyjson_is_obj(one) || !yyjson_equals_str(yyjson_obj_get(one, "type"), "text") ||
        !yyjson_is_str(yyjson_obj_get(one, "text"))) {
      return json_expected(message, "content", "a string, or parts of type text", one);
    }
    if (!json_names_check(&part, known, NONE)) return false;
    nf_bytes piece = json_text_of(yyjson_obj_get(one, "text"));
    memcpy(*room, piece.at, (size_t)piece.len);
    *room += piece.len;
  }
  *out = bytes_from(start, *room - start);
  return true;
}

static bool message_read(const json_object *message, char **room, nf_message *out) {
  static const char *const known[] = {"role", "content", "name", nullptr};
  static const char *const unsupported[] = {"tool_calls", "tool_call_id", "function_call",
                                            "audio",      "refusal",      nullptr};
  if (!json_names_check(message, known, unsupported)) return false;
  if (!role_read(message, &out->role)) return false;
  yyjson_val *content = json_find(message, "content");
  if (yyjson_is_arr(content)) return parts_join(message, content, room, &out->text);
  if (!yyjson_is_str(content)) {
    return json_expected(message, "content", "a string, or parts of type text", content);
  }
  out->text = json_text_of(content);
  return true;
}

static bool messages_read(const json_object *root, isize body_bytes, chat_request *r) {
  yyjson_val *list = json_find(root, "messages");
  size_t n = yyjson_arr_size(list);
  if (!yyjson_is_arr(list) || n == 0 || n > CHAT_MESSAGES_MAX) {
    return json_expected(root, "messages", "an array of 1 to 256 messages", list);
  }
  char *room = r->joined = malloc((size_t)body_bytes); /* no text is longer than its JSON */
  if (room == nullptr) return api_error_set(root->error, 503, "no_memory", nullptr, "no memory");
  for (size_t i = 0; i < n; i++) {
    char where[32];
    snprintf(where, sizeof where, "messages[%zu]", i);
    json_object message = {.object = yyjson_arr_get(list, i), .where = where, .error = root->error};
    if (!yyjson_is_obj(message.object)) {
      return json_expected(&message, "", "an object", message.object);
    }
    if (!message_read(&message, &room, &r->messages[i])) return false;
  }
  r->desc.messages = r->messages;
  r->desc.n_messages = (int32_t)n;
  return true;
}

static bool stops_read(const json_object *root, chat_request *r) {
  static const char what[] = "a string, or an array of at most 4, none empty";
  yyjson_val *value = json_find(root, "stop");
  if (value == nullptr) return true;
  bool list = yyjson_is_arr(value);
  size_t n = list ? yyjson_arr_size(value) : 1;
  if (n > CHAT_STOPS_MAX) return json_expected(root, "stop", what, value);
  for (size_t i = 0; i < n; i++) {
    yyjson_val *one = list ? yyjson_arr_get(value, i) : value;
    if (!yyjson_is_str(one) || yyjson_get_len(one) == 0) {
      return json_expected(root, "stop", what, one);
    }
    r->stops[i] = json_text_of(one);
  }
  r->desc.stops = r->stops;
  r->desc.n_stops = (int32_t)n;
  return true;
}

static bool sampling_read(const json_object *root, chat_request *r) {
  nf_sampling *how = &r->desc.sampling;
  i64 seed = 0;
  how->temperature = 1; /* OpenAI's default */
  r->has_seed = json_find(root, "seed") != nullptr;
  bool ok = json_number(root, "temperature", 0, 2, &how->temperature) &&
            json_number(root, "top_p", 0, 1, &how->top_p) &&
            json_number(root, "presence_penalty", -2, 2, &how->presence_penalty) &&
            json_number(root, "frequency_penalty", -2, 2, &how->frequency_penalty) &&
            json_whole(root, "seed", INT64_MIN, INT64_MAX, &seed);
  if (json_find(root, "top_p") != nullptr && how->top_p == 0) how->temperature = 0;
  how->seed = (u64)seed;
  return ok;
}

static bool limits_read(const json_object *root, chat_request *r) {
  i64 n = 1, old = 0, tokens = 0;
  if (!json_whole(root, "n", 1, CHAT_CHOICES_MAX, &n) ||
      !json_whole(root, "max_tokens", 1, INT32_MAX, &old) ||
      !json_whole(root, "max_completion_tokens", 1, INT32_MAX, &tokens)) {
    return false;
  }
  r->n = (int)n;
  r->desc.output_tokens_max = (int32_t)(tokens > 0 ? tokens : old);
  return true;
}

static bool stream_read(const json_object *root, chat_request *r) {
  static const char *const known[] = {"include_usage", "include_obfuscation", nullptr};
  if (!json_bool(root, "stream", &r->stream)) return false;
  yyjson_val *value = json_find(root, "stream_options");
  if (value == nullptr) return true;
  if (!yyjson_is_obj(value)) return json_expected(root, "stream_options", "an object", value);
  if (!r->stream) {
    return api_error_set(root->error, 400, "invalid_value", "stream_options",
                         "stream_options: only where stream is true");
  }
  json_object options = {.object = value, .where = "stream_options", .error = root->error};
  return json_names_check(&options, known, NONE) &&
         json_bool(&options, "include_usage", &r->include_usage);
}

/* {"type": "text"} is what it is anyway. */
static bool format_is_text(yyjson_val *format) {
  return yyjson_is_obj(format) && yyjson_obj_size(format) == 1 &&
         yyjson_equals_str(yyjson_obj_get(format, "type"), "text");
}

bool chat_request_read(nf_bytes body, chat_request *r, api_error *error) {
  json_object root;
  if (!json_body_read(body, &r->doc, &root, error)) {
    r->doc = nullptr;
    return false;
  }
  yyjson_val *format = json_find(&root, "response_format");
  if (format != nullptr && !format_is_text(format)) {
    return api_error_set(error, 400, "unsupported_parameter", "response_format",
                         "response_format: this server gives text only");
  }
  return json_names_check(&root, KNOWN, UNSUPPORTED) && json_text(&root, "model", 256, &r->model) &&
         (r->model.at != nullptr || json_expected(&root, "model", "a model's id", nullptr)) &&
         messages_read(&root, body.len, r) && stops_read(&root, r) && sampling_read(&root, r) &&
         limits_read(&root, r) && stream_read(&root, r);
}

void chat_request_free(chat_request *r) {
  yyjson_doc_free(r->doc);
  free(r->joined);
}
