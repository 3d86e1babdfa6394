/* See inference.h. The upper half runs in the loop, the lower half in the thread; what both touch
 * is under the lock. */
#include "server/inference.h"

#include "server/edit_json.h"

typedef struct {
  nf_session *session;
  inference_work *work; /* null: idle */
} slot;

struct inference {
  inference_options options;
  uv_async_t wake;
  uv_thread_t thread;
  bool started;
  /* under the lock */
  uv_mutex_t lock;
  uv_cond_t more;
  inference_work **queue; /* [queue_max], the oldest first */
  int n_queued, n_running;
  inference_work *news; /* a list */
  inference_counts counts;
  nf_latency held; /* ms that works were in a session */
  bool refused;    /* the model opened last could not be, but for want of memory */
  u8 refused_sha256[32];
  bool stop;
  /* the thread's own; slots[].work is written under the lock */
  nf_engine *engine;
  nf_batch *batch;
  inference_file model; /* of the engine */
  inference_adapter adapters[TASK_COUNT]; /* of the engine; written under the lock */
  slot slots[NF_BATCH_SESSIONS_MAX];
  int n_slots;
};

static void run(void *argument);

/* ---- the loop's half ---- */

/* Give what the thread has left, work by work. A work that is over may be freed by its news. */
static void news_give(inference *i) {
  for (;;) {
    uv_mutex_lock(&i->lock);
    inference_work *w = i->news;
    if (w != nullptr) {
      i->news = w->next_news;
      w->in_news = false;
      w->over = w->ended;
      text_buf_add(&w->text, bytes_from(w->fresh.at, w->fresh.len));
      w->text.failed = w->text.failed || w->fresh.failed;
      w->fresh.len = 0;
    }
    uv_mutex_unlock(&i->lock);
    if (w == nullptr) return;
    if (w->over) free(w->fresh.at);
    w->news(w);
  }
}

static void on_wake(uv_async_t *wake) { news_give(wake->data); }

inference *inference_new(uv_loop_t *loop, const inference_options *options) {
  inference *i = calloc(1, sizeof *i);
  if (i == nullptr) return nullptr;
  i->options = *options;
  i->queue = calloc((size_t)options->queue_max, sizeof(inference_work *));
  if (i->queue == nullptr || uv_async_init(loop, &i->wake, on_wake) != 0) {
    free(i->queue);
    free(i);
    return nullptr;
  }
  i->wake.data = i;
  uv_unref((uv_handle_t *)&i->wake); /* connections that wait keep the loop */
  uv_mutex_init(&i->lock);
  uv_cond_init(&i->more);
  return i;
}

bool inference_room(inference *i, int n) {
  uv_mutex_lock(&i->lock);
  bool room = i->n_queued + n <= i->options.queue_max && !i->stop;
  uv_mutex_unlock(&i->lock);
  return room;
}

void inference_submit(inference *i, inference_work *work) {
  if (!i->started) i->started = uv_thread_create(&i->thread, run, i) == 0;
  ASSERT(i->started);
  work->submitted_ns = uv_hrtime();
  uv_mutex_lock(&i->lock);
  ASSERT(i->n_queued < i->options.queue_max);
  i->queue[i->n_queued++] = work;
  uv_cond_signal(&i->more);
  uv_mutex_unlock(&i->lock);
}

void inference_cancel(inference *i, inference_work *work) {
  atomic_store(&work->cancelled, true);
  uv_mutex_lock(&i->lock);
  uv_cond_signal(&i->more);
  uv_mutex_unlock(&i->lock);
}

inference_counts inference_counts_get(inference *i) {
  uv_mutex_lock(&i->lock);
  inference_counts counts = i->counts;
  counts.n_queued = i->n_queued;
  counts.n_running = i->n_running;
  uv_mutex_unlock(&i->lock);
  return counts;
}

double inference_queue_ms(inference *i) {
  uv_mutex_lock(&i->lock);
  bool free_one = i->n_running < i->options.sessions_max;
  double held_ms = i->held.mean;
  u64 now_ns = uv_hrtime(), youngest_ns = 0;
  for (int k = 0; k < i->n_slots; k++) {
    const inference_work *w = i->slots[k].work;
    if (w != nullptr && w->begun_ns > youngest_ns) youngest_ns = w->begun_ns;
  }
  double running_ms = youngest_ns > 0 ? (double)(now_ns - youngest_ns) / 1e6 : 0;
  int n_before = i->n_queued + 1;
  uv_mutex_unlock(&i->lock);
  if (free_one) return 0;
  if (running_ms > held_ms) held_ms = running_ms;
  return held_ms * n_before / i->options.sessions_max;
}

bool inference_may_open(inference *i, const u8 sha256[32]) {
  uv_mutex_lock(&i->lock);
  bool may = !i->refused || memcmp(i->refused_sha256, sha256, 32) != 0;
  uv_mutex_unlock(&i->lock);
  return may;
}

bool inference_may_tune(inference *i, nf_task task, const u8 sha256[32]) {
  const inference_adapter *a = &i->adapters[task];
  uv_mutex_lock(&i->lock);
  bool may =
      a->open != nullptr || a->file.path == nullptr || memcmp(a->file.sha256, sha256, 32) != 0;
  uv_mutex_unlock(&i->lock);
  return may;
}

void inference_stop(inference *i) {
  uv_mutex_lock(&i->lock);
  i->stop = true;
  uv_cond_signal(&i->more);
  uv_mutex_unlock(&i->lock);
  if (i->started) uv_thread_join(&i->thread);
  i->started = false;
  news_give(i);
}

void inference_free(inference *i) {
  if (i == nullptr) return;
  ASSERT(!i->started && i->n_queued == 0);
  uv_mutex_destroy(&i->lock);
  uv_cond_destroy(&i->more);
  free(i->queue);
  free(i);
}

/* ---- the thread's half ---- */

/* Under the lock. */
static void news_add(inference *i, inference_work *w) {
  if (w->in_news) return;
  w->in_news = true;
  w->next_news = i->news;
  i->news = w;
  uv_async_send(&i->wake);
}

/* Under the lock; nobody in this thread touches the work afterwards. */
static void work_end(inference *i, inference_work *w, work_outcome outcome) {
  w->outcome = outcome;
  w->ended = true;
  if (outcome == WORK_OK) nf_latency_add(&i->held, (double)(uv_hrtime() - w->begun_ns) / 1e6);
  w->receipt.queue_ms =
      (double)((w->begun_ns > 0 ? w->begun_ns : uv_hrtime()) - w->submitted_ns) / 1e6;
  news_add(i, w);
}

/* What a work comes to before it is done; WORK_WAITS: nothing of the kind. */
static work_outcome early_end(const inference *i, const inference_work *w) {
  if (atomic_load(&w->cancelled) || i->stop) return WORK_CANCELLED;
  bool late = uv_hrtime() - w->submitted_ns > (u64)w->deadline_ms * 1000000;
  return late ? WORK_LATE : WORK_WAITS;
}

/* Under the lock: nobody waits who need not. */
static void queue_clean(inference *i) {
  int n = 0;
  for (int k = 0; k < i->n_queued; k++) {
    inference_work *w = i->queue[k];
    work_outcome outcome = early_end(i, w);
    if (outcome == WORK_WAITS) i->queue[n++] = w;
    if (outcome != WORK_WAITS) work_end(i, w, outcome);
  }
  i->n_queued = n;
}

/* Is work a to run before b, which is older? Counts: of running works. */
static bool goes_first(const inference *i, const inference_work *a, const inference_work *b) {
  int client[2] = {0, 0}, call[2] = {0, 0};
  for (int k = 0; k < i->n_slots; k++) {
    const inference_work *w = i->slots[k].work;
    if (w == nullptr) continue;
    client[0] += w->client == a->client, client[1] += w->client == b->client;
    call[0] += w->call == a->call, call[1] += w->call == b->call;
  }
  if (a->priority != b->priority) return a->priority < b->priority;
  if (client[0] != client[1]) return client[0] < client[1];
  return call[0] < call[1];
}

static bool is_model(const inference *i, const inference_file *model) {
  return i->engine != nullptr && memcmp(model->sha256, i->model.sha256, 32) == 0;
}

/* Does w ask for another model than what runs, or for another file of an adapter in use? */
static bool must_wait(const inference *i, const inference_work *w) {
  if (i->engine == nullptr || i->n_running == 0) return false;
  if (!is_model(i, &w->model)) return true;
  if (w->edit == nullptr || w->adapter.path == nullptr) return false;
  const inference_adapter *a = &i->adapters[w->edit->task];
  return a->open != nullptr && !inference_adapter_is(a, &w->adapter, 0);
}

/* Under the lock: take the next work from the queue; null: none may begin now. */
static inference_work *queue_take(inference *i) {
  int best = 0;
  if (i->n_queued == 0 || i->n_running == i->options.sessions_max) return nullptr;
  for (int k = 1; k < i->n_queued; k++) {
    if (goes_first(i, i->queue[k], i->queue[best])) best = k;
  }
  inference_work *w = i->queue[best];
  if (must_wait(i, w)) return nullptr;
  i->n_queued--;
  for (int k = best; k < i->n_queued; k++) i->queue[k] = i->queue[k + 1];
  return w;
}

static void engine_drop(inference *i) {
  int n_slots = i->n_slots;
  uv_mutex_lock(&i->lock);
  i->n_slots = 0;
  uv_mutex_unlock(&i->lock);
  for (int k = 0; k < n_slots; k++) nf_session_close(i->slots[k].session);
  nf_batch_close(i->batch);
  uv_mutex_lock(&i->lock);
  for (int k = 0; k < TASK_COUNT; k++) inference_adapter_close(&i->adapters[k]);
  uv_mutex_unlock(&i->lock);
  nf_engine_close(i->engine);
  i->batch = nullptr;
  i->engine = nullptr;
}

static void opened_note(inference *i, const inference_file *model, nf_status status) {
  uv_mutex_lock(&i->lock);
  i->refused = status != NF_OK && status != NF_NO_MEMORY;
  memcpy(i->refused_sha256, model->sha256, 32);
  uv_mutex_unlock(&i->lock);
}

/* The engine over the work's model. */
static bool engine_take(inference *i, const inference_file *model, nf_error *error) {
  if (is_model(i, model)) return true;
  engine_drop(i);
  const nf_engine_desc desc = {.n_threads = i->options.n_threads,
                               .ctx_tokens_max = i->options.ctx_tokens};
  nf_status status = nf_engine_open_file(model->path, &desc, &i->engine, error);
  opened_note(i, model, status);
  if (status != NF_OK) {
    i->engine = nullptr;
    return false;
  }
  i->model = *model;
  if (nf_batch_open(i->engine, &i->batch, error) == NF_OK) return true;
  i->batch = nullptr;
  engine_drop(i);
  return false;
}

/* An idle session: the one used last, whose cache is the warmest, or a new one. null: no memory. */
static slot *slot_take(inference *i, nf_error *error) {
  for (int k = 0; k < i->n_slots; k++) {
    if (i->slots[k].work == nullptr) return &i->slots[k];
  }
  ASSERT(i->n_slots < i->options.sessions_max);
  slot *s = &i->slots[i->n_slots];
  if (nf_session_open(i->engine, &s->session, error) != NF_OK) return nullptr;
  if (nf_batch_join(i->batch, s->session, error) != NF_OK) {
    nf_session_close(s->session);
    return nullptr;
  }
  uv_mutex_lock(&i->lock);
  i->slots[i->n_slots++].work = nullptr;
  uv_mutex_unlock(&i->lock);
  return s;
}

/* The adapter of an edit, opened by the first one that wants it; null: none. */
static const nf_adapter *adapter_take(inference *i, inference_work *w) {
  u64 now_ns = uv_hrtime();
  if (w->adapter.path == nullptr) return nullptr;
  inference_adapter *a = &i->adapters[w->edit->task];
  if (!inference_adapter_is(a, &w->adapter, now_ns)) {
    inference_adapter old = *a, fresh = {0};
    inference_adapter_open(&fresh, i->engine, &w->adapter, w->edit->task, now_ns,
                           &w->adapter_error);
    uv_mutex_lock(&i->lock);
    *a = fresh;
    uv_mutex_unlock(&i->lock);
    inference_adapter_close(&old); /* must_wait: nothing runs with it */
  }
  w->untuned = a->open == nullptr;
  memcpy(w->adapter_name, a->name, sizeof w->adapter_name);
  return a->open;
}

/* WORK_WAITS: it runs. */
static work_outcome work_begin(inference *i, inference_work *w, slot **at) {
  if (!engine_take(i, &w->model, &w->error)) return WORK_NO_MODEL;
  slot *s = *at = slot_take(i, &w->error);
  if (s == nullptr) return WORK_NO_MEMORY;
  w->begun_ns = uv_hrtime();
  nf_status status;
  if (w->edit != nullptr) {
    nf_edit_desc desc = *w->edit;
    desc.adapter = adapter_take(i, w);
    status = nf_edit_begin(s->session, &desc, &w->error);
  } else {
    nf_generate_desc desc = *w->generate;
    desc.sampling.seed = w->seed;
    status = nf_generate_begin(s->session, &desc, &w->error);
  }
  return status == NF_OK ? WORK_WAITS : WORK_REFUSED;
}

static void works_begin(inference *i) {
  for (;;) {
    uv_mutex_lock(&i->lock);
    queue_clean(i);
    inference_work *w = queue_take(i);
    uv_mutex_unlock(&i->lock);
    if (w == nullptr) return;
    slot *s = nullptr;
    work_outcome outcome = work_begin(i, w, &s);
    uv_mutex_lock(&i->lock);
    if (outcome == WORK_WAITS) {
      s->work = w;
      i->n_running++;
    } else {
      work_end(i, w, outcome);
    }
    uv_mutex_unlock(&i->lock);
  }
}

/* The engine's answer becomes the work's. */
static work_outcome work_finish(slot *s) {
  inference_work *w = s->work;
  if (w->edit == nullptr) {
    w->end = nf_generate_end_get(s->session);
    nf_generate_receipt(s->session, &w->receipt);
    return WORK_OK;
  }
  edit_json_write(s->session, &w->result, &w->receipt);
  return w->result.failed ? WORK_NO_MEMORY : WORK_OK;
}

/* What the last pass gave, or the next pass handed in. */
static void slot_step(inference *i, slot *s) {
  inference_work *w = s->work;
  nf_bytes piece = {0};
  work_outcome outcome = early_end(i, w);
  if (outcome == WORK_WAITS) {
    nf_status status = w->edit != nullptr ? nf_edit_step(s->session, &w->error)
                                          : nf_generate_step(s->session, &piece, &w->error);
    if (status == NF_OK) outcome = work_finish(s);
    if (status < NF_OK) outcome = WORK_REFUSED;
  } else {
    nf_session_drop(s->session);
  }
  if (piece.len == 0 && outcome == WORK_WAITS) return;
  uv_mutex_lock(&i->lock);
  text_buf_add(&w->fresh, piece);
  if (outcome == WORK_WAITS) {
    news_add(i, w);
  } else {
    s->work = nullptr;
    i->n_running--;
    work_end(i, w, outcome);
  }
  uv_mutex_unlock(&i->lock);
}

static void pass_run(inference *i) {
  int32_t n_works = 0;
  for (int k = 0; k < i->n_slots; k++) {
    slot *s = &i->slots[k];
    if (s->work != nullptr && early_end(i, s->work) != WORK_WAITS) slot_step(i, s);
    while (s->work != nullptr && !nf_session_waits(s->session)) slot_step(i, s);
  }
  (void)nf_batch_run(i->batch, &n_works); /* whether more waits is seen in the slots */
  if (n_works == 0) return;
  uv_mutex_lock(&i->lock);
  i->counts.n_passes++;
  i->counts.n_works += n_works;
  uv_mutex_unlock(&i->lock);
}

static void run(void *argument) {
  inference *i = argument;
  for (;;) {
    works_begin(i);
    uv_mutex_lock(&i->lock);
    bool idle = i->n_running == 0;
    if (idle && i->stop) break;
    if (idle && i->n_queued == 0) uv_cond_wait(&i->more, &i->lock);
    uv_mutex_unlock(&i->lock);
    if (!idle) pass_run(i);
  }
  uv_mutex_unlock(&i->lock);
  engine_drop(i);
}
