/* A caption file as cues that know where they stand in it. Whatever no cue claims (headers,
 * notes, styles, damaged blocks, blank lines) stays in the file and is copied on save; a
 * change rewrites only the time or the text it is about.
 *
 * Owns the file's bytes, its decoded text, the cue table, added texts and warnings, all in
 * growing blocks. Does NOT know lint, plain text or what a tag is.
 * Reading: read_srt.c, read_vtt.c. Saving: write.c, and convert.c for the other format. */
#pragma once
#include "base/base.h"
#include "caption/buffer.h"
#include "caption/encoding.h"
#include "caption/line.h"
#include "caption/times.h"

constexpr isize CAPTION_FILE_BYTES_MAX = 64 << 20;

/* A piece of the decoded file, or of the pool of texts that are not in it as they are. */
typedef struct {
  u32 at, len;
  bool in_pool;
} caption_span;

typedef struct {
  i64 start_ms, end_ms;               /* as they are now */
  i64 source_start_ms, source_end_ms; /* as the file has them */
  caption_span text, source_text;     /* lines separated by '\n' */
  caption_span label, settings;
  /* places in the decoded file; block_to lies after the blank lines that follow */
  u32 block_from, start_from, start_to, end_from, end_to, text_from, text_to, block_to;
  i32 line;       /* 1-based, of the block; 0: not in the file */
  line_end end;   /* how its lines end */
  bool time_ended; /* a line end follows the time line */
  bool blank_after; /* a blank line, or the end of the file, follows the text */
  bool blank_inside; /* the file has blank lines inside the text */
} caption_cue;

typedef struct {
  nf_caption_format format;
  encoding_facts enc;
  buffer file;     /* raw; empty when enc.identity */
  buffer text;     /* decoded, without BOM */
  buffer pool;     /* texts of changed and added cues, and of cues with CR in them */
  buffer cues;     /* caption_cue[n_cues]: first n_source in file order, then added ones */
  buffer order;    /* u32[n_order]: what the document shows, indices into cues */
  buffer warnings; /* nf_caption_warning[n_warnings] */
  buffer out;      /* last written file */
  i32 n_source, n_cues, n_order, n_warnings;
  i32 n_open_warnings; /* of those, from reading; the others belong to the last write */
} caption_doc;

/* Read `file` (copied). errors as nf_caption_open. On failure nothing stays allocated. */
[[nodiscard]] nf_status caption_read(caption_doc *doc, nf_bytes file, nf_error *error);
void caption_free(caption_doc *doc);

static inline nf_bytes caption_source(const caption_doc *doc) { return buffer_bytes(&doc->text); }
static inline caption_cue *caption_slot(const caption_doc *doc, i32 slot) {
  ASSERT(slot >= 0 && slot < doc->n_cues);
  return (caption_cue *)doc->cues.at + slot;
}
/* The i-th cue the document shows. */
static inline i32 caption_slot_of(const caption_doc *doc, i32 i) {
  ASSERT(i >= 0 && i < doc->n_order);
  return (i32)((const u32 *)doc->order.at)[i];
}
static inline caption_cue *caption_at(const caption_doc *doc, i32 i) {
  return caption_slot(doc, caption_slot_of(doc, i));
}
nf_bytes caption_span_bytes(const caption_doc *doc, caption_span span);

/* Changes; rules and errors as the nf_caption_ functions of the same names. */
[[nodiscard]] nf_status caption_text_set(caption_doc *doc, i32 i, nf_bytes text, nf_error *error);
[[nodiscard]] nf_status caption_times_set(caption_doc *doc, i32 i, i64 start_ms, i64 end_ms,
                                          nf_error *error);
[[nodiscard]] nf_status caption_cue_insert(caption_doc *doc, i32 i, i64 start_ms, i64 end_ms,
                                           nf_bytes text, nf_error *error);
[[nodiscard]] nf_status caption_cue_remove(caption_doc *doc, i32 i, nf_error *error);

/* The file in its own format (write.c): unchanged pieces are copied from the file's bytes.
 * A character that Windows-1252 lacks turns the whole file into UTF-8 with BOM, with a warning
 * that names the cue's line: a save never fails over a letter, and players know the BOM. */
[[nodiscard]] nf_status caption_write_own(caption_doc *doc, nf_error *error);
/* The document in the other format, UTF-8, "\n" (convert.c). What that format cannot hold is a
 * warning with the cue's line. */
[[nodiscard]] nf_status caption_write_other(caption_doc *doc, nf_error *error);

/* ---- for the readers ---- */
/* Add a cue or a warning; false: no memory. what is static. A warning of the same line and
 * text as the last one is not repeated. */
[[nodiscard]] bool caption_cue_add(caption_doc *doc, const caption_cue *cue);
/* Begin and end a cue of the file: times and settings from its time line; text and the rest of
 * the places, once they are known. */
caption_cue caption_cue_of(const time_line *time, text_line line);
[[nodiscard]] bool caption_cue_close(caption_doc *doc, caption_cue *cue, isize block_to);
[[nodiscard]] bool caption_warn(caption_doc *doc, i32 line, const char *what);
[[nodiscard]] bool caption_srt_read(caption_doc *doc);
[[nodiscard]] bool caption_vtt_read(caption_doc *doc);
/* text[from, to) with '\n' between lines, as a span: the source itself where it can be. */
[[nodiscard]] bool caption_lines_span(caption_doc *doc, isize from, isize to, caption_span *span);
/* Does this text begin with the WebVTT signature? (blank lines before it are forgiven) */
bool caption_is_vtt(nf_bytes text);
