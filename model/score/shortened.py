"""What is measured of shortened lines: is the limit met, and by leaving out what a person would?
Owns the arithmetic, and the cut at words that it is compared with; runs nothing.

A row is (kind, before, rights, ours) as in measures.py; limits[i] is the visible characters row i
may have. Visible: tags and line breaks do not count (src/caption/plain.h).
"""
import collections
import re

import sari


def visible(text):
    return len(re.sub(r"<[^>]*>|\n", "", text))


def word_f(a, b):
    """F1 of two texts' words, whatever their order; source: Rajpurkar et al. 2016,
    arXiv:1606.05250, section 6.1 (there of answers)."""
    a, b = collections.Counter(sari.words(a)), collections.Counter(sari.words(b))
    same = (a & b).total()
    return sari.f_one(sari.ratio(same, a.total()), sari.ratio(same, b.total()))


def cut_at_words(before, limit):
    """What fits of the line's beginning, word by word: the naive way."""
    out = ""
    for word in before.split():
        longer = f"{out} {word}".strip()
        if visible(longer) > limit:
            break
        out = longer
    return out


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def similar(rows, says):
    return mean(max(word_f(ours, right) for right in rights)
                for (_, _, rights, _), ours in zip(rows, says, strict=True))


def report(rows, limits, verdicts):
    """met: limit met or 'unfit' said, of all lines. Of the lines that can be shortened: those that
    were, characters left out beyond need, F1 of words to the nearest reference beside that of
    doing nothing (which meets no limit) and of the cut."""
    met = [v == "unfit" or visible(row[3]) <= limit
           for row, limit, v in zip(rows, limits, verdicts, strict=True)]
    able = [(row, limit) for row, limit in zip(rows, limits) if row[0] == "shorten"]
    done = [(row, limit) for row, limit in able if visible(row[3]) <= limit]
    rows, limits = [r for r, _ in able], [limit for _, limit in able]
    return {"met": mean(met), "shortened": len(done) / len(able),
            "beyond": mean(limit - visible(row[3]) for row, limit in done),
            "word_f": similar(rows, [row[3] for row in rows]),
            "word_f_nothing": similar(rows, [row[1] for row in rows]),
            "word_f_cut": similar(rows, [cut_at_words(row[1], limit)
                                         for row, limit in zip(rows, limits)])}
