/* See job_line.h. */
#include "server/jobs/job_line.h"

#include "yyjson.h"

void job_line_plain(const char *from, char *to, isize cap) {
  isize n = 0;
  for (; from[n] != 0 && n < cap - 1; n++) to[n] = from[n] < 0x20 || from[n] > 0x7E ? '?' : from[n];
  to[n] = 0;
}

static void progress_take(double p, job_line *line) {
  char data[48];
  line->kind = LINE_EVENT;
  line->type = "progress";
  line->progress = p >= 1 ? 1000 : p > 0 ? (i64)(p * 1000) : 0;
  snprintf(data, sizeof data, "{\"progress\":%.3f}", (double)line->progress / 1000);
  line->data = strdup(data);
}

void job_line_read(nf_bytes bytes, job_line *line) {
  *line = (job_line){.kind = LINE_BAD};
  yyjson_read_err why;
  yyjson_doc *doc =
      yyjson_read_opts((char *)(uintptr_t)bytes.at, (size_t)bytes.len, 0, nullptr, &why);
  yyjson_val *root = yyjson_doc_get_root(doc), *value;
  if (!yyjson_is_obj(root)) {
    bool memory = doc == nullptr && why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION;
    if (memory) line->kind = LINE_NO_MEMORY;
    yyjson_doc_free(doc);
    return;
  }
  line->kind = LINE_SKIPPED;
  if (yyjson_is_num(value = yyjson_obj_get(root, "progress"))) {
    progress_take(yyjson_get_num(value), line);
  } else if (yyjson_is_str(value = yyjson_obj_get(root, "error"))) {
    line->kind = LINE_ERROR;
    line->again = yyjson_get_bool(yyjson_obj_get(root, "again"));
    job_line_plain(yyjson_get_str(value), line->error, sizeof line->error);
  } else {
    static const char *const types[] = {"segment", "checkpoint"};
    for (int i = 0; i < 2 && line->kind == LINE_SKIPPED; i++) {
      value = yyjson_obj_get(root, types[i]);
      if (!yyjson_is_obj(value)) continue;
      line->kind = LINE_EVENT;
      line->type = types[i];
      line->data = yyjson_val_write(value, 0, nullptr);
    }
  }
  if (line->kind == LINE_EVENT && line->data == nullptr) line->kind = LINE_NO_MEMORY;
  yyjson_doc_free(doc);
}
