/* The commands of `nearfield`, one file each; main.c has their table. argv[0] is the command's
 * name. Each returns an exit code (report.h). */
#pragma once

int command_edit(int argc, char **argv);
int command_generate(int argc, char **argv);
int command_lint(int argc, char **argv);
int command_convert(int argc, char **argv);
int command_adapter(int argc, char **argv);
int command_quantize(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_version(int argc, char **argv);
