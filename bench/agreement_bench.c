/* How often the 8-bit activations of the CPU path choose another token than f32 activations do, on
 * the job itself: every row that decides a token of edited captions, teacher-forced.
 *   agreement_bench MODEL CAPTIONS N [ADAPTER|none [SETTING...]]   -> one JSON object
 *   agreement_bench MODEL CAPTIONS N none write:FILE   rows for tests/model/test_agreement.c
 * CAPTIONS: a file, one caption a line (to the first tab); N of them, evenly spread. Each is
 * edited, then prompt and answer run once more through f32 products and through each SETTING: int8
 * (the machine's best table), the names of products to leave in f32 joined by + (qkv o gate_up down
 * head), or ref (kernel_ref.c itself: a second a row; f32 differs from it by the order of sums).
 * Each has keys and values of its own. gap: f32's best logit less its second best, in nats
 * (margin), and how far the setting is off there; expected_misses: rows whose margin a normal error
 * of that size overcomes. Owns the f32 products and the counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit/lossless.h"
#include "model/model_internal.h"

enum { QKV = 1, O = 2, GATE_UP = 4, DOWN = 8, HEAD = 16, OTHER = 32, ALL = 63 };
static const struct {
  const char *name;
  u32 role;
} roles[] = {{"qkv", QKV}, {"o", O}, {"gate_up", GATE_UP}, {"down", DOWN}, {"head", HEAD}};

/* ---- f32 products ---- */
constexpr isize WEIGHTS_MAX = 1024;
static struct {
  const u8 *at;
  u32 role;
  f32 *values; /* decoded when first used */
} weights[WEIGHTS_MAX];
static isize n_weights;
static u32 f32_roles; /* of the products that are not 8-bit */
static const k_table *best_table;

static void weight_name(const k_weight *w, u32 role) {
  weights[n_weights].at = w->at;
  weights[n_weights++].role = role;
}

static void weights_name(const model *m) {
  for (isize i = 0; i < m->shape.n_layers; i++) {
    const model_layer *l = &m->layers[i];
    weight_name(&l->q, QKV), weight_name(&l->k, QKV), weight_name(&l->v, QKV);
    weight_name(&l->o, O), weight_name(&l->gate, GATE_UP), weight_name(&l->up, GATE_UP);
    weight_name(&l->down, DOWN);
  }
  weight_name(&m->head, HEAD);
}

static isize weight_find(const k_weight *w) {
  for (isize i = 0; i < n_weights; i++) {
    if (weights[i].at == w->at) return i;
  }
  weight_name(w, OTHER); /* an adapter's */
  return n_weights - 1;
}

static f32 dot(const f32 *a, const f32 *b, isize n) {
  f32 sums[32] = {};
  for (isize i = 0; i < n; i += 32) {
    for (isize j = 0; j < 32; j++) sums[j] += a[i + j] * b[i + j];
  }
  f64 sum = 0;
  for (isize j = 0; j < 32; j++) sum += (f64)sums[j];
  return (f32)sum;
}

static void matmul(f32 *y, isize y_stride, const k_weight *w, const k_rows *x, isize m,
                   isize tile_from, isize tile_to) {
  isize i_weight = weight_find(w);
  if (!(weights[i_weight].role & f32_roles)) {
    best_table->matmul(y, y_stride, w, x, m, tile_from, tile_to);
    return;
  }
  if (!weights[i_weight].values) {
    weights[i_weight].values = malloc((size_t)(w->rows * w->cols) * sizeof(f32));
    for (isize r = 0; r < w->rows; r++) {
      k_weight_row(w, r, weights[i_weight].values + r * w->cols);
    }
  }
  isize to = isize_min(tile_to * K_TILE_ROWS, w->rows);
  for (isize r = tile_from * K_TILE_ROWS; r < to; r++) {
    const f32 *row = weights[i_weight].values + r * w->cols;
    for (isize i = 0; i < m; i++) {
      y[i * y_stride + r] = dot(row, x->x + (x->first + i) * x->d, w->cols);
    }
  }
}

/* ---- the rows ---- */
constexpr isize SETTINGS_MAX = 32, CTX = 512, OUT_MAX = MODEL_ROWS_MAX;
typedef struct {
  const char *name;
  const k_table *table;
  u32 f32_roles;
  model_cache *cache;
  i32 cached[CTX];
  isize n_cached;
  f32 *logits; /* [OUT_MAX][n_vocab] of the caption's rows */
  isize n_rows, n_same, n_far; /* n_far: another token though f32's margin is over 0.1 */
  f64 gap_square, largest_margin; /* of the gap's error; of the rows that differ */
} setting;
static setting settings[SETTINGS_MAX];
static isize n_settings;
static f32 margins[1 << 16];
static isize n_margins;
static lossless l;
static FILE *rows_file;

static u32 roles_of(const char *name) {
  if (strcmp(name, "f32") == 0) return ALL;
  u32 found = 0;
  for (isize i = 0; i < (isize)(sizeof roles / sizeof *roles); i++) {
    if (strstr(name, roles[i].name)) found |= roles[i].role;
  }
  if (found == 0 && strcmp(name, "int8") != 0 && strcmp(name, "ref") != 0) exit(2);
  return found;
}

static void setting_add(const char *name) {
  setting *s = &settings[n_settings++];
  isize bytes = model_cache_bytes(l.engine->model, CTX);
  arena a = arena_of(malloc((size_t)bytes), bytes);
  static k_table mixed;
  mixed = *best_table;
  mixed.matmul = matmul;
  s->name = name;
  s->table = strcmp(name, "ref") == 0 ? k_table_named(name) : &mixed;
  s->f32_roles = roles_of(name);
  s->logits = malloc((size_t)(OUT_MAX * l.engine->model->shape.n_vocab) * sizeof(f32));
  if (model_cache_open(l.engine->model, CTX, &a, &s->cache)) exit(3);
}

/* Logits of the last n_out of tokens[n]. */
static void setting_run(setting *s, const i32 *tokens, isize n, isize n_out) {
  isize at = session_tokens_common(s->cached, s->n_cached, tokens, n - n_out);
  f32_roles = s->f32_roles;
  l.engine->model->table = s->table;
  while (at < n) {
    isize end = at < n - n_out ? isize_min(n - n_out, at + MODEL_ROWS_MAX) : n;
    const model_span span = {.kv = {.cache = s->cache},
                             .tokens = tokens + at,
                             .m = end - at,
                             .pos = at,
                             .n_out_rows = end == n ? n_out : 0};
    const model_pass pass = {.spans = &span,
                             .n_spans = 1,
                             .adapter = l.adapter ? l.adapter->tuning.adapter : nullptr,
                             .logits = end == n ? s->logits : nullptr};
    nf_status status;
    while ((status = model_pass_run(l.engine->model, l.plain->pass_scratch, l.engine->threads,
                                    &pass)) == NF_PENDING) {
    }
    if (status) exit(3);
    at = end;
  }
  memcpy(s->cached, tokens, (size_t)n * sizeof(i32));
  s->n_cached = n;
}

static isize largest_but(const f32 *x, isize n, isize but) {
  isize best = but == 0;
  for (isize i = 0; i < n; i++) {
    if (i != but && x[i] > x[best]) best = i;
  }
  return best;
}

static void rows_count(isize n_rows) {
  isize n_vocab = l.engine->model->shape.n_vocab;
  for (isize row = 0; row < n_rows; row++) {
    const f32 *want = settings[0].logits + row * n_vocab;
    isize first = largest_but(want, n_vocab, -1), second = largest_but(want, n_vocab, first);
    f32 margin = want[first] - want[second];
    if (n_margins < (1 << 16)) margins[n_margins++] = margin;
    for (isize i = 1; i < n_settings; i++) {
      setting *s = &settings[i];
      const f32 *got = s->logits + row * n_vocab;
      bool same = largest_but(got, n_vocab, -1) == first;
      f64 error = (f64)(got[first] - got[second]) - (f64)margin;
      s->gap_square += error * error;
      s->n_rows++;
      s->n_same += same;
      s->n_far += !same && margin > 0.1f;
      if (!same) s->largest_margin = fmax(s->largest_margin, (f64)margin);
    }
  }
}

/* A line: tokens behind the prefix, how many rows decide one; the tokens; best and 1000 margins. */
static void rows_write(const i32 *tokens, isize n, isize n_prefix, isize n_out) {
  isize n_vocab = l.engine->model->shape.n_vocab;
  static bool begun;
  for (isize i = begun ? n_prefix : 0; i < n; i++) {
    if (!begun && i == 0) fprintf(rows_file, "%td", n_prefix);
    if (i == n_prefix) fprintf(rows_file, "%s%td %td", begun ? "" : "\n", n - i, n_out);
    fprintf(rows_file, " %d", tokens[i]);
  }
  for (isize row = 0; row < n_out; row++) {
    const f32 *logits = settings[0].logits + row * n_vocab;
    isize first = largest_but(logits, n_vocab, -1), second = largest_but(logits, n_vocab, first);
    fprintf(rows_file, " %td %.0f", first, 1000 * ((f64)logits[first] - (f64)logits[second]));
  }
  fprintf(rows_file, "\n");
  begun = true;
}

static void caption_run(nf_bytes caption) {
  static i32 tokens[EDIT_TOKENS_MAX];
  const edit *e = l.work->edit;
  l.engine->model->table = best_table;
  if (lossless_edit(&l, caption, 2, false) != NF_OK) exit(3);
  if (e->receipt.input_tokens == 0) return;
  isize n = e->n_prompt + e->n_answer, n_out = e->n_answer + e->ended;
  if (n > CTX || n_out > OUT_MAX) return;
  memcpy(tokens, e->prompt, (size_t)e->n_prompt * sizeof(i32));
  memcpy(tokens + e->n_prompt, e->answer, (size_t)e->n_answer * sizeof(i32));
  /* row i decides token i + 1: the last of the prompt and the answer, but its last if unended */
  n -= !e->ended;
  for (isize i = 0; i < n_settings; i++) setting_run(&settings[i], tokens, n, n_out);
  rows_count(n_out);
  if (rows_file) rows_write(tokens, n, e->prefix->n, n_out);
}

static void print(void) {
  printf("{\"rows\": %td, \"margins_below\": {", n_margins);
  static const f32 bounds[] = {0.01f, 0.02f, 0.05f, 0.1f, 0.2f, 0.5f, 1.0f};
  for (isize i = 0; i < 7; i++) {
    isize n = 0;
    for (isize j = 0; j < n_margins; j++) n += margins[j] < bounds[i];
    printf("%s\"%.2f\": %td", i ? ", " : "", (f64)bounds[i], n);
  }
  printf("}, \"settings\": [");
  for (isize i = 1; i < n_settings; i++) {
    const setting *s = &settings[i];
    f64 deviation = sqrt(s->gap_square / (f64)s->n_rows), expected = 0;
    for (isize j = 0; j < n_margins; j++) {
      expected += 0.5 * erfc((f64)margins[j] / deviation / sqrt(2));
    }
    printf(
        "%s\n {\"f32\": \"%s\", \"same\": %td, \"percent\": %.2f, \"gap_error_rms\": %.4f, "
        "\"expected_misses\": %.1f, \"misses_over_0.1\": %td, "
        "\"largest_margin_missed\": %.3f}",
        i > 1 ? "," : "", s->name, s->n_same, 100 * (f64)s->n_same / (f64)s->n_rows, deviation,
        expected, s->n_far, s->largest_margin);
  }
  printf("]}\n");
}

static nf_bytes file_of(const char *path) {
  os_map map;
  nf_error error = {};
  if (os_file_map(path, &map, &error)) {
    fprintf(stderr, "%s\n", error.line);
    exit(3);
  }
  return bytes_of(map.at, map.len);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  nf_bytes file = file_of(argv[1]), text = file_of(argv[2]);
  if (lossless_open(&l, (u8 *)file.at, file.len, text, 1)) return 3;
  nf_adapter *adapter = nullptr;
  if (argc > 4 && strcmp(argv[4], "none") != 0) {
    if (nf_adapter_open_file(l.engine, argv[4], &adapter, &l.error)) return 3;
    lossless_adapter_set(&l, adapter);
  }
  best_table = l.engine->model->table;
  weights_name(l.engine->model);
  setting_add("f32");
  setting_add("int8");
  for (int i = 5; i < argc; i++) {
    if (strncmp(argv[i], "write:", 6) == 0) {
      rows_file = fopen(argv[i] + 6, "w");
      if (!rows_file) return 3;
    } else {
      setting_add(argv[i]);
    }
  }
  isize n_lines = 0, wanted = atoi(argv[3]), at = 0;
  for (isize i = 0; i < text.len; i++) n_lines += text.at[i] == '\n';
  for (isize i = 0; i < n_lines; i++) {
    isize end = at, next;
    while (text.at[end] != '\n' && text.at[end] != '\t') end++;
    for (next = end; text.at[next] != '\n';) next++;
    if (i * wanted / n_lines != (i + 1) * wanted / n_lines) {
      caption_run(bytes_of(text.at + at, end - at));
    }
    at = next + 1;
  }
  print();
  return rows_file && fclose(rows_file) ? 3 : 0;
}
