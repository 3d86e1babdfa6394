/* nearfield version: one line. */
#include "commands.h"
#include "report.h"

int command_version(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    fputs("usage: nearfield version\n", stderr);
    return EXIT_USAGE;
  }
  printf("nearfield %s\n", nf_version());
  return report_stdout_closed();
}
