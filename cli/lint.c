/* nearfield lint: what makes captions hard to read, one line a finding, or JSON. Findings are no
 * error: the exit code is 0, unless --strict asks for 1. Owns what is printed; the rules are the
 * library's. */
#include "bytes.h"
#include "commands.h"
#include "json.h"
#include "report.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *path, *profile_name;
  nf_lint_profile profile;
  bool json, strict;
} request;

static int usage(const char *why) {
  return report_usage(
      "lint", why,
      "usage: nearfield lint [--profile netflix] [--json] [--strict] FILE\n"
      "One line a finding: FILE:LINE: cue N: rule: value (limit). --strict exits 1 if there is "
      "any.\n");
}

static void print_value(FILE *out, const nf_lint_finding *f) {
  switch (f->rule) {
    case NF_LINT_CPS:
      fprintf(out, "%d.%02d characters/s (limit %d)", f->value / 100, f->value % 100,
              f->limit / 100);
      break;
    case NF_LINT_LINE_LENGTH: fprintf(out, "%d characters (limit %d)", f->value, f->limit); break;
    case NF_LINT_LINE_COUNT: fprintf(out, "%d lines (limit %d)", f->value, f->limit); break;
    case NF_LINT_DURATION_SHORT: fprintf(out, "%d ms (at least %d ms)", f->value, f->limit); break;
    case NF_LINT_DURATION_LONG: fprintf(out, "%d ms (limit %d ms)", f->value, f->limit); break;
    case NF_LINT_GAP:
      fprintf(out, "%d ms to the next cue (at least %d ms)", f->value, f->limit);
      break;
    case NF_LINT_OVERLAP:
      fprintf(out, "%d ms shared with the next cue (limit 0 ms)", f->value);
      break;
  }
}

static void print_lines(const nf_caption *doc, const request *r, const nf_lint_finding *findings,
                        int n) {
  for (int i = 0; i < n; i++) {
    nf_cue cue;
    nf_caption_cue_get(doc, findings[i].cue, &cue);
    printf("%s:%d: cue %d: %s: ", r->path, cue.line, findings[i].cue + 1,
           nf_lint_rule_name(findings[i].rule));
    print_value(stdout, &findings[i]);
    putchar('\n');
  }
}

static void print_json(const nf_caption *doc, const request *r, const nf_lint_finding *findings,
                       int n) {
  fputs("{\"file\": ", stdout);
  json_str(stdout, r->path);
  printf(", \"format\": \"%s\", \"profile\": \"%s\", \"cues\": %d,\n  \"warnings\": [",
         nf_caption_format_get(doc) == NF_VTT ? "vtt" : "srt", r->profile_name,
         nf_caption_cue_count(doc));
  for (int i = 0; i < nf_caption_warning_count(doc); i++) {
    nf_caption_warning warning;
    nf_caption_warning_get(doc, i, &warning);
    printf("%s\n    {\"line\": %d, \"what\": ", i > 0 ? "," : "", warning.line);
    json_str(stdout, warning.what);
    putchar('}');
  }
  fputs("],\n  \"findings\": [", stdout);
  for (int i = 0; i < n; i++) {
    const nf_lint_finding *f = &findings[i];
    nf_cue cue;
    nf_caption_cue_get(doc, f->cue, &cue);
    bool cps = f->rule == NF_LINT_CPS;
    printf(
        "%s\n    {\"cue\": %d, \"line\": %d, \"rule\": \"%s\", \"value\": %.*f, \"limit\": %.*f}",
        i > 0 ? "," : "", f->cue, cue.line, nf_lint_rule_name(f->rule), cps ? 2 : 0,
        cps ? f->value / 100.0 : f->value, cps ? 2 : 0, cps ? f->limit / 100.0 : f->limit);
  }
  fputs("]}\n", stdout);
}

static int lint(const nf_caption *doc, const request *r) {
  int n = nf_lint(doc, &r->profile, nullptr, 0);
  nf_lint_finding *findings = calloc((size_t)n + 1, sizeof *findings);
  if (findings == nullptr) {
    fprintf(stderr, "nearfield: no memory for %d findings\n", n);
    return EXIT_MACHINE;
  }
  (void)nf_lint(doc, &r->profile, findings, n);
  if (r->json) {
    print_json(doc, r, findings, n);
  } else {
    report_warnings(doc, 0, r->path);
    print_lines(doc, r, findings, n);
  }
  free(findings);
  int code = report_stdout_closed();
  return code == 0 && r->strict && n > 0 ? EXIT_INPUT : code;
}

int command_lint(int argc, char **argv) {
  static const struct option options[] = {{"profile", required_argument, nullptr, 'p'},
                                          {"json", no_argument, nullptr, 'j'},
                                          {"strict", no_argument, nullptr, 's'},
                                          {"help", no_argument, nullptr, 'h'},
                                          {}};
  request r = {.profile_name = "netflix"};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    switch (option) {
      case 'p': r.profile_name = optarg; break;
      case 'j': r.json = true; break;
      case 's': r.strict = true; break;
      case 'h': return usage(nullptr);
      default: return usage("unknown option");
    }
  }
  nf_bytes name = bytes_of_str(r.profile_name);
  if (nf_lint_profile_get(name, &r.profile) != NF_OK) {
    return usage("--profile: netflix is the only one");
  }
  if (optind != argc - 1) return usage("one caption file is wanted");
  r.path = argv[optind];
  nf_caption *doc;
  int code = caption_open(r.path, &doc);
  if (code != 0) return code;
  code = lint(doc, &r);
  nf_caption_close(doc);
  return code;
}
