/* Any cue text, split and joined again, is the same text; with any edited words no tag is lost
 * and tags keep their order. Input: the cue text, then after a byte 0xFF the edited words. */
#include "base/base.h"
#include "caption/cue_text.h"
#include "caption/markup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
  ((condition) ? (void)0 \
               : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))

/* The tags and overrides of a text, one after the other. */
static isize tags_collect(nf_bytes text, u8 *out) {
  isize len = 0;
  for (isize at = 0; at < text.len;) {
    mark m = mark_next(text, MARKUP_ANY, at);
    if (m.kind == MARK_TAG || m.kind == MARK_OVERRIDE) {
      memcpy(out + len, text.at + m.from, (size_t)(m.to - m.from));
      len += m.to - m.from;
    }
    at = m.to;
  }
  return len;
}

static nf_bytes join(const cue_text *split, nf_bytes text, nf_bytes plain) {
  isize scratch_bytes = cue_text_join_bytes(text.len, plain.len) + (1 << 16);
  void *scratch = aligned_alloc(64, (size_t)round_up(scratch_bytes, 64));
  isize cap = text.len + 6 * plain.len, len = -1;
  u8 *out = malloc((size_t)cap + 1);
  CHECK(cue_text_join(split, text, plain, arena_of(scratch, scratch_bytes), out, cap, &len) ==
        NF_OK);
  free(scratch);
  return bytes_of(out, len);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  const u8 *cut = size > 0 ? memchr(data, 0xFF, size) : nullptr;
  nf_bytes text = bytes_of(data, cut != nullptr ? cut - data : (isize)size);
  nf_bytes edited = cut != nullptr ? bytes_of(cut + 1, (isize)size - text.len - 1) : (nf_bytes){};
  cue_text split;
  u8 *plain = malloc((size_t)text.len + 1);
  isize plain_len;
  if (cue_text_split(text, &split, plain, &plain_len) == NF_OK) {
    CHECK(plain_len <= text.len && memchr(plain, '\n', (size_t)plain_len) == nullptr);
    nf_bytes again = join(&split, text, bytes_of(plain, plain_len));
    CHECK(again.len == text.len &&
          (text.len == 0 || memcmp(again.at, text.at, (size_t)text.len) == 0));
    free((void *)again.at);
    if (memchr(edited.at != nullptr ? edited.at : plain, '<', (size_t)edited.len) == nullptr &&
        memchr(edited.at != nullptr ? edited.at : plain, '{', (size_t)edited.len) == nullptr) {
      nf_bytes other = join(&split, text, edited);
      u8 *a = malloc((size_t)text.len + 1), *b = malloc((size_t)other.len + 1);
      isize a_len = tags_collect(text, a), b_len = tags_collect(other, b);
      /* a lone '<' of the old words may meet a '>' of the new ones: then there are more tags */
      CHECK(b_len >= a_len || memchr(text.at, '<', (size_t)text.len) != nullptr);
      if (memchr(plain, '<', (size_t)plain_len) == nullptr &&
          memchr(plain, '{', (size_t)plain_len) == nullptr) {
        CHECK(a_len == b_len && memcmp(a, b, (size_t)a_len) == 0);
      }
      free(a);
      free(b);
      free((void *)other.at);
    }
  }
  free(plain);
  return 0;
}
