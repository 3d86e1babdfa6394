/* See report.h. */
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

constexpr int WARNINGS_SHOWN = 20;
constexpr int64_t CAPTION_BYTES_MAX = 64 << 20; /* as nf_caption_open */

int exit_code(nf_status status) {
  switch (status) {
    case NF_OK: return 0;
    case NF_BAD_INPUT:
    case NF_UNSUPPORTED: return EXIT_INPUT;
    case NF_CANCELLED: return EXIT_STOPPED;
    case NF_LOST:
    case NF_IO:
    case NF_NO_MEMORY:
    case NF_NEED_BYTES:
    case NF_PENDING: break;
  }
  return EXIT_MACHINE;
}

int report_usage(const char *command, const char *why, const char *text) {
  FILE *out = why != nullptr ? stderr : stdout;
  if (why != nullptr) fprintf(out, "nearfield %s: %s\n", command, why);
  fputs(text, out);
  return why != nullptr ? EXIT_USAGE : 0;
}

/* File names come from anywhere: no control bytes on a terminal, no second line. */
static void print_path(FILE *out, const char *path) {
  for (const char *c = path; *c != 0; c++) putc((unsigned char)*c < 0x20 ? '?' : *c, out);
}

int report_failure(nf_status status, const char *path, const nf_error *error) {
  report_progress_end();
  fputs("nearfield: ", stderr);
  if (path != nullptr && strstr(error->line, path) == nullptr) {
    print_path(stderr, path);
    fputs(": ", stderr);
  }
  fprintf(stderr, "%s\n", error->line);
  return exit_code(status);
}

void report_at_cue(const nf_caption *doc, int i, const char *path, const nf_error *error) {
  report_progress_end();
  nf_cue cue;
  nf_caption_cue_get(doc, i, &cue);
  fputs("nearfield: ", stderr);
  print_path(stderr, path);
  fprintf(stderr, ": line %d: cue %d: %s\n", cue.line, i + 1, error->line);
}

void report_warnings(const nf_caption *doc, int from, const char *path) {
  int n = nf_caption_warning_count(doc);
  for (int i = from; i < n && i < from + WARNINGS_SHOWN; i++) {
    nf_caption_warning warning;
    nf_caption_warning_get(doc, i, &warning);
    print_path(stderr, path);
    fprintf(stderr, ":%d: warning: %s\n", warning.line, warning.what);
  }
  if (n > from + WARNINGS_SHOWN) {
    print_path(stderr, path);
    fprintf(stderr, ": and %d more warnings\n", n - from - WARNINGS_SHOWN);
  }
}

static volatile sig_atomic_t stopped;
static void stop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

void stop_catch(void) { signal(SIGINT, stop); }
bool stop_asked(void) { return stopped != 0; }

int report_stopped(void) {
  report_progress_end();
  fputs("nearfield: stopped; nothing was written\n", stderr);
  return EXIT_STOPPED;
}

static bool progress_shown;

void report_progress(const char *format, ...) {
  if (!isatty(2)) return;
  va_list arguments;
  va_start(arguments, format);
  fputs("\r\033[K", stderr);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fflush(stderr);
  progress_shown = true;
}

void report_progress_end(void) {
  if (progress_shown) fputs("\r\033[K", stderr);
  progress_shown = false;
}

int report_stdout_closed(void) {
  bool failed = ferror(stdout) != 0;
  if (fflush(stdout) != 0) failed = true;
  if (!failed) return 0;
  fprintf(stderr, "nearfield: cannot write standard output: %s\n", strerror(errno));
  return EXIT_MACHINE;
}

/* A file that is not there, or may not be read, is the caller's mistake, not the machine's. */
static bool is_readable_file(const char *path) {
  struct stat info;
  return strcmp(path, "-") == 0 ||
         (stat(path, &info) == 0 && !S_ISDIR(info.st_mode) && access(path, R_OK) == 0);
}

int report_unreadable(nf_status status, const char *path, const nf_error *error) {
  int code = report_failure(status, status == NF_IO ? nullptr : path, error);
  return status == NF_IO && !is_readable_file(path) ? EXIT_INPUT : code;
}

int caption_open(const char *path, nf_caption **doc) {
  nf_error error;
  nf_bytes file;
  nf_status status = nf_file_read(path, CAPTION_BYTES_MAX, &file, &error);
  if (status != NF_OK) return report_unreadable(status, path, &error);
  status = nf_caption_open(file, doc, &error);
  nf_file_free(file);
  return status == NF_OK ? 0 : report_failure(status, path, &error);
}

int write_output(const char *path, nf_bytes file) {
  if (path == nullptr) path = "-";
  if (strcmp(path, "-") == 0) { /* behind what was printed before */
    int code = report_stdout_closed();
    if (code != 0) return code;
  }
  nf_error error;
  nf_status status = nf_file_replace(path, file, &error);
  return status == NF_OK ? 0 : report_failure(status, path, &error);
}
