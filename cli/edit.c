/* nearfield edit: every cue of a caption file through one task of the local model; the file is
 * replaced as a whole or not at all. Owns the loop over cues and what is printed. A cue that cannot
 * be edited is named on stderr and stays as it is. */
#include "bytes.h"
#include "commands.h"
#include "json.h"
#include "model.h"
#include "number.h"
#include "report.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

constexpr int PROTECT_MAX = 256;

typedef struct {
  nf_task task;
  const char *in, *out, *model, *adapter;
  int threads, max_chars, max_lines, n_variants, seed;
  float max_cps;
  bool json, trace, even_if_poor;
  nf_bytes protect[PROTECT_MAX];
  int n_protect;
} request;

typedef struct {
  nf_caption *doc;
  nf_session *session;
  nf_adapter *adapter;
  int n_changed, n_unfit, n_skipped;
  double total_ms;
} job;

static int usage(const char *why) {
  return report_usage(
      "edit", why,
      "usage: nearfield edit --task TASK [--max-chars N] [--max-lines N] [--max-cps X] [--n N]\n"
      "                      [--seed N] [--protect TERM]... [--even-if-poor] [--model FILE]\n"
      "                      [--adapter FILE] [--threads N] [--json | --trace] IN [-o OUT]\n"
      "TASK is fix, shorten, formal, casual or simple; rewrite only with --even-if-poor or an\n"
      "adapter for the task. --adapter: a GGUF file, see `nearfield adapter --help`, or none;\n"
      "without it the model's own for the task is taken, MODEL.adapters/TASK.gguf, if it is "
      "there.\n"
      "--n: up to 5 distinct versions a cue, all in the report; the first goes into the file.\n"
      "Without -o the edited captions go to standard output (with --json only the report does,\n"
      "with --trace the model's passes do).\n");
}

enum {
  OPT_CHARS = 256,
  OPT_LINES,
  OPT_CPS,
  OPT_PROTECT,
  OPT_MODEL,
  OPT_ADAPTER,
  OPT_THREADS,
  OPT_JSON,
  OPT_N,
  OPT_SEED,
  OPT_POOR,
  OPT_TRACE
};

static const char *option_take(request *r, int option, bool *task_given) {
  double x = 0;
  switch (option) {
    case 't':
      *task_given = true;
      if (nf_task_from_name(bytes_of_str(optarg), &r->task) != NF_OK) return "--task: not a task";
      return nullptr;
    case OPT_CHARS:
      return whole_number(optarg, 100000, &r->max_chars) ? nullptr : "--max-chars wants a number";
    case OPT_LINES:
      return whole_number(optarg, 1000, &r->max_lines) ? nullptr : "--max-lines wants a number";
    case OPT_CPS:
      r->max_cps = number(optarg, &x) ? (float)x : 0;
      return r->max_cps > 0 && r->max_cps < 1000 ? nullptr : "--max-cps wants a number above 0";
    case OPT_PROTECT:
      if (r->n_protect == PROTECT_MAX) return "--protect: too many terms";
      r->protect[r->n_protect++] = bytes_of_str(optarg);
      return nullptr;
    case OPT_MODEL: r->model = optarg; return nullptr;
    case OPT_ADAPTER: r->adapter = optarg; return nullptr;
    case OPT_THREADS:
      return whole_number(optarg, 64, &r->threads) ? nullptr
                                                   : "--threads wants a number from 1 to 64";
    case OPT_N:
      return whole_number(optarg, NF_VARIANTS_MAX, &r->n_variants)
                 ? nullptr
                 : "--n wants a number from 1 to 5";
    case OPT_SEED:
      return whole_number(optarg, INT_MAX, &r->seed) ? nullptr : "--seed wants a number from 1";
    case OPT_POOR: r->even_if_poor = true; return nullptr;
    case OPT_TRACE: r->trace = true; return nullptr;
    case OPT_JSON: r->json = true; return nullptr;
    case 'o': r->out = optarg; return nullptr;
    default: return "unknown option";
  }
}

static const char *options_read(request *r, int argc, char **argv) {
  static const struct option options[] = {{"task", required_argument, nullptr, 't'},
                                          {"max-chars", required_argument, nullptr, OPT_CHARS},
                                          {"max-lines", required_argument, nullptr, OPT_LINES},
                                          {"max-cps", required_argument, nullptr, OPT_CPS},
                                          {"protect", required_argument, nullptr, OPT_PROTECT},
                                          {"model", required_argument, nullptr, OPT_MODEL},
                                          {"adapter", required_argument, nullptr, OPT_ADAPTER},
                                          {"threads", required_argument, nullptr, OPT_THREADS},
                                          {"json", no_argument, nullptr, OPT_JSON},
                                          {"n", required_argument, nullptr, OPT_N},
                                          {"seed", required_argument, nullptr, OPT_SEED},
                                          {"even-if-poor", no_argument, nullptr, OPT_POOR},
                                          {"trace", no_argument, nullptr, OPT_TRACE},
                                          {"output", required_argument, nullptr, 'o'},
                                          {}};
  bool task_given = false;
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, "o:", options, nullptr)) != -1;) {
    const char *wrong = option_take(r, option, &task_given);
    if (wrong != nullptr) return wrong;
  }
  if (!task_given) return "--task is missing";
  if (r->json && r->trace) return "--json and --trace exclude each other";
  if (optind != argc - 1) return "one caption file is wanted";
  r->in = argv[optind];
  return nullptr;
}

/* shorten without a limit of its own goes by the reading speed a viewer can follow. */
static void limits_default(request *r) {
  nf_lint_profile profile;
  if (r->task != NF_TASK_SHORTEN || r->max_chars || r->max_lines || r->max_cps > 0) return;
  if (nf_lint_profile_get(bytes_of_str("netflix"), &profile) == NF_OK) {
    r->max_cps = (float)profile.cps_max_x100 / 100;
  }
}

static void print_texts(FILE *out, int i, nf_bytes before, nf_bytes after, const char *verdict,
                        const char *why) {
  fprintf(out, "%s\n    {\"index\": %d, \"before\": ", i == 0 ? "" : ",", i);
  json_string(out, before);
  fputs(", \"after\": ", out);
  json_string(out, after);
  fprintf(out, ", \"verdict\": \"%s\", \"why\": ", verdict);
  json_str(out, why);
}

static void print_changes(FILE *out, const nf_change *changes, int n) {
  fputs("[", out);
  for (int k = 0; k < n; k++) {
    const nf_change *c = &changes[k];
    fprintf(out, "%s{\"start\": %d, \"end\": %d, \"replacement\": ", k ? ", " : "", c->start16,
            c->end16);
    json_string(out, c->replacement);
    putc('}', out);
  }
  fputs("]", out);
}

static void print_variants(FILE *out, const nf_session *session, int n) {
  fputs(", \"variants\": [", out);
  for (int i = 0; i < n; i++) {
    nf_variant v;
    nf_edit_variant_get(session, i, &v);
    fputs(i ? ", {\"text\": " : "{\"text\": ", out);
    json_string(out, v.text);
    fputs(", \"changes\": ", out);
    print_changes(out, v.changes, v.n_changes);
    putc('}', out);
  }
  fputs("]", out);
}

/* How much likelier than the caption the model's answer was, what it had to be over, and the kinds
 * of its changes. */
static void print_gate(FILE *out, const nf_edit_result *r) {
  if (r->gate_kinds == 0) return;
  fprintf(out, ", \"gainNats\": %.3f, \"gateNats\": %.3f, \"gateKinds\": [", r->gain_nats,
          (double)r->gate_nats);
  for (int k = 0, n = 0; k < NF_GATE_KINDS; k++) {
    if (r->gate_kinds >> k & 1) fprintf(out, "%s\"%s\"", n++ ? ", " : "", nf_gate_kind_name(k));
  }
  fputs("]", out);
}

static void print_cue(FILE *out, int i, nf_bytes before, const nf_session *session,
                      const nf_edit_result *r) {
  static const char *const verdicts[] = {"unchanged", "changed", "unfit"};
  print_texts(out, i, before, r->text, verdicts[r->verdict], r->why);
  fputs(", \"changes\": ", out);
  print_changes(out, r->changes, r->n_changes);
  print_variants(out, session, r->n_variants);
  print_gate(out, r);
  const nf_receipt *m = &r->receipt;
  fprintf(
      out,
      ", \"totalMs\": %.2f, \"firstTokenMs\": %.2f, \"inputTokens\": %d, \"cachedTokens\": %d, "
      "\"outputTokens\": %d, \"passes\": %d, \"drafted\": %d, \"accepted\": %d, \"forced\": %d}",
      m->total_ms, m->first_token_ms, m->input_tokens, m->cached_tokens, m->output_tokens,
      m->passes, m->drafted, m->accepted, m->forced);
}

/* The passes of one cue as text; see docs/edit-loop.md. */
static void print_trace(FILE *out, int i, nf_bytes before, const nf_session *session,
                        const nf_edit_result *r) {
  fprintf(out, "%scue %d: ", i == 0 ? "" : "\n", i + 1);
  json_string(out, before);
  putc('\n', out);
  nf_bytes trace = nf_edit_trace(session);
  fwrite(trace.at, 1, (size_t)trace.len, out);
  fputs("result: ", out);
  json_string(out, r->text);
  putc('\n', out);
}

/* Times of a damaged file may lie anywhere; without a duration --max-cps does not apply. */
static int32_t duration_of(const nf_cue *cue) {
  int64_t ms = cue->end_ms - cue->start_ms;
  return ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int32_t)ms;
}

/* One cue that cannot be edited (too long, too many tags) stays as it is; the others go on. */
static nf_status cue_skip(job *j, const request *r, int i, const nf_error *error) {
  report_at_cue(j->doc, i, r->in, error);
  j->n_skipped++;
  return NF_OK;
}

static nf_status cue_edit(job *j, const request *r, int i, nf_error *error) {
  nf_cue cue, before = {}, after = {};
  nf_caption_cue_get(j->doc, i, &cue);
  if (i > 0) nf_caption_cue_get(j->doc, i - 1, &before);
  if (i + 1 < nf_caption_cue_count(j->doc)) nf_caption_cue_get(j->doc, i + 1, &after);
  nf_edit_desc desc = {.task = r->task,
                       .text = cue.text,
                       .format = nf_caption_format_get(j->doc),
                       .before = before.text,
                       .after = after.text,
                       .max_chars = r->max_chars,
                       .max_lines = r->max_lines,
                       .max_cps = r->max_cps,
                       .duration_ms = duration_of(&cue),
                       .protect = r->protect,
                       .n_protect = r->n_protect,
                       .seed = (uint64_t)r->seed,
                       .n_variants = r->n_variants,
                       .even_if_poor = r->even_if_poor,
                       .trace = r->trace,
                       .adapter = j->adapter};
  nf_status status = nf_edit_begin(j->session, &desc, error);
  if (status == NF_BAD_INPUT) {
    if (r->json) {
      print_texts(stdout, i, cue.text, cue.text, "skipped", error->line);
      putchar('}');
    }
    return cue_skip(j, r, i, error);
  }
  while (status == NF_OK && (status = nf_edit_step(j->session, error)) == NF_PENDING &&
         !stop_asked()) {
    status = NF_OK;
  }
  if (stop_asked()) return NF_CANCELLED;
  if (status != NF_OK) return status;
  nf_edit_result result;
  nf_edit_result_get(j->session, &result);
  if (r->json) print_cue(stdout, i, cue.text, j->session, &result);
  if (r->trace) print_trace(stdout, i, cue.text, j->session, &result);
  j->n_changed += result.verdict == NF_CHANGED;
  j->n_unfit += result.verdict == NF_UNFIT;
  j->total_ms += result.receipt.total_ms;
  if (result.verdict != NF_CHANGED) return NF_OK;
  status = nf_caption_text_set(j->doc, i, result.text, error);
  return status == NF_BAD_INPUT ? cue_skip(j, r, i, error) : status;
}

static nf_status cues_edit(job *j, const request *r, nf_error *error) {
  int n = nf_caption_cue_count(j->doc);
  for (int i = 0; i < n; i++) {
    report_progress("%d of %d cues, %d changed", i, n, j->n_changed);
    nf_status status = cue_edit(j, r, i, error);
    if (status == NF_OK) continue;
    report_progress_end();
    if (status == NF_CANCELLED) {
      report_stopped();
    } else {
      report_at_cue(j->doc, i, r->in, error);
    }
    return status;
  }
  report_progress_end();
  return NF_OK;
}

/* Its name, or null. */
static void adapter_print(const nf_adapter *adapter) {
  nf_adapter_info info = {};
  if (adapter != nullptr) nf_adapter_info_get(adapter, &info);
  if (adapter == nullptr) {
    fputs("null", stdout);
  } else {
    json_str(stdout, info.name);
  }
}

static int job_run(job *j, const request *r, nf_engine *engine) {
  nf_error error = {};
  nf_status status = nf_session_open(engine, &j->session, &error);
  if (status != NF_OK) return report_failure(status, nullptr, &error);
  nf_engine_info info;
  nf_engine_info_get(engine, &info);
  if (r->json) {
    fputs("{\"file\": ", stdout);
    json_str(stdout, r->in);
    printf(", \"task\": \"%s\", \"model\": ", nf_task_name(r->task));
    json_str(stdout, info.name);
    fputs(", \"adapter\": ", stdout);
    adapter_print(j->adapter);
    printf(", \"kernels\": \"%s\", \"threads\": %d,\n  \"cues\": [", info.kernels, info.n_threads);
  }
  status = cues_edit(j, r, &error);
  if (status != NF_OK) return exit_code(status);
  if (r->json) {
    printf("\n  ],\n  \"changed\": %d, \"unfit\": %d, \"skipped\": %d, \"totalMs\": %.1f}\n",
           j->n_changed, j->n_unfit, j->n_skipped, j->total_ms);
  }
  int n_cues = nf_caption_cue_count(j->doc);
  if (n_cues > 0 && j->n_skipped == n_cues) return EXIT_INPUT; /* nothing was edited */
  if ((r->json || r->trace) && r->out == nullptr) return report_stdout_closed();
  nf_bytes file;
  status = nf_caption_write(j->doc, nf_caption_format_get(j->doc), &file, &error);
  if (status != NF_OK) return report_failure(status, r->in, &error);
  return write_output(r->out, file);
}

/* Said once, not at each cue. */
static int adapter_fits_task(const nf_adapter *adapter, const request *r) {
  if (adapter == nullptr) return 0;
  nf_adapter_info info;
  nf_adapter_info_get(adapter, &info);
  if (*info.task == 0 || strcmp(info.task, nf_task_name(r->task)) == 0) return 0;
  nf_error error;
  snprintf(error.line, sizeof error.line, "the adapter is for the task %s, not %s", info.task,
           nf_task_name(r->task));
  return report_failure(NF_BAD_INPUT, r->adapter, &error);
}

/* --adapter none: none; nothing said: the model's own for the task, written to path[cap]. */
static void adapter_choose(request *r, char *path, size_t cap) {
  if (r->adapter == nullptr) {
    r->adapter = adapter_find(r->model, r->task, path, cap) ? path : nullptr;
  } else if (strcmp(r->adapter, "none") == 0) {
    r->adapter = nullptr;
  }
}

int command_edit(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(nullptr);
  request r = {};
  const char *wrong = options_read(&r, argc, argv);
  if (wrong != nullptr) return usage(wrong);
  char adapter_path[4096];
  adapter_choose(&r, adapter_path, sizeof adapter_path);
  nf_task_info info;
  bool asked_for = r.even_if_poor || r.adapter != nullptr; /* the adapter says what it is for */
  if (nf_task_info_get(r.task, &info) == NF_OK && !info.offered && !asked_for) {
    fprintf(stderr, "nearfield edit: the task %s is not offered on the device: %s\n", info.name,
            info.why);
    return EXIT_USAGE;
  }
  limits_default(&r);
  job j = {};
  int code = caption_open(r.in, &j.doc);
  if (code != 0) return code;
  stop_catch();
  nf_engine *engine = nullptr;
  code = model_open_for_command(r.model, r.threads, &engine);
  if (code == 0) code = adapter_open_for_command(r.adapter, engine, &j.adapter);
  if (code == 0) code = adapter_fits_task(j.adapter, &r);
  if (code == 0) code = job_run(&j, &r, engine);
  nf_session_close(j.session);
  nf_adapter_close(j.adapter);
  nf_engine_close(engine);
  nf_caption_close(j.doc);
  return code;
}
