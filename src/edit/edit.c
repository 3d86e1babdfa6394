/* Request, prompt and phases of one edit; see edit.h. Passes are decode.c's and search.c's, what
 * becomes of an answer is outcome.c's. */
#include "edit/edit.h"

#include "base/text_out.h"
#include "base/utf8.h"
#include "edit/state.h"

/* words of both texts, and the diff's table; see words.h */
constexpr isize SCRATCH_BYTES = (isize)1 << 20;

/* Every buffer an edit has, taken in this order; counted by edit_bytes. */
static bool buffers_take(edit *e, arena *a) {
  e->prompt = arena_new(a, e->ctx_tokens, i32);
  e->source = arena_new(a, EDIT_TOKENS_MAX, i32);
  e->source_ends = arena_new(a, EDIT_TOKENS_MAX, i32);
  e->answer = arena_new(a, EDIT_TOKENS_MAX, i32);
  e->copied = arena_new(a, EDIT_TOKENS_MAX, i32);
  e->log_p = arena_new(a, EDIT_TOKENS_MAX, f32);
  e->source_text = arena_new(a, 2 * EDIT_TEXT_BYTES_MAX, u8);
  e->input = arena_new(a, EDIT_TEXT_BYTES_MAX, u8);
  e->plain = arena_new(a, EDIT_TEXT_BYTES_MAX, u8);
  e->protect_bytes = arena_new(a, EDIT_TEXT_BYTES_MAX, u8);
  e->protect = arena_new(a, EDIT_PROTECT_MAX, nf_bytes);
  e->spans = arena_new(a, EDIT_SPANS_MAX, keep_span);
  e->notes = arena_new(a, EDIT_NOTES_MAX, edit_note);
  e->trace = arena_new(a, EDIT_TRACE_BYTES, u8);
  e->search = arena_new(a, 1, edit_search);
  bool taken = e->search != nullptr;
  for (isize i = 0; i < NF_VARIANTS_MAX; i++) {
    e->draws[i].tokens = arena_new(a, EDIT_TOKENS_MAX, i32);
    e->out[i].text = arena_new(a, 2 * EDIT_TEXT_BYTES_MAX, u8);
    e->out[i].changes = arena_new(a, EDIT_CHANGES_MAX, nf_change);
    taken = taken && e->out[i].changes != nullptr;
  }
  return taken;
}

isize edit_bytes(const model *m, isize ctx_tokens) {
  constexpr isize n_buffers = 17 + 3 * NF_VARIANTS_MAX, aligned = 64;
  isize bytes =
      (isize)sizeof(edit) + (isize)sizeof(edit_search) +
      (ctx_tokens + (5 + NF_VARIANTS_MAX) * EDIT_TOKENS_MAX) * (isize)sizeof(i32) +
      5 * EDIT_TEXT_BYTES_MAX + EDIT_PROTECT_MAX * (isize)sizeof(nf_bytes) +
      EDIT_SPANS_MAX * (isize)sizeof(keep_span) + EDIT_NOTES_MAX * (isize)sizeof(edit_note) +
      EDIT_TRACE_BYTES +
      NF_VARIANTS_MAX * (2 * EDIT_TEXT_BYTES_MAX + EDIT_CHANGES_MAX * (isize)sizeof(nf_change));
  bytes = bytes_add(bytes, edit_prefixes_bytes(m));
  bytes = bytes_add(bytes, n_buffers * aligned);
  return bytes_add(bytes, SCRATCH_BYTES + text_scratch_bytes(EDIT_TEXT_BYTES_MAX * 2));
}

nf_status edit_open(const text_vocab *vocab, text_template chat, session *timeline, const model *m,
                    isize ctx_tokens, arena *a, edit **out) {
  edit *e = arena_new(a, 1, edit);
  if (e == nullptr) return NF_NO_MEMORY;
  e->end_token = text_turn_end(vocab, chat);
  if (e->end_token < 0) return NF_UNSUPPORTED;
  e->vocab = vocab;
  e->chat = chat;
  e->timeline = timeline;
  e->ctx_tokens = ctx_tokens;
  e->n_vocab = model_shape_get(m)->n_vocab;
  if (!buffers_take(e, a)) return NF_NO_MEMORY;
  nf_status status = edit_prefixes_open(e, m, a);
  if (status != NF_OK) return status;
  isize scratch_bytes = SCRATCH_BYTES + text_scratch_bytes(EDIT_TEXT_BYTES_MAX * 2);
  u8 *scratch = arena_alloc(a, scratch_bytes, 1, 64);
  if (scratch == nullptr) return NF_NO_MEMORY;
  e->scratch = arena_of(scratch, scratch_bytes);
  *out = e;
  return NF_OK;
}

void edit_close(edit *e) { edit_prefixes_close(e); }

static nf_status protect_copy(edit *e, const nf_edit_desc *desc, nf_error *error) {
  isize len = 0;
  if (desc->n_protect > EDIT_PROTECT_MAX) {
    return error_set(error, NF_BAD_INPUT, E_STR("at most "), E_INT(EDIT_PROTECT_MAX),
                     E_STR(" protected terms"));
  }
  for (isize i = 0; i < desc->n_protect; i++) {
    nf_bytes term = desc->protect[i];
    if (len + term.len > EDIT_TEXT_BYTES_MAX) {
      return error_set(error, NF_BAD_INPUT, E_STR("protected terms are over "),
                       E_INT(EDIT_TEXT_BYTES_MAX), E_STR(" bytes together"));
    }
    bytes_copy(e->protect_bytes + len, term.at, term.len);
    e->protect[i] = bytes_of(e->protect_bytes + len, term.len);
    len += term.len;
  }
  e->n_protect = desc->n_protect;
  return NF_OK;
}

/* The tighter of both limits, at least 1: 0 would mean none. */
static isize chars_limit(const nf_edit_desc *desc) {
  isize limit = desc->max_chars;
  if (desc->max_cps > 0 && desc->duration_ms > 0) {
    f32 by_time = desc->max_cps * (f32)desc->duration_ms / 1000.0f; /* may be infinite */
    isize chars = by_time < (f32)EDIT_TEXT_BYTES_MAX ? (isize)by_time : EDIT_TEXT_BYTES_MAX;
    limit = isize_max(limit > 0 ? isize_min(limit, chars) : chars, 1);
  }
  return limit;
}

static nf_status limits_check(const nf_edit_desc *desc, nf_error *error) {
  if (desc->max_chars >= 0 && desc->max_lines >= 0 && desc->max_cps >= 0) return NF_OK; /* no NaN */
  return error_set(error, NF_BAD_INPUT,
                   E_STR("max_chars, max_lines and max_cps must not be negative"));
}

/* The task's row, as the adapter changes it. */
static nf_status task_take(edit *e, const nf_edit_desc *desc, const edit_tuning *tuning,
                           nf_error *error) {
  e->task = edit_task_of(desc->task);
  e->task_id = desc->task;
  e->adapter = tuning != nullptr ? tuning->adapter : nullptr;
  if (e->task == nullptr) {
    return error_set(error, NF_UNSUPPORTED, E_STR("there is no task "), E_INT(desc->task));
  }
  if (tuning != nullptr && tuning->one_task && tuning->task != desc->task) {
    return error_set(error, NF_BAD_INPUT, E_STR("the adapter is for the task "),
                     E_STR(edit_task_of(tuning->task)->name), E_STR(", not "),
                     E_STR(e->task->name));
  }
  bool offered = e->task->device || (tuning != nullptr && tuning->one_task);
  if (!offered && !desc->even_if_poor) {
    return error_set(error, NF_UNSUPPORTED, E_STR("the task "), E_STR(e->task->name),
                     E_STR(" is not offered on the device: "), E_STR(e->task->poor));
  }
  if (tuning == nullptr) return NF_OK;
  e->tuned = *e->task;
  e->task = &e->tuned;
  if (tuning->has_gate) e->tuned.gate = tuning->gate;
  if (tuning->system[0] != 0) {
    e->tuned.system = tuning->system;
    e->tuned.n_examples = 0;
  }
  return NF_OK;
}

static nf_status request_take(edit *e, const nf_edit_desc *desc, nf_error *error) {
  e->format = desc->format;
  if (desc->n_variants < 0 || desc->n_variants > NF_VARIANTS_MAX) {
    return error_set(error, NF_BAD_INPUT, E_STR("n_variants must be 0 to "),
                     E_INT(NF_VARIANTS_MAX));
  }
  if (desc->text.len > EDIT_TEXT_BYTES_MAX) {
    return error_set(error, NF_BAD_INPUT, E_STR("the caption has "), E_INT(desc->text.len),
                     E_STR(" bytes, at most "), E_INT(EDIT_TEXT_BYTES_MAX), E_STR(" are edited"));
  }
  if (!utf8_valid(desc->text))
    return error_set(error, NF_BAD_INPUT, E_STR("the caption is not UTF-8"));
  nf_status status = limits_check(desc, error);
  if (status == NF_OK) status = protect_copy(e, desc, error);
  if (status != NF_OK) return status;
  bytes_copy(e->input, desc->text.at, desc->text.len);
  e->input_len = desc->text.len;
  e->chars_max = chars_limit(desc);
  e->lines_max = desc->max_lines;
  e->n_variants = desc->n_variants > 0 ? desc->n_variants : 1;
  e->seed = desc->seed;
  e->tracing = desc->trace;
  return NF_OK;
}

/* system, examples, `caption` -> e->prompt. */
static nf_status prompt_encode(edit *e, nf_bytes caption, isize *n) {
  nf_message messages[2 + 2 * EDIT_EXAMPLES_MAX];
  isize n_messages = 0;
  messages[n_messages++] = (nf_message){NF_SYSTEM, bytes_from_str(e->task->system)};
  for (isize i = 0; i < e->task->n_examples; i++) {
    messages[n_messages++] = (nf_message){NF_USER, bytes_from_str(e->task->examples[i].before)};
    messages[n_messages++] = (nf_message){NF_ASSISTANT, bytes_from_str(e->task->examples[i].after)};
  }
  messages[n_messages++] = (nf_message){NF_USER, caption};
  arena scratch = e->scratch;
  return text_chat_encode(e->vocab, e->chat, messages, n_messages, e->prompt, e->ctx_tokens, n,
                          &scratch);
}

/* How many tokens two prompts of the task share whatever the caption: counted once a prefix. */
static nf_status prefix_count(edit *e) {
  isize *n_prefix = &e->prefix->n;
  if (*n_prefix > 0) return NF_OK;
  isize n_a, n_b;
  nf_status status = prompt_encode(e, bytes_from_str("A"), &n_a);
  if (status != NF_OK) return status;
  isize n_copy = isize_min(n_a, EDIT_TOKENS_MAX);
  bytes_copy(e->answer, e->prompt, n_copy * (isize)sizeof(i32));
  status = prompt_encode(e, bytes_from_str("7"), &n_b);
  if (status != NF_OK) return status;
  isize n = 0;
  while (n < isize_min(n_copy, n_b) && e->answer[n] == e->prompt[n]) n++;
  *n_prefix = n;
  return NF_OK;
}

/* The prefix of the request's task and adapter, and a prompt that begins with it. */
static nf_status prompt_begin_encode(edit *e, nf_bytes caption, isize *n, nf_error *error) {
  edit_prefix_choose(e);
  nf_status status = prefix_count(e);
  if (status == NF_OK) status = prompt_encode(e, caption, n);
  if (status == NF_OK) return NF_OK;
  if (status == NF_UNSUPPORTED) {
    return error_set(error, status, E_STR("the model's chat template cannot hold the task"));
  }
  return error_set(error, status, E_STR("the caption does not fit the context of "),
                   E_INT(e->ctx_tokens), E_STR(" tokens"));
}

nf_status edit_prefix_take(edit *e, const nf_edit_desc *desc, const edit_tuning *tuning,
                           nf_error *error) {
  isize n;
  e->phase = EDIT_IDLE;
  nf_status status = task_take(e, desc, tuning, error);
  return status == NF_OK ? prompt_begin_encode(e, bytes_from_str("A"), &n, error) : status;
}

static nf_status prompt_build(edit *e, isize *n, nf_error *error) {
  nf_status status = prompt_begin_encode(e, bytes_of(e->plain, e->plain_len), n, error);
  if (status != NF_OK) return status;
  arena scratch = e->scratch;
  isize n_source;
  status = text_encode(e->vocab, bytes_of(e->plain, e->plain_len), false, e->source,
                       EDIT_TOKENS_MAX - 1, &n_source, &scratch);
  if (status != NF_OK) return error_set(error, status, E_STR("the caption has too many tokens"));
  e->source[n_source] = e->end_token;
  e->n_source = n_source + 1;
  if (*n + 2 * e->n_source + 16 >= e->ctx_tokens) {
    return error_set(error, NF_BAD_INPUT, E_STR("the caption with its prompt needs "),
                     E_INT(*n + 2 * e->n_source + 16), E_STR(" tokens, the context has "),
                     E_INT(e->ctx_tokens));
  }
  isize len = 0, cap = 2 * EDIT_TEXT_BYTES_MAX;
  for (isize i = 0; i < e->n_source; i++) {
    len += edit_decode(e, &e->source[i], 1, e->source_text + len, cap - len);
    e->source_ends[i] = (i32)len;
  }
  status = keep_find(bytes_of(e->source_text, len), e->protect, e->n_protect, e->scratch, e->spans,
                     EDIT_SPANS_MAX, &e->n_spans);
  if (status != NF_OK) e->n_spans = 0; /* the guard still looks after them */
  return NF_OK;
}

static bool has_letters(nf_bytes text) {
  isize n = 0;
  for (isize i = 0; i < text.len; i++) {
    u8 c = text.at[i] | 32;
    n += (c >= 'a' && c <= 'z') || text.at[i] >= 0x80;
  }
  return n >= 2;
}

isize edit_decode(const edit *e, const i32 *tokens, isize n, u8 *out, isize cap) {
  isize len = 0;
  for (isize i = 0; i < n && cap - len >= text_token_bytes_max(e->vocab); i++) {
    len += text_decode(e->vocab, tokens[i], false, out + len, cap - len);
  }
  return len;
}

static isize passes_of(const edit *e) { return e->passes_before + session_passes(e->timeline); }

nf_status edit_timeline_set(edit *e, const i32 *answer, isize n) {
  isize cached, passes = passes_of(e);
  if (e->n_prompt + n > e->ctx_tokens) return NF_BAD_INPUT;
  bytes_copy(e->prompt + e->n_prompt, answer, n * (isize)sizeof(i32));
  nf_status status = session_set(e->timeline, e->prompt, e->n_prompt + n, &cached);
  if (status == NF_OK) e->passes_before = passes;
  return status;
}

static nf_status prompt_begin(edit *e, isize n, nf_error *error) {
  isize cached = 0;
  session_adapter_set(e->timeline, e->adapter);
  session_restore(e->timeline, e->prefix->snapshot, e->prompt, n);
  nf_status status = session_set(e->timeline, e->prompt, n, &cached);
  if (status != NF_OK)
    return error_set(error, status, E_STR("the prompt does not fit the context"));
  e->n_prompt = n;
  e->passes_before = 0;
  e->receipt.input_tokens = (i32)n;
  e->receipt.cached_tokens = (i32)cached;
  decode_begin(e);
  return NF_OK;
}

static bool rules_are_asked(const edit *e, const nf_edit_desc *desc) {
  return e->task->rules != EDIT_RULES_NONE && e->adapter == nullptr && !desc->even_if_poor;
}

nf_status edit_request_begin(edit *e, const nf_edit_desc *desc, nf_error *error) {
  nf_status status = request_take(e, desc, error);
  if (status != NF_OK) return status;
  e->receipt = (nf_receipt){};
  e->n_answer = e->n_out = e->n_notes = e->trace_len = e->n_drawn = e->n_scored = 0;
  e->why = nullptr;
  e->bar = (gate_bar){.nats = e->task->gate.whole};
  e->gain = 0;
  status = cue_text_split(bytes_of(e->input, e->input_len), &e->split, e->plain, &e->plain_len);
  if (status != NF_OK) return error_set(error, status, E_STR("the caption has too many tags"));
  if (!has_letters(bytes_of(e->plain, e->plain_len))) {
    edit_keep(e, NF_UNCHANGED, "no words to edit");
    return NF_OK;
  }
  if (desc->task == NF_TASK_SHORTEN && (e->chars_max > 0 || e->lines_max > 0)) {
    if (edit_fits(e)) edit_keep(e, NF_UNCHANGED, "fits already");
    if (e->phase != EDIT_DONE) (void)edit_rebreak_only(e);
  }
  return NF_OK;
}

nf_status edit_begin(edit *e, const nf_edit_desc *desc, const edit_tuning *tuning,
                     nf_error *error) {
  e->phase = EDIT_IDLE;
  nf_status status = task_take(e, desc, tuning, error);
  if (status == NF_OK) status = edit_request_begin(e, desc, error);
  if (status != NF_OK || e->phase == EDIT_DONE) return status;
  if (rules_are_asked(e, desc) && edit_by_rules(e)) return NF_OK;
  isize n = 0;
  status = prompt_build(e, &n, error);
  return status == NF_OK ? prompt_begin(e, n, error) : status;
}

/* ---- a phase's answer is complete: what comes next? ---- */

/* Beams that ended, likeliest first, until one stands. */
static void search_take(edit *e, arena scratch) {
  constexpr isize cap = 1024;
  for (isize i = 0; i < e->search->n_done && e->n_out == 0; i++) {
    const search_beam *beam = &e->search->done[i];
    u8 text[cap];
    isize len = edit_decode(e, beam->tokens, beam->n, text, cap);
    e->ended = true;
    e->log_p_answer = beam->log_p;
    edit_answer_take(e, bytes_of(text, len), scratch);
  }
}

static void next_variants(edit *e) {
  isize left = DRAWS_PER_VARIANT * (e->n_variants - 1) - e->n_drawn;
  isize n = isize_min(e->n_variants - e->n_out, left);
  if (n > 0) {
    decode_begin_sampled(e, n);
  } else {
    edit_finish(e);
  }
}

static void draws_take(edit *e, u8 *text, isize cap, arena scratch) {
  for (isize i = 0; i < e->n_draws; i++) {
    const edit_draw *draw = &e->draws[i];
    e->ended = draw->ended;
    e->log_p_answer = draw->log_p;
    e->receipt.output_tokens += (i32)draw->n;
    edit_answer_take(e, bytes_of(text, edit_decode(e, draw->tokens, draw->n, text, cap)), scratch);
  }
}

static void phase_end(edit *e) {
  isize cap = 2 * EDIT_TEXT_BYTES_MAX;
  arena scratch = e->scratch;
  u8 *text = arena_new(&scratch, cap, u8);
  ASSERT(text != nullptr); /* SCRATCH_BYTES is more */
  e->log_p_answer = (f64)e->log_p_end;
  for (isize i = 0; i < e->n_answer; i++) e->log_p_answer += (f64)e->log_p[i];
  nf_bytes answer = bytes_of(text, edit_decode(e, e->answer, e->n_answer, text, cap));
  switch (e->phase) {
    case EDIT_DRAFTED:
      if (e->ended && decode_put_back(e, answer, scratch)) return;
      e->receipt.output_tokens = (i32)e->n_answer;
      edit_answer_take(e, answer, scratch);
      if (e->n_out == 0 && edit_wants_search(e)) {
        search_begin(e->search, edit_plain_limit(e));
        e->phase = EDIT_SEARCH;
        return;
      }
      break;
    case EDIT_SEARCH: search_take(e, scratch); break;
    case EDIT_SAMPLED: draws_take(e, text, cap, scratch); break;
    case EDIT_IDLE:
    case EDIT_DONE: break;
  }
  if (e->n_out == 0 && e->n_drawn == 0) edit_fall_back(e, answer, scratch);
  next_variants(e);
}

nf_status edit_step(edit *e, nf_error *error) {
  if (e->phase == EDIT_DONE) return NF_OK;
  if (e->phase == EDIT_IDLE) return error_set(error, NF_BAD_INPUT, E_STR("no edit was begun"));
  nf_status status = e->phase == EDIT_DRAFTED  ? decode_drafted(e)
                     : e->phase == EDIT_SEARCH ? search_pass(e)
                                               : decode_sampled(e);
  e->receipt.passes = (i32)passes_of(e);
  if (status == NF_BAD_INPUT) return error_set(error, status, E_STR("the context is full"));
  if (status < NF_OK) return status; /* the device's: the caller knows the line */
  if (status == NF_PENDING) return NF_PENDING; /* of this answer, or of a long prompt */
  phase_end(e);
  return e->phase == EDIT_DONE ? NF_OK : NF_PENDING;
}

void edit_result_get(const edit *e, nf_edit_result *result) {
  ASSERT(e->phase == EDIT_DONE);
  const edit_proposal *first = &e->out[0]; /* the input itself where nothing stood: edit_keep */
  *result = (nf_edit_result){.text = bytes_of(first->text, first->text_len),
                             .verdict = e->verdict,
                             .why = e->why,
                             .changes = first->changes,
                             .n_changes = (i32)first->n_changes,
                             .n_variants = (i32)e->n_out,
                             .receipt = e->receipt,
                             .gain_nats = e->gain,
                             .gate_nats = e->bar.kinds != 0 ? e->bar.nats : 0,
                             .gate_kinds = e->bar.kinds};
}

void edit_variant_get(const edit *e, isize i, nf_variant *variant) {
  ASSERT(e->phase == EDIT_DONE && 0 <= i && i < e->n_out);
  const edit_proposal *p = &e->out[i];
  *variant = (nf_variant){.text = bytes_of(p->text, p->text_len),
                          .why = p->why,
                          .changes = p->changes,
                          .n_changes = (i32)p->n_changes};
}

isize edit_output_tokens(const edit *e) { return e->n_answer; }
nf_bytes edit_trace_get(const edit *e) { return bytes_of(e->trace, e->trace_len); }
