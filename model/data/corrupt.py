"""Mistakes as people make them in captions, and speech recognisers: right line -> wrong line.

Owns the mistakes and how often each is made (RATES). Each is a function (line, rng) -> bool that
changes a Line once, or says that it found no place. What must stay decidable: a change that leaves
a right sentence ("walked" -> "walk" with a plural subject) teaches the model to change right lines,
so tense moves only where the rest of the line tells it. Deterministic for a given rng. Read next:
words.py (the tables), recipe.py (what is done with it).
"""
import words as tables

VOWELS = "aeiou"
KEYS = {"a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj",
        "i": "uo", "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o",
        "q": "w", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc",
        "y": "tu", "z": "x"}
SPELLINGS = [("ie", "ei"), ("ei", "ie"), ("tion", "sion"), ("sion", "tion"), ("able", "ible"),
             ("ible", "able"), ("ance", "ence"), ("ence", "ance"), ("ant", "ent"), ("ent", "ant"),
             ("ph", "f"), ("ough", "uff"), ("igh", "ih"), ("ght", "gth"), ("ea", "ee"),
             ("ee", "ea"),
             ("ou", "u"), ("ck", "k"), ("que", "k"), ("wh", "w"), ("kn", "n"), ("wr", "r"),
             ("mb", "m"), ("sc", "s"), ("ary", "ery"), ("ery", "ary"), ("ally", "aly"),
             ("fully", "fuly"), ("eous", "ous"), ("our", "or"), ("ly", "ley"), ("ce", "se"),
             ("se", "ce"), ("ful", "full"), ("ss", "s"), ("or", "er"), ("er", "or"), ("ai", "ia"),
             ("e", "a"), ("a", "e"), ("i", "e"), ("o", "u"), ("u", "o"), ("y", "i")]


def pick(line, rng, places, change):
    if not places:
        return False
    change(rng.choice(places))
    return True


def from_table(line, rng, table):
    """One word for another of its set; "all ready" and the like are found as two words."""
    places = [(i, other) for i in line.free(lambda i, w: w.low in table)
              for other in table[line.low(i)]]
    for phrase in (p for p in table if " " in p):
        places += [(i, other, 2) for i in line.find(phrase) for other in table[phrase]]
    return pick(line, rng, places,
                lambda p: line.put(p[0], 2, p[1]) if len(p) == 3 else line.replace(*p))


# ---- verbs ----

SINGULAR = {"VBZ": "VBP", "VBP": "VBZ"}
BE = {"is": "are", "are": "is", "am": "is", "was": "were", "were": "was", "'s": "are", "'re": "is"}


def agreement(line, rng):
    """she look, they was, bees doesn't"""
    places = []
    for i in line.free(lambda i, w: w.tag in ("VBZ", "VBP", "VBD")):
        w = line.words[i]
        if w.lemma == "be" and w.low in ("is", "are", "was", "were", "am"):
            places.append((i, BE[w.low]))
        elif w.low in ("has", "have", "does", "do") and w.tag != "VBD":
            places.append((i, {"has": "have", "have": "has", "does": "do", "do": "does"}[w.low]))
        elif w.tag == "VBZ" and w.forms.get("VB", w.low) != w.low and "'" not in w.text:
            places.append((i, w.forms["VB"]))
        elif w.tag == "VBP" and w.forms.get("VBZ", w.low) != w.low and "'" not in w.text:
            places.append((i, w.forms["VBZ"]))
    return pick(line, rng, places, lambda p: line.replace(*p))


def tense(line, rng):
    """In July we lose it; the other verbs or a word of time tell that it is past."""
    pasts = [i for i, w in enumerate(line.words) if w.tag == "VBD"]
    told = len(pasts) > 1 or any(w.low in tables.PAST_MARKS for w in line.words)
    places = []
    for i in pasts:
        w = line.words[i]
        if w.touched or w.lemma == "be" or "VB" not in w.forms:
            continue
        third = line.tag(i - 1) in ("NN", "NNP") or line.low(i - 1) in ("he", "she", "it")
        if third and w.forms["VB"] != w.low:
            places.append((i, w.forms["VB"]))
        if told and w.forms.get("VBZ", w.low) != w.low:
            places.append((i, w.forms["VBZ"] if third or rng.random() < .15 else w.forms["VB"]))
    places = [p for p in places if p[1] != line.low(p[0])]
    return pick(line, rng, places, lambda p: line.replace(*p))


def helper_before(line, i):
    """The auxiliary before verb i, adverbs and "not" passed over, and a subject in a question."""
    for k in range(i - 1, max(i - 5, -1), -1):
        if line.tag(k) in ("RB", "PRP") or line.low(k) in ("n't", "not", "you", "i"):
            continue
        return line.low(k)
    return ""


def verb_form(line, rng):
    """didn't knew, to went, have went, is go, for see"""
    places = []
    for i in line.free(lambda i, w: w.tag in ("VB", "VBN", "VBG") and w.forms):
        w, helper = line.words[i], helper_before(line, i)
        if w.tag == "VB" and helper in tables.MODALS:
            others = ["VBD", "VBZ", "VBG", "VBN"]
        elif w.tag == "VBN" and helper in ("have", "has", "had", "'ve", "is", "was", "are", "were",
                                           "be", "been"):
            others = ["VB", "VBD", "VBG"] if helper not in ("is", "are", "was") else ["VB", "VBD"]
        elif w.tag == "VBG" and (helper in ("is", "are", "was", "were", "'m", "'re", "be")
                                 or line.tag(i - 1) == "IN"):
            others = ["VB", "VBN"]
        else:
            continue
        places += [(i, w.forms[t]) for t in others if w.forms.get(t, w.low) != w.low]
    return pick(line, rng, places, lambda p: line.replace(*p))


def regular_past(word):
    if word.endswith("e"):
        return word + "d"
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return word[:-1] + "ied"
    return word + "ed"


def overregular(line, rng):
    """losed, costed, catched; childs, more better"""
    places = []
    for i in line.free(lambda i, w: True):
        w = line.words[i]
        past = regular_past(w.forms["VB"]) if "VB" in w.forms else ""
        if w.tag in ("VBD", "VBN") and w.lemma not in ("be", "have", "do") and past:
            irregular = w.forms.get("VBD", "")
            if not irregular.endswith("ed") and past != w.low:
                places.append((i, past))
                if w.tag == "VBN" and irregular != w.low:
                    places.append((i, irregular))
                if w.tag == "VBD" and w.forms.get("VBN", w.low) != w.low:
                    places.append((i, w.forms["VBN"]))
        if w.low in tables.IRREGULAR_PLURALS:
            places += [(i, wrong) for wrong in tables.IRREGULAR_PLURALS[w.low]]
        if w.tag in ("JJR", "RBR") and w.low.endswith("er"):
            places += [(i, "more " + w.low), (i, "more " + w.lemma)]
        if w.tag == "JJS" and w.low.endswith("est"):
            places += [(i, "most " + w.low)]
    return pick(line, rng, places, lambda p: line.replace(*p))


def no_be(line, rng):
    """He going home."""
    places = line.free(lambda i, w: w.lemma == "be" and w.tag in ("VBZ", "VBP", "VBD") and i > 0
                       and line.tag(i - 1) in ("PRP", "NN", "NNS", "NNP")
                       and line.tag(i + 1) in ("VBG", "JJ", "DT", "RB"))
    return pick(line, rng, places, line.drop)


def infinitive(line, rng):
    """want go; can to go"""
    places = [(i, "drop") for i in line.free(
        lambda i, w: w.low == "to" and line.tag(i + 1) == "VB" and i > 0)]
    places += [(i + 1, "to") for i in line.free(
        lambda i, w: w.tag == "MD" and line.tag(i + 1) == "VB" and w.gap)]
    return pick(line, rng, places,
                lambda p: line.drop(p[0]) if p[1] == "drop" else line.insert(*p))


# ---- nouns and what goes with them ----

def number(line, rng):
    """eleven day, a cars, thousand of"""
    places = []
    for i in line.free(lambda i, w: w.tag in ("NN", "NNS")):
        w = line.words[i]
        near = {line.low(i - 1), line.low(i - 2)}
        plural = near & tables.NUMERALS or line.tag(i - 1) == "CD" or line.low(i + 1) in (
            "are", "were", "have")
        single = near & {"a", "an", "one", "this", "that", "every", "each", "another"} or line.low(
            i + 1) in ("is", "was", "has")
        if w.tag == "NNS" and (plural or rng.random() < .25) and w.forms.get("NN", w.low) != w.low:
            places.append((i, w.forms["NN"]))
        if w.tag == "NN" and single and w.forms.get("NNS", w.low) != w.low:
            places.append((i, w.forms["NNS"]))
    return pick(line, rng, places, lambda p: line.replace(*p))


def single_noun_behind(line, i):
    """Without "the", "cookies" is as right as before; "store" is not."""
    for k in range(i + 1, min(i + 4, len(line))):
        if line.tag(k) in ("NN", "NNS", "NNP", "NNPS"):
            return line.tag(k) == "NN" and line.tag(k + 1) not in ("NN", "NNS")
    return False


def article(line, rng):
    """went to store; a apple; the London"""
    places = [(i, "drop") for i in line.free(
        lambda i, w: w.low in ("a", "an") or w.low == "the" and single_noun_behind(line, i))]
    places += [(i, "an" if line.low(i) == "a" else "a")
               for i in line.free(lambda i, w: w.low in ("a", "an"))]
    places += [(i, "the") for i in line.free(
        lambda i, w: w.tag == "NNP" and line.tag(i - 1) == "IN" and rng.random() < .2)]

    def change(p):
        i, what = p
        if what == "drop":
            line.drop(i)
        elif what == "the":
            line.insert(i, "the")
        else:
            line.replace(i, what)
    return pick(line, rng, places, change)


def determiner(line, rng):
    return from_table(line, rng, tables.DETERMINERS)


def pronoun(line, rng):
    return from_table(line, rng, tables.PRONOUNS)


def preposition(line, rng):
    """in Monday; listen the radio"""
    places = [(i, other) for i in line.free(
        lambda i, w: w.tag in ("IN", "TO") and w.low in tables.PREPOSITIONS
        and line.tag(i + 1) != "VB")
        for other in rng.sample(tables.PREPOSITIONS, 3) if other != line.low(i)]
    places += [(i, "") for i in line.free(
        lambda i, w: w.tag == "IN" and w.low in tables.PREPOSITIONS and i > 0)]
    return pick(line, rng, places, lambda p: line.replace(*p) if p[1] else line.drop(p[0]))


def phrase(line, rng):
    places = [(i, len(right.split(" ")), wrong) for right, wrong in tables.PHRASES
              for i in line.find(right)]
    return pick(line, rng, places, lambda p: line.put(*p))


def adverb(line, rng):
    """move slow"""
    places = [(i, line.low(i)[:-2]) for i in line.free(
        lambda i, w: w.tag == "RB" and w.low.endswith("ly") and len(w.low) > 5
        and w.low not in ("only", "early", "really", "hardly", "family"))]
    return pick(line, rng, places, lambda p: line.replace(*p))


def morph(line, rng):
    return from_table(line, rng, tables.MORPHS)


# ---- sound, spelling, spaces ----

def core(line, rng):
    """its/it's, your/you're, there/their, then/than, to/too ..."""
    for right, wrong in (("it's", "its"), ("you're", "your"), ("who's", "whose"), ("we're", "were"),
                         ("they're", rng.choice(["their", "there"]))):
        for i in range(len(line) - 1):
            w, after = line.words[i], line.words[i + 1]
            if w.low + after.low == right and not w.gap and not w.touched and not after.touched:
                if rng.random() < .6:
                    line.put(i, 2, wrong)
                    return True
    return from_table(line, rng, tables.CORE)


def homophone(line, rng):
    """Mostly of words with a meaning: small ones stand in every line."""
    small = rng.random() < .25
    table = {w: others for w, others in tables.HOMOPHONES.items() if small or w not in tables.SMALL}
    return from_table(line, rng, table)


def known_slip(line, rng):
    """should of, thru, definately"""
    places = []
    for i in range(len(line)):
        if line.words[i].touched:
            continue
        places += [(i, 1, wrong) for wrong in tables.SOUNDS.get(line.words[i].text, [])]
        places += [(i, 1, wrong) for wrong in tables.SOUNDS.get(line.low(i), [])]
    for right in (r for r in tables.SOUNDS if " " in r):
        places += [(i, 2, wrong) for i in line.find(right) for wrong in tables.SOUNDS[right]]
    for i in range(1, len(line)):
        if line.low(i) == "'ve" and line.tag(i - 1) == "MD" and not line.words[i].touched:
            line.words[i - 1].gap = " "
            line.write(i, "of")
            return True
    return pick(line, rng, places, lambda p: line.put(*p))


def learnt(line, rng):
    """What real writers were corrected for, in other lines than theirs (Corrupter's slips)."""
    places = [(i, len(right.split(" ")), wrong)
              for first in dict.fromkeys(w.low for w in line.words if w.low in line.slips)
              for right, wrong in line.slips[first] for i in line.find(right)]
    return pick(line, rng, places, lambda p: line.put(*p))


def contrast(line, rng):
    """quiet/quite, hole/whole, they're/there: words that only the rest of the line tells apart"""
    places = [(i, n, other) for i, n, word in contrasted(line) for other in tables.CONTRAST[word]]
    return pick(line, rng, places, lambda p: line.put(*p))


def contrasted(line):
    """(place, how many words it is, which of CONTRAST), untouched."""
    for i, w in enumerate(line.words):
        if w.touched:
            continue
        if w.low in tables.CONTRAST:
            yield i, 1, w.low
        if not w.gap and i + 1 < len(line) and not line.words[i + 1].touched:
            if w.low + line.low(i + 1) in tables.CONTRAST:
                yield i, 2, w.low + line.low(i + 1)


def misspell(word, rng):
    """One slip in a word of letters; word itself if none suits."""
    low = word.lower()
    kind = rng.random()
    if kind < .45:
        found = [(a, b, k) for a, b in SPELLINGS for k in range(1, len(low) - len(a) + 1)
                 if low.startswith(a, k)]
        if found:
            a, b, k = rng.choice(found[:12] if rng.random() < .5 else found)
            return word[:k] + b + word[k + len(a):]
    k = rng.randrange(1, len(word))
    doubled = [i for i in range(1, len(word)) if word[i] == word[i - 1]]
    if kind < .6 and doubled:
        k = rng.choice(doubled)
        return word[:k] + word[k + 1:]
    if kind < .68:
        return word[:k] + word[k] + word[k:]
    if kind < .8 and k + 1 < len(word):
        return word[:k] + word[k + 1] + word[k] + word[k + 2:]
    if kind < .92:
        return word[:k] + word[k + 1:]
    other = KEYS.get(low[k])
    return word[:k] + rng.choice(other) + word[k + 1:] if other else word


def spelling(line, rng):
    """begining, tounge; never of a name"""
    places = line.free(lambda i, w: len(w.text) > 3 and w.text.isalpha() and w.text.isascii()
                       and w.tag not in ("NNP", "NNPS", "FW") and not w.text.isupper())
    rng.shuffle(places)
    for i in places[:4]:
        wrong = misspell(line.words[i].text, rng)
        if wrong.lower() not in line.vocabulary:
            line.write(i, wrong)
            return True
    return False


def apostrophe(line, rng):
    """dont, Johns car, bee's"""
    places = []
    for i in line.free(lambda i, w: True):
        w = line.words[i]
        joined = i > 0 and not line.words[i - 1].gap
        if joined and "'" in w.text and w.low in ("n't", "'m", "'ve", "'ll", "'re", "'d", "'s"):
            places.append((i, w.text.replace("'", "")))
        if w.tag == "NNS" and w.low.endswith("s") and w.text.isalpha():
            places += [(i, w.text[:-1] + "'s"), (i, w.text + "'")][:1 + (rng.random() < .2)]
        if w.tag == "VBZ" and w.low.endswith("s") and len(w.low) > 3 and rng.random() < .2:
            places.append((i, w.text[:-1] + "'s"))
    return pick(line, rng, places, lambda p: line.write(*p))


def split_merge(line, rng):
    """some thing, atleast, every day -> everyday"""
    places = [(i, 2, line.words[i].text + line.words[i + 1].text) for i in line.free(
        lambda i, w: w.gap and w.text.isalpha() and line.words[i + 1].text.isalpha()
        and len(w.text) + len(line.words[i + 1].text) < 8) if rng.random() < .3]
    for i in line.free(lambda i, w: len(w.text) > 5 and w.text.isalpha() and w.text.islower()):
        w = line.low(i)
        cuts = [k for k in range(2, len(w) - 1)
                if w[:k] in line.common and w[k:] in line.common]
        places += [(i, 1, w[:k] + " " + w[k:]) for k in cuts] * 3
    return pick(line, rng, places, lambda p: line.put(*p))


def doubled(line, rng):
    """a a, the the"""
    places = line.free(lambda i, w: w.text.isalpha() and w.gap and w.low not in
                       ("very", "that", "had", "no", "so", "really", "bye", "far", "long"))
    weights = [4 if line.low(i) in tables.SMALL or line.low(i) in ("a", "the", "i", "we") else 1
               for i in places]
    if not places:
        return False
    i = rng.choices(places, weights)[0]
    line.insert(i + 1, line.words[i].text if line.words[i].text == "I" else line.low(i))
    return True


def dropped(line, rng):
    """A small word that must be there: "that" or "will" may often go and leave a right line."""
    def needed(i, w):
        if w.low in ("have", "has", "had"):
            return line.tag(i + 1) == "VBN"
        if w.low in ("will", "would"):
            return line.low(i + 1) == "be"
        return w.low in tables.SMALL
    places = line.free(lambda i, w: i > 0 and w.gap and line.words[i - 1].gap and needed(i, w))
    return pick(line, rng, places, line.drop)


def swapped(line, rng):
    places = line.free(lambda i, w: 0 < i < len(line) - 1 and w.gap and w.text.isalpha()
                       and line.words[i + 1].text.isalpha() and not line.words[i + 1].touched
                       and {w.tag, line.tag(i + 1)} & {"RB", "JJ", "IN", "DT", "MD"}
                       and w.tag != line.tag(i + 1))

    def change(i):
        a, b = line.words[i], line.words[i + 1]
        a.text, b.text = b.text, a.text
        a.touched = b.touched = True
    return pick(line, rng, places, change)


def disfluency(line, rng):
    """um; I- I; a word begun twice"""
    places = line.free(lambda i, w: w.text.isalpha() and (i == 0 or line.words[i - 1].gap))

    def change(i):
        if rng.random() < .6:
            line.insert(i, rng.choice(tables.FILLERS) + ("," if rng.random() < .6 else ""))
        else:
            w = line.words[i].text
            line.insert(i, (w[:max(1, len(w) // 3)] if len(w) > 4 else w) + "-")
    return pick(line, rng, places, change)


# ---- punctuation and capitals ----

def no_comma(line, rng):
    """Only before "but he" and the like: most other commas are a matter of taste."""
    places = line.free(lambda i, w: w.text == "," and line.tag(i + 1) == "CC"
                       and line.tag(i + 2) in ("PRP", "NNP"))
    return pick(line, rng, places, line.drop)


def wrong_mark(line, rng):
    """A question that ends in a full stop, a space before the mark, two marks"""
    last = len(line) - 1
    if last < 1 or line.words[last].touched or line.words[last].text not in (".", "?", "!", ","):
        return False
    draw = rng.random()
    if line.words[last].text == "?" and draw < .7:
        line.write(last, ".")
    elif draw < .8:
        line.words[last - 1].gap = " "
        line.words[last].touched = True
    else:
        line.write(last, line.words[last].text * 2 if rng.random() < .5 else ",.")
    return True


def tight_mark(line, rng):
    """No blank behind a comma or full stop."""
    places = line.free(lambda i, w: w.text in (",", ".", "?", "!", ";") and w.gap)

    def change(i):
        line.words[i].gap = ""
        line.words[i].touched = True
    return pick(line, rng, places, change)


def run_on(line, rng):
    """Two sentences without a mark between."""
    places = line.free(lambda i, w: w.text in (".", "!", "?", ";") and 0 < i < len(line) - 1)

    def change(i):
        after = line.words[i + 1]
        if after.tag not in ("NNP", "NNPS") and after.text != "I":
            after.text = after.text[:1].lower() + after.text[1:]
        if rng.random() < .4:
            line.write(i, ",")
        else:
            line.drop(i)
    return pick(line, rng, places, change)


def small_name(line, rng):
    """london, i, monday"""
    places = line.free(lambda i, w: w.text[:1].isupper() and (
        w.text == "I" or (i > 0 and w.tag in ("NNP", "NNPS") and w.text[1:].islower())))
    return pick(line, rng, places, lambda i: line.write(i, line.low(i)))


def capital(line, rng):
    places = line.free(lambda i, w: i > 0 and w.text.islower() and w.text.isalpha() and (
        w.tag in ("NN", "NNS", "JJ") or rng.random() < .2))
    return pick(line, rng, places,
                lambda i: line.write(i, line.words[i].text[:1].upper() + line.words[i].text[1:]))


def small_start(line, rng):
    """A whole sentence begun small; not one that may be the tail of another."""
    first = line.words[0]
    if first.touched or not first.text[:1].isupper() or len(line) < 4:
        return False
    if line.words[-1].text not in (".", "?", "!") or first.low in ("and", "but", "or", "to", "of"):
        return False
    line.write(0, first.text[:1].lower() + first.text[1:])
    return True


def as_recognised(line, rng):
    """All small, no marks: what a speech recogniser gives for a whole sentence."""
    if len(line) < 5 or line.words[-1].text not in (".", "?", "!"):
        return False
    for i in range(len(line) - 1, -1, -1):
        w = line.words[i]
        if w.text in (",", ".", "?", "!", ";", ":", '"') and (i == len(line) - 1 or w.gap):
            gap = w.gap
            line.words.pop(i)
            if i > 0:
                line.words[i - 1].gap = line.words[i - 1].gap or gap
        else:
            w.text = w.low
    for w in line.words:
        w.touched = False
    return True


# How often each is made, in thousandths, where it finds a place. Chosen from what captions and
# learners' texts are corrected for most; what came out is counted in the recipe's report.
RATES = {
    agreement: 120, verb_form: 70, tense: 60, overregular: 35, no_be: 15, infinitive: 12,
    number: 60, article: 75, determiner: 15, pronoun: 12, preposition: 50, phrase: 45, adverb: 20,
    morph: 25, core: 85, homophone: 60, known_slip: 45, spelling: 85, apostrophe: 60,
    split_merge: 25, doubled: 22, dropped: 22, swapped: 7, disfluency: 12, no_comma: 10,
    wrong_mark: 13, tight_mark: 6, run_on: 25, small_name: 25, capital: 10, small_start: 10,
}
# What is trained on has more of what people really mix up. The sets in ../eval keep RATES.
TRAINED = RATES | {learnt: 90, contrast: 30}
# In a cue of a few words most of the others leave it as right as it was.
SHORT = {contrast: 50, spelling: 12, known_slip: 12, doubled: 10, apostrophe: 10, agreement: 8}
RECOGNISED = .05  # of wrong lines are as a recogniser gives them, other mistakes on top
HOW_MANY = {1: 50, 2: 28, 3: 14, 4: 8}  # mistakes in a wrong line; at most one in three words


class Corrupter:
    """vocabulary: words that are right, so no misspelling may be one of them; common: those that a
    longer word may be split into; rates: how often each mistake is tried; slips: (right, wrong) of
    real writers, for `learnt`."""

    def __init__(self, vocabulary, common, rates=None, slips=()):
        self.vocabulary, self.common, self.rates = vocabulary, common, rates or RATES
        self.slips = {}
        for right, wrong in slips:
            self.slips.setdefault(right.split(" ")[0], []).append((right, wrong))

    def corrupt(self, right, rng, rates=None):
        """right: a Line, kept; rates: in place of the usual ones. -> (wrong Line, names of the
        mistakes); none: no place was found."""
        line = right.copy()
        line.vocabulary, line.common, line.slips = self.vocabulary, self.common, self.slips
        made = []
        if rng.random() < RECOGNISED and as_recognised(line, rng):
            made.append("as_recognised")
        wanted = rng.choices(list(HOW_MANY), list(HOW_MANY.values()))[0]
        wanted = min(wanted, max(1, len(right) // 3))
        if made:
            wanted = rng.choice([0, 0, 1])
        mistakes, rates = zip(*(rates or self.rates).items())
        for _ in range(8 * wanted):
            if len(made) >= wanted:
                break
            mistake = rng.choices(mistakes, rates)[0]
            if mistake(line, rng):
                made.append(mistake.__name__)
        return line, made if line.text != right.text else []
