/* See rules.h. Finding and applying; the choice is rules_choose.c's. */
#include "edit/rules.h"

#include "base/ascii.h"
#include "edit/names.h"
#include "edit/rules_table.h"

constexpr isize TABLES_MAX = 3; /* of a task */

/* What is looked for in: one text of one request. */
typedef struct {
  word_list list;
  nf_bytes text;
  const nf_bytes *protect;
  isize n_protect;
  arena *a;
  rule_change *changes;
  isize n, cap;
} finder;

static isize tables_of(nf_task task, const rule_table **tables) {
  isize n = 0;
  switch (task) {
    case NF_TASK_SHORTEN:
      tables[n++] = &rules_shorten;
      tables[n++] = &rules_contract;
      break;
    case NF_TASK_FORMAL: tables[n++] = &rules_formal; break;
    case NF_TASK_CASUAL:
      tables[n++] = &rules_casual;
      tables[n++] = &rules_contract;
      tables[n++] = &rules_plain;
      break;
    case NF_TASK_SIMPLE: tables[n++] = &rules_plain; break;
    case NF_TASK_FIX:
    case NF_TASK_REWRITE: break;
  }
  return n;
}

bool rules_known(nf_task task) {
  const rule_table *tables[TABLES_MAX];
  return tables_of(task, tables) > 0;
}

/* The next word, comma or space of a phrase. */
static nf_bytes part_of(nf_bytes phrase, isize *at) {
  isize from = *at, end = from;
  while (end < phrase.len && phrase.at[end] != ' ' && phrase.at[end] != ',') end++;
  if (end == from) end++;
  *at = end;
  return bytes_slice(phrase, from, end);
}

/* How many list entries (words and the spaces between) match the phrase at i; 0: none. *i_class is
 * the entry that stands for its class. over_asides: one between two of its words is taken along. */
static isize match_at(word_list list, isize i, nf_bytes all, bool over_asides, isize *i_class) {
  isize k = i;
  for (isize at = 0; at < all.len; k++) {
    isize from = at;
    nf_bytes part = part_of(all, &at);
    bool aside = over_asides && from > 0 && part.at[0] != ' ' && rule_word_follows(list, k + 1) &&
                 rule_is_aside(list.at[k].text) && !word_same_letters(list.at[k].text, part);
    if (aside) k += 2;
    if (k >= list.n) return 0;
    if (part.at[0] == ' ') {
      if (list.at[k].kind != WORD_SPACE) return 0;
    } else if (part.at[0] == '%') {
      if (!rule_of_class(list, k, part.at[1])) return 0;
      *i_class = k;
    } else if (!word_same_letters(list.at[k].text, part)) {
      return 0;
    }
  }
  return k - i;
}

/* "I DO NOT KNOW": two capitals or more and no small letter. */
static bool is_shouted(nf_bytes text) {
  isize capitals = 0;
  for (isize i = 0; i < text.len; i++) {
    if (text.at[i] >= 'a' && text.at[i] <= 'z') return false;
    capitals += ascii_is_upper(text.at[i]);
  }
  return capitals >= 2;
}

/* `instead` with $ filled in, in the case of what it replaces. */
static nf_bytes filled(finder *f, nf_bytes form, nf_bytes word, nf_bytes replaced) {
  if (form.len == 0) return form;
  u8 *out = arena_new(f->a, form.len + word.len, u8);
  if (out == nullptr) return (nf_bytes){};
  isize len = 0;
  for (isize i = 0; i < form.len; i++) {
    if (form.at[i] != '$') {
      out[len++] = form.at[i];
      continue;
    }
    bytes_copy(out + len, word.at, word.len);
    len += word.len;
  }
  bool pronoun = replaced.len == 1 || replaced.at[1] == ' ' || replaced.at[1] == '\'';
  bool cut = replaced.at[0] == '\'' && replaced.len > 1; /* "'Cause" */
  bool upper = ascii_is_upper(replaced.at[cut]) && !(replaced.at[0] == 'I' && pronoun);
  isize n_upper = is_shouted(replaced) ? len : upper ? 1 : 0;
  for (isize i = 0; i < n_upper; i++) {
    if (out[i] >= 'a' && out[i] <= 'z') out[i] &= 0xDF;
  }
  return bytes_of(out, len);
}

static bool is_comma(word_list list, isize i) {
  return i >= 0 && i < list.n && list.at[i].text.at[0] == ',';
}

/* Entries [*i, *next) are to be left out: the comma or the blank that goes with them, too. */
static void widen(word_list list, isize *i, isize *next, bool set_off) {
  bool opens = rule_sentence_starts(list, *i);
  bool ends = *next == list.n || list.at[*next].kind == WORD_OTHER;
  if ((set_off || ends) && !opens && *i >= 2 && is_comma(list, *i - 2)) {
    *i -= 2;
    if (is_comma(list, *next)) ++*next;
    return;
  }
  if (is_comma(list, *next) && opens) ++*next;
  if (*next < list.n && list.at[*next].kind == WORD_SPACE) {
    ++*next;
  } else if (*i > 0 && list.at[*i - 1].kind == WORD_SPACE) {
    --*i;
  }
}

/* A number, a name or a protected term lies in [from, to) and not in what comes instead. */
static bool holds_kept(const finder *f, isize i, isize next, isize from, isize to,
                       nf_bytes instead) {
  for (isize k = i; k < next; k++) {
    const word *w = &f->list.at[k];
    bool kept = w->kind == WORD_NUMBER || name_at(f->list, k);
    if (kept && term_count(instead, w->text) == 0) return true;
  }
  for (isize k = 0; k < f->n_protect; k++) {
    nf_bytes term = f->protect[k];
    for (isize at = isize_max(from - term.len, 0); at < to; at++) {
      if (at + term.len > from && term_stands_at(f->text, at, term)) return true;
    }
  }
  return false;
}

static bool starts_with_one(nf_bytes w, const char *const *heads, isize n) {
  for (isize i = 0; i < n; i++) {
    nf_bytes head = bytes_from_str(heads[i]);
    if (w.len >= head.len && word_same_letters(bytes_slice(w, 0, head.len), head)) return true;
  }
  return false;
}

/* By its sound: an hour, an unimportant thing; a user, a university, a one-way street. */
static bool sounds_vowel(nf_bytes w) {
  static const char *const silent_h[] = {"hour", "honest", "honor", "honour", "heir"};
  static const char *const as_vowel[] = {"unim", "unin", "unid"};
  static const char *const as_consonant[] = {"use", "usu", "usa", "uti", "uni",
                                             "eu",  "ewe", "one", "once"};
  constexpr isize n_silent = (isize)(sizeof silent_h / sizeof *silent_h);
  constexpr isize n_vowel = (isize)(sizeof as_vowel / sizeof *as_vowel);
  constexpr isize n_consonant = (isize)(sizeof as_consonant / sizeof *as_consonant);
  if (w.len == 0) return false;
  if (starts_with_one(w, silent_h, n_silent) || starts_with_one(w, as_vowel, n_vowel)) return true;
  if (starts_with_one(w, as_consonant, n_consonant)) return false;
  return bytes_find(bytes_from_str("aeiou"), bytes_of(&(u8){ascii_lower(w.at[0])}, 1)) >= 0;
}

/* "a" or "an" before what is changed: as the word that now follows wants it. */
static bool article_mended(finder *f, isize *i, isize next, nf_bytes *instead) {
  nf_bytes article = rule_word_before(f->list, *i);
  bool an = word_same_letters(article, bytes_from_str("an"));
  if (!an && !word_same_letters(article, bytes_from_str("a"))) return true;
  nf_bytes after = instead->len > 0   ? *instead
                   : next < f->list.n ? f->list.at[next].text
                                      : *instead;
  if (after.len == 0 || sounds_vowel(after) == an) return after.len > 0;
  u8 *out = arena_new(f->a, instead->len + 4, u8);
  if (out == nullptr) return false;
  isize len = 0;
  out[len++] = article.at[0];
  if (!an) out[len++] = 'n';
  out[len++] = ' ';
  bytes_copy(out + len, instead->at, instead->len);
  *instead = bytes_of(out, len + instead->len);
  *i -= 2;
  return true;
}

static void change_add(finder *f, isize i, isize next, nf_bytes instead, f32 cost) {
  if (f->n == f->cap || !article_mended(f, &i, next, &instead)) return;
  i32 from = (i32)(f->list.at[i].text.at - f->text.at);
  i32 to = next < f->list.n ? (i32)(f->list.at[next].text.at - f->text.at) : (i32)f->text.len;
  if (holds_kept(f, i, next, from, to, instead)) return;
  isize at = f->n++;
  for (; at > 0 && f->changes[at - 1].to > to; at--) f->changes[at] = f->changes[at - 1];
  f->changes[at] = (rule_change){.from = from, .to = to, .instead = instead, .cost = cost};
}

static nf_bytes entries_text(word_list list, isize i, isize next) {
  const word *last = &list.at[next - 1];
  return bytes_of(list.at[i].text.at, last->text.at + last->text.len - list.at[i].text.at);
}

/* What stands before the first `mark`, which goes with it; all where there is none. */
static nf_bytes part_take(nf_bytes *text, const char *mark) {
  isize end = bytes_find(*text, bytes_from_str(mark));
  nf_bytes part = end < 0 ? *text : bytes_slice(*text, 0, end);
  *text = bytes_slice(*text, end < 0 ? text->len : end + 1, text->len);
  return part;
}

static bool is_hyphen(word_list list, isize i) { /* within a word */
  return i > 0 && i + 1 < list.n && list.at[i].text.at[0] == '-' && rule_is_word(&list.at[i - 1]) &&
         rule_is_word(&list.at[i + 1]);
}

/* "AI-generated" is one word. */
static bool is_hyphenated(word_list list, isize i) {
  return is_hyphen(list, i - 1) || is_hyphen(list, i + 1);
}

/* Entries [i, next) are all that their sentence says. */
static bool is_all_said(word_list list, isize i, isize next) {
  bool ends =
      next == list.n || (list.at[next].kind == WORD_OTHER && list.at[next].text.at[0] != ',');
  return ends && rule_sentence_starts(list, i);
}

/* Of a thousand phrases all but a few begin with another letter. */
static bool may_begin(nf_bytes w, const char *phrase) {
  return phrase[0] == '%' || ascii_lower((u8)phrase[0]) == ascii_lower(w.at[0]);
}

static void rule_at(finder *f, const rule *one, bool over_asides, isize i) {
  if (!may_begin(f->list.at[i].text, one->text)) return;
  nf_bytes form = bytes_from_str(one->text), phrase = part_take(&form, "=");
  isize i_class = i, from = i, n = match_at(f->list, i, phrase, over_asides, &i_class);
  isize next = i + n;
  if (n == 0 || is_hyphen(f->list, next) || !rule_stands(one, f->list, i, n)) return;
  if (form.len == 0 && is_all_said(f->list, i, next)) return;
  nf_bytes instead = filled(f, form, f->list.at[i_class].text, entries_text(f->list, i, next));
  if (instead.len == 0 && form.len > 0) return; /* the arena is full */
  if (form.len == 0) {
    widen(f->list, &from, &next, one->where == RULE_SET_OFF || one->where == RULE_END);
  }
  change_add(f, from, next, instead, (f32)one->cost / 10);
}

typedef enum : u8 { FORM_NONE, FORM_BASE, FORM_S, FORM_PAST, FORM_ING } verb_form;

static bool is_with_end(nf_bytes w, nf_bytes stem, const char *end) {
  nf_bytes e = bytes_from_str(end);
  return w.len == stem.len + e.len && word_same_letters(bytes_slice(w, 0, stem.len), stem) &&
         word_same_letters(bytes_slice(w, stem.len, w.len), e);
}

/* Which form of the regular verb is w? */
static verb_form form_of(nf_bytes w, nf_bytes stem) {
  bool doubled = stem.at[stem.len - 1] == '*';
  stem.len -= doubled;
  u8 last = stem.at[stem.len - 1];
  if (word_same_letters(w, stem)) return FORM_BASE;
  if (w.len <= stem.len) return FORM_NONE; /* each form is longer */
  bool hissing = last == 's' || last == 'h' || last == 'x';
  if (is_with_end(w, stem, hissing ? "es" : "s")) return FORM_S;
  nf_bytes short_stem = bytes_slice(stem, 0, stem.len - 1);
  if (last == 'e') {
    if (is_with_end(w, short_stem, "ed")) return FORM_PAST;
    return is_with_end(w, short_stem, "ing") ? FORM_ING : FORM_NONE;
  }
  if (last == 'y' && is_with_end(w, short_stem, "ies")) return FORM_S;
  if (last == 'y' && is_with_end(w, short_stem, "ied")) return FORM_PAST;
  if (doubled) {
    if (!word_same_letters(bytes_slice(w, 0, stem.len), stem) || w.at[stem.len] != last) {
      return FORM_NONE;
    }
    stem = bytes_slice(w, 0, stem.len + 1);
  }
  if (is_with_end(w, stem, "ed")) return FORM_PAST;
  return is_with_end(w, stem, "ing") ? FORM_ING : FORM_NONE;
}

/* "have", "be" or a form of them stands before, an adverb or "not" between or none. */
static bool wants_participle(word_list list, isize i) {
  static const char helpers[] =
      "have has had is are was were be been being am get "
      "got having i've we've they've you've it's he's she's they're we're you're that's";
  for (isize back = 0; back < 2; back++) {
    nf_bytes w = rule_word_before(list, i);
    if (w.len == 0) return false;
    if (rule_word_is(w, helpers)) return true;
    i -= 2;
  }
  return false;
}

/* "the required form", "his purchase", "Purchases went up", "attempted murder": no verb to change,
 * or not one that the plain word stands for. */
static bool is_verb(word_list list, isize i, nf_bytes lemma, verb_form form) {
  static const char nouns[] =
      "purchase exhibit permit* attempt encounter select alter endeavour endeavor";
  static const char with_verb[] =
      "to will would can could must should may might do does did don't didn't can't won't not i "
      "you "
      "he she it we they who please and";
  static const char with_object[] = "demonstrate exhibit attempt";
  static const char objects[] = "to that how why what it them him us";
  nf_bytes before = rule_word_before(list, i);
  nf_bytes after = rule_word_follows(list, i + 1) ? list.at[i + 2].text : (nf_bytes){};
  if (rule_word_is(before, "a an the my your his her its our their these those every no"))
    return false;
  if (rule_word_is(lemma, "cease") && rule_word_is(after, "to")) return false;
  if (rule_word_is(lemma, "conclude") && rule_word_is(after, "that")) return false;
  bool may_be_noun = (form == FORM_BASE || form == FORM_S) && rule_word_is(lemma, nouns);
  if (may_be_noun && !rule_word_is(before, with_verb)) return false;
  bool passive = form == FORM_PAST && rule_is_be(before);
  if (!rule_word_is(lemma, with_object) || passive) return true;
  return rule_is_article(after) || rule_word_is(after, objects);
}

static void verb_at(finder *f, rule_verb verb, isize i) {
  nf_bytes w = f->list.at[i].text;
  if (!may_begin(w, verb)) return;
  nf_bytes forms = bytes_from_str(verb), lemma = part_take(&forms, "=");
  verb_form form = form_of(w, lemma);
  if (form == FORM_NONE || !is_verb(f->list, i, lemma, form)) return;
  isize i_form = form == FORM_BASE ? 0 : form == FORM_S ? 1 : form == FORM_PAST ? 2 : 4;
  if (form == FORM_PAST && wants_participle(f->list, i)) i_form = 3;
  for (isize k = 0; k < i_form; k++) (void)part_take(&forms, "|");
  nf_bytes instead = filled(f, part_take(&forms, "|"), (nf_bytes){}, w);
  if (instead.len > 0) change_add(f, i, i + 1, instead, 0);
}

static void expansion_at(finder *f, isize i) {
  isize n = 1;
  nf_bytes full = rule_expanded(f->list, i, f->a, &n);
  if (full.len == 0) return;
  u8 *out = arena_new(f->a, full.len, u8);
  if (out == nullptr) return;
  bool shouted = is_shouted(f->list.at[i].text);
  for (isize k = 0; k < full.len; k++) {
    bool small = full.at[k] >= 'a' && full.at[k] <= 'z';
    out[k] = shouted && small ? full.at[k] & 0xDF : full.at[k];
  }
  change_add(f, i, i + n, bytes_of(out, full.len), 0);
}

nf_status rules_find(nf_task task, nf_bytes text, const nf_bytes *protect, isize n_protect,
                     arena *a, rule_change *changes, isize cap, isize *n) {
  finder f = {.text = text,
              .protect = protect,
              .n_protect = n_protect,
              .a = a,
              .changes = changes,
              .cap = cap};
  const rule_table *tables[TABLES_MAX];
  isize n_tables = tables_of(task, tables);
  nf_status status = words_split(text, a, &f.list);
  if (status != NF_OK) return status;
  for (isize i = 0; i < f.list.n; i++) {
    if (f.list.at[i].kind != WORD_LETTERS || is_hyphenated(f.list, i)) continue;
    for (isize t = 0; t < n_tables; t++) {
      const rule_table *table = tables[t];
      for (isize r = 0; r < table->n_rules; r++) {
        rule_at(&f, &table->rules[r], table->over_asides, i);
      }
      for (isize v = 0; v < table->n_verbs; v++) verb_at(&f, table->verbs[v], i);
      if (table->expands) expansion_at(&f, i);
    }
  }
  *n = f.n;
  return NF_OK;
}

/* ---- applying ---- */

typedef struct {
  u8 *at;
  isize len, cap;
  bool raise; /* the next letter is a sentence's first, and the text has a capital there */
} writer;

static bool put(writer *o, nf_bytes text) {
  if (text.len > o->cap - o->len) return false;
  for (isize i = 0; i < text.len; i++) {
    u8 c = text.at[i];
    bool letter = ascii_is_letter(c) || c >= 0x80 || ascii_is_digit(c);
    if (o->raise && letter) {
      if (c >= 'a' && c <= 'z') c &= 0xDF;
      o->raise = false;
    }
    o->at[o->len++] = c;
  }
  return true;
}

/* First word of a sentence by its marks alone. */
static bool begins_sentence(word_list list, isize i) {
  for (isize k = i - 1; k >= 0; k--) {
    if (list.at[k].kind == WORD_SPACE) continue;
    u8 c = list.at[k].text.at[0];
    return c == '.' || c == '!' || c == '?' || c == '-' || c == '"';
  }
  return true;
}

nf_status rules_apply(nf_bytes text, const rule_change *changes, isize n, arena scratch, u8 *out,
                      isize cap, isize *len) {
  word_list list;
  writer o = {.at = out, .cap = cap};
  if (words_split(text, &scratch, &list) != NF_OK) return NF_NO_MEMORY;
  isize next = 0;
  bool fits = true;
  for (isize i = 0; i < list.n && fits; i++) {
    isize from = list.at[i].text.at - text.at;
    if (list.at[i].kind == WORD_LETTERS && begins_sentence(list, i)) {
      o.raise = ascii_is_upper(list.at[i].text.at[0]);
    }
    while (next < n && (!changes[next].chosen || changes[next].to <= from)) next++;
    bool inside = next < n && from >= changes[next].from;
    if (!inside) {
      fits = put(&o, list.at[i].text);
    } else if (from == changes[next].from) {
      fits = put(&o, changes[next].instead);
    }
  }
  if (!fits) return NF_NO_MEMORY;
  while (o.len > 0 && out[o.len - 1] == ' ') o.len--;
  *len = o.len;
  return NF_OK;
}
