/* See remote.h; cleaning is remote_clean.c's. The request and what becomes of an answer are an
 * edit's without a model: only what those parts touch is there. */
#include "edit/remote.h"

#include "base/text_out.h"
#include "edit/state.h"

/* words of both texts, and the diff's table; see words.h */
constexpr isize SCRATCH_BYTES = (isize)1 << 20;
constexpr isize SYSTEM_BYTES = 3 * EDIT_TEXT_BYTES_MAX, ASKED_BYTES = 4 * EDIT_TEXT_BYTES_MAX;
/* The instruction is not the only bar: likelihoods are not known, so any gain is enough. */
static const edit_gate OPEN_GATE = {.whole = -1};

static const char FORM[] =
    " Answer with the edited caption alone, in one line: no quotes around it, no label, no remark.";
static const char CONTEXT_FORM[] =
    " Lines marked 'Context' are there to be understood and stay as they are.";
static const char CAPTION[] = "Caption: ";

struct edit_remote {
  edit *e;
  bool asked, same; /* an answer came; one of them was the caption itself */
  isize n_messages;
  nf_message messages[NF_REMOTE_MESSAGES_MAX];
  u8 *system; /* [SYSTEM_BYTES] */
  u8 *asked_text; /* [ASKED_BYTES]: what the messages of the user borrow */
};
static_assert(NF_REMOTE_MESSAGES_MAX == 2 + 2 * EDIT_EXAMPLES_MAX);

isize edit_remote_bytes(void) {
  constexpr isize n_buffers = 10 + 2 * NF_VARIANTS_MAX, aligned = 64;
  return (isize)sizeof(edit_remote) + (isize)sizeof(edit) + SYSTEM_BYTES + ASKED_BYTES +
         3 * EDIT_TEXT_BYTES_MAX + EDIT_PROTECT_MAX * (isize)sizeof(nf_bytes) + SCRATCH_BYTES +
         n_buffers * aligned +
         NF_VARIANTS_MAX * (2 * EDIT_TEXT_BYTES_MAX + EDIT_CHANGES_MAX * (isize)sizeof(nf_change));
}

nf_status edit_remote_open(arena *a, edit_remote **out) {
  edit_remote *r = arena_new(a, 1, edit_remote);
  edit *e = arena_new(a, 1, edit);
  if (r == nullptr || e == nullptr) return NF_NO_MEMORY;
  r->e = e;
  r->system = arena_new(a, SYSTEM_BYTES, u8);
  r->asked_text = arena_new(a, ASKED_BYTES, u8);
  e->input = arena_new(a, EDIT_TEXT_BYTES_MAX, u8);
  e->plain = arena_new(a, EDIT_TEXT_BYTES_MAX, u8);
  e->protect_bytes = arena_new(a, EDIT_TEXT_BYTES_MAX, u8);
  e->protect = arena_new(a, EDIT_PROTECT_MAX, nf_bytes);
  for (isize i = 0; i < NF_VARIANTS_MAX; i++) {
    e->out[i].text = arena_new(a, 2 * EDIT_TEXT_BYTES_MAX, u8);
    e->out[i].changes = arena_new(a, EDIT_CHANGES_MAX, nf_change);
  }
  u8 *scratch = arena_alloc_raw(a, SCRATCH_BYTES, 1, 64);
  if (scratch == nullptr) return NF_NO_MEMORY;
  e->scratch = arena_of(scratch, SCRATCH_BYTES);
  *out = r;
  return NF_OK;
}

/* ---- the question ---- */

/* One line of the text a message borrows; `from` is where it begins. */
static nf_bytes line_of(const text_out *o, isize from) {
  return bytes_of(o->at + from, o->len - from);
}

static void limits_write(const edit *e, text_out *o) {
  isize chars = edit_plain_limit(e), by_lines = e->lines_max * CUE_LINE_CHARS;
  if (by_lines > 0 && (chars == 0 || by_lines < chars)) chars = by_lines;
  if (chars > 0) {
    out_str(o, " Use at most ");
    out_i64(o, chars);
    out_str(o, " characters.");
  }
  for (isize i = 0; i < e->n_protect; i++) {
    out_str(o, i == 0 ? " Keep exactly as they are: " : "; ");
    out_bytes(o, e->protect[i]);
  }
  if (e->n_protect > 0) out_str(o, ".");
}

/* The plain words of a neighbour in a line of its own; nothing where it has none. */
static void context_write(edit *e, text_out *o, const char *label, nf_bytes cue) {
  arena scratch = e->scratch;
  cue_text *split = arena_new(&scratch, 1, cue_text);
  u8 *plain = arena_new(&scratch, EDIT_TEXT_BYTES_MAX, u8);
  isize len = 0;
  if (cue.len == 0 || split == nullptr || plain == nullptr ||
      cue_text_split(cue, split, plain, &len) != NF_OK || len == 0) {
    return;
  }
  out_str(o, label);
  out_bytes(o, bytes_of(plain, len));
  out_str(o, "\n");
}

static void question_write(edit_remote *r, const nf_edit_desc *desc) {
  edit *e = r->e;
  text_out system = {.at = (char *)r->system, .cap = SYSTEM_BYTES};
  text_out asked = {.at = (char *)r->asked_text, .cap = ASKED_BYTES};
  bool context = desc->before.len > 0 || desc->after.len > 0;
  out_str(&system, e->task->system);
  out_str(&system, FORM);
  if (context) out_str(&system, CONTEXT_FORM);
  limits_write(e, &system);
  isize n = 0;
  r->messages[n++] = (nf_message){NF_SYSTEM, line_of(&system, 0)};
  for (isize i = 0; i < e->task->n_examples; i++) {
    isize from = asked.len;
    out_str(&asked, CAPTION);
    out_str(&asked, e->task->examples[i].before);
    r->messages[n++] = (nf_message){NF_USER, line_of(&asked, from)};
    r->messages[n++] = (nf_message){NF_ASSISTANT, bytes_from_str(e->task->examples[i].after)};
  }
  isize from = asked.len;
  context_write(e, &asked, "Context before: ", desc->before);
  context_write(e, &asked, "Context after: ", desc->after);
  out_str(&asked, CAPTION);
  out_bytes(&asked, bytes_of(e->plain, e->plain_len));
  r->messages[n++] = (nf_message){NF_USER, line_of(&asked, from)};
  ASSERT(!system.cut && !asked.cut); /* every part is bounded */
  r->n_messages = n;
}

nf_status edit_remote_begin(edit_remote *r, const nf_edit_desc *desc, nf_error *error) {
  edit *e = r->e;
  const edit_task *task = edit_task_of(desc->task);
  e->phase = EDIT_IDLE;
  if (task == nullptr) {
    return error_set(error, NF_UNSUPPORTED, E_STR("there is no task "), E_INT(desc->task));
  }
  if (desc->before.len > EDIT_TEXT_BYTES_MAX || desc->after.len > EDIT_TEXT_BYTES_MAX) {
    return error_set(error, NF_BAD_INPUT, E_STR("the context has over "),
                     E_INT(EDIT_TEXT_BYTES_MAX), E_STR(" bytes"));
  }
  e->tuned = *task;
  e->tuned.gate = OPEN_GATE;
  e->task = &e->tuned;
  e->task_id = desc->task;
  nf_status status = edit_request_begin(e, desc, error);
  if (status != NF_OK) return status;
  e->tracing = false;
  r->asked = r->same = false;
  r->n_messages = 0;
  if (e->phase == EDIT_DONE) return NF_OK;
  question_write(r, desc);
  e->phase = EDIT_DRAFTED;
  return NF_OK;
}

bool edit_remote_settled(const edit_remote *r) { return r->e->phase == EDIT_DONE; }

isize edit_remote_messages(const edit_remote *r, nf_message *messages) {
  ASSERT(!edit_remote_settled(r));
  for (isize i = 0; i < r->n_messages; i++) messages[i] = r->messages[i];
  return r->n_messages;
}

/* ---- the answers ---- */

void edit_remote_take(edit_remote *r, nf_bytes answer, bool whole) {
  edit *e = r->e;
  ASSERT(e->phase == EDIT_DRAFTED || e->phase == EDIT_SAMPLED);
  if (e->n_out == e->n_variants) return;
  const char *why;
  nf_bytes plain = bytes_of(e->plain, e->plain_len);
  nf_bytes clean = remote_answer_clean(answer, plain, &why);
  e->phase = r->asked ? EDIT_SAMPLED : EDIT_DRAFTED; /* the first one's refusal is told */
  r->asked = true;
  if (clean.at == nullptr) {
    if (e->phase == EDIT_DRAFTED) e->why = why;
    return;
  }
  r->same = r->same || (whole && bytes_equal(clean, plain));
  e->ended = whole;
  edit_answer_take(e, clean, e->scratch);
}

bool edit_remote_finish(edit_remote *r, nf_edit_result *result) {
  edit *e = r->e;
  if (e->phase != EDIT_DONE) {
    bool held = e->n_out > 0 || (r->same && edit_fits(e));
    if (!r->asked) e->why = "no answer came";
    edit_finish(e);
    edit_result_get(e, result);
    return held;
  }
  edit_result_get(e, result);
  return true;
}

void edit_remote_variant_get(const edit_remote *r, isize i, nf_variant *variant) {
  edit_variant_get(r->e, i, variant);
}
