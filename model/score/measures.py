"""What is measured of a set of edited lines. Owns the arithmetic; runs nothing.

A row is (kind, before, rights, ours): rights are all the answers that count as right. A kind whose
lines all are right as they stand is measured by harm, the others by edits. An edit is right if
place and words agree with those of the reference that suits the line best (as errant_compare does
it); F0.5 weighs precision twice.
"""
import re

from gleu import gleu

NUMBER = re.compile(r"\d[\d.,:]*\d|\d")
# a capital inside a sentence, or behind a title
NAME = re.compile(r"(?:(?<=[^.!?:\"“'\s\-] )(?!I\b|Mr\b|Mrs\b|Ms\b|Dr\b)"
                  r"|(?<=[MD][rs]\. )|(?<=Mrs\. ))[A-Z][a-z]+")


def numbers_and_names(text):
    return NUMBER.findall(text) + NAME.findall(text)


def lost(before, rights, ours):
    """Numbers and names of the line that every right answer keeps and ours does not."""
    return [w for w in numbers_and_names(before)
            if w.lower() not in ours.lower() and all(w.lower() in r.lower() for r in rights)]


def f_half(p, r):
    return 1.25 * p * r / (.25 * p + r) if p and r else 0.0


def edit_counts(rows, edits_of):
    """(right, made, wanted) over all rows; edits_of(before, after) -> set"""
    total = [0, 0, 0]
    for _, before, rights, ours in rows:
        made = edits_of(before, ours)
        best = max(((len(made & wanted), len(made), len(wanted))
                    for wanted in (edits_of(before, right) for right in rights)),
                   key=lambda c: (c[0], -c[2]))
        total = [a + b for a, b in zip(total, best)]
    return total


def percentile(values, share):
    return sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else 0.0


def of_kind(rows, edits_of):
    n = len(rows)
    out = {"n": n, "changed": sum(ours != before for _, before, _, ours in rows) / n,
           "lost": sum(bool(lost(*row[1:])) for row in rows)}
    if all(before in rights for _, before, rights, _ in rows):
        return out | {"harm": out["changed"]}
    hit, made, wanted = edit_counts(rows, edits_of)
    p, r = hit / made if made else 1.0, hit / wanted if wanted else 1.0
    return out | {"exact": sum(ours in rights for _, _, rights, ours in rows) / n,
                  "p": p, "r": r, "f": f_half(p, r), "gleu": gleu([row[1:] for row in rows])}


def report(rows, edits_of):
    return {kind: of_kind([r for r in rows if r[0] == kind], edits_of)
            for kind in dict.fromkeys(r[0] for r in rows)}
