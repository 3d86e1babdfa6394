/* The inside of an edit, shared by edit.c (request and prompt), prefix.c (what prompts share) and
 * prefix_file.c (the same as a file), decode.c and search.c (the model's passes), remote.c (a model
 * elsewhere in their place), outcome.c (what becomes of an answer) and trace.c. Private to this
 * folder. */
#pragma once
#include "caption/cue_text.h"
#include "edit/align.h"
#include "edit/edit.h"
#include "edit/names.h"
#include "edit/search.h"
#include "edit/tasks.h"

/* Answers tried for each variant wanted: some repeat another, some do not stand. */
constexpr isize DRAWS_PER_VARIANT = 2;
constexpr isize EDIT_TOKENS_MAX = 2048; /* of one caption's text, and of one answer */
constexpr isize EDIT_CHANGES_MAX = 1024;
constexpr isize EDIT_PROTECT_MAX = 256;
constexpr isize EDIT_PREFIX_TOKENS_MAX = 192; /* instruction and examples of a task */
constexpr isize EDIT_PREFIXES =
    3; /* kept at a time: the tasks that ask the model, and one more with an adapter */
constexpr isize EDIT_SPANS_MAX = 256;         /* numbers, names and terms looked after */
constexpr isize EDIT_FORCES_MAX = 8;          /* spans put back into one answer */
constexpr isize EDIT_NOTES_MAX = 256;         /* passes the trace tells of */
constexpr isize EDIT_TRACE_BYTES = (isize)16 << 10;

/* How an answer is being found; each phase but the first and last runs at most one pass a step. */
typedef enum : u8 {
  EDIT_IDLE,
  EDIT_DRAFTED, /* greedy, with drafts from the caption */
  EDIT_SEARCH,  /* the greedy answer was too long: a few beams that cannot grow too long */
  EDIT_SAMPLED, /* further variants, all of them in the same passes */
  EDIT_DONE,
} edit_phase;

/* An answer that stands, as the caller sees it, or (the last one) being made. */
typedef struct {
  u8 *text;           /* [2 * EDIT_TEXT_BYTES_MAX] */
  nf_change *changes; /* [EDIT_CHANGES_MAX] */
  isize text_len, n_changes;
  const char *why;
} edit_proposal;

/* What a pass was for and gave: the trace's raw material. */
typedef enum : u8 {
  NOTE_PROMPT,
  NOTE_DRAFT,
  NOTE_PLAIN,
  NOTE_FORCED,
  NOTE_BEAM,
  NOTE_SAMPLE
} note_kind;
typedef struct {
  note_kind kind;
  bool beside;                  /* of the pass the note before it tells of */
  i32 i_draw;                   /* which sampled answer */
  i32 at, n_looked, n_accepted; /* source[at, at + n_looked) was offered */
  i32 n_forced;                 /* of those, copied against the model's choice */
  i32 next;                     /* the model's own token; -1: none was taken */
  f32 log_p_next;
} edit_note;

/* What every prompt of a task begins with under one adapter, kept with its keys and values. */
typedef struct {
  nf_task task;
  model_adapter_key key;
  session_snapshot *snapshot; /* empty until a request has computed it */
  isize n;      /* tokens; 0: not known yet */
  u32 last_use; /* counts requests; 0: never */
} edit_prefix;

/* A sampled answer in the making: a branch of the timeline. */
typedef struct {
  i32 *tokens; /* [EDIT_TOKENS_MAX] */
  isize n;
  f64 log_p;   /* of them and the end, nats */
  align guess;
  isize draft_max; /* tokens it offers next */
  bool ended, over; /* the model ended it; nothing more comes */
} edit_draw;

struct edit {
  const text_vocab *vocab;
  text_template chat;
  session *timeline;
  i32 end_token; /* ends an answer */
  isize ctx_tokens, n_vocab;
  arena scratch;    /* empty between calls */
  i32 *prompt;      /* [ctx_tokens]: the prompt, and behind it the answer it is continued with */
  i32 *source; /* [EDIT_TOKENS_MAX]: the caption as an answer would tokenize it, and the end */
  i32 *source_ends; /* [EDIT_TOKENS_MAX]: ends in source_text */
  u8 *source_text; /* [2 * EDIT_TEXT_BYTES_MAX] */
  u8 *input, *plain; /* [EDIT_TEXT_BYTES_MAX] */
  u8 *protect_bytes; /* [EDIT_TEXT_BYTES_MAX] */
  nf_bytes *protect; /* [EDIT_PROTECT_MAX], into protect_bytes */
  keep_span *spans; /* [EDIT_SPANS_MAX] of source_text */
  edit_note *notes; /* [EDIT_NOTES_MAX] */
  u8 *trace; /* [EDIT_TRACE_BYTES] */
  edit_search *search;

  edit_prefix prefixes[EDIT_PREFIXES];
  u32 n_prefix_uses;

  /* the request */
  const edit_task *task; /* as the adapter has it: then it is `tuned` */
  edit_task tuned;
  nf_task task_id;
  const model_adapter *adapter; /* null: none */
  edit_prefix *prefix; /* of prefixes */
  nf_caption_format format;
  isize input_len, plain_len, n_source, n_spans, n_protect, n_prompt;
  isize chars_max; /* of the whole cue's visible text; 0: no limit */
  isize lines_max; /* 0: no limit */
  isize n_variants;
  u64 seed;
  bool tracing;
  cue_text split;

  /* the answer in the making */
  edit_phase phase;
  align guess;
  bool copying; /* the answer so far is the source's beginning */
  bool ended; /* the answer's last token ended it: it was not cut */
  isize n_scored; /* log_p_copy is that of source[0, n_scored) */
  f64 log_p_copy, log_p_answer; /* nats; log_p_answer once the answer is complete */
  gate_bar bar; /* of the greedy answer, if it differs: kinds 0 else; and what it gains, in nats */
  f64 gain;
  f32 log_p_end; /* of the end token, once ended */
  i32 *answer; /* [EDIT_TOKENS_MAX] */
  i32 *copied; /* [EDIT_TOKENS_MAX] source position an answer token was copied from; -1: none */
  f32 *log_p; /* [EDIT_TOKENS_MAX] of the answer's tokens; see answer_push */
  isize n_answer;
  isize force_to; /* source position up to which tokens are copied whatever the model holds */
  isize n_forces; /* rounds of forcing in this answer */
  edit_draw draws[NF_VARIANTS_MAX]; /* those in the making: draws[0, n_draws) */
  isize n_draws, i_draw; /* the first of them is the i_draw-th sampled answer, from 0 */
  isize n_drawn; /* sampled answers begun */
  bool at_draws; /* the timeline branches into them */

  /* the outcome */
  nf_verdict verdict; /* NF_CHANGED: n_out > 0 */
  const char *why; /* of the first refusal, until edit_finish; null: none */
  bool too_long; /* the greedy answer would stand, but for the limits */
  edit_proposal out[NF_VARIANTS_MAX];
  isize n_out;
  isize passes_before; /* of timelines set before the present one */
  isize n_notes, trace_len;
  nf_receipt receipt; /* counts; times are the caller's */
};

/* ---- edit.c ---- */
/* e->task is set and e->phase EDIT_IDLE. Takes the request in and its tags out; EDIT_DONE: it is
 * settled without any model. errors as edit_begin's, but for the context */
[[nodiscard]] nf_status edit_request_begin(edit *e, const nf_edit_desc *desc, nf_error *error);
/* The timeline becomes the prompt and answer[0, n); passes go on being counted. */
[[nodiscard]] nf_status edit_timeline_set(edit *e, const i32 *answer, isize n);
/* e->prefix becomes that of the task and adapter asked for; its tokens are e->prompt[0, n) of it.
 * What is being edited is dropped. errors as edit_begin's */
[[nodiscard]] nf_status edit_prefix_take(edit *e, const nf_edit_desc *desc,
                                         const edit_tuning *tuning, nf_error *error);
/* Text of tokens, cut at `cap`; the end token gives nothing. */
isize edit_decode(const edit *e, const i32 *tokens, isize n, u8 *out, isize cap);

/* ---- prefix.c ---- */
isize edit_prefixes_bytes(const model *m);
[[nodiscard]] nf_status edit_prefixes_open(edit *e, const model *m, arena *a);
void edit_prefixes_close(edit *e);
/* e->prefix becomes that of the request's task and adapter: the one kept, or the one longest not
 * used, emptied. */
void edit_prefix_choose(edit *e);
void edit_prefix_save(edit *e); /* it is in the cache: keep it for the next request */

/* ---- decode.c: one pass of the present phase. NF_OK: its answer is complete ---- */
[[nodiscard]] nf_status decode_drafted(edit *e);
[[nodiscard]] nf_status decode_sampled(edit *e);
void decode_begin(edit *e); /* the greedy answer */
void decode_begin_sampled(edit *e,
                          isize n); /* n more sampled ones, or as many as there is room for */
/* A span was lost from the complete greedy answer: go back to where it was left and copy it from
 * there. false: nothing was lost, or too often. */
bool decode_put_back(edit *e, nf_bytes answer, arena scratch);
void edit_note_pass(edit *e, edit_note note);

/* ---- outcome.c ---- */
/* A complete answer as plain text -> gate, guard, limits. It becomes out[n_out++] when it stands
 * and is not there yet; else the verdict and why say so, unless an earlier one stood. What cannot
 * be checked or put together in the scratch does not stand. */
void edit_answer_take(edit *e, nf_bytes answer, arena scratch);
/* What rules.h makes of the caption is the outcome, or with EDIT_RULES_ONLY that it made nothing.
 * false: nothing that stands. */
bool edit_by_rules(edit *e);
/* No answer of the model stood: what can be done without it (shorten: words left out of `answer`,
 * lines broken anew). */
void edit_fall_back(edit *e, nf_bytes answer, arena scratch);
/* Nothing more will come: verdict, why, trace. */
void edit_finish(edit *e);
/* The greedy answer does not fit, or nothing usable came, and limits are to be met: worth a search?
 */
bool edit_wants_search(const edit *e);
/* Is the input within the request's limits? */
bool edit_fits(const edit *e);
/* Visible characters the plain text may have, 0: no limit. */
isize edit_plain_limit(const edit *e);
/* No model needed: the outcome is the input itself. */
void edit_keep(edit *e, nf_verdict verdict, const char *why);
/* The input's lines joined and broken anew so that it fits; false: that is not enough. */
bool edit_rebreak_only(edit *e);

/* ---- trace.c ---- */
void edit_trace_write(edit *e);
