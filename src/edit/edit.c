/* Prompt and passes of one edit; see edit.h. What becomes of the answer is outcome.c's. */
#include "edit/edit.h"

#include "base/text_out.h"
#include "base/utf8.h"
#include "edit/state.h"

/* words of both texts, and the diff's table; see words.h */
constexpr isize SCRATCH_BYTES = (isize)1 << 20;

isize edit_bytes(const model_shape *shape, isize ctx_tokens) {
  isize bytes = (isize)sizeof(edit) + (ctx_tokens + 2 * EDIT_TOKENS_MAX) * (isize)sizeof(i32) +
                5 * EDIT_TEXT_BYTES_MAX + EDIT_PROTECT_MAX * (isize)sizeof(nf_bytes) +
                EDIT_CHANGES_MAX * (isize)sizeof(nf_change);
  for (i32 i = 0; i < EDIT_TASKS; i++) {
    if (edit_task_of((nf_task)i)->device) {
      bytes = bytes_add(bytes, session_snapshot_bytes(shape, EDIT_PREFIX_TOKENS_MAX));
    }
  }
  return bytes_add(bytes, SCRATCH_BYTES + text_scratch_bytes(EDIT_TEXT_BYTES_MAX * 2) + 1024);
}

nf_status edit_open(const text_vocab *vocab, text_template chat, session *timeline,
                    const model_shape *shape, isize ctx_tokens, arena *a, edit **out) {
  edit *e = arena_new(a, 1, edit);
  if (e == nullptr) return NF_NO_MEMORY;
  e->vocab = vocab;
  e->chat = chat;
  e->timeline = timeline;
  e->ctx_tokens = ctx_tokens;
  e->prompt = arena_new(a, ctx_tokens, i32);
  e->source = arena_new(a, EDIT_TOKENS_MAX, i32);
  e->answer = arena_new(a, EDIT_TOKENS_MAX, i32);
  e->input = arena_new(a, EDIT_TEXT_BYTES_MAX, u8);
  e->plain = arena_new(a, EDIT_TEXT_BYTES_MAX, u8);
  e->text = arena_new(a, 2 * EDIT_TEXT_BYTES_MAX, u8);
  e->protect_bytes = arena_new(a, EDIT_TEXT_BYTES_MAX, u8);
  e->protect = arena_new(a, EDIT_PROTECT_MAX, nf_bytes);
  e->changes = arena_new(a, EDIT_CHANGES_MAX, nf_change);
  for (i32 i = 0; i < EDIT_TASKS; i++) {
    if (!edit_task_of((nf_task)i)->device) continue;
    nf_status status =
        session_snapshot_open(shape, EDIT_PREFIX_TOKENS_MAX, a, &e->tasks[i].snapshot);
    if (status != NF_OK) return status;
  }
  isize scratch_bytes = SCRATCH_BYTES + text_scratch_bytes(EDIT_TEXT_BYTES_MAX * 2);
  u8 *scratch = arena_alloc(a, scratch_bytes, 1, 64);
  if (scratch == nullptr || e->changes == nullptr) return NF_NO_MEMORY;
  e->scratch = arena_of(scratch, scratch_bytes);
  e->end_token = text_turn_end(vocab, chat);
  if (e->end_token < 0) return NF_UNSUPPORTED;
  *out = e;
  return NF_OK;
}

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

static nf_status request_take(edit *e, const nf_edit_desc *desc, nf_error *error) {
  e->task = edit_task_of(desc->task);
  e->task_id = desc->task;
  e->format = desc->format;
  if (e->task == nullptr || !e->task->device) {
    return error_set(error, NF_UNSUPPORTED, E_STR("the task "),
                     E_STR(e->task == nullptr ? "?" : e->task->name),
                     E_STR(" is not offered on the device"));
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

/* How many tokens two prompts of the task share whatever the caption: counted once. */
static nf_status prefix_count(edit *e) {
  isize *n_prefix = &e->tasks[e->task_id].n_prefix;
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

static nf_status prompt_build(edit *e, isize *n, nf_error *error) {
  nf_status status = prefix_count(e);
  if (status == NF_OK) status = prompt_encode(e, bytes_of(e->plain, e->plain_len), n);
  if (status == NF_UNSUPPORTED) {
    return error_set(error, status, E_STR("the model's chat template cannot hold the task"));
  }
  if (status != NF_OK) {
    return error_set(error, status, E_STR("the caption does not fit the context of "),
                     E_INT(e->ctx_tokens), E_STR(" tokens"));
  }
  arena scratch = e->scratch;
  status = text_encode(e->vocab, bytes_of(e->plain, e->plain_len), false, e->source,
                       EDIT_TOKENS_MAX - 1, &e->n_source, &scratch);
  if (status != NF_OK) return error_set(error, status, E_STR("the caption has too many tokens"));
  e->source[e->n_source++] = e->end_token;
  if (*n + 2 * e->n_source + 16 >= e->ctx_tokens) {
    return error_set(error, NF_BAD_INPUT, E_STR("the caption with its prompt needs "),
                     E_INT(*n + 2 * e->n_source + 16), E_STR(" tokens, the context has "),
                     E_INT(e->ctx_tokens));
  }
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

nf_status edit_begin(edit *e, const nf_edit_desc *desc, nf_error *error) {
  e->phase = EDIT_IDLE;
  nf_status status = request_take(e, desc, error);
  if (status != NF_OK) return status;
  e->receipt = (nf_receipt){};
  e->n_answer = 0;
  status = cue_text_split(bytes_of(e->input, e->input_len), &e->split, e->plain, &e->plain_len);
  if (status != NF_OK) return error_set(error, status, E_STR("the caption has too many tags"));
  if (!has_letters(bytes_of(e->plain, e->plain_len))) {
    edit_keep(e, NF_UNCHANGED, "no words to edit");
    return NF_OK;
  }
  if (desc->task == NF_TASK_SHORTEN && (e->chars_max > 0 || e->lines_max > 0) && edit_fits(e)) {
    edit_keep(e, NF_UNCHANGED, "fits already");
    return NF_OK;
  }
  isize n = 0, cached = 0;
  status = prompt_build(e, &n, error);
  if (status != NF_OK) return status;
  session_restore(e->timeline, e->tasks[e->task_id].snapshot, e->prompt, n);
  status = session_set(e->timeline, e->prompt, n, &cached);
  if (status != NF_OK)
    return error_set(error, status, E_STR("the prompt does not fit the context"));
  e->receipt.input_tokens = (i32)n;
  e->receipt.cached_tokens = (i32)cached;
  e->guess = (align){.source = e->source, .n = e->n_source};
  e->copying = true;
  e->ended = false;
  e->n_scored = 0;
  e->log_p_copy = e->log_p_answer = 0;
  e->phase = EDIT_PASSES;
  return NF_OK;
}

/* The answer's tokens as text, up to a line break; the end token gives nothing. */
static void answer_finish(edit *e) {
  isize len = 0, cap = 2 * EDIT_TEXT_BYTES_MAX;
  arena scratch = e->scratch;
  u8 *text = arena_new(&scratch, cap, u8);
  ASSERT(text != nullptr); /* SCRATCH_BYTES is more */
  for (isize i = 0; i < e->n_answer && cap - len >= text_token_bytes_max(e->vocab); i++) {
    len += text_decode(e->vocab, e->answer[i], false, text + len, cap - len);
  }
  edit_outcome(e, bytes_of(text, len), scratch);
  e->phase = EDIT_DONE;
}

/* Take one token into the answer; at: the source token it may copy. true: the answer is complete.
 * What copies a part of the source that log_p_copy does not reach is in neither sum. */
static bool answer_push(edit *e, isize at, i32 token, f32 log_p) {
  bool beyond = at >= e->n_scored && at < e->n_source && e->source[at] == token;
  if (!beyond) e->log_p_answer += (f64)log_p;
  e->ended = text_is_end(e->vocab, token);
  if (e->ended) return true;
  e->answer[e->n_answer++] = token;
  return e->n_answer >= isize_min(2 * e->n_source + 16, EDIT_TOKENS_MAX);
}

/* How likely the model holds the unchanged caption, as far as passes looked at it while the answer
 * still was a copy: after one pass all of it, but for captions over SESSION_DRAFT_MAX tokens. */
static void copy_score(edit *e, const session_verdict *v) {
  if (!e->copying) return;
  for (isize i = 0; i < v->n_looked; i++) e->log_p_copy += (f64)v->log_p_draft[i];
  e->n_scored += v->n_looked;
  e->copying = v->n_accepted == v->n_looked && e->n_scored < e->n_source &&
               v->next == e->source[e->n_scored];
  if (e->copying) {
    e->log_p_copy += (f64)v->log_p_next;
    e->n_scored++;
  }
}

/* The task's prefix is in the cache: keep it for the next request. */
static void prefix_save(edit *e) {
  session_snapshot *snapshot = e->tasks[e->task_id].snapshot;
  if (session_snapshot_empty(snapshot)) {
    session_save(e->timeline, e->tasks[e->task_id].n_prefix, snapshot);
  }
}

/* What one verification showed goes into the answer. true: the answer is complete. */
static bool answer_extend(edit *e, const session_verdict *v) {
  isize at = e->guess.next;
  for (isize i = 0; i < v->n_accepted; i++) {
    if (answer_push(e, at + i, e->source[at + i], v->log_p_draft[i])) return true;
  }
  if (answer_push(e, at + v->n_accepted, v->next, v->log_p_next)) return true;
  if (v->n_looked > 0) {
    align_leave(&e->guess, v->n_accepted, v->next);
  } else if (e->n_answer >= 2) {
    align_rejoin(&e->guess, e->answer[e->n_answer - 2], v->next);
  }
  return false;
}

nf_status edit_step(edit *e, nf_error *error) {
  if (e->phase == EDIT_DONE) return NF_OK;
  if (e->phase == EDIT_IDLE) return error_set(error, NF_BAD_INPUT, E_STR("no edit was begun"));
  session_verdict v;
  nf_status status =
      session_verify(e->timeline, e->source + e->guess.next, align_draft_tokens(&e->guess), &v);
  if (status == NF_PENDING) return NF_PENDING; /* a long prompt: more passes before the draft */
  if (status != NF_OK) return error_set(error, status, E_STR("the context is full"));
  e->receipt.passes = (i32)session_passes(e->timeline);
  e->receipt.drafted += (i32)v.n_looked;
  e->receipt.accepted += (i32)v.n_accepted;
  prefix_save(e);
  copy_score(e, &v);
  bool complete = answer_extend(e, &v);
  e->receipt.output_tokens = (i32)e->n_answer;
  if (!complete && session_push(e->timeline, v.next) == NF_OK) return NF_PENDING;
  answer_finish(e);
  return NF_OK;
}

void edit_result_get(const edit *e, nf_edit_result *result) {
  ASSERT(e->phase == EDIT_DONE);
  *result = (nf_edit_result){.text = bytes_of(e->text, e->text_len),
                             .verdict = e->verdict,
                             .why = e->why,
                             .changes = e->changes,
                             .n_changes = (i32)e->n_changes,
                             .receipt = e->receipt};
}

isize edit_output_tokens(const edit *e) { return e->n_answer; }
