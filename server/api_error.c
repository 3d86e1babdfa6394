/* See api_error.h. */
#include "server/api_error.h"

#include <stdarg.h>

bool api_error_set(api_error *error, int status, const char *code, const char *param,
                   const char *format, ...) {
  va_list arguments;
  *error = (api_error){.status = status, .code = code};
  if (param != nullptr) snprintf(error->param, sizeof error->param, "%s", param);
  va_start(arguments, format);
  vsnprintf(error->line, sizeof error->line, format, arguments);
  va_end(arguments);
  return false;
}

static const char *type_of(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    default: return status < 500 ? "invalid_request_error" : "server_error";
  }
}

void api_error_json(const api_error *error, text_buf *out) {
  text_buf_str(out, "{\"error\":{\"message\":");
  text_buf_json(out, text(error->line), false); /* a name may be cut inside a letter */
  text_buf_str(out, ",\"type\":");
  text_buf_json(out, text(type_of(error->status)), true);
  text_buf_str(out, ",\"param\":");
  if (error->param[0] != 0) text_buf_json(out, text(error->param), false);
  if (error->param[0] == 0) text_buf_str(out, "null");
  text_buf_str(out, ",\"code\":");
  text_buf_json(out, text(error->code), true);
  text_buf_str(out, "}}");
}

void api_error_reply(const api_error *error, bool close, http_reply *reply) {
  text_buf out = {0};
  api_error_json(error, &out);
  text_buf_str(&out, "\n");
  http_reply_error(reply, error->status, error->code, close);
  if (out.failed) {
    free(out.at);
    return;
  }
  reply->retry_after_s = error->retry_after_s;
  reply->content_type = "application/json";
  reply->fixed = nullptr;
  reply->memory = out.at;
  reply->body_bytes = out.len;
}
