"""llama.cpp's side of the engine benchmark, over its C functions (no Python in the timed loops
but the call itself). Reads a number of threads a line, answers one JSON object a line:
{"decode_tok_s": ..., "rows_tok_s": ...}. The work is run.mjs's: 128 tokens cached, then 32
tokens one at a time with argmax, or 32 in one pass. The first line says what was built."""
import ctypes
import json
import sys
import time

import llama_cpp as lib
import numpy as np

PREFIX, ROWS, DECODE = 128, 32, 32


def main(path):
    log = lib.llama_log_callback(lambda level, text, data: None)
    lib.llama_log_set(log, None)
    lib.llama_backend_init()
    params = lib.llama_model_default_params()
    # weights repacked for AMX crash here (llama.cpp b11364, Q4_1); nothing else repacks Q4_1
    use_extra_bufts = "amx_tile" not in open("/proc/cpuinfo").read()
    params.use_extra_bufts = use_extra_bufts
    model = lib.llama_model_load_from_file(path.encode(), params)
    params = lib.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = 512
    params.n_threads = params.n_threads_batch = 1
    context = lib.llama_init_from_model(model, params)
    memory = lib.llama_get_memory(context)
    n_vocab = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))

    def run(ids, at):  # positions from `at` on; what was there is forgotten
        lib.llama_memory_seq_rm(memory, 0, at, -1)
        tokens = (lib.llama_token * len(ids))(*ids)
        status = lib.llama_decode(context, lib.llama_batch_get_one(tokens, len(ids)))
        assert status == 0, status
        lib.llama_synchronize(context)

    def best():
        row = lib.llama_get_logits_ith(context, -1)
        return int(np.ctypeslib.as_array(row, (n_vocab,)).argmax())

    random = np.random.default_rng(1)
    prefix = random.integers(3, n_vocab, PREFIX).tolist()
    run(prefix, 0)
    info = lib.llama_print_system_info().decode().strip()
    if not use_extra_bufts:
        info += " | without weights repacked for AMX"
    print(json.dumps({"system": info}), flush=True)
    for line in sys.stdin:
        threads = int(line)
        lib.llama_set_n_threads(context, threads, threads)
        run(prefix[-1:], PREFIX - 1)
        token = best()
        start = time.perf_counter()
        for i in range(DECODE):
            run([token], PREFIX + i)
            token = best()
        decode = DECODE / (time.perf_counter() - start)
        batch = random.integers(3, n_vocab, ROWS).tolist()
        start = time.perf_counter()
        run(batch, PREFIX)
        best()
        rows = ROWS / (time.perf_counter() - start)
        print(json.dumps({"decode_tok_s": decode, "rows_tok_s": rows}), flush=True)


main(sys.argv[1])
