"""SARI: how well a rewriting adds, keeps and deletes words, against several references and the line
it came from. Owns the arithmetic of one set; knows no task.

source Xu et al. 2016, "Optimizing Statistical Machine Translation for Text Simplification", TACL 4,
section 4; counts are summed over the set before they are divided, as EASSE does it (Alva-Manchego
et al. 2019, arXiv:1908.04567), so that a line with nothing to delete needs no rule of its own.
"""
import collections
import re

ORDERS = (1, 2, 3, 4)


def words(text):
    """Lower case; tags and marks are words."""
    return re.findall(r"<[^>]*>|[\w'’]+|[^\w\s]", text.lower())


def grams(text, n, times=1):
    """{n words: how often, times `times`}"""
    w = words(text)
    out = collections.Counter(tuple(w[i:i + n]) for i in range(len(w) - n + 1))
    return collections.Counter({g: c * times for g, c in out.items()})


def ratio(a, b):
    return a / b if b else 0.0


def f_one(p, r):
    return 2 * p * r / (p + r) if p + r else 0.0


def order_sums(rows, n):
    """Sums over rows (before, rights, ours): (right, made, wanted) of adding, keeping, deleting."""
    sums = [[0, 0, 0] for _ in range(3)]
    for before, rights, ours in rows:
        source, said = grams(before, n, len(rights)), grams(ours, n, len(rights))
        wanted = sum((grams(right, n) for right in rights), collections.Counter())
        added, to_add = set(said) - set(source), set(wanted) - set(source)
        kept, to_keep = source & said, source & wanted
        gone, to_go = source - said, source - wanted
        for total, (hit, made, want) in zip(sums, (
                (len(added & to_add), len(added), len(to_add)),
                ((kept & to_keep).total(), kept.total(), to_keep.total()),
                ((gone & to_go).total(), gone.total(), to_go.total()))):
            total[0], total[1], total[2] = total[0] + hit, total[1] + made, total[2] + want
    return sums


def sari(rows):
    """rows of (before, rights, ours) -> 0 to 1. Deleting counts by precision alone, as in the
    paper: to delete too much is worse than too little. What was never done is not precise: 0."""
    total = 0.0
    for n in ORDERS:
        add, keep, gone = order_sums(rows, n)
        total += f_one(ratio(add[0], add[1]), ratio(add[0], add[2]))
        total += f_one(ratio(keep[0], keep[1]), ratio(keep[0], keep[2]))
        total += ratio(gone[0], gone[1])
    return total / (3 * len(ORDERS))
