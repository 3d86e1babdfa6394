/* The engine in the server: one thread that owns it, its sessions and a batch over them, and a
 * bounded queue of works in front. The loop hands works in and is told when something happened; it
 * never waits for a pass, and the thread never touches a connection.
 * Owns: thread, queue, fairness, deadlines. Does NOT know HTTP or JSON bodies: api.c does.
 *
 * Fair: of the works that wait, the most urgent first; then the one whose client, then whose call,
 * has the fewest running; then the oldest. All that run share every pass (nf_batch).
 * The model is opened by the first work that needs it, and by one that names another: then it waits
 * until nothing runs. So is the adapter of a task, beside the model. */
#pragma once
#include <stdatomic.h>
#include <uv.h>

#include "server/inference_adapter.h"
#include "server/text_buf.h"

typedef struct inference inference;
typedef struct inference_work inference_work;

typedef struct {
  int n_threads, ctx_tokens; /* 0: the engine's defaults */
  int sessions_max;          /* works that run together, 1..NF_BATCH_SESSIONS_MAX */
  int queue_max;             /* works that wait */
} inference_options;

typedef enum {
  WORK_WAITS,
  WORK_OK,
  WORK_REFUSED, /* the engine did not take the request: error says why */
  WORK_LATE, /* the deadline came */
  WORK_CANCELLED,
  WORK_NO_MODEL, /* it cannot be opened: error is for the log, it names a path */
  WORK_NO_MEMORY,
} work_outcome;

struct inference_work {
  /* given, and borrowed until it has ended; one of both descriptors */
  const nf_generate_desc *generate;
  const nf_edit_desc *edit;
  inference_file model;
  inference_file adapter; /* of the model, for edit->task; .path null: none */
  u64 seed;            /* of a generation, instead of the descriptor's */
  const void *call;    /* works of one request */
  u64 client;
  int priority;        /* 0 is the most urgent */
  i64 deadline_ms;     /* from inference_submit */
  void *owner;
  /* Called in the loop whenever `text` has grown or the work is over; not after that. */
  void (*news)(inference_work *work);

  /* for `news` to read; text: the generation's, as far as it was not taken (by setting len to 0);
   * it and `result` are the owner's to free. But for text, once it is over: */
  text_buf text;
  bool over;
  text_buf result; /* of an edit that came to WORK_OK: edit_json_write's */
  work_outcome outcome;
  nf_generate_end end;
  nf_receipt receipt; /* queue_ms included */
  nf_error error;
  /* With an adapter given, and begun: its name, or that it could not be opened and the model alone
   * answered. adapter_error: for the log, of the work that found that out; else empty. */
  char adapter_name[sizeof((inference_adapter){0}.name)];
  bool untuned;
  nf_error adapter_error;

  /* the inside */
  inference_work *next_news;
  bool in_news, ended;
  text_buf fresh; /* under the lock: for `text` */
  _Atomic bool cancelled;
  u64 submitted_ns, begun_ns; /* begun_ns 0: it did not; may be read once it is over */
};

inference *inference_new(uv_loop_t *loop, const inference_options *options); /* null: no memory */
/* false: the queue has no room for n more. */
bool inference_room(inference *i, int n);
/* There is room. Zeroed but for what is given. news is called until it is over. */
void inference_submit(inference *i, inference_work *work);
/* It is over soon, as WORK_CANCELLED unless it has ended before. */
void inference_cancel(inference *i, inference_work *work);

typedef struct {
  i64 n_passes, n_works; /* passes over the weights; works that had a part in them, summed */
  int n_queued, n_running;
} inference_counts;
inference_counts inference_counts_get(inference *i);
/* How long a work handed in now is expected to wait for its turn: 0 while fewer than sessions_max
 * run. Works hold a session as long as those before it did, or as those that run have for now,
 * whichever is longer. */
double inference_queue_ms(inference *i);

/* false: the last model to be opened was that one, and it could not be (not for want of memory). */
bool inference_may_open(inference *i, const u8 sha256[32]);
/* false: that adapter of the task was tried, and edits go without it. */
bool inference_may_tune(inference *i, nf_task task, const u8 sha256[32]);

/* End every work, as WORK_CANCELLED, and the thread. inference_free once the loop is closed. */
void inference_stop(inference *i);
void inference_free(inference *i);
