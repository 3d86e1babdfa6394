/* Where jobs and budgets live: one interface over SQLite (embedded) and PostgreSQL (several
 * machines). Owns the rules - states, leases, fences, tries, idempotency, the event log - written
 * once in store_client.c and store_worker.c; a database only runs statements (store_db.h). Every
 * call blocks, so none is made on the event loop: see store_thread.h. A store belongs to one thread
 * at a time. A change is durable when its call returned STORE_OK.
 *
 *   queued -> running -> done | failed (bad input) | dead (tried 5 times in vain)
 *      ^---------'  a try failed, or its lease ran out
 *   queued -> cancelled, running -> cancelling -> cancelled
 *
 * A claim raises the job's fence; every later write of that try carries it, so that a worker
 * which lost its lease changes nothing. Does not own: processes and files (server/jobs/). */
#pragma once
#include "server/words.h"

typedef struct store store;

typedef enum {
  STORE_OK = 0,
  STORE_NONE,      /* no such job; nothing to claim */
  STORE_FENCED,    /* another try owns the job now, or it has ended */
  STORE_CANCELLED, /* the job is being cancelled: end it with store_cancel_end */
  STORE_CONFLICT,  /* the idempotency key belongs to another request */
  STORE_CROWDED,   /* queue_max jobs wait already */
  STORE_SPENT,     /* a day's budget does not last for it: nothing was reserved */
  STORE_FULL,      /* no space left: nothing was written */
  STORE_DOWN,      /* unreachable or locked: nothing was acknowledged, try again */
  STORE_FAILED,    /* damaged, newer than this program, or a statement failed */
  STORE_NO_MEMORY,
} store_status;

typedef enum : u8 {
  JOB_QUEUED,
  JOB_RUNNING,
  JOB_DONE,
  JOB_FAILED,
  JOB_DEAD,
  JOB_CANCELLING,
  JOB_CANCELLED,
} job_state;
const char *job_state_name(job_state state); /* "queued", ... */
static inline bool job_state_is_final(job_state s) {
  return s == JOB_DONE || s == JOB_FAILED || s == JOB_DEAD || s == JOB_CANCELLED;
}

enum { JOB_ID_LEN = 32, JOB_KIND_BYTES = 32, JOB_KEY_BYTES_MAX = 200 };
typedef struct {
  char hex[JOB_ID_LEN + 1]; /* lower case, NUL-terminated */
} job_id;
void job_id_make(job_id *id); /* 128 random bits */
/* false: not 32 lower-case hexadecimal digits */
bool job_id_read(nf_bytes text, job_id *id);

typedef struct {
  job_id id;
  char kind[JOB_KIND_BYTES];
  job_state state;
  i64 fence;    /* of the last claim; 0: never claimed */
  i64 n_tries;
  i64 progress; /* thousandths */
  i64 n_events; /* seq of the last one */
  i64 created_ms, updated_ms; /* since 1970 */
  char *input, *result; /* JSON objects, malloc'd; result is null until done */
  char *error;          /* one line of the last failure, or null */
} store_job;
void store_job_drop(store_job *job);

typedef struct {
  i64 seq;          /* 1, 2, ... within its job */
  const char *type; /* "state", "progress", or the worker's own, such as "segment" */
  nf_bytes data;    /* a JSON object */
} store_event;

typedef struct {
  const char *url; /* sqlite:PATH, PATH, or postgresql://... */
  /* 0 in what follows: the default */
  i64 lease_ms;   /* [30000] */
  i64 backoff_ms; /* before try n + 1: this x 2^n, at most 300 x this, +-20 % [1000] */
  i64 tries_max;  /* [5] */
  i64 queue_max;  /* [10000] */
} store_desc;

/* Open or create; brings an older schema up to date. error: the line, naming the store without
 * its password. STORE_DOWN: a server that cannot be reached now. */
[[nodiscard]] store_status store_open(const store_desc *desc, store **s, nf_error *error);
void store_close(store *s); /* null is fine */
bool store_is_postgresql(const char *url);
/* Copy the SQLite store at `path` to the new file `to`, as it is at one moment: others go on
 * reading and writing. The copy is checked, synced and complete in one file. errors STORE_NONE:
 * there is no store at path; STORE_FAILED: it is damaged; and the store's own */
[[nodiscard]] store_status store_copy(const char *path, const char *to, nf_error *error);
/* Why the last call did not return STORE_OK: one line, for the log. Borrowed until the next. */
const char *store_error(const store *s);

/* ---- clients ---- */

typedef struct {
  job_id id; /* made by the caller, so that a repeat after a lost connection is the same job */
  const char *kind;
  nf_bytes input; /* a JSON object */
  nf_bytes key;   /* Idempotency-Key; .at null: none */
} store_request;
/* job: written on STORE_OK; drop it. existed: the key (or the id) was there, nothing was made.
 * errors STORE_CONFLICT, STORE_CROWDED and the store's own */
[[nodiscard]] store_status store_enqueue(store *s, const store_request *r, store_job *job,
                                         bool *existed);
[[nodiscard]] store_status store_get(store *s, const job_id *id, store_job *job);
/* The newest n_max jobs, newest first, without input and result. jobs[n_max]; drop each. */
[[nodiscard]] store_status store_list(store *s, store_job *jobs, isize n_max, isize *n);
typedef void store_job_each(void *to, const store_job *job); /* borrowed */
/* Every job, whole, in no order. */
[[nodiscard]] store_status store_jobs(store *s, store_job_each *each, void *to);
typedef struct {
  char kind[JOB_KIND_BYTES];
  job_state state;
  i64 n, n_tries;
  i64 ms;        /* from their request to their last change, all together */
  i64 oldest_ms; /* when the first of them came, since 1970 */
} store_count;
typedef void store_count_each(void *to, const store_count *count); /* borrowed */
/* How many jobs there are of each kind in each state. */
[[nodiscard]] store_status store_counts(store *s, store_count_each *each, void *to);
/* Ask for the end of a job. job: as it is now; a final one stays what it is. */
[[nodiscard]] store_status store_cancel(store *s, const job_id *id, store_job *job);

/* STORE_OK: a job that is not over names this upload; STORE_NONE: none does. */
[[nodiscard]] store_status store_upload_wanted(store *s, const job_id *upload);

typedef void store_event_each(void *to, const store_event *event); /* borrowed */
/* Events behind `after`, oldest first, at most n_max of them. */
[[nodiscard]] store_status store_events(store *s, const job_id *id, i64 after, i64 n_max,
                                        store_event_each *each, void *to);
/* The newest event of that type; none: STORE_OK, and `each` is not called. */
[[nodiscard]] store_status store_event_last(store *s, const job_id *id, const char *type,
                                            store_event_each *each, void *to);

/* ---- workers ---- */

/* Take one whose lease ran out, or else the job that waits longest, for lease_ms. Jobs that have
 * had their tries become dead on the way, cancelled ones whose worker is gone end. kinds: a
 * NULL-terminated list of what the caller can run; owner: a name for the operator. */
[[nodiscard]] store_status store_claim(store *s, const char *const *kinds, const char *owner,
                                       store_job *job);
/* One write: the lease is renewed, progress set (-1: keep), events appended (seq is ignored).
 * STORE_CANCELLED: all of that was done, but the job is to be ended; STORE_FENCED: nothing was */
[[nodiscard]] store_status store_report(store *s, const job_id *id, i64 fence, i64 progress,
                                        const store_event *events, isize n_events);
/* Commit the result (a JSON object). Repeating it with the same fence is STORE_OK. */
[[nodiscard]] store_status store_complete(store *s, const job_id *id, i64 fence, nf_bytes result);
/* A try failed. again: worth another one (after a pause, unless it was the last); false: the
 * input is at fault, and the job has failed for good. why: one line. */
[[nodiscard]] store_status store_fail(store *s, const job_id *id, i64 fence, bool again,
                                      const char *why);
/* The worker gives the job back untouched (a shutdown): the try does not count. */
[[nodiscard]] store_status store_release(store *s, const job_id *id, i64 fence);
/* The end of a job in "cancelling", once its process is gone. */
[[nodiscard]] store_status store_cancel_end(store *s, const job_id *id, i64 fence);
/* Forget one final job not changed since before_ms (since 1970), events and all. id: which;
 * its files are the caller's to remove. STORE_NONE: there is none. */
[[nodiscard]] store_status store_forget(store *s, i64 before_ms, job_id *id);

/* ---- budgets: millionths of a currency, by day and client ---- */

enum { STORE_CLIENT_BYTES = 48 };
typedef struct {
  job_id id;          /* made by the caller */
  i64 day;            /* since 1970 */
  const char *client; /* not "": that is everybody together */
  i64 micro;          /* what it may cost */
  i64 client_max, all_max; /* of that day; 0: no limit */
} store_charge;
/* all: what everybody has spent and reserved that day, this included; written on STORE_OK.
 * errors STORE_SPENT: neither limit may be passed; and the store's own */
[[nodiscard]] store_status store_reserve(store *s, const store_charge *charge, i64 *all);
/* What it did cost, in place of what was reserved. STORE_NONE: it is settled. */
[[nodiscard]] store_status store_settle(store *s, const job_id *id, i64 micro, i64 *all);
/* Spent and reserved; client "": everybody. */
[[nodiscard]] store_status store_budget_get(store *s, i64 day, const char *client, i64 *micro);
/* Forget days before, and charges of theirs that were never settled. */
[[nodiscard]] store_status store_budget_forget(store *s, i64 before_day);
