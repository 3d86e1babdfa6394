/* What the worker tells the server: one JSON object a line on standard output, as
 * server/jobs/job_line.h reads them; and how a failure travels to main() inside. */
#pragma once
#include <stdint.h>

/* One line for a person: what is wrong and what to do. again: another try may help. */
typedef struct {
  char line[240];
  bool again;
} failure;
/* Fill it; returns false, so that `return fails(...)` reads well. */
[[gnu::format(printf, 3, 4)]] bool fails(failure *f, bool again, const char *format, ...);

/* 0..1; said when it grew by a thousandth. */
void say_progress(double done);
/* A piece of the picture is whole and safe: {"checkpoint": {"piece": i}}. */
void say_piece(int64_t i);
void say_failure(const failure *f);
