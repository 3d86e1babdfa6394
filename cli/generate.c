/* nearfield generate: a prompt through the local model's chat template, streamed to stdout. */
#include "bytes.h"
#include "commands.h"
#include "json.h"
#include "model.h"
#include "number.h"
#include "report.h"

#include <getopt.h>
#include <string.h>

typedef struct {
  const char *model, *adapter;
  int threads, max_tokens;
  bool raw, json;
  nf_bytes prompt, system;
  nf_sampling sampling;
  nf_bytes stops[8];
  int n_stops;
} request;

static int usage(const char *why) {
  return report_usage(
      "generate", why,
      "usage: nearfield generate --prompt TEXT [--system TEXT] [--raw] [--max-tokens N]\n"
      "                          [--temperature X] [--top-k N] [--top-p X] [--min-p X]\n"
      "                          [--repeat-penalty X] [--seed N] [--stop TEXT]...\n"
      "                          [--model FILE] [--adapter FILE] [--threads N] [--json]\n"
      "--raw takes the prompt as it is, without the model's chat template.\n");
}

enum {
  OPT_PROMPT = 256,
  OPT_SYSTEM,
  OPT_RAW,
  OPT_TOKENS,
  OPT_TEMPERATURE,
  OPT_TOP_K,
  OPT_TOP_P,
  OPT_MIN_P,
  OPT_REPEAT,
  OPT_SEED,
  OPT_STOP,
  OPT_MODEL,
  OPT_ADAPTER,
  OPT_THREADS,
  OPT_JSON
};

static const char *option_take(request *r, int option) {
  double x = 0;
  switch (option) {
    case OPT_PROMPT: r->prompt = bytes_of_str(optarg); return nullptr;
    case OPT_SYSTEM: r->system = bytes_of_str(optarg); return nullptr;
    case OPT_RAW: r->raw = true; return nullptr;
    case OPT_JSON: r->json = true; return nullptr;
    case OPT_MODEL: r->model = optarg; return nullptr;
    case OPT_ADAPTER: r->adapter = optarg; return nullptr;
    case OPT_STOP:
      if (r->n_stops == 8) return "--stop: at most 8";
      r->stops[r->n_stops++] = bytes_of_str(optarg);
      return nullptr;
    case '?': return "unknown option";
    default: break;
  }
  if (!number(optarg, &x)) return "a number was expected";
  switch (option) {
    case OPT_TOKENS:
      r->max_tokens = (int)x;
      return x >= 1 && x <= 1e6 ? nullptr : "--max-tokens: 1 or more";
    case OPT_TEMPERATURE: r->sampling.temperature = (float)x; break;
    case OPT_TOP_K: r->sampling.top_k = (int)x; break;
    case OPT_TOP_P: r->sampling.top_p = (float)x; break;
    case OPT_MIN_P: r->sampling.min_p = (float)x; break;
    case OPT_REPEAT: r->sampling.repeat_penalty = (float)x; break;
    case OPT_SEED:
      r->sampling.seed = (uint64_t)x;
      return x >= 0 && x < 9e15 ? nullptr : "--seed: 0 or more";
    case OPT_THREADS:
      r->threads = (int)x;
      return x >= 1 && x <= 64 ? nullptr : "--threads: 1 to 64";
    default: return "unknown option";
  }
  return nullptr;
}

static const char *options_read(request *r, int argc, char **argv) {
  static const struct option options[] = {
      {"prompt", required_argument, nullptr, OPT_PROMPT},
      {"system", required_argument, nullptr, OPT_SYSTEM},
      {"raw", no_argument, nullptr, OPT_RAW},
      {"max-tokens", required_argument, nullptr, OPT_TOKENS},
      {"temperature", required_argument, nullptr, OPT_TEMPERATURE},
      {"top-k", required_argument, nullptr, OPT_TOP_K},
      {"top-p", required_argument, nullptr, OPT_TOP_P},
      {"min-p", required_argument, nullptr, OPT_MIN_P},
      {"repeat-penalty", required_argument, nullptr, OPT_REPEAT},
      {"seed", required_argument, nullptr, OPT_SEED},
      {"stop", required_argument, nullptr, OPT_STOP},
      {"model", required_argument, nullptr, OPT_MODEL},
      {"adapter", required_argument, nullptr, OPT_ADAPTER},
      {"threads", required_argument, nullptr, OPT_THREADS},
      {"json", no_argument, nullptr, OPT_JSON},
      {}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    const char *wrong = option_take(r, option);
    if (wrong != nullptr) return wrong;
  }
  if (optind != argc) return "unexpected argument; the prompt is given with --prompt";
  return r->prompt.len > 0 ? nullptr : "--prompt is missing";
}

static int generate(const request *r, nf_session *session, const nf_adapter *adapter) {
  nf_message messages[2] = {{NF_SYSTEM, r->system}, {NF_USER, r->prompt}};
  int skip = r->system.len == 0;
  nf_generate_desc desc = {.messages = messages + skip,
                           .n_messages = 2 - skip,
                           .raw_prompt = r->raw ? r->prompt : (nf_bytes){},
                           .output_tokens_max = r->max_tokens,
                           .sampling = r->sampling,
                           .stops = r->stops,
                           .n_stops = r->n_stops,
                           .adapter = adapter};
  nf_error error;
  nf_status status = nf_generate_begin(session, &desc, &error);
  if (r->json && status == NF_OK) fputs("{\"pieces\": [", stdout);
  bool first = true;
  while (status == NF_OK || status == NF_PENDING) {
    nf_bytes piece;
    status = nf_generate_step(session, &piece, &error);
    if (piece.len > 0 && r->json) {
      if (!first) fputs(", ", stdout);
      json_string(stdout, piece);
      first = false;
    } else if (piece.len > 0) {
      fwrite(piece.at, 1, (size_t)piece.len, stdout);
      fflush(stdout);
    }
    if (status != NF_PENDING) break;
  }
  if (status != NF_OK) return report_failure(status, nullptr, &error);
  nf_receipt receipt;
  nf_generate_receipt(session, &receipt);
  if (r->json) {
    printf(
        "], \"inputTokens\": %d, \"outputTokens\": %d, \"passes\": %d, \"firstTokenMs\": %.2f, "
        "\"totalMs\": %.2f}",
        receipt.input_tokens, receipt.output_tokens, receipt.passes, receipt.first_token_ms,
        receipt.total_ms);
  }
  putchar('\n');
  return report_stdout_closed();
}

int command_generate(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(nullptr);
  request r = {};
  const char *wrong = options_read(&r, argc, argv);
  if (wrong != nullptr) return usage(wrong);
  nf_engine *engine = nullptr;
  nf_session *session = nullptr;
  nf_adapter *adapter = nullptr;
  nf_error error;
  int code = model_open_for_command(r.model, r.threads, &engine);
  if (code == 0) code = adapter_open_for_command(r.adapter, engine, &adapter);
  if (code == 0) {
    nf_status status = nf_session_open(engine, &session, &error);
    code =
        status == NF_OK ? generate(&r, session, adapter) : report_failure(status, nullptr, &error);
  }
  nf_session_close(session);
  nf_adapter_close(adapter);
  nf_engine_close(engine);
  return code;
}
