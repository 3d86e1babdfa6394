/* See program.h. */
#include "workers/render/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void word_add(program_args *a, const char *from, size_t len) {
  if (a->n == ARGS_MAX || (size_t)a->used + len + 1 > sizeof a->text) abort(); /* ours, all short */
  a->at[a->n++] = a->text + a->used;
  a->at[a->n] = nullptr;
  memcpy(a->text + a->used, from, len);
  a->used += (int)len;
  a->text[a->used++] = 0;
}

enum { FORMATTED_BYTES = 2048 };
static void formatted(char text[FORMATTED_BYTES], const char *format, va_list args) {
  int n = vsnprintf(text, FORMATTED_BYTES, format, args);
  if (n < 0 || n >= FORMATTED_BYTES) abort();
}

void args_word(program_args *a, const char *format, ...) {
  char text[FORMATTED_BYTES];
  va_list args;
  va_start(args, format);
  formatted(text, format, args);
  va_end(args);
  word_add(a, text, strlen(text));
}

void args_add(program_args *a, const char *format, ...) {
  char text[FORMATTED_BYTES];
  va_list args;
  va_start(args, format);
  formatted(text, format, args);
  va_end(args);
  for (const char *at = text; *at != 0;) {
    size_t len = strcspn(at, " ");
    word_add(a, at, len);
    at += len + (at[len] == ' ');
  }
}

/* ---- its output ---- */

typedef struct {
  char at[4096];
  int len; /* the rest of an overlong line is dropped */
} line_buffer;

/* Lines of what came; `each` may be null. */
static void lines_take(line_buffer *b, const char *from, long n, program_line *each, void *to) {
  for (long i = 0; i < n; i++) {
    if (from[i] != '\n' && from[i] != '\r') {
      if (b->len < (int)sizeof b->at - 1) b->at[b->len++] = from[i];
      continue;
    }
    b->at[b->len] = 0;
    if (each != nullptr && b->len > 0) each(to, b->at);
    b->len = 0;
  }
}

/* "[matroska,webm @ 0x55d0] what it says" and "/proc/self/fd/3: what it says" */
static void said_keep(void *to, char *line) {
  program_end *end = to;
  const char *rest = line;
  if (strstr(end->said, "any fallback with glyph") != nullptr)
    return; /* letters.c wants the first */
  while (rest[0] == '[' && strstr(rest, "] ") != nullptr) rest = strstr(rest, "] ") + 2;
  if (strncmp(rest, "/proc/self/fd/", 14) == 0 && strchr(rest, ' ') != nullptr) {
    rest = strchr(rest, ' ') + 1;
  }
  static const char *const closing[] = {"Conversion failed!", "Error marking filters as finished"};
  for (int i = 0; i < 2; i++) {
    if (strcmp(rest, closing[i]) == 0 && end->said[0] != 0) return; /* the cause was said before */
  }
  snprintf(end->said, sizeof end->said, "%.*s", (int)sizeof end->said - 1, rest);
}

static void output_read(int out, int err, program_line *each, void *to, program_end *end) {
  static line_buffer lines[2];
  static char piece[65536];
  lines[0] = lines[1] = (line_buffer){0};
  struct pollfd polled[] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
  for (int n_open = 2; n_open > 0;) {
    if (poll(polled, 2, -1) < 0 && errno != EINTR) abort();
    for (int i = 0; i < 2; i++) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      long n = read(polled[i].fd, piece, sizeof piece);
      if (n < 0 && errno == EINTR) continue;
      if (n > 0 && i == 0) lines_take(&lines[0], piece, n, each, to);
      if (n > 0 && i == 1) lines_take(&lines[1], piece, n, said_keep, end);
      if (n > 0) continue;
      lines_take(&lines[i], "\n", 1, i == 0 ? each : said_keep, i == 0 ? to : end);
      close(polled[i].fd);
      polled[i].fd = -1;
      n_open--;
    }
  }
}

/* ---- the process ---- */

[[noreturn]] static void child(const program_args *a, int out, int err, pid_t parent) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  int null = open("/dev/null", O_RDONLY);
  if (getppid() != parent || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
      dup2(err, 2) < 0) {
    _exit(126);
  }
  execvp(a->at[0], a->at);
  _exit(errno == ENOENT ? 127 : 126);
}

bool program_run(const program_args *a, program_line *each, void *to, program_end *end,
                 failure *f) {
  *end = (program_end){0};
  int out[2], err[2], status;
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
    return fails(f, true, "no pipe: %s", strerror(errno));
  }
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) child(a, out[1], err[1], parent);
  close(out[1]);
  close(err[1]);
  if (pid < 0) return fails(f, true, "no process: %s", strerror(errno));
  output_read(out[0], err[0], each, to, end);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  end->code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  end->number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (end->code == 127) {
    return fails(f, false, "%s is not installed: apt-get install --no-install-recommends ffmpeg",
                 a->at[0]);
  }
  return true;
}

bool program_must(const program_args *a, program_line *each, void *to, const char *what,
                  failure *f) {
  program_end end;
  if (!program_run(a, each, to, &end, f)) return false;
  if (end.code == 0 && end.number == 0) return true;
  bool full = strstr(end.said, "No space left") != nullptr;
  bool large = end.number == SIGXFSZ || strstr(end.said, "File too large") != nullptr;
  if (large)
    return fails(f, false, "the video grew over upload_mb_max; raise it, or take a shorter one");
  if (full) return fails(f, true, "no space left on the disk");
  if (end.number == SIGXCPU)
    return fails(f, false, "took more processor time than job_wall_s allows");
  if (strstr(end.said, "Cannot allocate memory") != nullptr) {
    return fails(f, false, "not enough memory: raise job_memory_mb, or take a smaller picture");
  }
  if (end.number != 0) return fails(f, true, "%s was ended by signal %d", a->at[0], end.number);
  return fails(f, false, "%s: %.120s", what, end.said[0] != 0 ? end.said : "unknown reason");
}
