"""The base model in torch with a LoRA on its seven projections, written for training on captions.

Owns the forward pass and the low-rank matrices; knows no files but the base's GGUF. What makes it
quick for short texts: the prompt's common beginning is one more row of the batch, whose keys and
values all rows share (gradients flow back through them); projections of the same input are one
product, and so are their low-rank matrices; logits are computed only where an answer's token is
decided; rows are padded on the right. Rotary halves are in Hugging Face's order, as PEFT's adapters
have them; the GGUF's rows of q and k are put back into it.
Hu et al. 2021, arXiv:2106.09685: y = W x + (alpha / rank) B (A x).
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

GROUPS = [  # of one input each; our name: (the GGUF's, PEFT's)
    {"q": ("attn_q", "self_attn.q_proj"),
     "k": ("attn_k", "self_attn.k_proj"),
     "v": ("attn_v", "self_attn.v_proj")},
    {"o": ("attn_output", "self_attn.o_proj")},
    {"gate": ("ffn_gate", "mlp.gate_proj"),
     "up": ("ffn_up", "mlp.up_proj")},
    {"down": ("ffn_down", "mlp.down_proj")},
]
SCALE = 2.0  # alpha / rank, whatever the rank
ALIGNED = 8  # numbers of bf16 that tensor cores load at once


def to_hf_rows(w, n_heads):
    """The GGUF's rows of q or k (pairs side by side) -> Hugging Face's (halves)."""
    rows, cols = w.shape
    return w.reshape(n_heads, rows // n_heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


class LoraGroup(nn.Module):
    """Projections of one input: w [d_out][d_in], frozen, one below the other; a [width][d_in]
    likewise and b [d_out][width], zero but for its blocks, trained, in f32. The width is n * rank
    and what makes it a multiple of ALIGNED: zeros that get no gradient."""

    def __init__(self, ws, rank, dtype):
        super().__init__()
        self.rank, self.rows = rank, [len(w) for w in ws]
        self.register_buffer("w", torch.cat(ws).to(dtype), persistent=False)
        used = len(ws) * rank
        width = used + -used % ALIGNED
        self.a = nn.Parameter(torch.zeros(width, self.w.shape[1]))
        self.b = nn.Parameter(torch.zeros(len(self.w), width))
        blocks = torch.block_diag(*(torch.full((n, rank), SCALE) for n in self.rows))
        self.register_buffer("blocks", F.pad(blocks, (0, width - used)), persistent=False)
        nn.init.kaiming_uniform_(self.a.data[:used], a=math.sqrt(5))

    def forward(self, x):  # [n][d_in] -> [n][d_out]
        low = x @ self.a.to(x.dtype).t()
        return (x @ self.w.t()).addmm_(low, (self.b * self.blocks).to(x.dtype).t())

    def parts(self):
        """(a, b) of each projection, views."""
        ranks = [slice(i * self.rank, (i + 1) * self.rank) for i in range(len(self.rows))]
        return [(self.a[r], b[:, r]) for r, b in zip(ranks, self.b.split(self.rows))]


class Layer(nn.Module):
    def __init__(self, gguf, i, rank, shape, dtype):
        super().__init__()
        self.heads, self.kv_heads, self.eps = shape["heads"], shape["kv_heads"], shape["eps"]

        def weight(name, stored):
            w = gguf.tensor(f"blk.{i}.{stored}.weight")
            if name in "qk":
                w = to_hf_rows(w, self.heads if name == "q" else self.kv_heads)
            return torch.from_numpy(w.copy())
        self.qkv, self.o, self.gate_up, self.down = (
            LoraGroup([weight(name, stored) for name, (stored, _) in group.items()], rank, dtype)
            for group in GROUPS)
        for name in ("attn_norm", "ffn_norm"):
            w = torch.from_numpy(gguf.tensor(f"blk.{i}.{name}.weight"))
            self.register_buffer(name, w.to(dtype), persistent=False)

    def norm(self, x, w):
        return F.rms_norm(x, w.shape, w, self.eps)

    def attention(self, h, rotary, mask):
        """h [rows * n][d], the first row the common beginning; rotary, mask: Llama.places"""
        rows, n, n_past = mask.shape[0], mask.shape[2], mask.shape[3] - mask.shape[2]
        d_head = rotary[0].shape[-1]
        turned = (self.heads + self.kv_heads) * d_head
        qk, v = self.qkv(h).view(rows, n, -1).split([turned, self.kv_heads * d_head], dim=-1)
        qk = rotate(qk.view(rows, n, -1, d_head), rotary).transpose(1, 2)
        q, k = qk.split([self.heads, self.kv_heads], dim=1)
        v = v.view(rows, n, -1, d_head).transpose(1, 2)
        k, v = (torch.cat([t[:1, :, :n_past].expand(rows, -1, -1, -1), t], dim=2)
                .repeat_interleave(self.heads // self.kv_heads, dim=1) for t in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.o(y.transpose(1, 2).reshape(h.shape))

    def forward(self, x, rotary, mask):
        x = x + self.attention(self.norm(x, self.attn_norm), rotary, mask)
        gate, up = self.gate_up(self.norm(x, self.ffn_norm)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


def rotate(x, rotary):  # x [rows][n][heads][d_head], rotary two of [rows][n][1][d_head]
    return torch.addcmul(x * rotary[0], x.roll(x.shape[-1] // 2, dims=-1), rotary[1])


class Llama(nn.Module):
    """gguf: the base; rank: of every projection's LoRA, which begins as doing nothing."""

    def __init__(self, gguf, rank, device, dtype):
        super().__init__()
        get = lambda key: gguf.metadata["llama." + key]
        shape = {"heads": get("attention.head_count"), "kv_heads": get("attention.head_count_kv"),
                 "eps": get("attention.layer_norm_rms_epsilon")}
        self.eps, self.dtype, self.device = shape["eps"], dtype, device
        self.layers = nn.ModuleList(
            Layer(gguf, i, rank, shape, dtype) for i in range(get("block_count")))
        for name in ("token_embd", "output_norm"):
            w = torch.from_numpy(gguf.tensor(f"{name}.weight"))
            self.register_buffer(name, w.to(dtype), persistent=False)
        d_head = get("embedding_length") // shape["heads"]
        frequency = get("rope.freq_base") ** (-torch.arange(0, d_head, 2) / d_head)
        self.register_buffer("frequency", frequency.repeat(2), persistent=False)
        self.to(device)

    def places(self, rows, n, n_past):
        """Rotary's cosines and signed sines [rows][n][1][d_head], and who sees whom
        [rows][1][n][n_past + n], where the first row is the beginning that the others follow."""
        at = torch.arange(n, device=self.device).repeat(rows, 1)
        at[1:] += n_past
        angle = at[:, :, None, None] * self.frequency
        sign = torch.ones_like(self.frequency)
        sign[:len(sign) // 2] = -1
        mask = torch.ones(n, n_past + n, dtype=torch.bool, device=self.device).tril(n_past)
        mask = mask.repeat(rows, 1, 1, 1)
        mask[0, :, :, :n_past] = False
        return (angle.cos().to(self.dtype), (angle.sin() * sign).to(self.dtype)), mask

    def forward(self, ids, prefix):
        """ids [rows][n], what follows `prefix` (ids, a list, at most n). -> hidden states behind
        the last norm [rows][n][d]"""
        first = torch.zeros(1, ids.shape[1], dtype=ids.dtype)
        first[0, :len(prefix)] = torch.tensor(prefix)
        ids = torch.cat([first.to(self.device, non_blocking=True), ids])
        rotary, mask = self.places(*ids.shape, len(prefix))
        x = F.embedding(ids.flatten(), self.token_embd)
        for layer in self.layers:
            x = layer(x, rotary, mask)
        x = F.rms_norm(x, self.output_norm.shape, self.output_norm, self.eps)
        return x.view(*ids.shape, -1)[1:]

    def logits(self, hidden):
        """hidden [n][d] -> of the next token [n][n_vocab], f32"""
        return F.linear(hidden, self.token_embd).float()

    # ---- the adapter alone ----

    def loras(self):
        """(PEFT's name, a, b) of each projection, views of the parameters."""
        for i, layer in enumerate(self.layers):
            for group, lora in zip(GROUPS, (layer.qkv, layer.o, layer.gate_up, layer.down)):
                for (_, peft), (a, b) in zip(group.values(), lora.parts()):
                    yield f"base_model.model.model.layers.{i}.{peft}", a, b

    def adapter(self):
        """Tensors as PEFT names them, f32 on the CPU."""
        out = {}
        for name, a, b in self.loras():
            out[f"{name}.lora_A.weight"] = a.detach().float().cpu().contiguous()
            out[f"{name}.lora_B.weight"] = b.detach().float().cpu().contiguous()
        return out

    @torch.no_grad()
    def adapter_set(self, tensors):
        for name, a, b in self.loras():
            a.copy_(tensors[f"{name}.lora_A.weight"])
            b.copy_(tensors[f"{name}.lora_B.weight"])
