/* PostgreSQL as a store's database, over one libpq connection. Values are always bound. A
 * connection that broke is opened again by the next call; while the server cannot be reached,
 * calls fail at once for a second after each attempt. Leases are kept by the server's clock, so
 * that of the workers' machines does not matter. Read next: store_db.h. */
#include <libpq-fe.h>
#include <time.h>

#include "server/store/store_db.h"

enum { RETRY_MS = 1000 };

typedef struct {
  store_db base; /* first */
  PGconn *connection;
  bool prepared[DB_STATEMENTS_MAX];
  i64 down_until_ms;
} pg_db;

static i64 monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (i64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The first line of libpq's text. */
static void error_set(pg_db *db, const char *message) {
  int len = (int)strcspn(message, "\n");
  snprintf(db->base.error->line, sizeof db->base.error->line, "postgresql: %.*s",
           len < 200 ? len : 200, message);
}

static bool connected(pg_db *db) {
  if (PQstatus(db->connection) == CONNECTION_OK) return true;
  if (monotonic_ms() < db->down_until_ms) {
    error_set(db, "not reachable");
    return false;
  }
  memset(db->prepared, 0, sizeof db->prepared);
  PQreset(db->connection);
  if (PQstatus(db->connection) == CONNECTION_OK) return true;
  db->down_until_ms = monotonic_ms() + RETRY_MS;
  error_set(db, PQerrorMessage(db->connection));
  return false;
}

/* SQLSTATE classes. source PostgreSQL 15 manual, appendix A */
static store_status status_of(pg_db *db, const PGresult *result) {
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  ExecStatusType kind = PQresultStatus(result);
  if (kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK) return STORE_OK;
  const char *text_of = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  error_set(db, text_of != nullptr ? text_of : PQerrorMessage(db->connection));
  if (state == nullptr || PQstatus(db->connection) != CONNECTION_OK) return STORE_DOWN;
  if (strcmp(state, "53100") == 0) return STORE_FULL;
  if (strcmp(state, "53200") == 0) return STORE_NO_MEMORY;
  bool passing = strncmp(state, "08", 2) == 0 ||  /* connection */
                 strncmp(state, "40", 2) == 0 ||  /* rolled back: deadlock, serialization */
                 strncmp(state, "53", 2) == 0 ||  /* too many connections */
                 strncmp(state, "55P", 3) == 0 || /* lock not available */
                 strncmp(state, "57", 2) == 0 ||  /* shut down, cancelled by a timeout */
                 strcmp(state, "25006") == 0;     /* a standby */
  return passing ? STORE_DOWN : STORE_FAILED;
}

static store_status rows_give(const PGresult *result, db_row *row, void *to) {
  nf_bytes cells[24];
  int n = PQnfields(result), n_rows = row != nullptr ? PQntuples(result) : 0;
  ASSERT(n <= (int)(sizeof cells / sizeof cells[0]));
  for (int i = 0; i < n_rows; i++) {
    for (int k = 0; k < n; k++) {
      bool null = PQgetisnull(result, i, k) != 0;
      cells[k] = bytes_from(null ? nullptr : PQgetvalue(result, i, k), PQgetlength(result, i, k));
    }
    if (!row(to, cells, n)) return STORE_NO_MEMORY;
  }
  return STORE_OK;
}

enum { VALUES_MAX = 12, VALUE_TEXT_BYTES = 24 };

static store_status pg_run(store_db *base, int id, const char *sql, const db_value *values, isize n,
                           db_row *row, void *to) {
  pg_db *db = (pg_db *)base;
  if (PQstatus(db->connection) != CONNECTION_OK) return STORE_DOWN;
  char name[16];
  store_status status = STORE_OK;
  if (id < 0) {
    PGresult *result = PQexec(db->connection, sql);
    status = status_of(db, result);
    PQclear(result);
    return status;
  }
  snprintf(name, sizeof name, "s%d", id);
  if (!db->prepared[id]) {
    PGresult *result = PQprepare(db->connection, name, sql, (int)n, nullptr);
    status = status_of(db, result);
    PQclear(result);
    if (status != STORE_OK) return status;
    db->prepared[id] = true;
  }
  /* text parameters end with a NUL; ours do not */
  const char *at[VALUES_MAX];
  char numbers[VALUES_MAX][VALUE_TEXT_BYTES], *copies[VALUES_MAX] = {0};
  ASSERT(n <= VALUES_MAX);
  for (isize i = 0; i < n; i++) {
    at[i] = nullptr;
    if (values[i].kind == DB_INT) {
      snprintf(numbers[i], sizeof numbers[i], "%lld", (long long)values[i].number);
      at[i] = numbers[i];
    } else if (values[i].kind == DB_TEXT) {
      at[i] = copies[i] = strndup((const char *)values[i].text.at, (size_t)values[i].text.len);
      if (at[i] == nullptr) status = STORE_NO_MEMORY;
    }
  }
  if (status == STORE_OK) {
    PGresult *result = PQexecPrepared(db->connection, name, (int)n, at, nullptr, nullptr, 0);
    status = status_of(db, result);
    if (status == STORE_OK) status = rows_give(result, row, to);
    PQclear(result);
  }
  for (isize i = 0; i < n; i++) free(copies[i]);
  return status;
}

static store_status pg_begin(store_db *base) {
  if (!connected((pg_db *)base)) return STORE_DOWN;
  return pg_run(base, -1, "BEGIN", nullptr, 0, nullptr, nullptr);
}
/* COMMIT of a transaction that failed answers ROLLBACK; none of ours gets that far. */
static store_status pg_commit(store_db *base) {
  return pg_run(base, -1, "COMMIT", nullptr, 0, nullptr, nullptr);
}
static void pg_rollback(store_db *base) {
  nf_error kept = *base->error;
  (void)pg_run(base, -1, "ROLLBACK", nullptr, 0, nullptr, nullptr);
  *base->error = kept;
}
static void pg_close(store_db *base) {
  PQfinish(((pg_db *)base)->connection);
  free(base);
}

static const store_db_kind POSTGRESQL = {.dialect = 1,
                                         .n_tries = 2,
                                         .run = pg_run,
                                         .begin = pg_begin,
                                         .commit = pg_commit,
                                         .rollback = pg_rollback,
                                         .close = pg_close};

static void notice_drop(void *unused, const char *message) { (void)unused, (void)message; }

store_status store_postgresql_open(const char *url, nf_error *error, store_db **out) {
  pg_db *db = calloc(1, sizeof *db);
  if (db == nullptr) return STORE_NO_MEMORY;
  db->base = (store_db){&POSTGRESQL, error};
  /* later keys win in libpq: the URL may set each of these otherwise */
  static const char limits[] =
      "-c statement_timeout=15s -c lock_timeout=5s "
      "-c idle_in_transaction_session_timeout=30s -c synchronous_commit=on";
  const char *keys[] = {
      "application_name", "connect_timeout", "tcp_user_timeout", "keepalives_idle",
      "options",          "client_encoding", "dbname",           nullptr};
  const char *values[] = {"nearfield", "5", "15000", "10", limits, "UTF8", url, nullptr};
  db->connection = PQconnectdbParams(keys, values, 1);
  store_status status = STORE_OK;
  if (db->connection == nullptr) {
    status = STORE_NO_MEMORY;
  } else if (PQstatus(db->connection) != CONNECTION_OK) {
    error_set(db, PQerrorMessage(db->connection));
    status = STORE_DOWN;
  } else {
    PQsetNoticeProcessor(db->connection, notice_drop, nullptr);
  }
  if (status != STORE_OK) {
    pg_close(&db->base);
    return status;
  }
  *out = &db->base;
  return STORE_OK;
}
