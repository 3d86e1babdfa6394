#!/usr/bin/env python3
"""Dumps what independent tokenizers make of varied strings, for tests/text/test_tokens.c.

  tokens_smollm2.bin  strings and ids of the real model's vocabulary. By `tokenizers`, built from
                      the GGUF's own tokens and merges with SmolLM2's definition (tokenizer.json:
                      Digits(individual_digits), then ByteLevel(add_prefix_space=false)).
  pretok.bin          strings and the byte lengths of the words each pre-tokenizer makes of them,
                      by `tokenizers` with the regular expressions of the models' tokenizer.json.

Made with: tokenizers 0.22.1, gguf 0.17.1, Python 3.11; second opinion llama-cpp-python 0.3.36.
usage: make_tokens.py MODEL.gguf CAPTIONS.srt
       make_tokens.py --second-opinion MODEL.gguf   (needs llama-cpp-python; prints disagreements)
They disagree where a byte that has no token (04 06 13 14 16 1D) stands between punctuation: it is
left out before merging by `tokenizers`, after it by llama.cpp. This build follows `tokenizers`,
with which the model was trained.

tokens_smollm2.bin: u32 n, then n times: u16 bytes, text, u16 n_ids, u16 ids[n_ids].
pretok.bin: u32 n_rules, then each: u8 length, name, u32 n, then n times: u16 bytes, text,
            u16 n_words, u16 lengths[n_words]. Little-endian.
"""
import pathlib
import random
import struct
import sys
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
RNG = random.Random(20261122)

WORDS = """the of and to in caption subtitle I'm you're don't we'll they've he'd it's O'Brien rock'n'roll
Hello WORLD camelCase snake_case SCREAMING_CASE x86_64 e-mail www.example.com/path?q=1&r=2#top
3.14159 1,000,000 2026-11-22 00:01:02,345 --> 12:30 $5.99 50% #1 @home C++ <i>italic</i> <b>bold</b>
{\\an8} [music] (laughs) ... -- — – “quoted” ‘single’ «guillemets» naïve café Zürich Škoda façade
über straße İstanbul ıI ΑΒΓ αβγ русский Привет мир українська שלום עולם مرحبا بالعالم فارسی
हिन्दी नमस्ते বাংলা ไทย ภาษาไทย 日本語 ひらがな カタカナ 漢字 中文字幕 简体 繁體 한국어 안녕하세요
Ⅷ ² ½ ①②③ ٣٤٥ ४५६ 𝟙𝟚 ℝ ∑∫ ≠ → ✓ ★ ♫ ♪ € £ ¥ ™ © 😀 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ❤️ 1️⃣ 👩🏿‍🚀
e\u0301 n\u0303 a\u0308\u0304 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A \u200b \u200d \ufeff \u00ad \u202e \u2028 \u3000 \u00a0 \u0085 ſ ŉ ﬁ
def f(x): return x**2 for(int i=0;i<n;i++){ a[i]+=b; } #include <stdio.h> && || != === => ::
'S 'T 'RE 'LL 's't 'd've ' '' ''' "" `` ~~ ^^ __init__ 'ſ I'LL WE'VE don’t""".split(" ")
WORDS = [w for line in WORDS for w in line.split("\n")]
SPACES = [" ", " ", " ", " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", " \n", "\n ", "\u00a0",
          "\u3000", "        ", " \t ", "\u2028", ""]


def random_string():
    kind = RNG.randrange(10)
    if kind < 4:
        parts = []
        for _ in range(RNG.randrange(1, 9)):
            parts += [RNG.choice(WORDS), RNG.choice(SPACES)]
        return "".join(parts)
    if kind == 4:  # any code points
        out = []
        for _ in range(RNG.randrange(1, 12)):
            c = RNG.choice([RNG.randrange(0x250), RNG.randrange(0x3000), RNG.randrange(0x10000),
                            RNG.randrange(0x1F000, 0x1FB00), RNG.randrange(0x110000)])
            if not 0xD800 <= c < 0xE000:
                out.append(chr(c))
        return "".join(out)
    if kind == 5:  # control bytes in words
        return "".join(RNG.choice([chr(RNG.randrange(32)), chr(127), RNG.choice(WORDS)])
                       for _ in range(RNG.randrange(1, 8)))
    if kind == 6:  # digits and punctuation
        return "".join(RNG.choice("0123456789 .,:-+/%$'\"²½٣") for _ in range(RNG.randrange(1, 24)))
    if kind == 7:  # white space runs around words
        return "".join(RNG.choice([" ", "\n", "\t", "\r", "\u00a0", "a", "B", "7", "'s", "."])
                       for _ in range(RNG.randrange(1, 24)))
    if kind == 8:  # mixed case and contractions
        w = RNG.choice(["don't", "we're", "i'll", "you've", "she'd", "that's", "i'm"])
        return " ".join("".join(RNG.choice([c.upper(), c.lower()]) for c in w)
                        for _ in range(RNG.randrange(1, 5)))
    letters = RNG.choice(["abcdefghij", "aeiou", "the ", "ab", "=", "-", "あいう", "é"])
    return "".join(RNG.choice(letters) for _ in range(RNG.randrange(20, 90)))


def strings(captions, n):
    out = ["", " ", "\n", "a", "<|im_start|>", "<|im_end|> text <|endoftext|>", "x" * 1500,
           "ab" * 700, " " * 300, "\n" * 200, "lorem ipsum " * 60, "é" * 400, "😀" * 150,
           "Antidisestablishmentarianism" * 20, "0" * 300,
           "!\x04!", "!\x04!!", ".\x13.\x06.", "-\x04-", "(\x14)"]
    cues = [c for c in captions.replace("\r\n", "\n").split("\n\n") if c.strip()]
    out += cues + ["\n".join(c.split("\n")[2:]) for c in cues]
    while len(out) < n:
        out.append(random_string())
    return out[:n]


def smollm2(model):
    import gguf
    from tokenizers import Tokenizer, models, pre_tokenizers
    fields = gguf.GGUFReader(model).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    return tokenizer


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
          r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
RULES = {
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "llama-bpe": [CL100K % "{1,3}"],
    "qwen2": [CL100K % ""],
    "qwen35": [QWEN35],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
}


def words(text, patterns):
    from tokenizers import Regex, pre_tokenizers
    if not text:
        return []
    split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated") for p in patterns])
    return [w for w, _ in split.pre_tokenize_str(text)]


def packed(text, numbers):
    raw = text.encode()
    return (struct.pack("<H", len(raw)) + raw +
            struct.pack("<H%dH" % len(numbers), len(numbers), *numbers))


def write(path, data):
    path.write_bytes(data)
    print(path.name, len(data), "bytes")


def make(model, captions):
    captions = pathlib.Path(captions).read_text()
    tokenizer = smollm2(model)
    cases = strings(captions, 5000)
    out = struct.pack("<I", len(cases))
    for text in cases:
        out += packed(text, tokenizer.encode(text, add_special_tokens=False).ids)
    write(HERE / "tokens_smollm2.bin", out)
    # Not what Unicode 14 (this Python) has not assigned: the regex engine of `tokenizers` and our
    # tables (17.0) may know different versions.
    few = [s for s in cases if len(s) < 200][:80] + cases[-900:]
    few = [s for s in few if all(unicodedata.category(c) != "Cn" for c in s)]
    out = struct.pack("<I", len(RULES))
    for name, patterns in RULES.items():
        out += struct.pack("<B", len(name)) + name.encode() + struct.pack("<I", len(few))
        for text in few:
            found = words(text, patterns)
            assert "".join(found) == text
            out += packed(text, [len(w.encode()) for w in found])
    write(HERE / "pretok.bin", out)


def read_cases():
    data = (HERE / "tokens_smollm2.bin").read_bytes()
    at = 4
    for _ in range(struct.unpack_from("<I", data)[0]):
        n = struct.unpack_from("<H", data, at)[0]
        text = data[at + 2:at + 2 + n].decode()
        at += 2 + n
        n = struct.unpack_from("<H", data, at)[0]
        yield text, list(struct.unpack_from("<%dH" % n, data, at + 2))
        at += 2 + 2 * n


def second_opinion(model):
    from llama_cpp import Llama
    llama = Llama(model, vocab_only=True, verbose=False)
    lost = {chr(c) for c in (4, 6, 0x13, 0x14, 0x16, 0x1D)}
    n = differ = without = 0
    for text, ids in read_cases():
        n += 1
        if llama.tokenize(text.encode(), add_bos=False, special=False) != ids:
            differ += 1
            if not lost & set(text):
                without += 1
                print(repr(text), ids, llama.tokenize(text.encode(), add_bos=False, special=False))
    print(n, "strings,", differ, "differ,", without, "of them without a byte that has no token")


if __name__ == "__main__":
    if sys.argv[1] == "--second-opinion":
        second_opinion(sys.argv[2])
    else:
        make(sys.argv[1], sys.argv[2])
