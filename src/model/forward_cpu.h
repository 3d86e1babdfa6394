/* What the recipe's two files share: a piece of a pass as all its threads see it, and as one of
 * them does. forward_cpu.c runs the layers, head_cpu.c the head. Private to these two. */
#pragma once
#include "model/model_internal.h"

typedef struct {
  const model *m;
  const model_shape *shape;
  const k_table *k;
  model_scratch *s;
  const model_plan *plan;
  pool *threads;
  isize layer_to;             /* this piece: layers [plan->i_layer, layer_to), */
  isize chunk_from, chunk_to; /* then chunks of the head */
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

/* Chunks [chunk_from, chunk_to) of the head over the rows quantized in p->rows.model: into the
 * logits asked for, or only looked at. */
void head_chunks(const part *p);
/* Every chunk was looked at: what the pass wants of its rows. */
void head_join(const part *p);
