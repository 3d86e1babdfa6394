/* Running ffmpeg and ffprobe: the arguments, standard output line by line, how it ended and what it
 * said last. Descriptors 3 (the video) and 4 (the captions) go along; input is /dev/null. */
#pragma once
#include "workers/render/say.h"

enum { ARGS_MAX = 96, ARGS_TEXT = 8192 };
typedef struct {
  char *at[ARGS_MAX + 1]; /* NULL-terminated, in text */
  int n, used;
  char text[ARGS_TEXT];
} program_args;
/* Words that are separated by one blank each: "-c:v libx264". */
[[gnu::format(printf, 2, 3)]] void args_add(program_args *a, const char *format, ...);
/* One word, whatever is in it. */
[[gnu::format(printf, 2, 3)]] void args_word(program_args *a, const char *format, ...);

/* A line of standard output without its end, NUL-terminated. */
typedef void program_line(void *to, char *line);
typedef struct {
  int code, number; /* exit code; signal, 0: none */
  char said[512]; /* the last line of standard error, without ffmpeg's [part @ 0x...] */
} program_end;
/* Run at[0], found in PATH, to its end. The child dies with this process.
 * each: null: the output is dropped. false: it cannot be started (not installed, no memory). */
bool program_run(const program_args *a, program_line *each, void *to, program_end *end, failure *f);
/* As program_run; not ending well is a failure: what did not work, with what the program said. */
bool program_must(const program_args *a, program_line *each, void *to, const char *what,
                  failure *f);
