/* See log.h. */
#include "server/log.h"

#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { LINES_BYTES_MAX = 1 << 20 };

static void line_begin(server_log *log) {
  struct timespec now;
  struct tm parts;
  char stamp[64];
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &parts);
  size_t n = strftime(stamp, sizeof stamp, "{\"t\":\"%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(stamp + n, sizeof stamp - n, ".%03ldZ\"", now.tv_nsec / 1000000);
  text_buf_str(&log->lines, stamp);
}

static bool line_fits(server_log *log) {
  if (log->lines.len < LINES_BYTES_MAX) return true;
  log->n_dropped++;
  return false;
}

void log_access_add(server_log *log, const log_access *a) {
  if (log->quiet || !line_fits(log)) return;
  text_buf *out = &log->lines;
  line_begin(log);
  text_buf_str(out, ",\"method\":\"");
  text_buf_str(out, a->method);
  text_buf_str(out, "\",\"path\":");
  text_buf_json(out, a->path, true);
  char rest[160];
  int n =
      snprintf(rest, sizeof rest, ",\"status\":%d,\"bytes\":%lld,\"ms\":%.3f%s", a->status,
               (long long)a->bytes, (double)a->duration_us / 1000, a->cut ? ",\"cut\":true" : "");
  text_buf_add(out, bytes_from(rest, n));
  if (a->why != nullptr) {
    text_buf_str(out, ",\"why\":");
    text_buf_json(out, text(a->why), true);
  }
  text_buf_str(out, "}\n");
}

void log_event(server_log *log, const char *event, const char *detail) {
  if (!line_fits(log)) return;
  text_buf *out = &log->lines;
  line_begin(log);
  text_buf_str(out, ",\"event\":");
  text_buf_json(out, text(event), true);
  if (detail != nullptr) {
    text_buf_str(out, ",\"detail\":");
    text_buf_json(out, text(detail), false);
  }
  text_buf_str(out, "}\n");
}

/* A pipe that polls writable takes PIPE_BUF bytes without blocking; whole lines only. */
void log_flush(server_log *log) {
  text_buf *lines = &log->lines;
  isize at = 0;
  if (lines->len == 0) return;
  while (at < lines->len) {
    struct pollfd err = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&err, 1, 0) != 1 || !(err.revents & POLLOUT)) break;
    isize n = lines->len - at < PIPE_BUF ? lines->len - at : PIPE_BUF;
    while (n > 0 && lines->at[at + n - 1] != '\n') n--;
    if (n == 0) n = lines->len - at < PIPE_BUF ? lines->len - at : PIPE_BUF; /* one long line */
    isize written = write(STDERR_FILENO, lines->at + at, (size_t)n);
    if (written <= 0) break;
    at += written;
  }
  /* the rest waits for the next turn; line_fits bounds it */
  lines->len -= at;
  memmove(lines->at, lines->at + at, (size_t)lines->len);
  lines->failed = false;
}
