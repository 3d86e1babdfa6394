/* See metrics.h. */
#include "server/metrics.h"

static void row(text_buf *out, const char *name, const char *type, const char *help, i64 value) {
  char line[400];
  int n = snprintf(line, sizeof line, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", name, help, name,
                   type, name, (long long)value);
  text_buf_add(out, bytes_from(line, n));
}

static void answers_write(const metrics *m, text_buf *out) {
  static const char *const names[N_ANSWERS] = {"ok", "refused", "busy", "late", "gone", "failed"};
  text_buf_str(out,
               "# HELP nearfield_inference_requests_total Requests to the model, by outcome.\n"
               "# TYPE nearfield_inference_requests_total counter\n");
  for (int i = 0; i < N_ANSWERS; i++) {
    char line[100];
    int n = snprintf(line, sizeof line, "nearfield_inference_requests_total{outcome=\"%s\"} %lld\n",
                     names[i], (long long)m->n_answers[i]);
    text_buf_add(out, bytes_from(line, n));
  }
  text_buf_str(out,
               "# HELP nearfield_inference_edits_total Edits the model answered, by adapter.\n"
               "# TYPE nearfield_inference_edits_total counter\n");
  for (int i = 0; i < 2; i++) {
    char line[100];
    int n = snprintf(line, sizeof line, "nearfield_inference_edits_total{tuned=\"%s\"} %lld\n",
                     i == 0 ? "no" : "yes", (long long)m->n_edits[i]);
    text_buf_add(out, bytes_from(line, n));
  }
  row(out, "nearfield_inference_input_tokens_total", "counter", "Prompt tokens.",
      m->n_input_tokens);
  row(out, "nearfield_inference_output_tokens_total", "counter", "Tokens generated.",
      m->n_output_tokens);
  row(out, "nearfield_inference_passes_total", "counter", "Passes over the model's weights.",
      m->n_passes);
  row(out, "nearfield_inference_pass_works_total", "counter", "Works that had a part in them.",
      m->n_pass_works);
  row(out, "nearfield_inference_queued", "gauge", "Works that wait.", m->n_works_queued);
  row(out, "nearfield_inference_running", "gauge", "Works in the passes.", m->n_works_running);
}

void metrics_write(const metrics *m, text_buf *out) {
  text_buf_str(out,
               "# HELP nearfield_http_requests_total Requests answered, by status.\n"
               "# TYPE nearfield_http_requests_total counter\n");
  for (int status = 0; status < 600; status++) {
    if (m->n_requests[status] == 0) continue;
    char line[100];
    int n = snprintf(line, sizeof line, "nearfield_http_requests_total{code=\"%d\"} %lld\n", status,
                     (long long)m->n_requests[status]);
    text_buf_add(out, bytes_from(line, n));
  }
  row(out, "nearfield_http_sent_bytes_total", "counter", "Bytes sent, heads included.",
      m->bytes_sent);
  row(out, "nearfield_http_connections", "gauge", "Open connections.", m->n_connections);
  row(out, "nearfield_http_connections_total", "counter", "Connections accepted.",
      m->n_connections_total);
  row(out, "nearfield_http_connections_refused_total", "counter",
      "Connections turned away at the limit.", m->n_connections_refused);
  row(out, "nearfield_http_replies_cut_total", "counter", "Replies that did not end.",
      m->n_replies_cut);
  row(out, "nearfield_http_deadlines_total", "counter", "Connections ended by a deadline.",
      m->n_deadlines);
  answers_write(m, out);
  row(out, "nearfield_models", "gauge", "Model files offered.", m->n_models);
  row(out, "nearfield_models_ready", "gauge", "Model files hashed and served.", m->n_models_ready);
  row(out, "nearfield_log_dropped_total", "counter", "Log lines nobody took.", m->n_log_dropped);
  row(out, "process_start_time_seconds", "gauge", "Start, seconds since 1970.", m->started_s);
}
