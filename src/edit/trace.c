/* The passes of an edit for a person: the notes of decode.c and search.c as lines of text. Tokens
 * stand between bars, as the model has them. See nf_edit_trace. */
#include "base/text_out.h"
#include "edit/state.h"

static void out_token(text_out *o, const edit *e, i32 token) {
  u8 text[256];
  isize len = edit_decode(e, &token, 1, text, (isize)sizeof text);
  if (len == 0) out_str(o, "<end>");
  out_bytes(o, bytes_of(text, len));
}

static void out_source(text_out *o, const edit *e, isize from, isize n) {
  for (isize i = from; i < from + n; i++) {
    out_str(o, "|");
    out_token(o, e, e->source[i]);
  }
  if (n > 0) out_str(o, "|");
}

/* Nats with two digits; log P is never above 0. */
static void out_nats(text_out *o, f64 nats) {
  if (nats < 0) out_str(o, "-");
  f64 size = nats < 0 ? -nats : nats;
  i64 hundredths = size < 1e6 ? (i64)(size * 100 + 0.5) : (i64)100'000'000;
  out_i64(o, hundredths / 100);
  out_str(o, hundredths % 100 < 10 ? ".0" : ".");
  out_i64(o, hundredths % 100);
}

static void out_next(text_out *o, const edit *e, const edit_note *note) {
  out_str(o, "the model gives |");
  out_token(o, e, note->next);
  out_str(o, "| (log P ");
  out_nats(o, (f64)note->log_p_next);
  out_str(o, ")");
}

static void out_draft(text_out *o, const edit *e, const edit_note *note) {
  out_str(o, "draft ");
  out_source(o, e, note->at, note->n_looked);
  out_str(o, ": ");
  out_i64(o, note->n_accepted);
  out_str(o, " of ");
  out_i64(o, note->n_looked);
  out_str(o, " accepted");
}

static void out_note(text_out *o, const edit *e, const edit_note *note) {
  switch (note->kind) {
    case NOTE_PROMPT: out_str(o, "prompt: a part of it, no answer yet"); break;
    case NOTE_PLAIN:
      out_str(o, "plain step: ");
      out_next(o, e, note);
      break;
    case NOTE_DRAFT:
    case NOTE_FORCED:
      out_draft(o, e, note);
      if (note->n_forced > 0) {
        out_str(o, ", then copied by force ");
        out_source(o, e, note->at + note->n_accepted, note->n_forced);
      }
      if (note->next >= 0 && (note->n_forced > 0 || note->at + note->n_accepted < e->n_source)) {
        out_str(o, note->n_forced > 0 ? " though " : ", then ");
        out_next(o, e, note);
      }
      break;
    case NOTE_BEAM:
      out_str(o, "search, a beam of ");
      out_i64(o, note->at);
      out_str(o, " tokens (");
      out_i64(o, note->n_looked);
      out_str(o, " ended so far): ");
      out_next(o, e, note);
      break;
    case NOTE_SAMPLE:
      out_str(o, "sampled answer ");
      out_i64(o, note->i_draw);
      out_str(o, ": ");
      if (note->n_looked > 0) out_draft(o, e, note);
      if (note->n_looked > 0 && note->next >= 0) out_str(o, ", then ");
      if (note->next >= 0) out_next(o, e, note);
      break;
  }
  out_str(o, "\n");
}

/* What the answer had to be over, and by kind of change for which. */
static void out_gate(text_out *o, const edit *e) {
  const edit_gate *gate = &e->task->gate;
  if (gate->by_kind && e->bar.kinds == 0) return; /* it changes nothing */
  out_str(o, ", gate ");
  out_nats(o, (f64)e->bar.nats);
  for (isize k = 0, n = 0; gate->by_kind && k < GATE_KINDS; k++) {
    if (!(e->bar.kinds >> k & 1)) continue;
    out_str(o, n++ == 0 ? " of " : ", ");
    out_str(o, gate_kind_name((gate_kind)k));
  }
}

void edit_trace_write(edit *e) {
  text_out o = {.at = (char *)e->trace, .cap = EDIT_TRACE_BYTES};
  out_str(&o, "prompt: ");
  out_i64(&o, e->receipt.input_tokens);
  out_str(&o, " tokens, ");
  out_i64(&o, e->receipt.cached_tokens);
  out_str(&o, " of them cached\n");
  for (isize i = 0, pass = 0; i < e->n_notes; i++) {
    bool beside = e->notes[i].beside;
    pass += !beside;
    out_str(&o, beside ? "  beside it in pass " : "pass ");
    out_i64(&o, pass);
    out_str(&o, ": ");
    out_note(&o, e, &e->notes[i]);
  }
  if (e->n_scored > 0) {
    out_str(&o, "log P(copy) ");
    out_nats(&o, e->log_p_copy);
    out_str(&o, ", log P(answer) ");
    out_nats(&o, e->log_p_answer);
    out_gate(&o, e);
    out_str(&o, "\n");
  }
  out_str(&o, "outcome: ");
  out_str(&o, e->why != nullptr ? e->why : "");
  out_str(&o, "\n");
  e->trace_len = o.len;
}
