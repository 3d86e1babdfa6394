/* What an upstream may send, under arbitrary bytes: as events, as a chunk, as a whole answer, as an
 * error; and the same bytes as a client's request on its way there. The first byte says where the
 * stream is cut. Checked: events do not depend on the cut; usage lies in its bounds; an error's
 * line is printable and without the key; a request that is accepted is still JSON, and bounded. */
#include "server/upstream/sse_reader.h"
#include "server/upstream/upstream_reply.h"
#include "server/upstream/upstream_request.h"

enum { TOKENS_MAX = 100 };

/* A number for all events and the fault, whatever the pieces were. */
static u64 events_sum(nf_bytes input, isize cut) {
  sse_reader r = {0};
  u64 sum = 0xCBF29CE484222325;
  if (cut > input.len) cut = input.len;
  nf_bytes parts[2] = {bytes_from(input.at, cut), bytes_after(input, cut)}, data;
  for (int i = 0; i < 2; i++) {
    while (sse_next(&r, &parts[i], &data)) {
      for (isize k = 0; k < data.len; k++) sum = (sum ^ data.at[k]) * 0x100000001B3;
      sum = (sum ^ 0x100) * 0x100000001B3;
      reply_usage usage = {0};
      (void)upstream_chunk_read(data, &usage);
      ASSERT(usage.known || usage.input_tokens == 0);
    }
    ASSERT(r.fault != SSE_GOOD || parts[i].len == 0);
  }
  sum ^= r.fault;
  sse_free(&r);
  return sum;
}

static void reply_check(nf_bytes body) {
  reply_usage usage = {0};
  char line[32];
  (void)upstream_whole_read(body, &usage);
  ASSERT(usage.input_tokens >= 0 && usage.input_tokens <= USAGE_TOKENS_MAX);
  ASSERT(usage.output_tokens >= 0 && usage.output_tokens <= USAGE_TOKENS_MAX);
  upstream_error_read(body, text("sk"), line, sizeof line);
  ASSERT(strlen(line) < sizeof line && strstr(line, "sk") == nullptr);
  for (const char *at = line; *at != 0; at++) ASSERT(*at >= 0x20 && *at < 0x7F);
}

static void request_check(nf_bytes body) {
  api_error error = {0};
  yyjson_doc *doc;
  json_object root;
  upstream_request r;
  if (!json_body_read(body, &doc, &root, &error)) return;
  if (upstream_request_read(&root, body.len, TOKENS_MAX, &r)) {
    yyjson_doc *again = yyjson_read(r.body, (size_t)r.body_bytes, YYJSON_READ_NOFLAG);
    yyjson_val *object = yyjson_doc_get_root(again);
    ASSERT(yyjson_is_obj(object) && r.n >= 1 && r.n <= UPSTREAM_CHOICES_MAX);
    ASSERT(r.output_tokens_max >= r.n && r.output_tokens_max <= r.n * TOKENS_MAX);
    yyjson_val *options = yyjson_obj_get(object, "stream_options");
    ASSERT(!r.stream || yyjson_is_true(yyjson_obj_get(options, "include_usage")));
    yyjson_doc_free(again);
    free(r.body);
  } else {
    ASSERT(error.status >= 400 && error.code != nullptr && error.line[0] != 0);
  }
  yyjson_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  nf_bytes input = bytes_from(data + 1, (isize)size - 1);
  ASSERT(events_sum(input, data[0]) == events_sum(input, input.len));
  reply_check(input);
  request_check(input);
  return 0;
}
