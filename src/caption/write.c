/* Saving in the document's own format: a copy of the file with the changed pieces replaced.
 *
 * The writer walks the decoded text and the raw file side by side, so pieces are copied as raw
 * bytes (broken ones too) and replacements are encoded into the file's encoding. Only when
 * Windows-1252 lacks a character everything is written again as UTF-8 with BOM.
 * Owns the writer; the output is the document's `out`. */
#include "base/text_out.h"
#include "caption/document.h"
#include "caption/times.h"

typedef struct {
  caption_doc *doc;
  encoding target;
  bool raw;         /* pieces are copied from the file's bytes, not from the decoded text */
  isize at;         /* decoded text copied or replaced so far */
  isize raw_at;     /* the same place in the file's bytes after the BOM; !identity only */
  isize walked;     /* decoded place that raw_at stands for */
  i32 ends;         /* line ends at the end of the output, at most 2; 2 at the start */
  i32 lacks_at;     /* slot whose text the encoding lacks a character of; -1: none */
  u32 lacks;
  bool no_memory;
} writer;

/* Raw place of a decoded place >= the last one asked for. */
static isize raw_place(writer *w, isize to) {
  nf_bytes raw = bytes_slice(buffer_bytes(&w->doc->file), w->doc->enc.bom_bytes, w->doc->file.len);
  while (w->walked < to) {
    u32 codepoint;
    u8 utf8[4];
    w->raw_at = encoding_next(w->doc->enc.kind, raw, w->raw_at, &codepoint);
    w->walked += utf8_put(codepoint, utf8);
  }
  ASSERT(w->walked == to);
  return w->raw_at;
}

/* How many lines end at the very end of `text`, which was just put out. */
static void ends_count(writer *w, nf_bytes text) {
  if (text.len == 0) return;
  i32 n = 0;
  isize i = text.len;
  while (i > 0 && n < 2 && (text.at[i - 1] == '\n' || text.at[i - 1] == '\r')) {
    i -= text.at[i - 1] == '\n' && i > 1 && text.at[i - 2] == '\r' ? 2 : 1;
    n++;
  }
  w->ends = i == 0 ? (w->ends + n > 2 ? 2 : w->ends + n) : n;
}

/* Copy the file up to a decoded place. */
static void copy_to(writer *w, isize to) {
  ASSERT(to >= w->at);
  caption_doc *doc = w->doc;
  nf_bytes piece = bytes_slice(caption_source(doc), w->at, to);
  if (w->raw && !doc->enc.identity) {
    isize from = raw_place(w, w->at);
    isize end = raw_place(w, to);
    buffer_add(&doc->out, bytes_slice(buffer_bytes(&doc->file), doc->enc.bom_bytes + from,
                                      doc->enc.bom_bytes + end));
  } else {
    buffer_add(&doc->out, piece);
  }
  ends_count(w, piece);
  w->at = to;
}

static void put(writer *w, i32 slot, nf_bytes text) {
  u32 codepoint;
  bool utf16 = w->target == ENCODING_UTF16_LE || w->target == ENCODING_UTF16_BE;
  /* text put after a file that was cut inside a unit must not be out of step */
  if (utf16 && text.len > 0 && w->doc->out.len % 2 != 0) buffer_add_byte(&w->doc->out, 0);
  nf_status status = encoding_encode(w->target, text, &w->doc->out, &codepoint);
  if (status == NF_NO_MEMORY) w->no_memory = true;
  if (status == NF_UNSUPPORTED && w->lacks_at < 0) {
    w->lacks_at = slot;
    w->lacks = codepoint;
  }
  ends_count(w, text);
}

static void put_line_end(writer *w, line_end end) { put(w, -1, bytes_from_str(line_end_str(end))); }

/* Text with the cue's own line ends. */
static void put_lines(writer *w, i32 slot, nf_bytes text) {
  line_end end = caption_slot(w->doc, slot)->end;
  for (isize from = 0;;) {
    text_line line = line_at(text, from);
    put(w, slot, bytes_slice(text, line.from, line.to));
    if (line.end == EOL_NONE) break;
    put_line_end(w, end);
    from = line.next;
  }
}

static void put_time(writer *w, i64 ms, u32 from, u32 to) {
  copy_to(w, from);
  u8 out[TIME_TEXT_BYTES];
  nf_bytes like = bytes_slice(caption_source(w->doc), from, to);
  put(w, -1, bytes_of(out, time_write(ms, w->doc->format, like, out)));
  w->at = to;
}

static bool same_span(caption_span a, caption_span b) {
  return a.at == b.at && a.len == b.len && a.in_pool == b.in_pool;
}

/* A cue of the file. */
static void source_cue_write(writer *w, i32 slot) {
  const caption_cue *cue = caption_slot(w->doc, slot);
  if (cue->start_ms != cue->source_start_ms) {
    put_time(w, cue->start_ms, cue->start_from, cue->start_to);
  }
  if (cue->end_ms != cue->source_end_ms) put_time(w, cue->end_ms, cue->end_from, cue->end_to);
  if (same_span(cue->text, cue->source_text)) return;
  bool was_empty = cue->text_from == cue->text_to;
  copy_to(w, cue->text_from);
  if (was_empty && cue->text.len > 0 && !cue->time_ended) put_line_end(w, cue->end);
  put_lines(w, slot, caption_span_bytes(w->doc, cue->text));
  w->at = cue->text_to;
  if (was_empty && cue->text.len > 0) {
    put_line_end(w, cue->end);
    if (!cue->blank_after) put_line_end(w, cue->end);
    return;
  }
  if (cue->blank_after) return;
  /* the next cue follows without a blank line: a changed text could run into it */
  copy_to(w, line_at(caption_source(w->doc), cue->text_to).next);
  put_line_end(w, cue->end);
}

static void added_cue_write(writer *w, i32 slot) {
  caption_doc *doc = w->doc;
  const caption_cue *cue = caption_slot(doc, slot);
  while (w->ends < 2) put_line_end(w, cue->end);
  nf_bytes label = caption_span_bytes(doc, cue->label);
  if (label.len > 0) {
    put(w, slot, label);
    put_line_end(w, cue->end);
  }
  u8 out[TIME_TEXT_BYTES];
  put(w, -1, bytes_of(out, time_write(cue->start_ms, doc->format, (nf_bytes){}, out)));
  put(w, -1, bytes_from_str(" --> "));
  put(w, -1, bytes_of(out, time_write(cue->end_ms, doc->format, (nf_bytes){}, out)));
  put_line_end(w, cue->end);
  nf_bytes text = caption_span_bytes(doc, cue->text);
  put_lines(w, slot, text);
  if (text.len > 0) put_line_end(w, cue->end);
  if (w->at < doc->text.len || text.len == 0) put_line_end(w, cue->end);
}

static void document_write(writer *w) {
  caption_doc *doc = w->doc;
  doc->out.len = 0;
  doc->out.failed = false;
  w->ends = 2;
  w->lacks_at = -1;
  if (!w->raw || doc->enc.bom_bytes > 0) encoding_bom_add(w->target, &doc->out);
  i32 next = 0; /* first source slot not passed yet */
  for (i32 i = 0; i <= doc->n_order; i++) {
    i32 slot = i < doc->n_order ? caption_slot_of(doc, i) : doc->n_source;
    if (slot >= doc->n_source && i < doc->n_order) { /* added: right after the one before */
      isize place = next > 0            ? caption_slot(doc, next - 1)->block_to
                    : doc->n_source > 0 ? caption_slot(doc, 0)->block_from
                                        : doc->text.len;
      if (place > w->at) copy_to(w, place);
      added_cue_write(w, slot);
      continue;
    }
    for (; next < slot; next++) { /* removed ones */
      copy_to(w, isize_max(caption_slot(doc, next)->block_from, w->at));
      w->at = isize_max(caption_slot(doc, next)->block_to, w->at);
    }
    if (i == doc->n_order) break;
    source_cue_write(w, slot);
    next = slot + 1;
  }
  copy_to(w, doc->text.len);
}

nf_status caption_write_own(caption_doc *doc, nf_error *error) {
  doc->n_warnings = doc->n_open_warnings;
  doc->warnings.len = doc->n_warnings * (isize)sizeof(nf_caption_warning);
  writer w = {.doc = doc, .target = doc->enc.kind, .raw = true};
  document_write(&w);
  if (w.lacks_at >= 0) {
    i32 line = caption_slot(doc, w.lacks_at)->line;
    if (!caption_warn(doc, line > 0 ? line : 1,
                      "a character that Windows-1252 lacks; the file is written as UTF-8")) {
      w.no_memory = true;
    }
    bool no_memory = w.no_memory;
    w = (writer){.doc = doc, .target = ENCODING_UTF8, .no_memory = no_memory};
    document_write(&w);
  }
  if (w.no_memory || doc->out.failed) {
    return error_set(error, NF_NO_MEMORY, E_STR("no memory to write the captions"));
  }
  return NF_OK;
}
