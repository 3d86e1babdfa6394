/* Byte pairs (BPE) and pieces by score (SentencePiece): one word or text to ids.
 *
 * Both are the same loop: a list of symbols, and a heap of neighbours that may be joined, the
 * best first, the leftmost among equals. A heap entry is one number, priority << 32 | left; it is
 * stale when the pair at `left` no longer has that number. n log n for any text.
 * Source: Sennrich et al. 2016, arXiv:1508.07909; Kudo & Richardson 2018, arXiv:1808.06226.
 * Owns no memory but merge_space. Read next: encode.c. */
#include "base/utf8.h"
#include "text/vocab.h"

typedef struct {
  i32 prev, next; /* -1: none */
  i32 id;         /* BPE: -1 once it was joined to its left neighbour */
  i32 at, len;    /* SPM: place in `text`; len 0 once joined */
} symbol;

struct merge_space {
  symbol *symbols; /* [text_bytes + 1] */
  u64 *heap;       /* [2 * (text_bytes + 1)] */
  u8 *text;        /* [3 * (text_bytes + 1)] the word in the vocabulary's alphabet */
  isize n_heap, text_bytes;
};

constexpr u64 NO_KEY = UINT64_MAX;
constexpr isize TEXT_BYTES_MAX = INT32_MAX / 64;

isize merge_space_bytes(isize n) {
  if (n > TEXT_BYTES_MAX) return ISIZE_MAX; /* positions are i32, and sizes on wasm32 */
  return (isize)sizeof(merge_space) + 64 +
         (n + 1) * ((isize)sizeof(symbol) + 2 * (isize)sizeof(u64) + 3);
}

merge_space *merge_space_open(isize text_bytes, arena *a) {
  if (text_bytes > TEXT_BYTES_MAX) return nullptr;
  merge_space *s = arena_new(a, 1, merge_space);
  if (s == nullptr) return nullptr;
  s->text_bytes = text_bytes;
  s->heap = arena_new(a, 2 * (text_bytes + 1), u64);
  s->symbols = arena_new(a, text_bytes + 1, symbol);
  s->text = arena_new(a, 3 * (text_bytes + 1), u8);
  return s->heap && s->symbols && s->text ? s : nullptr;
}

/* ---- heap, smallest first ---- */

static void heap_push(merge_space *s, u64 key) {
  ASSERT(s->n_heap < 2 * (s->text_bytes + 1));
  isize i = s->n_heap++;
  for (; i > 0 && s->heap[(i - 1) / 2] > key; i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
  s->heap[i] = key;
}

static u64 heap_pop(merge_space *s) {
  u64 top = s->heap[0], last = s->heap[--s->n_heap];
  isize i = 0;
  for (isize child; (child = 2 * i + 1) < s->n_heap; i = child) {
    if (child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child]) child++;
    if (s->heap[child] >= last) break;
    s->heap[i] = s->heap[child];
  }
  s->heap[i] = last;
  return top;
}

/* ---- the loop ---- */

/* Higher scores first: a number that falls as the score rises. */
static u32 priority_of_score(f32 score) {
  u32 bits = f32_to_bits(score);
  bits = bits >> 31 ? ~bits : bits | 0x80000000u;
  return ~bits;
}

static u64 pair_key(const text_vocab *v, const merge_space *s, i32 left) {
  const symbol *a = &s->symbols[left];
  if (a->next < 0 || a->len == 0) return NO_KEY;
  const symbol *b = &s->symbols[a->next];
  if (v->kind == VOCAB_BPE) {
    i64 rank = vocab_merge(v, a->id, b->id);
    return rank < 0 ? NO_KEY : (u64)rank << 32 | (u32)left;
  }
  i32 id = vocab_find(v, bytes_of(s->text + a->at, a->len + b->len));
  if (id < 0 || vocab_type(v, id) != TOKEN_NORMAL) return NO_KEY;
  return (u64)priority_of_score(vocab_score(v, id)) << 32 | (u32)left;
}

static void pair_push(const text_vocab *v, merge_space *s, i32 left) {
  u64 key = left < 0 ? NO_KEY : pair_key(v, s, left);
  if (key != NO_KEY) heap_push(s, key);
}

static void merge_symbols(const text_vocab *v, merge_space *s, isize n) {
  s->n_heap = 0;
  for (isize i = 0; i + 1 < n; i++) pair_push(v, s, (i32)i);
  while (s->n_heap > 0) {
    u64 key = heap_pop(s);
    i32 left = (i32)(u32)key;
    if (pair_key(v, s, left) != key) continue; /* one of the two has grown since */
    symbol *a = &s->symbols[left], *b = &s->symbols[a->next];
    if (v->kind == VOCAB_BPE) a->id = (i32)v->merges[key >> 32].result;
    a->len += b->len;
    b->len = 0;
    a->next = b->next;
    if (a->next >= 0) s->symbols[a->next].prev = left;
    pair_push(v, s, a->prev);
    pair_push(v, s, left);
  }
}

static void symbol_add(merge_space *s, isize *n, symbol symbol_new) {
  symbol_new.prev = (i32)*n - 1;
  symbol_new.next = -1;
  if (*n > 0) s->symbols[*n - 1].next = (i32)*n;
  s->symbols[(*n)++] = symbol_new;
}

/* ---- BPE ---- */

/* A word that is a token as it stands, for tokenizers that look before they merge. */
static i32 whole_word(const text_vocab *v, merge_space *s, nf_bytes word) {
  isize n = 0;
  if (word.len > v->token_bytes_max) return -1;
  for (isize i = 0; i < word.len; i++) {
    n += utf8_put(vocab_char_of_byte(word.at[i]), s->text + n);
  }
  i32 id = vocab_find(v, bytes_of(s->text, n));
  return id >= 0 && vocab_type(v, id) == TOKEN_NORMAL ? id : -1;
}

/* Bytes without a token are left out before merging, so that their neighbours meet: that is what
 * the Hugging Face tokenizers do, with which the models were trained. (llama.cpp leaves them out
 * after merging.) */
static void encode_word(const text_vocab *v, merge_space *s, nf_bytes word, token_sink *sink) {
  if (v->rules->whole_words) {
    i32 id = whole_word(v, s, word);
    if (id >= 0) {
      token_put(sink, id);
      return;
    }
  }
  isize n = 0;
  for (isize i = 0; i < word.len; i++) {
    i32 id = v->byte_ids[word.at[i]];
    if (id >= 0) symbol_add(s, &n, (symbol){.id = id, .len = 1});
  }
  merge_symbols(v, s, n);
  for (i32 i = n > 0 ? 0 : -1; i >= 0; i = s->symbols[i].next) token_put(sink, s->symbols[i].id);
}

/* ---- SentencePiece ---- */

static void spm_symbol_put(const text_vocab *v, nf_bytes piece, token_sink *sink) {
  i32 id = vocab_find(v, piece);
  if (id >= 0 && vocab_type(v, id) == TOKEN_NORMAL) {
    token_put(sink, id);
    return;
  }
  for (isize i = 0; i < piece.len; i++) {
    id = v->byte_ids[piece.at[i]];
    if (id >= 0) {
      token_put(sink, id);
    } else if (v->unknown >= 0) {
      token_put(sink, v->unknown); /* one for the whole character */
      return;
    }
  }
}

static void encode_spm(const text_vocab *v, merge_space *s, nf_bytes text, bool space_first,
                       token_sink *sink) {
  isize len = 0, n = 0;
  for (isize i = space_first ? -1 : 0; i < text.len; i++) {
    if (i >= 0 && text.at[i] != ' ') {
      s->text[len++] = text.at[i];
    } else {
      len += utf8_put(0x2581, s->text + len);
    }
  }
  nf_bytes escaped = bytes_of(s->text, len);
  for (isize at = 0; at < len;) {
    u32 cp;
    isize next = utf8_next(escaped, at, &cp);
    symbol_add(s, &n, (symbol){.at = (i32)at, .len = (i32)(next - at)});
    at = next;
  }
  merge_symbols(v, s, n);
  for (i32 i = n > 0 ? 0 : -1; i >= 0; i = s->symbols[i].next) {
    const symbol *piece = &s->symbols[i];
    spm_symbol_put(v, bytes_of(s->text + piece->at, piece->len), sink);
  }
}

void merge_encode(const text_vocab *v, merge_space *s, nf_bytes text, bool after_special,
                  token_sink *sink) {
  if (text.len == 0) return;
  ASSERT(text.len <= s->text_bytes);
  if (v->kind == VOCAB_SPM) {
    encode_spm(v, s, text, v->space_prefix && after_special, sink);
    return;
  }
  pretok words = {.rules = v->rules, .text = text};
  for (nf_bytes word; pretok_next(&words, &word);) encode_word(v, s, word, sink);
}
