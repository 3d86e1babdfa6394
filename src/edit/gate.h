/* The gate: how much likelier than the unchanged caption an answer must be, by the kinds of its
 * changes. A comma and another word are not alike: an added word is often a matter of taste, a
 * misspelt one never. Owns the kinds and the comparison; knows no model and no task. The values
 * come from the task's row or, fitted (model/train/choose.py), with an adapter. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

typedef enum : u8 {
  GATE_MARKS,    /* no letter changed: marks, blanks, apostrophes, capitals */
  GATE_ENDS, /* of those, a capital in front or a mark behind: a cue may go on in the next one */
  GATE_SMALL, /* one small word for another: "a", "an"; "was", "were" */
  GATE_FORM, /* the same word spelt or inflected otherwise */
  GATE_ADDED, /* words put in */
  GATE_LEFT_OUT, /* words left out */
  GATE_OTHER, /* other words */
} gate_kind;
constexpr isize GATE_KINDS = NF_GATE_KINDS;

/* An answer is given if log P(answer) - log P(caption) is over the gate, in nats: `whole`, or by
 * kind that of each change that it makes. */
typedef struct {
  bool by_kind;
  f32 whole, kinds[GATE_KINDS];
} edit_gate;

/* Of one of words_diff's changes of `before`. */
gate_kind gate_kind_of(nf_bytes before, const nf_change *change);
const char *gate_kind_name(gate_kind kind);

/* What an answer has to be over, and the kinds of its changes. */
typedef struct {
  f32 nats;
  u32 kinds; /* bit k: kind k */
  const char *unsure; /* what is said of an answer that is not over it */
} gate_bar;
/* errors NF_NO_MEMORY scratch too small (words.h) */
[[nodiscard]] nf_status gate_bar_of(const edit_gate *gate, nf_bytes before, nf_bytes after,
                                    arena scratch, gate_bar *bar);
/* false: one of the values is no number. */
bool gate_valid(const edit_gate *gate);
