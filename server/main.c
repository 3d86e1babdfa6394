/* nearfield-server: options, signals, exit codes. Everything else is in server.c and below.
 * Exit 0 stopped as asked; 1 the input is at fault (settings, files); 2 usage; 3 the machine. */
#include <signal.h>
#include <unistd.h>

#include "server/jobs/job_backup.h"
#include "server/server.h"

typedef struct {
  int n;
  char **at;
} arguments;

static int usage(const char *line) {
  fprintf(stderr, "nearfield-server: %s (--help lists the settings)\n", line);
  return 2;
}

static bool is_config(const char *key) { return strcmp(key, "config") == 0; }

/* One "--key value" or "--key=value"; "--quiet" and "--behind-proxy" need no value.
 * Returns how many arguments were used, 0: not of this form. */
static int argument_read(const arguments *args, int i, char key[64], const char **value) {
  const char *at = args->at[i];
  if (strncmp(at, "--", 2) != 0) return 0;
  at += 2;
  size_t n = strcspn(at, "=");
  if (n == 0 || n > 63) return 0;
  for (size_t k = 0; k < n; k++) key[k] = at[k] == '-' ? '_' : at[k];
  key[n] = 0;
  if (at[n] == '=') {
    *value = at + n + 1;
    return 1;
  }
  bool flag =
      strcmp(key, "quiet") == 0 || strcmp(key, "behind_proxy") == 0 || strcmp(key, "worker") == 0;
  const char *next = i + 1 < args->n ? args->at[i + 1] : nullptr;
  if (flag && (next == nullptr || next[0] == '-')) {
    *value = "yes";
    return 1;
  }
  *value = next;
  return next != nullptr ? 2 : 0;
}

/* Defaults, then the config file, then the command line. 0, or an exit code. */
static int settings_read(const arguments *args, config *c, nf_error *error) {
  config_defaults(c);
  for (int pass = 0; pass < 2; pass++) { /* first the file, wherever it is named */
    for (int i = 1; i < args->n;) {
      char key[64];
      const char *value;
      int used = argument_read(args, i, key, &value);
      if (used == 0) {
        snprintf(error->line, sizeof error->line, "cannot understand '%.80s'", args->at[i]);
        return 2;
      }
      i += used;
      if (is_config(key)) {
        if (pass == 0 && !config_file_read(c, value, error)) return 1;
      } else if (pass == 1 && !config_set(c, key, value, error)) {
        return 2;
      }
    }
  }
  if (c->n_models == 0 && getenv("HOME") != nullptr) { /* the folder ./dev model fills */
    char folder[CONFIG_PATH_BYTES];
    int n = snprintf(folder, sizeof folder, "%s/.cache/nearfield/models", getenv("HOME"));
    if (n < (int)sizeof folder && access(folder, R_OK) == 0) {
      str_copy(c->models[c->n_models++], CONFIG_PATH_BYTES, folder);
    }
  }
  return config_check(c, error) ? 0 : 1;
}

/* --backup FOLDER, and the settings behind it. */
static int backup(const arguments *args, config *c) {
  nf_error error;
  job_backup_counts counts;
  if (args->n < 3 || strncmp(args->at[2], "--", 2) == 0) {
    return usage("--backup FOLDER [--config FILE] [--data FOLDER]");
  }
  const char *to = args->at[2];
  int exit_code = settings_read(&(arguments){args->n - 2, args->at + 2}, c, &error);
  if (exit_code == 2) return usage(error.line);
  signal(SIGXFSZ, SIG_IGN);
  if (exit_code == 0) exit_code = job_backup(c, to, &counts, &error);
  if (exit_code != 0) return fprintf(stderr, "nearfield-server: %s\n", error.line), exit_code;
  printf("%s: %lld jobs, %lld files of results, %lld uploads, %lld bytes\n", to,
         (long long)counts.n_jobs, (long long)counts.n_results, (long long)counts.n_uploads,
         (long long)counts.bytes);
  return 0;
}

static arguments program_arguments; /* for SIGHUP, which reads everything again */

static void on_signal(uv_signal_t *handle, int number) {
  server *s = handle->data;
  if (number != SIGHUP) {
    server_drain(s);
    return;
  }
  static config fresh; /* 18 KB */
  nf_error error;
  if (settings_read(&program_arguments, &fresh, &error) == 0) {
    server_reload(s, &fresh);
  } else {
    log_event(&s->log, "settings not changed", error.line);
  }
}

int main(int n, char **at) {
  static server s;
  static config c;
  nf_error error;
  arguments args = program_arguments = (arguments){n, at};
  if (n == 2 && strcmp(at[1], "--help") == 0) return config_help(stdout), 0;
  if (n == 2 && strcmp(at[1], "--version") == 0)
    return printf("nearfield-server %s\n", nf_version()), 0;
  if (n >= 2 && strcmp(at[1], "--make-token") == 0) {
    if (n != 3) return usage("--make-token FILE");
    if (token_make(at[2], &error)) return 0;
    return fprintf(stderr, "nearfield-server: %s\n", error.line), 1;
  }
  if (n >= 2 && strcmp(at[1], "--add-token") == 0) {
    if (n != 4) return usage("--add-token FILE NAME");
    if (token_add(at[2], at[3], &error)) return 0;
    return fprintf(stderr, "nearfield-server: %s\n", error.line), 1;
  }
  if (n >= 2 && strcmp(at[1], "--backup") == 0) return backup(&args, &c);
  int exit_code = settings_read(&args, &c, &error);
  if (exit_code == 2) return usage(error.line);
  if (exit_code != 0) return fprintf(stderr, "nearfield-server: %s\n", error.line), exit_code;

  signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
  signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of write, as a full disk is */
  server_start_result started = c.worker ? server_start_worker(&s, &c) : server_start(&s, &c);
  if (started.exit_code != 0) {
    return fprintf(stderr, "nearfield-server: %s\n", started.error.line), started.exit_code;
  }
  static uv_signal_t signals[3];
  const int numbers[3] = {SIGTERM, SIGINT, SIGHUP};
  for (int i = 0; i < 3; i++) {
    uv_signal_init(&s.loop, &signals[i]);
    signals[i].data = &s;
    uv_signal_start(&signals[i], on_signal, numbers[i]);
    uv_unref((uv_handle_t *)&signals[i]);
  }
  bool v6 = strchr(c.host, ':') != nullptr;
  const char *line = c.worker ? "nearfield works on jobs\n"
                     : v6     ? "nearfield is at http://[%s]:%d/\n"
                              : "nearfield is at http://%s:%d/\n";
  printf(line, c.host, s.port);
  fflush(stdout);
  uv_run(&s.loop, UV_RUN_DEFAULT);
  server_free(&s);
  return 0;
}
