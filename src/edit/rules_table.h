/* The form of a task's rules, shared by rules.c and the tables. Private to this folder. */
#pragma once
#include "edit/rules.h"
#include "edit/words.h"

/* Where a phrase is what the rule takes it for. A sentence's beginning may have openers before it
 * ("So, well, ..."). */
typedef enum : u8 {
  RULE_ANYWHERE,
  RULE_HEDGE, /* after "not" only where a word follows: "not really sure", not "not really." */
  RULE_LIMIT, /* a word behind it; never after "not" ("not just") or a determiner ("a just war") */
  RULE_OPENING, /* begins a sentence, a comma behind it: "Well, yes", not "Well done" */
  RULE_START, /* begins a sentence, a word behind it */
  RULE_FRAME, /* the same, a clause behind it: "I think he left", not "I think so" */
  RULE_CLAUSE, /* begins a sentence, or stands behind a comma */
  RULE_SET_OFF, /* between commas, or a comma and an end: not "do you know him" */
  RULE_END, /* ends a sentence, and does not begin it */
  RULE_BEFORE_WORD, /* "it is late", not "that's what it is." nor "where it is now" */
  RULE_BEFORE_THING, /* "I've got time", not "I've got used to it" */
  RULE_BARE, /* a word behind it, no determiner or degree before: not "these additional rules" */
  RULE_BEFORE_PARTICIPLE, /* "I have seen", not "I have a dog" */
  RULE_BEFORE_NUMBER,
  RULE_COUNTED, /* the same, behind what takes an amount: "took about 20", not "tell about 2020" */
  RULE_AFTER_NUMBER, /* "50 bucks" */
  RULE_BEFORE_PLURAL, /* "lots of people" */
  RULE_AFTER_WORD, /* a word before it, none after which "that" means something else */
  RULE_AFTER_SAYING, /* behind "think", "said", "sure": a clause follows */
  RULE_RELATIVE, /* behind a noun, as far as is known: not "I know who was seen" */
  RULE_AFTER_BE, /* "it's going to rain" */
  RULE_DEGREE, /* between "be" and a known quality: "it's pretty cold", not "she's a pretty girl" */
} rule_place;

/* text: "phrase=instead". phrase: lower case, one space between words; a word may be a class:
 *   %p  I you he she it we they       %d  the, a, my, this, ...      %n  a name or %p
 *   %e  a participle                  %g  a word in -ing             %a  any word
 *   %v  a word that may be an infinitive      %i  one that is, other than "be" and "have"
 *   %w  what, who, why, how, where, when, if, whether
 * instead: empty leaves the phrase out, with the comma or space that goes with it; $ is the word
 * that stood for the (one) class. cost: tenths, see rule_change. */
typedef struct {
  const char *text;
  rule_place where;
  u8 cost;
} rule;

/* A verb in all its forms: "lemma=base|s|past|participle|ing". The lemma is inflected as regular
 * verbs are; a * behind it: its last letter is doubled ("permit*"). */
typedef const char *rule_verb;

typedef struct {
  const rule *rules;
  const rule_verb *verbs;
  isize n_rules, n_verbs;
  bool expands; /* contractions are written out */
  bool over_asides; /* "I would just like to" is "I would like to" */
} rule_table;

extern const rule_table rules_shorten, rules_contract, rules_formal, rules_casual, rules_plain;

/* ---- rule_words.c: what kind of word stands where ---- */
bool rule_is_word(const word *w);
bool rule_word_is(nf_bytes w, const char *words); /* one of `words`, blanks between them */
/* The word before entry i, only blanks between; empty when there is none. */
nf_bytes rule_word_before(word_list list, isize i);
bool rule_word_follows(word_list list, isize next); /* entry `next` is a blank, a word behind it */
bool rule_is_negation(nf_bytes w);
bool rule_is_determiner(nf_bytes w);
bool rule_is_participle(nf_bytes w);
bool rule_is_be(nf_bytes w); /* a form of "be", "it's" too */
bool rule_is_article(nf_bytes w);
bool rule_is_aside(nf_bytes w);
bool rule_of_class(word_list list, isize i, u8 c); /* entry i is of class %c */
bool rule_sentence_starts(word_list list, isize i);
bool rule_stands(const rule *r, word_list list, isize i, isize n);
/* What word i, a contraction, is in full, as a text in the arena; empty: it is none, or unsure. */
nf_bytes rule_expanded(word_list list, isize i, arena *a, isize *n_entries);
