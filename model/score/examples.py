#!/usr/bin/env python3
"""Every STEPth line of what `model/score --said FILE` wrote, as a table for EXAMPLES.md: none left
out or put in. Owns nothing else.

usage: examples.py FILE      (of eval/fix.dev.tsv's 1,188 lines 40)
"""
import json
import pathlib
import sys

STEP = 29


def verdict(before, rights, ours):
    if ours in rights:
        return "right"
    return "missed" if ours == before else "differs"


def cell(text, before):
    return "=" if text == before else text.replace("|", "\\|")


def row(said):
    before, rights, ours = said["before"], said["right"], said["ours"].replace("\n", " ")
    cells = [said["kind"], cell(before, None), cell(ours, before), cell(rights[0], before),
             verdict(before, rights, ours)]
    return f"| {' | '.join(cells)} |"


def main(path):
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    print("| kind | line | answer | wanted | |\n|---|---|---|---|---|")
    print("\n".join(row(json.loads(line)) for line in lines[STEP - 1::STEP]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
