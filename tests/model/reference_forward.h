/* The llama architecture once more, plainly: f64, one token at a time, weights decoded from the
 * file by quant_decode_row, no cache tricks. What forward_cpu.c is checked against.
 * Source: Touvron et al. 2023, arXiv:2302.13971; Su et al. 2021, arXiv:2104.09864. */
#pragma once
#include <math.h>
#include <stdlib.h>

#include "gguf/quant.h"
#include "model/engine_fixture.h"

typedef struct {
  gguf_file gguf;
  void *directory;
  const u8 *file; /* as the file was: not repacked; borrowed */
  model_shape shape;
} reference;

static inline void reference_open(reference *ref, nf_bytes file) {
  *ref = (reference){.file = file.at};
  assert_int_equal(test_directory(file, &ref->directory, &ref->gguf, nullptr), NF_OK);
  assert_int_equal(model_shape_read(&ref->gguf, &ref->shape, nullptr), NF_OK);
}

static inline void reference_close(reference *ref) { free(ref->directory); }

/* Root mean square of the difference over that of the wanted logits, and the largest one. */
typedef struct {
  f64 relative_rms, largest;
} logit_error;

static inline logit_error logit_error_of(const f32 *got, const f64 *want, isize n) {
  f64 diff = 0, size = 0, largest = 0;
  for (isize i = 0; i < n; i++) {
    f64 e = (f64)got[i] - want[i];
    diff += e * e;
    size += want[i] * want[i];
    largest = fmax(largest, fabs(e));
  }
  return (logit_error){sqrt(diff / size), largest};
}

static inline void reference_row(const reference *ref, const char *name, isize row, f64 *out) {
  const gguf_tensor *t = gguf_tensor_find(&ref->gguf, name);
  f32 values[4096];
  isize n = t->dims[0];
  quant_decode_row(t->type, ref->file + t->offset + row * quant_row_bytes(t->type, n), values, n);
  for (isize i = 0; i < n; i++) out[i] = (f64)values[i];
}

static inline void reference_product(const reference *ref, const char *name, isize layer,
                                     const f64 *x, f64 *y) {
  char full[64];
  f64 row[4096];
  if (layer >= 0) {
    snprintf(full, sizeof full, "blk.%d.%s.weight", (int)layer, name);
  } else {
    snprintf(full, sizeof full, "%s.weight", name);
  }
  const gguf_tensor *t = gguf_tensor_find(&ref->gguf, full);
  for (isize r = 0; r < t->dims[1]; r++) {
    reference_row(ref, full, r, row);
    f64 sum = 0;
    for (isize i = 0; i < t->dims[0]; i++) sum += row[i] * x[i];
    y[r] = sum;
  }
}

static inline void reference_norm(const reference *ref, const char *name, isize layer, const f64 *x,
                                  f64 *y) {
  char full[64];
  f64 w[4096], sum = 0;
  isize d = ref->shape.d_model;
  if (layer >= 0) {
    snprintf(full, sizeof full, "blk.%d.%s.weight", (int)layer, name);
  } else {
    snprintf(full, sizeof full, "%s.weight", name);
  }
  reference_row(ref, full, 0, w);
  for (isize i = 0; i < d; i++) sum += x[i] * x[i];
  f64 factor = 1 / sqrt(sum / (f64)d + (f64)ref->shape.rms_eps);
  for (isize i = 0; i < d; i++) y[i] = x[i] * factor * w[i];
}

static inline void reference_rope(const reference *ref, f64 *x, isize n_heads, isize pos) {
  const model_shape *s = &ref->shape;
  f64 factors[256];
  bool has_factors = gguf_tensor_find(&ref->gguf, "rope_freqs.weight") != nullptr;
  if (has_factors) reference_row(ref, "rope_freqs.weight", 0, factors);
  for (isize h = 0; h < n_heads; h++) {
    for (isize i = 0; i < s->d_rope; i += 2) {
      f64 *p = x + h * s->d_head + i;
      f64 angle = (f64)pos * pow((f64)s->rope_base, -(f64)i / (f64)s->d_rope);
      if (has_factors) angle /= factors[i / 2];
      f64 a = p[0] * cos(angle) - p[1] * sin(angle), b = p[0] * sin(angle) + p[1] * cos(angle);
      p[0] = a;
      p[1] = b;
    }
  }
}

/* logits[n][n_vocab] of tokens[n] from position 0. */
static inline void reference_forward(const reference *ref, const i32 *tokens, isize n,
                                     f64 *logits) {
  const model_shape *s = &ref->shape;
  isize d = s->d_model, kv = s->n_kv_heads * s->d_head, group = s->n_heads / s->n_kv_heads;
  f64 *cache = calloc((size_t)(s->n_layers * 2 * n * kv), sizeof(f64));
  static f64 x[4096], y[4096], q[4096], out[4096], gate[4096], up[4096];
  for (isize t = 0; t < n; t++) {
    reference_row(ref, "token_embd.weight", tokens[t], x);
    for (isize l = 0; l < s->n_layers; l++) {
      f64 *k = cache + l * 2 * n * kv, *v = k + n * kv;
      reference_norm(ref, "attn_norm", l, x, y);
      reference_product(ref, "attn_q", l, y, q);
      reference_product(ref, "attn_k", l, y, k + t * kv);
      reference_product(ref, "attn_v", l, y, v + t * kv);
      reference_rope(ref, q, s->n_heads, t);
      reference_rope(ref, k + t * kv, s->n_kv_heads, t);
      for (isize h = 0; h < s->n_heads; h++) {
        f64 scores[1024], max = -INFINITY, sum = 0;
        for (isize j = 0; j <= t; j++) {
          const f64 *kj = k + j * kv + h / group * s->d_head;
          scores[j] = 0;
          for (isize i = 0; i < s->d_head; i++) scores[j] += q[h * s->d_head + i] * kj[i];
          scores[j] /= sqrt((f64)s->d_head);
          max = fmax(max, scores[j]);
        }
        for (isize j = 0; j <= t; j++) sum += scores[j] = exp(scores[j] - max);
        for (isize i = 0; i < s->d_head; i++) {
          f64 acc = 0;
          for (isize j = 0; j <= t; j++) {
            acc += scores[j] / sum * v[j * kv + h / group * s->d_head + i];
          }
          out[h * s->d_head + i] = acc;
        }
      }
      reference_product(ref, "attn_output", l, out, y);
      for (isize i = 0; i < d; i++) x[i] += y[i];
      reference_norm(ref, "ffn_norm", l, x, y);
      reference_product(ref, "ffn_gate", l, y, gate);
      reference_product(ref, "ffn_up", l, y, up);
      for (isize i = 0; i < s->d_ff; i++) gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i];
      reference_product(ref, "ffn_down", l, gate, y);
      for (isize i = 0; i < d; i++) x[i] += y[i];
    }
    reference_norm(ref, "output_norm", -1, x, y);
    bool tied = !gguf_tensor_find(&ref->gguf, "output.weight");
    reference_product(ref, tied ? "token_embd" : "output", -1, y, logits + t * s->n_vocab);
  }
  free(cache);
}
