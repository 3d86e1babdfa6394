/* Trials of attention, of moves in the cache and of the pick; see kernels_trial.c.
 * Attention: a span of three rows behind 258 cached positions, which lie in two ranges of the
 * cache, then one row more that finds the three in the cache. Read back: the last two rows. */
#include "base/math.h"
#include "gpu/kernels_trial.h"

constexpr isize CACHED = 258, SPAN = 3, SHARED = 100, GAP = 3, CTX = 272;
constexpr u32 QKV = 31, ROPE = 32, KV = 33, LOGITS = 34;

gpu_binding trial_attention_bind(gpu_kernels *k, gpu_trial *t) {
  const gpu_kernels_desc *d = &k->desc;
  isize width = (d->n_heads + 2 * d->n_kv_heads) * d->d_head, d_attn = d->n_heads * d->d_head;
  gpu_pass passes[2] = {{.m = SPAN, .kv_ctx = CTX, .rows = {0, 1, 2}},
                        {.m = 1, .row0 = SPAN, .kv_ctx = CTX, .rows = {SPAN}}};
  gpu_row rows[SPAN + 1];
  for (isize i = 0; i <= SPAN; i++) {
    rows[i] = (gpu_row){.pos = (u32)(CACHED + i),
                        .n_shared = SHARED,
                        .gap = GAP,
                        .span_row = i < SPAN ? 0 : SPAN,
                        .span_pos = (u32)(CACHED + (i < SPAN ? 0 : SPAN))};
  }
  i32 records = trial_buffer(t, sizeof rows, GPU_STORAGE);
  gpu_buffer_write(records, 0, rows, sizeof rows);
  gpu_attention_desc desc = {
      .pass = trial_passes(t, passes, 2),
      .records = records,
      .records_bytes = sizeof rows,
      .qkv = trial_numbers(t, QKV, (SPAN + 1) * width),
      .rope = trial_numbers(t, ROPE, CTX * d->d_rope),
      .kv = trial_numbers(t, KV, 2 * d->n_kv_heads * CTX * d->d_head),
  };
  i64 out_bytes = (SPAN + 1) * d_attn * 4;
  desc.out = (gpu_binding){trial_buffer(t, out_bytes, GPU_STORAGE), 0, out_bytes};
  t->binds[t->n_binds++] = gpu_attention_bind(k, &desc);
  return desc.out;
}

void trial_attention_start(gpu_kernels *k, gpu_trial *t) {
  gpu_binding out = trial_attention_bind(k, t);
  i16 at = t->variant == GPU_VEC ? k->attention_quad : k->attention;
  gpu_attention_dispatch(k, at, t->binds[0], 0, SPAN);
  gpu_attention_dispatch(k, at, t->binds[0], GPU_PASS_STRIDE, 1);
  i64 from = (SPAN - 1) * (out.bytes / (SPAN + 1));
  t->ticket =
      gpu_submit(out.buffer, from, isize_min((isize)(out.bytes - from), GPU_TRIAL_BYTES / 8 * 8));
}

/* Column c of head `head` (of q, then k, then v) of row i, rotated when it is not v. */
static f64 qkv_at(const gpu_kernels_desc *d, isize i, isize head, isize c) {
  isize width = (d->n_heads + 2 * d->n_kv_heads) * d->d_head;
  u32 at = (u32)(i * width + head * d->d_head + c);
  f64 x = (f64)trial_number(QKV, at);
  if (c >= d->d_rope || head >= d->n_heads + d->n_kv_heads) return x;
  u32 pair = (u32)((CACHED + i) * d->d_rope + c / 2 * 2);
  f64 cos_x = (f64)trial_number(ROPE, pair), sin_x = (f64)trial_number(ROPE, pair + 1);
  if (c % 2) return (f64)trial_number(QKV, at - 1) * sin_x + x * cos_x;
  return x * cos_x - (f64)trial_number(QKV, at + 1) * sin_x;
}
/* Column c of the key (v 0) or value (v 1) of position j. */
static f64 kv_at(const gpu_kernels_desc *d, isize v, isize kv_head, isize j, isize c) {
  if (j >= CACHED) return qkv_at(d, j - CACHED, d->n_heads + v * d->n_kv_heads + kv_head, c);
  isize slot = j < SHARED ? j : j + GAP;
  return (f64)trial_number(KV, (u32)(((v * d->n_kv_heads + kv_head) * CTX + slot) * d->d_head + c));
}

/* One head of row i against out[d_head]. */
static bool head_right(const gpu_kernels_desc *d, isize i, isize head, const f32 *out) {
  isize kv_head = head / (d->n_heads / d->n_kv_heads), n = CACHED + i + 1;
  f64 q[256], mix[256] = {}, sum = 0, scale = 1 / __builtin_sqrt((f64)d->d_head);
  for (isize c = 0; c < d->d_head; c++) q[c] = qkv_at(d, i, head, c);
  for (isize j = 0; j < n; j++) {
    f64 dot = 0;
    for (isize c = 0; c < d->d_head; c++) dot += q[c] * kv_at(d, 0, kv_head, j, c);
    f64 e = math_exp(dot * scale); /* |dot| <= 2 d_head: no overflow */
    sum += e;
    for (isize c = 0; c < d->d_head; c++) mix[c] += e * kv_at(d, 1, kv_head, j, c);
  }
  for (isize c = 0; c < d->d_head; c++) {
    f64 off = (f64)out[c] - mix[c] / sum;
    if (!(off < 1e-4 && off > -1e-4)) return false;
  }
  return true;
}

u32 trial_attention_judge(const gpu_kernels *k, const f32 *out) {
  const gpu_kernels_desc *d = &k->desc;
  isize n_heads = isize_min(2 * d->n_heads, GPU_TRIAL_BYTES / 4 / d->d_head);
  for (isize i = 0; i < n_heads; i++) { /* every third head, and the last of each row */
    if (i % d->n_heads % 3 != 0 && i % d->n_heads != d->n_heads - 1) continue;
    isize row = i < d->n_heads ? SPAN - 1 : SPAN;
    if (!head_right(d, row, i % d->n_heads, out + i * d->d_head)) return 0;
  }
  return 1u << GPU_PLAIN;
}

/* ---- moves: two in the caches of two layers, the second of what the first one left ---- */

constexpr isize MOVES = 2, MOVE_LAYERS = 2, MOVE_SLOTS = 8;
static const gpu_move moves[MOVES] = {{.from_slot = 4, .to_slot = 1, .n = 3},
                                      {.from_slot = 2, .to_slot = 6, .n = 2}};
static const u8 slot_after[MOVE_SLOTS] = {0, 4, 5, 6, 4, 5, 5, 6}; /* what it held at first */

static isize move_layer_floats(const gpu_kernels_desc *d) { /* a gap after each, as GPU_ALIGN's */
  return 2 * d->n_kv_heads * MOVE_SLOTS * d->d_head + GPU_ALIGN / 4;
}
/* Floats read back, the last ones. */
static isize move_floats(const gpu_kernels_desc *d) {
  return isize_min(MOVE_LAYERS * move_layer_floats(d), GPU_TRIAL_BYTES / 4);
}

void trial_move_start(gpu_kernels *k, gpu_trial *t) {
  isize layer_floats = move_layer_floats(&k->desc), n = MOVE_LAYERS * layer_floats;
  gpu_binding kv = trial_numbers(t, KV, n);
  i32 uniform = trial_buffer(t, MOVES * GPU_ALIGN, GPU_UNIFORM);
  i32 bind = t->binds[t->n_binds++] = gpu_move_bind(k, uniform, kv);
  for (isize i = 0; i < MOVES; i++) {
    gpu_move move = moves[i];
    move.n_slots = MOVE_SLOTS, move.layer_floats = (u32)layer_floats;
    gpu_buffer_write(uniform, i * GPU_ALIGN, &move, sizeof move);
    gpu_move_run(k, bind, (u32)(i * GPU_ALIGN), (i32)move.n, MOVE_LAYERS);
  }
  isize read = move_floats(&k->desc);
  t->ticket = gpu_submit(kv.buffer, 4 * (n - read), 4 * read);
}

u32 trial_move_judge(const gpu_kernels *k, const f32 *kv) {
  isize d_head = k->desc.d_head, layer_floats = move_layer_floats(&k->desc);
  isize n = MOVE_LAYERS * layer_floats, first = n - move_floats(&k->desc);
  for (isize i = first; i < n; i++) {
    isize at = i % layer_floats, slot = at / d_head % MOVE_SLOTS, was = i;
    if (at < layer_floats - GPU_ALIGN / 4) was += (slot_after[slot] - slot) * d_head;
    if (kv[i - first] != trial_number(KV, (u32)was)) return 0;
  }
  return 1u << GPU_PLAIN;
}

/* ---- the pick: two rows of logits, zero but for some hundred; the largest one three times ---- */

constexpr isize SOME = 512;
constexpr f32 TOP = 9, INV_T = 1.25f, MIN_P_LOG = -5; /* only some of SOME are likely enough */

static isize some_n(const gpu_kernels_desc *d) { return isize_min(SOME, d->n_vocab / 2); }
/* Logit i of the first or last some_n of row `row`. */
static f32 logit_of(u32 row, isize i, isize n) {
  if (i == n / 3 || i == n / 2 || i == n + n / 5) return TOP; /* in one chunk, and another */
  return 8.5f * trial_number(LOGITS + row, (u32)i);
}
static const gpu_row pick_rows[2] = {
    {.asked = 1},
    {.asked = 0, .pos = 7, .seed_low = 99, .inv_temperature = INV_T, .min_p_log = MIN_P_LOG}};

void trial_pick_start(gpu_kernels *k, gpu_trial *t) {
  isize n_vocab = k->desc.n_vocab, n = some_n(&k->desc);
  gpu_pass pass = {.m = 2, .rows = {0, 1}};
  gpu_pick_desc desc = {.pass = trial_passes(t, &pass, 1),
                        .records = trial_buffer(t, sizeof pick_rows, GPU_STORAGE),
                        .records_bytes = sizeof pick_rows,
                        .results = trial_buffer(t, 2 * sizeof(gpu_result), GPU_STORAGE),
                        .results_bytes = 2 * sizeof(gpu_result)};
  gpu_buffer_write(desc.records, 0, pick_rows, sizeof pick_rows);
  desc.logits = (gpu_binding){trial_buffer(t, 8 * n_vocab, GPU_STORAGE), 0, 8 * n_vocab};
  f32 some[SOME];
  for (u32 row = 0; row < 2; row++) {
    for (isize half = 0; half < 2; half++) {
      for (isize i = 0; i < n; i++) some[i] = logit_of(row, half * n + i, n);
      isize at = (isize)row * n_vocab + (half ? n_vocab - n : 0);
      gpu_buffer_write(desc.logits.buffer, 4 * at, some, 4 * n);
    }
  }
  i32 bind = t->binds[t->n_binds++] = gpu_pick_bind(k, &desc);
  gpu_pick_run(k, bind, 0, 2);
  t->ticket = gpu_submit(desc.results, 0, 2 * sizeof(gpu_result));
}

/* The noise of a token of the second row, by the definition (model/pick.h, which this folder may
 * not include). trial_hash(s, i) mixes s * 0x9E3779B9 + i. */
static f64 noise(const gpu_row *row, u32 token) {
  u32 h = trial_hash(0, row->seed_low + 0x9E3779B9u);
  h = trial_hash(0, h ^ row->seed_high);
  h = trial_hash(0, h + row->pos + 1);
  h = trial_hash(0, h ^ token);
  return -math_log(-math_log(((f64)(h >> 9) + 0.5) * 0x1p-23));
}

u32 trial_pick_judge(const gpu_kernels *k, const gpu_result *results) {
  isize n_vocab = k->desc.n_vocab, n = some_n(&k->desc);
  for (u32 row = 0; row < 2; row++) {
    const gpu_row *r = &pick_rows[row];
    f64 sum = (f64)(n_vocab - 2 * n) * math_exp(-(f64)TOP), best = -1e30;
    isize token = n / 3; /* the first of the largest */
    for (isize i = 0; i < 2 * n; i++) {
      f64 logit = (f64)logit_of(row, i, n);
      isize at = i < n ? i : n_vocab - 2 * n + i;
      sum += math_exp(logit - (f64)TOP);
      if (r->inv_temperature == 0 || logit < (f64)(TOP + MIN_P_LOG)) continue;
      f64 noisy = logit * (f64)INV_T + noise(r, (u32)at);
      if (noisy > best) best = noisy, token = at;
    }
    f64 log_sum = math_log(sum) + (f64)TOP;
    f64 logit = (f64)logit_of(row, token < n ? token : token - n_vocab + 2 * n, n);
    f64 off = (f64)results[row].log_p_best - (logit - log_sum);
    f64 off_asked = (f64)results[row].log_p_asked - ((f64)logit_of(row, r->asked, n) - log_sum);
    if (results[row].token != token || (f64)results[row].logit != logit ||
        !(off < 1e-4 && off > -1e-4 && off_asked < 1e-4 && off_asked > -1e-4)) {
      return 0;
    }
  }
  return 1u << GPU_PLAIN;
}
