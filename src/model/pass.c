/* A pass before and between its pieces, on whatever backend: the promises of its caller checked,
 * its rows laid out. Does NOT compute: forward_cpu.c. */
#include "model/model_internal.h"

static void span_check(const model *m, const model_scratch *s, const model_span *span) {
  const model_kv *kv = &span->kv;
  isize end = span->pos + span->m, slots = model_cache_slots(kv->cache);
  ASSERT(span->m >= 1 && span->pos >= 0 && 0 <= span->n_out_rows && span->n_out_rows <= span->m);
  ASSERT(end <= s->n_keys_max && isize_max(end, end + kv->gap) <= slots);
  ASSERT(kv->gap == 0 || (0 <= kv->n_shared && kv->n_shared <= span->pos)); /* its own slots */
  ASSERT(kv->n_shared + kv->gap >= 0);
  for (isize i = 0; i < span->m; i++) {
    ASSERT(0 <= span->tokens[i] && span->tokens[i] < m->shape.n_vocab);
  }
}

static void more_check(const model_scratch *s, const model_pass *pass) {
  const model_span *span = &pass->spans[pass->n_spans - 1];
  isize end = span->pos + span->m + pass->n_more;
  ASSERT(0 < pass->n_more && pass->n_more <= MODEL_MORE_MAX);
  ASSERT(pass->best && span->n_out_rows > 0 && end <= s->n_keys_max &&
         end + isize_max(span->kv.gap, 0) <= model_cache_slots(span->kv.cache));
}

static void pass_check(const model *m, const model_scratch *s, const model_pass *pass) {
  isize n_rows = 0, n_out = 0;
  ASSERT(1 <= pass->n_spans && pass->n_spans <= MODEL_SPANS_MAX);
  for (isize i = 0; i < pass->n_spans; i++) {
    span_check(m, s, &pass->spans[i]);
    ASSERT(pass->spans[i].kv.cache == pass->spans[0].kv.cache);
    n_rows += pass->spans[i].m;
    n_out += pass->spans[i].n_out_rows;
  }
  ASSERT(n_rows <= MODEL_ROWS_MAX);
  ASSERT(!pass->adapter ||
         (pass->adapter->n_layers == m->shape.n_layers &&
          pass->adapter->d_model == m->shape.d_model && pass->adapter->d_ff == m->shape.d_ff));
  ASSERT(pass->best || (!pass->choice && !pass->asked && !pass->log_p_best && !pass->n_more));
  ASSERT(!pass->asked == !pass->log_p_asked);
  ASSERT(!pass->choice ||
         (pass->choice->temperature > 0 && pass->choice->min_p > 0 && pass->choice->min_p <= 1));
  if (pass->n_more != 0) more_check(s, pass);
  for (isize i = 0; pass->asked && i < n_out; i++) {
    ASSERT(0 <= pass->asked[i] && pass->asked[i] < m->shape.n_vocab);
  }
}

/* Rows [from, to) of a span behind those there are. */
static void rows_add(model_plan *plan, const model_span *span, isize i_pass, isize from, isize to) {
  if (from == to) return;
  isize first = plan->n_rows;
  plan->segments[plan->n_segments++] = (model_segment){
      .kv = span->kv, .pos = span->pos + from, .first = first, .n = to - from, .i_pass = i_pass};
  for (isize i = from; i < to; i++) {
    isize row = plan->n_rows++;
    plan->tokens[row] = span->tokens[i];
    plan->pos[row] = span->pos + i;
    plan->keys_before[row + 1] = plan->keys_before[row] + span->pos + i + 1;
  }
}

/* What a pass wants of its out row i, which is one of span i_span. */
static model_out out_of(const model_pass *pass, isize n_vocab, isize i_span, isize i) {
  const model_choice *choice = pass->choice;
  return (model_out){.logits = pass->logits ? pass->logits + i * n_vocab : nullptr,
                     .best = pass->best ? pass->best + i : nullptr,
                     .log_p_best = pass->log_p_best ? pass->log_p_best + i : nullptr,
                     .log_p_asked = pass->asked ? pass->log_p_asked + i : nullptr,
                     .asked = pass->asked ? pass->asked[i] : -1,
                     .temperature = choice ? choice->temperature : 0,
                     .min_p = choice ? choice->min_p : 0,
                     .seed = choice ? choice->seeds[i_span] : 0};
}

/* The out rows of one of the passes, behind those there are. */
static void outs_add(model_plan *plan, const model_pass *pass, isize n_vocab, isize i_pass) {
  isize first = plan->n_rows - plan->n_quiet;
  for (isize i = 0; i < pass->n_spans; i++) {
    const model_span *span = &pass->spans[i];
    isize at = plan->n_rows - plan->n_quiet;
    rows_add(plan, span, i_pass, span->m - span->n_out_rows, span->m);
    for (isize j = at; j < at + span->n_out_rows; j++) {
      plan->outs[j] = out_of(pass, n_vocab, i, j - first);
      plan->outs[j].i_pass = i_pass;
    }
  }
  plan->looks = plan->looks || pass->best;
  plan->draws = plan->draws || pass->choice;
}

void model_plan_fill(model_plan *plan, const model_pass *const *passes, isize n_passes,
                     isize n_vocab) {
  plan->adapter = passes[0]->adapter;
  plan->n_segments = plan->n_rows = plan->i_layer = plan->i_chunk = 0;
  plan->keys_before[0] = 0;
  plan->looks = plan->draws = false;
  for (isize i_pass = 0; i_pass < n_passes; i_pass++) {
    const model_pass *pass = passes[i_pass];
    for (isize i = 0; i < pass->n_spans; i++) {
      rows_add(plan, &pass->spans[i], i_pass, 0, pass->spans[i].m - pass->spans[i].n_out_rows);
    }
  }
  plan->n_quiet = plan->n_rows;
  for (isize i = 0; i < n_passes; i++) outs_add(plan, passes[i], n_vocab, i);
}

/* The next of the further steps: the token chosen last, one row. */
static void step_begin(model_plan *plan, isize n_vocab) {
  const model_pass *pass = plan->pass;
  const model_span *last = &pass->spans[pass->n_spans - 1];
  isize at = plan->i_more++ - 1;
  for (isize i = 0; i < pass->n_spans; i++) at += pass->spans[i].n_out_rows;
  plan->step_span = (model_span){.kv = last->kv,
                                 .tokens = pass->best + at,
                                 .m = 1,
                                 .pos = last->pos + last->m + plan->i_more - 1,
                                 .n_out_rows = 1};
  plan->step = (model_pass){.spans = &plan->step_span,
                            .n_spans = 1,
                            .adapter = pass->adapter,
                            .best = pass->best + at + 1,
                            .log_p_best = pass->log_p_best ? pass->log_p_best + at + 1 : nullptr};
  if (pass->choice) {
    plan->step_choice = *pass->choice;
    plan->step_choice.seeds += pass->n_spans - 1;
    plan->step.choice = &plan->step_choice;
  }
  model_plan_fill(plan, &(const model_pass *){&plan->step}, 1, n_vocab);
}

nf_status model_pass_run(const model *m_, model_scratch *scratch, pool *threads,
                         const model_pass *pass) {
  model_plan *plan = &scratch->plan;
  ASSERT(pool_threads(threads) <= scratch->n_threads);
  ASSERT(plan->pass == nullptr || plan->pass == pass); /* one pass at a time */
  if (plan->pass == nullptr) {
    pass_check(m_, scratch, pass);
    plan->pass = pass;
    plan->i_more = 0;
    if (!scratch->batch) model_plan_fill(plan, &pass, 1, m_->shape.n_vocab);
  }
  if (scratch->batch) return batch_pass_run(scratch, pass);
  if (m_->gpu) {
    nf_status status = gpu_pass_run(m_, scratch); /* with all its steps */
    if (status != NF_PENDING) plan->pass = nullptr;
    return status;
  }
  nf_status status = cpu_pass_run(m_, scratch, threads);
  if (status == NF_OK && plan->i_more < pass->n_more) {
    step_begin(plan, m_->shape.n_vocab);
    return NF_PENDING;
  }
  if (status != NF_PENDING) plan->pass = nullptr;
  return status;
}

void model_pass_drop(const model *m_, model_scratch *scratch) {
  if (m_->gpu) gpu_pass_drop(m_, scratch);
  if (scratch->batch) batch_pass_drop(scratch); /* else the CPU has nothing between two calls */
  scratch->plan.pass = nullptr;
}

isize model_more_max(const model *m_) {
  return m_->gpu ? MODEL_MORE_MAX : 0; /* on the CPU a step costs the same alone */
}

bool model_fills_ahead(const model *m_) { return m_->gpu != nullptr; }

const char *model_failure_line(const model *m_) { return m_->gpu ? gpu_failure_line(m_) : ""; }

/* Measured, AVX-512 and 1 thread, ms a pass of SmolLM2 135M Q4_1 at position 128: 1 row 12.4, 2
 * rows 12.7, 3 13.8, 4 12.4 (the weights' way from memory), 5 18.7, 8 22.3, 16 35, 32 60: then
 * about 1.5 a row, and the first guess beside the likeliest saves 1 pass in 8 at best. */
constexpr isize CPU_ROWS_CHEAP = 4;
/* Measured, NVIDIA H200 by 8-bit dots, ms on the device: 1 row 0.99, 4 1.15, 8 1.27, 24 1.49,
 * 64 2.66, and 0.4 around every pass. A guess beside the likeliest may cost a quarter of a pass. */
constexpr isize GPU_ROWS_CHEAP = 32;
isize model_rows_cheap(const model *m_) { return m_->gpu ? GPU_ROWS_CHEAP : CPU_ROWS_CHEAP; }
