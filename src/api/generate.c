/* Text generation, one pass a step: prompt -> tokens -> text with stop rules. Implements the
 * generate part of include/nearfield.h. The choice of a token is session/sampler.c's. */
#include "api/internal.h"
#include "base/text_out.h"
#include "base/utf8.h"

static nf_status stops_copy(nf_session *s, const nf_generate_desc *desc, nf_error *error) {
  generation *g = &s->generation;
  isize len = 0;
  constexpr isize n_max = (isize)(sizeof g->stop_ends / sizeof *g->stop_ends);
  if (desc->n_stops > n_max) {
    return error_set(error, NF_BAD_INPUT, E_STR("at most "), E_INT(n_max), E_STR(" stop strings"));
  }
  for (isize i = 0; i < desc->n_stops; i++) {
    if (desc->stops[i].len == 0 || len + desc->stops[i].len > g->stop_bytes_max) {
      return error_set(error, NF_BAD_INPUT, E_STR("stop strings are empty or over "),
                       E_INT(g->stop_bytes_max), E_STR(" bytes together"));
    }
    bytes_copy(g->stops + len, desc->stops[i].at, desc->stops[i].len);
    len += desc->stops[i].len;
    g->stop_ends[i] = len;
  }
  g->n_stops = desc->n_stops;
  return NF_OK;
}

static bool prompt_valid(const nf_generate_desc *desc) {
  if (desc->raw_prompt.at != nullptr) return utf8_valid(desc->raw_prompt);
  for (isize i = 0; i < desc->n_messages; i++) {
    if (!utf8_valid(desc->messages[i].text)) return false;
  }
  return true;
}

static nf_status too_long(const nf_engine *e, nf_error *error) {
  return error_set(error, NF_BAD_INPUT, E_STR("the prompt does not fit the context of "),
                   E_INT(e->ctx_tokens), E_STR(" tokens"));
}

/* *n is over the context where it has no room for so many. */
static nf_status prompt_encode(nf_session *s, const nf_generate_desc *desc, isize *n,
                               nf_error *error) {
  nf_engine *e = s->engine;
  nf_status status;
  *n = 0;
  if (!prompt_valid(desc)) return error_set(error, NF_BAD_INPUT, E_STR("the prompt is not UTF-8"));
  if (desc->raw_prompt.at == nullptr && desc->n_messages <= 0) {
    return error_set(error, NF_BAD_INPUT, E_STR("the prompt is empty"));
  }
  if (desc->raw_prompt.at != nullptr) {
    status = text_encode(e->vocab, desc->raw_prompt, false, s->ids, e->ctx_tokens, n, &s->scratch);
  } else {
    status = text_chat_encode(e->vocab, e->chat, desc->messages, desc->n_messages, s->ids,
                              e->ctx_tokens, n, &s->scratch);
  }
  if (status == NF_UNSUPPORTED) {
    return error_set(error, status,
                     E_STR("the model's chat template does not take messages in this order"));
  }
  if (status == NF_NO_MEMORY) return too_long(e, error);
  return *n > 0 ? NF_OK : error_set(error, NF_BAD_INPUT, E_STR("the prompt is empty"));
}

nf_status nf_generate_tokens(nf_session *session, const nf_generate_desc *desc, int32_t *n_tokens,
                             nf_error *error) {
  isize n;
  error_clear(error);
  nf_status status = prompt_encode(session, desc, &n, error);
  if (status == NF_OK) *n_tokens = (i32)n;
  return status;
}

nf_status nf_generate_begin(nf_session *session, const nf_generate_desc *desc, nf_error *error) {
  generation *g = &session->generation;
  error_clear(error);
  session->work = WORK_NONE;
  if (!sampler_valid(&desc->sampling)) {
    return error_set(error, NF_BAD_INPUT,
                     E_STR("sampling out of range: temperature 0..100, top_k >= 0, top_p and min_p "
                           "0..1, repeat_penalty 0 or 0.01..100, other penalties -100..100"));
  }
  nf_status status = adapter_check(session->engine, desc->adapter, error);
  if (status == NF_OK) status = stops_copy(session, desc, error);
  isize n = 0, cached;
  if (status == NF_OK) status = prompt_encode(session, desc, &n, error);
  if (status != NF_OK) return status;
  if (n >= session->engine->ctx_tokens) return too_long(session->engine, error);
  session_adapter_set(session->timeline,
                      desc->adapter != nullptr ? desc->adapter->tuning.adapter : nullptr);
  status = session_set(session->timeline, session->ids, n, &cached);
  if (status != NF_OK)
    return error_set(error, status, E_STR("the prompt does not fit the context"));
  g->how = desc->sampling;
  g->rng = session_rng_of(desc->sampling.seed);
  g->output_tokens = 0;
  g->output_tokens_max = session->engine->ctx_tokens - n;
  if (desc->output_tokens_max > 0) {
    g->output_tokens_max = isize_min(g->output_tokens_max, desc->output_tokens_max);
  }
  g->text_len = g->given = 0;
  g->end = NF_END_NONE;
  g->started_ns = os_clock_ns();
  session->receipt = (nf_receipt){.input_tokens = (i32)n, .cached_tokens = (i32)cached};
  session->work = WORK_GENERATE;
  return NF_OK;
}

/* Where the first stop string begins in the text at or after `from`; text_len when none does. */
static isize stop_find(const generation *g, isize from) {
  isize best = g->text_len;
  for (isize i = 0, start = 0; i < g->n_stops; start = g->stop_ends[i++]) {
    nf_bytes stop = bytes_of(g->stops + start, g->stop_ends[i] - start);
    isize back = isize_max(from - stop.len + 1, 0);
    isize at = bytes_find(bytes_of(g->text + back, g->text_len - back), stop);
    if (at >= 0) best = isize_min(best, back + at);
  }
  return best;
}

/* Of text[0, len): what is left without a character that is not complete yet. */
static isize whole_len(const u8 *text, isize len) {
  isize at = len; /* back to the lead byte of the last character */
  while (at > 0 && len - at < 4 && (text[at - 1] & 0xC0) == 0x80) at--;
  if (at == 0 || text[at - 1] < 0xC0) return len;
  u8 lead = text[at - 1];
  isize want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  return len - (at - 1) < want ? at - 1 : len;
}

/* How much of the text is certain: not the start of a stop string, not half a character. */
static isize certain_len(const generation *g) {
  isize certain = g->text_len;
  for (isize i = 0, start = 0; i < g->n_stops; start = g->stop_ends[i++]) {
    nf_bytes stop = bytes_of(g->stops + start, g->stop_ends[i] - start);
    for (isize n = isize_min(stop.len - 1, g->text_len); n > 0; n--) {
      nf_bytes tail = bytes_of(g->text + g->text_len - n, n);
      if (bytes_start_with(stop, tail)) {
        certain = isize_min(certain, g->text_len - n);
        break;
      }
    }
  }
  return isize_max(whole_len(g->text, certain), g->given);
}

static nf_status finish(nf_session *s, nf_generate_end end, nf_bytes *piece) {
  generation *g = &s->generation;
  g->end = end;
  /* a limit may have been met inside a character: that one is never given */
  g->text_len = isize_max(whole_len(g->text, g->text_len), g->given);
  *piece = bytes_of(g->text + g->given, g->text_len - g->given);
  g->given = g->text_len;
  s->receipt.total_ms = ms_since(g->started_ns);
  s->receipt.passes = (i32)session_passes(s->timeline);
  s->receipt.output_tokens = (i32)g->output_tokens;
  return NF_OK;
}

/* The next token. A greedy one is chosen where the model runs: no logits leave a GPU. */
static nf_status token_choose(nf_session *s, i32 *token) {
  generation *g = &s->generation;
  if (sampler_greedy(&g->how)) {
    session_verdict verdict;
    session_more_wanted(s->timeline, g->output_tokens_max - g->output_tokens - 1);
    nf_status status = session_verify(s->timeline, nullptr, 0, &verdict);
    if (status == NF_OK) *token = verdict.next;
    return status;
  }
  nf_status status = session_run(s->timeline);
  if (status != NF_OK) return status;
  const i32 *history;
  isize n_history = session_tokens(s->timeline, &history);
  *token = sampler_choose(session_logits(s->timeline), text_n_vocab(s->engine->vocab), &g->how,
                          history, n_history, &g->rng, s->sampler_scratch);
  return NF_OK;
}

/* Add the token's text, apply the stop rules. */
static nf_status advance(nf_session *s, i32 token, nf_bytes *piece) {
  generation *g = &s->generation;
  nf_engine *e = s->engine;
  if (g->output_tokens == 0) s->receipt.first_token_ms = ms_since(g->started_ns);
  if (text_is_end(e->vocab, token)) return finish(s, NF_END_MODEL, piece);
  g->output_tokens++;
  isize from = g->text_len;
  if (g->text_cap - g->text_len < text_token_bytes_max(e->vocab)) {
    return finish(s, NF_END_LENGTH, piece);
  }
  g->text_len += text_decode(e->vocab, token, false, g->text + from, g->text_cap - from);
  isize stop = stop_find(g, from);
  if (stop < g->text_len) {
    g->text_len = isize_max(stop, g->given);
    return finish(s, NF_END_STOP, piece);
  }
  if (g->output_tokens >= g->output_tokens_max) return finish(s, NF_END_LENGTH, piece);
  if (session_push(s->timeline, token) != NF_OK) return finish(s, NF_END_LENGTH, piece);
  isize certain = certain_len(g);
  *piece = bytes_of(g->text + g->given, certain - g->given);
  g->given = certain;
  return NF_PENDING;
}

nf_status nf_generate_step(nf_session *session, nf_bytes *piece, nf_error *error) {
  *piece = (nf_bytes){};
  error_clear(error);
  if (session->work != WORK_GENERATE) {
    return error_set(error, NF_BAD_INPUT, E_STR("no generation was begun on this session"));
  }
  if (session->generation.end != NF_END_NONE) return NF_OK;
  engine_enter(session->engine);
  i32 token;
  nf_status status = token_choose(session, &token);
  engine_leave(session->engine);
  if (status == NF_OK) return advance(session, token, piece);
  if (status == NF_PENDING) return status;
  session->work = WORK_NONE;
  return engine_step_failed(session->engine, status, error);
}

nf_generate_end nf_generate_end_get(const nf_session *session) { return session->generation.end; }

void nf_generate_receipt(const nf_session *session, nf_receipt *receipt) {
  *receipt = session->receipt;
}
