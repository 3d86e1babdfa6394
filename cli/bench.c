/* nearfield bench: how fast the engine is on this machine. One JSON object or one line; the
 * comparison with other engines is bench/engine. */
#include "commands.h"
#include "model.h"
#include "number.h"
#include "report.h"

#include <getopt.h>
#include <string.h>
#include <sys/resource.h>

static int usage(const char *why) {
  return report_usage(
      "bench", why, "usage: nearfield bench [--threads N] [--repeats N] [--model FILE] [--json]\n");
}

static int bench(nf_engine *engine, int repeats, bool json) {
  nf_session *session = nullptr;
  nf_error error;
  nf_bench_result b;
  nf_status status = nf_session_open(engine, &session, &error);
  if (status == NF_OK) status = nf_bench(session, repeats, &b, &error);
  nf_session_close(session);
  if (status != NF_OK) return report_failure(status, nullptr, &error);
  nf_engine_info info;
  nf_engine_info_get(engine, &info);
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  if (json) {
    printf(
        "{\"decode_tok_s\": %.1f, \"rows32_tok_s\": %.1f, \"prefill_ms\": %.1f, \"threads\": %d, "
        "\"kernels\": \"%s\", \"peak_rss_bytes\": %lld, \"file_bytes\": %lld, \"kv_bytes\": %lld, "
        "\"session_bytes\": "
        "%lld}\n",
        b.decode_tok_s, b.rows32_tok_s, b.prefill_ms, info.n_threads, info.kernels,
        (long long)used.ru_maxrss * 1024, (long long)info.file_bytes, (long long)info.kv_bytes,
        (long long)nf_session_bytes(engine));
  } else {
    printf("decode %.1f tok/s, 32-row pass %.1f tok/s (%s, %d threads)\n", b.decode_tok_s,
           b.rows32_tok_s, info.kernels, info.n_threads);
  }
  return report_stdout_closed();
}

int command_bench(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(nullptr);
  static const struct option options[] = {{"threads", required_argument, nullptr, 't'},
                                          {"repeats", required_argument, nullptr, 'r'},
                                          {"model", required_argument, nullptr, 'm'},
                                          {"json", no_argument, nullptr, 'j'},
                                          {}};
  int threads = 0, repeats = 5;
  bool json = false;
  const char *model = nullptr;
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    switch (option) {
      case 't':
        if (!whole_number(optarg, 64, &threads)) return usage("--threads wants 1 to 64");
        break;
      case 'r':
        if (!whole_number(optarg, 1'000'000, &repeats)) return usage("--repeats wants a number");
        break;
      case 'm': model = optarg; break;
      case 'j': json = true; break;
      default: return usage("unknown option");
    }
  }
  if (optind != argc) return usage("unexpected argument");
  nf_engine *engine = nullptr;
  int code = model_open_for_command(model, threads, &engine);
  if (code == 0) code = bench(engine, repeats, json);
  nf_engine_close(engine);
  return code;
}
