"""Right lines made into other right lines: parts of sentences as cues have them, two in one cue,
rare words and names in the place of common ones, words as they are spoken. Owns that; the result
must be as right as what it was made from, since the model is taught to leave it alone."""
from line import Line, Word
from words import SPELT

BEGINS = {"IN", "CC", "WDT", "WRB", "WP", "TO", "RB", "VBG"}  # what a cue may begin with, inside
CHUNKS = {  # Penn tags of what stands alone in a cue
    "JJ", "NN", "NNS", "NNP", "RB JJ", "CD NNS", "CD NN", "JJ NNS", "DT NN", "PRP$ NN", "DT NNS",
    "PRP$ NNS", "DT JJ NN", "PRP$ JJ NN", "IN DT NN", "IN PRP$ NN", "TO DT NN", "IN DT JJ NN",
    "IN CD NNS", "DT JJ NNS", "NN CC NN", "NNS CC NNS", "RB RB", "PRP VBP", "PRP VBD", "PRP VBZ",
    "PRP VBZ JJ", "PRP VBP JJ", "PRP VBD JJ", "PRP VBD RB JJ", "PRP VBZ RB JJ", "WRB VBD PRP"}
ONSETS = "B Br C Ch D Dr F G Gr H J K Kr L M N O P R S Sh St T Tr V W Y Z A E I U".split()
MIDDLES = "a e i o u aa ai ei ou ia ka ra no li ma ni te vo ber gar lin mar ran dor".split()
ENDINGS = "n r s l k ko ma na ro son ton wski ez ova ak im el ari en by ley field ford ward".split()
SPOKEN = {"because": "'cause", "them": "'em", "isn't": "ain't", "yes": "yeah", "until": "'til",
          "about": "'bout"}


def joined(first, second):
    line = first.copy()
    line.words[-1].gap = " "
    line.words += second.copy().words
    return line


def head(line, rng):
    """The first words, up to where a cue may break; no mark behind them but a comma."""
    n = len(line)
    cuts = [i for i in range(2, n - 1) if line.words[i - 1].gap and (
        line.tag(i) in BEGINS or line.words[i - 1].text == "," or rng.random() < .1)]
    if not cuts or '"' in line.text:
        return None
    part = line.copy()
    part.words = part.words[:rng.choice(cuts)]
    part.words[-1].gap = ""
    return part if part.words[-1].text not in ("-", ":", ";") else None


def tail(line, rng):
    """The last words, from where a cue may break, small as they stand."""
    cuts = [i for i in range(2, len(line) - 2) if line.words[i - 1].gap
            and line.words[i].text[:1].isalpha()
            and (line.tag(i) in BEGINS or line.words[i - 1].text == "," or rng.random() < .1)]
    if not cuts or '"' in line.text:
        return None
    part = line.copy()
    part.words = part.words[rng.choice(cuts):]
    return part


def short(line, rng):
    """A cue of one to four words out of a line: "Too quiet.", "Eleven days", "the old house,".
    None: the line has none."""
    chunks = []
    for i in range(len(line)):
        for n in (1, 2, 3, 4):
            tags = " ".join(line.tag(k) for k in range(i, i + n))
            inside = all(line.words[k].gap for k in range(i, min(i + n, len(line)) - 1))
            if tags in CHUNKS and inside:
                chunks.append((i, n))
    if not chunks:
        return None
    i, n = rng.choice(chunks)
    part = line.copy()
    part.words = part.words[i:i + n]
    if part.tag(0) == "JJ" and "JJR" in part.words[0].forms and rng.random() < .7:
        part.words.insert(0, Word(rng.choice(["too", "so", "very", "quite", "not"]), " ", "RB"))
    first, last = part.words[0], part.words[-1]
    last.gap = ""
    if rng.random() < .8:
        first.text = first.text[:1].upper() + first.text[1:]
    mark = rng.choices([".", "", ",", "?", "!", "..."], [50, 25, 8, 6, 6, 5])[0]
    if mark:
        part.words.append(Word(mark, "", "." if mark != "," else ","))
    return part


def respelt(line, rng):
    """Of British words American ones, or the other way round: both are right. None: none there."""
    places = [(i, other) for i, w in enumerate(line.words) for other in SPELT.get(w.low, ())]
    if not places:
        return None
    line = line.copy()
    line.replace(*rng.choice(places))
    return line


def of_course(line, rng):
    """It could of course be this: "of" behind a modal that is right. None: no modal."""
    places = [i + 1 for i, w in enumerate(line.words)
              if w.tag == "MD" and w.gap and line.tag(i + 1) == "VB"]
    if not places:
        return None
    line = line.copy()
    i = rng.choice(places)
    line.insert(i, "course")
    line.insert(i, "of")
    return line


def name(rng):
    """A name nobody has heard."""
    return (rng.choice(ONSETS) + rng.choice(MIDDLES)
            + (rng.choice("bcdfgklmnprstvz") + rng.choice(MIDDLES) if rng.random() < .5 else "")
            + rng.choice(ENDINGS))


def digits(rng):
    draw = rng.random()
    if draw < .3:
        return str(rng.randrange(1900, 2030))
    if draw < .6:
        return str(rng.randrange(2, 100))
    return f"{rng.randrange(1, 999)},{rng.randrange(1000):03d}" if draw < .8 else str(
        rng.randrange(100, 99999))


OPEN_TAGS = ("NN", "NNS", "JJ", "JJR", "JJS", "RB")  # words that another one may stand for


class Rare:
    """lines: the training's. Words that are seldom there, by their tag and how they begin."""

    def __init__(self, lines, counts):
        self.words, self.names = {}, []
        for line in lines:
            for w in line.words:
                if w.tag == "NNP" and w.text[1:].islower() and len(w.text) > 2:
                    self.names.append(w.text)
                rare = counts[w.low] <= 2 and w.text.isalpha() and w.text.islower()
                inflected = w.low.endswith("ly") if w.tag == "RB" else w.forms
                if rare and w.tag in OPEN_TAGS and len(w.text) > 3 and inflected:
                    self.words.setdefault((w.tag, w.low[0] in "aeiou"), []).append(w)

    def exchangeable(self, line, i):
        """A noun behind what goes before nouns, an adjective before one, a compared one, -ly."""
        tag, low = line.tag(i), line.low(i)
        if (tag, low[0] in "aeiou") not in self.words:
            return False
        if tag in ("NN", "NNS"):
            return line.tag(i - 1) in ("DT", "JJ", "PRP$", "POS")
        if tag == "JJ":
            return line.tag(i + 1) in ("NN", "NNS") and line.words[i].gap
        return tag in ("JJR", "JJS") and low.endswith(("er", "est")) or (
            tag == "RB" and low.endswith("ly") and len(low) > 5)

    def put(self, line, rng):
        """One to three words of a copy become rare ones of their kind. None: there was no place."""
        line = line.copy()
        places = []
        for i, w in enumerate(line.words):
            if w.tag == "NNP" and w.text[1:].islower() and w.text[:1].isupper():
                places.append(i)
            elif w.tag == "CD" and w.text.isalpha() and i > 0 and w.low != "one":
                places.append(i)
            elif w.text.islower() and w.text.isalpha() and self.exchangeable(line, i):
                places.append(i)
        rng.shuffle(places)
        for i in places[:rng.choice([1, 1, 2, 3])]:
            w = line.words[i]
            if w.tag == "NNP":
                w.text = name(rng) if rng.random() < .5 else rng.choice(self.names)
            elif w.tag == "CD":
                w.text = digits(rng)
            else:
                other = rng.choice(self.words[w.tag, w.low[0] in "aeiou"])
                line.words[i] = Word(other.text, w.gap, other.tag, other.lemma, other.forms)
        return line if places else None


def as_spoken(line, rng):
    """gonna, wanna, ain't, 'cause, goin': right in a caption. None: no such word."""
    line = line.copy()
    changed = False
    for i in range(len(line) - 2, 0, -1):
        two = line.low(i), line.low(i + 1)
        if two in (("going", "to"), ("want", "to"), ("got", "to")) and line.tag(i + 2) == "VB":
            line.put(i, 2, {"going": "gonna", "want": "wanna", "got": "gotta"}[two[0]])
            changed = True
        elif two[0] in SPOKEN and line.words[i].gap:
            line.replace(i, SPOKEN[two[0]])
            changed = True
        elif line.tag(i) == "VBG" and two[0].endswith("ing") and len(two[0]) > 5 \
                and rng.random() < .3:
            line.replace(i, two[0][:-1] + "'")
            changed = True
    return line if changed else None


def fact(pattern, rng):
    """pattern: a line of facts.txt, {slots} filled."""
    months = ("January February March April May June July August September October November "
              "December").split()
    slots = {"hour": lambda: rng.randrange(1, 13), "minute": lambda: f"{rng.randrange(60):02d}",
             "small": lambda: rng.randrange(2, 100), "cents": lambda: f"{rng.randrange(100):02d}",
             "percent": lambda: rng.randrange(1, 100), "year": lambda: rng.randrange(1850, 2030),
             "thousands": lambda: digits(rng), "decade": lambda: rng.randrange(185, 202) * 10,
             "month": lambda: rng.choice(months), "day": lambda: rng.randrange(1, 29),
             "name": lambda: name(rng)}
    for slot, value in slots.items():
        while "{" + slot + "}" in pattern:
            pattern = pattern.replace("{" + slot + "}", str(value()), 1)
    return pattern


def line_of(text):
    """A Line without tags: it can be joined, not corrupted."""
    line = Line([])
    line.words = [Word(text)]
    return line
