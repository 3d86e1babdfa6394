/* The recipe of one pass on the GPU: row records and scalars are written once, then five
 * dispatches a layer and three around them are recorded and sent as one submit, the further decode
 * steps behind them; what comes back are 16 bytes a result. Nothing is allocated or bound here.
 * All arithmetic is in gpu/kernels.h. Read next: pass.c (checks), weights_gpu.c (what is bound). */
#include "base/math.h"
#include "gpu/orphans.h"
#include "model/gpu_internal.h"

static u32 slot_at(isize i) { return (u32)(i * GPU_PASS_STRIDE); }
static gpu_pass *slot_of(gpu_pass_state *state, isize i) {
  return (gpu_pass *)(void *)(state->slots + i * GPU_PASS_STRIDE);
}

/* What the rows of a span, or the steps after it, are chosen by. */
static void choice_fill(gpu_row *row, const model_choice *choice, isize i_span) {
  if (!choice) return;
  row->seed_low = (u32)choice->seeds[i_span];
  row->seed_high = (u32)(choice->seeds[i_span] >> 32);
  row->inv_temperature = 1 / choice->temperature;
  row->min_p_log = (f32)((f64)choice->temperature * math_log((f64)choice->min_p));
}

/* Records of all rows and steps; the slots' rows lists: out rows first, then the others. */
static isize records_fill(gpu_pass_state *state, const model_pass *pass, isize *n_out) {
  gpu_pass *all = slot_of(state, PASS_SLOT_ALL), *last = slot_of(state, PASS_SLOT_LAST);
  gpu_pass *out = slot_of(state, PASS_SLOT_OUT), *dense = slot_of(state, PASS_SLOT_DENSE);
  isize n = 0, n_others = 0;
  u32 others[MODEL_ROWS_MAX];
  *n_out = 0;
  for (isize i = 0; i < pass->n_spans; i++) {
    const model_span *span = &pass->spans[i];
    for (isize j = 0; j < span->m; j++) {
      gpu_row *row = &state->records[n + j];
      *row = (gpu_row){.token = span->tokens[j],
                       .pos = (u32)(span->pos + j),
                       .n_shared = (u32)span->kv.n_shared,
                       .gap = (i32)span->kv.gap,
                       .span_row = (u32)n,
                       .span_pos = (u32)span->pos,
                       .asked = -1};
      all->rows[n + j] = (u32)(n + j);
      if (j < span->m - span->n_out_rows) {
        others[n_others++] = (u32)(n + j);
        continue;
      }
      choice_fill(row, pass->choice, i);
      if (pass->asked) row->asked = pass->asked[*n_out];
      dense->rows[*n_out] = (u32)*n_out;
      last->rows[*n_out] = out->rows[*n_out] = (u32)(n + j);
      ++*n_out;
    }
    n += span->m;
  }
  bytes_copy(last->rows + *n_out, others, n_others * (isize)sizeof *others);
  return n;
}

/* The records and slots of n_more further steps of the last span. */
static void steps_fill(gpu_pass_state *state, const model_pass *pass, isize n, isize n_out,
                       u32 n_slots) {
  const model_span *span = &pass->spans[pass->n_spans - 1];
  for (isize i = 0; i < pass->n_more; i++) {
    isize pos = span->pos + span->m + i;
    gpu_row *row = &state->records[n + i];
    *row = (gpu_row){.token = -1,
                     .chain = (u32)(n_out - 1 + i),
                     .pos = (u32)pos,
                     .n_shared = (u32)span->kv.n_shared,
                     .gap = (i32)span->kv.gap,
                     .span_pos = (u32)pos,
                     .asked = -1};
    choice_fill(row, pass->choice, pass->n_spans - 1);
    *slot_of(state, PASS_SLOT_STEP + i) = (gpu_pass){
        .m = 1, .record0 = (u32)(n + i), .kv_ctx = n_slots, .result0 = (u32)(n_out + i)};
  }
}

/* The slots that the dispatches of one pass read: all four are the same one for a step. */
typedef struct {
  isize n, n_out;
  u32 all, last, out, dense;
} pass_slots;

static void layers_run(const model *m, const gpu_cache *cache, const pass_slots *at) {
  const model_gpu *g = m->gpu;
  gpu_embed_run(g->kernels, &g->run_embed, at->all, (i32)at->n);
  for (isize i = 0; i < m->shape.n_layers; i++) {
    const gpu_layer *layer = &g->layers[i];
    bool end = i == m->shape.n_layers - 1;
    gpu_matmul_run(g->kernels, &layer->run_qkv, at->all, (i32)at->n);
    gpu_attention_run(g->kernels, cache->attention[i], end ? at->last : at->all, (i32)at->n);
    if (end && at->n_out == 0) return;
    u32 dense = end ? at->dense : at->all;
    i32 n = (i32)(end ? at->n_out : at->n);
    gpu_matmul_run(g->kernels, &layer->run_o, end ? at->out : at->all, n);
    gpu_matmul_run(g->kernels, &layer->run_gate_up, dense, n);
    gpu_matmul_run(g->kernels, &layer->run_down, dense, n);
  }
  gpu_matmul_run(g->kernels, &g->run_head, at->dense, (i32)at->n_out);
  gpu_pick_run(g->kernels, g->pick, at->out, (i32)at->n_out);
}

static void pass_send(const model *m, gpu_pass_state *state, const model_pass *pass) {
  model_gpu *g = m->gpu;
  isize n_out, n = records_fill(state, pass, &n_out);
  const model_cache *cache = pass->spans[0].kv.cache;
  for (isize i = 1; i < pass->n_spans; i++) ASSERT(pass->spans[i].kv.cache == cache);
  for (isize i = 0; i < PASS_SLOT_STEP; i++) {
    gpu_pass *slot = slot_of(state, i);
    slot->m = (u32)(i == PASS_SLOT_ALL || i == PASS_SLOT_LAST ? n : n_out);
    slot->row0 = slot->record0 = slot->result0 = 0;
    slot->kv_ctx = (u32)cache->n_slots;
  }
  steps_fill(state, pass, n, n_out, (u32)cache->n_slots);
  gpu_buffer_write(g->pass, 0, state->slots, (PASS_SLOT_STEP + pass->n_more) * GPU_PASS_STRIDE);
  gpu_buffer_write(g->records, 0, state->records, (n + pass->n_more) * (isize)sizeof(gpu_row));
  const pass_slots at = {n,
                         n_out,
                         slot_at(PASS_SLOT_ALL),
                         slot_at(PASS_SLOT_LAST),
                         slot_at(PASS_SLOT_OUT),
                         slot_at(PASS_SLOT_DENSE)};
  gpu_orphans_poll();
  layers_run(m, cache->gpu, &at);
  if (pass->logits && n_out > 0) { /* before a step writes over them */
    state->logits_ticket =
        gpu_submit(g->logits, 0, n_out * m->shape.n_vocab * (isize)sizeof(f32));
  }
  for (isize i = 0; i < pass->n_more; i++) {
    u32 step = slot_at(PASS_SLOT_STEP + i);
    layers_run(m, cache->gpu, &(pass_slots){1, 1, step, step, step, step});
  }
  state->n_results = n_out + pass->n_more;
  state->n_out = n_out;
  isize bytes = state->n_results * (isize)sizeof(gpu_result);
  state->ticket = gpu_submit(bytes > 0 ? g->results : 0, 0, bytes);
  g->recorded = false;
  g->n_moves = 0;
}

static void results_give(const gpu_pass_state *state, const model_pass *pass) {
  for (isize i = 0; i < state->n_results; i++) {
    const gpu_result *result = &state->results[i];
    if (pass->best) pass->best[i] = result->token;
    if (pass->log_p_best) pass->log_p_best[i] = result->log_p_best;
    if (pass->log_p_asked && i < state->n_out) pass->log_p_asked[i] = result->log_p_asked;
  }
}

nf_status gpu_pass_run(const model *m, model_scratch *s) {
  gpu_pass_state *state = s->gpu;
  const model_pass *pass = s->plan.pass;
  nf_error *error = &m->gpu->failure;
  nf_status status = NF_OK;
  if (state->ticket == 0) pass_send(m, state, pass);
  if (state->logits_ticket != 0) {
    status = gpu_poll(state->logits_ticket, pass->logits, error);
    if (status == NF_PENDING) return status;
    state->logits_ticket = 0;
  }
  if (status == NF_OK) {
    status = gpu_poll(state->ticket, state->results, error);
    if (status == NF_PENDING) return status;
  } else {
    gpu_ticket_drop(state->ticket);
  }
  state->ticket = 0;
  if (status == NF_OK) results_give(state, pass);
  return status;
}

void gpu_pass_drop(model_scratch *s) {
  gpu_ticket_drop(s->gpu->logits_ticket);
  gpu_ticket_drop(s->gpu->ticket);
  s->gpu->logits_ticket = s->gpu->ticket = 0;
}

isize gpu_pass_state_bytes(void) { return (isize)sizeof(gpu_pass_state); }
const char *gpu_failure_line(const model *m) { return m->gpu->failure.line; }
