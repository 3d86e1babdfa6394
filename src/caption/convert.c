/* The whole document in the other format: UTF-8, "\n", cues in the order shown. Blocks that are
 * no cue (notes, styles, damaged ones) have no place there; each is a warning.
 * The rules for the texts are in convert_text.c. */
#include "caption/convert.h"

#include "base/text_out.h"
#include "caption/document.h"
#include "caption/times.h"

static bool losses_warn(caption_doc *doc, i32 line, u32 losses) {
  static const struct {
    u32 loss;
    const char *what;
  } table[] = {
      {CONVERT_TAG, "a tag or class the other format lacks; dropped"},
      {CONVERT_OVERRIDE, "an override {\\...} the other format lacks; dropped"},
      {CONVERT_SETTING, "cue settings the other format lacks; dropped"},
      {CONVERT_BLANK, "a blank line in the text; dropped"},
      {CONVERT_ARROW, "\"-->\" in the text; written as \" ->\""},
      {CONVERT_TIME, "a time stamp in the text; dropped"},
  };
  bool ok = true;
  for (isize i = 0; i < (isize)(sizeof table / sizeof *table); i++) {
    if ((losses & table[i].loss) != 0) ok &= caption_warn(doc, line, table[i].what);
  }
  return ok;
}

static void time_add(buffer *out, i64 ms, nf_caption_format format) {
  u8 text[TIME_TEXT_BYTES];
  buffer_add(out, bytes_of(text, time_write(ms, format, (nf_bytes){}, text)));
}

static nf_bytes trimmed(nf_bytes b) {
  while (b.len > 0 && b.at[0] <= ' ') b = bytes_slice(b, 1, b.len);
  while (b.len > 0 && b.at[b.len - 1] <= ' ') b.len--;
  return b;
}

static bool srt_cue_to_vtt(caption_doc *doc, const caption_cue *cue, buffer *text) {
  char settings[64];
  isize settings_len;
  text->len = 0;
  u32 losses = convert_srt_text(caption_span_bytes(doc, cue->text), text, settings, &settings_len);
  if (cue->settings.len > 0) losses |= CONVERT_SETTING;
  buffer *out = &doc->out;
  nf_bytes label = trimmed(caption_span_bytes(doc, cue->label));
  bool label_fits = label.len > 0 && bytes_find(label, bytes_from_str("-->")) < 0;
  buffer_add_str(out, "\n");
  if (label_fits) {
    buffer_add(out, label);
    buffer_add_str(out, "\n");
  }
  time_add(out, cue->start_ms, NF_VTT);
  buffer_add_str(out, " --> ");
  time_add(out, cue->end_ms, NF_VTT);
  buffer_add(out, bytes_of(settings, settings_len));
  buffer_add_str(out, "\n");
  buffer_add(out, buffer_bytes(text));
  if (text->len > 0) buffer_add_str(out, "\n");
  return losses_warn(doc, cue->line, losses);
}

static bool label_is(const caption_doc *doc, const caption_cue *cue, i32 number) {
  char digits[24];
  text_out o = {.at = digits, .cap = sizeof digits};
  out_i64(&o, number);
  return bytes_equal(trimmed(caption_span_bytes(doc, cue->label)), bytes_of(digits, o.len));
}

static bool vtt_cue_to_srt(caption_doc *doc, const caption_cue *cue, i32 number, buffer *text) {
  text->len = 0;
  u32 losses = convert_vtt_text(caption_span_bytes(doc, cue->text),
                                caption_span_bytes(doc, cue->settings), text);
  buffer *out = &doc->out;
  char digits[24];
  text_out o = {.at = digits, .cap = sizeof digits};
  out_i64(&o, number);
  if (number > 1) buffer_add_str(out, "\n");
  buffer_add(out, bytes_of(digits, o.len));
  buffer_add_str(out, "\n");
  time_add(out, cue->start_ms, NF_SRT);
  buffer_add_str(out, " --> ");
  time_add(out, cue->end_ms, NF_SRT);
  buffer_add_str(out, "\n");
  buffer_add(out, buffer_bytes(text));
  if (text->len > 0) buffer_add_str(out, "\n");
  return losses_warn(doc, cue->line, losses);
}

/* Warn of every stretch between cues that is more than blank lines. */
static bool gaps_warn(caption_doc *doc) {
  nf_bytes text = caption_source(doc);
  i32 slot = 0, number = 1;
  bool inside = false, ok = true;
  for (isize at = 0; at < text.len && ok; number++) {
    while (slot < doc->n_source && at >= (isize)caption_slot(doc, slot)->block_to) slot++;
    bool in_cue = slot < doc->n_source && at >= (isize)caption_slot(doc, slot)->block_from;
    text_line line = line_at(text, at);
    nf_bytes seen = trimmed(bytes_slice(text, line.from, line.to));
    bool signature = doc->format == NF_VTT && bytes_equal(seen, bytes_from_str("WEBVTT"));
    bool loose = !in_cue && seen.len > 0 && !signature;
    if (loose && !inside) {
      ok = caption_warn(doc, number, "a block that is no cue is not carried over");
    }
    inside = loose;
    at = line.next;
  }
  return ok;
}

nf_status caption_write_other(caption_doc *doc, nf_error *error) {
  doc->n_warnings = doc->n_open_warnings;
  doc->warnings.len = doc->n_warnings * (isize)sizeof(nf_caption_warning);
  doc->out.len = 0;
  doc->out.failed = false;
  buffer text = {};
  bool ok = gaps_warn(doc), named = false;
  if (doc->format == NF_SRT) buffer_add_str(&doc->out, "WEBVTT\n");
  for (i32 i = 0; i < doc->n_order && ok; i++) {
    const caption_cue *cue = caption_at(doc, i);
    if (doc->format == NF_SRT) {
      ok = srt_cue_to_vtt(doc, cue, &text);
      continue;
    }
    if (cue->label.len > 0 && !named && !label_is(doc, cue, i + 1)) {
      named = true;
      ok = caption_warn(doc, cue->line, "cue identifiers become numbers from 1");
    }
    ok = ok && vtt_cue_to_srt(doc, cue, i + 1, &text);
  }
  ok = ok && !text.failed && !doc->out.failed;
  buffer_free(&text);
  if (ok) return NF_OK;
  return error_set(error, NF_NO_MEMORY, E_STR("no memory to write the captions"));
}
