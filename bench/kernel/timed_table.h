/* A table of kernels that takes the time of another's calls: where the time of a pass goes, thread
 * by thread. What a pass does besides (rotations, copies, sums of exponentials, waiting for other
 * threads) is what it takes longer than this. A call costs two looks at the clock. */
#pragma once
#include "kernel/kernel.h"

typedef enum : i32 {
  TIMED_Q4_1, /* products with weights of this type */
  TIMED_Q8_0,
  TIMED_OTHER_TYPES,
  TIMED_ATTENTION,
  TIMED_QUANTIZE,
  TIMED_NORM, /* rms_norm and add */
  TIMED_SWIGLU,
  TIMED_ARGMAX,
  TIMED_KINDS,
} timed_kind;
constexpr isize TIMED_THREADS_MAX = 16;

/* One at a time: calls of the table before this one was made must be over. */
const k_table *timed_table(const k_table *of);
/* ns[thread][kind] since the last timed_clear; threads in the order of their first call. */
const f64 (*timed_ns(void))[TIMED_KINDS];
void timed_clear(void);
