/* See job_json.h. */
#include "server/jobs/job_json.h"

void job_json_add(text_buf *out, const store_job *job) {
  char line[320];
  snprintf(line, sizeof line,
           "{\"id\":\"%s\",\"kind\":\"%s\",\"state\":\"%s\",\"progress\":%.3f,\"tries\":%lld,"
           "\"created\":%lld,\"updated\":%lld",
           job->id.hex, job->kind, job_state_name(job->state), (double)job->progress / 1000,
           (long long)job->n_tries, (long long)job->created_ms, (long long)job->updated_ms);
  text_buf_str(out, line);
  if (job->error != nullptr) {
    text_buf_str(out, ",\"error\":");
    text_buf_json(out, text(job->error), true);
  }
  if (job->input != nullptr) { /* JSON of our own */
    text_buf_str(out, ",\"request\":");
    text_buf_str(out, job->input);
  }
  if (job->result != nullptr) {
    text_buf_str(out, ",\"result\":");
    text_buf_str(out, job->result);
  }
  text_buf_str(out, "}");
}
