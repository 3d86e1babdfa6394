/* The head of a pass on the CPU, a chunk of the vocabulary at a time: the largest logit of a row,
 * log-probabilities and draws without ever holding a row of logits. See forward_cpu.h.
 * Threads share whole chunks, so that a chunk's sum does not depend on how many they are. */
#include "base/math.h"
#include "model/forward_cpu.h"
#include "model/log_p.h"
#include "model/pick.h"

constexpr model_best NOTHING = {-__builtin_inff(), 0x7FFFFFFF};

static model_best best_of(model_best a, model_best b) {
  return b.value > a.value || (b.value == a.value && b.token < a.token) ? b : a;
}

/* One chunk's logits of all rows: y[row * stride + column of the vocabulary]. */
typedef struct {
  f32 *y;
  isize stride, col, n_cols;
} head_chunk;

static head_chunk chunk_of(const part *p, isize i_chunk) {
  const run *r = p->r;
  isize col = i_chunk * MODEL_HEAD_COLS;
  return (head_chunk){.y = r->s->head + p->i_part * MODEL_ROWS_MAX * MODEL_HEAD_COLS - col,
                      .stride = MODEL_HEAD_COLS,
                      .col = col,
                      .n_cols = isize_min(MODEL_HEAD_COLS, r->m->head.rows - col)};
}

static void chunk_run(const part *p, isize i_chunk, const head_chunk *c) {
  const k_weight *w = &p->r->m->head;
  isize tile = i_chunk * MODEL_HEAD_TILES;
  p->r->k->matmul(c->y, c->stride, w, &p->rows.model, p->n, tile,
                  isize_min(tile + MODEL_HEAD_TILES, k_tiles(w)));
}

/* What is wanted of one row of a chunk. */
static void logits_look(const part *p, isize i, isize i_chunk, const f32 *logits,
                        const head_chunk *c) {
  const run *r = p->r;
  const model_out *out = &r->plan->outs[i];
  if (out->logits) bytes_copy(out->logits + c->col, logits, c->n_cols * (isize)sizeof(f32));
  if (!out->best) return;
  isize at = r->k->argmax(logits, c->n_cols);
  model_best *best = &r->s->best[p->i_part * MODEL_ROWS_MAX + i];
  *best = best_of(*best, (model_best){logits[at], (i32)(c->col + at)});
  if (!out->log_p_best && !out->log_p_asked && out->temperature == 0) return;
  r->s->sums[i_chunk * MODEL_ROWS_MAX + i] =
      (model_exp_sum){logits[at], log_p_exp_sum(logits, c->n_cols, logits[at])};
  isize asked = out->asked - c->col;
  if (0 <= asked && asked < c->n_cols) r->s->asked[i] = logits[asked];
}

void head_chunks(const part *p) {
  const run *r = p->r;
  isize from, to;
  model_best *best = r->s->best + p->i_part * MODEL_ROWS_MAX;
  for (isize i = 0; i < p->n && r->chunk_from == 0; i++) best[i] = NOTHING;
  pool_share(r->chunk_to - r->chunk_from, p->i_part, p->n_parts, &from, &to);
  for (isize i_chunk = r->chunk_from + from; i_chunk < r->chunk_from + to; i_chunk++) {
    head_chunk c = chunk_of(p, i_chunk);
    chunk_run(p, i_chunk, &c);
    for (isize i = 0; i < p->n; i++) {
      logits_look(p, i, i_chunk, c.y + i * c.stride + c.col, &c);
    }
  }
}

/* log softmax at the row's best and asked tokens: the chunks' sums in one order. */
static void log_p_join(const run *r, isize i, f32 top) {
  const model_out *out = &r->plan->outs[i];
  f64 sum = 0;
  for (isize j = 0; j < model_head_chunks(r->shape->n_vocab); j++) {
    const model_exp_sum *one = &r->s->sums[j * MODEL_ROWS_MAX + i];
    sum += (f64)one->sum * math_exp((f64)one->top - (f64)top);
  }
  f64 log_sum = math_log(sum);
  if (out->log_p_best) *out->log_p_best = (f32)-log_sum;
  if (out->log_p_asked) *out->log_p_asked = (f32)((f64)r->s->asked[i] - (f64)top - log_sum);
}

/* The parts' candidates and sums joined; each thread some rows. Part 0's candidate becomes the
 * row's. */
static void best_join(const part *p) {
  const run *r = p->r;
  isize from, to;
  pool_share(p->n, p->i_part, p->n_parts, &from, &to);
  for (isize i = from; i < to; i++) {
    model_best best = r->s->best[i];
    for (isize j = 1; j < p->n_parts; j++) {
      best = best_of(best, r->s->best[j * MODEL_ROWS_MAX + i]);
    }
    r->s->best[i] = best;
    const model_out *out = &r->plan->outs[i];
    if (out->best) *out->best = best.token < r->shape->n_vocab ? best.token : 0; /* all NaN: 0 */
    if (out->log_p_asked || out->log_p_best) log_p_join(r, i, best.value);
  }
}

/* The least logit that may be drawn. */
static f32 least_of(const part *p, isize i) {
  const model_out *out = &p->r->plan->outs[i];
  return p->r->s->best[i].value + out->temperature * (f32)math_log((f64)out->min_p);
}

static void logits_draw(const part *p, isize i, const f32 *logits, const head_chunk *c) {
  const run *r = p->r;
  isize at = p->i_part * MODEL_ROWS_MAX + i;
  f32 least = least_of(p, i);
  u32 pos = (u32)r->plan->pos[r->plan->n_quiet + i] + 1; /* the token's own */
  for (isize t = 0; t < c->n_cols; t++) {
    if (!(logits[t] >= least)) continue;
    i32 token = (i32)(c->col + t);
    f32 noise = pick_gumbel(pick_hash(r->plan->outs[i].seed, pos, (u32)token));
    model_best one = {logits[t] / r->plan->outs[i].temperature + noise, token};
    if (best_of(r->s->drawn[at], one).token != token) continue;
    r->s->drawn[at] = one;
    r->s->chosen[at] = logits[t];
  }
}

/* A second look at the few chunks with a logit that may be drawn: which they are is known only
 * once the largest of all is. A product computed again gives the same bits. */
static void draw_step(const part *p) {
  const run *r = p->r;
  isize from, to;
  pool_share(model_head_chunks(r->m->head.rows), p->i_part, p->n_parts, &from, &to);
  for (isize i = 0; i < p->n; i++) r->s->drawn[p->i_part * MODEL_ROWS_MAX + i] = NOTHING;
  for (isize i_chunk = from; i_chunk < to; i_chunk++) {
    const model_exp_sum *sums = r->s->sums + i_chunk * MODEL_ROWS_MAX;
    head_chunk c = chunk_of(p, i_chunk);
    bool there = false;
    for (isize i = 0; i < p->n; i++) {
      if (r->plan->outs[i].temperature == 0 || !(sums[i].top >= least_of(p, i))) continue;
      if (!there) chunk_run(p, i_chunk, &c);
      there = true;
      logits_draw(p, i, c.y + i * c.stride + c.col, &c);
    }
  }
}

static void draw_join(const part *p) {
  const run *r = p->r;
  isize from, to;
  pool_share(p->n, p->i_part, p->n_parts, &from, &to);
  for (isize i = from; i < to; i++) {
    const model_out *out = &r->plan->outs[i];
    if (out->temperature == 0) continue;
    isize at = i;
    for (isize j = i + MODEL_ROWS_MAX; j < p->n_parts * MODEL_ROWS_MAX; j += MODEL_ROWS_MAX) {
      model_best better = best_of(r->s->drawn[at], r->s->drawn[j]);
      if (better.token != r->s->drawn[at].token) at = j;
    }
    i32 token = r->s->drawn[at].token;
    if (token >= r->shape->n_vocab) continue; /* all NaN */
    *out->best = token;
    if (!out->log_p_best) continue;
    f64 below = (f64)r->s->chosen[at] - (f64)r->s->best[i].value;
    *out->log_p_best = (f32)(below + (f64)*out->log_p_best);
  }
}

void head_join(const part *p) {
  if (!p->r->plan->looks) return;
  pool_barrier(p->r->threads);
  best_join(p);
  if (!p->r->plan->draws) return;
  pool_barrier(p->r->threads);
  draw_step(p);
  pool_barrier(p->r->threads);
  draw_join(p);
}
