/* See whole.h. */
#include "edit/whole.h"

#include "base/ascii.h"
#include "base/text_out.h"
#include "base/utf8.h"
#include "caption/cue_text.h"
#include "caption/plain.h"
#include "edit/words.h"

/* A cue text read in two ways. */
typedef struct {
  text_out tags, words; /* tags one behind the other; the rest, with references read */
  nf_bytes seen;        /* what a viewer reads, as one line */
} reading;

static nf_bytes written(const text_out *o) { return bytes_of(o->at, o->len); }

static bool seen_read(reading *r, nf_bytes text, nf_caption_format format, arena *a) {
  u8 *out = arena_new(a, text.len, u8);
  if (out == nullptr) return false;
  isize len = plain_text(text, format, out, text.len);
  for (isize i = 0; i < len; i++) out[i] = out[i] == '\n' ? ' ' : out[i];
  r->seen = bytes_of(out, len);
  return true;
}

static bool read_whole(reading *r, nf_bytes text, nf_caption_format format, arena *a) {
  cue_text *split = arena_new(a, 1, cue_text);
  u8 *plain = arena_new(a, text.len, u8);
  r->tags = (text_out){.at = arena_new(a, text.len, char), .cap = text.len};
  r->words = (text_out){.at = arena_new(a, text.len, char), .cap = text.len};
  isize len, at = 0;
  if (split == nullptr || plain == nullptr || r->words.at == nullptr || r->tags.at == nullptr ||
      cue_text_split(text, split, plain, &len) != NF_OK) {
    return false;
  }
  for (isize i = 0; i < split->n_spans; i++) {
    const cue_span *s = &split->spans[i];
    bool tag = s->kind == CUE_OPEN || s->kind == CUE_CLOSE;
    nf_bytes own = bytes_slice(text, s->from, s->to);
    out_bytes(&r->words, bytes_slice(text, at, s->from));
    if (s->kind == CUE_REFERENCE) own = bytes_of(plain + s->at, s->plain_len);
    out_bytes(tag ? &r->tags : &r->words, own);
    at = s->to;
  }
  out_bytes(&r->words, bytes_slice(text, at, text.len));
  return seen_read(r, text, format, a);
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
static bool numbers_in(nf_bytes a, nf_bytes b) {
  isize at = 0;
  for (nf_bytes d; (d = digits_next(a, &at)).len > 0;) {
    if (count_digits(a, d) != count_digits(b, d)) return false;
  }
  return true;
}

static bool numbers_same(nf_bytes a, nf_bytes b) { return numbers_in(a, b) && numbers_in(b, a); }

const char *whole_refuses(nf_bytes before, nf_bytes after, nf_caption_format format,
                          const nf_bytes *protect, isize n_protect, arena scratch) {
  reading a, b;
  if (!utf8_valid(after)) return "the answer is not UTF-8";
  if (!read_whole(&a, before, format, &scratch) || !read_whole(&b, after, format, &scratch)) {
    return "too long to check";
  }
  if (!bytes_equal(written(&a.tags), written(&b.tags))) return "a tag was added or lost";
  /* WebVTT alone hides what stands behind any '<'; where references are no references to a player,
   * their digits are no number either */
  if (!numbers_same(written(&a.words), written(&b.words)) ||
      (format == NF_VTT && !numbers_same(a.seen, b.seen))) {
    return "a number was added or lost";
  }
  for (isize i = 0; i < n_protect; i++) {
    if (term_count(b.seen, protect[i]) < term_count(a.seen, protect[i])) {
      return "a protected term was lost";
    }
  }
  return nullptr;
}
