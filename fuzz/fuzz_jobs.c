/* What clients and workers say about jobs, under arbitrary bytes: a request's body and a worker's
 * line. Checked: what is accepted is JSON without surprises - an accepted request read again gives
 * itself, an event's data is one line, an error is printable. */
#include "server/jobs/job_kind.h"
#include "server/jobs/job_line.h"

static bool has_break(const char *s) { return strpbrk(s, "\r\n") != nullptr; }

static void request_check(nf_bytes body) {
  const job_kind *kind = nullptr, *again_kind = nullptr;
  char *input = nullptr, *again = nullptr;
  nf_error error = {0};
  if (job_request_read(body, &kind, &input, &error) != 0) {
    ASSERT(input == nullptr && error.line[0] != 0 && !has_break(error.line));
    return;
  }
  ASSERT(kind != nullptr && input[0] == '{' && !has_break(input));
  /* the stored form has no kind: it is a column of its own */
  size_t room = strlen(input) + 64;
  char *whole = malloc(room);
  ASSERT(whole != nullptr);
  snprintf(whole, room, "{\"kind\":\"%s\",%s", kind->name, input + 1);
  ASSERT(job_request_read(text(whole), &again_kind, &again, &error) == 0);
  ASSERT(again_kind == kind && strcmp(again, input) == 0);
  free(whole);
  free(again);
  free(input);
}

static void line_check(nf_bytes bytes) {
  job_line line;
  job_line_read(bytes, &line);
  ASSERT((line.data != nullptr) == (line.kind == LINE_EVENT));
  if (line.kind == LINE_EVENT) {
    ASSERT(line.type != nullptr && line.data[0] == '{' && !has_break(line.data));
    ASSERT(line.progress >= 0 && line.progress <= 1000);
  }
  for (const char *at = line.error; *at != 0; at++) ASSERT(*at >= 0x20 && *at <= 0x7E);
  free(line.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  request_check(bytes_from(data, (isize)size));
  line_check(bytes_from(data, (isize)size));
  return 0;
}
