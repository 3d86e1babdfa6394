/* See store_thread.h. Two lists under one mutex; an async handle wakes the loop. */
#include "server/store/store_thread.h"

enum { CALLS_CROWD = 1000 };

typedef struct {
  store_call *first, *last;
} call_list;

struct store_thread {
  store *store;
  uv_thread_t thread;
  uv_mutex_t mutex;
  uv_cond_t wake;
  uv_async_t async;
  call_list waiting, finished;
  i64 n_status[STORE_NO_MEMORY + 1]; /* the loop's own, as is what follows */
  int n_open; /* posted, not yet done */
  bool stop;
};

static void list_add(call_list *list, store_call *call) {
  call->next = nullptr;
  if (list->last != nullptr) list->last->next = call;
  if (list->first == nullptr) list->first = call;
  list->last = call;
}

static void thread_main(void *to) {
  store_thread *t = to;
  uv_mutex_lock(&t->mutex);
  while (true) {
    store_call *call = t->waiting.first;
    if (call == nullptr && t->stop) break;
    if (call == nullptr) {
      uv_cond_wait(&t->wake, &t->mutex);
      continue;
    }
    t->waiting.first = call->next;
    if (call->next == nullptr) t->waiting.last = nullptr;
    uv_mutex_unlock(&t->mutex);
    call->status = call->work(t->store, call);
    if (call->status != STORE_OK && call->status != STORE_NONE) {
      snprintf(call->error.line, sizeof call->error.line, "%s", store_error(t->store));
    }
    uv_mutex_lock(&t->mutex);
    list_add(&t->finished, call);
    uv_async_send(&t->async);
  }
  uv_mutex_unlock(&t->mutex);
}

static void on_closed(uv_handle_t *handle) {
  store_thread *t = handle->data;
  uv_cond_destroy(&t->wake);
  uv_mutex_destroy(&t->mutex);
  store_close(t->store);
  free(t);
}

static void on_finished(uv_async_t *async) {
  store_thread *t = async->data;
  uv_mutex_lock(&t->mutex);
  store_call *call = t->finished.first;
  t->finished = (call_list){0};
  uv_mutex_unlock(&t->mutex);
  while (call != nullptr) {
    store_call *next = call->next;
    t->n_open--;
    t->n_status[call->status]++;
    call->done(call); /* may post another */
    call = next;
  }
  if (!t->stop || t->n_open > 0 || uv_is_closing((uv_handle_t *)&t->async)) return;
  uv_thread_join(&t->thread);
  uv_close((uv_handle_t *)&t->async, on_closed);
}

store_thread *store_thread_start(uv_loop_t *loop, store *s) {
  store_thread *t = calloc(1, sizeof *t);
  if (t == nullptr || uv_async_init(loop, &t->async, on_finished) != 0) {
    free(t);
    store_close(s);
    return nullptr;
  }
  t->store = s;
  t->async.data = t;
  uv_mutex_init(&t->mutex);
  uv_cond_init(&t->wake);
  if (uv_thread_create(&t->thread, thread_main, t) != 0) {
    uv_close((uv_handle_t *)&t->async, on_closed);
    return nullptr;
  }
  return t;
}

void store_thread_post(store_thread *t, store_call *call) {
  ASSERT(!t->stop);
  t->n_open++;
  uv_mutex_lock(&t->mutex);
  list_add(&t->waiting, call);
  uv_cond_signal(&t->wake);
  uv_mutex_unlock(&t->mutex);
}

i64 store_thread_count(const store_thread *t, store_status status) { return t->n_status[status]; }

bool store_thread_is_crowded(const store_thread *t) { return t->n_open >= CALLS_CROWD; }

void store_thread_stop(store_thread *t) {
  uv_mutex_lock(&t->mutex);
  t->stop = true;
  uv_cond_signal(&t->wake);
  uv_mutex_unlock(&t->mutex);
  uv_async_send(&t->async);
}
