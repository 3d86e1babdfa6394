"""The scoreboard's arithmetic, and its captions. Standard library alone; the CLI is not run."""
import importlib.util
import pathlib
import sys
import tempfile
import unittest

MODEL = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(MODEL / "score"), str(MODEL / "train")]

import edits  # noqa: E402
import measures  # noqa: E402

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


class Captions(unittest.TestCase):
    def test_a_limit_is_said_by_the_duration(self):
        text = scoreboard.captions([("shorten", "x" * 50, [""])], .8)
        self.assertIn("00:00:00,000 --> 00:00:04,000", text)  # 40 characters at 10 a second

    def test_sets_read_back(self):
        for task in ("shorten", "formal"):
            rows = scoreboard.read_set(MODEL / "eval" / f"{task}.tsv", task)
            self.assertGreaterEqual(len(rows), 40)
            for _, before, rights in rows:
                self.assertEqual(len(rights), 2)
                self.assertNotIn(before, rights)
                lost = [w for w in measures.NUMBER.findall(before)
                        if not all(w in right for right in rights)]
                self.assertEqual(lost, [], before)
                if task == "shorten":
                    self.assertTrue(all(len(r) < len(before) for r in rights), before)

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
