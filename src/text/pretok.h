/* Pre-tokenizers: where a text is cut into words before byte pairs are merged.
 *
 * Owns the rules each name of tokenizer.ggml.pre stands for. The regular expressions are those
 * of the models' own tokenizer.json; they are written here as code, one function an expression,
 * because a regex engine would be larger than the tokenizer.
 * Does NOT know tokens. Read next: bpe.c. Only for text/. */
#pragma once
#include "base/base.h"

typedef enum : u8 {
  PRETOK_NONE = 0,
  PRETOK_GPT2, /* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
  PRETOK_LLAMA3, /* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
                  *  ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
  PRETOK_QWEN2, /* the same with \p{N} */
  PRETOK_QWEN35, /* the same with \p{N}, and \p{M} counted among the letters */
  PRETOK_DIGIT, /* \p{N}, the rest between matches */
  PRETOK_NUMBER, /* \p{N}+, likewise */
  PRETOK_DIGIT3, /* [0-9][0-9][0-9], likewise */
  PRETOK_PUNCTUATION /* [\p{P}$+<=>^~|]+, likewise */
} pretok_pass;

enum { PRETOK_PASSES_MAX = 4 };

/* A name's rules: passes one after the other, each cutting the pieces of the one before. */
typedef struct {
  const char *name;
  pretok_pass passes[PRETOK_PASSES_MAX]; /* PRETOK_NONE ends the list */
  bool whole_words; /* a word that is a token is taken as it is, before any merging */
  bool bos; /* a token in front unless the file says otherwise */
} pretok_rules;

/* null: a name this build does not know. */
const pretok_rules *pretok_rules_find(nf_bytes name);

/* A walk over the words of a text; start with {.rules, .text}. */
typedef struct {
  const pretok_rules *rules;
  nf_bytes text; /* borrowed; need not be well-formed UTF-8 */
  isize at;
  isize ends[PRETOK_PASSES_MAX]; /* of the current piece of each pass */
} pretok;

/* The next word, never empty; false at the end. The words joined are the text. */
bool pretok_next(pretok *p, nf_bytes *word);
