/* The recipe of one pass on the CPU: a list of steps with a barrier between them, run by every
 * thread of the pool at once. Each step splits its own work: rows for norms and quantizing (few
 * rows: every thread does all, 5 barriers a layer instead of 8), weight tiles for products, rows
 * or heads for attention. All arithmetic is in kernel/.
 * Every value is computed whole by one thread in an order that depends on neither the number
 * of rows nor of threads: that is what makes passes of any size agree bit for bit.
 * A pass may come in pieces: only the residual stream and what the next norm adds to it go from
 * one to the next, and both lie in the scratch.
 * Owns nothing; writes the scratch, the KV caches and the results asked for. Read next:
 * head_cpu.c (the head), pass.c (how rows are ordered). */
#include "model/forward_cpu.h"

#include "base/math.h"

static f32 *kv_head(const model_cache *cache, isize i_layer, isize k_or_v, isize i_head) {
  isize plane = (i_layer * 2 + k_or_v) * cache->n_kv_heads + i_head;
  return cache->at + plane * cache->n_slots * cache->d_head;
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
    k_weight_row(&r->m->embed, r->plan->tokens[i], p->rows.x + i * r->shape->d_model);
    f32 *cos_sin = p->rows.cos_sin + i * d_rope;
    for (isize j = 0; j < d_rope; j += 2) {
      f64 sin_x, cos_x;
      math_sincos((f64)r->plan->pos[i] * r->m->rope_step[j / 2], &sin_x, &cos_x);
      cos_sin[j] = (f32)cos_x;
      cos_sin[j + 1] = (f32)sin_x;
    }
  }
}

/* Where the rows' A x lie: of few rows each thread has its own. */
static f32 *lora_h(const part *p) {
  return p->r->s->lora + (p->own ? p->i_part : 0) * MODEL_ROWS_MAX * ADAPTER_STACK_MAX;
}

/* h = scale A x of every pair that reads x, for rows [from, to), by the thread that quantized
 * them: the barrier that others need before they read x serves h as well. */
static void lora_rows(const part *p, isize i_layer, adapter_stack_of stack, const k_rows *x,
                      isize from, isize to) {
  const run *r = p->r;
  if (!r->plan->adapter || from >= to) return;
  const adapter_layer *layer = &r->plan->adapter->layers[i_layer];
  const k_weight *a = &layer->a[stack];
  if (a->rows == 0) return;
  k_rows view = *x;
  view.first = from;
  f32 *h = lora_h(p) + from * ADAPTER_STACK_MAX;
  r->k->matmul(h, ADAPTER_STACK_MAX, a, &view, to - from, 0, k_tiles(a));
  for (i32 i = 0; i < ADAPTER_PAIRS; i++) {
    const adapter_pair *pair = &layer->pairs[i];
    if (adapter_parts[i].stack != stack || pair->scale == 1) continue;
    for (isize row = 0; row < to - from; row++) {
      f32 *at = h + row * ADAPTER_STACK_MAX + pair->a_row;
      for (isize j = 0; j < pair->rank; j++) at[j] *= pair->scale;
    }
  }
}

/* x += delta (unless this is the first norm of the pass); quantized norm(x) -> rows.model; and A x
 * for the stack that reads it (ADAPTER_STACKS: none does). */
static void norm_step(part *p, isize i_layer, adapter_stack_of stack, const f32 *weight,
                      bool add_delta) {
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
  if (stack < ADAPTER_STACKS) lora_rows(p, i_layer, stack, &p->rows.model, from, to);
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

/* Columns [from, to) of k or v [m][stride] into the rows' caches. */
static void kv_append(const part *p, isize i_layer, isize k_or_v, const f32 *x, isize stride,
                      isize from, isize to) {
  const run *r = p->r;
  isize d_head = r->shape->d_head;
  for (isize col = from; col < to;) {
    isize in_head = col % d_head, end = isize_min(to, col - in_head + d_head);
    for (isize j = 0; j < r->plan->n_segments; j++) {
      const model_segment *g = &r->plan->segments[j];
      f32 *cache = kv_head(g->kv.cache, i_layer, k_or_v, col / d_head) +
                   (g->pos + g->kv.gap) * d_head + in_head;
      for (isize i = 0; i < g->n; i++) {
        bytes_copy(cache + i * d_head, x + (g->first + i) * stride + col,
                   (end - col) * (isize)sizeof(f32));
      }
    }
    col = end;
  }
}

/* Columns [from, to) of y[n][stride] += B h, by the thread that computed them. */
static void lora_columns(const part *p, isize i_layer, adapter_pair_of which, f32 *y, isize stride,
                         isize from, isize to) {
  const run *r = p->r;
  if (!r->plan->adapter || from >= to) return;
  const adapter_pair *pair = &r->plan->adapter->layers[i_layer].pairs[which];
  if (pair->rank == 0) return;
  constexpr isize half = (isize)sizeof(u16);
  const k_lora work = {
      .y = y + from,
      .y_stride = stride,
      .h = lora_h(p) + pair->a_row,
      .h_stride = ADAPTER_STACK_MAX,
      .b = pair->b + from * half,
      .b_stride_bytes = pair->d_out * half,
      .m = p->n,
      .rank = pair->rank,
      .n = to - from,
  };
  r->k->lora_add(&work);
}

/* q, k, v of the rows: tiles of the three matrices in one row of work. Whoever computed columns
 * of q or k also rotates them (a tile holds whole pairs); k and v go to the cache. */
static void qkv_step(const part *p, isize i_layer) {
  const run *r = p->r;
  const model_layer *layer = &r->m->layers[i_layer];
  const k_weight *weights[3] = {&layer->q, &layer->k, &layer->v};
  isize stride = layer->q.rows + 2 * layer->k.rows, from, to, base = 0, col = 0;
  pool_share(k_tiles(&layer->q) + 2 * k_tiles(&layer->k), p->i_part, p->n_parts, &from, &to);
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

/* Query heads [head_from, head_to) of rows [from, to) of one segment, kv head by kv head. */
static void segment_attend(const part *p, const model_segment *g, isize i_layer, isize head_from,
                           isize head_to, isize from, isize to) {
  const run *r = p->r;
  const model_shape *shape = r->shape;
  isize d = shape->d_head, group = shape->n_heads / shape->n_kv_heads;
  isize d_attn = shape->n_heads * d, stride = d_attn + 2 * shape->n_kv_heads * d;
  for (isize head = head_from; head < head_to;) {
    isize kv = head / group, end = isize_min(head_to, (kv + 1) * group);
    const k_attention work = {
        .out = r->s->attn + (from - p->first) * d_attn + head * d,
        .q = r->s->qkv + from * stride + head * d,
        .out_stride = d_attn,
        .q_stride = stride,
        .k = kv_head(g->kv.cache, i_layer, 0, kv),
        .v = kv_head(g->kv.cache, i_layer, 1, kv),
        .kv_stride = d,
        .n_shared = g->kv.n_shared,
        .gap = g->kv.gap,
        .d = d,
        .n_heads = end - head,
        .m = to - from,
        .n = g->pos + from - g->first + 1,
        .scale = (f32)(1 / __builtin_sqrt((f64)d)),
        .scratch = r->s->scores + p->i_part * r->s->scores_stride,
    };
    r->k->attention_rows(&work);
    head = end;
  }
}

/* The same of rows [from, to) of those computed, whichever timelines they are of. */
static void heads_attend(const part *p, isize i_layer, isize head_from, isize head_to, isize from,
                         isize to) {
  const model_plan *plan = p->r->plan;
  for (isize i = 0; i < plan->n_segments; i++) {
    const model_segment *g = &plan->segments[i];
    isize g_from = isize_max(g->first, p->first + from);
    isize g_to = isize_min(g->first + g->n, p->first + to);
    if (g_from < g_to) segment_attend(p, g, i_layer, head_from, head_to, g_from, g_to);
  }
}

/* The row where part i_part begins when rows are shared by what they cost: the keys they see. */
static isize row_by_cost(const part *p, isize i_part) {
  const isize *before = p->r->plan->keys_before + p->first;
  isize i = 0;
  while (i < p->n && (before[i] - before[0]) * p->n_parts < (before[p->n] - before[0]) * i_part) {
    i++;
  }
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
  lora_rows(p, i_layer, ADAPTER_X_O, &p->rows.attn, from, to);
  rows_barrier(p);
}

static void ff_quantize_step(part *p, isize i_layer) {
  isize from, to;
  rows_share(p, &from, &to);
  p->r->k->rows_quantize(&p->rows.ff, p->r->s->ff, from, to);
  p->rows.ff.x = p->r->s->ff;
  lora_rows(p, i_layer, ADAPTER_X_DOWN, &p->rows.ff, from, to);
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
  lora_columns(p, i_layer, ADAPTER_GATE, gate, d_ff, c_from, c_to);
  lora_columns(p, i_layer, ADAPTER_UP, up, d_ff, c_from, c_to);
  for (isize i = 0; i < p->n && c_from < c_to; i++) {
    f32 *g = gate + i * d_ff + c_from;
    r->k->swiglu(g, g, up + i * d_ff + c_from, c_to - c_from);
  }
}

static void part_to_out_rows(part *p) {
  p->first = p->r->plan->n_quiet;
  p->n = p->r->plan->n_rows - p->first;
}

static void layer_run(part *p, isize i_layer) {
  const run *r = p->r;
  const model_layer *layer = &r->m->layers[i_layer];
  norm_step(p, i_layer, ADAPTER_X_QKV, layer->attn_norm, i_layer > 0);
  qkv_step(p, i_layer);
  pool_barrier(r->threads);
  if (i_layer == r->shape->n_layers - 1) { /* from here on only rows that are asked for */
    part_to_out_rows(p);
    if (p->n == 0) return;
  }
  attention_step(p, i_layer);
  delta_step(p, i_layer, false);
  pool_barrier(r->threads);
  norm_step(p, i_layer, ADAPTER_X_GATE_UP, layer->ffn_norm, true);
  gate_up_step(p, i_layer);
  pool_barrier(r->threads);
  ff_quantize_step(p, i_layer);
  delta_step(p, i_layer, true);
  pool_barrier(r->threads);
}

static void piece_part(void *context, isize i_part, isize n_parts) {
  const run *r = context;
  bool own = r->plan->n_rows <= MODEL_OWN_ROWS;
  part p = {.r = r,
            .i_part = i_part,
            .n_parts = n_parts,
            .n = r->plan->n_rows,
            .own = own,
            .rows = own ? r->s->own[i_part] : r->s->shared};
  if (r->plan->i_layer == 0) embed_step(&p);
  for (isize i = r->plan->i_layer; i < r->layer_to; i++) layer_run(&p, i);
  if (r->chunk_from == r->chunk_to) return;
  part_to_out_rows(&p);
  if (r->chunk_from == 0) {
    norm_step(&p, r->shape->n_layers, ADAPTER_STACKS, r->m->output_norm, true);
  } else {
    p.rows.model.x = p.rows.norm; /* of the piece before */
  }
  head_chunks(&p);
  if (r->chunk_to == model_head_chunks(r->m->head.rows)) head_join(&p);
}

/* Multiply-adds of one row in a layer. */
static i64 layer_products(const model_shape *shape) {
  i64 d_attn = (i64)shape->n_heads * shape->d_head, d_kv = (i64)shape->n_kv_heads * shape->d_head;
  return (i64)shape->d_model * (2 * d_attn + 2 * d_kv + 3 * shape->d_ff);
}

/* How far the next piece goes: at least a layer or a chunk. */
static void piece_set(run *r) {
  const model_shape *shape = r->shape;
  const model_plan *plan = r->plan;
  i64 left = r->s->piece_products * pool_threads(r->threads);
  i64 layer = plan->n_rows * layer_products(shape) + /* and attention: q k and p v */
              2 * plan->keys_before[plan->n_rows] * shape->n_heads * shape->d_head;
  i64 chunk = (i64)(plan->n_rows - plan->n_quiet) * shape->d_model * MODEL_HEAD_COLS;
  i64 n = plan->i_layer < shape->n_layers ? (left + layer - 1) / layer : 0;
  r->layer_to = plan->i_layer +
                (isize)(n < shape->n_layers - plan->i_layer ? n : shape->n_layers - plan->i_layer);
  left -= (r->layer_to - plan->i_layer) * layer;
  r->chunk_from = r->chunk_to = plan->i_chunk;
  if (r->layer_to < shape->n_layers || chunk == 0 || left <= 0) return;
  n = (left + chunk - 1) / chunk;
  isize rest = model_head_chunks(shape->n_vocab) - plan->i_chunk;
  r->chunk_to += n < rest ? (isize)n : rest;
}

nf_status cpu_pass_run(const model *m, model_scratch *s, pool *threads) {
  model_plan *plan = &s->plan;
  run r = {.m = m, .shape = &m->shape, .k = m->table, .s = s, .plan = plan, .threads = threads};
  piece_set(&r);
  pool_run(threads, piece_part, &r);
  plan->i_layer = r.layer_to;
  plan->i_chunk = r.chunk_to;
  bool quiet = plan->n_rows == plan->n_quiet;
  isize chunks = quiet ? 0 : model_head_chunks(m->shape.n_vocab);
  return plan->i_layer == m->shape.n_layers && plan->i_chunk == chunks ? NF_OK : NF_PENDING;
}
