/* See sse_reader.h. */
#include "server/upstream/sse_reader.h"

static void collect(sse_reader *r, text_buf *to, nf_bytes bytes) {
  if (to->len + bytes.len > SSE_EVENT_BYTES_MAX) {
    r->fault = SSE_TOO_LONG;
    return;
  }
  text_buf_add(to, bytes);
  if (to->failed) r->fault = SSE_NO_MEMORY;
}

/* A line without its end. true: it ends an event that has data. */
static bool line_take(sse_reader *r, nf_bytes line) {
  static const char *const others[] = {"event", "id", "retry"};
  if (!r->not_first && bytes_begin(line, "\xEF\xBB\xBF")) line = bytes_after(line, 3);
  r->not_first = true;
  if (line.len == 0) return r->has_data;
  if (line.at[0] == ':') return false;
  isize n = 0;
  while (n < line.len && line.at[n] != ':') n++;
  nf_bytes name = bytes_from(line.at, n);
  nf_bytes value = bytes_after(line, n < line.len ? n + 1 : n);
  if (value.len > 0 && value.at[0] == ' ') value = bytes_after(value, 1);
  if (bytes_same(name, text("data"))) {
    if (r->has_data) collect(r, &r->data, text("\n"));
    r->has_data = true;
    if (r->fault == SSE_GOOD) collect(r, &r->data, value);
    return false;
  }
  for (int i = 0; i < 3; i++) {
    if (bytes_same(name, text(others[i]))) return false;
  }
  r->fault = SSE_MALFORMED;
  return false;
}

/* Bytes up to the line's end, or all. true: the line is whole. */
static bool line_collect(sse_reader *r, nf_bytes *input) {
  isize n = 0;
  while (n < input->len && input->at[n] != '\n' && input->at[n] != '\r' && input->at[n] != 0) n++;
  collect(r, &r->line, bytes_from(input->at, n));
  bool ends = n < input->len;
  if (ends && input->at[n] == 0) r->fault = SSE_MALFORMED;
  r->after_cr = ends && input->at[n] == '\r';
  *input = bytes_after(*input, ends ? n + 1 : n);
  return ends && r->fault == SSE_GOOD;
}

bool sse_next(sse_reader *r, nf_bytes *input, nf_bytes *data) {
  if (r->given) {
    r->given = r->has_data = false;
    r->data.len = 0;
  }
  while (r->fault == SSE_GOOD && input->len > 0) {
    if (r->after_cr && input->at[0] == '\n') { /* the second half of CR LF */
      r->after_cr = false;
      *input = bytes_after(*input, 1);
      continue;
    }
    if (!line_collect(r, input)) continue;
    bool event = line_take(r, bytes_from(r->line.at, r->line.len));
    r->line.len = 0;
    if (!event || r->fault != SSE_GOOD) continue;
    r->given = true;
    *data = bytes_from(r->data.at, r->data.len);
    return true;
  }
  return false;
}

void sse_free(sse_reader *r) {
  free(r->line.at);
  free(r->data.at);
  *r = (sse_reader){0};
}
