"""A sentence as words that can be changed one at a time. Owns nothing else; corrupt.py has the
mistakes, recipe.py what is made of them."""


class Word:
    """text, the blank behind it, Penn tag, lemma, inflections {tag: word}; touched: a mistake is
    here already."""

    __slots__ = ("text", "gap", "tag", "lemma", "forms", "touched")

    def __init__(self, text, gap="", tag="", lemma="", forms=None):
        self.text, self.gap, self.tag, self.lemma = text, gap, tag, lemma
        self.forms = forms or {}
        self.touched = False

    @property
    def low(self):
        return self.text.lower()


def as_cased(text, like):
    """text with the capitals of `like`: first letter, or all of two and more."""
    if len(like) > 1 and like.isupper() and like != "I":
        return text.upper()
    if like[:1].isupper():
        return text[:1].upper() + text[1:]
    if like[:1].islower() and not (text == "I" or text.startswith("I'")):
        return text[:1].lower() + text[1:]
    return text


class Line:
    """rows: as tag.py writes them."""

    def __init__(self, rows):
        self.words = [Word(*row) for row in rows]

    def copy(self):
        line = Line([])
        line.words = [Word(w.text, w.gap, w.tag, w.lemma, w.forms) for w in self.words]
        return line

    @property
    def text(self):
        return "".join(w.text + w.gap for w in self.words).strip()

    def __len__(self):
        return len(self.words)

    def low(self, i):
        return self.words[i].low if 0 <= i < len(self.words) else ""

    def tag(self, i):
        return self.words[i].tag if 0 <= i < len(self.words) else ""

    def free(self, wanted):
        """Positions of words not touched yet for which wanted(i, word) holds."""
        return [i for i, w in enumerate(self.words) if not w.touched and wanted(i, w)]

    def replace(self, i, text):
        w = self.words[i]
        w.text, w.touched = as_cased(text, w.text), True

    def write(self, i, text):
        """As it is, whatever the capitals were."""
        self.words[i].text, self.words[i].touched = text, True

    def drop(self, i):
        """The word goes; a capital at the beginning moves to what follows."""
        w = self.words.pop(i)
        if i < len(self.words):
            after = self.words[i]
            after.touched = True
            if i == 0 and w.text[:1].isupper():
                after.text = after.text[:1].upper() + after.text[1:]
        if i > 0:
            self.words[i - 1].gap = w.gap
            self.words[i - 1].touched = True

    def insert(self, i, text):
        """Before word i, which it takes a capital from if that begins the line."""
        w = Word(text, " ", "NEW")
        w.touched = True
        if i == 0 and self.words and self.words[0].text[:1].isupper():
            first = self.words[0]
            w.text = text[:1].upper() + text[1:]
            if first.tag not in ("NNP", "NNPS") and first.text != "I":
                first.text = first.text[:1].lower() + first.text[1:]
            first.touched = True
        self.words.insert(i, w)

    def find(self, phrase):
        """Positions where the words of `phrase` stand one behind the other, untouched."""
        parts = phrase.split(" ")
        n = len(parts)
        return [i for i in range(len(self.words) - n + 1)
                if all(self.low(i + k) == parts[k].lower() and not self.words[i + k].touched
                       and (k == n - 1 or self.words[i + k].gap) for k in range(n))]

    def put(self, i, n, text):
        """text stands for words [i, i + n)."""
        last = self.words[i + n - 1].gap
        self.replace(i, text)
        self.words[i].gap = last
        del self.words[i + 1:i + n]
