/* Another way of one token a pass, for the long runs of lossless.h: the captions of 16 prompts side
 * by side, a row of each in every pass, which costs a fifth of 16 passes of one row. All prompts
 * share the cached beginning of the first. Owns the rows' tokens and their cache; what differs is
 * counted when the sixteenth caption is there or lossless_side_finish is called. No libc here. */
#pragma once
#include "edit/lossless.h"

constexpr isize SIDE_MAX = MODEL_SPANS_MAX, SIDE_OWN_MAX = 96, SIDE_TRUNK_MAX = 256;

typedef struct {
  i32 line, tokens[SIDE_TRUNK_MAX + SIDE_OWN_MAX]; /* prompt, answer, perhaps its end */
  isize n_prompt, n, n_shared, n_cached;
  bool ended;
} side_caption;

static struct {
  side_caption captions[SIDE_MAX];
  isize n, n_trunk;
  i32 trunk[SIDE_TRUNK_MAX];
  model_cache *cache;
  i32 n_differ, line; /* captions that were not equal, and the last of them */
} side;

static inline bool side_pass(lossless *l, const model_pass *wanted) {
  nf_status status;
  model_pass pass = *wanted;
  pass.adapter = l->adapter ? l->adapter->tuning.adapter : nullptr;
  while ((status = model_pass_run(l->engine->model, l->plain->pass_scratch, l->engine->threads,
                                  &pass)) == NF_PENDING) {
  }
  return status == NF_OK;
}

static inline model_span side_span(isize i, isize m, isize n_out) {
  side_caption *c = &side.captions[i];
  isize slot = SIDE_TRUNK_MAX + i * SIDE_OWN_MAX;
  return (model_span){.kv = {side.cache, c->n_shared, slot - c->n_shared},
                      .tokens = c->tokens + c->n_cached,
                      .m = m,
                      .pos = c->n_cached,
                      .n_out_rows = n_out};
}

static inline void side_differs(side_caption *c) {
  side.n_differ++;
  side.line = c->line;
  c->ended = true; /* and its row leaves the passes */
  c->n = c->n_cached + 1;
}

/* A token each of the captions that have one left; false: none has. */
static inline bool side_step(lossless *l) {
  model_span spans[SIDE_MAX];
  side_caption *of[SIDE_MAX];
  i32 best[SIDE_MAX];
  isize n = 0;
  for (isize i = 0; i < side.n; i++) {
    side_caption *c = &side.captions[i];
    if (c->n_cached == c->n - !c->ended) continue;
    of[n] = c;
    spans[n++] = side_span(i, 1, 1);
  }
  if (n == 0) return false;
  bool ran = side_pass(l, &(model_pass){.spans = spans, .n_spans = n, .best = best});
  l->passes[3]++;
  for (isize j = 0; j < n; j++) {
    side_caption *c = of[j];
    isize at = ++c->n_cached;
    bool same =
        ran && (at == c->n ? text_is_end(l->engine->vocab, best[j]) : best[j] == c->tokens[at]);
    if (!same) {
      side_differs(c);
      c->n_cached = c->n;
    }
  }
  return true;
}

/* Compares the captions that still wait. */
static inline void lossless_side_finish(lossless *l) {
  for (isize i = 0; i < side.n; i++) { /* the prompts, but for their last token */
    side_caption *c = &side.captions[i];
    isize m = c->n_prompt - 1 - c->n_cached;
    if (m == 0) continue;
    const model_span span = side_span(i, m, 0);
    if (!side_pass(l, &(model_pass){.spans = &span, .n_spans = 1})) side_differs(c);
    c->n_cached += m;
  }
  while (side_step(l)) {
  }
  side.n = 0;
}

static inline bool side_trunk_run(lossless *l, const i32 *prompt, isize n_prompt) {
  if (n_prompt > SIDE_TRUNK_MAX) return false;
  side.n_trunk = n_prompt;
  bytes_copy(side.trunk, prompt, n_prompt * (isize)sizeof(i32));
  for (isize at = 0; at < n_prompt; at += MODEL_ROWS_MAX) {
    const model_span span = {.kv = {.cache = side.cache},
                             .tokens = side.trunk + at,
                             .m = isize_min(MODEL_ROWS_MAX, n_prompt - at),
                             .pos = at};
    if (!side_pass(l, &(model_pass){.spans = &span, .n_spans = 1})) return false;
  }
  return true;
}

/* For lossless.compare: true until the sixteenth is there, and then too; see side.n_differ. */
static inline bool side_compare(lossless *l, i32 line, const i32 *prompt, isize n_prompt,
                                const i32 *tokens, isize n, bool ended) {
  /* the first prompt is what the others share the beginning of */
  if (side.n_trunk == 0 && !side_trunk_run(l, prompt, n_prompt)) return false;
  isize shared = session_tokens_common(side.trunk, side.n_trunk, prompt, n_prompt - 1);
  bool fits = n_prompt + n <= SIDE_TRUNK_MAX + SIDE_OWN_MAX &&
              n_prompt + n + 1 - shared <= SIDE_OWN_MAX && n_prompt - shared <= MODEL_ROWS_MAX;
  if (!fits) return lossless_same(l, prompt, n_prompt, tokens, n, ended, 0, 0);
  side_caption *c = &side.captions[side.n++];
  *c = (side_caption){.line = line,
                      .n_prompt = n_prompt,
                      .n = n_prompt + n,
                      .n_shared = shared,
                      .n_cached = shared,
                      .ended = ended};
  bytes_copy(c->tokens, prompt, n_prompt * (isize)sizeof(i32));
  bytes_copy(c->tokens + n_prompt, tokens, n * (isize)sizeof(i32));
  if (side.n == SIDE_MAX) lossless_side_finish(l);
  return true;
}

static inline isize lossless_side_bytes(const lossless *l) {
  return model_cache_bytes(l->engine->model, SIDE_TRUNK_MAX + SIDE_MAX * SIDE_OWN_MAX);
}

/* From now on captions are compared this way. block: lossless_side_bytes. */
static inline nf_status lossless_side_open(lossless *l, void *block) {
  arena a = arena_of(block, lossless_side_bytes(l));
  side.n = side.n_trunk = 0;
  side.n_differ = 0;
  l->compare = side_compare;
  return model_cache_open(l->engine->model, SIDE_TRUNK_MAX + SIDE_MAX * SIDE_OWN_MAX, &a,
                          &side.cache);
}
