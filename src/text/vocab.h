/* Inside of a text_vocab: token table, merges, special tokens. Only for text/.
 *
 * Owns the layout and the look-ups; vocab.c fills it from a file. Token strings stay in the
 * file's bytes, in the file's own alphabet: GPT-2's printable stand-ins for bytes (SP is U+0120)
 * or SentencePiece's U+2581 for a space. Read next: vocab.c, merge.c, chat.h. */
#pragma once
#include "text/chat.h"
#include "text/pretok.h"
#include "text/text.h"

typedef enum : u8 { VOCAB_BPE = 0, VOCAB_SPM } vocab_kind;

/* tokenizer.ggml.token_type; numbers are the file's own. */
typedef enum : i32 {
  TOKEN_NORMAL = 1,
  TOKEN_UNKNOWN = 2,
  TOKEN_CONTROL = 3,
  TOKEN_USER_DEFINED = 4,
  TOKEN_UNUSED = 5,
  TOKEN_BYTE = 6, /* "<0x0A>", SentencePiece's way out */
} token_type;

typedef struct {
  u32 left, right, result; /* ids; the merge's index is its rank */
} merge_rule;

/* Which tokens can be found in a text as they are: by first byte and by length, so that a
 * look-up is tried only where it can succeed. Longer ones than 255 bytes are never found. */
typedef struct {
  u64 first_bytes[4], lengths[4];
} token_filter;

enum { VOCAB_ENDS_MAX = 16 };

struct text_vocab {
  vocab_kind kind;
  const pretok_rules *rules; /* BPE */
  bool add_bos, space_prefix;
  i32 bos, eos, unknown; /* -1: none */
  i32 ends[VOCAB_ENDS_MAX];
  isize n_ends;
  isize n_tokens, token_bytes_max;
  nf_bytes strings;   /* the file's array of length-prefixed strings */
  u32 *token_at;      /* [n_tokens] where a token's bytes lie in it */
  const u8 *types;    /* [n_tokens] i32, or null: all normal */
  const u8 *scores;   /* [n_tokens] f32, SPM */
  u32 *token_slots;   /* [token_mask + 1] id + 1, open addressing; 0 is free */
  u32 token_mask;
  merge_rule *merges; /* [n_merges], BPE */
  isize n_merges;
  u32 *merge_slots; /* [merge_mask + 1] rank + 1 */
  u32 merge_mask;
  i32 byte_ids[256];              /* token of one byte, -1: there is none */
  token_filter special, verbatim; /* with and without the caller's `special` */
  chat_style chat; /* what the file's chat template says */
};

nf_bytes vocab_token(const text_vocab *v, i32 id); /* in the file's alphabet */
token_type vocab_type(const text_vocab *v, i32 id);
f32 vocab_score(const text_vocab *v, i32 id);
i32 vocab_find(const text_vocab *v, nf_bytes token); /* -1: none */
i32 vocab_find_joined(const text_vocab *v, nf_bytes left, nf_bytes right); /* left + right */
u32 vocab_hash(nf_bytes token);
u32 vocab_pair_hash(i32 left, i32 right);
/* Rank of the merge of two ids, -1: none. */
i64 vocab_merge(const text_vocab *v, i32 left, i32 right);

/* GPT-2's stand-in of a byte; and back, -1 for a character that stands for none. */
u32 vocab_char_of_byte(u8 byte);
i32 vocab_byte_of_char(u32 codepoint);

bool vocab_is_white(nf_bytes token); /* blanks, tabs and line breaks only, at least one */
/* Where a token of `filter` begins first at or after `at`: its position, and *id; the longest
 * one where several begin. text.len when there is none. */
isize vocab_special_find(const text_vocab *v, const token_filter *filter, nf_bytes text, isize at,
                         i32 *id);

/* ids[cap] being written. */
typedef struct {
  i32 *ids;
  isize n, cap; /* n goes on past cap, so that it says how many there are */
} token_sink;
static inline void token_put(token_sink *sink, i32 id) {
  if (sink->n < sink->cap) sink->ids[sink->n] = id;
  sink->n++;
}

/* ---- merge.c ---- */
typedef struct merge_space merge_space;
isize merge_space_bytes(isize text_bytes);
[[nodiscard]] merge_space *merge_space_open(isize text_bytes, arena *a); /* null: no memory */
/* Plain text, no token of it special, to ids. after_special: SentencePiece puts its space here. */
void merge_encode(const text_vocab *v, merge_space *space, nf_bytes text, bool after_special,
                  token_sink *sink);

/* ---- encode.c ---- */
void encode_segment(const text_vocab *v, merge_space *space, nf_bytes text, bool special,
                    bool *after_special, token_sink *sink);
