/* Which of two ways is the faster here: a few dispatches of each by turns, on the clock, when the
 * device has nothing else to do. Attention of one row by workgroup memory or by subgroups; products
 * of a few rows in f32 or by 8-bit dots. Their last bits differ, so one is chosen for
 * the opened model. Owns the choice; that both are right is kernels_check.c's. */
#include "gpu/kernels_trial.h"
#include "gpu/orphans.h"
#include "os/os.h"

constexpr isize WARM = 2, RUNS = 8; /* even; the first of each are not counted */
constexpr isize N_FIRST = 4, N_MOST = 512; /* dispatches of a run: as many as take RUN_NS, */
constexpr i64 RUN_NS = 5000000; /* beside which the way there and back (1 to 2 ms) is little */
constexpr i32 FEW_ROWS = 24; /* a caption and its draft: what edits are made of */

static bool right(const gpu_kernels *k, i16 at) {
  return at >= 0 && k->pipelines[at].ready && !k->pipelines[at].bad;
}

/* May the other way be taken; and is there a choice at all? */
static bool other_is_right(const gpu_kernels *k, gpu_contest what) {
  return what == GPU_RACE_ATTENTION ? right(k, k->attention_quad) : k->ints;
}
static bool contested(const gpu_kernels *k, gpu_contest what) {
  gpu_format format;
  if (what == GPU_RACE_ATTENTION) return k->desc.tune.attention == GPU_ATTENTION_MEASURED;
  if (!gpu_contested(k, &format)) return false;
  return right(k, k->matmul[GPU_NORM_SWIGLU][format][GPU_CHUNK]);
}

/* A product of the model's own size, all zeros. */
static void product_bind(gpu_kernels *k, gpu_race *race) {
  gpu_trial *t = &race->trial;
  gpu_format format;
  bool found = gpu_contested(k, &format);
  ASSERT(found);
  const gpu_kernels_desc *d = &k->desc;
  nf_status status = gpu_weight_make(format, 2 * d->d_ff, d->d_model, &t->w, nullptr);
  ASSERT(status == NF_OK); /* the model's own fits too */
  gpu_pass pass = {.m = FEW_ROWS};
  i64 x_bytes = FEW_ROWS * d->d_model * (i64)sizeof(f32);
  i64 y_bytes = FEW_ROWS * d->d_ff * (i64)sizeof(f32);
  gpu_matmul_desc desc = {
      .op = GPU_NORM_SWIGLU,
      .w = &t->w,
      .pass = trial_passes(t, &pass, 1),
      .x = {trial_buffer(t, x_bytes, GPU_STORAGE), 0, x_bytes},
      .norm = trial_numbers(t, 2, d->d_model),
      .y = {trial_buffer(t, y_bytes, GPU_STORAGE), 0, y_bytes},
  };
  gpu_matmul_bind(k, &desc, &race->matmul);
}

static void contest_bind(gpu_kernels *k, gpu_race *race, gpu_contest what) {
  if (what == GPU_RACE_ATTENTION) {
    trial_attention_bind(k, &race->trial);
  } else {
    product_bind(k, race);
  }
  race->n_dispatches = N_FIRST;
}

static void run_start(gpu_kernels *k, gpu_contest what) {
  gpu_race *race = &k->races[what];
  gpu_trial *t = &race->trial;
  if (race->n_dispatches == 0) contest_bind(k, race, what);
  bool other = race->i_run % 2 == 1;
  for (isize i = 0; i < race->n_dispatches; i++) {
    if (what == GPU_RACE_ATTENTION) {
      i16 at = other ? k->attention_quad : k->attention;
      gpu_attention_dispatch(k, at, t->binds[0], GPU_PASS_STRIDE, 1);
    } else {
      gpu_variant way = other ? GPU_CHUNK_INT : GPU_CHUNK;
      gpu_matmul_dispatch(k, &race->matmul, way, 0, FEW_ROWS);
    }
  }
  race->start_ns = os_clock_ns();
  t->ticket = gpu_submit(0, 0, 0);
}

static void run_end(gpu_race *race) {
  i64 ns = os_clock_ns() - race->start_ns;
  if (race->i_run == 0 && ns < RUN_NS && race->n_dispatches < N_MOST) {
    race->n_dispatches = isize_min(4 * race->n_dispatches, N_MOST);
    return; /* nothing was measured yet */
  }
  i64 *best = &race->best_ns[race->i_run % 2];
  if (race->i_run >= WARM && (*best == 0 || ns < *best)) *best = ns;
  race->i_run++;
}

static void race_close(gpu_race *race) {
  gpu_ticket_drop(race->trial.ticket);
  race->trial.ticket = 0;
  gpu_matmul_free(&race->matmul);
  gpu_trial_end(&race->trial);
}

/* NF_PENDING: it is still run, or what it chose has its trials to come. */
static nf_status contest_poll(gpu_kernels *k, gpu_contest what, nf_error *error) {
  gpu_race *race = &k->races[what];
  if (race->done || !other_is_right(k, what)) return NF_OK;
  if (contested(k, what)) {
    if (race->trial.ticket != 0) {
      nf_status status = gpu_poll(race->trial.ticket, nullptr, error);
      if (status == NF_PENDING) return status;
      race->trial.ticket = 0;
      if (status != NF_OK) return status;
      run_end(race);
    }
    if (race->i_run < RUNS) {
      run_start(k, what);
      return NF_PENDING;
    }
  }
  bool other = race->best_ns[1] <= race->best_ns[0]; /* both 0: it was asked for */
  race_close(race);
  race->done = true;
  if (what == GPU_RACE_ATTENTION) {
    k->attention_chosen = other ? k->attention_quad : k->attention;
  } else if (!other) {
    gpu_products_f32(k);
    return NF_PENDING;
  }
  return NF_OK;
}

nf_status gpu_race_poll(gpu_kernels *k, nf_error *error) {
  nf_status status = NF_OK;
  for (isize i = 0; i < GPU_RACES && status == NF_OK; i++) {
    status = contest_poll(k, (gpu_contest)i, error);
  }
  return status;
}

void gpu_race_close(gpu_kernels *k) {
  for (isize i = 0; i < GPU_RACES; i++) race_close(&k->races[i]);
}
