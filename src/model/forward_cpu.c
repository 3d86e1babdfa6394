/* The recipe of one pass on the CPU: a list of steps with a barrier between them, run by every
 * thread of the pool at once. Each step splits its own work: rows for norms and quantizing (few
 * rows: every thread does all, 5 barriers a layer instead of 8), weight tiles for products, rows
 * or heads for attention. All arithmetic is in kernel/.
 * Every value is computed whole by one thread in an order that depends on neither the number
 * of rows nor of threads: that is what makes passes of any size agree bit for bit.
 * Owns nothing; writes the scratch, the KV cache and the results asked for. */
#include "base/math.h"
#include "model/log_p.h"
#include "model/model_internal.h"

typedef struct {
  const model *m;
  const model_shape *shape;
  const k_table *k;
  model_kv *kv;
  model_scratch *s;
  pool *threads;
  const model_pass *pass;
} run;

/* One thread's place in the pass. first: rows before it are not needed any more (the last
 * layer computes past attention's keys and values only what is asked for). */
typedef struct {
  const run *r;
  isize i_part, n_parts;
  isize first, n; /* rows [first, first + n) are computed */
  bool own;       /* few rows: `rows` is this thread's, with every row in it */
  model_rows rows;
} part;

static f32 *kv_head(const run *r, isize i_layer, isize k_or_v, isize i_head) {
  isize plane = (i_layer * 2 + k_or_v) * r->kv->n_kv_heads + i_head;
  return r->kv->at + plane * r->kv->ctx_tokens * r->kv->d_head;
}

/* The rows whose cheap steps this thread does, and the barrier before others read them. */
static void rows_share(const part *p, isize *from, isize *to) {
  if (p->own) {
    *from = 0, *to = p->n;
  } else {
    pool_share(p->n, p->i_part, p->n_parts, from, to);
  }
}

static void rows_barrier(const part *p) {
  if (!p->own) pool_barrier(p->r->threads);
}

/* Rows i of the tokens' embeddings, and the rotations of their positions. */
static void embed_step(const part *p) {
  const run *r = p->r;
  isize from, to, d_rope = r->shape->d_rope;
  rows_share(p, &from, &to);
  for (isize i = from; i < to; i++) {
    k_weight_row(&r->m->embed, r->pass->tokens[i], p->rows.x + i * r->shape->d_model);
    f32 *cos_sin = p->rows.cos_sin + i * d_rope;
    for (isize j = 0; j < d_rope; j += 2) {
      f64 sin_x, cos_x;
      math_sincos((f64)(r->pass->pos + i) * r->m->rope_step[j / 2], &sin_x, &cos_x);
      cos_sin[j] = (f32)cos_x;
      cos_sin[j + 1] = (f32)sin_x;
    }
  }
}

/* x += delta (unless this is the first norm of the pass); quantized norm(x) -> rows.model. */
static void norm_step(part *p, const f32 *weight, bool add_delta) {
  const run *r = p->r;
  isize from, to, d = r->shape->d_model;
  rows_share(p, &from, &to);
  f32 *x = p->rows.x + p->first * d, *norm = p->rows.norm;
  for (isize i = from; i < to; i++) {
    if (add_delta) r->k->add(x + i * d, r->s->delta + i * d, d);
    r->k->rms_norm(norm + i * d, x + i * d, weight, d, r->shape->rms_eps);
  }
  r->k->rows_quantize(&p->rows.model, norm, from, to);
  p->rows.model.x = norm; /* also in a thread that had no row */
  rows_barrier(p);
}

/* Rotate rows [from, to) of the heads in x[m][stride] by each token's position: the columns a
 * thread has just computed. from, to are even. */
static void rope_columns(const part *p, f32 *x, isize stride, isize from, isize to) {
  const run *r = p->r;
  isize d_head = r->shape->d_head, d_rope = r->shape->d_rope;
  for (isize col = from; col < to;) {
    isize in_head = col % d_head, end = isize_min(to, col - in_head + d_head);
    isize n = isize_min(end - col + in_head, d_rope) - in_head;
    for (isize i = 0; n > 0 && i < p->n; i++) {
      r->k->rope(x + i * stride + col, p->rows.cos_sin + i * d_rope + in_head, n);
    }
    col = end;
  }
}

/* Columns [from, to) of k or v [m][stride] into the cache. */
static void kv_append(const part *p, isize i_layer, isize k_or_v, const f32 *x, isize stride,
                      isize from, isize to) {
  const run *r = p->r;
  isize d_head = r->shape->d_head;
  for (isize col = from; col < to;) {
    isize in_head = col % d_head, end = isize_min(to, col - in_head + d_head);
    f32 *cache = kv_head(r, i_layer, k_or_v, col / d_head) + r->pass->pos * d_head + in_head;
    for (isize i = 0; i < p->n; i++) {
      bytes_copy(cache + i * d_head, x + i * stride + col, (end - col) * (isize)sizeof(f32));
    }
    col = end;
  }
}

/* h = scale A x of every pair that reads x, for all rows, by each thread for itself: a few rows
 * more of the product that reads x, and no barrier. */
static void lora_step(const part *p, isize i_layer, adapter_stack_of stack, const k_rows *x) {
  const run *r = p->r;
  if (!r->pass->adapter) return;
  const adapter_layer *layer = &r->pass->adapter->layers[i_layer];
  const k_weight *a = &layer->a[stack];
  if (a->rows == 0) return;
  f32 *h = r->s->lora + p->i_part * MODEL_ROWS_MAX * ADAPTER_STACK_MAX;
  r->k->matmul(h, ADAPTER_STACK_MAX, a, x, p->n, 0, k_tiles(a));
}

/* Columns [from, to) of y[n][stride] += B h, by the thread that computed them. */
static void lora_columns(const part *p, isize i_layer, adapter_pair_of which, f32 *y, isize stride,
                         isize from, isize to) {
  const run *r = p->r;
  if (!r->pass->adapter || from >= to) return;
  const adapter_pair *pair = &r->pass->adapter->layers[i_layer].pairs[which];
  if (pair->rank == 0) return;
  const f32 *h = r->s->lora + p->i_part * MODEL_ROWS_MAX * ADAPTER_STACK_MAX + pair->a_row;
  constexpr isize half = (isize)sizeof(u16);
  for (isize i = 0; i < p->n; i++) {
    f32 scaled[ADAPTER_RANK_MAX];
    for (isize j = 0; j < pair->rank; j++) scaled[j] = pair->scale * h[i * ADAPTER_STACK_MAX + j];
    r->k->lora_add(y + i * stride + from, pair->b + from * half, pair->d_out * half, scaled,
                   pair->rank, to - from);
  }
}

/* q, k, v of the rows: tiles of the three matrices in one row of work. Whoever computed columns
 * of q or k also rotates them (a tile holds whole pairs); k and v go to the cache. */
static void qkv_step(const part *p, isize i_layer) {
  const run *r = p->r;
  const model_layer *layer = &r->m->layers[i_layer];
  const k_weight *weights[3] = {&layer->q, &layer->k, &layer->v};
  isize stride = layer->q.rows + 2 * layer->k.rows, from, to, base = 0, col = 0;
  pool_share(k_tiles(&layer->q) + 2 * k_tiles(&layer->k), p->i_part, p->n_parts, &from, &to);
  lora_step(p, i_layer, ADAPTER_X_QKV, &p->rows.model);
  for (isize i = 0; i < 3; i++) {
    const k_weight *w = weights[i];
    isize t_from = isize_max(from - base, 0), t_to = isize_min(to - base, k_tiles(w));
    f32 *y = r->s->qkv + col;
    if (t_from < t_to) {
      isize c_from = t_from * K_TILE_ROWS, c_to = isize_min(t_to * K_TILE_ROWS, w->rows);
      r->k->matmul(y, stride, w, &p->rows.model, p->n, t_from, t_to);
      lora_columns(p, i_layer, (adapter_pair_of)(ADAPTER_Q + i), y, stride, c_from, c_to);
      if (i < 2) rope_columns(p, y, stride, c_from, c_to);
      if (i > 0) kv_append(p, i_layer, i - 1, y, stride, c_from, c_to);
    }
    base += k_tiles(w);
    col += w->rows;
  }
}

/* Query heads [head_from, head_to) of rows [from, to), kv head by kv head. */
static void heads_attend(const part *p, isize i_layer, isize head_from, isize head_to, isize from,
                         isize to) {
  const run *r = p->r;
  const model_shape *shape = r->shape;
  isize d = shape->d_head, group = shape->n_heads / shape->n_kv_heads;
  isize d_attn = shape->n_heads * d, stride = d_attn + 2 * shape->n_kv_heads * d;
  for (isize head = head_from; head < head_to;) {
    isize kv = head / group, end = isize_min(head_to, (kv + 1) * group);
    const k_attention work = {
        .out = r->s->attn + from * d_attn + head * d,
        .q = r->s->qkv + (p->first + from) * stride + head * d,
        .out_stride = d_attn,
        .q_stride = stride,
        .k = kv_head(r, i_layer, 0, kv),
        .v = kv_head(r, i_layer, 1, kv),
        .kv_stride = d,
        .d = d,
        .n_heads = end - head,
        .m = to - from,
        .n = r->pass->pos + p->first + from + 1,
        .scale = (f32)(1 / __builtin_sqrt((f64)d)),
        .scratch = r->s->scores + p->i_part * r->s->scores_stride,
    };
    r->k->attention_rows(&work);
    head = end;
  }
}

/* The row where part i_part begins when rows are shared by what they cost: row i sees
 * pos + i + 1 keys, so later rows are dearer. */
static isize row_by_cost(const part *p, isize i_part) {
  isize first_keys = p->r->pass->pos + p->first + 1, sum = 0, i = 0;
  isize total = p->n * first_keys + p->n * (p->n - 1) / 2;
  while (i < p->n && sum * p->n_parts < total * i_part) sum += first_keys + i++;
  return i;
}

/* Many rows: shared by rows, and each thread quantizes its own. Few: shared by heads, and the
 * rows are quantized after a barrier. */
static void attention_step(part *p, isize i_layer) {
  const run *r = p->r;
  const f32 *attn = r->s->attn;
  isize from, to;
  if (p->n >= 4 * p->n_parts && !p->own) {
    from = row_by_cost(p, p->i_part);
    to = row_by_cost(p, p->i_part + 1);
    if (from < to) heads_attend(p, i_layer, 0, r->shape->n_heads, from, to);
  } else {
    pool_share(r->shape->n_heads, p->i_part, p->n_parts, &from, &to);
    heads_attend(p, i_layer, from, to, 0, p->n);
    pool_barrier(r->threads);
    rows_share(p, &from, &to);
  }
  r->k->rows_quantize(&p->rows.attn, attn, from, to);
  p->rows.attn.x = attn;
  rows_barrier(p);
}

static void ff_quantize_step(part *p) {
  isize from, to;
  rows_share(p, &from, &to);
  p->r->k->rows_quantize(&p->rows.ff, p->r->s->ff, from, to);
  p->rows.ff.x = p->r->s->ff;
  rows_barrier(p);
}

/* delta = o or down times its x, the input of the next norm step. */
static void delta_step(const part *p, isize i_layer, bool down) {
  const run *r = p->r;
  const model_layer *layer = &r->m->layers[i_layer];
  const k_weight *w = down ? &layer->down : &layer->o;
  const k_rows *x = down ? &p->rows.ff : &p->rows.attn;
  isize from, to;
  pool_share(k_tiles(w), p->i_part, p->n_parts, &from, &to);
  r->k->matmul(r->s->delta, w->rows, w, x, p->n, from, to);
  lora_step(p, i_layer, down ? ADAPTER_X_DOWN : ADAPTER_X_O, x);
  lora_columns(p, i_layer, down ? ADAPTER_DOWN : ADAPTER_O, r->s->delta, w->rows,
               from * K_TILE_ROWS, isize_min(to * K_TILE_ROWS, w->rows));
}

/* The same columns of gate and up, then their product, by one thread. */
static void gate_up_step(const part *p, isize i_layer) {
  const run *r = p->r;
  const model_layer *layer = &r->m->layers[i_layer];
  isize from, to, d_ff = r->shape->d_ff;
  pool_share(k_tiles(&layer->gate), p->i_part, p->n_parts, &from, &to);
  f32 *gate = r->s->ff, *up = r->s->ff + MODEL_ROWS_MAX * d_ff;
  r->k->matmul(gate, d_ff, &layer->gate, &p->rows.model, p->n, from, to);
  r->k->matmul(up, d_ff, &layer->up, &p->rows.model, p->n, from, to);
  isize c_from = from * K_TILE_ROWS, c_to = isize_min(to * K_TILE_ROWS, d_ff);
  lora_step(p, i_layer, ADAPTER_X_GATE_UP, &p->rows.model);
  lora_columns(p, i_layer, ADAPTER_GATE, gate, d_ff, c_from, c_to);
  lora_columns(p, i_layer, ADAPTER_UP, up, d_ff, c_from, c_to);
  for (isize i = 0; i < p->n && c_from < c_to; i++) {
    f32 *g = gate + i * d_ff + c_from;
    r->k->swiglu(g, g, up + i * d_ff + c_from, c_to - c_from);
  }
}

static void layer_run(part *p, isize i_layer) {
  const run *r = p->r;
  const model_layer *layer = &r->m->layers[i_layer];
  norm_step(p, layer->attn_norm, i_layer > 0);
  qkv_step(p, i_layer);
  pool_barrier(r->threads);
  if (i_layer == r->shape->n_layers - 1) { /* from here on only rows that are asked for */
    p->first = r->pass->m - r->pass->n_out_rows;
    p->n = r->pass->n_out_rows;
    if (p->n == 0) return;
  }
  attention_step(p, i_layer);
  delta_step(p, i_layer, false);
  pool_barrier(r->threads);
  norm_step(p, layer->ffn_norm, true);
  gate_up_step(p, i_layer);
  pool_barrier(r->threads);
  ff_quantize_step(p);
  delta_step(p, i_layer, true);
  pool_barrier(r->threads);
}

static model_best best_of(model_best a, model_best b) {
  return b.value > a.value || (b.value == a.value && b.token < a.token) ? b : a;
}

/* What is wanted of columns [col, col + n_cols) of row i besides the logits themselves. */
static void logits_look(const part *p, isize i, const f32 *logits, isize col, isize n_cols) {
  const run *r = p->r;
  isize at = r->k->argmax(logits, n_cols);
  model_best *best = &r->s->best[p->i_part * MODEL_ROWS_MAX + i];
  *best = best_of(*best, (model_best){logits[at], (i32)(col + at)});
  if (!r->pass->asked) return;
  r->s->sums[col / MODEL_HEAD_COLS * MODEL_ROWS_MAX + i] =
      (model_exp_sum){logits[at], log_p_exp_sum(logits, n_cols, logits[at])};
  isize asked = r->pass->asked[i] - col;
  if (0 <= asked && asked < n_cols) r->s->asked[i] = logits[asked];
}

/* The head, a chunk at a time: into the logits asked for, or only looked at. Threads share whole
 * chunks, so that a chunk's sum does not depend on how many they are. */
static void head_step(const part *p) {
  const run *r = p->r;
  const k_weight *w = &r->m->head;
  isize from, to;
  pool_share(model_head_chunks(w->rows), p->i_part, p->n_parts, &from, &to);
  model_best *best = r->s->best + p->i_part * MODEL_ROWS_MAX;
  for (isize i = 0; i < p->n; i++) best[i] = (model_best){-__builtin_inff(), 0x7FFFFFFF};
  f32 *chunk = r->s->head + p->i_part * MODEL_ROWS_MAX * MODEL_HEAD_COLS;
  for (isize i_chunk = from; i_chunk < to; i_chunk++) {
    isize tile = i_chunk * MODEL_HEAD_TILES, col = i_chunk * MODEL_HEAD_COLS;
    isize tile_to = isize_min(tile + MODEL_HEAD_TILES, k_tiles(w));
    isize n_cols = isize_min(MODEL_HEAD_COLS, w->rows - col);
    f32 *y = r->pass->logits ? r->pass->logits : chunk - col; /* matmul writes from y + col */
    isize stride = r->pass->logits ? w->rows : MODEL_HEAD_COLS;
    r->k->matmul(y, stride, w, &p->rows.model, p->n, tile, tile_to);
    for (isize i = 0; r->pass->best && i < p->n; i++) {
      logits_look(p, i, y + i * stride + col, col, n_cols);
    }
  }
}

/* log softmax at the row's best and asked tokens: the chunks' sums in one order. */
static void log_p_join(const run *r, isize i, f32 top) {
  f64 sum = 0;
  for (isize j = 0; j < model_head_chunks(r->shape->n_vocab); j++) {
    const model_exp_sum *one = &r->s->sums[j * MODEL_ROWS_MAX + i];
    sum += (f64)one->sum * math_exp((f64)one->top - (f64)top);
  }
  f64 log_sum = math_log(sum);
  r->pass->log_p_best[i] = (f32)-log_sum;
  r->pass->log_p_asked[i] = (f32)((f64)r->s->asked[i] - (f64)top - log_sum);
}

/* The parts' candidates and sums joined, after a barrier; each thread some rows. */
static void best_join(const part *p) {
  const run *r = p->r;
  isize from, to;
  pool_share(p->n, p->i_part, p->n_parts, &from, &to);
  for (isize i = from; i < to; i++) {
    model_best best = r->s->best[i];
    for (isize j = 1; j < p->n_parts; j++) {
      best = best_of(best, r->s->best[j * MODEL_ROWS_MAX + i]);
    }
    r->pass->best[i] = best.token < r->shape->n_vocab ? best.token : 0; /* all NaN: 0 */
    if (r->pass->asked) log_p_join(r, i, best.value);
  }
}

static void pass_part(void *context, isize i_part, isize n_parts) {
  const run *r = context;
  bool own = r->pass->m <= MODEL_OWN_ROWS;
  part p = {.r = r,
            .i_part = i_part,
            .n_parts = n_parts,
            .n = r->pass->m,
            .own = own,
            .rows = own ? r->s->own[i_part] : r->s->shared};
  embed_step(&p);
  for (isize i = 0; i < r->shape->n_layers; i++) layer_run(&p, i);
  if (p.n == 0) return;
  norm_step(&p, r->m->output_norm, true);
  head_step(&p);
  if (!r->pass->best) return;
  pool_barrier(r->threads);
  best_join(&p);
}

void model_pass_run(const model *m_, model_kv *kv, model_scratch *scratch, pool *threads,
                    const model_pass *pass) {
  const model_shape *shape = &m_->shape;
  ASSERT(1 <= pass->m && pass->m <= MODEL_ROWS_MAX && pass->pos >= 0);
  ASSERT(pass->pos + pass->m <= kv->ctx_tokens && pass->pos + pass->m <= scratch->ctx_tokens);
  ASSERT(0 <= pass->n_out_rows && pass->n_out_rows <= pass->m);
  ASSERT(pool_threads(threads) <= scratch->n_threads);
  ASSERT(!pass->adapter ||
         (pass->adapter->n_layers == shape->n_layers && pass->adapter->d_model == shape->d_model &&
          pass->adapter->d_ff == shape->d_ff));
  ASSERT(!pass->asked || (pass->best && pass->log_p_asked && pass->log_p_best));
  for (isize i = 0; pass->asked && i < pass->n_out_rows; i++) {
    ASSERT(0 <= pass->asked[i] && pass->asked[i] < shape->n_vocab);
  }
  for (isize i = 0; i < pass->m; i++) {
    ASSERT(0 <= pass->tokens[i] && pass->tokens[i] < shape->n_vocab);
  }
  run r = {.m = m_,
           .shape = shape,
           .k = m_->table,
           .kv = kv,
           .s = scratch,
           .threads = threads,
           .pass = pass};
  pool_run(threads, pass_part, &r);
}

void model_forward(const model *m_, model_kv *kv, model_scratch *scratch, pool *threads,
                   const i32 *tokens, isize m, isize pos, isize n_logit_rows, f32 *logits) {
  const model_pass pass = {
      .tokens = tokens, .m = m, .pos = pos, .n_out_rows = n_logit_rows, .logits = logits};
  model_pass_run(m_, kv, scratch, threads, &pass);
}
