/* See times.h. */
#include "caption/times.h"

#include "base/ascii.h"

static isize blanks_skip(nf_bytes text, isize at, isize to) {
  while (at < to && ascii_is_blank(text.at[at])) at++;
  return at;
}

constexpr i64 HOURS_MAX = 1'000'000'000; /* keeps the milliseconds far from overflow */

/* Digits at *at; false when there are none or the number exceeds HOURS_MAX. */
static bool number_read(nf_bytes text, isize *at, isize to, i64 *value, isize *n_digits) {
  i64 v = 0;
  isize i = *at;
  while (i < to && ascii_is_digit(text.at[i])) {
    v = v * 10 + (text.at[i++] - '0');
    if (v > HOURS_MAX) return false;
  }
  if (i == *at) return false;
  *n_digits = i - *at;
  *value = v;
  *at = i;
  return true;
}

static bool fraction_read(nf_bytes text, isize *at, isize to, i64 *ms, const char **odd) {
  i64 v = 0;
  isize n = 0;
  while (*at < to && ascii_is_digit(text.at[*at]) && n < 9) {
    if (n < 3) v = v * 10 + (text.at[*at] - '0');
    n++;
    *at += 1;
  }
  if (n == 0 || (*at < to && ascii_is_digit(text.at[*at]))) return false;
  if (n != 3) *odd = "milliseconds are not three digits";
  *ms = v; /* "1,5" is 5 ms, as ffmpeg and VLC read it */
  return true;
}

/* One time stamp at *at. */
static bool time_read(nf_bytes text, isize *at, isize to, nf_caption_format format, i64 *ms,
                      const char **odd) {
  i64 part[3];
  isize digits[3], n = 0, i = *at;
  if (!number_read(text, &i, to, &part[n], &digits[n])) return false;
  n = 1;
  while (n < 3 && i + 1 < to && text.at[i] == ':' && ascii_is_digit(text.at[i + 1])) {
    i++;
    if (!number_read(text, &i, to, &part[n], &digits[n])) return false;
    n++;
  }
  if (n < 2) return false;
  i64 fraction = 0;
  u8 sign = i < to ? text.at[i] : 0;
  bool has_fraction =
      (sign == ',' || sign == '.' || sign == ':') && i + 1 < to && ascii_is_digit(text.at[i + 1]);
  if (has_fraction) {
    i++;
    if (!fraction_read(text, &i, to, &fraction, odd)) return false;
    if (sign == ':' || (sign == ',') != (format == NF_SRT)) {
      *odd = format == NF_SRT ? "',' expected before the milliseconds"
                              : "'.' expected before the milliseconds";
    }
  } else {
    *odd = "time without milliseconds";
  }
  if (n == 2 && format == NF_SRT) *odd = "time without hours";
  if (part[n - 1] > 59 || part[n - 2] > 59) *odd = "minutes or seconds over 59";
  i64 seconds = n == 3 ? (part[0] * 60 + part[1]) * 60 + part[2] : part[0] * 60 + part[1];
  *ms = seconds * 1000 + fraction;
  *at = i;
  return true;
}

bool time_line_read(nf_bytes text, isize from, isize to, nf_caption_format format, time_line *out) {
  time_line t = {};
  t.start_from = blanks_skip(text, from, to);
  isize at = t.start_from;
  if (!time_read(text, &at, to, format, &t.start_ms, &t.odd)) return false;
  t.start_to = at;
  at = blanks_skip(text, at, to);
  if (to - at < 3 || !bytes_start_with(bytes_slice(text, at, to), bytes_from_str("-->"))) {
    return false;
  }
  t.end_from = blanks_skip(text, at + 3, to);
  at = t.end_from;
  if (!time_read(text, &at, to, format, &t.end_ms, &t.odd)) return false;
  t.end_to = at;
  if (at < to && text.at[at] > 0x20) return false; /* "00:00:01,000x" */
  t.rest_from = blanks_skip(text, at, to);
  t.rest_to = to;
  while (t.rest_to > t.rest_from && text.at[t.rest_to - 1] <= 0x20) t.rest_to--;
  if (t.end_ms < t.start_ms) t.odd = "the cue ends before it begins";
  *out = t;
  return true;
}

bool time_line_damaged(nf_bytes text, isize from, isize to) {
  isize at = blanks_skip(text, from, to);
  if (at < to && text.at[at] == '-') at++; /* a negative time */
  if (at >= to || !ascii_is_digit(text.at[at])) return false;
  isize n_colons = 0;
  for (; at + 1 < to; at++) {
    if (text.at[at] == ':') n_colons++;
    if (text.at[at] != '-' || text.at[at + 1] != '>') continue;
    /* "10:30 -> 11:00" is text; "00:10:30 -> " and "10:30 --> " are damaged */
    return n_colons >= 2 || (n_colons == 1 && at > from && text.at[at - 1] == '-');
  }
  return false;
}

static void padded_out(text_out *o, i64 value, i64 width_value) {
  for (; width_value > 1 && value < width_value; width_value /= 10) out_str(o, "0");
  out_i64(o, value);
}

isize time_write(i64 ms, nf_caption_format format, nf_bytes like, u8 *out) {
  ASSERT(ms >= 0);
  text_out o = {.at = (char *)out, .cap = TIME_TEXT_BYTES};
  isize n_colons = 0;
  const char *sign = format == NF_SRT ? "," : ".";
  for (isize i = 0; i < like.len; i++) {
    if (like.at[i] == ':') n_colons++;
    if (like.at[i] == ',') sign = ",";
    if (like.at[i] == '.') sign = ".";
  }
  i64 hours = ms / 3600000;
  if (hours > 0 || n_colons != 1) {
    padded_out(&o, hours, 10);
    out_str(&o, ":");
  }
  padded_out(&o, ms / 60000 % 60, 10);
  out_str(&o, ":");
  padded_out(&o, ms / 1000 % 60, 10);
  out_str(&o, sign);
  padded_out(&o, ms % 1000, 100);
  return o.len;
}
