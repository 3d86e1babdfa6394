#!/usr/bin/env python3
"""The data of the task fix: sources -> train.tsv, and with --eval the sets to measure on.

Owns the mix: which share is right as it stands, what kinds of it, and where mistakes go in. A line
is `kind, as it stands, right`, tab-separated. Deterministic by seed. What may train is split.py's,
the mistakes corrupt.py's. Sources and licences: ../DATA.md.

usage: recipe.py --data FOLDER --tagged FOLDER --out FOLDER [--lines N] [--seed N] [--eval FOLDER]
  --data    common_voice_en.txt, common_voice_en.dev.txt, harper_pairs.tsv, harper_correct.txt,
            and docs.tsv (docs.py)
  --tagged  FILE.jsonl that tag.py made of common_voice_en.txt, common_voice_en.dev.txt, spoken.txt,
            harper_right.txt (the second column of harper_pairs.tsv) and docs.txt (the sentences of
            docs.tsv)
"""
import argparse
import collections
import difflib
import json
import pathlib
import random

import split
import vary
import words as tables
from corrupt import SHORT, TRAINED, Corrupter, contrast, contrasted
from line import Line

HERE = pathlib.Path(__file__).resolve().parent
REPEAT_LINES = 150_000  # of training, in which the same pair stands once
PAIR_REPEATS = 2        # of Harper's 2,098, right or wrong, it does twice
EVAL_SEED = 5   # of what is measured on, whatever the training's seed is
OPEN = .06      # of whole sentences stand without their full stop, right and wrong
MIX = {  # weights of the draws, of which many of spoken and respelt give nothing; train.tsv's kinds
    "whole": 150, "head": 45, "tail": 32, "two": 42, "rare": 85, "spoken": 45, "cue": 6, "fact": 25,
    "written": 20, "doc": 40, "entry": 9, "short": 12, "respelt": 120, "of course": 8,
    "contrast": 45,
    "wrong": 235, "wrong rare": 60, "wrong head": 28, "wrong tail": 17, "wrong two": 42,
    "wrong pair": 17, "wrong doc": 32, "wrong short": 12, "wrong contrast": 45,
}


def read_lines(path):
    return [s for s in path.read_text(encoding="utf-8").splitlines() if s.strip()]


def read_tagged(path):
    return [Line(json.loads(s)) for s in path.read_text(encoding="utf-8").splitlines()]


def word_edits(a, b):
    a, b = a.split(), b.split()
    return [(" ".join(a[i:j]), " ".join(b[k:m])) for op, i, j, k, m in
            difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if op != "equal"]


def curated(rows, known, all_words=True):
    """Pairs of a rule engine's tests fit to learn from: prose, one or two words changed, the right
    side made of known words (or what is changed there), and no change more than six times."""
    seen, out = collections.Counter(), []
    for wrong, right in rows:
        edits = word_edits(wrong, right)
        prose = all(c.isalnum() or c in " .,;:!?'\"-()’" for c in wrong + right)
        told = right if all_words else " ".join(b for _, b in edits)
        words = [w.strip(".,;:!?'\"()").lower() for w in told.split()]
        if not prose or not edits or len(edits) > 2 or not 12 <= len(right) <= 140:
            continue
        if any(w.isalpha() and w not in known for w in words):
            continue
        if seen[edits[0]] < 6:
            out.append((wrong, right))
        seen[edits[0]] += 1
    return out


def slips_of(pairs):
    """(right, wrong) of the words that real pairs change, where they tell enough to be wrong in
    other lines too: two words and more, or one that is no small one."""
    out = set()
    for wrong, right in pairs:
        for a, b in word_edits(wrong.lower(), right.lower()):
            a, b = a.strip(".,;:!?"), b.strip(".,;:!?")
            telling = " " in b or len(b) > 3 and b not in tables.SMALL and b.isalpha()
            if a and a != b and telling and len((a + " " + b).split()) <= 6:
                out.add((b, a))
    return sorted(out)


class Sources:
    """What may be trained on, and what is held back, by split.py."""

    def __init__(self, data, tagged):
        self.lines = {part: [] for part in split.PARTS}
        for file in ("common_voice_en", "common_voice_en.dev"):
            for line in read_tagged(tagged / f"{file}.jsonl"):
                self.lines[split.part(f"{file}.txt", line.text)].append(line)
        self.correct = {part: [] for part in split.PARTS}
        for text in read_lines(data / "harper_correct.txt"):
            self.correct[split.part("harper_correct.txt", text)].append(text)
        counts = collections.Counter(w.low for part in ("train", "gate")
                                     for line in self.lines[part] for w in line.words)
        written = read_tagged(tagged / "harper_right.jsonl")
        seen = collections.Counter(w.low for line in written for w in line.words)
        known = {w for w in counts if counts[w] > 1} | {w for w in seen if seen[w] > 3}
        rows = [tuple(s.split("\t")) for s in read_lines(data / "harper_pairs.tsv")]
        correct = {split.key(text) for texts in self.correct.values() for text in texts}
        pairs = [(split.part("harper_pairs.tsv", pair[1]), pair, strict)
                 for strict in (True, False) for pair in curated(rows, known, strict)
                 if split.key(pair[1]) not in correct]
        self.pairs = {part: [pair for of, pair, strict in pairs if of == part and strict]
                      for part in split.PARTS}
        self.docs = {part: [] for part in split.PARTS}
        for line in read_tagged(tagged / "docs.jsonl"):
            self.docs[split.part("docs.tsv", line.text)].append(line)
        held = {split.key(s) for part in ("dev", "test", "gate") for s in self.held(part)}
        train = lambda text: split.key(text) not in held
        for of in (self.lines, self.docs):
            of["train"] = [x for x in of["train"] if train(x.text)]
        self.pairs["train"] = list(dict.fromkeys(
            p for of, p, _ in pairs if of == "train" and train(p[0]) and train(p[1])))
        self.spoken = read_tagged(tagged / "spoken.jsonl")
        found = (s.split("\t") for s in read_lines(data / "docs.tsv"))
        self.entries = [text for kind, text in found if kind != "sentence" and train(text)]
        self.counts = counts

    def held(self, part):
        """Every line that is evaluated on."""
        yield from (x.text for x in self.lines[part] + self.docs[part])
        yield from self.correct[part]
        for pair in self.pairs[part]:
            yield from pair

    def corrupter(self):
        common = {w for w, n in self.counts.items() if n > 60 and len(w) > 1 and w.isalpha()}
        return Corrupter(set(self.counts), common)

    def trainer(self):
        """The corrupter of what is trained on: more words are known, more mistakes made."""
        usual = self.corrupter()
        known = {w.low for line in self.docs["train"] for w in line.words}
        return Corrupter(usual.vocabulary | known, usual.common, TRAINED,
                         slips_of(self.pairs["train"]))


class Recipe:
    def __init__(self, sources, seed):
        self.rng = random.Random(seed)
        self.lines = sources.lines["train"] + sources.spoken * 12
        self.pairs = sources.pairs["train"]
        self.corrupter = sources.trainer()
        self.docs, self.entries = sources.docs["train"], sources.entries
        self.rare = vary.Rare(sources.lines["train"], sources.counts)
        self.contrasts = self.by_contrast(self.lines + self.docs)
        self.cues, self.facts = read_lines(HERE / "cues.txt"), read_lines(HERE / "facts.txt")
        self.mistakes = collections.Counter()

    def line(self):
        return self.rng.choice(self.lines)

    def two(self):
        """Two sentences in one cue, or the end of one and the beginning of the next."""
        first, second = self.line(), self.line()
        if self.rng.random() < .4:
            first = vary.tail(first, self.rng) or first
            second = vary.head(second, self.rng) or second
        line = vary.joined(first, second)
        return line if len(line.text) <= 140 else None

    @staticmethod
    def by_contrast(lines):
        """word of CONTRAST -> the lines it stands in, of those that have some"""
        out = {}
        for line in lines:
            for word in {word for _, _, word in contrasted(line)}:
                out.setdefault(word, []).append(line)
        return {word: found for word, found in sorted(out.items()) if len(found) >= 10}

    def contrast(self):
        """A line with a word that is taken for another: rare ones nearly as often as others."""
        weights = [min(len(found), 300) for found in self.contrasts.values()]
        found = self.rng.choice(self.rng.choices(list(self.contrasts.values()), weights)[0])
        cut = self.rng.random()
        part = vary.head(found, self.rng) if cut < .15 else (
            vary.tail(found, self.rng) if cut < .25 else found)
        return part if part and any(True for _ in contrasted(part)) else found

    def right(self, kind):
        """A right Line of a kind, or None."""
        if kind == "doc":
            return self.rng.choice(self.docs)
        if kind == "contrast":
            return self.contrast()
        if kind in ("short", "respelt", "of course"):
            make = getattr(vary, kind.replace(" ", "_"))
            return make(self.line(), self.rng)
        if kind == "rare":
            return self.rare.put(self.line(), self.rng)
        if kind == "two":
            return self.two()
        if kind in ("head", "tail"):
            return getattr(vary, kind)(self.line(), self.rng)
        return self.line()

    def pair(self, kind):
        """(as it stands, right), or None when the draw gave nothing."""
        rng = self.rng
        if kind == "cue":
            text = rng.choice(self.cues)
        elif kind == "fact":
            text = vary.fact(rng.choice(self.facts), rng)
        elif kind == "written":
            text = rng.choice(self.pairs)[1]
        elif kind == "wrong pair":
            return rng.choice(self.pairs)
        elif kind == "entry":
            text = rng.choice(self.entries)
        elif kind.startswith("wrong"):
            return self.wrong(self.right(kind.partition(" ")[2]), kind)
        else:
            line = vary.as_spoken(self.line(), rng) if kind == "spoken" else self.right(kind)
            if line is None:
                return None
            text = line.text
        return text, text

    def wrong(self, right, kind):
        """(with mistakes, right), or None; a single word does not tell what it should be."""
        if right is None or kind == "wrong short" and " " not in right.text:
            return None
        rates = {"wrong short": SHORT}.get(kind)
        if kind == "wrong contrast":
            rates = {contrast: 1} if self.rng.random() < .6 else TRAINED | {contrast: 900}
        wrong, made = self.corrupter.corrupt(right, self.rng, rates)
        self.mistakes.update(made)
        return (wrong.text, right.text) if made and wrong.text else None

    def opened(self, pair):
        """Without the full stop of both, now and then: a sentence may go on in the next cue."""
        whole = all(s[-1:] == "." and s[-2:-1].isalpha() and s[:1].isupper() for s in pair)
        if whole and self.rng.random() < OPEN:
            return pair[0][:-1], pair[1][:-1]
        return pair

    def rows(self, n):
        kinds, weights = list(MIX), list(MIX.values())
        repeats_max = max(1, n // REPEAT_LINES)
        repeats = collections.Counter()
        out = []
        while len(out) < n:
            kind = self.rng.choices(kinds, weights)[0]
            pair = self.pair(kind)
            times = PAIR_REPEATS if kind in ("written", "wrong pair") else 1
            if pair is None or repeats[pair] >= times * repeats_max:
                continue
            pair = self.opened(pair)
            repeats[pair] += 1
            out.append((kind, *pair))
        return out


def held_out(sources, part, seed):
    """Rows to measure on: noise (all wrong), spoken (right), written (right), pairs (wrong)."""
    rng = random.Random(seed)
    corrupter = sources.corrupter()
    lines = list(sources.lines[part])
    rng.shuffle(lines)
    noisy, clean = (lines, lines) if part == "dev" else (lines[500:], lines[:500])
    rows = []
    for right in noisy:
        wrong, made = corrupter.corrupt(right, rng)
        if made and len(rows) < 400:
            rows.append(("noise", wrong.text, right.text))
    rows += [("spoken", x.text, x.text) for x in clean[:500]]
    rows += [("written", x, x) for x in sources.correct[part][:300]]
    return rows + [("pair", *p) for p in sources.pairs[part]]


def held_out_gate(sources, seed):
    """More rows to choose a gate on, of lines that neither train nor are in the other sets."""
    rng = random.Random(seed)
    corrupter = sources.corrupter()
    rows = []
    for right in sources.lines["gate"]:
        wrong, made = corrupter.corrupt(right, rng)
        rows += [("noise", wrong.text, right.text)] if made else []
    rows += [("spoken", x.text, x.text) for x in sources.lines["gate"]]
    rows += [("written", x, x) for x in sources.correct["dev"][300:]]
    return rows + [("docs", x.text, x.text) for x in sources.docs["gate"]]


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    print(f"{path}: {len(rows)} lines, {dict(collections.Counter(r[0] for r in rows))}")


def main():
    args = argparse.ArgumentParser(usage=__doc__)
    for name in ("data", "tagged", "out", "eval"):
        args.add_argument(f"--{name}", type=pathlib.Path, required=name != "eval")
    args.add_argument("--lines", type=int, default=400_000)
    args.add_argument("--seed", type=int, default=5)
    a = args.parse_args()
    sources = Sources(a.data, a.tagged)
    if a.eval:
        for part in ("dev", "test"):
            write_rows(a.eval / f"fix.{part}.tsv", held_out(sources, part, EVAL_SEED))
        write_rows(a.eval / "fix.gate.tsv", held_out_gate(sources, EVAL_SEED))
    recipe = Recipe(sources, a.seed)
    write_rows(a.out / "train.tsv", recipe.rows(a.lines))
    print("mistakes made:", dict(recipe.mistakes.most_common()))


if __name__ == "__main__":
    main()
