/* See words.h. */
#include "edit/words.h"

#include "base/ascii.h"
#include "base/utf8.h"

constexpr isize DIFF_WORDS_MAX = 512;

static bool is_letter(u8 c) { return ascii_is_letter(c) || c >= 0x80 || c == '\''; }

nf_status words_split(nf_bytes text, arena *a, word_list *out) {
  word *list = arena_new(a, text.len, word);
  if (list == nullptr) return NF_NO_MEMORY;
  isize n = 0;
  for (isize at = 0; at < text.len;) {
    isize end = at + 1;
    word_kind kind = WORD_OTHER;
    if (ascii_is_space(text.at[at])) {
      kind = WORD_SPACE;
      while (end < text.len && ascii_is_space(text.at[end])) end++;
    } else if (is_letter(text.at[at]) || ascii_is_digit(text.at[at])) {
      kind = WORD_LETTERS;
      for (end = at; end < text.len; end++) {
        if (ascii_is_digit(text.at[end])) {
          kind = WORD_NUMBER;
        } else if (!is_letter(text.at[end])) {
          break;
        }
      }
    }
    list[n++] = (word){.text = bytes_slice(text, at, end), .kind = kind};
    at = end;
  }
  *out = (word_list){.at = list, .n = n};
  return NF_OK;
}

bool word_same_letters(nf_bytes a, nf_bytes b) {
  if (a.len != b.len) return false;
  for (isize i = 0; i < a.len; i++) {
    if (ascii_lower(a.at[i]) != ascii_lower(b.at[i])) return false;
  }
  return true;
}

isize word_distance(nf_bytes a, nf_bytes b) {
  constexpr isize most = 32;
  if (a.len > most || b.len > most) return isize_max(a.len, b.len);
  isize row[3][most + 1]; /* distances of a[0, i - 2), a[0, i - 1), a[0, i) to each b[0, j) */
  for (isize i = 0; i <= a.len; i++) {
    isize *last2 = row[(i + 1) % 3], *last = row[(i + 2) % 3], *now = row[i % 3];
    for (isize j = 0; j <= b.len; j++) {
      if (i == 0 || j == 0) {
        now[j] = i + j;
        continue;
      }
      u8 x = ascii_lower(a.at[i - 1]), y = ascii_lower(b.at[j - 1]);
      now[j] = isize_min(isize_min(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == ascii_lower(b.at[j - 2]) && y == ascii_lower(a.at[i - 2])) {
        now[j] = isize_min(now[j], last2[j - 2] + 1);
      }
    }
  }
  return row[a.len % 3][b.len];
}

bool term_stands_at(nf_bytes text, isize i, nf_bytes term) {
  isize end = i + term.len;
  if (term.len == 0 || end > text.len || !bytes_equal(bytes_slice(text, i, end), term)) {
    return false;
  }
  return (i == 0 || !ascii_is_letter(text.at[i - 1])) &&
         (end == text.len || !ascii_is_letter(text.at[end]));
}

isize term_count(nf_bytes text, nf_bytes term) {
  isize n = 0;
  for (isize i = 0; i + term.len <= text.len; i++) n += term_stands_at(text, i, term);
  return n;
}

typedef struct {
  word_list a, b;
  isize from, a_end, b_end; /* the middle that differs: a[from, a_end), b[from, b_end) */
} middle;

static middle middle_find(word_list a, word_list b) {
  middle m = {.a = a, .b = b, .a_end = a.n, .b_end = b.n};
  while (m.from < a.n && m.from < b.n && bytes_equal(a.at[m.from].text, b.at[m.from].text))
    m.from++;
  while (m.a_end > m.from && m.b_end > m.from &&
         bytes_equal(a.at[m.a_end - 1].text, b.at[m.b_end - 1].text)) {
    m.a_end--;
    m.b_end--;
  }
  return m;
}

/* kept[i] = index in b of the word that a[from + i] stays as, or -1. */
static nf_status common_words(const middle *m, arena *scratch, isize *kept) {
  isize n = m->a_end - m->from, k = m->b_end - m->from;
  for (isize i = 0; i < n; i++) kept[i] = -1;
  if (n == 0 || k == 0 || n > DIFF_WORDS_MAX || k > DIFF_WORDS_MAX) return NF_OK;
  u16 *length = arena_new(scratch, (n + 1) * (k + 1), u16); /* of a[i..), b[j..) */
  if (length == nullptr) return NF_NO_MEMORY;
  for (isize i = n - 1; i >= 0; i--) {
    for (isize j = k - 1; j >= 0; j--) {
      u16 down = length[(i + 1) * (k + 1) + j], right = length[i * (k + 1) + j + 1];
      bool same = bytes_equal(m->a.at[m->from + i].text, m->b.at[m->from + j].text);
      length[i * (k + 1) + j] = same           ? (u16)(length[(i + 1) * (k + 1) + j + 1] + 1)
                                : down > right ? down
                                               : right;
    }
  }
  for (isize i = 0, j = 0; i < n && j < k;) {
    if (bytes_equal(m->a.at[m->from + i].text, m->b.at[m->from + j].text)) {
      kept[i++] = m->from + j++;
    } else if (length[(i + 1) * (k + 1) + j] >= length[i * (k + 1) + j + 1]) {
      i++;
    } else {
      j++;
    }
  }
  /* a lone space between two changed words joins them into one change */
  for (isize i = 1; i + 1 < n; i++) {
    if (kept[i] >= 0 && m->a.at[m->from + i].kind == WORD_SPACE && kept[i - 1] < 0 &&
        kept[i + 1] < 0) {
      kept[i] = -1;
    }
  }
  return NF_OK;
}

static nf_bytes span_of(word_list list, isize from, isize to, nf_bytes whole) {
  isize start = from < list.n ? list.at[from].text.at - whole.at : whole.len;
  isize end = to > from ? list.at[to - 1].text.at + list.at[to - 1].text.len - whole.at : start;
  return bytes_slice(whole, start, end);
}

nf_status words_diff(nf_bytes before, nf_bytes after, arena *scratch, nf_change *changes, isize cap,
                     isize *n) {
  arena local = *scratch; /* everything below is given back */
  word_list a, b;
  if (words_split(before, &local, &a) != NF_OK || words_split(after, &local, &b) != NF_OK) {
    return NF_NO_MEMORY;
  }
  middle m = middle_find(a, b);
  isize *kept = arena_new(&local, m.a_end - m.from + 1, isize);
  if (kept == nullptr || common_words(&m, &local, kept) != NF_OK) return NF_NO_MEMORY;
  isize count = 0, i = m.from, j = m.from;
  while (i < m.a_end || j < m.b_end) {
    isize i_end = i;
    while (i_end < m.a_end && kept[i_end - m.from] < 0) i_end++;
    isize j_end = i_end < m.a_end ? kept[i_end - m.from] : m.b_end;
    if (i_end > i || j_end > j) {
      ASSERT(count < cap);
      nf_bytes old = span_of(a, i, i_end, before);
      i32 start = (i32)(old.at - before.at), end = start + (i32)old.len;
      i32 start16 = (i32)utf16_units(bytes_slice(before, 0, start));
      changes[count++] = (nf_change){.start = start,
                                     .end = end,
                                     .start16 = start16,
                                     .end16 = start16 + (i32)utf16_units(old),
                                     .replacement = span_of(b, j, j_end, after)};
    }
    i = i_end;
    j = j_end;
    while (i < m.a_end && kept[i - m.from] == j) i++, j++; /* words that stay */
  }
  *n = count;
  return NF_OK;
}
