#!/usr/bin/env python3
"""Which adapter is shipped: of all variants and gates that change at most HARM_MAX of the right
spoken lines of the development set, the one that makes most lines of the noise set exactly right;
of equal ones the one that changes fewer written lines. Owns this rule; reads what train.py's
variants said (NAME.said.jsonl).

usage: choose.py FOLDER [--table]     -> NAME GATE     (--table: all of them, as in RESULTS.md)
"""
import json
import pathlib
import sys

import edits

HARM_MAX = .01
GATES = [quarter / 4 for quarter in range(33)]  # nats


def scores_of(folder):
    """Of every variant at every gate."""
    for path in sorted(pathlib.Path(folder).glob("*.said.jsonl")):
        said = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for tau in GATES:
            yield {"variant": path.name.removesuffix(".said.jsonl"), "tau": tau,
                   **edits.report(edits.gated(said, tau))}


def choose(scores):
    """-> the score chosen, or None if every one changes too much."""
    able = [s for s in scores if s["spoken"]["harm"] <= HARM_MAX]
    return max(able, default=None,
               key=lambda s: (s["noise"]["exact"], -s["written"]["harm"]))


def row(s):
    noise, pair = s["noise"], s["pair"]
    cells = [s["variant"], f"{s['tau']:g}", *(f"{noise[k]:.3f}" for k in ("exact", "p", "r", "f")),
             f"{100 * s['spoken']['harm']:.2f} %", f"{100 * s['written']['harm']:.1f} %",
             f"{pair['exact']:.3f}"]
    return "| " + " | ".join(map(str, cells)) + " |"


def main(folder, *options):
    scores = list(scores_of(folder))
    if "--table" in options:
        print("\n".join(map(row, scores)))
        return
    best = choose(scores)
    if best is None:
        sys.exit(f"choose: every variant and gate changes more than {HARM_MAX:.0%} of right lines")
    print(best["variant"], f"{best['tau']:g}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
