/* Which of two attentions is the faster here: a few dispatches of each by turns, on the clock, when
 * the device has nothing else to do. Their last bits differ, so one is chosen for the opened model.
 * Owns the choice; that both are right is kernels_check.c's. */
#include "gpu/kernels_trial.h"
#include "gpu/orphans.h"
#include "os/os.h"

constexpr isize WARM = 2, RUNS = 8; /* even; the first of each are not counted */
constexpr isize N_FIRST = 4, N_MOST = 128; /* dispatches of a run */
constexpr i64 RUN_NS = 2000000; /* about this long, where the first says how many that takes */

static bool right(const gpu_kernels *k, i16 at) { return at >= 0 && !k->pipelines[at].bad; }

static void run_start(gpu_kernels *k) {
  gpu_race *race = &k->race;
  gpu_trial *t = &race->trial;
  if (t->n_binds == 0) {
    trial_attention_bind(k, t);
    race->n_dispatches = N_FIRST;
  }
  i16 at = race->i_run % 2 == 0 ? k->attention : k->attention_quad;
  for (isize i = 0; i < race->n_dispatches; i++) {
    gpu_attention_dispatch(k, at, t->binds[0], GPU_PASS_STRIDE, 1);
  }
  race->start_ns = os_clock_ns();
  t->ticket = gpu_submit(0, 0, 0);
}

static void run_end(gpu_race *race) {
  i64 ns = os_clock_ns() - race->start_ns;
  i64 *best = &race->best_ns[race->i_run % 2];
  if (race->i_run >= WARM && (*best == 0 || ns < *best)) *best = ns;
  if (++race->i_run == WARM) {
    i64 n = N_FIRST * RUN_NS * 8 / (ns > 0 ? ns : 1); /* most of so short a run is the way there */
    race->n_dispatches = n < N_FIRST ? N_FIRST : n < N_MOST ? (isize)n : N_MOST;
  }
}

nf_status gpu_race_poll(gpu_kernels *k, nf_error *error) {
  gpu_race *race = &k->race;
  if (race->done || !right(k, k->attention_quad)) return NF_OK;
  if (k->desc.tune.attention == GPU_ATTENTION_MEASURED) {
    if (race->trial.ticket != 0) {
      nf_status status = gpu_poll(race->trial.ticket, nullptr, error);
      if (status == NF_PENDING) return status;
      race->trial.ticket = 0;
      if (status != NF_OK) return status;
      run_end(race);
    }
    if (race->i_run < RUNS) {
      run_start(k);
      return NF_PENDING;
    }
  }
  bool quad = race->best_ns[1] <= race->best_ns[0]; /* both 0: it was asked for */
  k->attention_chosen = quad ? k->attention_quad : k->attention;
  gpu_race_close(k);
  race->done = true;
  return NF_OK;
}

void gpu_race_close(gpu_kernels *k) {
  gpu_ticket_drop(k->race.trial.ticket);
  k->race.trial.ticket = 0;
  gpu_trial_end(&k->race.trial);
}
