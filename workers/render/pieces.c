/* See pieces.h. */
#include "workers/render/pieces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLAN_BYTES_MAX = 16384, PATH_BYTES = 300 };

static bool folder_sync(void) {
  int folder = open(PIECES_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool ok = folder >= 0 && fsync(folder) == 0;
  if (folder >= 0) close(folder);
  return ok;
}

static bool no_space(failure *f, const char *what) {
  return fails(f, true, "%.60s cannot be kept: %.100s", what, strerror(errno));
}

static bool plan_is(const char *plan) {
  static char old[PLAN_BYTES_MAX];
  FILE *file = fopen(PIECES_FOLDER "plan", "r");
  if (file == nullptr) return false;
  size_t n = fread(old, 1, sizeof old - 1, file);
  old[n] = 0;
  fclose(file);
  return strcmp(old, plan) == 0;
}

static void folder_empty(void) {
  int folder = open(PIECES_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  DIR *dir = fdopendir(folder);
  if (dir == nullptr) {
    close(folder);
    return;
  }
  for (struct dirent *e; (e = readdir(dir)) != nullptr;) {
    if (e->d_name[0] != '.') (void)unlinkat(folder, e->d_name, 0);
  }
  closedir(dir);
}

bool pieces_have(const char *name) {
  char path[PATH_BYTES];
  snprintf(path, sizeof path, PIECES_FOLDER "%s", name);
  return access(path, R_OK) == 0;
}

bool pieces_keep(const char *name, failure *f) {
  char path[PATH_BYTES];
  snprintf(path, sizeof path, PIECES_FOLDER "%s", name);
  int file = open(name, O_RDONLY | O_CLOEXEC);
  bool ok = file >= 0 && fsync(file) == 0;
  if (file >= 0) close(file);
  ok = ok && rename(name, path) == 0 && folder_sync();
  return ok || no_space(f, name);
}

static bool text_keep(const char *name, const char *text, failure *f) {
  FILE *file = fopen(name, "w");
  bool ok = file != nullptr && fputs(text, file) >= 0;
  if (file != nullptr) ok = fclose(file) == 0 && ok;
  return ok ? pieces_keep(name, f) : no_space(f, name);
}

bool pieces_begin(const char *plan, int64_t *n, bool *whole, failure *f) {
  *n = 0;
  *whole = false;
  if (strlen(plan) >= PLAN_BYTES_MAX) abort(); /* ours, and short */
  if (!plan_is(plan)) {
    folder_empty();
    return text_keep("plan", plan, f);
  }
  for (char name[32];; ++*n) {
    snprintf(name, sizeof name, PIECE_FORMAT, (long long)*n);
    if (!pieces_have(name)) break;
  }
  *whole = pieces_have("whole");
  return true;
}

bool pieces_end(failure *f) { return text_keep("whole", "", f); }
