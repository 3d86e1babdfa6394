/* What must hold for any bytes that open as captions; shared by fuzz_srt.c and fuzz_vtt.c.
 * Owns nothing; a broken promise traps, which is how a fuzzer reports. */
#pragma once
#include "base/base.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which check failed: the trap itself names no line once checks are inlined. */
#define CHECK(condition) \
  ((condition) ? (void)0 \
               : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))

static nf_bytes fuzz_copy(nf_bytes b) {
  u8 *at = malloc((size_t)b.len + 1);
  memcpy(at, b.at, (size_t)b.len);
  return bytes_of(at, b.len);
}

static void fuzz_cues_read(const nf_caption *doc) {
  nf_caption_format format = nf_caption_format_get(doc);
  i32 n = nf_caption_cue_count(doc);
  for (i32 i = 0; i < n && i < 64; i++) {
    nf_cue cue;
    nf_caption_cue_get(doc, i, &cue);
    u8 *plain = malloc((size_t)cue.text.len + 1);
    isize len = nf_caption_plain(cue.text, format, plain, cue.text.len);
    CHECK(len >= 0 && len <= cue.text.len);
    nf_text_measure m = nf_measure(cue.text, format);
    CHECK(m.chars >= 0 && m.line_chars_max <= m.chars);
    free(plain);
  }
  nf_lint_profile profile;
  CHECK(nf_lint_profile_get(bytes_from_str("netflix"), &profile) == NF_OK);
  nf_lint_finding findings[8];
  CHECK(nf_lint(doc, &profile, findings, 8) >= 0);
}

/* Change one cue; every other cue must read back as it was. */
static void fuzz_change(nf_caption *doc, nf_bytes text, i32 i) {
  nf_bytes file;
  CHECK(nf_caption_text_set(doc, i, text, nullptr) == NF_OK);
  CHECK(nf_caption_write(doc, nf_caption_format_get(doc), &file, nullptr) == NF_OK);
  file = fuzz_copy(file);
  nf_caption *again;
  CHECK(nf_caption_open(file, &again, nullptr) == NF_OK);
  i32 n = nf_caption_cue_count(doc);
  CHECK(nf_caption_cue_count(again) == n);
  for (i32 k = 0; k < n; k++) {
    nf_cue a, b;
    nf_caption_cue_get(doc, k, &a);
    nf_caption_cue_get(again, k, &b);
    CHECK(bytes_equal(a.text, b.text) && a.start_ms == b.start_ms && a.end_ms == b.end_ms);
    CHECK(bytes_equal(a.label, b.label) && bytes_equal(a.settings, b.settings));
  }
  nf_caption_close(again);
  free((void *)file.at);
}

static void fuzz_convert(nf_caption *doc) {
  nf_caption_format other = nf_caption_format_get(doc) == NF_SRT ? NF_VTT : NF_SRT;
  nf_bytes file;
  CHECK(nf_caption_write(doc, other, &file, nullptr) == NF_OK);
  nf_caption *again;
  i32 n = nf_caption_cue_count(doc);
  if (n == 0) return;
  CHECK(nf_caption_open(file, &again, nullptr) == NF_OK);
  CHECK(nf_caption_format_get(again) == other && nf_caption_cue_count(again) == n);
  nf_caption_close(again);
}

/* One line an event; its text has no other override than ours, and every letter that is seen. */
static void fuzz_ass_event(nf_bytes line) {
  static const char *const ours[] = {"{\\b1}", "{\\b0}", "{\\i1}", "{\\i0}", "{\\u1}", "{\\u0}"};
  CHECK(bytes_start_with(line, bytes_from_str("Dialogue: 0,")));
  isize at = bytes_find(line, bytes_from_str(",Default,,0,0,0,,"));
  CHECK(at > 0);
  nf_bytes rest = bytes_slice(line, at + 17, line.len);
  if (bytes_start_with(rest, bytes_from_str("{\\an"))) {
    CHECK(rest.len >= 6 && rest.at[4] >= '1' && rest.at[4] <= '9' && rest.at[5] == '}');
    rest = bytes_slice(rest, 6, rest.len);
  }
  for (isize i = 0; i < rest.len; i++) {
    CHECK(rest.at[i] >= ' ');
    bool known = rest.at[i] != '{';
    for (isize k = 0; k < 6 && !known; k++) {
      known = bytes_start_with(bytes_slice(rest, i, rest.len), bytes_from_str(ours[k]));
      if (known) i += 4;
    }
    CHECK(known);
    if (rest.at[i] != '\\') continue;
    i++; /* a brace, a line end, or a character that ends the escape */
    CHECK(i < rest.len && (rest.at[i] == '{' || rest.at[i] == 'N' || rest.at[i] == 0xE2));
  }
}

static void fuzz_ass(nf_caption *doc) {
  nf_error error = {};
  nf_bytes file, events = bytes_from_str("MarginV, Effect, Text\n");
  if (nf_caption_ass(doc, &(nf_ass_desc){.font = "F", .width = 64, .height = 36}, &file, &error)) {
    CHECK(error.line[0] != 0);
    return;
  }
  isize at = bytes_find(file, events);
  CHECK(at > 0);
  for (nf_bytes rest = bytes_slice(file, at + events.len, file.len); rest.len > 0;) {
    isize end = bytes_find(rest, bytes_from_str("\n"));
    CHECK(end >= 0);
    fuzz_ass_event(bytes_slice(rest, 0, end));
    rest = bytes_slice(rest, end + 1, rest.len);
  }
}

static void fuzz_check(nf_bytes file) {
  nf_error error = {};
  nf_caption *doc;
  if (nf_caption_open(file, &doc, &error) != NF_OK) {
    CHECK(error.line[0] != 0);
    return;
  }
  nf_bytes out;
  CHECK(nf_caption_write(doc, nf_caption_format_get(doc), &out, nullptr) == NF_OK);
  CHECK(bytes_equal(out, file));
  fuzz_cues_read(doc);
  fuzz_convert(doc);
  fuzz_ass(doc);
  i32 n = nf_caption_cue_count(doc);
  /* without valid UTF-8 or a BOM the encoding is a guess that an edit may tip; NUL bytes are a
   * sign of UTF-16, whose share in the file the guess goes by */
  bool has_nul = file.len > 0 && memchr(file.at, 0, (size_t)file.len) != nullptr;
  bool certain = (utf8_valid(file) && !has_nul) ||
                 (file.len > 1 && file.len % 2 == 0 && file.at[0] + file.at[1] == 0xFF + 0xFE);
  if (n > 0 && certain)
    fuzz_change(doc, bytes_from_str("Changed <i>text</i>\nof two lines"), (i32)(file.len % n));
  nf_caption_close(doc);
}
