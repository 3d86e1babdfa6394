/* What kind of word stands where: the conditions of rules_table.h. By spelling alone; a word that
 * could be either is taken for what changes nothing. */
#include "base/ascii.h"
#include "edit/names.h"
#include "edit/rules_table.h"

static bool ends_with(nf_bytes w, const char *end) {
  nf_bytes e = bytes_from_str(end);
  return w.len > e.len && word_same_letters(bytes_slice(w, w.len - e.len, w.len), e);
}

bool rule_is_word(const word *w) { return w->kind == WORD_LETTERS || w->kind == WORD_NUMBER; }

bool rule_word_is(nf_bytes w, const char *words) {
  nf_bytes all = bytes_from_str(words);
  for (isize at = 0; at < all.len;) {
    isize end = at;
    while (end < all.len && all.at[end] != ' ') end++;
    if (word_same_letters(w, bytes_slice(all, at, end))) return true;
    at = end + 1;
  }
  return false;
}

nf_bytes rule_word_before(word_list list, isize i) {
  bool found = i >= 2 && list.at[i - 1].kind == WORD_SPACE && rule_is_word(&list.at[i - 2]);
  return found ? list.at[i - 2].text : (nf_bytes){};
}

bool rule_word_follows(word_list list, isize next) {
  return next + 1 < list.n && list.at[next].kind == WORD_SPACE && rule_is_word(&list.at[next + 1]);
}

/* "a kind of bee", "what sort of": the phrase is a noun there, not a hedge. */
bool rule_is_determiner(nf_bytes w) {
  static const char words[] =
      "a an the this that what some any one every which these those new no my your his her "
      "their our same";
  return rule_word_is(w, words);
}

bool rule_is_negation(nf_bytes w) {
  static const char words[] =
      "not never no cannot nothing without nobody none neither nor hardly nowhere unless "
      "ain't";
  return ends_with(w, "n't") || rule_word_is(w, words);
}

/* What may stand inside a phrase without being part of it: "I would just like to". */
bool rule_is_aside(nf_bytes w) {
  static const char words[] =
      "just really actually simply honestly quickly probably also basically";
  return rule_word_is(w, words);
}

bool rule_is_participle(nf_bytes w) {
  static const char words[] =
      "been done gone made had got come become found built told said heard left lost won "
      "met put read run sent sold taught thought understood begun held kept bought brought "
      "caught felt paid let cut hit hurt shut spent stood meant slept led fed sung rung "
      "drunk swum dug stuck struck grown known shown born torn worn seen drawn flown "
      "thrown used gotta never always already just also ever only finally since both all now long";
  static const char *const ends[] = {"ken",   "sen",  "aten",  "otten",
                                     "itten", "iven", "idden", "allen"};
  static const char others[] =
      "hundred indeed naked need speed chicken succeed proceed exceed bleed breed listen";
  if (rule_word_is(w, words)) return true;
  if (w.len < 5 || rule_word_is(w, others)) return false;
  for (isize i = 0; i < (isize)(sizeof ends / sizeof *ends); i++) {
    if (ends_with(w, ends[i])) return true;
  }
  return ends_with(w, "ed");
}

static bool is_pronoun(nf_bytes w) {
  static const char words[] = "i you he she it we they";
  return rule_word_is(w, words);
}

bool rule_is_article(nf_bytes w) {
  static const char words[] =
      "the a an this these those my your his her its our their some every all any no there "
      "nobody everyone everybody people";
  return rule_word_is(w, words);
}

/* "going to school" is no infinitive. */
static bool is_place(nf_bytes w) {
  static const char words[] =
      "school bed work church town court prison jail market college war where what us him "
      "them me";
  return rule_word_is(w, words);
}

/* What a person is going to do; no word that is a place or an event, too ("work", "sleep"). */
static bool is_infinitive(nf_bytes w) {
  static const char words[] =
      "do go get make see take come know tell show say ask give find need try let put keep help "
      "talk start stop leave call run move live die kill feel bring happen turn look use want like "
      "love hate buy pay eat drink read write learn teach meet win lose fight sit stand wait stay "
      "speak think change build break cut fall send hear hold lie marry miss open close pick pull "
      "push rain snow save sell set sing throw walk watch wear wonder worry cook drive finish "
      "explain enjoy discuss describe begin continue create add follow check choose become allow "
      "believe accept answer arrive pass prove provide remain remember remove return ruin share "
      "shoot sign spend steal study suffer suggest swim trust understand beat burn carry catch "
      "clean climb cost cry destroy dig draw enter escape expect fail fill fly forget forgive grow "
      "hide hit hurt join kick laugh lead play visit smoke reveal decide attend";
  return rule_word_is(w, words);
}

static bool asks_indirectly(nf_bytes w) {
  static const char words[] = "what who why how where when if whether";
  return rule_word_is(w, words);
}

bool rule_of_class(word_list list, isize i, u8 c) {
  if (i >= list.n || list.at[i].kind != WORD_LETTERS) return false;
  nf_bytes w = list.at[i].text;
  switch (c) {
    case 'p': return is_pronoun(w);
    case 'd': return rule_is_article(w);
    case 'n': return is_pronoun(w) || name_at(list, i);
    case 'e': return rule_is_participle(w) && !rule_is_negation(w);
    case 'g': return w.len > 4 && ends_with(w, "ing");
    case 'v': return !rule_is_article(w) && !is_place(w) && !is_pronoun(w) && !name_at(list, i);
    case 'i': return is_infinitive(w);
    case 'w': return asks_indirectly(w);
    default: return !rule_is_negation(w) && !name_at(list, i);
  }
}

static bool begins_text(word_list list, isize i) {
  for (isize k = i - 1; k >= 0; k--) {
    if (list.at[k].kind == WORD_SPACE) continue;
    u8 c = list.at[k].text.at[0];
    return c == '.' || c == '!' || c == '?' || c == '-' || c == '"';
  }
  return true;
}

/* Words that open a sentence without being part of what it says, and the marks between them. */
static bool is_opener(const word *w) {
  static const char words[] =
      "well so and but now okay ok um uh oh look listen right er yes yeah no because then "
      "actually basically honestly";
  return w->kind == WORD_SPACE || w->text.at[0] == ',' || rule_word_is(w->text, words);
}

/* ", but I suppose ...": a clause begins there as a sentence does. */
static bool begins_clause(word_list list, isize i) {
  static const char words[] = "but and so because";
  return i >= 4 && rule_word_is(list.at[i - 2].text, words) && list.at[i - 4].text.at[0] == ',';
}

/* "you know", "I mean" end before entry i. */
static bool ends_aside(word_list list, isize i) {
  if (i < 3 || list.at[i - 2].kind != WORD_SPACE) return false;
  nf_bytes one = list.at[i - 3].text, two = list.at[i - 1].text;
  return (rule_word_is(one, "you") && rule_word_is(two, "know")) ||
         (rule_word_is(one, "i") && rule_word_is(two, "mean"));
}

constexpr isize OPENING_MAX = 24; /* entries; "so so so ..." is no sentence's beginning for ever */

bool rule_sentence_starts(word_list list, isize i) {
  isize least = i - OPENING_MAX;
  while (i > 0 && !begins_text(list, i)) {
    if (i < least) return false;
    bool aside = ends_aside(list, i);
    if (!aside && !is_opener(&list.at[i - 1])) return false;
    i -= aside ? 3 : 1;
  }
  return true;
}

static bool mark_at(word_list list, isize i, const char *marks) {
  return i >= 0 && i < list.n && list.at[i].kind == WORD_OTHER &&
         bytes_find(bytes_from_str(marks), list.at[i].text) >= 0;
}

/* "where you are now": the verb ends a clause there and is said in full. */
static bool keeps_verb_full(nf_bytes w) {
  static const char words[] = "where what who how when than as here";
  return rule_word_is(w, words);
}

static bool stands_that(word_list list, isize i) {
  static const char others[] =
      "so now in given such except provided but and or than to of on like with for at by "
      "all about from isn't wasn't if when do does because while";
  nf_bytes before = rule_word_before(list, i);
  if (before.len == 0 || begins_text(list, i - 2)) return false;
  return !rule_word_is(before, others);
}

static bool is_saying(nf_bytes w) {
  static const char words[] =
      "think thinks thought believe believes believed say says said know knows knew sure "
      "guess hope hopes hoped mean means meant feel feels felt see realize realized "
      "realise realised promise promised afraid glad sorry happy me us him them suppose "
      "find found remember forget wish noticed heard is was claim claims claimed argue "
      "admit admitted bet certain understand learned discovered shows showed suggests "
      "report expect";
  return rule_word_is(w, words);
}

bool rule_is_be(nf_bytes w) {
  static const char words[] = "is are was were be am been";
  return ends_with(w, "'s") || ends_with(w, "'re") || ends_with(w, "'m") || rule_word_is(w, words);
}

/* "it felt cold": what a quality follows. */
static bool is_link(nf_bytes w) {
  static const char words[] = "looks look feels feel felt seems seem seemed sounds sound";
  return rule_is_be(w) || rule_word_is(w, words);
}

/* Qualities that have degrees. */
static bool is_quality(nf_bytes w) {
  static const char words[] =
      "good bad cold hot warm cool wet dry big small large little long short tall high low deep "
      "wide old young new late early fast slow quick easy hard difficult simple strong weak heavy "
      "light dark bright loud quiet clean dirty rich poor cheap expensive nice kind rude polite "
      "funny sad happy glad sorry sure proud angry upset tired hungry thirsty sick ill afraid "
      "scared nervous worried excited bored interested surprised disappointed pleased annoyed "
      "confused grateful thankful lucky busy safe dangerous important interesting boring exciting "
      "useful helpful common rare popular famous clear strange weird odd special different similar "
      "serious true smart clever intelligent stupid brave calm careful careless close far "
      "beautiful "
      "pretty ugly lovely sweet sour tasty delicious fresh healthy fair honest friendly lonely "
      "jealous shy likely unlikely impressive successful effective complex complicated obvious "
      "powerful valuable comfortable convenient realistic painful frustrating impressed";
  return rule_word_is(w, words);
}

/* "very much", "a large amount": no quality or thing that a degree or a size goes with. */
static bool is_amount(nf_bytes w) {
  static const char words[] =
      "much many very few little times years thanks extent amount number part sum";
  return rule_word_is(w, words);
}

/* What makes another thing of the verb before it: "got over it", "got used to it". */
static bool is_way(nf_bytes w) {
  static const char words[] =
      "to over back away in out up down off on round around through into by along past there here "
      "home rid going better worse it is was and or of";
  return rule_word_is(w, words);
}

static bool is_plural(nf_bytes w) {
  static const char words[] = "people children men women folks kids";
  static const char others[] =
      "this his its hers ours yours theirs news gas always was is has does means series species "
      "lens perhaps";
  if (ends_with(w, "ics") || ends_with(w, "is") || rule_word_is(w, others)) return false;
  return (ends_with(w, "s") && !ends_with(w, "ss") && !ends_with(w, "us")) ||
         rule_word_is(w, words);
}

/* "how many people", "the many people", "there's a lot of people", "what a lot of people" */
static bool is_measure(nf_bytes w) {
  static const char words[] =
      "how so as too very not that the these those his her their our my of good great a this no "
      "what quite such rather one two three both is was";
  return ends_with(w, "'s") || rule_word_is(w, words);
}

/* "honestly and well", "very much": it belongs with the word behind it. */
static bool is_joined(nf_bytes w) {
  static const char words[] = "and or but much many few little";
  return rule_word_is(w, words);
}

/* A sentence's last word stays unless it is a filler. */
constexpr u8 LAST_COST_MAX = 6; /* tenths */

/* "it is really, really good": no comma goes with the first. */
static bool set_off_before(word_list list, isize i) {
  return (i >= 2 && mark_at(list, i - 2, ",")) || rule_sentence_starts(list, i);
}

static bool stands_set_off(word_list list, isize i, isize next) {
  if (rule_sentence_starts(list, i)) return mark_at(list, next, ",");
  return i >= 2 && mark_at(list, i - 2, ",") && (next == list.n || mark_at(list, next, ",.!?"));
}

static bool is_count(const word *w) {
  static const char words[] =
      "two three four five six seven eight nine ten twenty thirty forty fifty hundred thousand "
      "million few";
  return w->kind == WORD_NUMBER || rule_word_is(w->text, words);
}

/* "took about 20 minutes", "for about 20 minutes" */
static bool takes_amount(nf_bytes w) {
  static const char words[] =
      "took take takes cost costs weigh weighs has have had lost sold for in at after within";
  return rule_is_be(w) || rule_word_is(w, words);
}

/* "I think he left", "I think the bus left"; not "I think so", "I think the world of you". */
static bool begins_statement(word_list list, isize i) {
  static const char words[] =
      "there this it's he's she's we're they're you're that's there's i'm i'll we'll i've we've";
  nf_bytes w = list.at[i].text;
  if (!rule_word_follows(list, i + 1)) return false;
  if (is_pronoun(w) || rule_word_is(w, words)) return true;
  return rule_is_article(w) && rule_word_follows(list, i + 3) &&
         !rule_word_is(list.at[i + 4].text, "of in from");
}

/* "the man who was seen"; "I know who was seen", "Who was seen?" are something else. The phrase
 * ends with its participle, entry i_last. */
static bool stands_relative(word_list list, isize i, isize i_last) {
  static const char asking[] =
      "ask asks asked wonder wondered tell told see saw decide depends matter matters guess out "
      "about";
  static const char adverbs[] =
      "never always already just also only ever finally since both all now long";
  nf_bytes before = rule_word_before(list, i);
  return stands_that(list, i) && !is_saying(before) && !rule_word_is(before, asking) &&
         !is_pronoun(before) && !rule_word_is(list.at[i_last].text, adverbs);
}

/* "these additional rules", "very occasionally": a plain word does not stand so. */
static bool is_bound(nf_bytes before) {
  static const char words[] = "very more most so too as how";
  return rule_is_determiner(before) || rule_is_article(before) || rule_word_is(before, words);
}

bool rule_stands(const rule *r, word_list list, isize i, isize n) {
  isize next = i + n;
  nf_bytes before = rule_word_before(list, i);
  bool follows = rule_word_follows(list, next);
  nf_bytes after = follows ? list.at[next + 1].text : (nf_bytes){};
  switch (r->where) {
    case RULE_ANYWHERE: return true;
    case RULE_HEDGE:
      if (n > 1 && rule_is_determiner(before)) return false;
      if (mark_at(list, next, ",") && !set_off_before(list, i)) return false;
      if (i >= 3 && mark_at(list, i - 2, ",") &&
          word_same_letters(list.at[i - 3].text, list.at[i].text)) {
        return false; /* "really, really good": the comma would stay */
      }
      if (rule_word_is(after, "not") && rule_sentence_starts(list, i)) return false;
      if (follows) return !is_joined(after);
      if (i >= 5 && mark_at(list, i - 2, ",") && mark_at(list, i - 5, ",")) {
        return false; /* "we can't, like, at all": "we can't, like." says something else */
      }
      return r->cost <= LAST_COST_MAX && !rule_is_negation(before);
    case RULE_LIMIT:
      return follows && !rule_word_is(after, "so and or but") && !rule_is_negation(before) &&
             !rule_is_determiner(before);
    case RULE_OPENING: return mark_at(list, next, ",") && rule_sentence_starts(list, i);
    case RULE_START:
      if (!follows || word_same_letters(after, bytes_from_str("that"))) return false;
      return rule_sentence_starts(list, i) || begins_clause(list, i);
    case RULE_FRAME:
      return follows && begins_statement(list, next + 1) &&
             (rule_sentence_starts(list, i) || begins_clause(list, i));
    case RULE_CLAUSE: return set_off_before(list, i);
    case RULE_SET_OFF: return stands_set_off(list, i, next);
    case RULE_END:
      return (next == list.n || mark_at(list, next, ".!?")) && !rule_sentence_starts(list, i);
    case RULE_BEFORE_WORD:
      if (!follows || (is_pronoun(after) && !rule_word_follows(list, next + 2))) return false;
      return !keeps_verb_full(before) || rule_of_class(list, next + 1, 'g');
    case RULE_BEFORE_THING:
      return follows && !rule_is_participle(after) && !is_way(after) && !is_amount(after);
    case RULE_BARE: return follows && !is_bound(before);
    case RULE_BEFORE_PARTICIPLE: return follows && rule_is_participle(after);
    case RULE_BEFORE_NUMBER: return follows && list.at[next + 1].kind == WORD_NUMBER;
    case RULE_COUNTED:
      return follows && list.at[next + 1].kind == WORD_NUMBER && takes_amount(before);
    case RULE_AFTER_NUMBER: return before.len > 0 && is_count(&list.at[i - 2]);
    case RULE_BEFORE_PLURAL:
      return follows && is_plural(after) && !is_measure(before) && !is_amount(after);
    case RULE_AFTER_WORD: return stands_that(list, i);
    case RULE_AFTER_SAYING: return stands_that(list, i) && is_saying(before);
    case RULE_RELATIVE: return stands_relative(list, i, next - 1);
    case RULE_AFTER_BE:
      return rule_is_be(before) || ends_with(before, "n't") || rule_word_is(before, "not");
    case RULE_DEGREE: return follows && is_link(before) && is_quality(after);
  }
  return false;
}

/* ---- contractions ---- */

static nf_bytes joined(arena *a, nf_bytes one, const char *two, nf_bytes three) {
  nf_bytes mid = bytes_from_str(two);
  u8 *at = arena_new(a, one.len + mid.len + three.len + 1, u8);
  if (at == nullptr) return (nf_bytes){};
  bytes_copy(at, one.at, one.len);
  bytes_copy(at + one.len, mid.at, mid.len);
  bytes_copy(at + one.len + mid.len, three.at, three.len);
  return bytes_of(at, one.len + mid.len + three.len);
}

/* "won't" and "can't" lose more than their n't. */
static nf_bytes without_not(nf_bytes w) {
  if (word_same_letters(w, bytes_from_str("won't"))) return bytes_from_str("will");
  if (word_same_letters(w, bytes_from_str("can't"))) return bytes_from_str("can");
  if (word_same_letters(w, bytes_from_str("shan't"))) return bytes_from_str("shall");
  return bytes_slice(w, 0, w.len - 3);
}

static bool asks_before(nf_bytes w) {
  static const char words[] = "why how what where who when which";
  return rule_word_is(w, words);
}

/* The sentence that entry i is in ends with a question mark. */
static bool asks_yes_no(word_list list, isize i) {
  while (i < list.n && !mark_at(list, i, ".!?")) i++;
  return mark_at(list, i, "?");
}

/* "don't you think" -> "do you not think"; "can't" -> "cannot"; else "do not". "Why isn't my bill
 * paid?" is left: where its "not" goes takes a parser. */
static nf_bytes not_expanded(word_list list, isize i, arena *a, isize *n_entries) {
  nf_bytes w = list.at[i].text, verb = without_not(w);
  if (rule_word_follows(list, i + 1) && is_pronoun(list.at[i + 2].text)) {
    bool orders = begins_text(list, i) && rule_word_is(w, "don't"); /* "Don't you dare." */
    if (orders && !asks_yes_no(list, i)) return (nf_bytes){};
    *n_entries = 3;
    nf_bytes asked = joined(a, verb, " ", list.at[i + 2].text);
    return joined(a, asked, " not", (nf_bytes){});
  }
  bool asks = asks_before(rule_word_before(list, i)) || begins_text(list, i);
  if (asks && !word_same_letters(verb, bytes_from_str("do"))) return (nf_bytes){};
  if (word_same_letters(verb, bytes_from_str("can"))) return bytes_from_str("cannot");
  return joined(a, verb, " not", (nf_bytes){});
}

typedef enum : u8 { MEANS_IS, MEANS_HAS, MEANS_UNSURE } s_meaning;

/* What "'s" says before word i. "He's lost" is either, "he's lost his key", "it's called a key" and
 * "what's he done" take a parser. */
static s_meaning s_meaning_at(word_list list, isize i, bool asks) {
  static const char has[] = "been had got gotten become happened decided arrived";
  static const char adverbs[] = "never always already just also only finally ever not now since";
  static const char no_verbs[] = "all both now long done gone born made closed supposed based";
  nf_bytes w = list.at[i].text;
  bool more = rule_word_follows(list, i + 1);
  nf_bytes after = more ? list.at[i + 2].text : (nf_bytes){};
  if (rule_word_is(w, has)) return MEANS_HAS;
  if (rule_word_is(w, "gotta")) return MEANS_UNSURE;
  if (rule_word_is(w, adverbs) || ends_with(w, "ly")) {
    bool verb = rule_is_participle(after) && !rule_word_is(after, adverbs) && !is_quality(after);
    if (rule_word_is(after, "been had")) return MEANS_HAS;
    return verb ? MEANS_UNSURE : MEANS_IS;
  }
  if (asks && is_pronoun(w)) return rule_is_participle(after) ? MEANS_UNSURE : MEANS_IS;
  if (!rule_is_participle(w) || is_quality(w)) return MEANS_IS;
  bool object = rule_is_article(after) || rule_word_is(after, "it him them me us you");
  if (object && !rule_word_is(w, "all both now long called named")) return MEANS_HAS;
  return !object && rule_word_is(w, no_verbs) ? MEANS_IS : MEANS_UNSURE;
}

/* "'s" is "has" before a participle, "is" else; after what is no pronoun it may be a possessive. */
static nf_bytes s_expanded(word_list list, isize i, nf_bytes w, arena *a) {
  static const char heads[] =
      "it he she that there what who how where here everyone nobody everybody this when "
      "why something nothing somebody";
  static const char is_before[] =
      "the a an not going gonna just in so very always never all been too got no at on";
  if (!rule_word_follows(list, i + 1)) return (nf_bytes){};
  nf_bytes head = bytes_slice(w, 0, w.len - 2), after = list.at[i + 2].text;
  if (word_same_letters(head, bytes_from_str("let"))) return bytes_from_str("let us");
  if (!rule_word_is(head, heads)) {
    bool verb = rule_word_is(after, is_before) || (after.len > 4 && ends_with(after, "ing"));
    if (!verb) return (nf_bytes){};
  }
  s_meaning meaning = s_meaning_at(list, i + 2, asks_before(head));
  if (meaning == MEANS_UNSURE) return (nf_bytes){};
  return joined(a, head, meaning == MEANS_HAS ? " has" : " is", (nf_bytes){});
}

static nf_bytes d_expanded(word_list list, isize i, nf_bytes w, arena *a) {
  if (!rule_word_follows(list, i + 1)) return (nf_bytes){};
  nf_bytes head = bytes_slice(w, 0, w.len - 2), after = list.at[i + 2].text;
  if (!is_pronoun(head) && !word_same_letters(head, bytes_from_str("who"))) return (nf_bytes){};
  static const char would[] =
      "let come put read run cut hit become just also only never always not";
  bool had = word_same_letters(after, bytes_from_str("better")) ||
             word_same_letters(after, bytes_from_str("never")) ||
             (rule_is_participle(after) && !rule_word_is(after, would));
  return joined(a, head, had ? " had" : " would", (nf_bytes){});
}

nf_bytes rule_expanded(word_list list, isize i, arena *a, isize *n_entries) {
  nf_bytes w = list.at[i].text;
  *n_entries = 1;
  if (w.len < 3 || !ascii_is_letter(w.at[0])) return (nf_bytes){};
  if (ends_with(w, "n't")) {
    if (word_same_letters(w, bytes_from_str("ain't"))) return (nf_bytes){};
    return not_expanded(list, i, a, n_entries);
  }
  nf_bytes head2 = bytes_slice(w, 0, w.len - 2);
  if (ends_with(w, "'m")) return joined(a, head2, " am", (nf_bytes){});
  if (ends_with(w, "'s")) return s_expanded(list, i, w, a);
  if (ends_with(w, "'d")) return d_expanded(list, i, w, a);
  nf_bytes head3 = bytes_slice(w, 0, w.len - 3);
  if (ends_with(w, "'re")) return joined(a, head3, " are", (nf_bytes){});
  if (ends_with(w, "'ve")) return joined(a, head3, " have", (nf_bytes){});
  if (ends_with(w, "'ll")) return joined(a, head3, " will", (nf_bytes){});
  return (nf_bytes){};
}
