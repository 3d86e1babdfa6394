#!/usr/bin/env python3
"""Makes quant_vectors.gguf: what two independent implementations say blocks mean.

  decode.TYPE.blocks  random blocks;  decode.TYPE.values  what gguf-py dequantizes them to
  encode.input        rows of floats, easy and nasty
  encode.TYPE         llama.cpp's own ggml_quantize_chunk of encode.input

Needs: pip install gguf==0.19.0 numpy llama-cpp-python==0.3.36 (its libggml is called through
ctypes). Run: python make_quant.py, in this folder. Read next: tests/gguf/test_quant.c.
"""
import ctypes
import glob
import os

import gguf
import llama_cpp
import numpy as np
from gguf import GGMLQuantizationType as T

rng = np.random.default_rng(20261122)
N = 1024  # elements per type: 32 blocks of 32 or 4 of 256


def random_blocks(kind):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    if kind == T.F32:
        return rng.standard_normal(N, dtype=np.float32).view(np.uint8)
    n = N // block
    raw = rng.integers(0, 256, (n, size), dtype=np.uint8)
    if kind in (T.F16, T.BF16):  # any bits but infinities and NaN, whose bits are nobody's promise
        mask, bad = (0x7C00, 0x7C00) if kind == T.F16 else (0x7F80, 0x7F80)
        words = raw.view(np.uint16)
        words[(words & mask) == bad] = 1
        return raw.reshape(-1)
    halves = {T.Q4_1: (0, 2), T.Q5_1: (0, 2), T.Q4_K: (0, 2), T.Q5_K: (0, 2), T.Q6_K: (208,)}
    for at in halves.get(kind, (0,)):
        d = (rng.standard_normal(n) * 10.0 ** rng.integers(-7, 3, n)).astype(np.float16)
        raw[:, at : at + 2] = d.view(np.uint8).reshape(n, 2)
    return raw.reshape(-1)


def encode_input():
    rows = [
        rng.standard_normal(N) * 0.05,
        rng.standard_normal(N) * 10.0 ** rng.integers(-30, 4, N // 32).repeat(32),
        rng.integers(-8, 8, N) * 0.25,  # on a 4-bit grid: ties and exact values
        rng.integers(-254, 255, N) * 0.5,  # halves of an 8-bit grid
        np.abs(rng.standard_normal(N)) + 100,  # one sign, far from zero
    ]
    rows[0][:32] = 0
    rows[0][32:64] = 3.25  # all equal
    rows[0][64:96] = -3.25
    rows[0][96:128] = np.where(np.arange(32) % 2, 1, -1)  # two of largest magnitude
    return np.stack(rows).astype(np.float32)


def ggml():
    folder = os.path.join(os.path.dirname(llama_cpp.__file__), "lib")
    lib = ctypes.CDLL(glob.glob(os.path.join(folder, "libggml-base.so*"))[0])
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    lib.ggml_quantize_chunk.argtypes = [
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p,
    ]
    return lib


def main():
    out = gguf.GGUFWriter("quant_vectors.gguf", "nearfield-test")
    out.add_string("made_by", f"make_quant.py, gguf 0.19.0, numpy {np.__version__}, "
                              f"llama-cpp-python {llama_cpp.__version__}")
    for kind in (T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0,
                 T.Q4_K, T.Q5_K, T.Q6_K):
        raw = random_blocks(kind)
        out.add_tensor(f"decode.{kind.name}.blocks", raw.reshape(1, -1), raw_dtype=kind)
        values = gguf.quants.dequantize(raw, kind).astype(np.float32).reshape(-1)
        assert values.size == N and np.isfinite(values).all()
        out.add_tensor(f"decode.{kind.name}.values", values)
    x = encode_input()
    out.add_tensor("encode.input", x)
    lib = ggml()
    for kind in (T.F16, T.Q4_0, T.Q4_1, T.Q8_0):
        block, size = gguf.GGML_QUANT_SIZES[kind]
        raw = np.zeros((x.shape[0], N // block * size), dtype=np.uint8)
        done = lib.ggml_quantize_chunk(int(kind), x.ctypes.data, raw.ctypes.data, 0,
                                       x.shape[0], N, None)
        assert done == raw.size, (kind, done)
        other = gguf.quants.quantize(x, kind).view(np.uint8).reshape(raw.shape)
        print(kind.name, "bytes where gguf-py differs from llama.cpp:", int((raw != other).sum()))
        out.add_tensor(f"encode.{kind.name}", raw, raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


main()
