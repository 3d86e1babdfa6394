/* What every command says and how it ends: exit codes, one-line errors, the progress line, and
 * caption files in and out. Owns stderr; results on stdout are the commands' own.
 *
 * An error is one line: "nearfield: FILE: line N: what is wrong; what was expected". */
#pragma once
#include <stdio.h>

#include "nearfield.h"

enum {
  EXIT_INPUT = 1,      /* the input is at fault */
  EXIT_USAGE = 2,      /* the command line is */
  EXIT_MACHINE = 3,    /* memory, disk, permissions to write */
  EXIT_STOPPED = 130,  /* Ctrl-C, as shells count it */
};
int exit_code(nf_status status);

/* How a command is called: `text` on stdout, when `why` is null, else on stderr behind one line
 * "nearfield COMMAND: WHY". Returns 0 or EXIT_USAGE. */
int report_usage(const char *command, const char *why, const char *text);
/* Print one line and return the exit code. path may be null; it is not repeated when the line
 * names it already. */
int report_failure(nf_status status, const char *path, const nf_error *error);
/* The same for an input: one that is no file, or may not be read, is the caller's mistake. Lines
 * of NF_IO name their path themselves. */
int report_unreadable(nf_status status, const char *path, const nf_error *error);
/* The same with the place of cue i of a document. Prints only. */
void report_at_cue(const nf_caption *doc, int i, const char *path, const nf_error *error);
/* A document's warnings from number `from` on, one line each, the first 20. */
void report_warnings(const nf_caption *doc, int from, const char *path);

/* Ctrl-C: from stop_catch on it only asks; the command looks between two steps, undoes what it
 * began and ends with report_stopped, which says so and returns EXIT_STOPPED. */
void stop_catch(void);
bool stop_asked(void);
int report_stopped(void);

/* One line on stderr, overwritten by the next; nothing when stderr is no terminal. */
void report_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_progress_end(void);

/* Was all of stdout written? Prints a line and returns EXIT_MACHINE if not. Last call. */
int report_stdout_closed(void);

/* Open a caption file ("-": standard input). Prints on failure; returns an exit code. */
int caption_open(const char *path, nf_caption **doc);
/* Write a whole file or nothing (null or "-": standard output). Prints; returns an exit code. */
int write_output(const char *path, nf_bytes file);
