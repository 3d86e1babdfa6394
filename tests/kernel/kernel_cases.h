/* Random matrices, rows and comparisons that the kernel tests of every platform share; no libc,
 * so the same cases run natively and inside a wasm module (tests/wasm). Owns static buffers.
 * A case returns null, or what went wrong. Read next: test_kernel.c, wasm_kernel.c. */
#pragma once
#include "kernel/kernel.h"

typedef const char *kernel_case(const k_table *table);
typedef struct {
  const char *name;
  kernel_case *run;
} kernel_case_entry;
extern const kernel_case_entry kernel_cases[]; /* a null name ends it */
