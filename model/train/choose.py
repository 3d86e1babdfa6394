#!/usr/bin/env python3
"""Which adapter is shipped, and by which gates: how much likelier than the caption an answer must
be, by the kinds of its changes (src/edit/gate.h). Owns the rule:

An adapter's worth at some gates is, of the noise set, the share exactly right, less WRITTEN times
the share of the right written lines that are changed, and less SPOKEN times that of the spoken
ones; more than HARM_MAX of these counts far more. The variant is the one with the greatest worth at
the best one gate for all kinds, since seven fit the set's chances, too, and one hardly does. Its
gates are then searched a kind at a time, SPREAD about that one, until none gets better; of equal ones the first found.

usage: choose.py FOLDER [--table]     -> NAME GATES     (--table: one gate for all, as in RESULTS.md,
                                         then what is chosen, and how it does on lines it was not
                                         chosen by)
FOLDER has NAME.said.jsonl: what `python model/score --said` wrote of a set with the gates open
(nearfield adapter --gate -1000), so guard and arithmetic are the product's.
"""
import json
import pathlib
import random
import sys

import edits

HARM_MAX, WRITTEN, SPOKEN = .01, .3, 1.0
KINDS = ["marks", "ends", "small", "form", "added", "left out", "other"]  # nearfield's order
GATES = [quarter / 2 for quarter in range(25)]  # nats
SPREAD = 2  # nats that a kind's gate may be off the one gate: right lines that lack a full stop
#             hardly stand in the sets, and nothing there would hold the gate of `ends`
FOLDS = 6  # halves twice three times


def bar_of(kinds, gates):
    """What an answer with such changes has to be over."""
    return max((gates[kind] for kind in kinds), default=0)


def gated(said, gates):
    """Rows for edits.report; answers no surer than their bar are not given."""
    right = lambda s: s["right"] if isinstance(s["right"], str) else s["right"][0]
    return [(s["kind"], s["before"], right(s),
             s["ours"] if s["sure"] > bar_of(s["kinds"], gates) else s["before"]) for s in said]


class Counts:
    """The same quickly: of each line only whether the answer is right, and what it changes."""

    def __init__(self, said):
        self.n, self.rows = {}, []
        for (kind, before, right, ours), s in zip(gated(said, dict.fromkeys(KINDS, -1e9)), said):
            self.n[kind] = self.n.get(kind, 0) + 1
            if ours != before:
                self.rows.append((kind, ours == right, s["sure"], s["kinds"]))

    def shares(self, gates):
        """{kind of line: (share exactly right, share changed)}"""
        out = {kind: [0, 0] for kind in self.n}
        for kind, good, sure, kinds in self.rows:
            if sure > bar_of(kinds, gates):
                out[kind][0] += good
                out[kind][1] += 1
        return {kind: (a / self.n[kind], b / self.n[kind]) for kind, (a, b) in out.items()}

    def worth(self, gates):
        shares = self.shares(gates)
        spoken = shares["spoken"][1]
        over = 10 * max(spoken - HARM_MAX, 0)  # leads the search back under it
        return shares["noise"][0] - WRITTEN * shares["written"][1] - SPOKEN * spoken - over


def alone_of(counts):
    """-> the best gates that are the same for all kinds"""
    return max((dict.fromkeys(KINDS, gate) for gate in GATES), key=counts.worth)


def best_of(counts):
    """-> gates"""
    gates = alone = alone_of(counts)
    near = [gate for gate in GATES if abs(gate - alone[KINDS[0]]) <= SPREAD]
    while True:
        moved = gates
        for kind in KINDS:
            moved = max([moved, *({**moved, kind: gate} for gate in near)], key=counts.worth)
        if moved == gates:
            return gates
        gates = moved


def choose(by_variant):
    """{variant: said} -> (variant, gates), or None if every one changes too much."""
    counts = {name: Counts(said) for name, said in by_variant.items()}
    name = max(counts, key=lambda name: counts[name].worth(alone_of(counts[name])))
    gates = best_of(counts[name])
    return (name, gates) if counts[name].shares(gates)["spoken"][1] <= HARM_MAX else None


def cross_checked(said):
    """The rule's gates of one half on the lines of the other: rows for edits.report."""
    rows = []
    for fold in range(FOLDS):
        order = list(range(len(said)))
        random.Random(fold // 2).shuffle(order)
        halves = [[said[i] for i in order[k::2]] for k in (0, 1)]
        rows += gated(halves[fold % 2], best_of(Counts(halves[1 - fold % 2])))
    return rows


def row(name, what, report):
    noise, pair = report["noise"], report["pair"]
    cells = [name, what, *(f"{noise[k]:.3f}" for k in ("exact", "p", "r", "f")),
             f"{100 * report['spoken']['harm']:.2f} %", f"{100 * report['written']['harm']:.1f} %",
             f"{pair['exact']:.3f}"]
    return "| " + " | ".join(cells) + " |"


def text_of(gates):
    return ",".join(f"{gates[kind]:g}" for kind in KINDS)


def table(by_variant):
    for name, said in by_variant.items():
        for gate in GATES[::2]:
            rows = gated(said, dict.fromkeys(KINDS, gate))
            yield row(name, f"{gate:g}", edits.report(rows))
        gates = best_of(Counts(said))
        yield row(name, text_of(gates), edits.report(gated(said, gates)))
        yield row(name, "the same, the other half", edits.report(cross_checked(said)))


def main(folder, *options):
    by_variant = {path.name.removesuffix(".said.jsonl"):
                  [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
                  for path in sorted(pathlib.Path(folder).glob("*.said.jsonl"))}
    if "--table" in options:
        print("\n".join(table(by_variant)))
        return
    best = choose(by_variant)
    if best is None:
        sys.exit(f"choose: every variant and gate changes more than {HARM_MAX:.0%} of right lines")
    print(best[0], text_of(best[1]))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
