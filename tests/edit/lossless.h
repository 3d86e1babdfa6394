/* Is speculation lossless? Captions made of tests/data/edit_lines.txt are edited with one guess, as
 * on a CPU, as on a GPU, and in variants; the tokens must be those of a second session that runs
 * one token a pass. Native (test_lossless.c) and in WebAssembly (tests/wasm): no libc here.
 * Owns the captions and the comparison; does NOT print. */
#pragma once
#include "api/internal.h"
#include "base/math.h"
#include "edit/state.h"
#include "model/pick.h"
#include "session/timeline.h"

typedef struct lossless lossless;
struct lossless {
  nf_engine *engine;
  nf_session *work, *plain; /* speculative; one token a pass */
  nf_adapter *adapter; /* of both, lossless_adapter_set; null: none */
  nf_bytes corpus; /* lines */
  nf_error error;
  const char *wrong; /* of the last line: null, or what differed */
  i32 n_lines, n_kept; /* lines compared; of those, answers that equal the caption */
  i32 n_draws; /* sampled answers compared */
  i32 n_skipped; /* spans were put back: not the model's own choice */
  i32 n_tokens, passes[4]; /* of the answers; by way of running: see lossless_ways */
  u32 hash; /* of all answers */
  /* Compares with another way of one token a pass than lossless_same, perhaps later; null: that
   * one. Not for sampled answers. */
  bool (*compare)(lossless *l, i32 line, const i32 *prompt, isize n_prompt, const i32 *tokens,
                  isize n, bool ended);
};

/* One guess; as on a CPU (every 8th caption); as on a GPU, whose plain steps run ahead. [3] of
 * passes: one by one. */
static const struct {
  isize rows_cheap, more_max;
} lossless_ways[3] = {{0, 0}, {4, 0}, {MODEL_ROWS_MAX, 2}};

static inline u32 lossless_random(u64 *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (u32)(*seed >> 33);
}

/* Words of line i of the corpus, some of them doubled, dropped, changed, damaged. */
static inline isize lossless_caption(const lossless *l, i32 i, u8 *out) {
  u64 seed = (u64)i * 0x9E3779B97F4A7C15u + 1;
  isize at = 0, len = 0, n_words = 0, starts[64];
  u32 which = lossless_random(&seed) % 100;
  for (; which > 0; which--) {
    while (at < l->corpus.len && l->corpus.at[at] != '\n') at++;
    at = at + 1 < l->corpus.len ? at + 1 : 0;
  }
  for (isize j = at; j < l->corpus.len && l->corpus.at[j] != '\n' && n_words < 63; j++) {
    if (j == at || l->corpus.at[j - 1] == ' ') starts[n_words++] = j;
    starts[n_words] = j + 2;
  }
  isize n = isize_min(3 + (isize)(lossless_random(&seed) % 6), n_words);
  isize first = (isize)(lossless_random(&seed) % (u32)(n_words - n + 1));
  for (isize w = first; w < first + n; w++) {
    static const char *const others[] = {"its", "the", "a", "is", "was", "there", "to", "of"};
    u32 dice = lossless_random(&seed) % 48;
    if (dice == 0 && n > 3) continue;
    for (i32 twice = 0; twice < (dice == 1 ? 2 : 1); twice++) {
      isize from = len;
      if (dice == 2) {
        for (const char *c = others[lossless_random(&seed) % 8]; *c; c++) out[len++] = (u8)*c;
      } else {
        for (isize j = starts[w]; j < starts[w + 1] - 1; j++) out[len++] = l->corpus.at[j];
      }
      if (dice == 3 && len - from > 3) out[from + 1] = out[from + 2]; /* a letter wrong */
      if (dice == 4 && len - from > 3) len--; /* the last one lost */
      out[len++] = ' ';
    }
  }
  return len - (len > 0);
}

static inline nf_status lossless_edit(lossless *l, nf_bytes text, isize way, bool variants) {
  nf_edit_desc desc = {.task = NF_TASK_FIX, .text = text, .seed = 5, .adapter = l->adapter};
  if (variants) desc.n_variants = 3;
  session *s = l->work->timeline;
  s->rows_cheap = lossless_ways[way].rows_cheap;
  s->more_max = l->compare ? 0 : lossless_ways[way].more_max;
  nf_status status = nf_edit_begin(l->work, &desc, &l->error);
  while (status == NF_OK && (status = nf_edit_step(l->work, &l->error)) == NF_PENDING) {
    status = NF_OK;
  }
  return status;
}

/* pick.h and model.h, once more. temperature 0: the largest. */
static inline i32 lossless_choose(const f32 *logits, isize n, f32 temperature, u64 seed,
                                  isize pos) {
  isize best = 0;
  for (isize t = 1; t < n; t++) best = logits[t] > logits[best] ? t : best;
  if (temperature == 0) return (i32)best;
  f32 least = logits[best] + temperature * (f32)math_log((f64)0.05f), most = 0;
  best = -1;
  for (isize t = 0; t < n; t++) {
    if (logits[t] < least) continue;
    f32 key = logits[t] / temperature + pick_gumbel(pick_hash(seed, (u32)pos, (u32)t));
    if (best < 0 || key > most) best = t, most = key;
  }
  return (i32)best;
}

/* The answer again, one token a pass, is tokens[n] (and then its end, when it ended). */
static inline bool lossless_same(lossless *l, const i32 *prompt, isize n_prompt, const i32 *tokens,
                                 isize n, bool ended, f32 temperature, u64 seed) {
  session *s = l->plain->timeline;
  isize cached;
  if (session_set(s, prompt, n_prompt, &cached) != NF_OK) return false;
  bool same = true;
  for (isize i = 0; i < n + ended && same; i++) {
    nf_status status;
    while ((status = session_run(s)) == NF_PENDING) {
    }
    if (status != NF_OK) return false;
    i32 token = lossless_choose(session_logits(s), s->n_vocab, temperature, seed, n_prompt + i);
    same = i == n ? text_is_end(l->engine->vocab, token)
                  : token == tokens[i] && session_push(s, token) == NF_OK;
  }
  l->passes[3] += (i32)session_passes(s);
  return same;
}

/* Line i of the captions. false: l->wrong says what differed. variants: sampled answers too. */
static inline bool lossless_line(lossless *l, i32 i, bool variants) {
  static i32 answer[EDIT_TOKENS_MAX], prompt[EDIT_TOKENS_MAX];
  u8 caption[1024];
  nf_bytes text = bytes_of(caption, lossless_caption(l, i, caption));
  const edit *e = l->work->edit;
  isize n = 0, n_prompt = 0;
  l->wrong = nullptr;
  for (isize way = 0; way < 3; way++) {
    if (way == 1 && i % 8 != 1) continue;
    if (way == 0 && i % 4 != 0 && l->compare) continue; /* the long run: the tree's first guess */
    if (lossless_edit(l, text, way, false) != NF_OK) {
      l->wrong = l->error.line;
      return false;
    }
    if (e->receipt.input_tokens == 0) return true; /* no words in it */
    if (e->receipt.forced > 0) {
      l->n_skipped++;
      return true;
    }
    l->passes[way] += e->receipt.passes;
    if (n_prompt == 0) {
      n = e->n_answer;
      n_prompt = e->n_prompt;
      bytes_copy(answer, e->answer, n * (isize)sizeof(i32));
      bytes_copy(prompt, e->prompt, n_prompt * (isize)sizeof(i32));
      if (l->compare && i % 16 != 0
              ? !l->compare(l, i, prompt, n_prompt, answer, n, e->ended)
              : !lossless_same(l, prompt, n_prompt, answer, n, e->ended, 0, 0)) {
        l->wrong = "one token a pass";
        return false;
      }
    } else if (n != e->n_answer || session_tokens_common(answer, n, e->answer, n) != n) {
      l->wrong = way == 1 ? "a tree as on a CPU" : "a tree as on a GPU";
      return false;
    }
  }
  for (isize j = 0; j < n; j++) l->hash = l->hash * 31 + (u32)answer[j];
  l->n_lines++;
  l->n_tokens += (i32)n;
  l->n_kept += n == e->n_source - 1 && session_tokens_common(answer, n, e->source, n) == n;
  if (!variants) return true;
  if (lossless_edit(l, text, i % 3, true) != NF_OK) return false;
  for (isize k = 0; k < e->n_draws && e->n_drawn > 0; k++) {
    const edit_draw *draw = &e->draws[k];
    l->n_draws++;
    if (!lossless_same(l, prompt, n_prompt, draw->tokens, draw->n, draw->ended, 0.9f,
                       e->seed + (u64)(e->i_draw + k + 1))) {
      l->wrong = "a sampled variant";
      return false;
    }
  }
  return true;
}

/* Over a model's bytes, 64-byte aligned, repacked in place. */
static inline nf_status lossless_open(lossless *l, u8 *file, i64 file_bytes, nf_bytes corpus,
                                      i32 n_threads) {
  const nf_engine_desc desc = {.n_threads = n_threads, .ctx_tokens_max = 512};
  *l = (lossless){.corpus = corpus};
  nf_status status = nf_engine_open_memory(file, file_bytes, &desc, &l->engine, &l->error);
  if (status == NF_OK) status = nf_session_open(l->engine, &l->work, &l->error);
  if (status == NF_OK) status = nf_session_open(l->engine, &l->plain, &l->error);
  return status;
}

/* The lines from now on; closed with the rest. */
static inline void lossless_adapter_set(lossless *l, nf_adapter *adapter) {
  l->adapter = adapter;
  session_adapter_set(l->plain->timeline, adapter->tuning.adapter);
}

static inline void lossless_close(lossless *l) {
  nf_session_close(l->work);
  nf_session_close(l->plain);
  nf_adapter_close(l->adapter);
  nf_engine_close(l->engine);
}
