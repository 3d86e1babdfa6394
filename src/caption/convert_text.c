/* See convert.h. SRT's tags, ASS's overrides and WebVTT's tags all know bold, italic, underline
 * and eight colours; {\anN} and the cue settings line and align know nine places. */
#include "base/ascii.h"
#include "base/text_out.h"
#include "base/utf8.h"
#include "caption/convert.h"
#include "caption/line.h"
#include "caption/markup.h"
#include "caption/times.h"

/* WebVTT's default colour classes, section 5.1 of the standard. */
static const struct {
  const char *name, *hex;
} colours[] = {{"white", "#ffffff"}, {"lime", "#00ff00"},   {"cyan", "#00ffff"},
               {"red", "#ff0000"},   {"yellow", "#ffff00"}, {"magenta", "#ff00ff"},
               {"blue", "#0000ff"},  {"black", "#000000"}};
constexpr isize N_COLOURS = (isize)(sizeof colours / sizeof *colours);

/* Take out lines with nothing on them from out[from, len); true if there were any. */
static bool blank_lines_drop(buffer *out, isize from) {
  nf_bytes text = bytes_slice(buffer_bytes(out), from, out->len);
  if (text.len == 0) return false;
  u8 *to = out->at + from;
  isize n = 0, n_lines = 0;
  bool dropped = false;
  for (isize at = 0;;) {
    text_line line = line_at(text, at);
    if (line_is_blank(text, line)) {
      dropped = true;
    } else {
      if (n_lines++ > 0) to[n++] = '\n'; /* never ahead of what is read: lines only shrink */
      bytes_move(to + n, text.at + line.from, line.to - line.from);
      n += line.to - line.from;
    }
    if (line.end == EOL_NONE) break;
    at = line.next;
  }
  out->len = from + n;
  return dropped;
}

/* ---- SRT to WebVTT ---- */

typedef struct {
  buffer *out;
  u32 losses;
  i32 place;    /* N of {\anN}; 2 is the default */
  u64 fonts;    /* a bit per open <font>: was a <c.colour> written for it? */
  i32 n_fonts;
  bool on[3];   /* b, i, u switched on by an override */
} srt_walk;

static void escaped_add(buffer *out, nf_bytes text) {
  for (isize i = 0; i < text.len; i++) {
    u8 c = text.at[i];
    isize n = out->len;
    bool arrow = c == '>' && n >= 2 && out->at[n - 1] == '-' && out->at[n - 2] == '-';
    if (c == '&') {
      buffer_add_str(out, "&amp;");
    } else if (c == '<') {
      buffer_add_str(out, "&lt;");
    } else if (arrow) {
      buffer_add_str(out, "&gt;");
    } else {
      buffer_add_byte(out, c);
    }
  }
}

static const char *font_colour(nf_bytes attributes) {
  isize at = bytes_find(attributes, bytes_from_str("color="));
  if (at < 0) return nullptr;
  nf_bytes value = bytes_slice(attributes, at + 6, attributes.len);
  while (value.len > 0 && (value.at[0] == '"' || value.at[0] == '\'')) {
    value = bytes_slice(value, 1, value.len);
  }
  isize n = 0;
  while (n < value.len && value.at[n] > ' ' && value.at[n] != '"' && value.at[n] != '\'') n++;
  value.len = n;
  for (isize i = 0; i < N_COLOURS; i++) {
    if (ascii_equal_lower(value, colours[i].name) || ascii_equal_lower(value, colours[i].hex)) {
      return colours[i].name;
    }
  }
  return nullptr;
}

static void font_convert(srt_walk *w, const tag_parts *tag) {
  if (tag->closing) {
    if (w->n_fonts == 0) return;
    w->n_fonts--;
    if (w->n_fonts < 64 && (w->fonts >> w->n_fonts & 1) != 0) buffer_add_str(w->out, "</c>");
    return;
  }
  const char *colour = font_colour(tag->rest);
  if (colour == nullptr || w->n_fonts >= 64) {
    w->losses |= CONVERT_TAG;
  } else {
    buffer_add_str(w->out, "<c.");
    buffer_add_str(w->out, colour);
    buffer_add_str(w->out, ">");
  }
  if (w->n_fonts < 64) {
    u64 bit = (u64)1 << w->n_fonts;
    w->fonts = colour != nullptr ? w->fonts | bit : w->fonts & ~bit;
  }
  w->n_fonts++;
}

static void srt_tag_convert(srt_walk *w, nf_bytes bytes) {
  static const char *const same[][2] = {{"b", "b"},      {"i", "i"},       {"u", "u"},  {"em", "i"},
                                        {"strong", "b"}, {"ruby", "ruby"}, {"rt", "rt"}};
  tag_parts tag = tag_read(bytes);
  if (tag_name_is(&tag, "font")) {
    font_convert(w, &tag);
    return;
  }
  for (isize i = 0; i < (isize)(sizeof same / sizeof *same); i++) {
    if (!tag_name_is(&tag, same[i][0])) continue;
    buffer_add_str(w->out, tag.closing ? "</" : "<");
    buffer_add_str(w->out, same[i][1]);
    buffer_add_str(w->out, ">");
    return;
  }
  w->losses |= CONVERT_TAG;
}

/* One code of an override, without its backslash: "an8", "i1", "pos(1,2)". */
static void override_code(srt_walk *w, nf_bytes code) {
  if (code.len == 3 && bytes_start_with(code, bytes_from_str("an")) && code.at[2] >= '1' &&
      code.at[2] <= '9') {
    w->place = code.at[2] - '0';
    return;
  }
  static const u8 letters[] = {'b', 'i', 'u'};
  for (i32 i = 0; i < 3; i++) {
    bool known =
        code.len == 2 && code.at[0] == letters[i] && (code.at[1] == '0' || code.at[1] == '1');
    if (!known) continue;
    bool on = code.at[1] == '1';
    if (on == w->on[i]) return;
    w->on[i] = on;
    buffer_add_str(w->out, on ? "<" : "</");
    buffer_add(w->out, bytes_of(&letters[i], 1));
    buffer_add_str(w->out, ">");
    return;
  }
  w->losses |= CONVERT_OVERRIDE;
}

static void override_convert(srt_walk *w, nf_bytes bytes) {
  isize from = 2, to = bytes.len - 1; /* between "{\" and "}" */
  for (isize i = from; i <= to; i++) {
    if (i < to && bytes.at[i] != '\\') continue;
    override_code(w, bytes_slice(bytes, from, i));
    from = i + 1;
  }
}

u32 convert_srt_text(nf_bytes text, buffer *out, char *settings, isize *settings_len) {
  srt_walk w = {.out = out, .place = 2};
  isize start = out->len;
  for (isize at = 0; at < text.len;) {
    mark m = mark_next(text, NF_SRT, at);
    nf_bytes piece = bytes_slice(text, m.from, m.to);
    if (m.kind == MARK_TAG) {
      srt_tag_convert(&w, piece);
    } else if (m.kind == MARK_OVERRIDE) {
      override_convert(&w, piece);
    } else {
      escaped_add(out, piece);
    }
    at = m.to;
  }
  for (i32 i = 2; i >= 0; i--) {
    static const char *const closing[] = {"</b>", "</i>", "</u>"};
    if (w.on[i]) buffer_add_str(out, closing[i]);
  }
  if (blank_lines_drop(out, start)) w.losses |= CONVERT_BLANK;
  text_out o = {.at = settings, .cap = 64};
  if (w.place > 3) out_str(&o, w.place > 6 ? " line:0" : " line:50%");
  if (w.place % 3 != 2) out_str(&o, w.place % 3 == 1 ? " align:left" : " align:right");
  *settings_len = o.len;
  return w.losses;
}

/* ---- WebVTT to SRT ---- */

/* Row of a "line:" value: 0 bottom, 1 middle, 2 top. */
static i32 line_row(nf_bytes value) {
  bool negative = value.len > 0 && value.at[0] == '-';
  i64 number = 0;
  isize i = negative ? 1 : 0;
  for (; i < value.len && ascii_is_digit(value.at[i]) && number < 10000; i++) {
    number = number * 10 + (value.at[i] - '0');
  }
  bool percent = bytes_find(value, bytes_from_str("%")) >= 0;
  if (negative) return 0;
  if (percent) return number < 34 ? 2 : number <= 66 ? 1 : 0;
  return number <= 5 ? 2 : number <= 9 ? 1 : 0; /* rows of a 15-row grid */
}

i32 convert_settings_place(nf_bytes settings, u32 *losses) {
  i32 row = 0, column = 2;
  for (isize at = 0; at < settings.len;) {
    isize from = at;
    while (at < settings.len && settings.at[at] > ' ') at++;
    nf_bytes one = bytes_slice(settings, from, at);
    while (at < settings.len && settings.at[at] <= ' ') at++;
    if (bytes_start_with(one, bytes_from_str("line:"))) {
      row = line_row(bytes_slice(one, 5, one.len));
    } else if (bytes_start_with(one, bytes_from_str("align:"))) {
      nf_bytes value = bytes_slice(one, 6, one.len);
      bool left = ascii_equal_lower(value, "left") || ascii_equal_lower(value, "start");
      bool right = ascii_equal_lower(value, "right") || ascii_equal_lower(value, "end");
      column = left ? 1 : right ? 3 : 2;
    } else if (one.len > 0) {
      *losses |= CONVERT_SETTING;
    }
  }
  return row * 3 + column;
}

static const char *class_colour(nf_bytes classes) {
  for (isize at = 0; at < classes.len;) {
    isize from = ++at; /* past the '.' */
    while (at < classes.len && classes.at[at] != '.') at++;
    for (isize i = 0; i < N_COLOURS; i++) {
      if (ascii_equal_lower(bytes_slice(classes, from, at), colours[i].name)) {
        return colours[i].name;
      }
    }
  }
  return nullptr;
}

typedef struct {
  buffer *out;
  u32 losses;
  u64 classes; /* a bit per open <c>: was a <font> written for it? */
  i32 n_classes;
} vtt_walk;

static void class_convert(vtt_walk *w, const tag_parts *tag) {
  if (tag->closing) {
    if (w->n_classes == 0) return;
    w->n_classes--;
    if (w->n_classes < 64 && (w->classes >> w->n_classes & 1) != 0) {
      buffer_add_str(w->out, "</font>");
    }
    return;
  }
  const char *colour = class_colour(tag->classes);
  if (colour == nullptr || w->n_classes >= 64) {
    w->losses |= CONVERT_TAG;
  } else {
    buffer_add_str(w->out, "<font color=\"");
    buffer_add_str(w->out, colour);
    buffer_add_str(w->out, "\">");
  }
  if (w->n_classes < 64) {
    u64 bit = (u64)1 << w->n_classes;
    w->classes = colour != nullptr ? w->classes | bit : w->classes & ~bit;
  }
  w->n_classes++;
}

static void vtt_tag_convert(vtt_walk *w, nf_bytes bytes) {
  tag_parts tag = tag_read(bytes);
  if (tag.time) {
    w->losses |= CONVERT_TIME;
  } else if (tag_name_is(&tag, "b") || tag_name_is(&tag, "i") || tag_name_is(&tag, "u")) {
    buffer_add_str(w->out, tag.closing ? "</" : "<");
    buffer_add(w->out, tag.name);
    buffer_add_str(w->out, ">");
    if (tag.classes.len > 0) w->losses |= CONVERT_TAG;
  } else if (tag_name_is(&tag, "c")) {
    class_convert(w, &tag);
  } else if (tag_name_is(&tag, "v")) {
    if (tag.closing || tag.rest.len == 0) return;
    buffer_add(w->out, tag.rest); /* the speaker, as SRT writes one */
    buffer_add_str(w->out, ": ");
  } else if (tag_name_is(&tag, "rt")) {
    buffer_add_str(w->out, tag.closing ? ")" : "(");
  } else if (!tag_name_is(&tag, "ruby")) {
    w->losses |= CONVERT_TAG;
  }
}

/* A line that SRT would read as a time line loses its arrow. */
static bool arrows_break(buffer *out, isize from) {
  nf_bytes text = bytes_slice(buffer_bytes(out), from, out->len);
  bool broken = false;
  for (isize at = 0;;) {
    text_line line = line_at(text, at);
    time_line t;
    if (time_line_read(text, line.from, line.to, NF_SRT, &t) ||
        time_line_damaged(text, line.from, line.to)) {
      for (isize i = line.from; i + 2 < line.to; i++) {
        bool arrow = bytes_start_with(bytes_slice(text, i, line.to), bytes_from_str("-->"));
        if (arrow) out->at[from + i] = ' ';
      }
      broken = true;
    }
    if (line.end == EOL_NONE) return broken;
    at = line.next;
  }
}

u32 convert_vtt_text(nf_bytes text, nf_bytes settings, buffer *out) {
  vtt_walk w = {.out = out};
  isize start = out->len;
  i32 place = convert_settings_place(settings, &w.losses);
  if (place != 2) {
    u8 digit = (u8)('0' + place);
    buffer_add_str(out, "{\\an");
    buffer_add_byte(out, digit);
    buffer_add_str(out, "}");
  }
  for (isize at = 0; at < text.len;) {
    mark m = mark_next(text, NF_VTT, at);
    if (m.kind == MARK_TAG) {
      vtt_tag_convert(&w, bytes_slice(text, m.from, m.to));
    } else if (m.kind == MARK_ENTITY) {
      u8 utf8[4];
      buffer_add(out, bytes_of(utf8, utf8_put(m.codepoint, utf8)));
    } else {
      buffer_add(out, bytes_slice(text, m.from, m.to));
    }
    at = m.to;
  }
  if (blank_lines_drop(out, start)) w.losses |= CONVERT_BLANK;
  if (arrows_break(out, start)) w.losses |= CONVERT_ARROW;
  return w.losses;
}
