"""llama.cpp's side of the edit benchmark, over its C functions (no Python in the timed loops but
the calls and the argmax of a row). The constant prefix of the prompts stays in the KV cache.
argv: MODEL.gguf captions.json THREADS [plain]. plain: without weights repacked for AMX, whose kernels
crash on some machines (llama.cpp b11364, Q4_1); nothing else repacks Q4_1. First line out: what was built. Then a question a line:
"edits N" -> a list of rows, "speeds" -> an object; the fields are run.mjs's."""
import ctypes
import json
import sys
import time

import llama_cpp as lib
import numpy as np

DECODE = 32


class Model:
    def __init__(self, path, threads, plain):
        start = time.perf_counter()
        params = lib.llama_model_default_params()
        params.use_extra_bufts = not plain
        self.model = lib.llama_model_load_from_file(path.encode(), params)
        params = lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = 512
        params.n_threads = params.n_threads_batch = threads
        self.context = lib.llama_init_from_model(self.model, params)
        self.load_ms = (time.perf_counter() - start) * 1e3
        self.memory = lib.llama_get_memory(self.context)
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.n_vocab = lib.llama_vocab_n_tokens(self.vocab)

    def encode(self, text):
        raw = text.encode()
        tokens = (lib.llama_token * (len(raw) + 8))()
        n = lib.llama_tokenize(self.vocab, raw, len(raw), tokens, len(tokens), False, True)
        assert n >= 0, n
        return list(tokens[:n])

    def decode(self, ids):
        out = b""
        for token in ids:
            piece = ctypes.create_string_buffer(256)
            n = lib.llama_token_to_piece(self.vocab, token, piece, 256, 0, False)
            out += piece.raw[:n]
        return out.decode(errors="replace")

    def run(self, ids, at):  # positions from `at` on; what was there is forgotten
        lib.llama_memory_seq_rm(self.memory, 0, at, -1)
        tokens = (lib.llama_token * len(ids))(*ids)
        status = lib.llama_decode(self.context, lib.llama_batch_get_one(tokens, len(ids)))
        assert status == 0, status
        row = lib.llama_get_logits_ith(self.context, -1)
        return int(np.ctypeslib.as_array(row, (self.n_vocab,)).argmax())


def edit(m, work, prefix, e):
    start = time.perf_counter()
    ids = m.encode(e["prompt"])
    assert ids[: len(prefix)] == prefix
    token, at = m.run(ids[len(prefix):], len(prefix)), len(ids)
    first = time.perf_counter()
    out, passes = [], 1
    while token != m.stop and len(out) < work["max_new_tokens"]:
        out.append(token)
        token = m.run([token], at)
        at, passes = at + 1, passes + 1
    text = m.decode(out).strip()
    return {"id": e["id"], "ms": (time.perf_counter() - start) * 1e3, "first_ms": (first - start) * 1e3, "tokens": len(out),
            "passes": passes, "prompt_tokens": len(ids), "cached_tokens": len(prefix), "text": text}


def speeds(m, n_prefix, random):
    def batch(n):
        ids = random.integers(3, m.n_vocab, n).tolist()
        start = time.perf_counter()
        m.run(ids, n_prefix)
        return n / (time.perf_counter() - start)

    token, start = 100, time.perf_counter()
    for i in range(DECODE):
        token = m.run([token], n_prefix + i)
    return {"decode_tok_s": DECODE / (time.perf_counter() - start), "rows32_tok_s": batch(32), "rows128_tok_s": batch(128)}


def main(path, captions, threads, plain=""):
    log = lib.llama_log_callback(lambda level, text, data: None)
    lib.llama_log_set(log, None)
    lib.llama_backend_init()
    work = json.load(open(captions))
    m = Model(path, int(threads), plain == "plain")
    prefix = m.encode(work["prefix"])
    m.stop = m.encode(work["stop"])[0]
    start = time.perf_counter()
    m.run(prefix, 0)
    edit(m, work, prefix, {"id": -1, "prompt": work["warm_prompt"]})
    first_edit_ms = (time.perf_counter() - start) * 1e3
    print(json.dumps({"system": lib.llama_print_system_info().decode().strip(), "load_ms": m.load_ms, "first_edit_ms": first_edit_ms}), flush=True)
    random = np.random.default_rng(1)
    for line in sys.stdin:
        question, *n = line.split()
        if question == "edits":
            answer = [edit(m, work, prefix, e) for e in work["edits"][: int(n[0])]]
        else:
            answer = speeds(m, len(prefix), random)
        print(json.dumps(answer), flush=True)


main(*sys.argv[1:])
