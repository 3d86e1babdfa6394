"""The recipe's promises, on the standard library alone: nothing that is measured on is trained on,
the same seed makes the same lines, a right line stays right.
python3 -m unittest discover model/tests
"""
import pathlib
import random
import re
import sys
import unittest

MODEL = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(MODEL / "data"), str(MODEL / "train")]

import choose  # noqa: E402
import corrupt  # noqa: E402
import docs  # noqa: E402
import edits  # noqa: E402
import labels  # noqa: E402
import recipe  # noqa: E402
import split  # noqa: E402
import vary  # noqa: E402
from line import Line  # noqa: E402

BE = {"VB": "be", "VBZ": "is", "VBD": "was", "VBN": "been", "VBG": "being"}
GO = {"VB": "go", "VBZ": "goes", "VBD": "went", "VBN": "gone", "VBG": "going"}
ROWS = [  # as tag.py writes it
    ["She", " ", "PRP", "she", {}], ["goes", " ", "VBZ", "go", GO], ["to", " ", "IN", "to", {}],
    ["the", " ", "DT", "the", {}], ["store", " ", "NN", "store", {"NN": "store", "NNS": "stores"}],
    ["in", " ", "IN", "in", {}], ["Kent", "", "NNP", "Kent", {}], [",", " ", ",", ",", {}],
    ["and", " ", "CC", "and", {}], ["it", "", "PRP", "it", {}], ["'s", " ", "VBZ", "be", BE],
    ["your", " ", "PRP$", "your", {}], ["turn", "", "NN", "turn", {"NN": "turn", "NNS": "turns"}],
    [".", "", ".", ".", {}]]
TEXT = "She goes to the store in Kent, and it's your turn."
HERE = "common_voice_en.txt"


def read(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


class Split(unittest.TestCase):
    def test_case_and_marks_do_not_move_a_line(self):
        self.assertEqual(split.bucket("It's late."), split.bucket("its LATE"))
        self.assertNotEqual(split.bucket("It's late."), split.bucket("It's later."))

    def test_parts_by_file(self):
        lines = [f"line number {i}" for i in range(5000)]
        parts = [split.part(HERE, x) for x in lines]
        self.assertEqual(parts.count("dev"), 0)
        self.assertAlmostEqual(parts.count("test") / 5000, .02, delta=.01)
        self.assertEqual({split.part("common_voice_en.dev.txt", x) for x in lines}, {"dev"})
        self.assertNotIn("train", {split.part("harper_correct.txt", x) for x in lines})

    def test_no_line_of_the_sets_may_train(self):
        """Each line measured on has a bucket or a file that split.py keeps from training; and the
        lines that recipe.py itself brings along are none of them."""
        own = {split.key(s) for name in ("cues.txt", "spoken.txt")
               for s in (MODEL / "data" / name).read_text(encoding="utf-8").splitlines()}
        held = {"noise": HERE, "spoken": HERE, "written": "harper_correct.txt",
                "pair": "harper_pairs.tsv"}
        for part in ("dev", "test"):
            rows = read(MODEL / "eval" / f"fix.{part}.tsv")
            self.assertGreater(len(rows), 1000)
            for kind, before, right in rows:
                file = held[kind]
                if part == "dev" and file == HERE:
                    file = "common_voice_en.dev.txt"
                self.assertEqual(split.part(file, right), part, right)
                self.assertFalse({split.key(before), split.key(right)} & own, right)

    def test_sets_do_not_share_lines(self):
        dev, test = ({split.key(r[2]) for r in read(MODEL / "eval" / f"fix.{part}.tsv")}
                     for part in ("dev", "test"))
        self.assertFalse(dev & test)


class Corrupt(unittest.TestCase):
    def setUp(self):
        words = {r[0].lower() for r in ROWS}
        self.corrupter = corrupt.Corrupter(words, set())

    def test_a_line_is_its_words(self):
        self.assertEqual(Line(ROWS).text, TEXT)

    def test_same_seed_same_mistakes(self):
        def run(seed):
            rng = random.Random(seed)
            made = [self.corrupter.corrupt(Line(ROWS), rng) for _ in range(200)]
            return [(line.text, names) for line, names in made]
        self.assertEqual(run(7), run(7))
        self.assertNotEqual(run(7), run(8))

    def test_the_right_line_is_kept_and_the_wrong_one_differs(self):
        rng, right = random.Random(1), Line(ROWS)
        for _ in range(500):
            wrong, made = self.corrupter.corrupt(right, rng)
            self.assertEqual(right.text, TEXT)
            self.assertEqual(bool(made), wrong.text != TEXT)

    def test_each_mistake_by_name(self):
        wanted = {corrupt.agreement: "She go to", corrupt.core: "you're turn",
                  corrupt.article: "to store in", corrupt.small_name: "in kent,",
                  corrupt.apostrophe: "its your"}
        for mistake, part in wanted.items():
            seen = set()
            for seed in range(60):
                line = Line(ROWS)
                line.vocabulary, line.common = set(), set()
                mistake(line, random.Random(seed))
                seen.add(line.text)
            self.assertTrue(any(part in text for text in seen), (mistake.__name__, seen))

    def test_contrast_finds_contractions_and_words(self):
        found = {word for _, _, word in corrupt.contrasted(Line(ROWS))}
        self.assertEqual(found, {"to", "it's", "your"})
        rates = {corrupt.contrast: 1}
        texts = {self.corrupter.corrupt(Line(ROWS), random.Random(seed), rates)[0].text
                 for seed in range(40)}
        self.assertTrue(any("Kent, and its your turn." in text for text in texts), texts)
        self.assertTrue(any("goes too the store" in text for text in texts), texts)

    def test_slips_of_real_pairs_in_other_lines(self):
        slips = recipe.slips_of([("We go to a store at the Kent.", "We go to the store at Kent."),
                                 ("Its in besides of it.", "Its in front of it.")])
        self.assertEqual(slips, [("front", "besides")])
        corrupter = corrupt.Corrupter(set(), set(), {corrupt.learnt: 1}, [("the store", "a shop")])
        self.assertIn("to a shop in", corrupter.corrupt(Line(ROWS), random.Random(1))[0].text)

    def test_the_sets_keep_their_rates(self):
        """What is measured on is made with RATES, whatever the training adds."""
        self.assertIs(corrupt.Corrupter(set(), set()).rates, corrupt.RATES)
        self.assertFalse({corrupt.learnt, corrupt.contrast} & set(corrupt.RATES))

    def test_no_misspelling_is_a_word(self):
        rng = random.Random(2)
        for _ in range(300):
            line = Line(ROWS)
            line.vocabulary, line.common = {"stoer", "stre", "tun"}, set()
            corrupt.spelling(line, rng)
            self.assertFalse({"stoer", "stre", "tun"} & {w.low for w in line.words})
            self.assertIn("Kent", line.text)


class Vary(unittest.TestCase):
    def test_parts_of_a_sentence(self):
        rng = random.Random(3)
        heads = {x.text for x in (vary.head(Line(ROWS), rng) for _ in range(50))}
        tails = {x.text for x in (vary.tail(Line(ROWS), rng) for _ in range(50))}
        self.assertTrue(all(TEXT.startswith(x) and not x.endswith(".") for x in heads))
        self.assertTrue(all(TEXT.endswith(x) for x in tails))
        self.assertEqual(vary.joined(Line(ROWS), Line(ROWS)).text, f"{TEXT} {TEXT}")

    def test_short_cues(self):
        rng = random.Random(5)
        found = {x.text for x in (vary.short(Line(ROWS), rng) for _ in range(80))}
        words = {text.strip(".,?!").lower() for text in found}
        self.assertTrue({"the store", "in kent", "your turn"} & words, words)
        self.assertFalse([text for text in found if len(text.split()) > 4])

    def test_british_and_american(self):
        row = ["colour", "", "NN", "colour", {}]
        self.assertEqual(vary.respelt(Line([row]), random.Random(1)).text, "color")
        self.assertIsNone(vary.respelt(Line(ROWS), random.Random(1)))

    def test_of_course_is_no_could_of(self):
        rows = [["It", " ", "PRP", "it", {}], ["could", " ", "MD", "could", {}],
                ["be", "", "VB", "be", BE]]
        self.assertEqual(vary.of_course(Line(rows), random.Random(1)).text, "It could of course be")

    def test_facts_have_no_slot_left(self):
        rng = random.Random(4)
        for pattern in (MODEL / "data/facts.txt").read_text(encoding="utf-8").splitlines():
            self.assertNotIn("{", vary.fact(pattern, rng))


class Docs(unittest.TestCase):
    def test_blocks(self):
        page = docs.Blocks()
        page.feed("<h2>Build it</h2><p>Run <code>make</code>. It is quick.</p><pre>no</pre>"
                  "<ul><li>a fast build</li></ul>")
        self.assertEqual(page.found, [("heading", "Build it"),
                                      ("prose", "Run make. It is quick."),
                                      ("entry", "a fast build")])
        self.assertEqual(list(docs.lines_of(*page.found[1])),
                         [("sentence", "Run make."), ("sentence", "It is quick.")])

    def test_what_is_no_line(self):
        for text in ("impl Debug for Foo", "a => b", "std::fmt is here", "x y z", "This " * 40):
            self.assertFalse(docs.fit(text), text)
        self.assertTrue(docs.fit("A raw, unsafe pointer."))


class Labels(unittest.TestCase):
    def test_what_is_changed(self):
        self.assertEqual(labels.changed_of([5, 6, 7], [5, 6, 7, 2]), [False] * 4)
        self.assertEqual(labels.changed_of([5, 6, 7], [5, 8, 7, 2]), [False, True, True, False])
        self.assertEqual(labels.changed_of([5, 6], [6, 5, 6, 2]), [True, True, False, False])

    def test_a_dropped_end_is_a_change(self):
        self.assertEqual(labels.changed_of([5, 6, 7], [5, 6, 2]), [False, False, True])


class Choose(unittest.TestCase):
    @staticmethod
    def said(kind, sure, kinds, right="right", ours="right", n=1):
        before = "right" if kind in ("spoken", "written") else "wrong"
        return [{"kind": kind, "before": before, "right": [right], "ours": ours, "sure": sure,
                 "kinds": kinds}] * n

    def lines(self):
        """Forms are right from 2 on, added words hardly ever, of which right lines get some."""
        said = self.said
        return (said("noise", 3, ["form"], n=50) + said("noise", 2, ["form"], n=10) + said("noise", 1, ["form"], ours="bad", n=10)
                + said("noise", 6, ["form", "added"], n=5) + said("noise", 1, ["added"], n=2)
                + said("spoken", 2, ["added"], ours="bad", n=3) + said("spoken", 0, [], n=97)
                + said("written", 0, [], n=50) + said("pair", 3, ["form"], n=5))

    def test_a_gate_of_each_kind(self):
        """No one gate is as good: 2 keeps spoken lines from harm, and some forms are under it."""
        name, gates = choose.choose({"a": self.lines()})
        counts = choose.Counts(self.lines())
        self.assertEqual(name, "a")
        self.assertTrue(gates["form"] < 2 and gates["added"] == 2, gates)
        self.assertEqual(counts.shares(gates)["spoken"], (0, 0))
        self.assertAlmostEqual(counts.shares(gates)["noise"][0], 65 / 77)
        alone = [counts.worth(dict.fromkeys(choose.KINDS, gate)) for gate in choose.GATES]
        self.assertGreater(counts.worth(gates), max(alone))

    def test_the_strictest_kind_counts(self):
        gates = dict.fromkeys(choose.KINDS, 1) | {"added": 5}
        rows = self.said("noise", 3, ["form"]) + self.said("noise", 3, ["form", "added"])
        self.assertEqual([r[3] for r in choose.gated(rows, gates)], ["right", "wrong"])

    def test_the_better_variant_and_none(self):
        worse = self.lines() + self.said("noise", 0, [], ours="wrong", n=20)
        self.assertEqual(choose.choose({"a": worse, "b": self.lines()})[0], "b")
        harm = self.lines() + self.said("spoken", 99, ["form"], ours="bad", n=5)
        self.assertIsNone(choose.choose({"a": harm}))

    def test_the_kinds_are_the_products(self):
        """Names and order of gate.c, in which gates are written."""
        source = (MODEL.parent / "src" / "edit" / "gate.c").read_text(encoding="utf-8")
        self.assertEqual(re.findall(r'\[GATE_\w+\] = \{"([a-z ]+)"', source), choose.KINDS)


class Edits(unittest.TestCase):
    def test_score(self):
        rows = [("a", "It are late.", "It is late.", "It is late."),
                ("a", "He go home.", "He goes home.", "He go home ."),
                ("b", "Yes.", "Yes.", "Yes!"), ("b", "No.", "No.", "No.")]
        out = edits.report(rows)
        self.assertEqual((out["a"]["exact"], out["a"]["p"], out["a"]["r"]), (.5, 1, .5))
        self.assertEqual(out["b"]["harm"], .5)


if __name__ == "__main__":
    unittest.main()
