/* See curl_loop.h. */
#include "server/upstream/curl_loop.h"

struct curl_loop {
  uv_loop_t *loop;
  CURLM *multi;
  uv_timer_t timer;
};

typedef struct {
  uv_poll_t poll; /* first */
  curl_loop *owner;
  curl_socket_t fd;
} watched;

static void ended_tell(curl_loop *l) {
  CURLMsg *message;
  int n;
  while ((message = curl_multi_info_read(l->multi, &n)) != nullptr) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL *easy = message->easy_handle;
    CURLcode result = message->data.result;
    char *at = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &at);
    curl_multi_remove_handle(l->multi, easy); /* message is void */
    curl_transfer *t = (curl_transfer *)(void *)at;
    t->done(t->owner, result);
  }
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  watched *w = (watched *)poll;
  curl_loop *l = w->owner;
  int flags = 0, n_running;
  if (status < 0) flags = CURL_CSELECT_ERR;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(l->multi, w->fd, flags, &n_running); /* w may be gone */
  ended_tell(l);
}

static void on_closed(uv_handle_t *handle) { free(handle); }

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *to, void *at) {
  (void)easy;
  curl_loop *l = to;
  watched *w = at;
  if (what == CURL_POLL_REMOVE) {
    if (w != nullptr) uv_close((uv_handle_t *)&w->poll, on_closed);
    curl_multi_assign(l->multi, fd, nullptr);
    return 0;
  }
  if (w == nullptr) {
    w = calloc(1, sizeof *w);
    if (w == nullptr || uv_poll_init_socket(l->loop, &w->poll, fd) != 0) {
      free(w);
      return -1; /* curl fails its transfers */
    }
    w->owner = l;
    w->fd = fd;
    curl_multi_assign(l->multi, fd, w);
  }
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  return uv_poll_start(&w->poll, events, on_ready) == 0 ? 0 : -1;
}

static void on_timer(uv_timer_t *timer) {
  curl_loop *l = timer->data;
  int n_running;
  curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
  ended_tell(l);
}

static int on_timeout(CURLM *multi, long ms, void *to) {
  (void)multi;
  curl_loop *l = to;
  if (ms < 0) {
    uv_timer_stop(&l->timer);
  } else {
    uv_timer_start(&l->timer, on_timer, (u64)ms, 0);
  }
  return 0;
}

curl_loop *curl_loop_new(uv_loop_t *loop) {
  curl_loop *l = calloc(1, sizeof *l);
  if (l == nullptr) return nullptr;
  l->loop = loop;
  l->multi = curl_multi_init();
  if (l->multi == nullptr) {
    free(l);
    return nullptr;
  }
  uv_timer_init(loop, &l->timer);
  l->timer.data = l;
  uv_unref((uv_handle_t *)&l->timer); /* connections that wait keep the loop */
  curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
  curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
  curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
  curl_multi_setopt(l->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  return l;
}

bool curl_loop_add(curl_loop *l, CURL *easy, curl_transfer *t) {
  curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
  return curl_multi_add_handle(l->multi, easy) == CURLM_OK;
}

void curl_loop_remove(curl_loop *l, CURL *easy) { curl_multi_remove_handle(l->multi, easy); }

void curl_loop_stop(curl_loop *l) {
  curl_multi_cleanup(l->multi);
  uv_close((uv_handle_t *)&l->timer, nullptr);
}

void curl_loop_free(curl_loop *l) { free(l); }
