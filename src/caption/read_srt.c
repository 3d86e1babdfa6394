/* SubRip as it is found, not as it should be: one walk over the lines. A cue begins at a time
 * line, with its number on the line above; everything up to the next such place is its text.
 * What cannot be read stays in the file, outside every cue, and is named in a warning.
 * Owns nothing. Read next: write.c for how such a file is saved. */
#include "caption/document.h"
#include "caption/times.h"

typedef struct {
  caption_doc *doc;
  nf_bytes text;
  i32 line;           /* 1-based number of the line looked at */
  bool double_spaced; /* number and time line have a blank line between them */
  bool blank;         /* the line before was blank, or this is the first */
  bool open;          /* `cue` is being read */
  bool has_text;
  bool lost; /* inside something that is no cue; already warned about */
  caption_cue cue;
  i64 number_before, start_before;
} srt_reader;

typedef struct {
  text_line label, time; /* label.from == label.to: none */
  i32 lines;             /* from the head's first line to its time line, both counted */
  bool damaged;
  time_line read;
} srt_head;

static bool is_number(nf_bytes text, text_line line, i64 *value) {
  isize from = line.from, to = line.to;
  while (from < to && text.at[from] <= ' ') from++;
  while (to > from && text.at[to - 1] <= ' ') to--;
  i64 v = 0;
  for (isize i = from; i < to; i++) {
    if (text.at[i] < '0' || text.at[i] > '9' || v > INT32_MAX) return false;
    v = v * 10 + (text.at[i] - '0');
  }
  *value = v;
  return to > from;
}

static bool is_time(nf_bytes text, text_line line, srt_head *head) {
  head->time = line;
  if (time_line_read(text, line.from, line.to, NF_SRT, &head->read)) return true;
  return head->damaged = time_line_damaged(text, line.from, line.to);
}

/* Does a cue (or a damaged one) begin at this line? */
static bool head_find(const srt_reader *r, text_line line, srt_head *head) {
  *head = (srt_head){.label = {.from = line.from, .to = line.from}, .lines = 1};
  if (is_time(r->text, line, head)) return true;
  if (line.end == EOL_NONE || line_is_blank(r->text, line)) return false;
  i64 value;
  bool number = is_number(r->text, line, &value);
  if (!number && !r->blank) return false;
  text_line next = line_at(r->text, line.next);
  head->label = line;
  head->lines = 2;
  if (is_time(r->text, next, head)) return true;
  if (!number || !r->double_spaced || next.end == EOL_NONE || !line_is_blank(r->text, next)) {
    return false;
  }
  head->lines = 3;
  return is_time(r->text, line_at(r->text, next.next), head);
}

/* "1", blank line, time line at the very start: the whole file is written like that. */
static bool is_double_spaced(nf_bytes text) {
  isize at = 0;
  text_line line = line_at(text, at);
  while (line.end != EOL_NONE && line_is_blank(text, line)) line = line_at(text, line.next);
  i64 value;
  if (line.end == EOL_NONE || !is_number(text, line, &value)) return false;
  text_line next = line_at(text, line.next);
  if (next.end == EOL_NONE || !line_is_blank(text, next)) return false;
  text_line time = line_at(text, next.next);
  time_line read;
  return time_line_read(text, time.from, time.to, NF_SRT, &read);
}

static bool cue_end(srt_reader *r, isize block_to, bool blank) {
  if (!r->open) return true;
  r->open = false;
  r->cue.blank_after = blank;
  return caption_cue_close(r->doc, &r->cue, block_to);
}

static bool head_warn(srt_reader *r, const srt_head *head, bool had_text) {
  i32 time_at = r->line + head->lines - 1;
  bool ok = true;
  if (had_text && !r->blank) ok &= caption_warn(r->doc, r->line, "no blank line before this cue");
  i64 value = 0;
  if (head->label.from == head->label.to) {
    ok &= caption_warn(r->doc, r->line, "cue number missing");
  } else if (!is_number(r->text, head->label, &value)) {
    ok &= caption_warn(r->doc, r->line, "cue number expected");
  } else {
    if (value <= r->number_before) {
      ok &= caption_warn(r->doc, r->line, "cue number is not above the one before");
    }
    r->number_before = value;
  }
  if (head->lines == 3) {
    ok &= caption_warn(r->doc, r->line, "blank line between cue number and time line");
  }
  if (head->read.odd != nullptr) ok &= caption_warn(r->doc, time_at, head->read.odd);
  if (head->read.start_ms < r->start_before) {
    ok &= caption_warn(r->doc, time_at, "the cue begins before the one above it");
  }
  r->start_before = head->read.start_ms;
  return ok;
}

static bool cue_begin(srt_reader *r, const srt_head *head, isize block_from) {
  bool had_text = r->open && r->has_text;
  if (!cue_end(r, block_from, r->blank)) return false;
  if (head->damaged) {
    r->lost = true;
    return caption_warn(r->doc, r->line + head->lines - 1,
                        "time line not understood; the block is kept as it is");
  }
  if (!head_warn(r, head, had_text)) return false;
  r->cue = caption_cue_of(&head->read, head->time);
  r->cue.block_from = (u32)block_from;
  r->cue.line = r->line;
  r->cue.label =
      (caption_span){.at = (u32)head->label.from, .len = (u32)(head->label.to - head->label.from)};
  r->open = true;
  r->has_text = r->lost = false;
  return true;
}

static bool text_take(srt_reader *r, text_line line) {
  if (!r->open) {
    bool warned = r->lost;
    r->lost = true;
    return warned || caption_warn(r->doc, r->line, "text outside any cue; kept as it is");
  }
  bool ok = true;
  if (r->blank) {
    ok = caption_warn(r->doc, r->line,
                      r->has_text ? "blank line inside the text of a cue"
                                  : "blank line before the text of a cue");
    r->cue.blank_inside |= r->has_text;
  }
  if (!r->has_text) r->cue.text_from = (u32)line.from;
  r->cue.text_to = (u32)line.to;
  r->has_text = true;
  return ok;
}

bool caption_srt_read(caption_doc *doc) {
  srt_reader r = {.doc = doc,
                  .text = caption_source(doc),
                  .line = 1,
                  .blank = true,
                  .number_before = INT64_MIN,
                  .start_before = INT64_MIN};
  r.double_spaced = is_double_spaced(r.text);
  for (isize at = 0; at < r.text.len;) {
    text_line line = line_at(r.text, at);
    srt_head head;
    if (head_find(&r, line, &head)) {
      if (!cue_begin(&r, &head, line.from)) return false;
      at = head.time.next;
      r.line += head.lines;
      r.blank = false;
      continue;
    }
    bool blank = line_is_blank(r.text, line);
    if (!blank && !text_take(&r, line)) return false;
    r.blank = blank;
    at = line.next;
    r.line++;
  }
  return cue_end(&r, r.text.len, true);
}
