/* What the edit tests with the real model share: one engine and one session for the group.
 * Does NOT check results. The model: real_model.h. */
#pragma once
#include "api/internal.h"
#include "edit/state.h"
#include "real_model.h"

static nf_engine *engine;
static nf_session *work;

/* The group's setup. */
static int open_model(void **state) {
  (void)state;
  nf_error error;
  /* one thread: two of these programs run on two cores, where threads of a second one would spend
   * two thirds of the time on waiting for each other. That their number changes no result:
   * test_model_real.c, test_lossless.c. */
  nf_engine_desc desc = {.n_threads = 1};
  if (nf_engine_open_file(real_model_path(), &desc, &engine, &error) != NF_OK) {
    print_error("%s\n", error.line);
    return -1;
  }
  return nf_session_open(engine, &work, &error) == NF_OK ? 0 : -1;
}

/* The group's teardown. */
static int close_model(void **state) {
  (void)state;
  nf_session_close(work);
  nf_engine_close(engine);
  return 0;
}
