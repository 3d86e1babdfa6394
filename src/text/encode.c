/* Text to ids: special tokens are cut out first, what is between goes through merge.c.
 * Owns nothing; scratch is the caller's arena. */
#include "base/utf8.h"
#include "text/vocab.h"

isize text_scratch_bytes(isize text_bytes) { return merge_space_bytes(text_bytes); }

void encode_segment(const text_vocab *v, merge_space *space, nf_bytes text, bool special,
                    bool *after_special, token_sink *sink) {
  const token_filter *filter = special ? &v->special : &v->verbatim;
  for (isize at = 0; at < text.len;) {
    i32 id = -1;
    isize found = vocab_special_find(v, filter, text, at, &id);
    if (found > at) {
      merge_encode(v, space, bytes_slice(text, at, found), *after_special, sink);
      *after_special = false;
    }
    if (found == text.len) return;
    token_put(sink, id);
    *after_special = true;
    at = found + vocab_token(v, id).len;
  }
}

nf_status text_encode(const text_vocab *v, nf_bytes text, bool special, i32 *ids, isize cap,
                      isize *n, arena *scratch) {
  arena mine = *scratch;
  merge_space *space = merge_space_open(text.len, &mine);
  if (space == nullptr) return NF_NO_MEMORY;
  token_sink sink = {.ids = ids, .cap = cap};
  bool after_special = true; /* the beginning counts as such */
  encode_segment(v, space, text, special, &after_special, &sink);
  *n = sink.n;
  return sink.n > cap ? NF_BAD_INPUT : NF_OK;
}

isize text_bytes_lost(const text_vocab *v, nf_bytes text) {
  isize lost = 0;
  if (v->kind == VOCAB_BPE) {
    for (isize i = 0; i < text.len; i++) lost += v->byte_ids[text.at[i]] < 0;
    return lost;
  }
  for (isize at = 0; at < text.len;) { /* SentencePiece: whole characters, or bytes */
    u32 cp;
    isize next = utf8_next(text, at, &cp);
    nf_bytes character = cp == ' ' ? bytes_from_str("\u2581") : bytes_slice(text, at, next);
    i32 id = vocab_find(v, character);
    if (id < 0 || vocab_type(v, id) != TOKEN_NORMAL) {
      for (isize i = at; i < next; i++) lost += v->byte_ids[text.at[i]] < 0;
    }
    at = next;
  }
  return lost;
}
