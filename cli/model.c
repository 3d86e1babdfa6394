/* See model.h. */
#include "model.h"

#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char default_model[] = "nearfield/models/SmolLM2-135M-Instruct.Q4_1.gguf";

/* The folder that ./dev keeps downloads in: tools/dev/setup.sh. */
static void default_path(char *path, size_t cap) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"),
             *own = getenv("NEARFIELD_CACHE");
  if (own != nullptr && *own != 0) {
    snprintf(path, cap, "%s/models/SmolLM2-135M-Instruct.Q4_1.gguf", own);
  } else if (cache != nullptr && *cache != 0) {
    snprintf(path, cap, "%s/%s", cache, default_model);
  } else {
    snprintf(path, cap, "%s/.cache/%s", home != nullptr ? home : "", default_model);
  }
}

/* `given`, or $NEARFIELD_MODEL, or the default path, which is written to fallback[cap]. */
static const char *path_of(const char *given, char *fallback, size_t cap) {
  if (given == nullptr) given = getenv("NEARFIELD_MODEL");
  if (given != nullptr && *given != 0) return given;
  default_path(fallback, cap);
  return fallback;
}

int model_open_for_command(const char *path, int threads, nf_engine **engine) {
  char fallback[4096];
  path = path_of(path, fallback, sizeof fallback);
  if (path == fallback && access(path, R_OK) != 0) {
    fprintf(stderr,
            "nearfield: no model: expected %s (./dev model fetches it), --model FILE or "
            "NEARFIELD_MODEL\n",
            path);
    return EXIT_INPUT;
  }
  if (access(path, R_OK) != 0) {
    fprintf(stderr, "nearfield: %s: cannot be read (%s); a GGUF model was expected\n", path,
            strerror(errno));
    return EXIT_INPUT;
  }
  nf_error error;
  nf_engine_desc desc = {.n_threads = threads};
  nf_status status = nf_engine_open_file(path, &desc, engine, &error);
  return status == NF_OK ? 0 : report_failure(status, path, &error);
}

bool adapter_find(const char *model, nf_task task, char *path, size_t cap) {
  char fallback[4096];
  model = path_of(model, fallback, sizeof fallback);
  int n = (int)strlen(model);
  if (n > 5 && strcmp(model + n - 5, ".gguf") == 0) n -= 5;
  int n_path = snprintf(path, cap, "%.*s.adapters/%s.gguf", n, model, nf_task_name(task));
  return n_path < (int)cap && access(path, R_OK) == 0;
}

int adapter_open_for_command(const char *path, const nf_engine *engine, nf_adapter **adapter) {
  *adapter = nullptr;
  if (path == nullptr) return 0;
  if (access(path, R_OK) != 0) {
    fprintf(stderr, "nearfield: %s: cannot be read (%s); a GGUF adapter was expected\n", path,
            strerror(errno));
    return EXIT_INPUT;
  }
  nf_error error;
  nf_status status = nf_adapter_open_file(engine, path, adapter, &error);
  return status == NF_OK ? 0 : report_failure(status, path, &error);
}
