/* Changes of a few words that a task may make to a caption: fillers left out, contractions, a plain
 * word for a long one. Finds them in a text, chooses among them, applies what was chosen. English
 * only, by spelling. Owns no text and no model; the tables are rules_shorten.c's, rules_tone.c's
 * and rules_plain.c's. No change holds a number, a name or a protected term. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

typedef struct {
  i32 from, to; /* bytes of the text that `instead` takes the place of */
  nf_bytes instead; /* static, of the text, or in the arena of rules_find */
  f32 cost; /* shades of meaning that go; 0: none */
  bool chosen;
} rule_change;

constexpr isize RULE_CHANGES_MAX = 64;
/* What leaves no trace: fillers. Shortening without a limit goes so far. */
constexpr f32 RULE_COST_PLAIN = 0.21f; /* two tenths, and what rounding may add */

/* Every change of the task that could be made to the text: ascending by `to`, some overlap; none is
 * chosen. At most cap of them, the first ones found, fewer where the arena is full.
 * errors NF_NO_MEMORY the arena has no room for text.len * sizeof(word) */
[[nodiscard]] nf_status rules_find(nf_task task, nf_bytes text, const nf_bytes *protect,
                                   isize n_protect, arena *a, rule_change *changes, isize cap,
                                   isize *n);
bool rules_known(nf_task task); /* the task has a table */

/* Chooses: every change that overlaps none before it, the longest of those that begin together. */
void rules_choose_all(rule_change *changes, isize n);
/* Chooses: those of least cost together after which the text has at most chars_max grapheme
 * clusters; what is left out beyond need costs, too. chars_max 0: all up to RULE_COST_PLAIN that do
 * not overlap.
 * false: nothing comes to that; then none is chosen. The same where scratch is too small.
 * source the knapsack over weighted intervals: Kleinberg & Tardos 2005, 6.1 and 6.4 */
bool rules_choose(nf_bytes text, isize chars_max, arena scratch, rule_change *changes, isize n);

/* The text with the chosen changes made, and the capitals of its sentences kept: out[cap], *len.
 * errors NF_NO_MEMORY cap or scratch is too small: as rules_find's */
[[nodiscard]] nf_status rules_apply(nf_bytes text, const rule_change *changes, isize n,
                                    arena scratch, u8 *out, isize cap, isize *len);
