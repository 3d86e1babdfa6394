/* A batch: passes of several timelines run as one on the CPU. A pass is handed in where it would
 * be run (model_pass_run says NF_PENDING), and is done when its owner asks again; so whoever runs
 * passes, a session or an edit, need not know of others. Rows of different caches go through one
 * product together, which is what reads the weights: attention is per span as it always was.
 * Owns the scratch such a pass is computed in. Read next: pass.c (how rows are ordered). */
#include "model/model_internal.h"

isize model_batch_bytes(const model *m, isize n_keys_max, isize n_threads) {
  return bytes_add(model_scratch_bytes(m, n_keys_max, n_threads),
                   bytes_of_n(1, (isize)sizeof(model_batch) + MODEL_LINE));
}

nf_status model_batch_open(const model *m, isize n_keys_max, isize n_threads, arena *a,
                           model_batch **out) {
  ASSERT(!m->gpu);
  arena start = *a;
  model_batch *b = arena_alloc(a, 1, (isize)sizeof(model_batch), MODEL_LINE);
  if (!b || model_scratch_open(m, n_keys_max, n_threads, a, &b->scratch) != NF_OK) {
    *a = start;
    return NF_NO_MEMORY;
  }
  b->m = m;
  *out = b;
  return NF_OK;
}

void model_batch_close(model_batch *b) {
  ASSERT(b->n_members == 0);
  model_scratch_close(b->scratch);
}

void model_batch_join(model_batch *b, model_scratch *scratch) {
  ASSERT(!scratch->batch && !scratch->plan.pass && b->n_members < MODEL_MEMBERS_MAX);
  ASSERT(scratch->n_keys_max <= b->scratch->n_keys_max);
  scratch->batch = b;
  b->n_members++;
}

void model_batch_leave(model_scratch *scratch) {
  if (!scratch->batch) return;
  model_pass_drop(scratch->batch->m, scratch);
  scratch->batch->n_members--;
  scratch->batch = nullptr;
}

bool model_batch_waits(const model_scratch *scratch) {
  return scratch->place == PLACE_WAITS || scratch->place == PLACE_RUNS;
}

nf_status batch_pass_run(model_scratch *s, const model_pass *pass) {
  model_batch *b = s->batch;
  ASSERT(pass->n_more == 0);
  if (s->place == PLACE_NONE) {
    b->waiting[b->n_waiting++] = s;
    s->place = PLACE_WAITS;
  }
  if (s->place != PLACE_DONE) return NF_PENDING;
  s->place = PLACE_NONE;
  s->plan.pass = nullptr;
  return NF_OK;
}

/* The rows of a pass that was dropped while it runs: they write to no cache and to no result any
 * more, since their owner may use both. */
static void rows_forget(model_plan *plan, isize i_pass) {
  isize n = 0;
  for (isize i = 0; i < plan->n_segments; i++) {
    if (plan->segments[i].i_pass != i_pass) plan->segments[n++] = plan->segments[i];
  }
  plan->n_segments = n;
  for (isize i = 0; i < plan->n_rows - plan->n_quiet; i++) {
    model_out *out = &plan->outs[i];
    if (out->i_pass == i_pass) *out = (model_out){.asked = -1, .i_pass = i_pass};
  }
}

void batch_pass_drop(model_scratch *s) {
  model_batch *b = s->batch;
  for (isize i = 0; s->place == PLACE_RUNS && i < b->n_running; i++) {
    if (b->running[i] != s) continue;
    b->running[i] = nullptr;
    rows_forget(&b->scratch->plan, i);
  }
  isize n = 0;
  for (isize i = 0; i < b->n_running; i++) n += b->running[i] != nullptr;
  if (n == 0) b->n_running = 0; /* nobody wants the pass any more */
  n = 0;
  for (isize i = 0; i < b->n_waiting; i++) {
    if (b->waiting[i] != s) b->waiting[n++] = b->waiting[i];
  }
  b->n_waiting = n;
  s->place = PLACE_NONE;
}

static isize pass_rows(const model_pass *pass) {
  isize n = 0;
  for (isize i = 0; i < pass->n_spans; i++) n += pass->spans[i].m;
  return n;
}

/* Who goes into the next pass; the others stay in order. */
static void running_choose(model_batch *b) {
  const model_pass *passes[MODEL_SPANS_MAX];
  const model_adapter *adapter = b->waiting[0]->plan.pass->adapter;
  isize n_rows = 0, n_spans = 0, n_left = 0;
  b->n_running = 0;
  for (isize i = 0; i < b->n_waiting; i++) {
    model_scratch *s = b->waiting[i];
    const model_pass *pass = s->plan.pass;
    isize rows = pass_rows(pass);
    if (pass->adapter != adapter || n_rows + rows > MODEL_ROWS_MAX ||
        n_spans + pass->n_spans > MODEL_SPANS_MAX) {
      b->waiting[n_left++] = s;
      continue;
    }
    n_rows += rows;
    n_spans += pass->n_spans;
    s->place = PLACE_RUNS;
    passes[b->n_running] = pass;
    b->running[b->n_running++] = s;
  }
  b->n_waiting = n_left;
  model_plan_fill(&b->scratch->plan, passes, b->n_running, b->m->shape.n_vocab);
}

nf_status model_batch_run(model_batch *b, pool *threads, isize *n_passes) {
  *n_passes = 0;
  if (b->n_running == 0) {
    if (b->n_waiting == 0) return NF_OK;
    running_choose(b);
  }
  nf_status status = cpu_pass_run(b->m, b->scratch, threads);
  if (status != NF_OK) return status;
  for (isize i = 0; i < b->n_running; i++) {
    if (!b->running[i]) continue;
    b->running[i]->place = PLACE_DONE;
    (*n_passes)++;
  }
  b->n_running = 0;
  return b->n_waiting > 0 ? NF_PENDING : NF_OK;
}
