/* What is measured of single kernels; see kernel_bench.c. */
#pragma once
#include "kernel/kernel.h"

typedef struct {
  f64 ns, bytes, macs; /* of one product of the whole matrix */
} bench_result;
/* The fastest of several runs. False: no memory. */
bool bench_product(const k_table *table, gguf_type type, isize n_rows, isize cols, isize m,
                   bench_result *out);
typedef struct {
  f64 rms_norm, rows_quantize, rope, attention, swiglu; /* ns */
} bench_times;
/* 1 <= m <= 64, m <= n_keys <= 512 */
void bench_around(const k_table *table, isize m, isize n_keys, bench_times *out);
