/* The inside of one try of one job, shared by job_run.c (what it says, the lease, the end) and
 * job_try.c (what it begins with). Private to these two. */
#pragma once
#include "server/jobs/jobs_state.h"
#include "server/text_buf.h"

enum {
  EVENTS_MAX = 256, /* held; beyond it the worker's output is not read on */
  STDERR_BYTES = 400,
};

/* Why the child is to go; the first reason stands. */
typedef enum : u8 { GOES_ON, CANCELLED, LOST, STOPPED, TIMED_OUT, MISBEHAVED, STARVED } end_reason;

typedef struct {
  const char *type; /* static */
  char *data;
} held_event;

struct job_run {
  store_call call; /* first: one at a time */
  jobs *jobs;
  job_run *next, *prev;
  store_job job;
  char *told; /* JSON: jobs.c, told_read */
  const job_kind *kind;
  char work[JOB_PATH_BYTES];
  uv_process_t process;
  uv_pipe_t out, err;
  uv_timer_t timer;
  uv_work_t publish; /* or removal */
  int n_open;        /* handles of the child that are not closed yet */
  i64 started_ms, reported_ms, kill_ms; /* of the loop's clock; kill_ms 0: not asked to go */
  bool calling, read_stopped;
  bool publishing, published; /* on the thread pool; back from it, while a report was away */
  bool publish_stop;          /* read there */
  bool over;                  /* the store knows the end of the job, not only of this try */
  bool was_last;              /* it failed, and there is no other try */
  bool completing, unwanted; /* the store was told of the result; it is not this job's after all */
  end_reason reason;
  bool exited, ending, cancelled_late; /* the last: it was done, but is not wanted any more */
  i64 exit_code;
  int exit_signal;
  bool has_error, again; /* the worker said why it fails */
  char error[240];
  char said[STDERR_BYTES + 1]; /* the end of its standard error */
  int said_len;
  text_buf line;
  i64 progress; /* -1: nothing new */
  held_event events[EVENTS_MAX];
  int n_events, n_sent;
  char *result;
  nf_error publish_error;
};

/* What the worker gets as descriptors 3 and 4; -1: none. false: one of them is gone; again: or it
 * cannot be opened now. why: a line. */
bool job_try_inputs_open(const job_run *r, int inputs[2], bool *again, char *why, size_t cap);
void job_try_inputs_close(const int inputs[2]);
/* r->work, with job.json and, where the kind has it, what earlier tries kept. false and errno. */
bool job_try_folder_make(job_run *r);
/* Start the worker's program over r->out and r->err. 0 or libuv's error; r->process is a handle
 * only when its type says so. */
int job_try_spawn(job_run *r, const int inputs[2], uv_exit_cb exited);
