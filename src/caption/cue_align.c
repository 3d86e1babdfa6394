/* See cue_align.h. */
#include "caption/cue_align.h"

#include "base/ascii.h"
#include "base/utf8.h"

typedef enum : u8 { TOKEN_BLANK, TOKEN_WORD, TOKEN_SINGLE } token_class;

static token_class class_of(u32 c) {
  if (ascii_is_space(c)) return TOKEN_BLANK;
  if (c < 0x80) {
    bool word = ascii_is_digit(c) || ascii_is_letter(c) || c == '\'';
    return word ? TOKEN_WORD : TOKEN_SINGLE;
  }
  if (c == 0x2019) return TOKEN_WORD;                    /* apostrophe */
  if (c >= 0x2010 && c <= 0x205E) return TOKEN_SINGLE;   /* dashes, quotes, ellipsis */
  if (c >= 0x2E80 && c <= 0xD7A3) return TOKEN_SINGLE;   /* CJK, kana, hangul */
  if (c >= 0xF900 && c <= 0xFAFF) return TOKEN_SINGLE;   /* CJK compatibility */
  if (c >= 0xFF00 && c <= 0xFFEF) return TOKEN_SINGLE;   /* full width forms */
  if (c >= 0x20000 && c <= 0x3FFFF) return TOKEN_SINGLE; /* CJK extensions */
  return TOKEN_WORD;
}

nf_status cue_tokens_read(nf_bytes text, arena *a, cue_tokens *out) {
  cue_token *tokens = arena_new(a, text.len + 1, cue_token);
  if (tokens == nullptr) return NF_NO_MEMORY;
  isize n = 0;
  token_class before = TOKEN_BLANK;
  for (isize at = 0; at < text.len;) {
    u32 c;
    isize next = utf8_next(text, at, &c);
    token_class now = class_of(c);
    if (now == TOKEN_WORD && before == TOKEN_WORD) {
      tokens[n - 1].to = (i32)next;
    } else if (now != TOKEN_BLANK) {
      tokens[n++] = (cue_token){.from = (i32)at, .to = (i32)next, .match = -1};
    }
    before = now;
    at = next;
  }
  a->at = (u8 *)(tokens + n); /* give back what was not needed */
  *out = (cue_tokens){tokens, n};
  return NF_OK;
}

static bool same(nf_bytes a, const cue_token *x, nf_bytes b, const cue_token *y) {
  return bytes_equal(bytes_slice(a, x->from, x->to), bytes_slice(b, y->from, y->to));
}

static void pair(cue_token *x, isize i, cue_token *y, isize j) {
  x[i].match = (i32)j;
  y[j].match = (i32)i;
}

void cue_tokens_align(nf_bytes old_text, cue_tokens *olds, nf_bytes new_text, cue_tokens *news,
                      arena scratch) {
  cue_token *x = olds->at, *y = news->at;
  isize from = 0, n = olds->n, m = news->n;
  while (from < n && from < m && same(old_text, &x[from], new_text, &y[from])) {
    pair(x, from, y, from);
    from++;
  }
  while (n > from && m > from && same(old_text, &x[n - 1], new_text, &y[m - 1])) {
    pair(x, n - 1, y, m - 1);
    n--;
    m--;
  }
  isize rows = n - from, columns = m - from;
  if (rows == 0 || columns == 0 || rows >= CUE_ALIGN_CELLS / (columns + 1)) return;
  isize stride = columns + 1;
  /* length[i][j]: longest common subsequence of x[from+i..n) and y[from+j..m) */
  u32 *length = arena_new(&scratch, (rows + 1) * stride, u32);
  if (length == nullptr) return;
  for (isize i = rows - 1; i >= 0; i--) {
    for (isize j = columns - 1; j >= 0; j--) {
      u32 down = length[(i + 1) * stride + j], right = length[i * stride + j + 1];
      u32 best = down > right ? down : right;
      if (same(old_text, &x[from + i], new_text, &y[from + j])) {
        best = length[(i + 1) * stride + j + 1] + 1;
      }
      length[i * stride + j] = best;
    }
  }
  for (isize i = 0, j = 0; i < rows && j < columns;) {
    if (same(old_text, &x[from + i], new_text, &y[from + j])) {
      pair(x, from + i, y, from + j);
      i++;
      j++;
    } else if (length[(i + 1) * stride + j] >= length[i * stride + j + 1]) {
      i++;
    } else {
      j++;
    }
  }
}
