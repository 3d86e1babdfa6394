/* Which of the possible changes are made. See rules.h. */
#include "base/utf8.h"
#include "edit/rules.h"

/* Shades of meaning that a character left out beyond need costs, and that each change costs.
 * Chosen, not fitted: few and near is better than many or far. */
constexpr f32 COST_BEYOND = 0.02f, COST_CHANGE = 0.1f;
constexpr isize BEYOND_MAX = 48; /* characters beyond need that are told apart */
constexpr isize NEED_MAX = 400;

void rules_choose_all(rule_change *changes, isize n) {
  isize at = 0;
  for (;;) {
    rule_change *best = nullptr;
    for (isize i = 0; i < n; i++) {
      rule_change *c = &changes[i];
      if (c->from < at) continue;
      bool first = best == nullptr || c->from < best->from;
      if (first || (c->from == best->from && c->to > best->to)) best = c;
    }
    if (best == nullptr) return;
    best->chosen = true;
    at = best->to;
  }
}

static void choose_plain(rule_change *changes, isize n) {
  isize at = 0;
  for (isize i = 0; i < n; i++) {
    rule_change *c = &changes[i];
    if (c->cost > RULE_COST_PLAIN || c->from < at) continue;
    c->chosen = true;
    at = c->to;
  }
}

static isize saved_by(nf_bytes text, const rule_change *c) {
  return grapheme_count(bytes_slice(text, c->from, c->to)) - grapheme_count(c->instead);
}

/* cost[i][s]: the least for which some of the first i changes leave out s characters (the last s:
 * that many and more); taken[i][s]: where change i - 1 is among them, the s before it; else -1. */
typedef struct {
  f32 *cost;
  i16 *taken;
  isize n_saved;
} table;

constexpr f32 NEVER = 1e9f;

static void table_fill(const table *t, nf_bytes text, const rule_change *changes, isize n) {
  for (isize s = 0; s < t->n_saved; s++) t->cost[s] = s == 0 ? 0 : NEVER;
  for (isize i = 1; i <= n; i++) {
    const rule_change *c = &changes[i - 1];
    f32 *row = t->cost + i * t->n_saved;
    i16 *taken = t->taken + i * t->n_saved;
    isize before = i - 1, saved = saved_by(text, c);
    while (before > 0 && changes[before - 1].to > c->from) before--;
    const f32 *from = t->cost + before * t->n_saved;
    for (isize s = 0; s < t->n_saved; s++) {
      row[s] = t->cost[(i - 1) * t->n_saved + s];
      taken[s] = -1;
    }
    for (isize s = 0; s < t->n_saved && saved > 0; s++) {
      isize to = isize_min(s + saved, t->n_saved - 1);
      f32 cost = from[s] + c->cost + COST_CHANGE;
      if (from[s] >= NEVER || cost >= row[to]) continue;
      row[to] = cost;
      taken[to] = (i16)s;
    }
  }
}

static void choose_back(const table *t, rule_change *changes, isize n, isize s) {
  for (isize i = n; i > 0;) {
    isize from = t->taken[i * t->n_saved + s];
    if (from < 0) {
      i--;
      continue;
    }
    rule_change *c = &changes[i - 1];
    c->chosen = true;
    s = from;
    i--;
    while (i > 0 && changes[i - 1].to > c->from) i--;
  }
}

bool rules_choose(nf_bytes text, isize chars_max, arena scratch, rule_change *changes, isize n) {
  if (chars_max == 0) {
    choose_plain(changes, n);
    return true;
  }
  isize need = grapheme_count(text) - chars_max;
  if (need <= 0) return true;
  if (need > NEED_MAX) return false;
  table t = {.n_saved = need + BEYOND_MAX + 1};
  t.cost = arena_new(&scratch, (n + 1) * t.n_saved, f32);
  t.taken = arena_new(&scratch, (n + 1) * t.n_saved, i16);
  if (t.cost == nullptr || t.taken == nullptr) return false;
  table_fill(&t, text, changes, n);
  isize best = -1;
  f32 least = NEVER;
  for (isize s = need; s < t.n_saved; s++) {
    f32 cost = t.cost[n * t.n_saved + s] + COST_BEYOND * (f32)(s - need);
    if (cost >= least) continue;
    least = cost;
    best = s;
  }
  if (best < 0) return false;
  choose_back(&t, changes, n, best);
  return true;
}
