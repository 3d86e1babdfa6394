"""Reads the base model's GGUF file with numpy alone: metadata, and tensors dequantized to f32.

Owns the container and the three tensor types of the base (F32, Q8_0, Q4_1); knows no model. The
product's own reader is src/gguf; this one exists because training runs in Python on a machine
without the product. Source: ggml docs/gguf.md and ggml-quants.c.
"""
import struct

import numpy as np

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q",
           12: "d"}
STRING, ARRAY = 8, 9
F32, Q4_1, Q8_0 = 0, 3, 8
BLOCK = 32  # weights that share a scale
BLOCK_BYTES = {F32: 4 * BLOCK, Q4_1: 20, Q8_0: 34}


class Gguf:
    """metadata: key -> value (strings as str, arrays as list); tensors: name -> (type, shape, at),
    the shape as numpy has it (rows first), `at` a byte position in the file."""

    def __init__(self, path):
        self.bytes = np.memmap(path, mode="r", dtype=np.uint8)
        self.at = 0
        magic, version, n_tensors, n_keys = self._take("4sIQQ")
        if magic != b"GGUF" or version != 3:
            raise ValueError(f"{path}: not a GGUF file of version 3")
        self.metadata = {}
        for _ in range(n_keys):
            key = self._string()
            self.metadata[key] = self._value(self._take("I")[0])
        self.tensors = {}
        for _ in range(n_tensors):
            name = self._string()
            shape = self._take(f"{self._take('I')[0]}Q")[::-1]
            self.tensors[name] = (*self._take("I"), shape, *self._take("Q"))
        align = self.metadata.get("general.alignment", 32)
        self.data_at = -(-self.at // align) * align

    def _take(self, layout):
        layout = "<" + layout
        size = struct.calcsize(layout)
        self.at += size
        return struct.unpack(layout, self.bytes[self.at - size:self.at].tobytes())

    def _string(self):
        n = self._take("Q")[0]
        self.at += n
        return self.bytes[self.at - n:self.at].tobytes().decode()

    def _value(self, kind):
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            kind, n = self._take("IQ")
            return [self._value(kind) for _ in range(n)]
        return self._take(SCALARS[kind])[0]

    def tensor(self, name):
        """f32 array of the tensor's shape."""
        kind, shape, at = self.tensors[name]
        if kind not in BLOCK_BYTES:
            raise ValueError(f"{name}: tensor type {kind} is not one of F32, Q4_1, Q8_0")
        count = int(np.prod(shape))
        start = self.data_at + at
        raw = self.bytes[start:start + count // BLOCK * BLOCK_BYTES[kind]]
        if kind == F32:
            return raw.view("<f4").reshape(shape).copy()
        blocks = raw.reshape(-1, BLOCK_BYTES[kind])
        scale = blocks[:, 0:2].copy().view("<f2").astype(np.float32)
        if kind == Q8_0:
            values = blocks[:, 2:].view(np.int8).astype(np.float32) * scale
        else:  # the low nibbles are the first half of the block
            least = blocks[:, 2:4].copy().view("<f2").astype(np.float32)
            nibbles = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=1)
            values = nibbles.astype(np.float32) * scale + least
        return values.reshape(shape)
