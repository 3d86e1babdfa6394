/* See markup.h. */
#include "caption/markup.h"

#include "base/ascii.h"

/* End of the time stamp at text[at] == '<', or -1: "<00:01.000>". */
static isize stamp_end(nf_bytes text, isize at) {
  bool colon = false;
  for (isize i = at + 1; i < text.len && i - at < 32; i++) {
    u8 c = text.at[i];
    if (c == '>') return colon ? i + 1 : -1;
    if (!ascii_is_digit(c) && c != ':' && c != '.') return -1;
    colon |= c == ':';
  }
  return -1;
}

/* End of the tag at text[at] == '<', or -1. */
static isize srt_tag_end(nf_bytes text, isize at) {
  isize i = at + 1;
  if (i < text.len && text.at[i] == '/') i++;
  if (i >= text.len || !ascii_is_letter(text.at[i])) return -1;
  for (; i < text.len; i++) {
    u8 c = text.at[i];
    if (c == '>') return i + 1;
    if (c == '<' || c == '\n') return -1;
  }
  return -1;
}

/* In WebVTT every '<' opens a tag, and one that is never closed takes the rest. */
static isize vtt_tag_end(nf_bytes text, isize at) {
  for (isize i = at + 1; i < text.len; i++) {
    if (text.at[i] == '>') return i + 1;
  }
  return text.len;
}

static isize override_end(nf_bytes text, isize at) {
  if (at + 1 >= text.len || text.at[at + 1] != '\\') return -1;
  for (isize i = at + 2; i < text.len && text.at[i] != '\n'; i++) {
    if (text.at[i] == '}') return i + 1;
    if (text.at[i] == '{') return -1;
  }
  return -1;
}

static bool is_scalar(u32 c) { return c > 0 && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF); }

/* "&#65;" or "&#x41;" at text[at]; the position after it, or -1. */
static isize numeric_entity_end(nf_bytes text, isize at, u32 *codepoint) {
  isize i = at + 2;
  bool hex = i < text.len && (text.at[i] | 0x20) == 'x';
  if (hex) i++;
  u32 v = 0;
  isize from = i;
  for (; i < text.len && i - from < 8 && text.at[i] != ';'; i++) {
    u8 c = text.at[i];
    u32 digit = ascii_is_digit(c)           ? c - '0'
                : hex && ascii_is_letter(c) ? (c | 0x20u) - 'a' + 10
                                            : 99;
    if (digit >= (hex ? 16 : 10)) return -1;
    v = v * (hex ? 16 : 10) + digit;
  }
  if (i == from || i >= text.len || text.at[i] != ';' || !is_scalar(v)) return -1;
  *codepoint = v;
  return i + 1;
}

static isize entity_end(nf_bytes text, isize at, u32 *codepoint) {
  static const struct {
    const char *name;
    u32 codepoint;
  } named[] = {{"&amp;", '&'},       {"&lt;", '<'},       {"&gt;", '>'},      {"&nbsp;", 0xA0},
               {"&lrm;", 0x200E},    {"&rlm;", 0x200F},   {"&quot;", '"'},    {"&apos;", '\''},
               {"&hellip;", 0x2026}, {"&mdash;", 0x2014}, {"&ndash;", 0x2013}};
  nf_bytes rest = bytes_slice(text, at, text.len);
  if (rest.len > 2 && rest.at[1] == '#') return numeric_entity_end(text, at, codepoint);
  for (isize i = 0; i < (isize)(sizeof named / sizeof *named); i++) {
    nf_bytes name = bytes_from_str(named[i].name);
    if (bytes_start_with(rest, name)) {
      *codepoint = named[i].codepoint;
      return at + name.len;
    }
  }
  return -1;
}

bool mark_at(nf_bytes text, nf_caption_format format, isize at, mark *out) {
  *out = (mark){.from = at, .to = -1};
  switch (text.at[at]) {
    case '\n':
      out->kind = MARK_BREAK;
      out->to = at + 1;
      break;
    case '<':
      out->kind = MARK_TAG;
      out->to = format == NF_VTT ? vtt_tag_end(text, at) : srt_tag_end(text, at);
      if (out->to < 0 && format == MARKUP_ANY) out->to = stamp_end(text, at);
      break;
    case '{':
      out->kind = MARK_OVERRIDE;
      out->to = override_end(text, at);
      break;
    case '&':
      out->kind = MARK_ENTITY;
      if (format != NF_SRT) out->to = entity_end(text, at, &out->codepoint);
      break;
    default: break;
  }
  return out->to >= 0;
}

mark mark_next(nf_bytes text, nf_caption_format format, isize at) {
  ASSERT(at >= 0 && at < text.len);
  mark m;
  if (mark_at(text, format, at, &m)) return m;
  isize to = at + 1;
  mark other;
  while (to < text.len && !mark_at(text, format, to, &other)) to++;
  return (mark){.kind = MARK_TEXT, .from = at, .to = to};
}

tag_parts tag_read(nf_bytes tag) {
  tag_parts parts = {};
  isize at = 1, to = tag.len;
  if (to > 1 && tag.at[to - 1] == '>') to--;
  if (at < to && tag.at[at] == '/') parts.closing = true, at++;
  isize from = at;
  parts.time = at < to && ascii_is_digit(tag.at[at]);
  if (parts.time) return parts;
  while (at < to && tag.at[at] > ' ' && tag.at[at] != '.' && tag.at[at] != '/') at++;
  parts.name = bytes_slice(tag, from, at);
  from = at;
  while (at < to && tag.at[at] > ' ' && tag.at[at] != '/') at++;
  parts.classes = bytes_slice(tag, from, at);
  while (at < to && tag.at[at] <= ' ') at++;
  while (to > at && tag.at[to - 1] <= ' ') to--;
  parts.rest = bytes_slice(tag, at, to);
  return parts;
}

bool tag_name_is(const tag_parts *tag, const char *lower_name) {
  return ascii_equal_lower(tag->name, lower_name);
}
