/* Bodies of /v1 under arbitrary bytes, each read as a chat and as an edit. Checked: what is
 * accepted lies within the engine's limits and within the document; what is refused says so in one
 * line, with a status and a code, and the error itself is JSON. */
#include "server/chat_request.h"
#include "server/edit_request.h"

static void error_check(const api_error *error) {
  ASSERT(error->status >= 400 && error->status < 600 && error->code != nullptr);
  ASSERT(error->line[0] != 0 && strlen(error->line) < sizeof error->line);
  text_buf out = {0};
  api_error_json(error, &out);
  yyjson_doc *doc = yyjson_read(out.at, (size_t)out.len, YYJSON_READ_NOFLAG);
  ASSERT(doc != nullptr);
  yyjson_doc_free(doc);
  free(out.at);
}

static u32 sum_of(nf_bytes b) { /* reads all of it: the sanitizer looks on */
  u32 sum = 0;
  for (isize i = 0; i < b.len; i++) sum += b.at[i];
  return sum;
}

static volatile u32 sink;

static void chat_check(nf_bytes body) {
  static chat_request r;
  api_error error = {0};
  memset(&r, 0, sizeof r);
  if (!chat_request_read(body, &r, &error)) {
    error_check(&error);
  } else {
    ASSERT(r.n >= 1 && r.n <= CHAT_CHOICES_MAX && r.desc.output_tokens_max >= 0);
    ASSERT(r.desc.n_messages >= 1 && r.desc.n_messages <= CHAT_MESSAGES_MAX);
    ASSERT(r.desc.n_stops >= 0 && r.desc.n_stops <= CHAT_STOPS_MAX);
    ASSERT(r.desc.sampling.temperature >= 0 && r.desc.sampling.temperature <= 2);
    for (int i = 0; i < r.desc.n_messages; i++) sink += sum_of(r.desc.messages[i].text);
    for (int i = 0; i < r.desc.n_stops; i++) {
      ASSERT(r.desc.stops[i].len > 0);
      sink += sum_of(r.desc.stops[i]);
    }
    sink += sum_of(r.model);
  }
  chat_request_free(&r);
}

static void edit_check(nf_bytes body) {
  static edit_request r;
  api_error error = {0};
  memset(&r, 0, sizeof r);
  if (!edit_request_read(body, &r, &error)) {
    error_check(&error);
  } else {
    ASSERT(nf_task_name(r.desc.task) != nullptr && r.desc.text.len <= EDIT_BYTES_MAX);
    ASSERT(r.desc.n_variants >= 1 && r.desc.n_variants <= NF_VARIANTS_MAX);
    ASSERT(r.desc.max_chars >= 0 && r.desc.max_lines >= 0 && r.desc.max_cps >= 0);
    ASSERT(r.deadline_ms >= 0 && r.mode >= NF_PREFER_ON_DEVICE && r.mode <= NF_PREFER_IN_CLOUD);
    ASSERT(r.priority >= 0 && r.priority <= 3 && r.desc.n_protect <= EDIT_PROTECT_MAX);
    for (int i = 0; i < r.desc.n_protect; i++) sink += sum_of(r.desc.protect[i]);
    sink += sum_of(r.desc.text) + sum_of(r.desc.before) + sum_of(r.desc.after);
  }
  edit_request_free(&r);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  nf_bytes body = bytes_from(data, (isize)size);
  chat_check(body);
  edit_check(body);
  return 0;
}
