/* Opening a store, its schema and its transactions. The rules of jobs: store_client.c,
 * store_worker.c; of budgets: store_budget.c. */
#include "server/store/store_db.h"

/* One step a version, in order, never changed once released: a store of version n runs those
 * behind n. Text and 64-bit numbers only, so that both databases mean the same.
 *   not_before, lease_until  milliseconds of nf_now()
 *   created_ms, updated_ms   milliseconds since 1970, for people
 *   day, micro               days since 1970; millionths of a currency */
static const db_statement MIGRATIONS[] = {
    {{"CREATE TABLE nf_jobs(id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL,"
      " input TEXT NOT NULL, key TEXT UNIQUE, fence BIGINT NOT NULL DEFAULT 0,"
      " n_tries BIGINT NOT NULL DEFAULT 0, not_before BIGINT NOT NULL DEFAULT 0,"
      " lease_until BIGINT NOT NULL DEFAULT 0, owner TEXT, progress BIGINT NOT NULL DEFAULT 0,"
      " n_events BIGINT NOT NULL DEFAULT 0, result TEXT, error TEXT, created_ms BIGINT NOT NULL,"
      " updated_ms BIGINT NOT NULL);"
      "CREATE INDEX nf_jobs_open ON nf_jobs(state, created_ms);"
      "CREATE INDEX nf_jobs_newest ON nf_jobs(created_ms);"
      "CREATE INDEX nf_jobs_ended ON nf_jobs(updated_ms)"
      " WHERE state IN ('done', 'failed', 'dead', 'cancelled');"
      "CREATE TABLE nf_events(job TEXT NOT NULL, seq BIGINT NOT NULL, type TEXT NOT NULL,"
      " data TEXT NOT NULL, created_ms BIGINT NOT NULL, PRIMARY KEY(job, seq));",
      nullptr}},
    {{"CREATE TABLE nf_budgets(day BIGINT NOT NULL, client TEXT NOT NULL, micro BIGINT NOT NULL,"
      " PRIMARY KEY(day, client));"
      "CREATE TABLE nf_charges(id TEXT PRIMARY KEY, day BIGINT NOT NULL, client TEXT NOT NULL,"
      " micro BIGINT NOT NULL);",
      nullptr}},
};
enum { VERSION = sizeof MIGRATIONS / sizeof MIGRATIONS[0] };

/* What must exist before a version can be asked for. PostgreSQL: one at a time, by a lock that
 * the transaction holds; the number is ours. */
static const db_statement PREPARE = {
    {"CREATE TABLE IF NOT EXISTS nf_meta(name TEXT PRIMARY KEY, value TEXT NOT NULL)",
     "SELECT pg_advisory_xact_lock(7093846500195221);"
     "CREATE TABLE IF NOT EXISTS nf_meta(name TEXT PRIMARY KEY, value TEXT NOT NULL);"
     "CREATE OR REPLACE FUNCTION nf_now() RETURNS BIGINT VOLATILE LANGUAGE sql AS"
     " 'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)'"}};

enum { VERSION_GET = DB_STATEMENTS_MAX - 2, VERSION_SET }; /* store_sql.h counts from 0 */

static bool version_read(void *to, const nf_bytes *cells, isize n) {
  (void)n;
  if (!bytes_number(cells[0], to)) *(i64 *)to = -1;
  return true;
}

static store_status migrate(store *s, void *unused) {
  (void)unused;
  store_db *db = s->db;
  const store_db_kind *kind = db->kind;
  const char *prepare = PREPARE.sql[kind->dialect];
  store_status status = kind->run(db, -1, prepare, nullptr, 0, nullptr, nullptr);
  i64 version = 0;
  if (status == STORE_OK) {
    status = kind->run(db, VERSION_GET, "SELECT value FROM nf_meta WHERE name = 'schema'", nullptr,
                       0, version_read, &version);
  }
  if (status == STORE_OK && (version < 0 || version > VERSION)) {
    snprintf(s->error.line, sizeof s->error.line,
             "the store has schema %lld, this program knows up to %d: use the newer "
             "nearfield-server",
             (long long)version, VERSION);
    return STORE_FAILED;
  }
  for (i64 i = version; i < VERSION && status == STORE_OK; i++) {
    const char *const *sql = MIGRATIONS[i].sql;
    const char *step = sql[kind->dialect] != nullptr ? sql[kind->dialect] : sql[0];
    status = kind->run(db, -1, step, nullptr, 0, nullptr, nullptr);
  }
  if (status != STORE_OK || version == VERSION) return status;
  char number[16];
  snprintf(number, sizeof number, "%d", VERSION);
  db_value value = db_str(number);
  return kind->run(db, VERSION_SET,
                   "INSERT INTO nf_meta(name, value) VALUES('schema', $1)"
                   " ON CONFLICT(name) DO UPDATE SET value = excluded.value",
                   &value, 1, nullptr, nullptr);
}

store_status store_transact(store *s, store_work *work, void *args) {
  const store_db_kind *kind = s->db->kind;
  store_status status = STORE_DOWN;
  for (int i = 0; i < kind->n_tries && status == STORE_DOWN; i++) {
    status = kind->begin(s->db);
    if (status != STORE_OK) kind->rollback(s->db); /* it may have begun */
    if (status != STORE_OK) continue;
    status = work(s, args);
    bool keep = status == STORE_OK || status == STORE_CANCELLED;
    store_status end = keep ? kind->commit(s->db) : STORE_OK;
    if (end != STORE_OK) status = end;
    if (!keep || end != STORE_OK) kind->rollback(s->db);
  }
  return status;
}

bool store_is_postgresql(const char *url) {
  return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

store_status store_open(const store_desc *desc, store **out, nf_error *error) {
  store *s = calloc(1, sizeof *s);
  if (s == nullptr) {
    snprintf(error->line, sizeof error->line, "store: no memory");
    return STORE_NO_MEMORY;
  }
  s->desc = *desc;
  s->desc.url = nullptr; /* it may hold a password; not needed again */
  if (s->desc.lease_ms == 0) s->desc.lease_ms = 30000;
  if (s->desc.backoff_ms == 0) s->desc.backoff_ms = 1000;
  if (s->desc.tries_max == 0) s->desc.tries_max = 5;
  if (s->desc.queue_max == 0) s->desc.queue_max = 10000;
  const char *url = desc->url;
  store_status status =
      store_is_postgresql(url)
          ? store_postgresql_open(url, &s->error, &s->db)
          : store_sqlite_open(strncmp(url, "sqlite:", 7) == 0 ? url + 7 : url, &s->error, &s->db);
  if (status == STORE_OK) status = store_transact(s, migrate, nullptr);
  if (status != STORE_OK) {
    if (status == STORE_NO_MEMORY) snprintf(s->error.line, sizeof s->error.line, "no memory");
    snprintf(error->line, sizeof error->line, "store: %.240s", s->error.line);
    store_close(s);
    return status;
  }
  *out = s;
  return STORE_OK;
}

void store_close(store *s) {
  if (s == nullptr) return;
  if (s->db != nullptr) s->db->kind->close(s->db);
  free(s);
}

const char *store_error(const store *s) { return s->error.line; }
