/* Known input for each kernel, made from a hash so that nothing is kept, and what the CPU makes of
 * it in f64. See gpu_trial in kernels_internal.h. Shapes are the model's columns and few rows.
 * Attention, moves and the pick: kernels_trial_rows.c. */
#include "gpu/kernels_trial.h"
#include "base/math.h"
#include "gguf/quant.h"

constexpr isize ROWS = 40;  /* of W: no multiple of a workgroup's */
constexpr isize M = 17;     /* rows of x: no multiple of a workgroup's */
constexpr isize REGION =
    (M * ROWS * 4 + GPU_ALIGN - 1) / GPU_ALIGN * GPU_ALIGN; /* y of a variant */
static const i32 variant_m[GPU_VARIANTS] = {1, 4, 17, 17, 1, 4, 17};
/* Rounding x to 2^-16 of its block's largest, the worst way, in steps of the bound of f32: 2^-20 of
 * sums of |w x|, which are some quarter of those of |w| times the largest |x|. */
constexpr f64 INT_BOUND = 64;
constexpr isize PRODUCT_BYTES = GPU_VARIANTS * REGION;
static_assert(PRODUCT_BYTES <= GPU_TRIAL_BYTES);
constexpr isize RANK = GPU_TRIAL_RANK;
constexpr isize LORA_ROWS = 3 * RANK; /* of A: three pairs */
constexpr isize A_BLOCK = 1 << 20; /* where its blocks begin, in block_make */
static const f32 lora_scale[3] = {0.5f, -1.25f, 2};
static const isize pair_from[2] = {13, 26}; /* no multiple of a thread's rows */
constexpr isize REPACK_COLS = 256, REPACK_ROWS = 3;

u32 trial_hash(u32 seed, u32 i) { /* see pick_mix of model/pick.h */
  u32 x = seed * 0x9E3779B9u + i;
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  return x ^ x >> 16;
}
f32 trial_number(u32 seed, u32 i) { return (f32)((i32)trial_hash(seed, i) >> 8) * 0x1p-23f; }

i32 trial_buffer(gpu_trial *t, i64 bytes, gpu_use use) {
  ASSERT(t->n_buffers < 8);
  return t->buffers[t->n_buffers++] = gpu_buffer_make(bytes, use);
}

/* n numbers of the seed, from `at` on in the buffer. */
static void numbers_write(i32 buffer, i64 at, u32 seed, isize n) {
  f32 chunk[1024];
  for (isize i = 0; i < n; i += 1024) {
    isize m = isize_min(1024, n - i);
    for (isize j = 0; j < m; j++) chunk[j] = trial_number(seed, (u32)(i + j));
    gpu_buffer_write(buffer, at + 4 * i, chunk, 4 * m);
  }
}
gpu_binding trial_numbers(gpu_trial *t, u32 seed, isize n) {
  i32 buffer = trial_buffer(t, 4 * n, GPU_STORAGE);
  numbers_write(buffer, 0, seed, n);
  return (gpu_binding){buffer, 0, 4 * n};
}

/* ---- weights as they lie on the GPU ---- */

/* A normal half, a thirty-second to a sixteenth, any sign. */
static u16 normal_half(u32 h) { return (u16)((h >> 8 & 0x83FF) | 0x2800); }
/* Now and then a subnormal one. */
static u16 some_half(u32 h) { return h % 29 == 0 ? (u16)(h >> 8 & 0x83FF) : normal_half(h); }
/* Words of a number's file form: f32 in (-1, 1), or two halves. */
static u32 float_word(gpu_format format, u32 h) {
  if (format == GPU_F32) return f32_to_bits((f32)((i32)h >> 8) * 0x1p-23f);
  return some_half(h) | (u32)some_half(h * 0x2545F491u) << 16;
}

/* Block i of the trial's matrix: q 128 bytes, s 16 bytes at most. */
static void block_make(gpu_format format, u32 i, u32 q[32], u32 s[4]) {
  gpu_format_bytes bytes = gpu_format_bytes_of(format);
  for (isize j = 0; j < bytes.q_bytes / 4; j++) {
    u32 h = trial_hash(11, i * 32 + (u32)j);
    q[j] = format >= GPU_F16 ? float_word(format, h) : h;
  }
  for (isize j = 0; j < bytes.s_bytes / 4; j++) {
    u32 h = trial_hash(12, i * 4 + (u32)j);
    s[j] = format == GPU_N4H ? float_word(GPU_F16, h)
                             : f32_to_bits((f32)((i32)h >> 8) * (j % 2 ? 0x1p-24f : 0x1p-27f));
  }
}

typedef struct {
  f64 value, size; /* size: of what is added up to it */
} weight_value;
/* Column k < 32 of a block: the definition of the formats, for the CPU. */
static weight_value block_value(gpu_format format, const u32 *q, const u32 *s, isize k) {
  isize byte = (format <= GPU_N4F ? k % 16 : k), shift = 8 * (byte % 4);
  u32 bits = format <= GPU_B8F ? q[byte / 4] >> shift & 255 : 0;
  f64 scale = 0, minimum = 0, n = 0;
  switch (format) {
    case GPU_N4H:
      scale = (f64)f32_from_f16((u16)s[0]), minimum = (f64)f32_from_f16((u16)(s[0] >> 16));
      n = k < 16 ? bits & 15 : bits >> 4;
      break;
    case GPU_N4F:
      scale = (f64)f32_from_bits(s[0]), minimum = (f64)f32_from_bits(s[1]);
      n = k < 16 ? bits & 15 : bits >> 4;
      break;
    case GPU_B8: scale = (f64)f32_from_bits(s[0]), n = (i8)bits; break;
    case GPU_B8F:
      scale = (f64)f32_from_bits(s[k / 16 * 2]), minimum = (f64)f32_from_bits(s[k / 16 * 2 + 1]);
      n = (i8)bits;
      break;
    case GPU_F16: scale = 1, n = (f64)f32_from_f16((u16)(q[k / 2] >> (k % 2 * 16))); break;
    case GPU_F32: scale = 1, n = (f64)f32_from_bits(q[k]); break;
    case GPU_FORMATS: break;
  }
  f64 product = scale * n;
  return (weight_value){product + minimum,
                        (product < 0 ? -product : product) + (minimum < 0 ? -minimum : minimum)};
}

/* All its rows, blocks from block0 on. */
static void weight_write(const gpu_weight *w, isize block0) {
  gpu_format_bytes bytes = gpu_format_bytes_of(w->format);
  gpu_binding q_s[2];
  gpu_weight_ranges(w, 0, 0, q_s);
  u32 q[32 * 32], s[32 * 4], one_q[32] = {}, one_s[4] = {};
  isize n = w->rows * (w->cols / 32);
  for (isize i = 0; i < n; i += 32) {
    isize m = isize_min(32, n - i);
    for (isize j = 0; j < m; j++) {
      block_make(w->format, (u32)(block0 + i + j), one_q, one_s);
      bytes_copy(q + j * bytes.q_bytes / 4, one_q, bytes.q_bytes);
      bytes_copy(s + j * bytes.s_bytes / 4, one_s, bytes.s_bytes);
    }
    gpu_buffer_write(q_s[0].buffer, q_s[0].at + i * bytes.q_bytes, q, m * bytes.q_bytes);
    if (bytes.s_bytes == 0) continue;
    gpu_buffer_write(q_s[1].buffer, q_s[1].at + i * bytes.s_bytes, s, m * bytes.s_bytes);
  }
}

/* ---- products ---- */

i32 trial_passes(gpu_trial *t, const gpu_pass *passes, isize n) {
  i32 buffer = trial_buffer(t, n * GPU_PASS_STRIDE, GPU_UNIFORM);
  for (isize i = 0; i < n; i++) {
    gpu_buffer_write(buffer, i * GPU_PASS_STRIDE, &passes[i], sizeof *passes);
  }
  return buffer;
}

static bool variant_there(const gpu_kernels *k, const gpu_trial *t, isize variant) {
  i16 at = k->matmul[t->op_or_type][t->format][variant];
  return at >= 0 && k->pipelines[at].ready && !k->pipelines[at].bad;
}
static bool variant_bad(const gpu_kernels *k, const gpu_trial *t, isize variant) {
  i16 at = k->matmul[t->op_or_type][t->format][variant];
  return at >= 0 && k->pipelines[at].bad;
}

/* Rank j of row n of the Bs. */
static u16 lora_half(isize n, isize j) { return normal_half(trial_hash(5, (u32)(n * RANK + j))); }

static gpu_lora lora_make(gpu_trial *t) {
  u16 b[ROWS][GPU_RANK_STEP] = {};
  for (isize n = 0; n < ROWS; n++) {
    for (isize j = 0; j < RANK; j++) b[n][j] = lora_half(n, j);
  }
  gpu_lora lora = {.rank = RANK,
                   .a = &t->a,
                   .b = {trial_buffer(t, sizeof b, GPU_STORAGE), 0, sizeof b},
                   .slices = trial_buffer(t, GPU_ALIGN, GPU_UNIFORM)};
  gpu_buffer_write(lora.b.buffer, 0, b, sizeof b);
  weight_write(&t->a, A_BLOCK);
  for (isize i = 0; i < 3; i++) lora.scale[i] = lora_scale[i];
  bool three = t->op_or_type == GPU_NORM_STORE_LORA;
  for (isize i = 0; i < 2; i++) lora.pair_from[i] = three ? pair_from[i] : 0;
  return lora;
}

/* desc with every variant there is, each into its region. */
static void variants_run(gpu_kernels *k, gpu_trial *t, gpu_matmul_desc desc, i32 y) {
  for (isize v = 0; v < GPU_VARIANTS; v++) {
    if (!variant_there(k, t, v)) continue;
    desc.y = (gpu_binding){y, v * REGION, REGION};
    gpu_matmul matmul;
    gpu_matmul_bind(k, &desc, &matmul);
    gpu_matmul_dispatch(k, &matmul, (gpu_variant)v, (u32)(v * GPU_PASS_STRIDE), variant_m[v]);
    t->binds[t->n_binds++] = matmul.binds[0];
  }
}

static void product_start(gpu_kernels *k, gpu_trial *t) {
  gpu_op op = (gpu_op)t->op_or_type;
  isize cols = gpu_op_cols(&k->desc, op);
  weight_write(&t->w, 0);
  gpu_pass passes[GPU_VARIANTS] = {};
  for (isize v = 0; v < GPU_VARIANTS; v++) {
    passes[v].m = (u32)variant_m[v];
    for (u32 i = 0; i < GPU_ROWS_MAX; i++) passes[v].rows[i] = i;
  }
  gpu_matmul_desc desc = {.op = op,
                          .w = &t->w,
                          .pass = trial_passes(t, passes, GPU_VARIANTS),
                          .x = trial_numbers(t, 1, M * cols)};
  if (gpu_op_norms(op)) {
    desc.norm = trial_numbers(t, 2, cols);
  } else {
    desc.add = trial_numbers(t, 3, M * ROWS);
  }
  t->tried = 0;
  for (isize v = 0; v < GPU_VARIANTS; v++) {
    t->tried |= (u32)(variant_there(k, t, v) || variant_bad(k, t, v)) << v;
  }
  gpu_lora lora = {};
  if (gpu_op_has_lora(op)) {
    lora = lora_make(t);
    desc.lora = &lora;
  }
  i32 y = trial_buffer(t, PRODUCT_BYTES, GPU_STORAGE);
  variants_run(k, t, desc, y);
  t->ticket = gpu_submit(y, 0, PRODUCT_BYTES);
}

/* What output (m, n) should be, and how far off it may be. */
typedef struct {
  f64 value[M], bound[M];
} product_row;

/* Row n of W, blocks from block0 on, times norm(x) or x, for all rows of x, onto what is there;
 * 2^-20 of what is added up is the bound. */
static void product_row_add(const gpu_kernels *k, const gpu_trial *t, isize block0, isize n,
                            product_row *out) {
  bool norm = gpu_op_norms((gpu_op)t->op_or_type);
  f64 sum[M] = {}, size[M] = {}, squares[M] = {};
  isize cols = t->w.cols;
  u32 q[32] = {}, s[4] = {};
  for (isize c = 0; c < cols; c++) {
    if (c % 32 == 0) block_make(t->format, (u32)(block0 + (n * cols + c) / 32), q, s);
    weight_value w = block_value(t->format, q, s, c % 32);
    f64 factor = norm ? (f64)trial_number(2, (u32)c) : 1;
    for (isize m = 0; m < M; m++) {
      f64 x = (f64)trial_number(1, (u32)(m * cols + c));
      squares[m] += x * x;
      x *= factor;
      sum[m] += w.value * x;
      size[m] += w.size * (x < 0 ? -x : x);
    }
  }
  for (isize m = 0; m < M; m++) {
    f64 r = norm ? 1 / __builtin_sqrt(squares[m] / (f64)cols + (f64)k->desc.rms_eps) : 1;
    out->value[m] += sum[m] * r;
    out->bound[m] += (size[m] * r + 1e-6) * 0x1p-20;
  }
}

static f64 distance(f64 a, f64 b) { return a < b ? b - a : a - b; }

/* The addition to row n; h: of every row of A. */
static void lora_add(const gpu_trial *t, isize n, const product_row h[LORA_ROWS],
                     product_row *row) {
  isize pair = 0;
  if (t->op_or_type == GPU_NORM_SWIGLU_LORA) pair = n % 2;
  if (t->op_or_type == GPU_NORM_STORE_LORA) pair = (n >= pair_from[0]) + (n >= pair_from[1]);
  for (isize j = 0; j < RANK; j++) {
    f64 b = (f64)lora_scale[pair] * (f64)f32_from_f16(lora_half(n, j));
    for (isize m = 0; m < M; m++) {
      const product_row *one = &h[pair * RANK + j];
      row->value[m] += b * one->value[m];
      row->bound[m] += distance(b, 0) * (one->bound[m] + distance(one->value[m], 0) * 0x1p-20);
    }
  }
}

/* Outputs of row n (up: row n + 1, for a gate) of every variant against the CPU's. */
static u32 outputs_judge(const gpu_trial *t, isize n, const product_row *row, const product_row *up,
                         u32 right, const f32 *y) {
  gpu_op op = gpu_op_base((gpu_op)t->op_or_type);
  isize width = op == GPU_NORM_SWIGLU ? ROWS / 2 : ROWS;
  for (isize m = 0; m < M; m++) {
    f64 want = row->value[m], bound = row->bound[m];
    if (op == GPU_NORM_SWIGLU) {
      f64 silu = want / (1 + math_exp(-want)), u = up->value[m];
      bound = bound * (1.2 * (distance(u, 0) + up->bound[m])) + up->bound[m] * distance(silu, 0) +
              1e-5 * distance(silu * u, 0) + 1e-9;
      want = silu * u;
    } else if (op == GPU_ADD_ATTN || op == GPU_ADD_FF) {
      want += (f64)trial_number(3, (u32)(m * ROWS + n));
      bound += 0x1p-22;
    }
    isize at = m * width + (op == GPU_NORM_SWIGLU ? n / 2 : n);
    for (isize v = 0; v < GPU_VARIANTS; v++) {
      if (m >= variant_m[v]) continue;
      f64 wide = gpu_variant_is_int((gpu_variant)v) ? INT_BOUND * bound : bound;
      if (!(distance((f64)y[v * REGION / 4 + at], want) <= wide)) right &= ~(1u << v);
    }
  }
  return right;
}

/* Row n of W; h: of the addition, null: there is none. */
static u32 product_row_judge(const gpu_kernels *k, const gpu_trial *t, isize n,
                             const product_row *h, u32 right, const f32 *y) {
  bool swiglu = gpu_op_base((gpu_op)t->op_or_type) == GPU_NORM_SWIGLU;
  product_row row = {}, up = {};
  product_row_add(k, t, 0, n, &row);
  if (h) lora_add(t, n, h, &row);
  if (swiglu) {
    product_row_add(k, t, 0, n + 1, &up);
    if (h) lora_add(t, n + 1, h, &up);
  }
  return outputs_judge(t, n, &row, &up, right, y);
}

/* Of the variants first..last, those that have the bits of the last right one. */
static u32 same_bits(const f32 *y, u32 right, isize first, isize last, isize width) {
  isize one = last;
  while (one > first && (right >> one & 1) == 0) one--;
  for (isize v = first; v <= last; v++) {
    isize rows = variant_m[v] < variant_m[one] ? variant_m[v] : variant_m[one];
    if (__builtin_memcmp(y + v * REGION / 4, y + one * REGION / 4, (size_t)(rows * width * 4)) !=
        0) {
      right &= ~(1u << v);
    }
  }
  return right;
}
static u32 product_judge(const gpu_kernels *k, const gpu_trial *t, const f32 *y) {
  gpu_op op = (gpu_op)t->op_or_type;
  isize step = gpu_op_base(op) == GPU_NORM_SWIGLU ? 2 : 1, width = ROWS / step;
  u32 right = 0;
  for (isize v = 0; v < GPU_VARIANTS; v++) {
    right |= (u32)((t->tried >> v & 1) != 0 && variant_there(k, t, v)) << v;
  }
  product_row h[LORA_ROWS] = {};
  isize n_parts = gpu_lora_parts(t->format);
  for (isize i = 0; i < n_parts * LORA_ROWS && gpu_op_has_lora(op); i++) {
    product_row_add(k, t, A_BLOCK, i, &h[i / n_parts]);
  }
  for (isize n = 0; n < ROWS; n += step) {
    right = product_row_judge(k, t, n, gpu_op_has_lora(op) ? h : nullptr, right, y);
  }
  right = same_bits(y, right, GPU_VEC, GPU_PLAIN, width);
  return same_bits(y, right, GPU_VEC_INT, GPU_CHUNK_INT, width);
}

/* ---- repacking: random blocks of the type, with scales that are numbers ---- */

static void raw_make(gguf_type type, u8 *raw, isize n_bytes) {
  for (isize i = 0; i + 4 <= n_bytes; i += 4) {
    u32 h = trial_hash(21, (u32)i);
    u32 word = type == GGUF_F32    ? float_word(GPU_F32, h)
               : type == GGUF_F16  ? float_word(GPU_F16, h)
               : type == GGUF_BF16 ? (h & 0x807F807F) | 0x3E803E80
                                   : h;
    bytes_copy(raw + i, &word, 4);
  }
  quant_layout layout = quant_layout_of(type);
  bool two = type == GGUF_Q4_1 || type == GGUF_Q5_1 || type == GGUF_Q4_K || type == GGUF_Q5_K;
  for (isize at = 0; layout.block_elements > 1 && at < n_bytes; at += layout.block_bytes) {
    u8 *scale = raw + at + (type == GGUF_Q6_K ? 208 : 0);
    for (isize j = 0; j <= two; j++) {
      u16 half = some_half(trial_hash(22, (u32)(2 * at + j)));
      scale[2 * j] = (u8)half, scale[2 * j + 1] = (u8)(half >> 8);
    }
  }
}

constexpr isize RAW_MAX = REPACK_ROWS * REPACK_COLS * 4;
constexpr isize RAW_LEAD = 2; /* bytes before the rows: places in a chunk are any */

static void repack_start(gpu_kernels *k, gpu_trial *t) {
  u8 raw[RAW_LEAD + RAW_MAX + 4] = {};
  gguf_type type = (gguf_type)t->op_or_type;
  isize n = REPACK_ROWS * quant_row_bytes(type, REPACK_COLS);
  raw_make(type, raw + RAW_LEAD, n);
  isize bytes = round_up(RAW_LEAD + n, 4);
  i32 staging = trial_buffer(t, bytes, GPU_STORAGE);
  gpu_buffer_write(staging, 0, raw, bytes);
  gpu_kernels_repack(k, &(gpu_repack){.type = type,
                                      .staging = staging,
                                      .at = RAW_LEAD,
                                      .staging_bytes = bytes,
                                      .n_rows = REPACK_ROWS,
                                      .w = &t->w,
                                      .row0 = 1,
                                      .step = 2});
  gpu_binding q_s[2];
  gpu_weight_ranges(&t->w, 0, t->w.buffers[0], q_s);
  isize end = q_s[1].at ? (isize)(q_s[1].at + q_s[1].bytes) : (isize)q_s[0].bytes;
  ASSERT(end <= GPU_TRIAL_BYTES);
  t->ticket = gpu_submit(t->w.buffers[0], 0, end);
  k->n_repack_slots = 0; /* submitted */
}

static u32 repack_judge(const gpu_trial *t, const u8 *landed) {
  u8 raw[RAW_MAX + 4];
  f32 row[REPACK_COLS];
  gguf_type type = (gguf_type)t->op_or_type;
  isize row_bytes = quant_row_bytes(type, REPACK_COLS);
  raw_make(type, raw, REPACK_ROWS * row_bytes);
  gpu_format_bytes bytes = gpu_format_bytes_of(t->format);
  gpu_binding q_s[2];
  gpu_weight_ranges(&t->w, 0, t->w.buffers[0], q_s);
  for (isize r = 0; r < REPACK_ROWS; r++) {
    quant_decode_row(type, raw + r * row_bytes, row, REPACK_COLS);
    for (isize c = 0; c < REPACK_COLS; c++) {
      isize block = ((1 + 2 * r) * REPACK_COLS + c) / 32;
      const u8 *q = landed + block * bytes.q_bytes;
      const u8 *s = landed + q_s[1].at + block * bytes.s_bytes;
      weight_value w = block_value(t->format, (const u32 *)(const void *)q,
                                   (const u32 *)(const void *)s, c % 32);
      if ((f32)w.value != row[c]) return 0;
    }
  }
  return 1u << GPU_PLAIN;
}

/* ---- embedding: the last row's token was chosen by a pick ---- */

static void embed_start(gpu_kernels *k, gpu_trial *t) {
  weight_write(&t->w, 0);
  gpu_pass pass = {.m = 4};
  const gpu_row rows[4] = {
      {.token = 0}, {.token = ROWS - 1}, {.token = 7}, {.token = -1, .chain = 1}};
  const gpu_result results[2] = {{.token = 3}, {.token = 11}};
  gpu_embed_desc desc = {.w = &t->w,
                         .pass = trial_passes(t, &pass, 1),
                         .records = trial_buffer(t, sizeof rows, GPU_STORAGE),
                         .records_bytes = sizeof rows,
                         .results = trial_buffer(t, sizeof results, GPU_STORAGE),
                         .results_bytes = sizeof results};
  isize row_bytes = 4 * k->desc.d_model;
  desc.x = (gpu_binding){trial_buffer(t, 4 * row_bytes, GPU_STORAGE), 0, 4 * row_bytes};
  gpu_buffer_write(desc.records, 0, rows, sizeof rows);
  gpu_buffer_write(desc.results, 0, results, sizeof results);
  gpu_embed embed;
  gpu_embed_bind(k, &desc, &embed);
  gpu_embed_run(k, &embed, 0, 4);
  t->binds[t->n_binds++] = embed.binds[0];
  t->ticket = gpu_submit(desc.x.buffer, 3 * row_bytes, isize_min(row_bytes, GPU_TRIAL_BYTES));
}

static u32 embed_judge(const gpu_trial *t, const f32 *x) {
  u32 q[32] = {}, s[4] = {};
  for (isize c = 0; c < isize_min(t->w.cols, GPU_TRIAL_BYTES / 4); c++) {
    if (c % 32 == 0) block_make(t->format, (u32)((11 * t->w.cols + c) / 32), q, s);
    weight_value w = block_value(t->format, q, s, c % 32);
    if (!(distance((f64)x[c], w.value) <= w.size * 0x1p-23)) return 0;
  }
  return 1u << GPU_PLAIN;
}

/* ---- all of them ---- */

void gpu_trial_start(gpu_kernels *k, gpu_trial *t) {
  nf_status status = NF_OK;
  if (t->kernel == GPU_REPACK) {
    status = gpu_weight_make(t->format, 2 * REPACK_ROWS, REPACK_COLS, &t->w, nullptr);
  } else if (t->kernel == GPU_MATMUL) {
    isize cols = gpu_op_cols(&k->desc, (gpu_op)t->op_or_type);
    status = gpu_weight_make(t->format, ROWS, cols, &t->w, nullptr);
    if (status == NF_OK && gpu_op_has_lora((gpu_op)t->op_or_type)) {
      status = gpu_lora_make(t->format, LORA_ROWS, cols, &t->a, nullptr);
    }
  } else if (t->kernel == GPU_EMBED) {
    status = gpu_weight_make(t->format, ROWS, k->desc.d_model, &t->w, nullptr);
  }
  ASSERT(status == NF_OK && t->w.n_slices <= 1); /* 40 rows fit any device */
  switch (t->kernel) {
    case GPU_REPACK: repack_start(k, t); break;
    case GPU_MATMUL: product_start(k, t); break;
    case GPU_EMBED: embed_start(k, t); break;
    case GPU_ATTENTION: trial_attention_start(k, t); break;
    case GPU_KV_MOVE: trial_move_start(k, t); break;
    case GPU_PICK: trial_pick_start(k, t); break;
  }
  t->state = TRIAL_RUNNING;
}

u32 gpu_trial_judge(const gpu_kernels *k, const gpu_trial *t, const u8 *landed) {
  const f32 *values = (const f32 *)(const void *)landed;
  switch (t->kernel) {
    case GPU_REPACK: return repack_judge(t, landed);
    case GPU_MATMUL: return product_judge(k, t, values);
    case GPU_EMBED: return embed_judge(t, values);
    case GPU_ATTENTION: return trial_attention_judge(k, values);
    case GPU_KV_MOVE: return trial_move_judge(k, values);
    case GPU_PICK: return trial_pick_judge(k, (const gpu_result *)(const void *)landed);
  }
  return 0;
}

void gpu_trial_end(gpu_trial *t) {
  for (isize i = 0; i < t->n_binds; i++) gpu_bind_free(t->binds[i]);
  for (isize i = 0; i < t->n_buffers; i++) gpu_buffer_free(t->buffers[i]);
  gpu_weight_free(&t->w);
  gpu_weight_free(&t->a);
  t->n_binds = t->n_buffers = 0;
}
