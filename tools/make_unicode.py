#!/usr/bin/env python3
"""Makes the Unicode tables of the tree and the grapheme test data. Run it by hand when the
Unicode version changes; the outputs are committed.

  src/base/grapheme_table.h     Grapheme_Cluster_Break, InCB and Extended_Pictographic
  src/text/category_table.h     general categories L M N P S, White_Space

needs: pip install regex==2025.11.3 (Unicode 17.0; properties are read through \\p{...})
With a path to the crate unicode-segmentation 1.13's tests/testdata/mod.rs (Unicode 17.0's
GraphemeBreakTest as string pairs) it also writes tests/data/grapheme_break.txt.
usage: make_unicode.py [TESTDATA_MOD_RS]
"""
import pathlib
import re
import sys

import regex

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def members(prop):
    pattern = regex.compile(r"\p{%s}" % prop)
    return {c for c in ALL if pattern.match(chr(c))}


def runs(class_of):
    """[(first code point, class)], each run reaching up to the next one's start."""
    out, last = [], None
    for c in range(0x110000):
        k = class_of.get(c, 0)
        if k != last:
            out.append((c, k))
            last = k
    return out


def write_table(path, head, name, entries, shift):
    words = [f"0x{(c << shift | k):X}" for c, k in entries]
    lines, line = [], " "
    for w in words:
        if len(line) + len(w) + 2 > 99:
            lines.append(line)
            line = " "
        line += f" {w},"
    lines.append(line)
    body = "\n".join(lines)
    path.write_text(f"{head}// clang-format off\nstatic const u32 {name}[{len(words)}] = {{\n{body}\n}};\n")
    print(path.relative_to(ROOT), len(words), "entries", 4 * len(words), "bytes")


GCB = ["OTHER", "CR", "LF", "CONTROL", "EXTEND", "INCB_EXTEND", "INCB_LINKER", "ZWJ", "FLAG",
       "PREPEND", "SPACING", "L", "V", "T", "LV", "LVT", "PICTOGRAPH", "INCB_CONSONANT"]


def grapheme_table():
    number = {name: i for i, name in enumerate(GCB)}
    table = {}

    def put(prop, name, only=None):
        for c in members(prop):
            assert only is None or table.get(c, 0) in only, (prop, hex(c))
            table[c] = number[name]

    for prop, name in [("CR", "CR"), ("LF", "LF"), ("Control", "CONTROL"), ("Extend", "EXTEND"),
                       ("ZWJ", "ZWJ"), ("Regional_Indicator", "FLAG"), ("Prepend", "PREPEND"),
                       ("SpacingMark", "SPACING"), ("L", "L"), ("V", "V"), ("T", "T")]:
        put("GCB=" + prop, name)
    zwj = set(members("GCB=ZWJ"))
    for c in members("InCB=Extend") - zwj:
        assert table[c] == number["EXTEND"], hex(c)
        table[c] = number["INCB_EXTEND"]
    put("InCB=Linker", "INCB_LINKER", [number["EXTEND"]])
    put("InCB=Consonant", "INCB_CONSONANT", [0])
    for c in members("Extended_Pictographic"):
        assert table.get(c, 0) == 0, hex(c)
        table[c] = number["PICTOGRAPH"]
    for c in range(0xAC00, 0xD7A4):  # by arithmetic in grapheme.c
        table.pop(c, None)
    head = """/* Made by tools/make_unicode.py from Unicode 17.0; do not edit. Classes for UAX #29:
 * Grapheme_Cluster_Break, with Extend and Other split where Indic_Conjunct_Break needs it and
 * Extended_Pictographic beside. An entry is first code point << 5 | class and reaches up to the
 * next entry. Only for grapheme.c. */
#pragma once
#include "base/base.h"

typedef enum : u8 {
"""
    head += "".join(f"  GCB_{name},\n" for name in GCB) + "} gcb_class;\n\n"
    write_table(ROOT / "src/base/grapheme_table.h", head, "gcb_table", runs(table), 5)


CATEGORY = ["OTHER", "SPACE", "LETTER", "NUMBER", "PUNCTUATION", "SYMBOL", "MARK"]


def category_table():
    table = {}
    for k, prop in enumerate(["White_Space", "L", "N", "P", "S", "M"], 1):
        for c in members(prop):
            assert c not in table, hex(c)
            table[c] = k
    head = """/* Made by tools/make_unicode.py from Unicode 17.0; do not edit. First letters of the general
 * category, and White_Space (disjoint from L, N, P, S, M). An entry is first code point << 3 |
 * class and reaches up to the next entry. Only for category.c. */
#pragma once
#include "base/base.h"
#include "text/category.h"

"""
    write_table(ROOT / "src/text/category_table.h", head, "category_table", runs(table), 3)


def grapheme_tests(source):
    text = pathlib.Path(source).read_text()
    start = text.index("TEST_SAME")
    end = text.index("TEST_WORD")
    same, diff = text[start:end].split("TEST_DIFF")
    string = r'"((?:\\u\{[0-9a-f]+\})+)"'
    cases = []

    def codes(s):
        return re.findall(r"\{([0-9a-f]+)\}", s)

    # ("...", &["..", ".."]) or, where legacy clusters differ, ("...", &[extended], &[legacy])
    for part in (same, diff):
        for m in re.finditer(r"\(\s*" + string + r",\s*&\[([^\]]*)\]", part):
            clusters = [codes(s) for s in re.findall(string, m.group(2))]
            assert sum(clusters, []) == codes(m.group(1))
            cases.append("|".join(" ".join(c) for c in clusters))
    path = ROOT / "tests/data/grapheme_break.txt"
    path.write_text("# Unicode 17.0 GraphemeBreakTest, by way of the crate unicode-segmentation "
                    "1.13 (tests/testdata).\n# One case a line: code points in hex, '|' between "
                    "clusters. Made by tools/make_unicode.py.\n" + "\n".join(cases) + "\n")
    print(path.relative_to(ROOT), len(cases), "cases")


if __name__ == "__main__":
    grapheme_table()
    category_table()
    if len(sys.argv) > 1:
        grapheme_tests(sys.argv[1])
