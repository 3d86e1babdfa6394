#!/usr/bin/env python3
"""Documentation -> lines as people write them beside prose: sentences full of jargon, headings,
entries of lists without a full stop. Right as they stand: hard negatives.

Owns the reading of Debian's rust-doc (MIT or Apache-2.0) and nodejs-doc (MIT), unpacked with
`dpkg-deb -x`: their HTML. What is code alone, another language's or too long is
left out. One line each: `kind`, tab, text; kind: sentence, heading or entry.

usage: docs.py FOLDER... > docs.tsv        (FOLDER: an unpacked package; about a minute)
"""
import html.parser
import pathlib
import re
import sys

CHARACTERS = range(4, 141)  # of a line: what a caption may have
BLOCKS = {"p": "prose", "li": "entry", "h1": "heading", "h2": "heading", "h3": "heading",
          "h4": "heading", "dt": "heading", "td": "entry", "th": "heading"}
SKIPPED = {"pre", "script", "style", "nav", "head", "table", "summary", "sup", "button"}
BOOKS = {"book", "rust-by-example", "reference", "nomicon", "rustc", "rustdoc", "edition-guide",
         "embedded-book", "unstable-book", "std", "core", "alloc", "api"}
CODE = re.compile(r"[{}<>=|\\\t]|::|//|\[[a-z0-9-]*\]")
LATIN = 0x24f  # the last of Latin Extended-B
END = re.compile(r"(?<=[a-z)`\"][.?!]) (?=[A-Z`\"])")


class Blocks(html.parser.HTMLParser):
    """(kind, text) of each paragraph, heading and entry."""

    def __init__(self):
        super().__init__()
        self.found, self.kind, self.text, self.skipped = [], None, [], 0

    def handle_starttag(self, tag, attrs):
        if tag in SKIPPED:
            self.skipped += 1
        elif tag in BLOCKS and not self.skipped:
            self.close_block()
            self.kind = BLOCKS[tag]

    def handle_endtag(self, tag):
        if tag in SKIPPED:
            self.skipped = max(self.skipped - 1, 0)
        elif tag in BLOCKS:
            self.close_block()

    def handle_data(self, data):
        if self.kind and not self.skipped:
            self.text.append(data)

    def close_block(self):
        text = " ".join("".join(self.text).split()).strip("# §\N{HEAVY CHECK MARK}")
        if self.kind and text:
            self.found.append((self.kind, text))
        self.kind, self.text = None, []


def fit(text):
    """Of a caption's length, mostly words, in Latin letters."""
    if len(text) not in CHARACTERS or any(ord(c) > LATIN and c not in "’“”–—…" for c in text):
        return False
    words = text.split()
    plain = [w for w in words if re.fullmatch(r"[(\"“]?[A-Za-z][a-z’'-]*[,.;:?!)\"”]*", w)]
    return len(plain) >= .7 * len(words) and any(len(w) > 2 for w in plain) \
        and not text.startswith("impl ") and not CODE.search(text)


def lines_of(kind, text):
    """A paragraph's sentences; an entry is one if it ends with a mark."""
    if kind == "prose" or kind == "entry" and text[-1] in ".?!":
        for sentence in END.split(text):
            if sentence[0].isupper() and sentence[-1] in ".?!":
                yield "sentence", sentence
    else:
        yield kind, text


def read_folder(folder):
    for path in sorted(folder.rglob("*.html")):
        if BOOKS & set(path.parts) and not {"src", "arch", "arch_simd"} & set(path.parts):
            blocks = Blocks()
            blocks.feed(path.read_text(encoding="utf-8", errors="replace"))
            for kind, text in blocks.found:
                yield from lines_of(kind, text)


def main(folders):
    seen = set()
    for folder in folders:
        for kind, text in read_folder(pathlib.Path(folder)):
            if text not in seen and fit(text):
                seen.add(text)
                print(kind, text, sep="\t")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
