/* See write_ass.h. SRT goes through WebVTT (convert_srt_text), so that one walk writes both. */
#include "caption/write_ass.h"

#include "base/text_out.h"
#include "base/utf8.h"
#include "caption/convert.h"
#include "caption/markup.h"
#include "caption/plain.h"

/* Hundredths of a second, ASS's unit, to the nearest. */
static i64 hundredths(i64 ms) { return ms / 10 + (ms % 10 >= 5 ? 1 : 0); }

static void number_add(buffer *out, i64 n, i32 digits_min) {
  char digits[24];
  text_out o = {.at = digits, .cap = sizeof digits};
  for (i64 below = 10; --digits_min > 0; below *= 10) {
    if (n < below) out_str(&o, "0");
  }
  out_i64(&o, n);
  buffer_add(out, bytes_of(digits, o.len));
}

static void time_add(buffer *out, i64 cs) {
  number_add(out, cs / 360000, 1);
  buffer_add_str(out, ":");
  number_add(out, cs / 6000 % 60, 2);
  buffer_add_str(out, ":");
  number_add(out, cs / 100 % 60, 2);
  buffer_add_str(out, ".");
  number_add(out, cs % 100, 2);
}

/* ---- the head ---- */

static void field_add(buffer *out, const char *name, i64 n) {
  buffer_add_str(out, name);
  number_add(out, n, 1);
}

static void head_add(buffer *out, const nf_ass_desc *d) {
  /* portrait pictures: 42 characters still fit beside each other */
  i32 measure = d->width * 3 / 4 < d->height ? d->width * 3 / 4 : d->height;
  i32 permille = d->font_permille != 0 ? d->font_permille : 58;
  i32 font_px = measure * permille / 1000 > 8 ? measure * permille / 1000 : 8;
  buffer_add_str(out,
                 "[Script Info]\nScriptType: v4.00+\nWrapStyle: 0\n"
                 "ScaledBorderAndShadow: yes\nYCbCr Matrix: None\n");
  field_add(out, "PlayResX: ", d->width);
  field_add(out, "\nPlayResY: ", d->height);
  buffer_add_str(out,
                 "\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, "
                 "SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, "
                 "StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, "
                 "Alignment, MarginL, MarginR, MarginV, Encoding\nStyle: Default,");
  buffer_add_str(out, d->font);
  field_add(out, ",", font_px);
  buffer_add_str(out, ",&H00FFFFFF,&H00FFFFFF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1");
  field_add(out, ",", font_px > 36 ? font_px / 18 : 2);
  field_add(out, ",0,2,", d->width / 20); /* title safe: 5 % of each side */
  field_add(out, ",", d->width / 20);
  field_add(out, ",", d->height / 20);
  buffer_add_str(out,
                 ",-1\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, "
                 "MarginV, Effect, Text\n"); /* encoding -1: the text's own direction */
}

/* ---- one cue ---- */

static void escaped_add(buffer *out, nf_bytes text) {
  for (isize i = 0; i < text.len; i++) {
    u8 c = text.at[i];
    if (c == '{') {
      buffer_add_str(out, "\\{");
    } else if (c == '\\') {
      buffer_add_str(out, "\\\xE2\x81\xA0"); /* U+2060 WORD JOINER: no letter follows it */
    } else if (c == '\n') {
      buffer_add_str(out, "\\N");
    } else if (c >= ' ' && c != 0x7F) {
      buffer_add_byte(out, c);
    } else if (c == '\t') {
      buffer_add_str(out, " ");
    }
  }
}

/* <b>, <i>, <u>, nested as deep as anyone likes: the outermost counts. */
static void tag_add(buffer *out, nf_bytes bytes, i32 depth[3]) {
  static const char *const names[] = {"b", "i", "u"};
  static const char *const marks[][2] = {
      {"{\\b1}", "{\\b0}"}, {"{\\i1}", "{\\i0}"}, {"{\\u1}", "{\\u0}"}};
  tag_parts tag = tag_read(bytes);
  for (i32 i = 0; i < 3; i++) {
    if (!tag_name_is(&tag, names[i])) continue;
    i32 before = depth[i];
    if (!tag.closing) depth[i]++;
    if (tag.closing && before > 0) depth[i]--;
    if (before == 0 && depth[i] == 1) buffer_add_str(out, marks[i][0]);
    if (before == 1 && depth[i] == 0) buffer_add_str(out, marks[i][1]);
  }
}

static void text_add(buffer *out, nf_bytes vtt) {
  i32 depth[3] = {};
  for (isize at = 0; at < vtt.len;) {
    mark m = mark_next(vtt, NF_VTT, at);
    u8 utf8[4];
    if (m.kind == MARK_TAG) {
      tag_add(out, bytes_slice(vtt, m.from, m.to), depth);
    } else if (m.kind == MARK_ENTITY) {
      escaped_add(out, bytes_of(utf8, utf8_put(m.codepoint, utf8)));
    } else {
      escaped_add(out, bytes_slice(vtt, m.from, m.to));
    }
    at = m.to;
  }
}

static void cue_add(caption_doc *doc, const caption_cue *cue, buffer *vtt) {
  nf_bytes text = caption_span_bytes(doc, cue->text);
  nf_bytes settings = caption_span_bytes(doc, cue->settings);
  char made[64];
  isize made_len;
  u32 losses = 0;
  if (doc->format == NF_SRT) {
    vtt->len = 0;
    losses = convert_srt_text(text, vtt, made, &made_len);
    text = buffer_bytes(vtt);
    settings = bytes_of(made, made_len);
  }
  i64 start = hundredths(cue->start_ms), end = hundredths(cue->end_ms);
  if (end <= start) return; /* never seen */
  i32 place = convert_settings_place(settings, &losses);
  buffer *out = &doc->out;
  buffer_add_str(out, "Dialogue: 0,");
  time_add(out, start);
  buffer_add_str(out, ",");
  time_add(out, end);
  buffer_add_str(out, ",Default,,0,0,0,,");
  if (place != 2) {
    u8 digit = (u8)('0' + place);
    buffer_add_str(out, "{\\an");
    buffer_add_byte(out, digit);
    buffer_add_str(out, "}");
  }
  text_add(out, text);
  buffer_add_str(out, "\n");
}

/* ---- limits ---- */

typedef struct {
  i64 ms;
  i32 step; /* +1: a cue begins, -1: one ends; ends come first */
} edge;

static bool edge_before(edge a, edge b) { return a.ms != b.ms ? a.ms < b.ms : a.step < b.step; }

/* Heapsort (Williams 1964): no recursion and no scratch, whatever the file's order. */
static void edges_sort(edge *at, isize n) {
  for (isize root = n / 2 - 1, last = n - 1; last > 0;) {
    if (root < 0) {
      edge top = at[0];
      at[0] = at[last];
      at[last--] = top;
    }
    isize i = root > 0 ? root : 0;
    for (isize child; (child = 2 * i + 1) <= last; i = child) {
      if (child < last && edge_before(at[child], at[child + 1])) child++;
      if (!edge_before(at[i], at[child])) break;
      edge swap = at[i];
      at[i] = at[child];
      at[child] = swap;
    }
    if (root >= 0) root--;
  }
}

static nf_status limits_check(const caption_doc *doc, nf_error *error) {
  buffer edges = {};
  for (i32 i = 0; i < doc->n_order; i++) {
    const caption_cue *cue = caption_at(doc, i);
    isize bytes = plain_text(caption_span_bytes(doc, cue->text), doc->format, nullptr, 0);
    if (bytes > ASS_CUE_BYTES_MAX) {
      buffer_free(&edges);
      return error_set(error, NF_BAD_INPUT, E_STR("line "), E_INT(cue->line), E_STR(": a cue of "),
                       E_INT(bytes),
                       E_STR(" bytes cannot be drawn; split it into cues of at most "),
                       E_INT(ASS_CUE_BYTES_MAX));
    }
    if (cue->end_ms <= cue->start_ms) continue;
    edge two[] = {{.ms = cue->start_ms, .step = 1}, {.ms = cue->end_ms, .step = -1}};
    buffer_add(&edges, bytes_of((const u8 *)two, (isize)sizeof two));
  }
  edge *at = (edge *)edges.at;
  isize n = edges.len / (isize)sizeof *at;
  bool failed = edges.failed;
  i64 crowded_ms = -1;
  if (!failed && n > 0) edges_sort(at, n);
  for (isize i = 0, now = 0; !failed && i < n && crowded_ms < 0; i++) {
    now += at[i].step;
    if (now > ASS_AT_ONCE_MAX) crowded_ms = at[i].ms;
  }
  buffer_free(&edges);
  if (failed) return error_set(error, NF_NO_MEMORY, E_STR("no memory to write the captions"));
  if (crowded_ms < 0) return NF_OK;
  return error_set(error, NF_BAD_INPUT, E_STR("more than "), E_INT(ASS_AT_ONCE_MAX),
                   E_STR(" cues are shown at once at "), E_INT(crowded_ms / 1000),
                   E_STR(" s; mend their times"));
}

nf_status caption_write_ass(caption_doc *doc, const nf_ass_desc *desc, nf_error *error) {
  constexpr i32 side_max = 16384;
  if (desc->width < 1 || desc->height < 1 || desc->width > side_max || desc->height > side_max) {
    return error_set(error, NF_BAD_INPUT, E_STR("a picture of "), E_INT(desc->width), E_STR(" x "),
                     E_INT(desc->height), E_STR("; at most 16384 x 16384"));
  }
  nf_status status = limits_check(doc, error);
  if (status != NF_OK) return status;
  buffer vtt = {};
  doc->out.len = 0;
  doc->out.failed = false;
  head_add(&doc->out, desc);
  for (i32 i = 0; i < doc->n_order; i++) cue_add(doc, caption_at(doc, i), &vtt);
  bool ok = !vtt.failed && !doc->out.failed;
  buffer_free(&vtt);
  if (ok) return NF_OK;
  return error_set(error, NF_NO_MEMORY, E_STR("no memory to write the captions"));
}
