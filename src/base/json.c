/* See json.h. One cursor over the text; nesting is a bit per level, so there is no recursion. */
#include "base/json.h"

#include "base/ascii.h"
#include "base/math.h"

typedef struct {
  nf_bytes text;
  isize at;
} cursor;

static u8 peek(const cursor *c) { return c->at < c->text.len ? c->text.at[c->at] : 0; }

static void skip_blanks(cursor *c) {
  while (c->at < c->text.len) {
    if (!ascii_is_space(c->text.at[c->at])) return;
    c->at++;
  }
}

static bool take(cursor *c, u8 wanted) {
  if (c->at >= c->text.len || c->text.at[c->at] != wanted) return false;
  c->at++;
  return true;
}

static bool take_hex4(cursor *c) {
  for (i32 i = 0; i < 4; i++, c->at++) {
    u8 b = peek(c), low = b | 32;
    if (!ascii_is_digit(b) && !(low >= 'a' && low <= 'f')) return false;
  }
  return true;
}

/* From the opening quote to behind the closing one. */
static bool take_string(cursor *c) {
  if (!take(c, '"')) return false;
  while (c->at < c->text.len) {
    u8 b = c->text.at[c->at++];
    if (b == '"') return true;
    if (b < 0x20) return false;
    if (b != '\\') continue;
    u8 escape = peek(c);
    c->at++;
    if (escape == 'u') {
      if (!take_hex4(c)) return false;
    } else if (escape == 0 || bytes_find(bytes_from_str("\"\\/bfnrt"), bytes_of(&escape, 1)) < 0) {
      return false;
    }
  }
  return false;
}

static isize take_digits(cursor *c) {
  isize from = c->at;
  while (ascii_is_digit(peek(c))) c->at++;
  return c->at - from;
}

static bool take_number(cursor *c) {
  take(c, '-');
  if (take(c, '0')) {
    if (ascii_is_digit(peek(c))) return false;
  } else if (take_digits(c) == 0) {
    return false;
  }
  if (take(c, '.') && take_digits(c) == 0) return false;
  if ((peek(c) | 32) == 'e') {
    c->at++;
    if (!take(c, '+')) take(c, '-');
    if (take_digits(c) == 0) return false;
  }
  return true;
}

static bool take_word(cursor *c, const char *word) {
  nf_bytes wanted = bytes_from_str(word), rest = bytes_slice(c->text, c->at, c->text.len);
  if (!bytes_start_with(rest, wanted)) return false;
  c->at += wanted.len;
  return true;
}

static bool take_scalar(cursor *c) {
  switch (peek(c)) {
    case '"': return take_string(c);
    case 't': return take_word(c, "true");
    case 'f': return take_word(c, "false");
    case 'n': return take_word(c, "null");
    default: return take_number(c);
  }
}

static bool take_key(cursor *c) {
  if (!take_string(c)) return false;
  skip_blanks(c);
  if (!take(c, ':')) return false;
  skip_blanks(c);
  return true;
}

/* One value of any depth, from its first byte to behind its last. */
static bool take_value(cursor *c) {
  u64 objects = 0; /* bit d: level d is an object */
  isize depth = 0;
  for (;;) {
    u8 open = peek(c);
    if (open == '{' || open == '[') {
      if (depth == JSON_DEPTH_MAX) return false;
      objects = (objects << 1) | (open == '{');
      depth++;
      c->at++;
      skip_blanks(c);
      if (peek(c) != (open == '{' ? '}' : ']')) {
        if (open == '{' && !take_key(c)) return false;
        continue;
      }
    } else if (!take_scalar(c)) {
      return false;
    }
    for (;;) { /* behind a value, or at the end of an empty one */
      if (depth == 0) return true;
      skip_blanks(c);
      bool object = objects & 1;
      if (take(c, object ? '}' : ']')) {
        objects >>= 1;
        depth--;
        continue;
      }
      if (!take(c, ',')) return false;
      skip_blanks(c);
      if (object && !take_key(c)) return false;
      break;
    }
  }
}

static json_value value_of(nf_bytes text) {
  switch (text.at[0]) {
    case '{': return (json_value){JSON_OBJECT, bytes_slice(text, 1, text.len - 1)};
    case '[': return (json_value){JSON_ARRAY, bytes_slice(text, 1, text.len - 1)};
    case '"': return (json_value){JSON_STRING, bytes_slice(text, 1, text.len - 1)};
    case 't':
    case 'f': return (json_value){JSON_BOOL, text};
    case 'n': return (json_value){JSON_NULL, text};
    default: return (json_value){JSON_NUMBER, text};
  }
}

nf_status json_read(nf_bytes text, json_value *value, isize *at) {
  cursor c = {.text = text};
  skip_blanks(&c);
  isize from = c.at;
  bool good = take_value(&c);
  isize to = c.at;
  if (good) skip_blanks(&c);
  if (!good || c.at != text.len) {
    *at = isize_min(c.at, text.len);
    return NF_BAD_INPUT;
  }
  *value = value_of(bytes_slice(text, from, to));
  return NF_OK;
}

/* Blanks and the comma before the next member; false at the end. */
static bool next_begin(cursor *c) {
  skip_blanks(c);
  if (take(c, ',')) skip_blanks(c);
  return c->at < c->text.len;
}

static void next_end(cursor *c, nf_bytes *rest, json_value *value) {
  isize from = c->at;
  bool good = take_value(c);
  ASSERT(good); /* json_read walked it already */
  *value = value_of(bytes_slice(c->text, from, c->at));
  *rest = bytes_slice(c->text, c->at, c->text.len);
}

bool json_member_next(nf_bytes *rest, nf_bytes *key, json_value *value) {
  cursor c = {.text = *rest};
  if (!next_begin(&c)) return false;
  isize from = c.at;
  bool good = take_string(&c);
  isize to = c.at;
  c.at = from;
  good = good && take_key(&c);
  ASSERT(good);
  *key = bytes_slice(c.text, from + 1, to - 1);
  next_end(&c, rest, value);
  return true;
}

bool json_element_next(nf_bytes *rest, json_value *value) {
  cursor c = {.text = *rest};
  if (!next_begin(&c)) return false;
  next_end(&c, rest, value);
  return true;
}

bool json_member(json_value object, const char *key, json_value *value) {
  nf_bytes rest = object.text, name;
  if (object.kind != JSON_OBJECT) return false;
  for (json_value v; json_member_next(&rest, &name, &v);) {
    if (!bytes_equal(name, bytes_from_str(key))) continue;
    *value = v;
    return true;
  }
  return false;
}

bool json_u64(json_value value, u64 *out) {
  u64 n = 0;
  if (value.kind != JSON_NUMBER) return false;
  for (isize i = 0; i < value.text.len; i++) {
    u8 b = value.text.at[i];
    if (!ascii_is_digit(b) || n > ((u64)INT64_MAX - (b - '0')) / 10) return false;
    n = n * 10 + (b - '0');
  }
  *out = n;
  return true;
}

/* 10^n, exact up to 10^22: with it a short decimal fraction is the nearest f64. */
static f64 power_of_ten(isize n) {
  f64 power = 1;
  if (n > 22) return math_pow(10, (f64)n);
  for (; n > 0; n--) power *= 10;
  return power;
}

bool json_leading_f64(nf_bytes text, f64 *out) {
  constexpr isize exponent_max = 1000000; /* far beyond what is not 0 or infinity */
  cursor c = {.text = text};
  skip_blanks(&c);
  isize from = c.at, exponent = 0, after = 0;
  if (!take_number(&c)) return false;
  f64 digits = 0;
  bool fraction = false, power = false, minus = false;
  for (isize i = from; i < c.at; i++) {
    u8 b = text.at[i];
    if (ascii_is_digit(b) && power) {
      exponent = isize_min(exponent * 10 + (b - '0'), exponent_max);
    } else if (ascii_is_digit(b)) {
      digits = digits * 10 + (b - '0');
      after += fraction;
    } else if (b == '.') {
      fraction = true;
    } else if ((b | 32) == 'e') {
      power = true;
    } else {
      minus = minus || (power && b == '-');
    }
  }
  exponent = (minus ? -exponent : exponent) - after;
  f64 value = digits;
  if (digits > 0 && exponent > 0) value = digits * power_of_ten(exponent);
  if (digits > 0 && exponent < 0) value = digits / power_of_ten(-exponent);
  *out = text.at[from] == '-' ? -value : value;
  return true;
}

bool json_f64(json_value value, f64 *out) {
  return value.kind == JSON_NUMBER && json_leading_f64(value.text, out);
}
