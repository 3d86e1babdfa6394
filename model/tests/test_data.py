"""The recipe's promises, on the standard library alone: nothing that is measured on is trained on,
the same seed makes the same lines, a right line stays right.
python3 -m unittest discover model/tests
"""
import pathlib
import random
import sys
import unittest

MODEL = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(MODEL / "data"), str(MODEL / "train")]

import corrupt  # noqa: E402
import edits  # noqa: E402
import labels  # noqa: E402
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

    def test_facts_have_no_slot_left(self):
        rng = random.Random(4)
        for pattern in (MODEL / "data/facts.txt").read_text(encoding="utf-8").splitlines():
            self.assertNotIn("{", vary.fact(pattern, rng))


class Labels(unittest.TestCase):
    def test_only_the_answers_tokens_are_decided(self):
        pairs = [([5, 6, 7], [8, 2]), ([5], [9, 9, 9, 2])]
        ids, places, weights = labels.laid_out(pairs, [2.0, 1.0])
        self.assertEqual(ids, [[5, 6, 7, 8, 2], [5, 9, 9, 9, 2]])
        flat = [t for row in ids for t in row]
        self.assertEqual([flat[p + 1] for p in places], [8, 2, 9, 9, 9, 2])
        self.assertEqual(weights, [2, 2, 1, 1, 1, 1])

    def test_padding_is_not_decided(self):
        ids, places, _ = labels.laid_out([([1], [2]), ([1, 1, 1], [3, 3])], [1, 1])
        self.assertEqual(ids[0], [1, 2, 0, 0, 0])
        self.assertEqual(places, [0, 7, 8])


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
