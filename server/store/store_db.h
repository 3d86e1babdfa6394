/* The seam between the store's rules and a database: run one statement with bound values, hand
 * its rows over, begin and end transactions. Two implementations: store_sqlite.c and
 * store_postgresql.c. Statements are written once, for both: values are $1, $2, ... in order of
 * first appearance, and each database has the function nf_now() (milliseconds of the clock that
 * leases are kept by). */
#pragma once
#include "server/store/store.h"

typedef struct {
  enum : u8 { DB_NULL, DB_INT, DB_TEXT } kind;
  i64 number;
  nf_bytes text;
} db_value;
static inline db_value db_int(i64 n) { return (db_value){.kind = DB_INT, .number = n}; }
static inline db_value db_text(nf_bytes b) {
  return b.at == nullptr ? (db_value){0} : (db_value){.kind = DB_TEXT, .text = b};
}
static inline db_value db_str(const char *s) {
  return s == nullptr ? (db_value){0} : db_text(text(s));
}

/* sql[0]: SQLite's; sql[1]: PostgreSQL's, null when it is the same. */
typedef struct {
  const char *sql[2];
} db_statement;

/* A row, borrowed during the call: text cells, whatever the column's type. false: out of memory. */
typedef bool db_row(void *to, const nf_bytes *cells, isize n);

typedef struct store_db store_db;
typedef struct {
  int dialect; /* index into db_statement.sql */
  int n_tries; /* of a transaction that ended with STORE_DOWN */
  /* id: a small number that names the statement for as long as the database is open, -1: run
   * once (then `sql` may hold several statements, without values and rows) */
  store_status (*run)(store_db *db, int id, const char *sql, const db_value *values, isize n,
                      db_row *row, void *to);
  store_status (*begin)(store_db *db); /* for writing */
  store_status (*commit)(store_db *db);
  void (*rollback)(store_db *db);
  void (*close)(store_db *db);
} store_db_kind;

struct store_db {
  const store_db_kind *kind;
  nf_error *error; /* the store's; written by a call that does not return STORE_OK */
};

enum { DB_STATEMENTS_MAX = 48 };

[[nodiscard]] store_status store_sqlite_open(const char *path, nf_error *error, store_db **db);
[[nodiscard]] store_status store_postgresql_open(const char *url, nf_error *error, store_db **db);

/* ---- for the rules ---- */

struct store {
  store_db *db;
  store_desc desc;
  nf_error error;
};
/* Run `work` in a transaction. STORE_OK and STORE_CANCELLED commit, all else rolls back. After
 * STORE_DOWN PostgreSQL is tried once more: a server that was restarted is found again, and every
 * piece of work here may be repeated. */
typedef store_status store_work(store *s, void *args);
store_status store_transact(store *s, store_work *work, void *args);
