/* The definition: f32 activations, weights decoded row by row, sums in f64.
 * Slow on purpose and never changed for speed; every other table is tested against it.
 * Owns nothing. Read next: kernel_body.inc, the fast ones. */
#include "gguf/quant.h"
#include "kernel/internal.h"

/* e^x = 2^n e^f by the series of e^f, |f| <= ln(2)/2: error below 1e-12. */
static f64 ref_exp(f64 x) {
  if (!(x >= -700)) return x != x ? x : 0;
  if (x > 700) x = 700;
  f64 t = x * 1.4426950408889634;
  i64 n = (i64)(t < 0 ? t - 0.5 : t + 0.5);
  f64 f = (t - (f64)n) * 0.6931471805599453, term = 1, sum = 1;
  for (i32 i = 1; i < 15; i++) sum += term *= f / i;
  return sum * __builtin_bit_cast(f64, (u64)(n + 1023) << 52);
}

static void ref_rows_quantize(k_rows *rows, const f32 *x, isize from, isize to) {
  (void)from, (void)to;
  rows->x = x; /* nothing is rounded here */
}

static void ref_matmul(f32 *y, isize y_stride, const k_weight *w, const k_rows *x, isize m,
                       isize tile_from, isize tile_to) {
  isize r_to = isize_min(tile_to * K_TILE_ROWS, w->rows);
  for (isize r = tile_from * K_TILE_ROWS; r < r_to; r++) {
    for (isize i = 0; i < m; i++) {
      f64 sum = 0;
      for (isize col = 0; col < w->cols; col += K_PART_COLS) {
        isize n = isize_min(K_PART_COLS, w->cols - col);
        f32 part[K_PART_COLS];
        k_weight_part(w, r, col, n, part);
        for (isize j = 0; j < n; j++)
          sum += (f64)part[j] * (f64)x->x[(x->first + i) * x->d + col + j];
      }
      y[i * y_stride + r] = (f32)sum;
    }
  }
}

static void ref_rms_norm(f32 *y, const f32 *x, const f32 *w, isize d, f32 eps) {
  f64 sum = 0;
  for (isize i = 0; i < d; i++) sum += (f64)x[i] * (f64)x[i];
  f64 scale = 1 / __builtin_elementwise_sqrt(sum / (f64)d + (f64)eps);
  for (isize i = 0; i < d; i++) y[i] = (f32)((f64)x[i] * scale * (f64)w[i]);
}

static void ref_swiglu(f32 *y, const f32 *gate, const f32 *up, isize n) {
  for (isize i = 0; i < n; i++) {
    y[i] = (f32)((f64)gate[i] / (1 + ref_exp(-(f64)gate[i])) * (f64)up[i]);
  }
}

static void ref_add(f32 *y, const f32 *x, isize n) {
  for (isize i = 0; i < n; i++) y[i] += x[i];
}

static void ref_lora_add(const k_lora *work) {
  for (isize i = 0; i < work->m; i++) {
    f32 *y = work->y + i * work->y_stride;
    const f32 *h = work->h + i * work->h_stride;
    for (isize col = 0; col < work->n; col++) {
      const u8 *b = work->b + 2 * col;
      f64 sum = (f64)y[col];
      for (isize j = 0; j < work->rank; j++, b += work->b_stride_bytes) {
        sum += (f64)h[j] * (f64)f32_from_f16(load_u16(b));
      }
      y[col] = (f32)sum;
    }
  }
}

static void ref_rope(f32 *x, const f32 *cos_sin, isize n) {
  for (isize i = 0; i < n; i += 2) {
    f64 x0 = x[i], x1 = x[i + 1], c = cos_sin[i], s = cos_sin[i + 1];
    x[i] = (f32)(x0 * c - x1 * s);
    x[i + 1] = (f32)(x0 * s + x1 * c);
  }
}

/* Floats from k (or v) to the row of position j. */
static isize ref_row_of(const k_attention *a, isize j) {
  return (j < a->n_shared ? j : j + a->gap) * a->kv_stride;
}

/* One query that sees n keys. */
static void ref_attend(const k_attention *a, f32 *out, const f32 *q, isize n) {
  f64 max = -1e300, sum = 0;
  f32 *scores = a->scratch;
  for (isize j = 0; j < n; j++) {
    f64 dot = 0;
    for (isize i = 0; i < a->d; i++) dot += (f64)q[i] * (f64)a->k[ref_row_of(a, j) + i];
    scores[j] = (f32)(dot * (f64)a->scale);
    if ((f64)scores[j] > max) max = (f64)scores[j];
  }
  for (isize j = 0; j < n; j++) sum += ref_exp((f64)scores[j] - max);
  for (isize i = 0; i < a->d; i++) {
    f64 mix = 0;
    for (isize j = 0; j < n; j++) {
      mix += ref_exp((f64)scores[j] - max) * (f64)a->v[ref_row_of(a, j) + i];
    }
    out[i] = (f32)(mix / sum);
  }
}

static void ref_attention(f32 *out, const f32 *q, const f32 *k, const f32 *v, isize d, isize n,
                          isize kv_stride, f32 scale, f32 *scratch) {
  const k_attention a = {
      .k = k, .v = v, .kv_stride = kv_stride, .d = d, .scale = scale, .scratch = scratch};
  ref_attend(&a, out, q, n);
}

static void ref_attention_rows(const k_attention *a) {
  for (isize i = 0; i < a->m; i++) {
    for (isize h = 0; h < a->n_heads; h++) {
      ref_attend(a, a->out + i * a->out_stride + h * a->d, a->q + i * a->q_stride + h * a->d,
                 a->n + i);
    }
  }
}

static isize ref_argmax(const f32 *x, isize n) {
  isize best = 0;
  for (isize i = 1; i < n; i++) {
    if (x[i] > x[best] || (x[best] != x[best] && x[i] == x[i])) best = i;
  }
  return best;
}

extern const k_table k_table_ref;
const k_table k_table_ref = {
    .name = "ref",
    .rows_quantize = ref_rows_quantize,
    .matmul = ref_matmul,
    .rms_norm = ref_rms_norm,
    .swiglu = ref_swiglu,
    .add = ref_add,
    .lora_add = ref_lora_add,
    .rope = ref_rope,
    .attention = ref_attention,
    .attention_rows = ref_attention_rows,
    .argmax = ref_argmax,
};
