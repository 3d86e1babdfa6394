/* The recipe of one pass on the GPU: row records and scalars are written once, then five
 * dispatches a layer and three around them are recorded and sent as one submit, the further decode
 * steps behind them; what comes back are 16 bytes a result. Nothing is allocated or bound here.
 * Where the device is slow a pass goes in pieces of some tens of milliseconds, each sent when the
 * one before it is done, so that whatever else draws on the device is not starved.
 * All arithmetic is in gpu/kernels.h. Read next: pass.c (checks), weights_gpu.c (what is bound). */
#include "base/math.h"
#include "gpu/orphans.h"
#include "model/gpu_internal.h"
#include "os/os.h"

/* A piece takes between these, in ms, once its size was learnt; in rows of a layer. */
constexpr i64 PIECE_MS_LOW = 15, PIECE_MS_GOOD = 30, PIECE_MS_HIGH = 60;
constexpr isize PIECE_WORK_MAX = 1 << 20;
constexpr i64 OWNER_NS_MAX = 2000000000; /* a pass whose caller waits so long loses the device */

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
    *slot_of(state, PASS_SLOT_STEP + i) =
        (gpu_pass){.m = 1, .record0 = (u32)(n + i), .kv_ctx = n_slots, .result0 = (u32)(n_out + i)};
  }
}

/* The slots that the dispatches of a pass, or of one further step of it, read. */
typedef struct {
  const gpu_cache *cache;
  const gpu_adapter *adapter; /* null: none */
  isize n, n_out;
  u32 all, last, out, dense;
} pass_slots;

static pass_slots slots_at(const gpu_pass_state *state, const model_pass *pass) {
  pass_slots at = {.cache = pass->spans[0].kv.cache->gpu,
                   .adapter = pass->adapter ? pass->adapter->gpu : nullptr,
                   .n = state->n,
                   .n_out = state->n_out,
                   .all = slot_at(PASS_SLOT_ALL),
                   .last = slot_at(PASS_SLOT_LAST),
                   .out = slot_at(PASS_SLOT_OUT),
                   .dense = slot_at(PASS_SLOT_DENSE)};
  if (state->i_step > 0) { /* one row, all of it asked for */
    at.n = at.n_out = 1;
    at.all = at.last = at.out = at.dense = slot_at(PASS_SLOT_STEP + state->i_step - 1);
  }
  return at;
}

/* One product of a layer, with what the adapter adds to it. */
static void product_run(const model_gpu *g, const gpu_adapter *adapter, isize i_layer,
                        adapter_stack_of which, u32 slot, i32 n) {
  const gpu_matmul *product = &g->layers[i_layer].run[which];
  if (adapter && adapter->layers[i_layer].run[which].n_slices > 0) {
    product = &adapter->layers[i_layer].run[which];
  }
  gpu_matmul_run(g->kernels, product, slot, n);
}

static void layer_run(const model *m, const pass_slots *at, isize i) {
  const model_gpu *g = m->gpu;
  bool end = i == m->shape.n_layers - 1;
  if (i == 0) gpu_embed_run(g->kernels, &g->run_embed, at->all, (i32)at->n);
  product_run(g, at->adapter, i, ADAPTER_X_QKV, at->all, (i32)at->n);
  gpu_attention_run(g->kernels, at->cache->attention[i], end ? at->last : at->all, (i32)at->n);
  if (end && at->n_out == 0) return;
  u32 dense = end ? at->dense : at->all;
  i32 n = (i32)(end ? at->n_out : at->n);
  product_run(g, at->adapter, i, ADAPTER_X_O, end ? at->out : at->all, n);
  product_run(g, at->adapter, i, ADAPTER_X_GATE_UP, dense, n);
  product_run(g, at->adapter, i, ADAPTER_X_DOWN, dense, n);
}

/* The next unit of a pass or step: a layer, then the head. What it costs, in rows of a layer. */
static isize unit_cost(const model *m, const pass_slots *at, isize i_unit) {
  const model_shape *shape = &m->shape;
  if (i_unit < shape->n_layers) return at->n;
  isize layer_cols = m->gpu->d_qkv + shape->n_heads * shape->d_head + 3 * shape->d_ff;
  return at->n_out * isize_max(shape->n_vocab / layer_cols, 1);
}
static void unit_run(const model *m, const pass_slots *at, isize i_unit) {
  const model_gpu *g = m->gpu;
  if (i_unit < m->shape.n_layers) {
    layer_run(m, at, i_unit);
    return;
  }
  gpu_matmul_run(g->kernels, &g->run_head, at->dense, (i32)at->n_out);
  gpu_pick_run(g->kernels, g->pick, at->out, (i32)at->n_out);
}

/* Records and scalars of the whole pass; nothing is recorded yet. */
static void pass_begin(const model *m, gpu_pass_state *state, const model_pass *pass) {
  const model_gpu *g = m->gpu;
  const model_cache *cache = pass->spans[0].kv.cache;
  for (isize i = 1; i < pass->n_spans; i++) ASSERT(pass->spans[i].kv.cache == cache);
  ASSERT(!pass->adapter || pass->adapter->gpu); /* model_gpu_adapter_open */
  state->n = records_fill(state, pass, &state->n_out);
  for (isize i = 0; i < PASS_SLOT_STEP; i++) {
    gpu_pass *slot = slot_of(state, i);
    slot->m = (u32)(i == PASS_SLOT_ALL || i == PASS_SLOT_LAST ? state->n : state->n_out);
    slot->row0 = slot->record0 = slot->result0 = 0;
    slot->kv_ctx = (u32)cache->n_slots;
  }
  steps_fill(state, pass, state->n, state->n_out, (u32)cache->n_slots);
  isize n_slots = PASS_SLOT_STEP + pass->n_more, n_records = state->n + pass->n_more;
  gpu_buffer_write(g->pass, 0, state->slots, n_slots * GPU_PASS_STRIDE);
  gpu_buffer_write(g->records, 0, state->records, n_records * (isize)sizeof(gpu_row));
  state->n_results = state->n_out + pass->n_more;
  state->i_step = state->i_unit = 0;
}

/* Record as much as a piece holds, one unit at least. false: that was the last of the pass. */
static bool piece_record(const model *m, gpu_pass_state *state, const model_pass *pass) {
  model_gpu *g = m->gpu;
  state->sent_work = 0;
  while (state->i_step <= pass->n_more) {
    pass_slots at = slots_at(state, pass);
    isize n_units = m->shape.n_layers + (at.n_out > 0);
    isize cost = unit_cost(m, &at, state->i_unit);
    if (state->sent_work > 0 && state->sent_work + cost > g->piece_work) return true;
    unit_run(m, &at, state->i_unit);
    state->sent_work += cost;
    if (++state->i_unit < n_units) continue;
    if (state->i_step++ == 0 && pass->logits && at.n_out > 0) { /* a step writes over them */
      state->logits_ticket =
          gpu_submit(g->logits, 0, at.n_out * m->shape.n_vocab * (isize)sizeof(f32));
    }
    state->i_unit = 0;
  }
  return false;
}

static void piece_send(const model *m, gpu_pass_state *state, const model_pass *pass) {
  model_gpu *g = m->gpu;
  gpu_orphans_poll();
  bool more = piece_record(m, state, pass);
  isize bytes = more ? 0 : state->n_results * (isize)sizeof(gpu_result);
  state->ticket = gpu_submit(bytes > 0 ? g->results : 0, 0, bytes);
  state->sent_ns = os_clock_ns();
  state->going = more;
  g->owner = more ? state : nullptr;
  g->recorded = false;
  g->n_moves = 0;
}

/* A piece is done: how large should the next ones be? */
static void piece_learn(model_gpu *g, const gpu_pass_state *state) {
  i64 ms = (os_clock_ns() - state->sent_ns) / 1000000;
  if (ms > PIECE_MS_HIGH) {
    g->piece_work = isize_max((isize)(state->sent_work * PIECE_MS_GOOD / ms), 1);
  } else if (ms < PIECE_MS_LOW && 2 * state->sent_work >= g->piece_work) {
    g->piece_work = isize_min(4 * g->piece_work, PIECE_WORK_MAX);
  }
}

/* Activations are shared: while a pass is under way in pieces no other may begin, unless its
 * caller has left it lying. And passes that were dropped must not pile up on a slow device. */
static bool device_is_free(const model_gpu *g) {
  if (gpu_orphans_poll() >= GPU_TICKETS_MAX / 2) return false;
  return !g->owner || os_clock_ns() - g->owner->sent_ns > OWNER_NS_MAX;
}

static void results_give(const gpu_pass_state *state, const model_pass *pass) {
  for (isize i = 0; i < state->n_results; i++) {
    const gpu_result *result = &state->results[i];
    if (pass->best) pass->best[i] = result->token;
    if (pass->log_p_best) pass->log_p_best[i] = result->log_p_best;
    if (pass->log_p_asked && i < state->n_out) pass->log_p_asked[i] = result->log_p_asked;
  }
}

static nf_status results_wait(const model *m, gpu_pass_state *state, const model_pass *pass) {
  nf_error *error = &m->gpu->failure;
  nf_status status = NF_OK;
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
  if (status != NF_OK) return status;
  piece_learn(m->gpu, state);
  results_give(state, pass);
  return NF_OK;
}

/* A pass that gives nothing back is not waited for where the device is known to be quick: what
 * comes next is recorded while it runs, and hears of its failures, which stay. */
static bool runs_ahead(const model_gpu *g, const gpu_pass_state *state) {
  return state->n_results == 0 && !state->going && 2 * state->sent_work <= g->piece_work;
}

/* The kernels that the first adapter asked for are compiled and tried before a pass. */
static nf_status kernels_wait(model_gpu *g) {
  if (!g->kernels_open) return NF_OK;
  gpu_recorded_send(g); /* see gpu_kernels_poll */
  nf_status status = gpu_kernels_poll(g->kernels, &g->failure);
  if (status != NF_OK) return status;
  gpu_kernels_facts_get(g->kernels, &g->facts);
  g->kernels_open = false;
  return NF_OK;
}

nf_status gpu_pass_run(const model *m, model_scratch *s) {
  gpu_pass_state *state = s->gpu;
  const model_pass *pass = s->plan.pass;
  model_gpu *g = m->gpu;
  if (state->going && g->owner != state) gpu_pass_drop(m, s); /* another one came between */
  if (state->ticket == 0) {
    if (!device_is_free(g)) return NF_PENDING;
    nf_status status = kernels_wait(g);
    if (status != NF_OK) return status;
    pass_begin(m, state, pass);
    piece_send(m, state, pass);
    if (runs_ahead(g, state)) {
      gpu_ticket_drop(state->ticket);
      state->ticket = 0;
      return NF_OK;
    }
  }
  while (state->going) {
    nf_status status = gpu_poll(state->ticket, nullptr, &g->failure);
    if (status == NF_PENDING) return status;
    state->ticket = 0;
    if (status != NF_OK) {
      gpu_pass_drop(m, s);
      return status;
    }
    piece_learn(g, state);
    piece_send(m, state, pass);
  }
  return results_wait(m, state, pass);
}

void gpu_pass_drop(const model *m, model_scratch *s) {
  gpu_pass_state *state = s->gpu;
  gpu_ticket_drop(state->logits_ticket);
  gpu_ticket_drop(state->ticket);
  state->logits_ticket = state->ticket = 0;
  state->going = false;
  if (m->gpu->owner == state) m->gpu->owner = nullptr;
}

isize gpu_pass_state_bytes(void) { return (isize)sizeof(gpu_pass_state); }
const char *gpu_failure_line(const model *m) { return m->gpu->failure.line; }
