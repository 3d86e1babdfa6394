#!/usr/bin/env python3
"""Lines of training -> token ids in flat arrays, so that the GPU machine begins at once.

Owns the file's form (.npz): tokens u16, all rows one behind the other (caption, the prompt's tail,
answer, end); lengths u16 and answers u16 a row (its tokens, and where its answer begins); clean
bool a row (right as it stands); changed bool a token: labels.py's. Knows no torch.

usage: encode.py BASE.gguf train.tsv OUT.npz [TASK]
"""
import pathlib
import sys

import numpy as np

from gguf import Gguf
from labels import changed_of
from prompt import Prompt, vocabulary

PIECE = 100_000  # rows whose ids are Python lists at one time


def read_rows(path):
    """(kind, as it stands, right)"""
    return [tuple(line.split("\t"))
            for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


def arrays(rows, prompt):
    """name -> array, as the file has them."""
    parts = {name: [] for name in ("tokens", "lengths", "answers", "clean", "changed")}
    for at in range(0, len(rows), PIECE):
        piece = rows[at:at + PIECE]
        captions = prompt.encode_all([r[1] for r in piece])
        rights = prompt.encode_all([r[2] for r in piece])
        tokens, changed = [], []
        for caption, right in zip(captions, rights):
            question, answer = prompt.question(caption), prompt.answer(right)
            tokens += question + answer
            changed += [False] * len(question) + changed_of(caption, answer)
            parts["lengths"].append(len(question) + len(answer))
            parts["answers"].append(len(question))
        parts["tokens"].append(np.array(tokens, dtype=np.uint16))
        parts["changed"].append(np.array(changed, dtype=bool))
    out = {name: np.concatenate(parts[name]) for name in ("tokens", "changed")}
    out |= {name: np.array(parts[name], dtype=np.uint16) for name in ("lengths", "answers")}
    return out | {"clean": np.array([r[1] == r[2] for r in rows])}


def main(base, data, out, task="fix"):
    found = arrays(read_rows(data), Prompt(vocabulary(Gguf(base)), task))
    np.savez(out, **found)
    print(f"{out}: {len(found['lengths'])} rows, {len(found['tokens'])} tokens, "
          f"{found['clean'].mean():.3f} right, {found['changed'].mean():.3f} changed")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
