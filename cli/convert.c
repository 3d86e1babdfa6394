/* nearfield convert: a caption file in the other format. The input's format is seen from its
 * content; the output's from its name or --to. What the target lacks is a warning on stderr. */
#include "commands.h"
#include "report.h"

#include <getopt.h>
#include <string.h>
#include <strings.h>

static int usage(const char *why) {
  return report_usage(
      "convert", why,
      "usage: nearfield convert [--to srt|vtt] IN OUT\n"
      "The ending of OUT (.srt, .vtt) says the format, unless --to does. \"-\" is standard input "
      "or output.\n");
}

static bool format_from_name(const char *name, nf_caption_format *format) {
  bool srt = strcasecmp(name, "srt") == 0, vtt = strcasecmp(name, "vtt") == 0;
  if (srt || vtt) *format = srt ? NF_SRT : NF_VTT;
  return srt || vtt;
}

static int convert(const char *in, const char *out, nf_caption_format format) {
  nf_caption *doc;
  int code = caption_open(in, &doc);
  if (code != 0) return code;
  nf_bytes file;
  nf_error error;
  nf_status status = nf_caption_write(doc, format, &file, &error);
  code = status == NF_OK ? write_output(out, file) : report_failure(status, in, &error);
  if (code == 0) report_warnings(doc, 0, in);
  nf_caption_close(doc);
  return code;
}

int command_convert(int argc, char **argv) {
  static const struct option options[] = {
      {"to", required_argument, nullptr, 't'}, {"help", no_argument, nullptr, 'h'}, {}};
  nf_caption_format format = NF_SRT;
  bool known = false;
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    if (option == 'h') return usage(nullptr);
    if (option != 't') return usage("unknown option");
    known = format_from_name(optarg, &format);
    if (!known) return usage("--to: srt or vtt expected");
  }
  if (optind != argc - 2) return usage("an input and an output file are wanted");
  const char *out = argv[optind + 1];
  const char *dot = strrchr(out, '.');
  if (!known && dot != nullptr) known = format_from_name(dot + 1, &format);
  if (!known) return usage("OUT does not end in .srt or .vtt, and there is no --to");
  return convert(argv[optind], out, format);
}
