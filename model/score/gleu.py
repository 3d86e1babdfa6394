"""GLEU of edited lines: n-grams shared with a reference, less those of the line as it stood that
the reference does not have. Owns the arithmetic alone.

Napoles et al. 2015 and 2016 (arXiv:1605.02592, "GLEU without tuning"): n up to 4, the mean over
ROUNDS draws of one reference a line. Words as edits.words cuts them, so the value is near that of
the authors' own script, not equal to it.
"""
import collections
import math
import random

from edits import words

ORDER, ROUNDS = 4, 500


def grams(tokens, n):
    return collections.Counter(tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1))


def counts(before, right, ours):
    """[length of ours, of right, then for n of 1 to ORDER: n-grams that count, n-grams of ours]"""
    s, r, h = words(before), words(right), words(ours)
    out = [len(h), len(r)]
    for n in range(1, ORDER + 1):
        of_h, of_r = grams(h, n), grams(r, n)
        left = collections.Counter({g: c for g, c in grams(s, n).items() if g not in of_r})
        out += [max((of_h & of_r).total() - (of_h & left).total(), 0), max(len(h) + 1 - n, 0)]
    return out


def of_counts(total):
    if min(total) == 0:
        return 0.0
    shares = [math.log(a / b) for a, b in zip(total[2::2], total[3::2])]
    return math.exp(min(0, 1 - total[1] / total[0]) + sum(shares) / ORDER)


def gleu(rows):
    """rows of (before, rights, ours)"""
    each = [[counts(before, right, ours) for right in rights] for before, rights, ours in rows]
    rounds = ROUNDS if any(len(c) > 1 for c in each) else 1
    rng = random.Random(1)
    values = [of_counts([sum(column) for column in zip(*(rng.choice(c) for c in each))])
              for _ in range(rounds)]
    return sum(values) / rounds
