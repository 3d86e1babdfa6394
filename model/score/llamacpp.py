#!/usr/bin/env python3
"""Does llama.cpp, given the same base and the same adapter file, write the same greedy answers?

  PYTHON model/score/llamacpp.py [--set FILE.tsv] [--lines N] [--adapter FILE.gguf] [--model FILE]
                                 [--nearfield build/native/nearfield]
PYTHON: one with llama-cpp-python, such as ./dev bench edit makes in the cache folder. The prompt is
the task's, in ChatML; `nearfield generate` answers without gate and guard.
Prints the lines that differ, then one line: N of M the same. Exit 1: under 95 %.
Owns nothing but the comparison. The two programs round their sums differently, so an answer may
differ where two tokens are nearly as likely; with an adapter misread nearly all would.
"""
import argparse
import os
import pathlib
import subprocess
import sys

import llama_cpp

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SYSTEM = ("Fix the grammar, spelling and punctuation of the caption. "
          "Keep everything else as it is.")
TOKENS = 64
SAME_MIN = .95


def lines_of(path, n):
    rows = [s.split("\t") for s in path.read_text(encoding="utf-8").splitlines() if s]
    step = max(len(rows) // n, 1)
    return [row[1].replace("|", " ") for row in rows[::step]][:n]


def prompt_of(line):
    return (f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{line}<|im_end|>\n"
            "<|im_start|>assistant\n")


def theirs(model, adapter):
    llama = llama_cpp.Llama(model_path=str(model), lora_path=adapter and str(adapter), n_ctx=512,
                            n_threads=2, verbose=False)

    def answer(line):
        ids = llama.tokenize(prompt_of(line).encode(), add_bos=False, special=True)
        out = llama.create_completion(ids, max_tokens=TOKENS, temperature=0, repeat_penalty=1.0)
        return out["choices"][0]["text"]
    return answer


def ours(args, line):
    command = [args.nearfield, "generate", "--system", SYSTEM, "--prompt", line, "--max-tokens",
               str(TOKENS), "--temperature", "0", "--model", str(args.model)]
    if args.adapter:
        command += ["--adapter", str(args.adapter)]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode()


def arguments():
    cache = os.environ.get("NEARFIELD_CACHE") or os.path.expanduser("~/.cache/nearfield")
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--set", type=pathlib.Path, default=ROOT / "model/eval/fix.test.tsv")
    p.add_argument("--lines", type=int, default=100, help="evenly over the set")
    p.add_argument("--adapter", default=ROOT / "model/adapters/fix.gguf", help="or none")
    p.add_argument("--model", default=f"{cache}/models/SmolLM2-135M-Instruct.Q4_1.gguf")
    p.add_argument("--nearfield", default=str(ROOT / "build/native/nearfield"))
    args = p.parse_args()
    if str(args.adapter) == "none":
        args.adapter = None
    return args


def main():
    args = arguments()
    answer = theirs(args.model, args.adapter)
    lines = lines_of(args.set, args.lines)
    n_same = 0
    for line in lines:
        a, b = ours(args, line).strip(), answer(line).strip()
        n_same += a == b
        if a != b:
            print(f"line      {line}\nnearfield {a}\nllama.cpp {b}\n")
    print(f"{n_same} of {len(lines)} answers the same (llama-cpp-python {llama_cpp.__version__})")
    return n_same < SAME_MIN * len(lines)


if __name__ == "__main__":
    sys.exit(main())
