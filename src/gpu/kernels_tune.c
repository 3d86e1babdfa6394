/* The shapes of workgroups: the defaults, and what a benchmark asks for by name in their place. See
 * gpu_tune in kernels.h. Owns what was asked for, for the process, as the device is. */
#include <stddef.h>
#include "gpu/kernels_internal.h"

static gpu_tune wanted; /* gpu_tune_set; 0: nobody asked */

/* Few rows of W a workgroup where a matrix has few (o and down), and twice as many where every
 * workgroup has rows of an adapter's A besides. */
static i32 vec_rows(gpu_op op) {
  return (gpu_op_norms(op) ? 8 : 4) * (gpu_op_has_lora(op) ? 2 : 1);
}

/* By 8-bit dots. */
static gpu_shape shape_int_default(gpu_op op) {
  gpu_op base = gpu_op_base(op);
  i32 rows = vec_rows(op);
  gpu_shape shape = {rows, 1, rows, 1, 32, 1, 4, 1};
  if (base == GPU_ADD_ATTN) shape.chunk_rows = 16;
  if (base == GPU_NORM_SWIGLU) shape.chunk_rows = 64, shape.chunk_each = 2;
  if (op == GPU_NORM_HEAD) shape = (gpu_shape){32, 4, 8, 1, 128, 2, 8, 2};
  return shape;
}

static gpu_shape shape_default(gpu_op op) {
  i32 rows = vec_rows(op);
  gpu_shape shape = {rows, 1, rows, 1, 32, 1, 4, 1};
  if (gpu_op_base(op) == GPU_NORM_SWIGLU) shape.chunk_rows = 64, shape.chunk_each = 2;
  if (op == GPU_NORM_HEAD) shape = (gpu_shape){32, 4, 8, 1, 64, 4, 8, 2};
  return shape;
}

static void numbers_fill(i32 *to, const i32 *from, isize n) {
  for (isize i = 0; i < n; i++) to[i] = to[i] ? to[i] : from[i];
}

void gpu_tune_fill(gpu_tune *tune, bool plain) {
  constexpr isize n = sizeof(gpu_tune) / sizeof(i32);
  static_assert(n * sizeof(i32) == sizeof(gpu_tune));
  /* a workgroup with barriers costs a software device some 40 us for every four threads */
  i32 threads = plain ? 16 : 256;
  gpu_tune otherwise = {.attention_threads = threads, .pick_threads = threads};
  for (isize i = 0; i < GPU_OPS; i++) {
    otherwise.shape[i] = shape_default((gpu_op)i);
    otherwise.shape_int[i] = shape_int_default((gpu_op)i);
  }
  numbers_fill((i32 *)tune, (const i32 *)&wanted, n);
  numbers_fill((i32 *)tune, (const i32 *)&otherwise, n);
}

/* ---- by name ---- */

static const struct {
  const char *name;
  isize at;
} fields[] = {{"vec_rows", offsetof(gpu_shape, vec_rows)},
              {"vec_each", offsetof(gpu_shape, vec_each)},
              {"vec4_rows", offsetof(gpu_shape, vec4_rows)},
              {"vec4_each", offsetof(gpu_shape, vec4_each)},
              {"chunk_rows", offsetof(gpu_shape, chunk_rows)},
              {"chunk_each", offsetof(gpu_shape, chunk_each)},
              {"chunk_m", offsetof(gpu_shape, chunk_m)},
              {"chunk_tiles", offsetof(gpu_shape, chunk_tiles)}},
  others[] = {{"products", offsetof(gpu_tune, products)},
              {"attention", offsetof(gpu_tune, attention)},
              {"attention_threads", offsetof(gpu_tune, attention_threads)},
              {"pick_threads", offsetof(gpu_tune, pick_threads)}};
constexpr isize N_FIELDS = sizeof fields / sizeof *fields,
                N_OTHERS = sizeof others / sizeof *others;

static bool named(nf_bytes text, const char *name) {
  return bytes_equal(text, bytes_from_str(name));
}
static isize find(nf_bytes text, u8 what) {
  isize i = 0;
  while (i < text.len && text.at[i] != what) i++;
  return i;
}
/* A number of one to four digits; -1 when it is none. */
static i32 number_of(nf_bytes text) {
  i32 n = 0;
  if (text.len < 1 || text.len > 4) return -1;
  for (isize i = 0; i < text.len; i++) {
    if (text.at[i] < '0' || text.at[i] > '9') return -1;
    n = 10 * n + (text.at[i] - '0');
  }
  return n;
}
static void number_put(void *in, isize at, i32 value) { *(i32 *)(void *)((u8 *)in + at) = value; }

/* "norm_head.chunk_m" = value. */
static bool one_set(gpu_tune *tune, nf_bytes name, i32 value) {
  bool found = false;
  isize dot = find(name, '.');
  for (isize i = 0; dot == name.len && i < N_OTHERS; i++) {
    if (!named(name, others[i].name)) continue;
    number_put(tune, others[i].at, value);
    return true;
  }
  if (dot == name.len) return false;
  nf_bytes op = bytes_slice(name, 0, dot), field = bytes_slice(name, dot + 1, name.len);
  for (isize i = 0; i < N_FIELDS; i++) {
    if (!named(field, fields[i].name)) continue;
    for (isize j = 0; j < GPU_OPS; j++) {
      if (!named(op, "*") && !named(op, gpu_op_name((gpu_op)j))) continue;
      number_put(&tune->shape[j], fields[i].at, value);
      number_put(&tune->shape_int[j], fields[i].at, value);
      found = true;
    }
  }
  return found;
}

/* Does the text of its pipelines allow it? */
static bool shape_holds(const gpu_shape *s) {
  const i32 pairs[][2] = {
      {s->vec_rows, s->vec_each}, {s->vec4_rows, s->vec4_each}, {s->chunk_rows, s->chunk_each}};
  for (isize j = 0; j < 3; j++) {
    i32 rows = pairs[j][0], each = pairs[j][1];
    if (rows > 256 || rows % 2 || each > rows || rows % each) return false;
  }
  if (s->vec4_rows > 64 || (s->chunk_each != 1 && s->chunk_each != 2 && s->chunk_each != 4)) {
    return false;
  }
  return (s->chunk_m == 4 || s->chunk_m == 8) && s->chunk_tiles <= 64;
}
static bool tune_holds(gpu_tune tune) {
  gpu_tune_fill(&tune, false);
  for (isize i = 0; i < GPU_OPS; i++) {
    if (!shape_holds(&tune.shape[i]) || !shape_holds(&tune.shape_int[i])) return false;
  }
  return tune.products <= GPU_PRODUCTS_INT && tune.attention_threads % 16 == 0 &&
         tune.pick_threads % 16 == 0 && tune.attention_threads <= 256 && tune.pick_threads <= 256 &&
         tune.attention <= GPU_ATTENTION_QUAD;
}

bool gpu_tune_set(nf_bytes asked) {
  gpu_tune tune = wanted, before = wanted;
  while (asked.len > 0) {
    isize end = find(asked, ','), equal = find(asked, '=');
    if (equal >= end) return false;
    i32 value = number_of(bytes_slice(asked, equal + 1, end));
    if (value < 0 || !one_set(&tune, bytes_slice(asked, 0, equal), value)) return false;
    asked = bytes_slice(asked, isize_min(end + 1, asked.len), asked.len);
  }
  wanted = (gpu_tune){};
  bool holds = tune_holds(tune);
  wanted = holds ? tune : before;
  return holds;
}
