/* Choosing a token from a row of logits. Knows nothing of timelines. Works on candidates sorted
 * only as far as needed: a heap gives the largest one by one, so a filter that keeps few costs
 * one pass over the vocabulary. Read next: session.h for order and definitions. */
#include "base/math.h"
#include "session/session.h"

typedef struct {
  f32 logit;
  i32 token;
} candidate;

/* splitmix64: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators". */
session_rng session_rng_of(u64 seed) { return (session_rng){.state = seed}; }

static u64 rng_next(session_rng *rng) {
  u64 z = rng->state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

f64 session_rng_unit(session_rng *rng) { return (f64)(rng_next(rng) >> 11) * 0x1p-53; }

static bool within(f32 x, f32 low, f32 high) { return x >= low && x <= high; } /* NaN: false */

bool sampler_valid(const nf_sampling *how) {
  return within(how->temperature, 0, 100) && how->top_k >= 0 && within(how->top_p, 0, 1) &&
         within(how->min_p, 0, 1) &&
         (how->repeat_penalty == 0 || within(how->repeat_penalty, 0.01f, 100)) &&
         within(how->presence_penalty, -100, 100) && within(how->frequency_penalty, -100, 100);
}

static bool penalizes(const nf_sampling *how) {
  bool repeat = how->repeat_penalty != 0 && how->repeat_penalty != 1;
  return repeat || how->presence_penalty != 0 || how->frequency_penalty != 0;
}

bool sampler_greedy(const nf_sampling *how) {
  return (how->temperature == 0 || how->top_k == 1) && !penalizes(how);
}

isize sampler_scratch_bytes(isize n_vocab) { return n_vocab * (isize)sizeof(candidate); }

/* counts[n_vocab] need not be cleared: only entries that history names are used. */
static void penalties_apply(f32 *logits, const nf_sampling *how, const i32 *history,
                            isize n_history, i32 *counts) {
  f32 repeat = how->repeat_penalty == 0 ? 1 : how->repeat_penalty;
  if (!penalizes(how)) return;
  for (isize i = 0; i < n_history; i++) counts[history[i]] = 0;
  for (isize i = 0; i < n_history; i++) counts[history[i]]++;
  for (isize i = 0; i < n_history; i++) {
    i32 token = history[i];
    if (counts[token] == 0) continue; /* done at an earlier place */
    f32 logit = logits[token] > 0 ? logits[token] / repeat : logits[token] * repeat;
    logits[token] = logit - how->presence_penalty - (f32)counts[token] * how->frequency_penalty;
    counts[token] = 0;
  }
}

static i32 argmax(const f32 *logits, isize n) {
  isize best = 0;
  f32 value = -__builtin_inff();
  for (isize i = 0; i < n; i++) {
    if (logits[i] > value) best = i, value = logits[i];
  }
  return (i32)best;
}

/* ---- a heap with the largest logit (lowest id of equals) on top ---- */
static bool before(candidate a, candidate b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

static void heap_sink(candidate *heap, isize n, isize at) {
  candidate moved = heap[at];
  for (isize child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && before(heap[child + 1], heap[child])) child++;
    if (!before(heap[child], moved)) break;
    heap[at] = heap[child];
  }
  heap[at] = moved;
}

static void heap_make(candidate *heap, isize n) {
  for (isize i = n / 2; i-- > 0;) heap_sink(heap, n, i);
}

/* The largest goes to heap[n - 1]; the heap is one shorter. */
static void heap_pop(candidate *heap, isize n) {
  candidate top = heap[0];
  heap[0] = heap[n - 1];
  heap[n - 1] = top;
  heap_sink(heap, n - 1, 0);
}

static f64 weight_of(candidate c, f32 max, f64 temperature) {
  return math_exp(((f64)c.logit - (f64)max) / temperature);
}

/* Keep the k first of all[n]: they end at all + n, the first one last. Returns how many. */
static isize first_k(candidate *all, isize n, isize k) {
  k = isize_min(k, n);
  heap_make(all, n);
  for (isize i = 0; i < k; i++) heap_pop(all, n - i);
  return k;
}

/* Drop what is less likely than min_p times the likeliest. Order is kept. */
static isize min_p_keep(candidate *all, isize n, f32 max, f32 min_p) {
  isize kept = 0;
  for (isize i = 0; i < n; i++) {
    if (weight_of(all[i], max, 1) >= (f64)min_p) all[kept++] = all[i];
  }
  return kept;
}

/* The smallest number of first candidates whose probabilities sum up to top_p; they end at
 * all + n. */
static isize top_p_keep(candidate *all, isize n, f32 max, f32 top_p) {
  f64 total = 0, sum = 0;
  for (isize i = 0; i < n; i++) total += weight_of(all[i], max, 1);
  heap_make(all, n);
  isize kept = 0;
  while (kept < n && (kept == 0 || sum < (f64)top_p * total)) {
    heap_pop(all, n - kept);
    kept++;
    sum += weight_of(all[n - kept], max, 1);
  }
  return kept;
}

static i32 draw(const candidate *all, isize n, f32 max, f64 temperature, session_rng *rng) {
  f64 total = 0, sum = 0;
  for (isize i = 0; i < n; i++) total += weight_of(all[i], max, temperature);
  f64 at = session_rng_unit(rng) * total;
  for (isize i = 0; i < n; i++) {
    sum += weight_of(all[i], max, temperature);
    if (at < sum) return all[i].token;
  }
  return all[n - 1].token; /* rounding */
}

i32 sampler_choose(f32 *logits, isize n_vocab, const nf_sampling *how, const i32 *history,
                   isize n_history, session_rng *rng, void *scratch) {
  ASSERT(n_vocab >= 1 && sampler_valid(how));
  penalties_apply(logits, how, history, n_history, scratch);
  i32 best = argmax(logits, n_vocab);
  f32 max = logits[best];
  bool finite = max - max == 0; /* not so: nothing to compare with */
  if (how->temperature == 0 || how->top_k == 1 || !finite) return best;
  candidate *all = scratch;
  isize n = 0;
  for (isize i = 0; i < n_vocab; i++) {
    if (logits[i] > -__builtin_inff()) all[n++] = (candidate){logits[i], (i32)i};
  }
  if (how->top_k > 0 && how->top_k < n) {
    isize kept = first_k(all, n, how->top_k);
    all += n - kept;
    n = kept;
  }
  if (how->min_p > 0) n = min_p_keep(all, n, max, how->min_p);
  if (how->top_p > 0 && how->top_p < 1) {
    isize kept = top_p_keep(all, n, max, how->top_p);
    all += n - kept;
    n = kept;
  }
  return draw(all, n, max, (f64)how->temperature, rng);
}
