/* nearfield quantize: a GGUF model with its matrices in another type. Reads the options; what is
 * quantized and how is the library's (nf_quantize). */
#include "commands.h"
#include "report.h"

#include <getopt.h>
#include <strings.h>

typedef struct {
  const char *in, *out;
  bool pure;
  nf_quantize_desc desc;
} request;

static int usage(const char *why) {
  return report_usage(
      "quantize", why,
      "usage: nearfield quantize --type q4_0|q4_1|q8_0 [--pure] [--output-tensor-type TYPE]\n"
      "                          [--token-embedding-type TYPE] IN.gguf OUT.gguf\n"
      "The weight matrices of IN become --type; norms and all keys stay. The head (output.weight,\n"
      "or token_embd.weight where there is none) becomes q8_0, unless --output-tensor-type says\n"
      "otherwise or --pure puts every matrix into --type. --token-embedding-type: of the\n"
      "embedding, where it is not the head. Start from F16 or F32 where you can: what a quantized\n"
      "IN has lost stays lost.\n");
}

static bool type_read(const char *name, nf_weight_type *type) {
  static const char *const names[] = {
      [NF_WEIGHT_Q4_0] = "q4_0", [NF_WEIGHT_Q4_1] = "q4_1", [NF_WEIGHT_Q8_0] = "q8_0"};
  for (int i = NF_WEIGHT_Q4_0; i <= NF_WEIGHT_Q8_0; i++) {
    if (strcasecmp(name, names[i]) != 0) continue;
    *type = (nf_weight_type)i;
    return true;
  }
  return false;
}

static const char *option_take(request *r, int option) {
  nf_quantize_desc *d = &r->desc;
  switch (option) {
    case 't': return type_read(optarg, &d->type) ? nullptr : "--type: q4_0, q4_1 or q8_0 expected";
    case 'o':
      return type_read(optarg, &d->head) ? nullptr
                                         : "--output-tensor-type: q4_0, q4_1 or q8_0 expected";
    case 'e':
      return type_read(optarg, &d->embedding)
                 ? nullptr
                 : "--token-embedding-type: q4_0, q4_1 or q8_0 expected";
    case 'p': r->pure = true; return nullptr;
    default: return "unknown option";
  }
}

static int run(const request *r) {
  nf_error error;
  nf_quantize *quantize = nullptr;
  stop_catch();
  nf_status status = nf_quantize_begin(r->in, r->out, &r->desc, &quantize, &error);
  while (status == NF_OK && (status = nf_quantize_step(quantize, &error)) == NF_PENDING &&
         !stop_asked()) {
    status = NF_OK;
  }
  nf_quantize_close(quantize);
  if (status == NF_PENDING) return report_stopped();
  return status == NF_OK ? 0 : report_unreadable(status, r->in, &error);
}

int command_quantize(int argc, char **argv) {
  static const struct option options[] = {{"type", required_argument, nullptr, 't'},
                                          {"output-tensor-type", required_argument, nullptr, 'o'},
                                          {"token-embedding-type", required_argument, nullptr, 'e'},
                                          {"pure", no_argument, nullptr, 'p'},
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
  if (r.desc.type == NF_WEIGHT_DEFAULT) return usage("--type is missing");
  if (r.pure && (r.desc.head != NF_WEIGHT_DEFAULT || r.desc.embedding != NF_WEIGHT_DEFAULT)) {
    return usage("--pure goes without the other types");
  }
  if (r.pure) r.desc.head = r.desc.type;
  r.in = argv[optind];
  r.out = argv[optind + 1];
  return run(&r);
}
