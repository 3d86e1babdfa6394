"""Rows of training in batches of about the same length, and their tensors. Owns the order of rows
and how much each token of an answer counts; knows no model. The arrays are encode.py's."""
import numpy as np
import torch

PIECE = 50_000  # rows sorted by length together
ALIGNED = 8     # keys of a row with the common beginning: what attention's kernels like


class Examples:
    """arrays: as encode.py makes them; tokens: of a batch, with padding; n_prefix: tokens of the
    common beginning, the least length of a batch's rows; clean, edit: weights of the tokens of
    right lines, and of those that are changed in wrong ones."""

    def __init__(self, arrays, tokens, n_prefix, clean=1.0, edit=1.0):
        self.tokens, self.changed = arrays["tokens"], arrays["changed"]
        self.lengths = arrays["lengths"].astype(np.int64)
        self.answers = arrays["answers"].astype(np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.clean = arrays["clean"]
        self.batch_tokens, self.n_prefix = tokens, n_prefix
        self.clean_weight, self.edit_weight = clean, edit

    def batches(self, rows, rng):
        """All of `rows`: shuffled, then sorted by length within pieces, then shuffled again."""
        order = np.array(rows)
        rng.shuffle(order)
        out = []
        for at in range(0, len(order), PIECE):
            piece = order[at:at + PIECE]
            piece = piece[np.argsort(self.lengths[piece], kind="stable")]
            begin = 0
            for end, n in enumerate(np.maximum(self.lengths[piece], self.n_prefix)):
                if (end + 1 - begin) * n > self.batch_tokens and end > begin:
                    out.append(piece[begin:end])
                    begin = end
            out.append(piece[begin:])
        rng.shuffle(out)
        return out

    def tensors(self, batch, device):
        """ids [rows][n], padded with 0; places of the flat ids whose next token is an answer's;
        which tokens these are; how much each counts."""
        n = max(int(self.lengths[batch].max()), self.n_prefix)
        n += -(n + self.n_prefix) % ALIGNED
        column = np.arange(n)
        length, answer = self.lengths[batch][:, None], self.answers[batch][:, None]
        take = np.minimum(self.starts[batch][:, None] + column, len(self.tokens) - 1)
        ids = np.where(column < length, self.tokens[take], 0).astype(np.int64)
        wanted = (column >= answer) & (column < length)
        weights = np.where(self.clean[batch][:, None], self.clean_weight,
                           np.where(self.changed[take], self.edit_weight, 1.0))
        found = (ids, np.flatnonzero(wanted) - 1, ids[wanted],
                 weights[wanted].astype(np.float32))
        return [torch.from_numpy(t).to(device, non_blocking=True) for t in found]
