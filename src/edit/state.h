/* The inside of an edit, shared by edit.c (prompt and passes) and outcome.c (what becomes of the
 * answer). Private to this folder. */
#pragma once
#include "caption/cue_text.h"
#include "edit/align.h"
#include "edit/edit.h"
#include "edit/tasks.h"

constexpr isize EDIT_TOKENS_MAX = 2048; /* of one caption's text, and of one answer */
constexpr isize EDIT_CHANGES_MAX = 1024;
constexpr isize EDIT_PROTECT_MAX = 256;
constexpr isize EDIT_PREFIX_TOKENS_MAX = 192; /* instruction and examples of a task */

typedef enum : u8 { EDIT_IDLE, EDIT_PASSES, EDIT_DONE } edit_phase;

struct edit {
  const text_vocab *vocab;
  text_template chat;
  session *timeline;
  i32 end_token; /* ends an answer */
  isize ctx_tokens;
  arena scratch; /* empty between calls */
  i32 *prompt;   /* [ctx_tokens] */
  i32 *source;   /* [EDIT_TOKENS_MAX]: the caption as an answer would tokenize it, and the end */
  i32 *answer;   /* [EDIT_TOKENS_MAX] */
  u8 *input, *plain, *text; /* [EDIT_TEXT_BYTES_MAX], same, twice that */
  u8 *protect_bytes;        /* [EDIT_TEXT_BYTES_MAX] */
  nf_bytes *protect;        /* [EDIT_PROTECT_MAX], into protect_bytes */
  nf_change *changes;       /* [EDIT_CHANGES_MAX] */

  struct {
    session_snapshot *snapshot; /* null: the task is not offered */
    isize n_prefix; /* tokens every prompt of the task begins with; 0: not known yet */
  } tasks[EDIT_TASKS];

  /* the request */
  const edit_task *task;
  nf_task task_id;
  nf_caption_format format;
  isize input_len, plain_len, n_source, n_protect;
  isize chars_max; /* of the whole cue's visible text; 0: no limit */
  isize lines_max; /* 0: no limit */
  cue_text split;

  /* the passes */
  edit_phase phase;
  align guess;
  bool copying;   /* the answer so far is the source's beginning */
  bool ended;     /* the answer's last token ended it: it was not cut */
  isize n_scored; /* log_p_copy is that of source[0, n_scored); for the answer see answer_push */
  f64 log_p_copy, log_p_answer; /* nats */
  isize n_answer;

  /* the outcome */
  nf_verdict verdict;
  const char *why;
  isize text_len, n_changes;
  nf_receipt receipt; /* counts; times are the caller's */
};

/* The answer is complete: plain text -> guard, gate, limits -> verdict, text, changes. What cannot
 * be checked or put together in the scratch is not proposed: there is always an outcome. */
void edit_outcome(edit *e, nf_bytes answer, arena scratch);
/* Is the input within the request's limits? */
bool edit_fits(const edit *e);
/* No model needed: the outcome is the input itself. */
void edit_keep(edit *e, nf_verdict verdict, const char *why);
