"""Word-level edits and their score, for a quick look while training. The scoreboard has ERRANT's
(model/score); both count an edit as right if place and words agree. Owns no model."""
import difflib
import re


def words(text):
    return re.findall(r"[\w'’]+|[^\w\s]", text)


def edits_of(before, after):
    """{(from, to, words instead)} in words of `before`; marks are words."""
    a, b = words(before), words(after)
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    return {(i, j, " ".join(b[k:m])) for op, i, j, k, m in matcher.get_opcodes() if op != "equal"}


def f_half(rows):
    """rows of (before, right, ours) -> precision, recall, F0.5"""
    hit = ours_n = right_n = 0
    for before, right, ours in rows:
        wanted, made = edits_of(before, right), edits_of(before, ours)
        hit, ours_n, right_n = hit + len(wanted & made), ours_n + len(made), right_n + len(wanted)
    p, r = hit / max(ours_n, 1), hit / max(right_n, 1)
    return p, r, 1.25 * p * r / max(.25 * p + r, 1e-9)


def gated(said, tau):
    """Rows for `report` of what greedy.judge said; answers no surer than tau are not given."""
    return [(s["kind"], s["before"], s["right"], s["ours"] if s["sure"] > tau else s["before"])
            for s in said]


def report(rows):
    """rows of (kind, before, right, ours) -> {kind: scores}: of kinds that are right as they stand
    the share that was changed, of the others exact matches and edits."""
    out = {}
    for kind in dict.fromkeys(r[0] for r in rows):
        own = [r[1:] for r in rows if r[0] == kind]
        if all(before == right for before, right, _ in own):
            out[kind] = {"n": len(own), "harm": sum(b != o for b, _, o in own) / len(own)}
        else:
            p, r, f = f_half(own)
            out[kind] = {"n": len(own), "exact": sum(g == o for _, g, o in own) / len(own),
                         "p": p, "r": r, "f": f}
    return out
