/* WebVTT: blocks between empty lines. Header, NOTE, STYLE and REGION blocks belong to no cue and
 * stay in the file; so do blocks that cannot be read, with a warning.
 * Owns nothing. source W3C WebVTT, section 6.1 ("WebVTT file parsing"), followed for what is
 * a cue; where a browser would drop something silently, a warning says so here. */
#include "caption/document.h"
#include "caption/times.h"

typedef struct {
  caption_doc *doc;
  nf_bytes text;
  isize at; /* start of the line to be read next */
  i32 line; /* its 1-based number */
  i64 start_before;
} vtt_reader;

static bool has_arrow(nf_bytes text, text_line line) {
  return bytes_find(bytes_slice(text, line.from, line.to), bytes_from_str("-->")) >= 0;
}

static text_line line_take(vtt_reader *r) {
  text_line line = line_at(r->text, r->at);
  r->at = line.next;
  r->line++;
  return line;
}

static bool at_end(const vtt_reader *r) { return r->at >= r->text.len; }

/* Past the rest of a block: up to an empty line or one with an arrow. */
static void block_skip(vtt_reader *r) {
  while (!at_end(r)) {
    text_line line = line_at(r->text, r->at);
    if (line.from == line.to || has_arrow(r->text, line)) return;
    (void)line_take(r);
  }
}

static bool header_read(vtt_reader *r) {
  bool ok = true;
  text_line line = line_take(r);
  if (!bytes_start_with(bytes_slice(r->text, line.from, line.to), bytes_from_str("WEBVTT"))) {
    ok = caption_warn(r->doc, 1, "the file does not begin with WEBVTT; players may refuse it");
    while (bytes_find(bytes_slice(r->text, line.from, line.to), bytes_from_str("WEBVTT")) < 0) {
      line = line_take(r);
    }
  }
  block_skip(r);
  return ok;
}

/* NOTE, STYLE, REGION, alone or (NOTE) followed by a blank. */
static bool is_known_block(nf_bytes text, text_line line) {
  nf_bytes head = bytes_slice(text, line.from, line.to);
  while (head.len > 0 && (head.at[head.len - 1] == ' ' || head.at[head.len - 1] == '\t')) {
    head.len--;
  }
  if (bytes_equal(head, bytes_from_str("STYLE")) || bytes_equal(head, bytes_from_str("REGION"))) {
    return true;
  }
  return bytes_start_with(head, bytes_from_str("NOTE")) &&
         (head.len == 4 || head.at[4] == ' ' || head.at[4] == '\t');
}

/* The text lines of a cue whose time line was just taken. */
static bool cue_text_read(vtt_reader *r, caption_cue *cue) {
  bool first = true;
  cue->blank_after = true;
  while (!at_end(r)) {
    text_line line = line_at(r->text, r->at);
    if (line.from == line.to) break;
    if (has_arrow(r->text, line)) {
      cue->blank_after = false;
      break;
    }
    if (first) cue->text_from = (u32)line.from;
    cue->text_to = (u32)line.to;
    first = false;
    (void)line_take(r);
  }
  if (!cue->blank_after && !caption_warn(r->doc, r->line, "no blank line before this cue")) {
    return false;
  }
  isize block_to = r->at;
  while (block_to < r->text.len) { /* the empty lines after it */
    text_line line = line_at(r->text, block_to);
    if (line.from != line.to) break;
    block_to = line.next;
  }
  return caption_cue_close(r->doc, cue, block_to);
}

/* A block with a time line; the identifier line, if any, is `label`. */
static bool cue_read(vtt_reader *r, const text_line *label) {
  i32 line_number = r->line - (label != nullptr ? 1 : 0);
  i32 time_number = r->line;
  text_line line = line_take(r);
  time_line time;
  if (!time_line_read(r->text, line.from, line.to, NF_VTT, &time)) {
    block_skip(r);
    return caption_warn(r->doc, time_number,
                        "time line not understood; the block is kept as it is");
  }
  if (time.odd != nullptr && !caption_warn(r->doc, time_number, time.odd)) return false;
  if (time.start_ms < r->start_before &&
      !caption_warn(r->doc, time_number, "the cue begins before the one above it")) {
    return false;
  }
  r->start_before = time.start_ms;
  caption_cue cue = caption_cue_of(&time, line);
  cue.line = line_number;
  cue.block_from = (u32)(label != nullptr ? label->from : line.from);
  if (label != nullptr) {
    cue.label = (caption_span){.at = (u32)label->from, .len = (u32)(label->to - label->from)};
  }
  return cue_text_read(r, &cue);
}

static bool block_read(vtt_reader *r) {
  text_line line = line_at(r->text, r->at);
  if (has_arrow(r->text, line)) return cue_read(r, nullptr);
  i32 line_number = r->line;
  (void)line_take(r);
  if (line.from == line.to) return true;
  if (!at_end(r) && has_arrow(r->text, line_at(r->text, r->at))) return cue_read(r, &line);
  bool known = is_known_block(r->text, line);
  block_skip(r);
  return known || caption_warn(r->doc, line_number, "block without a time line; kept as it is");
}

bool caption_vtt_read(caption_doc *doc) {
  vtt_reader r = {.doc = doc, .text = caption_source(doc), .line = 1, .start_before = INT64_MIN};
  if (!header_read(&r)) return false;
  while (!at_end(&r)) {
    if (!block_read(&r)) return false;
  }
  return true;
}
