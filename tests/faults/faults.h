/* What the tests of failures share: a folder with a tiny model and captions in it, calls whose
 * error line is checked, and the sweep that lets every call of the operating system fail in turn.
 * Owns the folder (faults_setup, faults_teardown) and the record of what a run produced.
 * While a script runs nothing here calls malloc, stat, open, ...: they are the ones that fail. */
#pragma once
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "gguf/tiny_llama.h"
#include "nearfield.h"
#include "os/os_test.h"

static char folder[64];
static nf_error error;
static os_test_mode mode; /* of the script that runs */
static int n_failed;      /* calls of nearfield.h that did */
static bool complete;     /* the scenario came to its end */

static inline const char *in_folder(const char *name) {
  static char paths[4][128];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static inline nf_bytes str(const char *s) {
  return (nf_bytes){(const u8 *)s, (ptrdiff_t)strlen(s)};
}

static inline void file_write(const char *path, nf_bytes content) {
  FILE *out = fopen(path, "wb");
  assert_non_null(out);
  if (content.len > 0) assert_int_equal(fwrite(content.at, 1, content.len, out), content.len);
  assert_int_equal(fclose(out), 0);
}

/* ---- one call ---- */
/* A failure must be told in one clean line, a success must leave none. */
static inline bool went(nf_status status, const char *call) {
  const char *end = memchr(error.line, 0, sizeof error.line);
  if (end == nullptr) fail_msg("%s: status %d, the error was not written", call, status);
  if (status >= NF_OK) {
    if (end != error.line) fail_msg("%s: status %d, but: %s", call, status, error.line);
    return true;
  }
  n_failed++;
  if (end == error.line) fail_msg("%s: status %d without a line", call, status);
  for (const char *c = error.line; c < end; c++) {
    if ((u8)*c < 0x20 || *c == 0x7F) fail_msg("%s: a control byte in: %s", call, error.line);
  }
  return false;
}
#define TRY(call) (memset(&error, 'X', sizeof error), went((call), #call))
/* A call that failed because of the one scripted failure works when it is made again. */
#define STEP(call)                                                    \
  do {                                                                \
    if (!TRY(call) && (mode != OS_TEST_ONCE || !TRY(call))) goto end; \
  } while (0)

/* ---- what a run produced ---- */
static u8 record[1 << 20], reference[1 << 20];
static isize n_record, n_reference;

static inline void note(nf_bytes what) {
  if (n_record + what.len + 1 > (isize)sizeof record) fail_msg("the record is full");
  if (what.len > 0) memcpy(record + n_record, what.at, what.len);
  n_record += what.len;
  record[n_record++] = '|';
}
static inline void note_number(i64 n) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)n);
  note(str(text));
}

/* ---- the folder ---- */
/* No file but the ones a test made: names without a dot in front, and no ".tmp". */
static inline void no_leftovers(void) {
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *e; (e = readdir(dir)) != nullptr;) {
    if (strstr(e->d_name, ".tmp") != nullptr) fail_msg("left over: %s", e->d_name);
  }
  closedir(dir);
}

static inline void file_is(const char *path, nf_bytes content) {
  static u8 bytes[1 << 20];
  FILE *in = fopen(path, "rb");
  assert_non_null(in);
  isize len = (isize)fread(bytes, 1, sizeof bytes, in);
  fclose(in);
  assert_int_equal(len, content.len);
  assert_memory_equal(bytes, content.at, len);
}

static inline void nothing_held(void) {
  os_test_held held = os_test_held_get();
  if (held.blocks || held.bytes || held.files || held.threads) {
    fail_msg("not given back: %td blocks, %td bytes, %td files, %td threads", held.blocks,
             held.bytes, held.files, held.threads);
  }
}

/* ---- the sweep ---- */
typedef void scenario(void);

static inline bool run_once(scenario *run, os_test_mode how, isize n, os_test_call *call) {
  mode = how;
  n_failed = 0;
  n_record = 0;
  complete = false;
  os_test_script(how, n);
  run();
  bool failed = os_test_failed(call);
  isize count = os_test_count();
  os_test_script(OS_TEST_NONE, 0);
  nothing_held();
  no_leftovers();
  if (how == OS_TEST_NONE) print_message("%td calls of the system\n", count);
  return failed;
}

static inline void same_record(const char *what) {
  if (!complete) fail_msg("%s: did not come to its end: %s", what, error.line);
  if (n_record != n_reference || memcmp(record, reference, n_record) != 0) {
    fail_msg("%s: another result", what);
  }
}

/* Every call fails once, and every call fails together with all that come later. */
static inline void sweep(scenario *run) {
  os_test_call call;
  char what[64];
  assert_false(run_once(run, OS_TEST_NONE, 0, &call));
  memcpy(reference, record, n_record);
  n_reference = n_record;
  same_record("without a failure");
  assert_false(run_once(run, OS_TEST_SLOW, 0, &call));
  assert_int_equal(n_failed, 0);
  same_record("interrupted, in small pieces");
  isize n = 0;
  for (; run_once(run, OS_TEST_ONCE, n, &call); n++) {
    snprintf(what, sizeof what, "call %td, %s, failed", n, os_test_call_name(call));
    same_record(what);
    /* fewer threads do; a file that was only read may close as it likes */
    bool may_work = call == OS_CALL_THREAD || call == OS_CALL_CLOSE;
    if (n_failed > 1 || (n_failed == 0 && !may_work)) {
      fail_msg("%s: %d calls of nearfield.h failed", what, n_failed);
    }
  }
  assert_true(n > 0);
  for (n = 0; run_once(run, OS_TEST_ON, n, &call); n++) {
    snprintf(what, sizeof what, "call %td, %s, and all later ones failed", n,
             os_test_call_name(call));
    if (complete) same_record(what);
    if (!complete && n_failed != 1) fail_msg("%s: %d failed", what, n_failed);
  }
}
