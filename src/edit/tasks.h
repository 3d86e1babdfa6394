/* The table of edit tasks: what the model is told, and how far an answer may go. A new task is
 * one row here plus its score. Owns static data only. */
#pragma once
#include "base/base.h"
#include "edit/gate.h"

constexpr isize EDIT_EXAMPLES_MAX = 3;

typedef struct {
  const char *before, *after;
} edit_example;

/* What rules.h can do for the task. An adapter goes without them, and so does even_if_poor. */
typedef enum : u8 {
  EDIT_RULES_NONE,
  EDIT_RULES_FIRST, /* the model is asked where they come to nothing */
  EDIT_RULES_ONLY,
} edit_rules;

typedef struct {
  const char *name;
  bool device;        /* offered on the device: better there than doing nothing */
  const char *poor;   /* when not: what was measured, for a person; "" when offered */
  edit_rules rules;
  const char *system; /* instruction, the system message */
  edit_example examples[EDIT_EXAMPLES_MAX];
  isize n_examples;
  bool keeps_words;       /* leaving words out is a mistake */
  bool only_leaves_out; /* an answer is words of the caption in their order, the last among them */
  isize new_words_max; /* content words an answer may bring in */
  isize kept_percent_min; /* words an answer must keep, in percent */
  edit_gate gate;
} edit_task;

const edit_task *edit_task_of(nf_task task); /* null: no such task */
bool edit_task_named(nf_bytes name, nf_task *task); /* false: no such task */
constexpr i32 EDIT_TASKS = 6;
