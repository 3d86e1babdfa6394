/* See store_sql.h. Each statement is written once for both databases, but for row locks. */
#include <sys/random.h>
#include <time.h>

#include "server/store/store_sql.h"
#include "server/text_buf.h"

#define COLUMNS                                                                          \
  "id, kind, state, fence, n_tries, progress, n_events, created_ms, updated_ms, input, " \
  "result, error"
/* A lease further away than any that is given now was given by a clock that has since been set
 * back, or before a reboot: it is void. The same for pauses. $n: the furthest. */
#define LEASE_OVER(n) "(lease_until < nf_now() OR lease_until > nf_now() + " n ")"
#define PICKED(where, order, lock) \
  "id = (SELECT id FROM nf_jobs WHERE " where " ORDER BY " order " LIMIT 1" lock ")"
/* Both dialects of a statement that picks one row: PostgreSQL passes rows others are busy with. */
#define PICK(before, where, order, after)                              \
  {                                                                    \
    {                                                                  \
      before PICKED(where, order, "") after,                           \
          before PICKED(where, order, " FOR UPDATE SKIP LOCKED") after \
    }                                                                  \
  }

#define CLAIM_SET                                                                      \
  "UPDATE nf_jobs SET state = 'running', fence = fence + 1, n_tries = n_tries + 1,"    \
  " owner = $1, lease_until = nf_now() + $2, n_events = n_events + 1, updated_ms = $3" \
  " WHERE "

static const db_statement SQL[] = {
    [SQL_INSERT] =
        {{"INSERT INTO nf_jobs(id, kind, state, input, key, n_events, created_ms, updated_ms)"
          " VALUES($1, $2, 'queued', $3, $4, 1, $5, $5) ON CONFLICT DO NOTHING"
          " RETURNING " COLUMNS}},
    [SQL_BY_ID] = {{"SELECT " COLUMNS " FROM nf_jobs WHERE id = $1"}},
    [SQL_BY_KEY] = {{"SELECT " COLUMNS " FROM nf_jobs WHERE key = $1"}},
    [SQL_OWNED] = {{"SELECT " COLUMNS " FROM nf_jobs WHERE id = $1",
                    "SELECT " COLUMNS " FROM nf_jobs WHERE id = $1 FOR UPDATE"}},
    [SQL_CROWD] = {{"SELECT count(*) FROM nf_jobs WHERE state = 'queued'"}},
    [SQL_LIST] =
        {{"SELECT id, kind, state, fence, n_tries, progress, n_events, created_ms, updated_ms,"
          " NULL, NULL, error FROM nf_jobs ORDER BY created_ms DESC, id LIMIT $1"}},
    [SQL_UPLOAD_WANTED] =
        {{"SELECT id FROM nf_jobs WHERE state IN ('queued', 'running', 'cancelling')"
          " AND input LIKE $1 LIMIT 1"}},
    [SQL_ALL] = {{"SELECT " COLUMNS " FROM nf_jobs"}},
    [SQL_COUNTS] = {{"SELECT kind, state, count(*), sum(n_tries), sum(updated_ms - created_ms),"
                     " min(created_ms) FROM nf_jobs GROUP BY kind, state ORDER BY kind, state"}},
    [SQL_EVENT_ADD] = {{"INSERT INTO nf_events(job, seq, type, data, created_ms)"
                        " VALUES($1, $2, $3, $4, $5)"}},
    [SQL_EVENTS] = {{"SELECT seq, type, data FROM nf_events WHERE job = $1 AND seq > $2"
                     " ORDER BY seq LIMIT $3"}},
    [SQL_EVENT_LAST] = {{"SELECT seq, type, data FROM nf_events WHERE job = $1 AND type = $2"
                         " ORDER BY seq DESC LIMIT 1"}},
    [SQL_STATE_SET] = {{"UPDATE nf_jobs SET state = $1, result = $2, error = $3,"
                        " not_before = nf_now() + $4, n_tries = $5, progress = $6, lease_until = 0,"
                        " owner = NULL, n_events = n_events + 1, updated_ms = $7 WHERE id = $8"
                        " RETURNING " COLUMNS}},
    [SQL_CANCELLING] = {{"UPDATE nf_jobs SET state = 'cancelling', n_events = n_events + 1,"
                         " updated_ms = $1 WHERE id = $2 RETURNING " COLUMNS}},
    [SQL_REPORT] = {{"UPDATE nf_jobs SET lease_until = nf_now() + $1, progress = $2,"
                     " n_events = n_events + $3, updated_ms = $4 WHERE id = $5"}},
    /* two statements, so that each reads the index nf_jobs_open in its order, whatever waits */
    [SQL_CLAIM] = PICK(CLAIM_SET,
                       "state = 'queued' AND (not_before <= nf_now() OR not_before > nf_now() + $4)"
                       " AND kind IN ($5, $6, $7, $8)",
                       "created_ms, id", " RETURNING " COLUMNS),
    [SQL_CLAIM_LOST] = PICK(
        CLAIM_SET,
        "state = 'running' AND n_tries < $4 AND " LEASE_OVER("$5") " AND kind IN ($6, $7, $8, $9)",
        "created_ms, id", " RETURNING " COLUMNS),
    [SQL_DEAD] = PICK(
        "UPDATE nf_jobs SET state = 'dead', error = COALESCE(error,"
        " 'its worker was lost'), owner = NULL, n_events = n_events + 1, updated_ms = $1"
        " WHERE ",
        "state = 'running' AND n_tries >= $2 AND " LEASE_OVER("$3"), "id", " RETURNING " COLUMNS),
    [SQL_CANCELLED] =
        PICK("UPDATE nf_jobs SET state = 'cancelled', owner = NULL,"
             " n_events = n_events + 1, updated_ms = $1 WHERE ",
             "state = 'cancelling' AND " LEASE_OVER("$2"), "id", " RETURNING " COLUMNS),
    [SQL_FORGET] = PICK("DELETE FROM nf_jobs WHERE ",
                        "state IN ('done', 'failed', 'dead', 'cancelled') AND updated_ms < $1",
                        "updated_ms", " RETURNING id"),
    [SQL_EVENTS_FORGET] = {{"DELETE FROM nf_events WHERE job = $1"}},
    [SQL_CHARGE_ADD] = {{"INSERT INTO nf_charges(id, day, client, micro) VALUES($1, $2, $3, $4)"
                         " ON CONFLICT DO NOTHING RETURNING id"}},
    [SQL_CHARGE_TAKE] = {{"DELETE FROM nf_charges WHERE id = $1 RETURNING day, client, micro"}},
    [SQL_BUDGET_ADD] =
        {{"INSERT INTO nf_budgets(day, client, micro) VALUES($1, $2, $3)"
          " ON CONFLICT(day, client) DO UPDATE SET micro = nf_budgets.micro + excluded.micro"
          " RETURNING micro"}},
    [SQL_BUDGET_GET] = {{"SELECT micro FROM nf_budgets WHERE day = $1 AND client = $2"}},
    [SQL_CHARGES_FORGET] = {{"DELETE FROM nf_charges WHERE day < $1"}},
    [SQL_BUDGETS_FORGET] = {{"DELETE FROM nf_budgets WHERE day < $1"}},
};
static_assert(SQL_BUDGETS_FORGET < DB_STATEMENTS_MAX - 2, "store.c has the last two");

store_status store_run(store *s, store_statement id, const db_value *values, isize n, db_row *row,
                       void *to) {
  const char *const *sql = SQL[id].sql;
  int dialect = s->db->kind->dialect;
  const char *chosen = sql[dialect] != nullptr ? sql[dialect] : sql[0];
  return s->db->kind->run(s->db, (int)id, chosen, values, n, row, to);
}

/* ---- small parts ---- */

static const char *const STATES[] = {"queued", "running",    "done",     "failed",
                                     "dead",   "cancelling", "cancelled"};
const char *job_state_name(job_state state) { return STATES[state]; }

void job_id_make(job_id *id) {
  u8 random[JOB_ID_LEN / 2];
  ASSERT(getrandom(random, sizeof random, 0) == (isize)sizeof random);
  for (isize i = 0; i < (isize)sizeof random; i++) {
    snprintf(id->hex + 2 * i, 3, "%02x", (unsigned)random[i]);
  }
}

bool job_id_read(nf_bytes from, job_id *id) {
  if (from.len != JOB_ID_LEN) return false;
  for (isize i = 0; i < JOB_ID_LEN; i++) {
    u8 c = from.at[i];
    if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
    id->hex[i] = (char)c;
  }
  id->hex[JOB_ID_LEN] = 0;
  return true;
}

void store_job_drop(store_job *job) {
  free(job->input);
  free(job->result);
  free(job->error);
  job->input = job->result = job->error = nullptr;
}

i64 store_wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (i64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool text_copy(nf_bytes from, char **to) {
  *to = from.at == nullptr ? nullptr : strndup((const char *)from.at, (size_t)from.len);
  return from.at == nullptr || *to != nullptr;
}

job_state store_state_read(nf_bytes cell) {
  job_state state = JOB_QUEUED;
  for (int i = 0; i < (int)(sizeof STATES / sizeof STATES[0]); i++) {
    if (bytes_same(cell, text(STATES[i]))) state = (job_state)i;
  }
  return state;
}

/* The columns are those of COLUMNS. */
bool store_job_read(void *to, const nf_bytes *cells, isize n) {
  store_job *job = to;
  ASSERT(n == 12);
  *job = (store_job){0};
  (void)job_id_read(cells[0], &job->id);
  snprintf(job->kind, sizeof job->kind, "%.*s", (int)cells[1].len, (const char *)cells[1].at);
  job->state = store_state_read(cells[2]);
  i64 *numbers[] = {&job->fence,    &job->n_tries,    &job->progress,
                    &job->n_events, &job->created_ms, &job->updated_ms};
  for (int i = 0; i < 6; i++) (void)bytes_number(cells[3 + i], numbers[i]);
  if (text_copy(cells[9], &job->input) && text_copy(cells[10], &job->result) &&
      text_copy(cells[11], &job->error)) {
    return true;
  }
  store_job_drop(job);
  return false;
}

store_status store_state_tell(store *s, const store_job *job) {
  text_buf data = {0};
  char head[80];
  snprintf(head, sizeof head, "{\"state\":\"%s\",\"try\":%lld", job_state_name(job->state),
           (long long)job->n_tries);
  text_buf_str(&data, head);
  if (job->error != nullptr && job->state != JOB_RUNNING && job->state != JOB_DONE) {
    text_buf_str(&data, ",\"error\":");
    text_buf_json(&data, text(job->error), true);
  }
  text_buf_str(&data, "}");
  store_status status =
      data.failed ? STORE_NO_MEMORY
                  : STORE_RUN(s, SQL_EVENT_ADD, nullptr, nullptr, db_str(job->id.hex),
                              db_int(job->n_events), db_str("state"),
                              db_text(bytes_from(data.at, data.len)), db_int(job->updated_ms));
  free(data.at);
  return status;
}

store_status store_state_set(store *s, store_job *job, const store_change *c) {
  db_value id = db_str(job->id.hex);
  store_job changed = {0};
  i64 progress = c->state == JOB_DONE ? 1000 : job->progress;
  store_status status =
      STORE_RUN(s, SQL_STATE_SET, store_job_read, &changed, db_str(job_state_name(c->state)),
                db_text(c->result), db_str(c->error), db_int(c->pause_ms), db_int(c->n_tries),
                db_int(progress), db_int(store_wall_ms()), id);
  if (status == STORE_OK) status = store_state_tell(s, &changed);
  store_job_drop(job);
  *job = changed;
  return status;
}
