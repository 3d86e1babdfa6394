"""The scoreboard's arithmetic, and its captions. Standard library alone; the CLI is not run."""
import importlib.util
import pathlib
import sys
import tempfile
import unittest

MODEL = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(MODEL / "score"), str(MODEL / "train")]

import edits  # noqa: E402
import gleu  # noqa: E402
import measures  # noqa: E402
import sari  # noqa: E402
import shortened  # noqa: E402

spec = importlib.util.spec_from_file_location("scoreboard", MODEL / "score" / "__main__.py")
scoreboard = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scoreboard)


class Measures(unittest.TestCase):
    def test_lost_names_and_numbers(self):
        before = "In May we sold 1,200 to Mr. Okafor."
        self.assertEqual(measures.numbers_and_names(before), ["1,200", "May", "Okafor"])
        self.assertEqual(measures.lost(before, [before], "We sold 1,200 to Okafor."), ["May"])
        self.assertEqual(measures.lost(before, ["We sold some."], "We sold some."), [])

    def test_the_reference_that_suits_best_counts(self):
        rows = [("formal", "He go home", ["He goes home", "He went home"], "He went home")]
        out = measures.report(rows, edits.edits_of)["formal"]
        self.assertEqual((out["exact"], out["p"], out["r"], out["f"]), (1, 1, 1, 1))

    def test_precision_weighs_twice(self):
        self.assertAlmostEqual(measures.f_half(1, .5), 1.25 * .5 / .75)
        self.assertEqual(measures.f_half(0, 1), 0)

    def test_harm_of_right_lines(self):
        rows = [("spoken", "Yes.", ["Yes."], "Yes!"), ("spoken", "No.", ["No."], "No.")]
        out = measures.report(rows, edits.edits_of)["spoken"]
        self.assertEqual(out["harm"], .5)
        self.assertNotIn("exact", out)

    def test_doing_nothing_is_precise_and_finds_nothing(self):
        rows = [("noise", "He go.", ["He goes."], "He go.")]
        out = measures.report(rows, edits.edits_of)["noise"]
        self.assertEqual((out["p"], out["r"], out["f"], out["exact"]), (1, 0, 0, 0))


class Sari(unittest.TestCase):
    ROW = ("I do not get it", ["I don't get it", "I do not understand it"])

    def test_by_hand(self):
        """One line of one word: added 1 of 1 and of 2 wanted, deleted 1 of 1, nothing to keep;
        of longer runs there are none."""
        self.assertAlmostEqual(sari.sari([("big", ["large", "huge"], "large")]), (2 / 3 + 1) / 12)

    def test_a_reference_beats_the_line_and_nonsense(self):
        """Nonsense beats the line: what it deletes is mostly to go. So a task needs more than
        SARI to be offered."""
        before, rights = self.ROW
        right, same, nonsense = (sari.sari([(before, rights, ours)])
                                 for ours in (rights[0], before, "a b c d e"))
        self.assertGreater(right, 2 * max(same, nonsense))
        self.assertGreater(nonsense, same)

    def test_what_both_references_keep_weighs_twice(self):
        _, keep, gone = sari.order_sums([("a b", ["a", "a b"], "a")], 1)
        self.assertEqual((keep, gone), ([2, 2, 3], [1, 2, 1]))


class Shortened(unittest.TestCase):
    def test_visible(self):
        self.assertEqual(shortened.visible("<i>Yes,\nI do.</i>"), 9)

    def test_the_cut(self):
        self.assertEqual(shortened.cut_at_words("I do not know.", 9), "I do not")
        self.assertEqual(shortened.cut_at_words("I do.", 0), "")

    def test_report(self):
        rows = [("shorten", "a b c d", ["a d", "a c d"], "a d"),
                ("shorten", "e f g", ["e g", "e"], "e f g"), ("unfit", "h", ["h", "h"], "h")]
        out = shortened.report(rows, [4, 3, 0], ["changed", "unchanged", "unfit"])
        self.assertAlmostEqual(out["met"], 2 / 3)
        self.assertEqual((out["shortened"], out["beyond"]), (.5, 1))
        self.assertAlmostEqual(out["word_f"], (1 + .8) / 2)
        self.assertAlmostEqual(out["word_f_cut"], (1 / 2 + 2 / 3) / 2)


class Offered(unittest.TestCase):
    def test_the_rule(self):
        rows = [("formal", "I wanna go", ["I want to go"] * 2), ("stay", "Yes.", ["Yes."] * 2)]
        for says, better in ((["I want to go", "Yes."], True), (["I wanna go", "Yes."], False),
                             (["I want to go", "Yeah."], False), (["I go", "Yes."], False)):
            kinds, _ = scoreboard.score("formal", rows, says)
            self.assertEqual(scoreboard.versus_nothing("formal", kinds, rows, says)["better"],
                             better, says)


class Gleu(unittest.TestCase):
    BEFORE, RIGHT = "He go to the store .", "He goes to the store ."

    def test_the_reference_itself(self):
        self.assertAlmostEqual(gleu.gleu([(self.BEFORE, [self.RIGHT], self.RIGHT)]), 1)

    def test_doing_nothing_is_worth_less_than_another_mistake_mended(self):
        nothing = gleu.gleu([(self.BEFORE, [self.RIGHT], self.BEFORE)])
        # 6 words; of 6, 5, 4, 3 n-grams 5, 3, 2, 1 are right, 1, 2, 2, 2 should have gone
        self.assertAlmostEqual(nothing, 0)
        other = gleu.gleu([("a b c d e f g h", ["a b c d e f g x"], "a b c d e f g y")])
        self.assertGreater(other, .5)

    def test_counts(self):
        self.assertEqual(gleu.counts("a b c", "a b d", "a b c"), [3, 3, 1, 3, 0, 2, 0, 1, 0, 0])

    def test_references_are_drawn(self):
        value = gleu.gleu([("a b c d e", ["a b c d x", "a b c d y"], "a b c d x")])
        self.assertTrue(.5 < value < 1, value)


class Captions(unittest.TestCase):
    def test_a_limit_is_said_by_the_duration(self):
        text = scoreboard.captions([("shorten", "x" * 50, [""])], [40])
        self.assertIn("00:00:00,000 --> 00:00:04,000", text)  # 40 characters at 10 a second

    def test_a_set_is_read(self):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "set.tsv"
            path.write_text("shorten\tA b|c.\tA c.\tB|c.\t4\n")
            rows = scoreboard.read_set(path, "shorten")
            path.write_text("noise\tA|b\tA|b.\n")
            fix = scoreboard.read_set(path, "fix")
        self.assertEqual(rows, ([("shorten", "A b\nc.", ["A c.", "B c."])], [4]))
        self.assertEqual(fix, ([("noise", "A|b", ["A|b."])], []))

    def test_jfleg_is_read_from_a_folder(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "test.src").write_text("He go .\n")
            for i in range(4):
                (folder / f"test.ref{i}").write_text(f"He goes {i} .\n")
            rows = scoreboard.read_jfleg(folder)
        self.assertEqual(rows, [("jfleg", "He go .", [f"He goes {i} ." for i in range(4)])])


if __name__ == "__main__":
    unittest.main()
