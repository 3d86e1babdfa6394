/* See kernel_cases.h. Bounds: products are compared with kernel_ref over the *same rounded*
 * activations (so only f32 sums differ: 1e-5 of the sum of |terms|) and with the true ones
 * (int8 rounding: 1/254 of a block's largest, per term, so 0.5 % of the sum of block bounds). */
#include "kernel_cases.h"

#include "gguf/quant.h"

enum { ROWS_MAX = 80, COLS_MAX = 768, M_MAX = 40, KEYS_MAX = 70 };
static alignas(64) u8 file[ROWS_MAX * COLS_MAX * 4 + 64], packed[ROWS_MAX * COLS_MAX * 4 + 64];
static u8 scratch[16 * COLS_MAX * 4];
static f32 x[M_MAX * COLS_MAX], rounded[M_MAX * COLS_MAX];
static f32 y[M_MAX * ROWS_MAX], y_want[M_MAX * ROWS_MAX], y_other[M_MAX * ROWS_MAX];
static u8 rows_block[M_MAX * COLS_MAX * 4 + 4096], rows_block2[M_MAX * COLS_MAX * 4 + 4096];
static f32 row[COLS_MAX];

static u64 seed;
static u32 random_u32(void) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (u32)(seed >> 33) ^ (u32)(seed >> 11);
}
static f32 random_f32(void) { return (f32)(i32)random_u32() * 0x1p-31f; } /* (-1, 1) */
static isize random_to(isize n) { return (isize)(random_u32() % (u32)n); }
static f32 absolute(f32 a) { return a < 0 ? -a : a; }

static const gguf_type types[] = {GGUF_Q4_0, GGUF_Q4_1, GGUF_Q8_0, GGUF_F32,  GGUF_F16, GGUF_BF16,
                                  GGUF_Q5_0, GGUF_Q5_1, GGUF_Q4_K, GGUF_Q5_K, GGUF_Q6_K};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* Random bytes with sane scale words (random halves are inf or NaN now and then). */
static k_weight weight_random(gguf_type type, isize rows, isize cols) {
  isize bytes = quant_row_bytes(type, cols) * rows, block = quant_layout_of(type).block_bytes;
  for (isize i = 0; i < bytes; i++) file[i] = (u8)random_u32();
  for (isize i = 0; i + block <= bytes; i += block) {
    u8 *at = file + i;
    u16 d = f16_from_f32(random_f32() * 0.1f), m = f16_from_f32(random_f32());
    isize d_at = type == GGUF_Q6_K ? 208 : 0;
    switch (type) {
      case GGUF_F32: {
        f32 value = random_f32();
        bytes_copy(at, &value, 4);
        continue;
      }
      case GGUF_F16: bytes_copy(at, &m, 2); continue;
      case GGUF_BF16: {
        u32 bits = f32_to_bits(random_f32());
        at[0] = (u8)(bits >> 16), at[1] = (u8)(bits >> 24);
        continue;
      }
      default: bytes_copy(at + d_at, &d, 2);
    }
    if (type == GGUF_Q4_1 || type == GGUF_Q5_1 || type == GGUF_Q4_K || type == GGUF_Q5_K) {
      bytes_copy(at + 2, &m, 2);
    }
  }
  bytes_copy(packed, file, bytes);
  return (k_weight){.type = type, .rows = rows, .cols = cols, .at = packed};
}

static void rows_random(isize m, isize d) {
  for (isize i = 0; i < m * d; i++) x[i] = random_f32() * (i / 32 % 7 == 3 ? 100.f : 1.f);
  for (isize i = 0; i < 32; i++) x[random_to(m * d)] = 0;
  if (random_to(4) == 0) bytes_zero(x, 32 * 4); /* a block of zeros */
}

static const k_table *reference(void) { return k_table_named("ref"); }

/* One block from the definition: at[32] -> what its integers stand for; the scale. */
static f32 block_round(const f32 *at, f32 *to) {
  f32 max = 0;
  for (isize i = 0; i < 32; i++) max = absolute(at[i]) > max ? absolute(at[i]) : max;
  f32 scale = max / 127, inverse = max > 0 ? 127 / max : 0;
  for (isize i = 0; i < 32; i++) {
    f32 q = at[i] * inverse + 0x1.8p23f; /* to nearest, ties to even */
    to[i] = (q - 0x1.8p23f) * scale;
  }
  return scale;
}

/* What the integers stand for: scale * q, and of a block that holds most of a row also those of
 * what that left. How many rows have one. */
static isize rows_round(isize m, isize d) {
  isize n_fine = 0;
  for (isize i = 0; i < m; i++) {
    f32 most = 0, all = 0, left[32], fine[32];
    isize at = 0;
    for (isize b = i * d; b < (i + 1) * d; b += 32) {
      f32 scale = block_round(x + b, rounded + b);
      all += scale * scale;
      if (scale * scale > most) most = scale * scale, at = b;
    }
    if (!(most > K_FINE_SHARE * all)) continue;
    for (isize j = 0; j < 32; j++) left[j] = x[at + j] - rounded[at + j];
    (void)block_round(left, fine);
    for (isize j = 0; j < 32; j++) rounded[at + j] += fine[j];
    n_fine++;
  }
  return n_fine;
}

static const char *products_agree(const k_table *table) {
  isize n_fine = 0, n_all = 0;
  seed = 1;
  for (isize round = 0; round < 120; round++) {
    gguf_type type = types[round % N_TYPES];
    bool k_type = quant_layout_of(type).block_elements == 256;
    isize cols = k_type ? 256 * (1 + random_to(3)) : 32 * (1 + random_to(24));
    isize n_rows = 1 + random_to(ROWS_MAX), m = 1 + random_to(M_MAX);
    k_weight w = weight_random(type, n_rows, cols), plain = w;
    plain.at = file;
    k_weight_pack(&w, packed, scratch);
    rows_random(m, cols);
    n_fine += rows_round(m, cols);
    n_all += m;
    k_rows rows = k_rows_place(rows_block, m, cols);
    table->rows_quantize(&rows, x, 0, m);
    isize split = random_to(k_tiles(&w) + 1);
    for (isize i = 0; i < m * ROWS_MAX; i++) y[i] = 12345;
    table->matmul(y, ROWS_MAX, &w, &rows, m, 0, split);
    table->matmul(y, ROWS_MAX, &w, &rows, m, split, k_tiles(&w));
    for (isize r = 0; r < n_rows; r++) {
      k_weight_row(&plain, r, row);
      bool integers = w.packed && r < n_rows / 16 * 16 && table != reference();
      for (isize i = 0; i < m; i++) {
        f64 want = 0, size = 0, want_true = 0, bound = 0;
        for (isize j = 0; j < cols; j++) {
          f64 term = (f64)row[j] * (f64)(integers ? rounded : x)[i * cols + j];
          want += term;
          size += term < 0 ? -term : term;
          want_true += (f64)row[j] * (f64)x[i * cols + j];
        }
        if (integers && w.type != GGUF_Q8_0) size *= 4; /* d * isum and m * sum apart are larger */
        for (isize b = 0; b < cols; b += 32) {
          f64 max = 0, sum = 0;
          for (isize j = b; j < b + 32; j++) {
            f64 a = (f64)absolute(x[i * cols + j]);
            max = a > max ? a : max;
            sum += (f64)absolute(row[j]);
          }
          bound += max / 253 * sum;
        }
        f64 off = (f64)y[i * ROWS_MAX + r] - want, off_true = (f64)y[i * ROWS_MAX + r] - want_true;
        off = off < 0 ? -off : off, off_true = off_true < 0 ? -off_true : off_true;
        if (!(off <= 1e-5 * size + 1e-6)) return gguf_type_name(type);
        if (!(off_true <= bound + 1e-5 * size + 1e-6)) return "further off than rounding explains";
      }
      for (isize i = 0; i < m; i++) y[i * ROWS_MAX + r] = 12345;
    }
    for (isize i = 0; i < m * ROWS_MAX; i++) {
      if (y[i] != 12345) return "wrote outside its rows";
    }
  }
  if (n_fine < n_all / 10 || n_fine > n_all * 9 / 10)
    return "too few rows with a finer block, or without";
  return nullptr;
}

static bool same_bits(const f32 *a, const f32 *b, isize n) {
  for (isize i = 0; i < n; i++) {
    if (f32_to_bits(a[i]) != f32_to_bits(b[i])) return false;
  }
  return true;
}

/* Row i of a batch is bit for bit the row alone, and any range of tiles gives the same. */
static const char *products_do_not_depend_on_the_batch(const k_table *table) {
  seed = 2;
  for (isize round = 0; round < 44; round++) {
    gguf_type type = types[round % N_TYPES];
    isize cols = 256 * (1 + random_to(3)), n_rows = 16 + random_to(ROWS_MAX - 16);
    isize m = 2 + random_to(M_MAX - 2);
    k_weight w = weight_random(type, n_rows, cols);
    k_weight_pack(&w, packed, scratch);
    rows_random(m, cols);
    k_rows rows = k_rows_place(rows_block, m, cols);
    table->rows_quantize(&rows, x, 0, m / 2);
    table->rows_quantize(&rows, x, m / 2, m);
    table->matmul(y, ROWS_MAX, &w, &rows, m, 0, k_tiles(&w));
    for (isize i = 0; i < m; i++) {
      k_rows one = k_rows_place(rows_block2, 1, cols);
      table->rows_quantize(&one, x + i * cols, 0, 1);
      for (isize t = 0; t < k_tiles(&w); t++) table->matmul(y_other, 0, &w, &one, 1, t, t + 1);
      if (!same_bits(y + i * ROWS_MAX, y_other, n_rows)) return gguf_type_name(type);
    }
    w.live = random_to(n_rows); /* 0: all of them; the others may come or not */
    isize n_live = w.live > 0 ? w.live : n_rows;
    rows.first = random_to(m); /* a view of some rows */
    isize n = 1 + random_to(m - rows.first);
    table->matmul(y_other, ROWS_MAX, &w, &rows, n, 0, k_tiles(&w));
    for (isize i = 0; i < n; i++) {
      const f32 *want = y + (rows.first + i) * ROWS_MAX;
      if (!same_bits(y_other + i * ROWS_MAX, want, n_live)) return "rows from another one on";
    }
  }
  return nullptr;
}

/* Integers, scales and sums do not depend on the table. */
static const char *integers_equal_scalar(const k_table *table) {
  if (table == reference()) return nullptr; /* it has none */
  const k_table *scalar = k_table_named("scalar");
  seed = 3;
  for (isize round = 0; round < 20; round++) {
    isize d = 32 * (1 + random_to(24)), m = 1 + random_to(M_MAX);
    rows_random(m, d);
    k_rows a = k_rows_place(rows_block, m, d), b = k_rows_place(rows_block2, m, d);
    table->rows_quantize(&a, x, 0, m);
    scalar->rows_quantize(&b, x, 0, m);
    for (isize i = 0; i < m; i++) {
      for (isize k = 0; k < d / 32; k++) {
        isize e = (i / K_ROW_GROUP * (d / 32) + k) * K_ROW_GROUP + i % K_ROW_GROUP;
        if (a.isum[e] != b.isum[e]) return "isum";
        if (!same_bits(a.scale + e, b.scale + e, 1)) return "scale";
        if (!same_bits(a.sum + e, b.sum + e, 1)) return "sum";
      }
      isize e = round_up(m, K_ROW_GROUP) * (d / 32) + i;
      if (a.fine[i] != b.fine[i]) return "which block is finer";
      if (a.fine[i] > 0 && (a.isum[e] != b.isum[e] || !same_bits(a.sum + e, b.sum + e, 1))) {
        return "a finer block";
      }
    }
  }
  return nullptr;
}

/* One block, scale 1: y is the integer sum itself, equal everywhere, at the extremes too. */
static const char *integer_dots_are_exact(const k_table *table) {
  seed = 4;
  for (isize round = 0; round < 300; round++) {
    gguf_type type = (gguf_type[]){GGUF_Q4_0, GGUF_Q4_1, GGUF_Q8_0}[round % 3];
    isize block = quant_layout_of(type).block_bytes;
    k_weight w = weight_random(type, 16, 32);
    for (isize r = 0; r < 16; r++) {
      u8 *at = packed + r * block;
      at[0] = 0, at[1] = 0x3C; /* d = 1 */
      if (type == GGUF_Q4_1) at[2] = at[3] = 0;
      for (isize i = type == GGUF_Q4_1 ? 4 : 2; i < block; i++) {
        if (round < 60) at[i] = (u8[]){0xFF, 0x00, 0x80, 0x7F}[round / 3 % 4];
      }
    }
    bytes_copy(file, packed, 16 * block);
    k_weight plain = w;
    plain.at = file;
    k_weight_pack(&w, packed, scratch);
    for (isize i = 0; i < 3 * 32; i++) {
      isize sign = round % 5 == 0 ? 1 : round % 5 == 1 ? -1 : i % 2 ? 1 : -1;
      x[i] = round < 60 ? (f32)(127 * sign) : (f32)(random_to(255) - 127);
      if (i % 32 == 0) x[i] = 127; /* so that scale is 1 */
    }
    k_rows rows = k_rows_place(rows_block, 3, 32);
    table->rows_quantize(&rows, x, 0, 3);
    table->matmul(y, 16, &w, &rows, 3, 0, 1);
    for (isize r = 0; r < 16; r++) {
      k_weight_row(&plain, r, row);
      for (isize i = 0; i < 3; i++) {
        f32 want = 0;
        for (isize j = 0; j < 32; j++) want += row[j] * x[i * 32 + j];
        if (y[i * 16 + r] != want) return gguf_type_name(type);
      }
    }
  }
  return nullptr;
}

static bool near(const f32 *a, const f32 *b, isize n, f32 bound) {
  for (isize i = 0; i < n; i++) {
    if (!(absolute(a[i] - b[i]) <= bound * (1 + absolute(b[i])))) return false;
  }
  return true;
}

static const char *row_functions_agree(const k_table *table) {
  const k_table *ref = reference();
  seed = 5;
  for (isize round = 0; round < 200; round++) {
    isize n = 1 + random_to(COLS_MAX);
    f32 *a = x, *b = x + COLS_MAX, *w = x + 2 * COLS_MAX;
    for (isize i = 0; i < n; i++) {
      a[i] = random_f32() * 30, b[i] = random_f32() * 3, w[i] = random_f32();
    }
    if (round % 8 == 0) a[0] = 1e4f, a[n - 1] = -1e4f; /* sigmoid's ends */
    table->swiglu(y, a, b, n);
    ref->swiglu(y_want, a, b, n);
    if (!near(y, y_want, n, 1e-6f)) return "swiglu";
    bytes_copy(y, a, n * 4);
    table->swiglu(y, y, b, n);
    if (!near(y, y_want, n, 1e-6f)) return "swiglu in place";
    table->rms_norm(y, a, w, n, 1e-5f);
    ref->rms_norm(y_want, a, w, n, 1e-5f);
    if (!near(y, y_want, n, 2e-6f)) return "rms_norm";
    bytes_copy(y, a, n * 4);
    table->rms_norm(y, y, w, n, 1e-5f);
    if (!near(y, y_want, n, 2e-6f)) return "rms_norm in place";
    bytes_copy(y, a, n * 4);
    bytes_copy(y_want, a, n * 4);
    table->add(y, b, n);
    ref->add(y_want, b, n);
    if (!same_bits(y, y_want, n)) return "add";
    isize rank = 1 + random_to(8); /* halves in rows of n, behind one another */
    for (isize i = 0; i < rank * n; i++) {
      u16 half = f16_from_f32(random_f32());
      bytes_copy(file + 2 * i, &half, 2);
    }
    k_lora lora = {.y = y,
                   .h = b,
                   .b = file,
                   .b_stride_bytes = 2 * n,
                   .m = 1,
                   .rank = isize_min(rank, n),
                   .n = n};
    table->lora_add(&lora);
    lora.y = y_want;
    ref->lora_add(&lora);
    if (!near(y, y_want, n, 2e-5f)) return "lora_add";
    bytes_copy(y, y_want, n * 4);
    isize pairs = n / 2 * 2;
    table->rope(y, w, pairs);
    ref->rope(y_want, w, pairs);
    if (!near(y, y_want, n, 1e-5f)) return "rope";
  }
  return nullptr;
}

/* m rows are those of m calls, bit for bit, and near the definition; nothing else is touched. */
static const char *low_rank_rows_agree(const k_table *table) {
  const k_table *ref = reference();
  seed = 8;
  for (isize round = 0; round < 60; round++) {
    isize rank = 1 + random_to(20), n = 1 + random_to(100), m = 1 + random_to(M_MAX);
    f32 *h = x, *y_row = x + COLS_MAX * M_MAX / 2;
    for (isize i = 0; i < rank * n; i++) {
      u16 half = f16_from_f32(random_f32());
      bytes_copy(file + 2 * i, &half, 2);
    }
    for (isize i = 0; i < m * rank; i++) h[i] = random_f32();
    for (isize i = 0; i < m * ROWS_MAX; i++) y[i] = y_want[i] = y_other[i] = random_f32();
    k_lora work = {.y = y,
                   .y_stride = ROWS_MAX,
                   .h = h,
                   .h_stride = rank,
                   .b = file,
                   .b_stride_bytes = 2 * n,
                   .m = m,
                   .rank = rank,
                   .n = isize_min(n, ROWS_MAX)};
    table->lora_add(&work);
    work.y = y_want;
    ref->lora_add(&work);
    if (!near(y, y_want, m * ROWS_MAX, 2e-5f)) return "m rows";
    for (isize i = 0; i < m; i++) {
      k_lora one = work;
      bytes_copy(y_row, y_other + i * ROWS_MAX, ROWS_MAX * 4);
      one.y = y_row, one.m = 1;
      one.h = h + i * rank;
      table->lora_add(&one);
      if (!same_bits(y_row, y + i * ROWS_MAX, ROWS_MAX)) return "a row depends on the others";
    }
  }
  return nullptr;
}

static const char *argmax_finds_the_first(const k_table *table) {
  seed = 6;
  for (isize round = 0; round < 300; round++) {
    isize n = 1 + random_to(COLS_MAX);
    for (isize i = 0; i < n; i++) x[i] = (f32)(i32)(random_u32() % 50) - 60;
    if (round % 3 == 0) x[random_to(n)] = __builtin_nanf("");
    isize want = 0;
    for (isize i = 1; i < n; i++) {
      if (x[i] > x[want] || x[want] != x[want]) want = x[i] == x[i] ? i : want;
    }
    if (table->argmax(x, n) != want) return "not the first of the largest";
  }
  return nullptr;
}

/* m random queries over n .. n + m - 1 random keys; keys and values interleaved, so the stride is
 * not d */
static k_attention attention_random(isize m, isize n_heads, isize d, isize n) {
  static f32 s[16 * (KEYS_MAX + 2 * 128)];
  for (isize i = 0; i < m * n_heads * d; i++) x[i] = random_f32() * 4;
  for (isize i = 0; i < (n + m - 1) * 2 * d; i++) rounded[i] = random_f32() * 2;
  for (isize i = 0; i < 16 * (KEYS_MAX + 2 * 128); i++) s[i] = __builtin_nanf("");
  return (k_attention){.out = y,
                       .q = x,
                       .out_stride = n_heads * d,
                       .q_stride = n_heads * d,
                       .k = rounded,
                       .v = rounded + d,
                       .kv_stride = 2 * d,
                       .d = d,
                       .n_heads = n_heads,
                       .m = m,
                       .n = n,
                       .scale = 0.25f,
                       .scratch = s};
}

static const char *attention_agrees(const k_table *table) {
  const k_table *ref = reference();
  seed = 7;
  for (isize round = 0; round < 60; round++) {
    isize d = 8 * (1 + random_to(12)), n_heads = 1 + random_to(4), m = 1 + random_to(8);
    isize n = 1 + random_to(50);
    k_attention a = attention_random(m, n_heads, d, n);
    table->attention_rows(&a);
    a.out = y_want;
    ref->attention_rows(&a);
    if (!near(y, y_want, m * n_heads * d, 1e-5f)) return "attention_rows";
    a.out = y_other; /* each row and head alone: the same bits */
    k_attention one = a;
    one.m = one.n_heads = 1;
    for (isize i = 0; i < m; i++) {
      for (isize h = 0; h < n_heads; h++) {
        one.out = a.out + (i * n_heads + h) * d;
        one.q = a.q + (i * n_heads + h) * d;
        one.n = n + i;
        table->attention_rows(&one);
      }
    }
    if (!same_bits(y, y_other, m * n_heads * d)) return "a row depends on its batch";
    table->attention(y, x, rounded, rounded + d, d, n, 2 * d, 0.25f, a.scratch);
    if (!near(y, y_want, d, 1e-5f)) return "attention";
  }
  return nullptr;
}

/* The same keys in one range and in two, the second somewhere behind: the same bits. */
static const char *attention_reads_two_ranges(const k_table *table) {
  static f32 apart[4 * KEYS_MAX * 128];
  seed = 9;
  for (isize round = 0; round < 80; round++) {
    isize d = 8 * (1 + random_to(12)), n_heads = 1 + random_to(4), m = 1 + random_to(8);
    isize n = 1 + random_to(50), n_keys = n + m - 1, gap = 1 + random_to(40);
    isize n_shared = random_to(n_keys + 2);
    k_attention a = attention_random(m, n_heads, d, n);
    for (isize i = 0; i < (n_keys + gap) * 2 * d; i++) apart[i] = __builtin_nanf("");
    for (isize i = 0; i < n_keys; i++) {
      isize to = i < n_shared ? i : i + gap;
      bytes_copy(apart + to * 2 * d, rounded + i * 2 * d, 2 * d * (isize)sizeof(f32));
    }
    table->attention_rows(&a);
    a.out = y_other;
    a.k = apart, a.v = apart + d;
    a.n_shared = n_shared, a.gap = gap;
    table->attention_rows(&a);
    if (!same_bits(y, y_other, m * n_heads * d)) return "two ranges differ from one";
  }
  return nullptr;
}

static const char *packed_rows_decode_as_before(const k_table *table) {
  (void)table;
  seed = 8;
  for (isize round = 0; round < 30; round++) {
    gguf_type type = types[round % 3];
    isize cols = 32 * (1 + random_to(24)), n_rows = 1 + random_to(ROWS_MAX);
    k_weight w = weight_random(type, n_rows, cols), plain = w;
    plain.at = file;
    k_weight_pack(&w, packed, scratch);
    for (isize r = 0; r < n_rows; r++) {
      k_weight_row(&plain, r, row);
      k_weight_row(&w, r, y);
      if (!same_bits(row, y, cols)) return gguf_type_name(type);
    }
  }
  return nullptr;
}

const kernel_case_entry kernel_cases[] = {
    {"packed rows decode as before", packed_rows_decode_as_before},
    {"integers equal scalar's", integers_equal_scalar},
    {"integer dots are exact", integer_dots_are_exact},
    {"products agree with the definition", products_agree},
    {"products do not depend on the batch", products_do_not_depend_on_the_batch},
    {"row functions agree", row_functions_agree},
    {"low-rank rows agree", low_rank_rows_agree},
    {"argmax finds the first", argmax_finds_the_first},
    {"attention agrees and does not depend on the batch", attention_agrees},
    {"attention reads two ranges", attention_reads_two_ranges},
    {},
};
