/* See gate.h. */
#include "edit/gate.h"

#include "base/ascii.h"
#include "edit/names.h"
#include "edit/words.h"

constexpr isize SIDE_WORDS_MAX = 32; /* words of one side of a change that are looked at */
constexpr isize CHANGES_MAX = 1024;  /* over words_diff's 512 */

static bool is_told(u8 c) { return ascii_is_letter(c) || ascii_is_digit(c) || c >= 0x80; }

/* Letters and digits in their order, case aside. */
static bool same_letters(nf_bytes a, nf_bytes b) {
  isize i = 0, j = 0;
  for (;;) {
    while (i < a.len && !is_told(a.at[i])) i++;
    while (j < b.len && !is_told(b.at[j])) j++;
    if (i == a.len || j == b.len) return i == a.len && j == b.len;
    if (ascii_lower(a.at[i]) != ascii_lower(b.at[j])) return false;
    i++;
    j++;
  }
}

/* Words of letters and digits, at most SIDE_WORDS_MAX. */
static isize words_of(nf_bytes text, nf_bytes *words) {
  isize n = 0;
  for (isize i = 0; i < text.len && n < SIDE_WORDS_MAX;) {
    isize from = i;
    while (i < text.len && (is_told(text.at[i]) || text.at[i] == '\'')) i++;
    if (i > from) words[n++] = bytes_slice(text, from, i);
    if (i == from) i++;
  }
  return n;
}

/* `few` are words of `many`, in their order. */
static bool are_among(const nf_bytes *few, isize n_few, const nf_bytes *many, isize n_many) {
  isize k = 0;
  for (isize i = 0; i < n_many && k < n_few; i++) k += word_same_letters(few[k], many[i]);
  return k == n_few;
}

static bool is_same_word(nf_bytes a, nf_bytes b) {
  isize same = 0, longest = isize_max(a.len, b.len);
  while (same < a.len && same < b.len && ascii_lower(a.at[same]) == ascii_lower(b.at[same])) same++;
  return same >= 3 || word_distance(a, b) <= (longest >= 6 ? 2 : 1);
}

/* "and then" -> "And then", "we left" -> "we left."; behind an ellipsis there is a mark already. */
static bool is_of_ends(nf_bytes before, const nf_change *change) {
  nf_bytes old = bytes_slice(before, change->start, change->end), put = change->replacement;
  if (change->start == 0 && word_same_letters(old, put)) return true;
  isize end = before.len;
  while (end > 0 && ascii_is_space(before.at[end - 1])) end--;
  bool grows = put.len == old.len + 1 && bytes_equal(bytes_slice(put, 0, old.len), old);
  if (change->end < end || !grows || end == 0 || !is_told(before.at[end - 1])) return false;
  u8 mark = put.at[old.len];
  return mark == '.' || mark == '?' || mark == '!';
}

/* As many words for as many: the strictest kind of them. */
static gate_kind of_pairs(const nf_bytes *own, const nf_bytes *said, isize n) {
  gate_kind kind = GATE_SMALL;
  for (isize i = 0; i < n; i++) {
    if (same_letters(own[i], said[i])) continue;
    if (is_small_word(own[i]) && is_small_word(said[i])) continue;
    if (!is_same_word(own[i], said[i])) return GATE_OTHER;
    kind = GATE_FORM;
  }
  return kind;
}

gate_kind gate_kind_of(nf_bytes before, const nf_change *change) {
  nf_bytes own[SIDE_WORDS_MAX], said[SIDE_WORDS_MAX];
  nf_bytes old = bytes_slice(before, change->start, change->end), put = change->replacement;
  if (same_letters(old, put)) return is_of_ends(before, change) ? GATE_ENDS : GATE_MARKS;
  isize n = words_of(old, own), k = words_of(put, said);
  if (n == k) return of_pairs(own, said, n);
  if (are_among(own, n, said, k)) return GATE_ADDED;
  return are_among(said, k, own, n) ? GATE_LEFT_OUT : GATE_OTHER;
}

static const struct {
  const char *name, *unsure;
} kinds[GATE_KINDS] = {
    [GATE_MARKS] = {"marks", "not sure enough of marks or capitals"},
    [GATE_ENDS] = {"ends", "not sure enough of the line's ends"},
    [GATE_SMALL] = {"small", "not sure enough of a small word"},
    [GATE_FORM] = {"form", "not sure enough of a word's form"},
    [GATE_ADDED] = {"added", "not sure enough of an added word"},
    [GATE_LEFT_OUT] = {"left out", "not sure enough to leave a word out"},
    [GATE_OTHER] = {"other", "not sure enough of another word"},
};

const char *gate_kind_name(gate_kind kind) { return kinds[kind].name; }

nf_status gate_bar_of(const edit_gate *gate, nf_bytes before, nf_bytes after, arena scratch,
                      gate_bar *bar) {
  isize n = 0;
  *bar = (gate_bar){.nats = gate->whole, .unsure = "not sure enough"};
  nf_change *changes = arena_new(&scratch, CHANGES_MAX, nf_change);
  if (changes == nullptr) return NF_NO_MEMORY;
  nf_status status = words_diff(before, after, &scratch, changes, CHANGES_MAX, &n);
  for (isize i = 0; status == NF_OK && i < n; i++) {
    gate_kind kind = gate_kind_of(before, &changes[i]);
    bool more = bar->kinds == 0 || gate->kinds[kind] > bar->nats;
    bar->kinds |= 1u << kind;
    if (!gate->by_kind || !more) continue;
    bar->nats = gate->kinds[kind];
    bar->unsure = kinds[kind].unsure;
  }
  return status;
}

bool gate_valid(const edit_gate *gate) {
  bool valid = gate->whole - gate->whole == 0;
  for (isize i = 0; i < GATE_KINDS; i++) {
    valid = valid && gate->kinds[i] - gate->kinds[i] == 0;
  }
  return valid;
}
