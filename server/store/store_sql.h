/* The statements of jobs and the small parts that client and worker calls share. */
#pragma once
#include "server/store/store_db.h"

typedef enum {
  SQL_INSERT,
  SQL_BY_ID,
  SQL_BY_KEY,
  SQL_OWNED, /* as BY_ID, and the row is locked */
  SQL_CROWD,
  SQL_LIST,
  SQL_UPLOAD_WANTED,
  SQL_ALL,
  SQL_COUNTS,
  SQL_EVENT_ADD,
  SQL_EVENTS,
  SQL_EVENT_LAST,
  SQL_STATE_SET,
  SQL_CANCELLING,
  SQL_REPORT,
  SQL_CLAIM,
  SQL_CLAIM_LOST,
  SQL_DEAD,
  SQL_CANCELLED,
  SQL_FORGET,
  SQL_EVENTS_FORGET,
  SQL_CHARGE_ADD,
  SQL_CHARGE_TAKE,
  SQL_BUDGET_ADD,
  SQL_BUDGET_GET,
  SQL_CHARGES_FORGET,
  SQL_BUDGETS_FORGET,
} store_statement;

store_status store_run(store *s, store_statement id, const db_value *values, isize n, db_row *row,
                       void *to);
#define STORE_RUN(s, id, row, to, ...)        \
  store_run(s, id, (db_value[]){__VA_ARGS__}, \
            sizeof((db_value[]){__VA_ARGS__}) / sizeof(db_value), row, to)

job_state store_state_read(nf_bytes cell);
db_row store_job_read; /* to: a store_job, written over; a row of the statements that give jobs */
static inline bool job_found(const store_job *job) { return job->id.hex[0] != 0; }
i64 store_wall_ms(void); /* since 1970 */

/* Add the event that tells of the state `job` has, with the number job->n_events. */
store_status store_state_tell(store *s, const store_job *job);

typedef struct {
  job_state state;
  nf_bytes result;   /* .at null: none */
  const char *error; /* null: none; not job->error */
  i64 pause_ms, n_tries;
} store_change;
/* Give `job` (read a moment ago by SQL_OWNED) another state and tell of it. job: as it is then. */
store_status store_state_set(store *s, store_job *job, const store_change *c);
