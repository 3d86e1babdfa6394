/* See job_sandbox.h. prlimit and setpriv are part of util-linux, which every Debian has. */
#include "server/jobs/job_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool fails(nf_error *why, const char *what) {
  snprintf(why->line, sizeof why->line, "%s", what);
  return false;
}

/* The first line of what comes until the end. */
static void line_read(int from, nf_error *line) {
  char piece[1024];
  size_t len = 0;
  for (ssize_t n; (n = read(from, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR);) {
    for (ssize_t i = 0; i < n && len < sizeof line->line - 1; i++) line->line[len++] = piece[i];
  }
  line->line[len] = 0;
  line->line[strcspn(line->line, "\n")] = 0;
}

bool job_sandbox_works(nf_error *why) {
  char *args[] = {"bwrap",
                  "--unshare-all",
                  "--die-with-parent",
                  "--ro-bind",
                  "/usr",
                  "/usr",
                  "--ro-bind-try",
                  "/lib",
                  "/lib",
                  "--ro-bind-try",
                  "/lib64",
                  "/lib64",
                  "--proc",
                  "/proc",
                  "--dev",
                  "/dev",
                  "--",
                  "/usr/bin/true",
                  nullptr};
  posix_spawn_file_actions_t files;
  pid_t pid;
  int status = -1, said[2];
  *why = (nf_error){0};
  if (pipe2(said, O_CLOEXEC) != 0) return fails(why, strerror(errno));
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files, said[1], 2);
  int failed = posix_spawnp(&pid, args[0], &files, nullptr, args, environ);
  posix_spawn_file_actions_destroy(&files);
  close(said[1]);
  if (failed == 0) line_read(said[0], why);
  close(said[0]);
  if (failed != 0) return fails(why, failed == ENOENT ? "bwrap is not there" : strerror(failed));
  while (waitpid(pid, &status, 0) < 0) continue;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void add(job_sandbox_args *args, const char *word) {
  ASSERT(args->n + 1 < SANDBOX_ARGS_MAX);
  args->at[args->n++] = (char *)(uintptr_t)word; /* execve takes char *, and changes nothing */
  args->at[args->n] = nullptr;
}
static void add_all(job_sandbox_args *args, const char *const *words) {
  while (*words != nullptr) add(args, *words++);
}
static void add_made(job_sandbox_args *args, const char *format, i64 number) {
  char *at = args->text + args->text_len;
  args->text_len +=
      snprintf(at, sizeof args->text - (size_t)args->text_len, format, (long long)number) + 1;
  ASSERT(args->text_len <= (int)sizeof args->text);
  add(args, at);
}

void job_sandbox_args_make(const job_sandbox_desc *d, job_sandbox_args *args) {
  static const char *const own[] = {"--ro-bind-try",
                                    "/bin",
                                    "/bin",
                                    "--ro-bind-try",
                                    "/lib",
                                    "/lib",
                                    "--ro-bind-try",
                                    "/lib64",
                                    "/lib64",
                                    "--ro-bind-try",
                                    "/etc/alternatives",
                                    "/etc/alternatives",
                                    "--ro-bind-try",
                                    "/etc/ld.so.cache",
                                    "/etc/ld.so.cache",
                                    "--ro-bind-try",
                                    "/etc/fonts",
                                    "/etc/fonts",
                                    nullptr};
  args->n = args->text_len = 0;
  add(args, "prlimit");
  add_made(args, "--cpu=%lld", d->cpu_s);
  add_made(args, "--as=%lld", d->memory_mb << 20);
  add_made(args, "--fsize=%lld", d->file_mb << 20);
  add(args, "--core=0");
  add(args, "--nofile=256");
  add(args, "--");
  if (d->sandbox) {
    add_all(args, (const char *const[]){"bwrap", "--unshare-all", "--die-with-parent", "--ro-bind",
                                        "/usr", "/usr", nullptr});
    add_all(args, own);
    add_all(args, (const char *const[]){"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
                                        "--ro-bind", d->folder, d->folder, "--bind", d->work,
                                        d->work, "--chdir", d->work, "--", nullptr});
  } else {
    add_all(args, (const char *const[]){"setpriv", "--no-new-privs", "--pdeathsig", "KILL", "--",
                                        nullptr});
  }
  char *program = args->text + args->text_len;
  int room = (int)sizeof args->text - args->text_len;
  args->text_len += snprintf(program, (size_t)room, "%s/run", d->folder) + 1;
  ASSERT(args->text_len <= (int)sizeof args->text);
  add(args, program);
  add(args, "job.json");
}
