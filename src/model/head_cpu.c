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
  head_chunk c = {.col = col, .n_cols = isize_min(MODEL_HEAD_COLS, r->m->head.rows - col)};
  if (r->pass->logits) {
    c.y = r->pass->logits;
    c.stride = r->m->head.rows;
  } else {
    c.y = r->s->head + p->i_part * MODEL_ROWS_MAX * MODEL_HEAD_COLS - col;
    c.stride = MODEL_HEAD_COLS;
  }
  return c;
}

static void chunk_run(const part *p, isize i_chunk, const head_chunk *c) {
  const k_weight *w = &p->r->m->head;
  isize tile = i_chunk * MODEL_HEAD_TILES;
  p->r->k->matmul(c->y, c->stride, w, &p->rows.model, p->n, tile,
                  isize_min(tile + MODEL_HEAD_TILES, k_tiles(w)));
}

/* What is wanted of one row of a chunk besides the logits themselves. */
static void logits_look(const part *p, isize i, isize i_chunk, const f32 *logits,
                        const head_chunk *c) {
  const run *r = p->r;
  isize at = r->k->argmax(logits, c->n_cols);
  model_best *best = &r->s->best[p->i_part * MODEL_ROWS_MAX + i];
  *best = best_of(*best, (model_best){logits[at], (i32)(c->col + at)});
  if (!r->pass->log_p_best && !r->pass->asked && !r->pass->choice) return;
  r->s->sums[i_chunk * MODEL_ROWS_MAX + i] =
      (model_exp_sum){logits[at], log_p_exp_sum(logits, c->n_cols, logits[at])};
  isize asked = r->pass->asked ? r->pass->asked[i] - c->col : -1;
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
    for (isize i = 0; r->pass->best && i < p->n; i++) {
      logits_look(p, i, i_chunk, c.y + i * c.stride + c.col, &c);
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
  if (r->pass->log_p_best) r->pass->log_p_best[i] = (f32)-log_sum;
  if (r->pass->asked) {
    r->pass->log_p_asked[i] = (f32)((f64)r->s->asked[i] - (f64)top - log_sum);
  }
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
    r->pass->best[i] = best.token < r->shape->n_vocab ? best.token : 0; /* all NaN: 0 */
    if (r->pass->asked || r->pass->log_p_best) log_p_join(r, i, best.value);
  }
}

/* The least logit that may be drawn. */
static f32 least_of(const part *p, isize i) {
  const model_choice *how = p->r->pass->choice;
  return p->r->s->best[i].value + how->temperature * (f32)math_log((f64)how->min_p);
}

static void logits_draw(const part *p, isize i, const f32 *logits, const head_chunk *c) {
  const run *r = p->r;
  isize at = p->i_part * MODEL_ROWS_MAX + i;
  f32 least = least_of(p, i);
  u32 pos = (u32)r->plan->pos[r->plan->n_quiet + i] + 1; /* the token's own */
  for (isize t = 0; t < c->n_cols; t++) {
    if (!(logits[t] >= least)) continue;
    i32 token = (i32)(c->col + t);
    f32 noise = pick_gumbel(pick_hash(r->plan->seeds[i], pos, (u32)token));
    model_best one = {logits[t] / r->pass->choice->temperature + noise, token};
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
    bool there = r->pass->logits != nullptr;
    for (isize i = 0; i < p->n; i++) {
      if (!(sums[i].top >= least_of(p, i))) continue;
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
    isize at = i;
    for (isize j = i + MODEL_ROWS_MAX; j < p->n_parts * MODEL_ROWS_MAX; j += MODEL_ROWS_MAX) {
      model_best better = best_of(r->s->drawn[at], r->s->drawn[j]);
      if (better.token != r->s->drawn[at].token) at = j;
    }
    i32 token = r->s->drawn[at].token;
    if (token >= r->shape->n_vocab) continue; /* all NaN */
    r->pass->best[i] = token;
    if (!r->pass->log_p_best) continue;
    f64 below = (f64)r->s->chosen[at] - (f64)r->s->best[i].value;
    r->pass->log_p_best[i] = (f32)(below + (f64)r->pass->log_p_best[i]);
  }
}

void head_join(const part *p) {
  if (!p->r->pass->best) return;
  pool_barrier(p->r->threads);
  best_join(p);
  if (!p->r->pass->choice) return;
  pool_barrier(p->r->threads);
  draw_step(p);
  pool_barrier(p->r->threads);
  draw_join(p);
}
