/* See timed_table.h. */
#include "timed_table.h"

#include "os/os.h"

static const k_table *timed;
static f64 spent[TIMED_THREADS_MAX][TIMED_KINDS];
static _Atomic u32 n_threads;
static thread_local isize own = -1;

const f64 (*timed_ns(void))[TIMED_KINDS] { return spent; }
void timed_clear(void) { __builtin_memset(spent, 0, sizeof spent); }

static void note(timed_kind kind, i64 from) {
  if (own < 0) own = (isize)atomic_fetch_add(&n_threads, 1) % TIMED_THREADS_MAX;
  spent[own][kind] += (f64)(os_clock_ns() - from);
}

static void rows_quantize(k_rows *rows, const f32 *x, isize from, isize to) {
  i64 start = os_clock_ns();
  timed->rows_quantize(rows, x, from, to);
  note(TIMED_QUANTIZE, start);
}

static void matmul(f32 *y, isize y_stride, const k_weight *w, const k_rows *x, isize m,
                   isize tile_from, isize tile_to) {
  i64 start = os_clock_ns();
  timed->matmul(y, y_stride, w, x, m, tile_from, tile_to);
  note(w->type == GGUF_Q4_1   ? TIMED_Q4_1
       : w->type == GGUF_Q8_0 ? TIMED_Q8_0
                              : TIMED_OTHER_TYPES,
       start);
}

static void rms_norm(f32 *y, const f32 *x, const f32 *w, isize d, f32 eps) {
  i64 start = os_clock_ns();
  timed->rms_norm(y, x, w, d, eps);
  note(TIMED_NORM, start);
}

static void add(f32 *y, const f32 *x, isize n) {
  i64 start = os_clock_ns();
  timed->add(y, x, n);
  note(TIMED_NORM, start);
}

static void swiglu(f32 *y, const f32 *gate, const f32 *up, isize n) {
  i64 start = os_clock_ns();
  timed->swiglu(y, gate, up, n);
  note(TIMED_SWIGLU, start);
}

static void attention_rows(const k_attention *work) {
  i64 start = os_clock_ns();
  timed->attention_rows(work);
  note(TIMED_ATTENTION, start);
}

static isize argmax(const f32 *x, isize n) {
  i64 start = os_clock_ns();
  isize at = timed->argmax(x, n);
  note(TIMED_ARGMAX, start);
  return at;
}

const k_table *timed_table(const k_table *of) {
  static k_table table;
  timed = of;
  table = *of;
  table.rows_quantize = rows_quantize;
  table.matmul = matmul;
  table.rms_norm = rms_norm;
  table.add = add;
  table.swiglu = swiglu;
  table.attention_rows = attention_rows;
  table.argmax = argmax;
  return &table;
}
