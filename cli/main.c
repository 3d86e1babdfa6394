/* nearfield: finds the command and runs it. A new command is one row here, one line in
 * commands.h and one file. Owns no behaviour of its own. */
#include "commands.h"
#include "report.h"

#include <string.h>

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *does;
} commands[] = {
    {"edit", command_edit, "fix or shorten the cues of a caption file with the local model"},
    {"generate", command_generate, "answer a prompt with the local model"},
    {"lint", command_lint, "list what makes captions hard to read"},
    {"convert", command_convert, "SRT <-> WebVTT"},
    {"adapter", command_adapter, "a LoRA as a GGUF file that edit and generate take"},
    {"quantize", command_quantize, "a GGUF model with its weights in a smaller type"},
    {"bench", command_bench, "how fast the engine is here"},
    {"version", command_version, "version of this program"},
};
constexpr int N_COMMANDS = (int)(sizeof commands / sizeof *commands);

static void usage(FILE *out) {
  fputs("usage: nearfield COMMAND [ARGUMENT]...\n", out);
  for (int i = 0; i < N_COMMANDS; i++) {
    fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].does);
  }
  fputs("`nearfield COMMAND --help` tells more. Exit: 0 done, 1 input, 2 usage, 3 machine.\n", out);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    usage(stderr);
    return EXIT_USAGE;
  }
  const char *name = argv[1];
  if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
    usage(stdout);
    return report_stdout_closed();
  }
  if (strcmp(name, "--version") == 0) name = "version";
  for (int i = 0; i < N_COMMANDS; i++) {
    if (strcmp(name, commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
  }
  fprintf(stderr, "nearfield: unknown command: %.40s\n", name);
  usage(stderr);
  return EXIT_USAGE;
}
