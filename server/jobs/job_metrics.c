/* See job_metrics.h. */
#include "server/jobs/job_metrics.h"

#include <time.h>

#include "server/jobs/jobs_state.h"

enum { COUNT_MS = 5000 };
static const i64 BUCKETS_S[N_TRY_BUCKETS] = {1, 5, 15, 60, 300, 900, 3600, 14400};

static job_kind_counts *counts_of(job_metrics *m, const job_kind *kind) {
  int i = 0;
  while (job_kind_at(i) != kind) i++;
  return &m->kinds[i];
}

void job_metrics_accepted(job_metrics *m, const job_kind *kind) {
  counts_of(m, kind)->n_accepted++;
}

void job_metrics_try(job_metrics *m, const job_kind *kind, job_try_outcome outcome,
                     i64 duration_ms) {
  job_kind_counts *c = counts_of(m, kind);
  c->n_tries[outcome]++;
  c->try_ms += duration_ms;
  for (int i = 0; i < N_TRY_BUCKETS; i++) c->n_bucket[i] += duration_ms <= BUCKETS_S[i] * 1000;
}

/* ---- counting ---- */

static void row_take(void *to, const store_count *row) {
  job_metrics *m = to;
  if (m->n_fresh < COUNT_ROWS_MAX) m->fresh[m->n_fresh++] = *row;
}
static store_status count_work(store *s, store_call *call) {
  job_metrics *m = (job_metrics *)((char *)call - offsetof(job_metrics, call));
  m->n_fresh = 0;
  return store_counts(s, row_take, m);
}
static void count_done(store_call *call) {
  job_metrics *m = (job_metrics *)((char *)call - offsetof(job_metrics, call));
  jobs *j = (jobs *)((char *)m - offsetof(jobs, metrics));
  m->counting = false;
  m->counted_ms = (i64)uv_now(j->desc.loop); /* after a failure too: not at every request */
  if (call->status == STORE_OK) {
    memcpy(m->rows, m->fresh, sizeof m->rows);
    m->n_rows = m->n_fresh;
    m->counted_s = (i64)time(nullptr);
  }
  jobs_stop_check(j);
}

void job_metrics_refresh(jobs *j) {
  job_metrics *m = &j->metrics;
  i64 now = (i64)uv_now(j->desc.loop);
  if (m->counting || j->stopping || store_thread_is_crowded(j->store)) return;
  if (m->counted_ms != 0 && now - m->counted_ms < COUNT_MS) return;
  m->counting = true;
  m->call.work = count_work;
  m->call.done = count_done;
  store_thread_post(j->store, &m->call);
}

/* ---- the text ---- */

static void head(text_buf *out, const char *name, const char *type, const char *help) {
  char line[240];
  int n = snprintf(line, sizeof line, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
  text_buf_add(out, bytes_from(line, n));
}
/* labels: with their braces, or "". */
static void value(text_buf *out, const char *name, const char *labels, i64 number) {
  char line[240];
  int n = snprintf(line, sizeof line, "%s%s %lld\n", name, labels, (long long)number);
  text_buf_add(out, bytes_from(line, n));
}
static void value_ms(text_buf *out, const char *name, const char *labels, i64 ms) {
  char line[240];
  int n = snprintf(line, sizeof line, "%s%s %lld.%03lld\n", name, labels, (long long)(ms / 1000),
                   (long long)(ms % 1000));
  text_buf_add(out, bytes_from(line, n));
}

static void stored_write(const job_metrics *m, text_buf *out) {
  static const char *const names[] = {"nearfield_jobs", "nearfield_jobs_tries",
                                      "nearfield_jobs_seconds"};
  static const char *const help[] = {
      "Jobs the store has, by kind and state; ended ones until they are forgotten.",
      "Tries that those had.", "Seconds from the request to the last change, of all of those."};
  char labels[100];
  for (int f = 0; f < 3; f++) {
    head(out, names[f], "gauge", help[f]);
    for (int i = 0; i < m->n_rows; i++) {
      const store_count *row = &m->rows[i];
      snprintf(labels, sizeof labels, "{kind=\"%s\",state=\"%s\"}", row->kind,
               job_state_name(row->state));
      if (f == 2) value_ms(out, names[f], labels, row->ms > 0 ? row->ms : 0);
      if (f < 2) value(out, names[f], labels, f == 0 ? row->n : row->n_tries);
    }
  }
  head(out, "nearfield_jobs_oldest_queued_time_seconds", "gauge",
       "When the job that waits longest came, seconds since 1970.");
  for (int i = 0; i < m->n_rows; i++) {
    if (m->rows[i].state != JOB_QUEUED) continue;
    snprintf(labels, sizeof labels, "{kind=\"%s\"}", m->rows[i].kind);
    value_ms(out, "nearfield_jobs_oldest_queued_time_seconds", labels, m->rows[i].oldest_ms);
  }
  head(out, "nearfield_jobs_counted_time_seconds", "gauge",
       "When the store was counted, seconds since 1970; 0: not yet.");
  value(out, "nearfield_jobs_counted_time_seconds", "", m->counted_s);
}

static void own_write(const job_metrics *m, text_buf *out) {
  static const char *const outcomes[N_TRY_OUTCOMES] = {"done",      "failed",   "again",
                                                       "cancelled", "released", "lost"};
  static const char accepted[] = "nearfield_jobs_accepted_total";
  static const char tries[] = "nearfield_job_tries_total", seconds[] = "nearfield_job_try_seconds";
  char labels[100];
  const job_kind *kind;
  head(out, accepted, "counter", "Jobs this process took.");
  for (int i = 0; (kind = job_kind_at(i)) != nullptr; i++) {
    snprintf(labels, sizeof labels, "{kind=\"%s\"}", kind->name);
    value(out, accepted, labels, m->kinds[i].n_accepted);
  }
  head(out, tries, "counter", "Tries this process ended, by what they came to.");
  for (int i = 0; (kind = job_kind_at(i)) != nullptr; i++) {
    for (int k = 0; k < N_TRY_OUTCOMES; k++) {
      snprintf(labels, sizeof labels, "{kind=\"%s\",outcome=\"%s\"}", kind->name, outcomes[k]);
      value(out, tries, labels, m->kinds[i].n_tries[k]);
    }
  }
  head(out, seconds, "histogram", "How long these tries took.");
  for (int i = 0; (kind = job_kind_at(i)) != nullptr; i++) {
    const job_kind_counts *c = &m->kinds[i];
    i64 n = 0;
    for (int k = 0; k < N_TRY_OUTCOMES; k++) n += c->n_tries[k];
    for (int k = 0; k < N_TRY_BUCKETS; k++) {
      snprintf(labels, sizeof labels, "_bucket{kind=\"%s\",le=\"%lld\"}", kind->name,
               (long long)BUCKETS_S[k]);
      value(out, seconds, labels, c->n_bucket[k]);
    }
    snprintf(labels, sizeof labels, "_bucket{kind=\"%s\",le=\"+Inf\"}", kind->name);
    value(out, seconds, labels, n);
    snprintf(labels, sizeof labels, "_sum{kind=\"%s\"}", kind->name);
    value_ms(out, seconds, labels, c->try_ms);
    snprintf(labels, sizeof labels, "_count{kind=\"%s\"}", kind->name);
    value(out, seconds, labels, n);
  }
}

void job_metrics_write(const job_metrics *m, const store_thread *store, text_buf *out) {
  static const char errors[] = "nearfield_store_errors_total";
  static const struct {
    store_status status;
    const char *labels;
  } rows[] = {{STORE_DOWN, "{error=\"down\"}"},
              {STORE_FULL, "{error=\"full\"}"},
              {STORE_FAILED, "{error=\"failed\"}"},
              {STORE_NO_MEMORY, "{error=\"no_memory\"}"}};
  stored_write(m, out);
  own_write(m, out);
  head(out, errors, "counter", "Calls of the store of jobs that failed.");
  for (int i = 0; i < 4; i++) {
    value(out, errors, rows[i].labels, store_thread_count(store, rows[i].status));
  }
}
