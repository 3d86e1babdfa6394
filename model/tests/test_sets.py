"""The sets of shorten, formal, casual, simple and rewrite: their form, and that nothing is trained
on. Standard library alone."""
import importlib.util
import pathlib
import sys
import unittest

MODEL = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(MODEL / "data"), str(MODEL / "score"), str(MODEL / "train")]

import measures  # noqa: E402
import shortened  # noqa: E402
import split  # noqa: E402

spec = importlib.util.spec_from_file_location("scoreboard", MODEL / "score" / "__main__.py")
scoreboard = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scoreboard)

TASKS = ("shorten", "formal", "casual", "simple", "rewrite")
LINE_CHARS = 42
LONE_CHARS = 76  # a cue whose lines the set does not break


def rows_of(task, part):
    return scoreboard.read_set(MODEL / "eval" / f"{task}.{part}.tsv", task)


class Sets(unittest.TestCase):
    def test_counts(self):
        for task in TASKS:
            dev, test = rows_of(task, "dev")[0], rows_of(task, "test")[0]
            self.assertGreaterEqual(len(dev), 40)
            self.assertGreaterEqual(len(test), 80)
            stay = [row for row in dev + test if row[0] == "stay"]
            self.assertGreaterEqual(len(stay), 20)
            kinds = {task, "stay", "unfit"} if task == "shorten" else {task, "stay"}
            self.assertEqual({row[0] for row in dev + test}, kinds)

    def test_lines_are_captions(self):
        for task in TASKS:
            for part in ("dev", "test"):
                for kind, before, rights in rows_of(task, part)[0]:
                    lines = before.split("\n")
                    self.assertEqual(len(rights), 2, before)
                    self.assertLessEqual(len(lines), 2)
                    widest = LINE_CHARS if len(lines) > 1 else LONE_CHARS
                    self.assertLessEqual(max(map(shortened.visible, lines)), widest, before)
                    flat = before.replace("\n", " ")
                    stays = kind in ("stay", "unfit")
                    self.assertEqual(stays, rights[0] == flat, before)
                    self.assertEqual(stays, rights[1] == flat, before)

    def test_references_keep_numbers(self):
        for task in TASKS:
            for part in ("dev", "test"):
                for _, before, rights in rows_of(task, part)[0]:
                    gone = [w for w in measures.NUMBER.findall(before)
                            if not all(w in right for right in rights)]
                    self.assertEqual(gone, [], before)

    def test_limits(self):
        """shorten: a reference fits, a tenth to a third is to go; stay fits; unfit does not."""
        for part in ("dev", "test"):
            rows, limits = rows_of("shorten", part)
            self.assertEqual(len(rows), len(limits))
            for (kind, before, rights), limit in zip(rows, limits):
                long = shortened.visible(before)
                self.assertEqual(kind == "stay", long <= limit, before)
                if kind == "shorten":
                    self.assertLessEqual(min(map(shortened.visible, rights)), limit, before)
                    self.assertTrue(.64 * long <= limit <= .9 * long + 1, (before, limit))

    def test_no_line_twice_and_none_is_trained_on(self):
        own = {split.key(s) for name in ("cues.txt", "spoken.txt", "facts.txt")
               for s in (MODEL / "data" / name).read_text(encoding="utf-8").splitlines()}
        for task in TASKS:
            lines = [split.key(before) for part in ("dev", "test")
                     for kind, before, _ in rows_of(task, part)[0] if kind == task]
            self.assertEqual(len(lines), len(set(lines)), task)
            self.assertFalse(set(lines) & own, task)


if __name__ == "__main__":
    unittest.main()
