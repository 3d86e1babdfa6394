/* A caption document: opening, the cue table, changes. See document.h. */
#include "caption/document.h"

#include "base/ascii.h"
#include "base/text_out.h"

nf_bytes caption_span_bytes(const caption_doc *doc, caption_span span) {
  nf_bytes from = buffer_bytes(span.in_pool ? &doc->pool : &doc->text);
  return bytes_slice(from, span.at, (isize)span.at + span.len);
}

bool caption_cue_add(caption_doc *doc, const caption_cue *cue) {
  doc->cues.failed = false;
  buffer_add(&doc->cues, bytes_of(cue, sizeof *cue));
  if (doc->cues.failed) return false;
  doc->n_cues++;
  return true;
}

bool caption_warn(caption_doc *doc, i32 line, const char *what) {
  nf_caption_warning *old = (nf_caption_warning *)doc->warnings.at;
  if (doc->n_warnings > 0 && old[doc->n_warnings - 1].line == line &&
      old[doc->n_warnings - 1].what == what) {
    return true;
  }
  nf_caption_warning warning = {.line = line, .what = what};
  doc->warnings.failed = false;
  buffer_add(&doc->warnings, bytes_of(&warning, sizeof warning));
  if (doc->warnings.failed) return false;
  doc->n_warnings++;
  return true;
}

/* The pool's new end as a span; u32 is enough until 4 GiB of texts were typed. */
static bool pool_add(caption_doc *doc, nf_bytes text, caption_span *span) {
  if ((u64)doc->pool.len + (u64)text.len > UINT32_MAX) return false;
  isize at = doc->pool.len;
  doc->pool.failed = false;
  buffer_add(&doc->pool, text);
  if (doc->pool.failed) return false;
  *span = (caption_span){.at = (u32)at, .len = (u32)text.len, .in_pool = true};
  return true;
}

bool caption_lines_span(caption_doc *doc, isize from, isize to, caption_span *span) {
  nf_bytes all = caption_source(doc);
  *span = (caption_span){.at = (u32)from, .len = (u32)(to - from)};
  isize cr = from;
  while (cr < to && all.at[cr] != '\r') cr++;
  if (cr == to) return true;
  isize at = doc->pool.len;
  if (!buffer_reserve(&doc->pool, to - from)) return false;
  for (isize i = from; i < to; i++) {
    bool pair = all.at[i] == '\r' && i + 1 < to && all.at[i + 1] == '\n';
    if (!pair) buffer_add_byte(&doc->pool, all.at[i] == '\r' ? '\n' : all.at[i]);
  }
  *span = (caption_span){.at = (u32)at, .len = (u32)(doc->pool.len - at), .in_pool = true};
  return !doc->pool.failed;
}

caption_cue caption_cue_of(const time_line *time, text_line line) {
  caption_cue cue = {.source_start_ms = time->start_ms, .source_end_ms = time->end_ms};
  cue.start_from = (u32)time->start_from;
  cue.start_to = (u32)time->start_to;
  cue.end_from = (u32)time->end_from;
  cue.end_to = (u32)time->end_to;
  cue.settings =
      (caption_span){.at = (u32)time->rest_from, .len = (u32)(time->rest_to - time->rest_from)};
  cue.text_from = cue.text_to = (u32)line.next;
  cue.end = line.end == EOL_NONE ? EOL_LF : line.end;
  cue.time_ended = line.end != EOL_NONE;
  return cue;
}

bool caption_cue_close(caption_doc *doc, caption_cue *cue, isize block_to) {
  cue->block_to = (u32)block_to;
  cue->start_ms = cue->source_start_ms;
  cue->end_ms = cue->source_end_ms;
  if (!caption_lines_span(doc, cue->text_from, cue->text_to, &cue->source_text)) return false;
  cue->text = cue->source_text;
  return caption_cue_add(doc, cue);
}

void caption_free(caption_doc *doc) {
  buffer *all[] = {&doc->file,  &doc->text,     &doc->pool, &doc->cues,
                   &doc->order, &doc->warnings, &doc->out};
  for (isize i = 0; i < (isize)(sizeof all / sizeof *all); i++) buffer_free(all[i]);
  *doc = (caption_doc){};
}

bool caption_is_vtt(nf_bytes text) {
  isize at = 0;
  while (at < text.len && text.at[at] <= ' ') at++;
  nf_bytes rest = bytes_slice(text, at, text.len);
  if (!bytes_start_with(rest, bytes_from_str("WEBVTT"))) return false;
  return rest.len == 6 || rest.at[6] <= ' ';
}

static nf_status decoded_read(caption_doc *doc, nf_bytes file, nf_error *error) {
  nf_status status = encoding_decode(file, &doc->enc, &doc->text);
  if (status != NF_OK) return status;
  if (!doc->enc.identity) buffer_add(&doc->file, file);
  if (doc->file.failed) return NF_NO_MEMORY;
  if (doc->enc.damaged && !caption_warn(doc, doc->enc.damage_line,
                                        doc->enc.kind == ENCODING_UTF8
                                            ? "bytes that are not UTF-8; kept as they are"
                                            : "bytes that are not UTF-16; kept as they are")) {
    return NF_NO_MEMORY;
  }
  nf_bytes text = caption_source(doc);
  doc->format = caption_is_vtt(text) ? NF_VTT : NF_SRT;
  if (!(doc->format == NF_VTT ? caption_vtt_read(doc) : caption_srt_read(doc))) {
    return NF_NO_MEMORY;
  }
  if (doc->n_cues == 0 && doc->format == NF_SRT) {
    return error_set(error, NF_BAD_INPUT,
                     E_STR("line 1: no cue found; an SRT file (00:00:01,000 --> 00:00:02,000) or "
                           "a WebVTT file (WEBVTT) expected"));
  }
  doc->n_source = doc->n_order = doc->n_cues;
  doc->n_open_warnings = doc->n_warnings;
  if (!buffer_reserve(&doc->order, (isize)doc->n_order * (isize)sizeof(u32))) return NF_NO_MEMORY;
  for (u32 i = 0; i < (u32)doc->n_order; i++) buffer_add(&doc->order, bytes_of(&i, sizeof i));
  return NF_OK;
}

nf_status caption_read(caption_doc *doc, nf_bytes file, nf_error *error) {
  if (file.len == 0) {
    return error_set(error, NF_BAD_INPUT, E_STR("line 1: empty file; SRT or WebVTT expected"));
  }
  if (file.len > CAPTION_FILE_BYTES_MAX) {
    return error_set(error, NF_BAD_INPUT, E_STR("line 1: "), E_INT(file.len),
                     E_STR(" bytes; at most "), E_INT(CAPTION_FILE_BYTES_MAX),
                     E_STR(" expected of a caption file"));
  }
  caption_doc fresh = {};
  nf_status status = encoding_find(file, &fresh.enc, error);
  if (status == NF_OK) status = decoded_read(&fresh, file, error);
  if (status == NF_NO_MEMORY) {
    (void)error_set(error, status, E_STR("no memory for a caption file of "), E_INT(file.len),
                    E_STR(" bytes"));
  }
  if (status == NF_OK) {
    *doc = fresh;
  } else {
    caption_free(&fresh);
  }
  return status;
}

/* ---- changes ---- */

static nf_status no_memory(nf_error *error) {
  return error_set(error, NF_NO_MEMORY, E_STR("no memory for the changed captions"));
}

/* Would this line, inside a text, be read as something else? null: no. */
static const char *line_trouble(const caption_doc *doc, nf_bytes text, text_line line,
                                bool blank_fine) {
  if (doc->format == NF_VTT) {
    if (line.from == line.to) return "an empty line would end the cue";
    bool arrow = bytes_find(bytes_slice(text, line.from, line.to), bytes_from_str("-->")) >= 0;
    return arrow ? "\"-->\" would end the cue" : nullptr;
  }
  if (line_is_blank(text, line)) return blank_fine ? nullptr : "an empty line would end the cue";
  time_line t;
  bool time = time_line_read(text, line.from, line.to, NF_SRT, &t) ||
              time_line_damaged(text, line.from, line.to);
  return time ? "a time line would begin another cue" : nullptr;
}

static nf_status text_check(const caption_doc *doc, nf_bytes text, bool blank_fine,
                            nf_error *error) {
  if (!utf8_valid(text)) return error_set(error, NF_BAD_INPUT, E_STR("text is not UTF-8"));
  if (text.len > CAPTION_FILE_BYTES_MAX) {
    return error_set(error, NF_BAD_INPUT, E_STR("text is longer than a caption file may be"));
  }
  for (isize i = 0; i < text.len; i++) {
    if (text.at[i] == 0) return error_set(error, NF_BAD_INPUT, E_STR("text has a NUL byte"));
  }
  i32 n = 1;
  for (isize at = 0; text.len > 0; n++) {
    text_line line = line_at(text, at);
    /* a blank line is fine between others of a cue that had some, never first or last */
    bool inside = line.from > 0 && line.end != EOL_NONE;
    const char *trouble = line_trouble(doc, text, line, blank_fine && inside);
    if (trouble != nullptr) {
      return error_set(error, NF_BAD_INPUT, E_STR("line "), E_INT(n), E_STR(" of the text: "),
                       E_STR(trouble));
    }
    if (line.end == EOL_NONE) break;
    at = line.next;
  }
  return NF_OK;
}

/* Into the pool, line ends as '\n'. */
static bool text_keep(caption_doc *doc, nf_bytes text, caption_span *span) {
  caption_span kept;
  if (!pool_add(doc, text, &kept)) return false;
  u8 *at = doc->pool.at + kept.at;
  isize n = 0;
  for (isize i = 0; i < text.len; i++) {
    bool pair = at[i] == '\r' && i + 1 < text.len && at[i + 1] == '\n';
    if (!pair) at[n++] = at[i] == '\r' ? '\n' : at[i];
  }
  kept.len = (u32)n;
  doc->pool.len = kept.at + n;
  *span = kept;
  return true;
}

nf_status caption_text_set(caption_doc *doc, i32 i, nf_bytes text, nf_error *error) {
  caption_cue *cue = caption_at(doc, i);
  nf_bytes source = caption_span_bytes(doc, cue->source_text);
  if (cue->line > 0 && bytes_equal(text, source)) { /* taken back */
    cue->text = cue->source_text;
    return NF_OK;
  }
  if (bytes_equal(text, caption_span_bytes(doc, cue->text))) return NF_OK;
  nf_status status = text_check(doc, text, cue->blank_inside, error);
  if (status != NF_OK) return status;
  return text_keep(doc, text, &cue->text) ? NF_OK : no_memory(error);
}

static nf_status times_check(i64 start_ms, i64 end_ms, nf_error *error) {
  constexpr i64 ms_max = (i64)1000 * 1000 * 1000 * 3600 * 1000;
  if (start_ms < 0 || end_ms < start_ms || end_ms > ms_max) {
    return error_set(error, NF_BAD_INPUT, E_STR("times "), E_INT(start_ms), E_STR(" to "),
                     E_INT(end_ms), E_STR(" ms; 0 <= start <= end expected"));
  }
  return NF_OK;
}

nf_status caption_times_set(caption_doc *doc, i32 i, i64 start_ms, i64 end_ms, nf_error *error) {
  caption_cue *cue = caption_at(doc, i);
  if (start_ms == cue->source_start_ms && end_ms == cue->source_end_ms && cue->line > 0) {
    cue->start_ms = start_ms; /* as the file has them, even if it has them odd */
    cue->end_ms = end_ms;
    return NF_OK;
  }
  nf_status status = times_check(start_ms, end_ms, error);
  if (status != NF_OK) return status;
  cue->start_ms = start_ms;
  cue->end_ms = end_ms;
  return NF_OK;
}

/* The SRT number of a cue put after slot `before`: one more than that one's. */
static bool number_label(caption_doc *doc, i32 i, caption_span *label) {
  i64 number = 0;
  if (i > 0) {
    nf_bytes old = caption_span_bytes(doc, caption_at(doc, i - 1)->label);
    for (isize k = 0; k < old.len && number < INT32_MAX; k++) {
      if (ascii_is_digit(old.at[k])) number = number * 10 + (old.at[k] - '0');
    }
  }
  char digits[24];
  text_out o = {.at = digits, .cap = sizeof digits};
  out_i64(&o, number + 1);
  return pool_add(doc, bytes_of(digits, o.len), label);
}

nf_status caption_cue_insert(caption_doc *doc, i32 i, i64 start_ms, i64 end_ms, nf_bytes text,
                             nf_error *error) {
  ASSERT(i >= 0 && i <= doc->n_order);
  nf_status status = times_check(start_ms, end_ms, error);
  if (status == NF_OK) status = text_check(doc, text, false, error);
  if (status != NF_OK) return status;
  caption_cue cue = {.start_ms = start_ms, .end_ms = end_ms, .end = EOL_LF};
  if (doc->n_source > 0) cue.end = caption_slot(doc, 0)->end;
  if (i > 0) cue.end = caption_at(doc, i - 1)->end;
  u32 slot = (u32)doc->n_cues;
  bool fits = text_keep(doc, text, &cue.text) &&
              (doc->format == NF_VTT || number_label(doc, i, &cue.label)) &&
              buffer_reserve(&doc->order, sizeof slot) && caption_cue_add(doc, &cue);
  if (!fits) return no_memory(error);
  u32 *order = (u32 *)doc->order.at;
  bytes_move(order + i + 1, order + i, (isize)(doc->n_order - i) * (isize)sizeof *order);
  order[i] = slot;
  doc->n_order++;
  doc->order.len += (isize)sizeof slot;
  return NF_OK;
}

nf_status caption_cue_remove(caption_doc *doc, i32 i, nf_error *error) {
  (void)error;
  ASSERT(i >= 0 && i < doc->n_order);
  u32 *order = (u32 *)doc->order.at;
  bytes_move(order + i, order + i + 1, (isize)(doc->n_order - i - 1) * (isize)sizeof *order);
  doc->n_order--;
  doc->order.len -= (isize)sizeof *order;
  return NF_OK;
}
