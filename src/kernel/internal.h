/* Between the files of kernel/: the list of tables built in, and weights decoded in parts.
 * Not for other folders: they include kernel.h. */
#pragma once
#include "kernel/kernel.h"

/* Columns decoded at a time by the slow paths: a whole block of every type. */
constexpr isize K_PART_COLS = 256;

/* dst[n] = w[r][col .. col + n), decoded; col and n are multiples of the type's block. */
void k_weight_part(const k_weight *w, isize r, isize col, isize n, f32 *dst);

typedef struct {
  const k_table *table; /* null ends the list */
  bool (*runs)(void);   /* can this machine run it, and are its results right */
  bool (*faster)(void); /* than the one before it, here; null: wherever it runs */
} k_built;
extern const k_built k_tables_built[]; /* slowest first; tables.c */

/* Does the engine make the dot of k_table_relaxed32 of several instructions? kernel_relaxed32.c */
bool k_relaxed32_in_parts(void);

/* Products of extreme and ordinary values agree with another table's: engines have compiled
 * relaxed SIMD wrongly. check.c */
bool k_table_right(const k_table *table, const k_table *trusted);
/* Does a small batched product take a tenth less time? The best of a few each, in turns, so that
 * what else the machine does meets both; a tenth, so that noise does not choose. */
bool k_table_faster(const k_table *table, const k_table *than);
