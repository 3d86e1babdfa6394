/* See server.h. */
#include "server/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/http_conn.h"
#include "server/http_date.h"
#include "server/platform.h"

enum { ACCEPTS_TURN = 64, TICK_MS = 100, BACKLOG = 1024, SPARE_FILES = 64 };

i64 server_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (i64)now.tv_sec * 1000000000 + now.tv_nsec;
}

const char *server_date(server *s) {
  i64 second = server_now_ns() / 1000000000;
  if (second != s->date_s) http_date_write(s->date_s = second, s->date);
  return s->date;
}

/* ---- accepting ---- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void accept_resume(server *s) {
  if (s->listener < 0 || !s->accept_paused) return;
  s->accept_paused = uv_poll_start(&s->accept_poll, UV_READABLE, on_acceptable) != 0;
}

/* Room for one more? Otherwise a short answer, best effort. */
static void accept_or_refuse(server *s, int fd) {
  if (s->metrics.n_connections < s->config.connections_max) {
    http_conn_open(s, fd);
    return;
  }
  static const char full[] =
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
      "Retry-After: 1\r\nContent-Length: 0\r\n\r\n";
  s->metrics.n_connections_refused++;
  (void)!send(fd, full, sizeof full - 1, PLATFORM_SEND_QUIET);
  close(fd);
}

static void on_tick(uv_timer_t *timer) {
  server *s = timer->data;
  accept_resume(s);
  http_conns_check(s, (i64)uv_now(&s->loop));
  if (s->conns == nullptr && !s->accept_paused) uv_timer_stop(timer);
}

static void on_acceptable(uv_poll_t *poll, int status, int events) {
  server *s = poll->data;
  (void)status;
  (void)events;
  for (int i = 0; i < ACCEPTS_TURN; i++) {
    int fd = platform_accept(s->listener);
    if (fd >= 0) {
      accept_or_refuse(s, fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      uv_poll_stop(&s->accept_poll); /* the tick tries again */
      s->accept_paused = true;
      break;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      break;
    }
  }
  if (!uv_is_active((uv_handle_t *)&s->tick)) uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
}

static void on_turn_end(uv_check_t *check) {
  server *s = check->data;
  log_flush(&s->log);
}

/* ---- starting ---- */

static server_start_result fail(int exit_code, const char *what, const char *why) {
  server_start_result result = {.exit_code = exit_code};
  snprintf(result.error.line, sizeof result.error.line, "%.160s: %.80s", what, why);
  return result;
}

static void host_allow(server *s, const char *name, const char *port) {
  http_hosts *hosts = &s->hosts;
  if (hosts->n_allowed == (int)(sizeof s->host_names / sizeof s->host_names[0])) return;
  char *at = s->host_names[hosts->n_allowed];
  snprintf(at, sizeof s->host_names[0], "%s%s", name, port);
  hosts->allowed[hosts->n_allowed++] = text(at);
}

static void hosts_set(server *s) {
  char port[16], address[80];
  snprintf(port, sizeof port, ":%d", s->port);
  s->hosts.n_allowed = 0;
  if (config_is_loopback(&s->config)) {
    bool v6 = strchr(s->config.host, ':') != nullptr;
    snprintf(address, sizeof address, v6 ? "[%s]" : "%s", s->config.host);
    const char *names[] = {"localhost", "127.0.0.1", "[::1]", address};
    for (int i = 0; i < 4; i++) {
      host_allow(s, names[i], port);
      if (s->port == 80) host_allow(s, names[i], "");
    }
  }
  for (int i = 0; i < s->config.n_hosts; i++) host_allow(s, s->config.hosts[i], "");
}

/* Descriptors beside those of connections; a job has four at most. */
static int spare_files(const config *c) { return SPARE_FILES + 4 * c->job_slots; }

/* Room for connections_max connections, each of which may have a file open: so many descriptors. */
static int files_limit_raise(server *s) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return spare_files(&s->config);
  rlim_t spare = (rlim_t)spare_files(&s->config);
  rlim_t want = (rlim_t)s->config.connections_max * 2 + spare;
  if (limit.rlim_cur < want) {
    limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur > spare * 2 && limit.rlim_cur < want) {
    s->config.connections_max = (int)(limit.rlim_cur - spare) / 2;
  }
  return (int)(limit.rlim_cur < want ? limit.rlim_cur : want);
}

static void nothing_do(uv_work_t *work) { (void)work; }
static void nothing_poll(uv_poll_t *poll, int status, int events) {
  (void)poll, (void)status, (void)events;
}
/* libuv makes its threads for the first work that is queued, and its table of descriptors longer
 * for the first that is beyond it, and ends the process when it cannot: better now than when
 * clients are there. n_files: as many descriptors as are expected. */
static void loop_reserve(uv_loop_t *loop, int n_files) {
  static uv_work_t work;
  static uv_poll_t poll;
  (void)uv_queue_work(loop, &work, nothing_do, nullptr);
  int low = socket(AF_UNIX, SOCK_STREAM, 0);
  int high = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, n_files - 1);
  if (low >= 0) close(low);
  if (high < 0) return;
  if (uv_poll_init(loop, &poll, high) == 0) {
    (void)uv_poll_start(&poll, UV_READABLE, nothing_poll);
    uv_close((uv_handle_t *)&poll, nullptr);
  }
  close(high);
}

static server_start_result listen_open(server *s) {
  struct sockaddr_storage address;
  const config *c = &s->config;
  bool v6 = strchr(c->host, ':') != nullptr;
  int bad = v6 ? uv_ip6_addr(c->host, c->port, (struct sockaddr_in6 *)&address)
               : uv_ip4_addr(c->host, c->port, (struct sockaddr_in *)&address);
  if (bad != 0) return fail(2, c->host, "not an IP address");
  char where[96];
  snprintf(where, sizeof where, v6 ? "[%s]:%d" : "%s:%d", c->host, c->port);
  socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
  int one = 1, fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return fail(3, where, strerror(errno));
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  /* connections inherit TCP_NODELAY from the listener on Linux */
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, BACKLOG) != 0) {
    int error = errno;
    close(fd);
    if (error == EADDRINUSE) return fail(3, where, "the port is taken; choose another with --port");
    return fail(3, where, strerror(error));
  }
  if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
    int error = errno;
    close(fd);
    return fail(3, where, strerror(error));
  }
  s->port = ntohs(v6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                     : ((struct sockaddr_in *)&address)->sin_port);
  s->listener = fd;
  return (server_start_result){0};
}

static bool models_read(server *s, nf_error *error) {
  models_rescan_begin(s->models);
  bool ok = true;
  for (int i = 0; i < s->config.n_models; i++) {
    if (!models_scan(s->models, s->config.models[i], error)) {
      ok = false;
      log_event(&s->log, "models left out", error->line);
    }
  }
  models_rescan_end(s->models);
  return ok;
}

static server_start_result jobs_begin(server *s) {
  server_start_result result = {0};
  bool machine;
  jobs_desc desc = {&s->loop, &s->config, &s->log, &s->tokens};
  if (s->config.data[0] != 0 && !jobs_start(&desc, &s->jobs, &result.error, &machine)) {
    result.exit_code = machine ? 3 : 1;
  }
  return result;
}

static server_start_result budget_begin(server *s) {
  server_start_result result = {0};
  bool machine;
  if (budget_wanted(&s->config) &&
      !budget_start(&s->loop, &s->config, &s->log, &s->budget, &result.error, &machine)) {
    result.exit_code = machine ? 3 : 1;
  }
  return result;
}

server_start_result server_start_worker(server *s, const config *c) {
  s->config = *c;
  s->root = s->listener = -1;
  s->log.quiet = c->quiet != 0;
  if (uv_loop_init(&s->loop) != 0) return fail(3, "event loop", "cannot be made");
  uv_timer_init(&s->loop, &s->drain);
  uv_check_init(&s->loop, &s->flush);
  s->drain.data = s->flush.data = s;
  uv_check_start(&s->flush, on_turn_end);
  uv_unref((uv_handle_t *)&s->flush);
  uv_unref((uv_handle_t *)&s->drain);
  loop_reserve(&s->loop, spare_files(c));
  return jobs_begin(s);
}

server_start_result server_start(server *s, const config *c) {
  server_start_result result = {.exit_code = 1};
  s->config = *c;
  s->listener = -1;
  s->log.quiet = c->quiet != 0;
  s->metrics.started_s = server_now_ns() / 1000000000;
  s->root = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (s->root < 0) {
    return fail(1, c->root,
                errno == ENOENT ? "not there; './dev build app' makes app/dist, "
                                  "--root names another folder"
                                : strerror(errno));
  }
  if (c->token_file[0] != 0 && !token_read(c->token_file, &s->tokens, &result.error)) return result;
  if (uv_loop_init(&s->loop) != 0) return fail(3, "event loop", "cannot be made");
  loop_reserve(&s->loop, files_limit_raise(s));
  s->models = models_new(&s->loop, &s->log);
  if (s->models == nullptr) return fail(3, "models", "no memory");
  const inference_options options = {.n_threads = c->inference_threads,
                                     .ctx_tokens = c->context_tokens,
                                     .sessions_max = c->sessions_max,
                                     .queue_max = c->queue_max};
  s->inference = inference_new(&s->loop, &options);
  if (s->inference == nullptr) return fail(3, "inference", "no memory");
  if (c->n_upstreams > 0 && !upstreams_start(&s->loop, &s->config, &s->upstreams, &result.error)) {
    return result;
  }
  result = listen_open(s);
  if (result.exit_code != 0) return result;
  result.exit_code = 1;
  if (!models_read(s, &result.error)) return result;
  result = jobs_begin(s);
  if (result.exit_code != 0) return result;
  result = budget_begin(s);
  if (result.exit_code != 0) return result;
  hosts_set(s);
  uv_poll_init(&s->loop, &s->accept_poll, s->listener);
  uv_timer_init(&s->loop, &s->tick);
  uv_timer_init(&s->loop, &s->drain);
  uv_check_init(&s->loop, &s->flush);
  s->accept_poll.data = s->tick.data = s->drain.data = s->flush.data = s;
  s->accept_paused = true;
  accept_resume(s);
  uv_check_start(&s->flush, on_turn_end);
  /* the loop lives as long as the listener, a connection or a hashing job does */
  uv_unref((uv_handle_t *)&s->flush);
  uv_unref((uv_handle_t *)&s->tick);
  uv_unref((uv_handle_t *)&s->drain);
  result.exit_code = 0;
  return result;
}

/* ---- stopping and changing ---- */

static void on_drain_over(uv_timer_t *timer) {
  server *s = timer->data;
  if (s->conns != nullptr) log_event(&s->log, "drain over", "connections were cut");
  http_conns_close(s);
}

void server_drain(server *s) {
  if (s->draining) { /* asked twice: now */
    http_conns_close(s);
    return;
  }
  s->draining = true;
  log_event(&s->log, "draining", nullptr);
  if (s->listener >= 0) {
    uv_close((uv_handle_t *)&s->accept_poll, nullptr);
    close(s->listener);
  }
  s->listener = -1;
  s->accept_paused = false;
  if (s->models != nullptr) models_stop(s->models);
  if (s->jobs != nullptr) jobs_stop(s->jobs);
  s->jobs = nullptr;
  if (s->budget != nullptr) budget_stop(s->budget);
  s->budget = nullptr;
  http_conns_drain(s);
  uv_timer_start(&s->drain, on_drain_over, (u64)s->config.drain_ms, 0);
}

/* All of them, or none: what is not good leaves them as they were. */
static void upstreams_change(server *s, const config *c) {
  nf_error error;
  bool ok = config_upstreams_fit(&s->config, c, &error);
  if (ok && s->upstreams != nullptr) {
    ok = upstreams_reload(s->upstreams, &s->config, c, &error);
  } else if (ok && c->n_upstreams > 0) {
    config_upstreams_copy(&s->config, c);
    ok = upstreams_start(&s->loop, &s->config, &s->upstreams, &error);
    if (!ok) s->config.n_upstreams = s->config.n_upstream_models = 0;
  }
  if (!ok) log_event(&s->log, "upstreams not changed", error.line);
}

void server_reload(server *s, const config *c) {
  nf_error error;
  config_reload(&s->config, c);
  s->log.quiet = s->config.quiet != 0;
  if (s->config.worker) return;
  hosts_set(s);
  files_limit_raise(s);
  (void)models_read(s, &error);
  upstreams_change(s, c);
  log_event(&s->log, "settings read again", nullptr);
}

static void handle_close(uv_handle_t *handle, void *unused) {
  (void)unused;
  if (!uv_is_closing(handle)) uv_close(handle, nullptr);
}

void server_free(server *s) {
  if (s->inference != nullptr) inference_stop(s->inference);
  if (s->upstreams != nullptr) upstreams_stop(s->upstreams);
  uv_walk(&s->loop, handle_close, nullptr);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  ASSERT(uv_loop_close(&s->loop) == 0);
  log_flush(&s->log);
  free(s->log.lines.at);
  if (s->inference != nullptr) inference_free(s->inference);
  if (s->models != nullptr) models_free(s->models);
  upstreams_free(s->upstreams);
  nf_remote_close(s->remote);
  if (s->root >= 0) close(s->root);
}
