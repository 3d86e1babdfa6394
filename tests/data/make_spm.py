#!/usr/bin/env python3
"""Trains a small SentencePiece BPE model and dumps its vocabulary and what it makes of varied
strings, for tests/text/test_vocab.c (the "llama" tokenizer of a GGUF file).

Made with: sentencepiece 0.2.1, Python 3.11, as Llama 2's model was made: BPE, byte fallback,
identity normalization, a space put in front, extra white space kept.
usage: make_spm.py CAPTIONS.srt

spm.bin: u32 n_pieces, then each: u8 bytes, piece, u8 type (GGUF's token_type), f32 score;
u32 n, then n times: u16 bytes, text, u16 n_ids, u16 ids[n_ids]. Little-endian.
"""
import io
import pathlib
import struct
import sys

import sentencepiece

import make_tokens

HERE = pathlib.Path(__file__).resolve().parent


def main():
    captions = pathlib.Path(sys.argv[1]).read_text()
    cues = [" ".join(c.split("\n")[2:]) for c in captions.split("\n\n") if c.strip()]
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(cues * 3), model_writer=file, model_type="bpe", vocab_size=900,
        byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=True,
        remove_extra_whitespaces=False, hard_vocab_limit=False, character_coverage=1.0,
        num_threads=1)
    model = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    n = model.get_piece_size()
    out = struct.pack("<I", n)
    for i in range(n):
        piece = model.id_to_piece(i).encode()
        kind = (2 if model.is_unknown(i) else 3 if model.is_control(i) else
                6 if model.is_byte(i) else 1)
        out += struct.pack("<B", len(piece)) + piece + struct.pack("<Bf", kind, model.get_score(i))
    texts = [s for s in make_tokens.strings(captions, 1500) if s and "\0" not in s]
    texts = [s for s in texts if "▁" not in s and len(s) < 600]
    out += struct.pack("<I", len(texts))
    for text in texts:
        out += make_tokens.packed(text, model.encode(text))
    (HERE / "spm.bin").write_bytes(out)
    print("spm.bin", len(out), "bytes,", n, "pieces,", len(texts), "strings")


main()
