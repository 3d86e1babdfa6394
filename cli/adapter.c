/* nearfield adapter: a LoRA in safetensors (as PEFT writes them) or GGUF -> the GGUF that `edit`
 * and `generate` take with --adapter, and llama.cpp with --lora. Owns finding the input's parts: a
 * folder of PEFT's, or a file with adapter_config.json beside it. The format is src/model's. */
#include "bytes.h"
#include "commands.h"
#include "model.h"
#include "number.h"
#include "report.h"

#include <float.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

constexpr int64_t FILE_BYTES_MAX = 1 << 30, CONFIG_BYTES_MAX = 1 << 20;

typedef struct {
  const char *in, *out, *model;
  nf_adapter_convert_desc desc;
} request;

static int usage(const char *why) {
  return report_usage(
      "adapter", why,
      "usage: nearfield adapter [--type f16|q8_0] [--alpha X] [--name TEXT] [--task TASK]\n"
      "                         [--system TEXT] [--gate X[,X...]] [--model FILE] IN OUT\n"
      "IN is a safetensors or GGUF file, or the folder PEFT wrote; OUT a GGUF file.\n"
      "--model: the base model it was trained for. --alpha: when IN does not say it.\n"
      "--task, --system, --gate: the one task it is for, its system message, and how much "
      "likelier\n"
      "than the unchanged caption an edit must be (nats); kept in OUT, used by edits. Seven of "
      "them:\n"
      "by the kinds of its changes: marks and capitals, the line's first capital or last mark, a\n"
      "small word, a word's form, words added, words left out, other words.\n");
}

/* "4.25", or "3,5,2.5,3,6,1,4": one a kind of change. */
static bool gates_take(nf_adapter_convert_desc *d, char *text) {
  char *rest = text;
  for (d->n_gates = 0; rest != nullptr && d->n_gates < NF_GATE_KINDS; d->n_gates++) {
    double x = 0;
    char *one = strsep(&rest, ",");
    if (!number(one, &x) || !(x >= -FLT_MAX && x <= FLT_MAX)) return false;
    d->gates[d->n_gates] = (float)x;
  }
  return rest == nullptr && (d->n_gates == 1 || d->n_gates == NF_GATE_KINDS);
}

static const char *option_take(request *r, int option) {
  nf_adapter_convert_desc *d = &r->desc;
  double x = 0;
  switch (option) {
    case 't':
      d->type = strcmp(optarg, "q8_0") == 0 ? NF_ADAPTER_Q8_0 : NF_ADAPTER_F16;
      if (strcmp(optarg, "f16") == 0 || d->type == NF_ADAPTER_Q8_0) return nullptr;
      return "--type: f16 or q8_0 expected";
    case 'a':
      if (!number(optarg, &x) || !((float)x > 0 && x <= 65536))
        return "--alpha wants a number above 0";
      d->alpha = (float)x;
      return nullptr;
    case 'g':
      return gates_take(d, optarg) ? nullptr
                                   : "--gate wants a number, or seven with commas between";
    case 'n': d->name = bytes_of_str(optarg); return nullptr;
    case 'k': d->task = bytes_of_str(optarg); return nullptr;
    case 's': d->system = bytes_of_str(optarg); return nullptr;
    case 'm': r->model = optarg; return nullptr;
    default: return "unknown option";
  }
}

/* The weights' file and PEFT's configuration, if there is one; path[cap] each. */
static void parts_find(const char *in, char *file, char *config, size_t cap) {
  struct stat info;
  bool folder = stat(in, &info) == 0 && S_ISDIR(info.st_mode);
  const char *slash = strrchr(in, '/');
  int n = folder ? (int)strlen(in) : slash != nullptr ? (int)(slash - in) : 0;
  const char *separator = folder || slash != nullptr ? "/" : "";
  snprintf(file, cap, folder ? "%s/adapter_model.safetensors" : "%s", in);
  snprintf(config, cap, "%.*s%sadapter_config.json", n, in, separator);
}

/* Prints on failure; returns an exit code. */
static int part_read(const char *path, int64_t bytes_max, nf_bytes *part) {
  nf_error error;
  nf_status status = nf_file_read(path, bytes_max, part, &error);
  return status == NF_OK ? 0 : report_unreadable(status, path, &error);
}

static int convert(const request *r, const nf_engine *engine, nf_bytes file) {
  nf_error error;
  nf_bytes out;
  nf_status status = nf_adapter_convert(engine, file, &r->desc, &out, &error);
  if (status != NF_OK) return report_failure(status, r->in, &error);
  int code = write_output(r->out, out);
  nf_file_free(out);
  return code;
}

static int run(request *r) {
  char path[4096], config_path[4096];
  parts_find(r->in, path, config_path, sizeof path);
  nf_bytes file = {}, config = {};
  int code = part_read(path, FILE_BYTES_MAX, &file);
  if (code == 0 && access(config_path, R_OK) == 0) {
    code = part_read(config_path, CONFIG_BYTES_MAX, &config);
  }
  nf_engine *engine = nullptr;
  if (code == 0) code = model_open_for_command(r->model, 1, &engine);
  r->desc.config = config;
  if (code == 0) code = convert(r, engine, file);
  nf_engine_close(engine);
  nf_file_free(config);
  nf_file_free(file);
  return code;
}

int command_adapter(int argc, char **argv) {
  static const struct option options[] = {{"type", required_argument, nullptr, 't'},
                                          {"alpha", required_argument, nullptr, 'a'},
                                          {"gate", required_argument, nullptr, 'g'},
                                          {"name", required_argument, nullptr, 'n'},
                                          {"task", required_argument, nullptr, 'k'},
                                          {"system", required_argument, nullptr, 's'},
                                          {"model", required_argument, nullptr, 'm'},
                                          {"help", no_argument, nullptr, 'h'},
                                          {}};
  request r = {};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    if (option == 'h') return usage(nullptr);
    const char *wrong = option_take(&r, option);
    if (wrong != nullptr) return usage(wrong);
  }
  if (optind != argc - 2) return usage("an input and an output file are wanted");
  r.in = argv[optind];
  r.out = argv[optind + 1];
  return run(&r);
}
