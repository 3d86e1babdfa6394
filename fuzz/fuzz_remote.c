/* What a model elsewhere may answer to an edit, under arbitrary bytes: whatever it says, the result
 * is the input, or another text that is valid, keeps its numbers, its tags, a protected term and
 * the limits, and is what its changes make of the input. Input: a byte that chooses task, format
 * and limits, whether a word of the caption is protected and whether the answers are whole; the
 * caption; after a byte 0xFF an answer; after each further one another answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "caption/cue_text.h"
#include "caption/plain.h"
#include "edit/edit.h"
#include "edit/remote.h"
#include "edit/words.h"
#include "nearfield.h"

#define CHECK(condition) \
  ((condition) ? (void)0 \
               : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))

static nf_bytes part_take(nf_bytes *rest) {
  isize n = 0;
  while (n < rest->len && rest->at[n] != 0xFF) n++;
  nf_bytes part = bytes_slice(*rest, 0, n);
  *rest = bytes_slice(*rest, isize_min(n + 1, rest->len), rest->len);
  return part;
}

static isize count(nf_bytes text, u8 c) {
  isize n = 0;
  for (isize i = 0; i < text.len; i++) n += text.at[i] == c;
  return n;
}

/* The first run of digits from *at on, which moves behind it; .len 0: there is none. */
static nf_bytes digits_next(nf_bytes text, isize *at) {
  while (*at < text.len && !ascii_is_digit(text.at[*at])) ++*at;
  isize from = *at;
  while (*at < text.len && ascii_is_digit(text.at[*at])) ++*at;
  return bytes_slice(text, from, *at);
}

static isize count_digits(nf_bytes text, nf_bytes run) {
  isize n = 0, at = 0;
  for (nf_bytes d; (d = digits_next(text, &at)).len > 0;) n += bytes_equal(d, run);
  return n;
}

/* Each number of a stands in b as often. */
static void numbers_check(nf_bytes a, nf_bytes b) {
  isize at = 0;
  for (nf_bytes d; (d = digits_next(a, &at)).len > 0;) {
    CHECK(count_digits(a, d) == count_digits(b, d));
  }
}

typedef struct {
  cue_text split;
  nf_bytes tags, words; /* all tags, one behind the other; the text without them, references read */
  u8 tag_bytes[2 * EDIT_TEXT_BYTES_MAX], word_bytes[2 * EDIT_TEXT_BYTES_MAX];
  u8 plain[2 * EDIT_TEXT_BYTES_MAX];
} parts;

static void append(u8 *to, isize *n, nf_bytes bytes) {
  bytes_copy(to + *n, bytes.at, bytes.len);
  *n += bytes.len;
}

/* One with more spans than are told apart is not begun, nor made. */
static void parts_read(parts *p, nf_bytes text) {
  isize len = 0, n_tags = 0, n_words = 0, at = 0;
  CHECK(text.len <= (isize)sizeof p->plain);
  CHECK(cue_text_split(text, &p->split, p->plain, &len) == NF_OK);
  for (isize i = 0; i < p->split.n_spans; i++) {
    const cue_span *s = &p->split.spans[i];
    bool tag = s->kind == CUE_OPEN || s->kind == CUE_CLOSE;
    nf_bytes own = bytes_slice(text, s->from, s->to);
    append(p->word_bytes, &n_words, bytes_slice(text, at, s->from));
    if (tag) append(p->tag_bytes, &n_tags, own);
    if (s->kind == CUE_REFERENCE) own = bytes_of(p->plain + s->at, s->plain_len);
    if (!tag) append(p->word_bytes, &n_words, own);
    at = s->to;
  }
  append(p->word_bytes, &n_words, bytes_slice(text, at, text.len));
  p->tags = bytes_of(p->tag_bytes, n_tags);
  p->words = bytes_of(p->word_bytes, n_words);
}

/* What a viewer reads, as one line. */
static nf_bytes seen(const nf_edit_desc *desc, nf_bytes text, u8 *out) {
  isize len = plain_text(text, desc->format, out, 2 * EDIT_TEXT_BYTES_MAX);
  for (isize i = 0; i < len; i++) out[i] = out[i] == '\n' ? ' ' : out[i];
  return bytes_of(out, len);
}

static void kept_check(const nf_edit_desc *desc, nf_bytes text) {
  static parts before, after;
  parts_read(&before, desc->text);
  parts_read(&after, text);
  CHECK(bytes_equal(before.tags, after.tags));
  numbers_check(before.words, after.words);
  numbers_check(after.words, before.words);
  static u8 seen_before[2 * EDIT_TEXT_BYTES_MAX], seen_after[2 * EDIT_TEXT_BYTES_MAX];
  nf_bytes was = seen(desc, desc->text, seen_before), is = seen(desc, text, seen_after);
  if (desc->format == NF_VTT) numbers_check(was, is), numbers_check(is, was);
  for (i32 i = 0; i < desc->n_protect; i++) {
    CHECK(term_count(is, desc->protect[i]) >= term_count(was, desc->protect[i]));
  }
}

/* The word in the middle of the caption, whatever stands there; .len 0: there is none. */
static nf_bytes middle_word(nf_bytes text) {
  isize from = text.len / 2;
  while (from > 0 && !ascii_is_space(text.at[from - 1])) from--;
  isize end = from;
  while (end < text.len && !ascii_is_space(text.at[end])) end++;
  return bytes_slice(text, from, end);
}

static void version_check(const nf_edit_desc *desc, const nf_variant *v) {
  static u8 made[4 * EDIT_TEXT_BYTES_MAX];
  isize len = 0, at = 0;
  for (i32 i = 0; i < v->n_changes; i++) {
    const nf_change *c = &v->changes[i];
    CHECK(at <= c->start && c->start <= c->end && c->end <= desc->text.len);
    bytes_copy(made + len, desc->text.at + at, c->start - at);
    len += c->start - at;
    bytes_copy(made + len, c->replacement.at, c->replacement.len);
    len += c->replacement.len;
    at = c->end;
  }
  bytes_copy(made + len, desc->text.at + at, desc->text.len - at);
  len += desc->text.len - at;
  CHECK(bytes_equal(bytes_of(made, len), v->text));
  CHECK(utf8_valid(v->text) && !bytes_equal(v->text, desc->text));
  CHECK(count(v->text, '<') <= count(desc->text, '<') + count(desc->text, '&'));
  kept_check(desc, v->text);
  nf_text_measure m = plain_measure(v->text, desc->format);
  CHECK(desc->max_chars == 0 || m.chars <= desc->max_chars);
  CHECK(desc->max_lines == 0 || m.lines <= desc->max_lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static nf_remote *remote;
  nf_error error;
  if (remote == nullptr) CHECK(nf_remote_open(&remote, &error) == NF_OK);
  if (size < 1) return 0;
  nf_bytes rest = bytes_of(data + 1, (isize)size - 1);
  nf_edit_desc desc = {.task = (nf_task)(data[0] % 6),
                       .format = data[0] & 64 ? NF_VTT : NF_SRT,
                       .max_chars = data[0] & 128 ? 30 : 0,
                       .max_lines = data[0] & 32 ? 2 : 0,
                       .n_variants = 2};
  desc.text = part_take(&rest);
  desc.before = desc.text; /* context is foreign text, too */
  nf_bytes term = middle_word(desc.text);
  if ((data[0] & 8) && term.len > 0) desc.protect = &term, desc.n_protect = 1;
  bool whole = !(data[0] & 16);
  if (nf_remote_begin(remote, &desc, &error) != NF_OK) return 0;
  bool settled = nf_remote_settled(remote);
  if (!settled) {
    nf_message m[NF_REMOTE_MESSAGES_MAX];
    i32 n = nf_remote_messages(remote, m);
    CHECK(n >= 2 && m[n - 1].role == NF_USER);
    do nf_remote_take(remote, part_take(&rest), whole);
    while (rest.len > 0);
  }
  nf_edit_result result;
  bool held = nf_remote_finish(remote, &result);
  CHECK(held || !settled);
  CHECK((result.verdict == NF_CHANGED) == (result.n_variants > 0));
  CHECK(held || result.verdict != NF_CHANGED);
  CHECK(settled || whole || result.n_variants == 0);
  if (result.verdict != NF_CHANGED) CHECK(bytes_equal(result.text, desc.text));
  for (i32 i = 0; i < result.n_variants; i++) {
    nf_variant v;
    nf_remote_variant_get(remote, i, &v);
    version_check(&desc, &v);
  }
  return 0;
}
