"""The base model in torch with a LoRA on its seven projections, written for training on captions.

Owns the forward pass and the low-rank matrices; knows no files but the base's GGUF. Three things
make it quick for short texts: the prompt's common beginning is computed once for a batch (its keys
and values are shared by all rows, gradients flow back through them), logits are computed only where
an answer's token is decided, and rows are padded on the right, so a causal mask is all that is
needed. Rotary halves are in Hugging Face's order, as PEFT's adapters have them; the GGUF's rows of
q and k are put back into it. Hu et al. 2021, arXiv:2106.09685: y = W x + (alpha / rank) B (A x).
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

PROJECTIONS = {  # our name: (the GGUF's, PEFT's)
    "q": ("attn_q", "self_attn.q_proj"),
    "k": ("attn_k", "self_attn.k_proj"),
    "v": ("attn_v", "self_attn.v_proj"),
    "o": ("attn_output", "self_attn.o_proj"),
    "gate": ("ffn_gate", "mlp.gate_proj"),
    "up": ("ffn_up", "mlp.up_proj"),
    "down": ("ffn_down", "mlp.down_proj"),
}
SCALE = 2.0  # alpha / rank, whatever the rank


def to_hf_rows(w, n_heads):
    """The GGUF's rows of q or k (pairs side by side) -> Hugging Face's (halves)."""
    rows, cols = w.shape
    return w.reshape(n_heads, rows // n_heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


class LoraLinear(nn.Module):
    """w [d_out][d_in], frozen; a [rank][d_in], b [d_out][rank], trained, in f32."""

    def __init__(self, w, rank, dtype):
        super().__init__()
        self.register_buffer("w", w.to(dtype), persistent=False)
        self.a = nn.Parameter(torch.empty(rank, w.shape[1]))
        self.b = nn.Parameter(torch.zeros(w.shape[0], rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x):
        low = F.linear(x, self.a.to(x.dtype))
        return F.linear(x, self.w) + F.linear(low, (SCALE * self.b).to(x.dtype))


class Layer(nn.Module):
    def __init__(self, gguf, i, rank, shape, dtype):
        super().__init__()
        self.heads, self.kv_heads, self.eps = shape["heads"], shape["kv_heads"], shape["eps"]
        for name, (stored, _) in PROJECTIONS.items():
            w = gguf.tensor(f"blk.{i}.{stored}.weight")
            if name in "qk":
                w = to_hf_rows(w, self.heads if name == "q" else self.kv_heads)
            setattr(self, name, LoraLinear(torch.from_numpy(w.copy()), rank, dtype))
        for name in ("attn_norm", "ffn_norm"):
            w = torch.from_numpy(gguf.tensor(f"blk.{i}.{name}.weight"))
            self.register_buffer(name, w.to(dtype), persistent=False)

    def norm(self, x, w):
        return F.rms_norm(x, w.shape, w, self.eps)

    def split(self, x, n_heads):  # [rows][n][d] -> [rows][heads][n][d_head]
        return x.view(*x.shape[:2], n_heads, -1).transpose(1, 2)

    def forward(self, x, rotary, mask, past):
        """x [rows][n][d]; past None or (k, v) [1][kv_heads][n_past][d_head], of all rows; mask None
        (causal) or [n][n_past + n]. -> x, (k, v) of x alone"""
        h = self.norm(x, self.attn_norm)
        q = rotate(self.split(self.q(h), self.heads), rotary)
        k = rotate(self.split(self.k(h), self.kv_heads), rotary)
        v = self.split(self.v(h), self.kv_heads)
        own = (k, v)
        if past is not None:
            k, v = (torch.cat([p.expand(x.shape[0], -1, -1, -1), t], dim=2)
                    for p, t in zip(past, own))
        shared = self.heads // self.kv_heads
        k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + self.o(y.transpose(1, 2).reshape(x.shape))
        h = self.norm(x, self.ffn_norm)
        return x + self.down(F.silu(self.gate(h)) * self.up(h)), own


def rotate(x, rotary):  # x [rows][heads][n][d_head], rotary two of [n][d_head]
    a, b = x.chunk(2, dim=-1)
    return x * rotary[0] + torch.cat([-b, a], dim=-1) * rotary[1]


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

    def forward(self, ids, past=None):
        """ids [rows][n]; past: what `keys_values` of the common beginning gave. -> hidden states
        behind the last norm [rows][n][d], and keys and values of ids alone"""
        n, n_past = ids.shape[1], 0 if past is None else past[0][0].shape[2]
        angle = (n_past + torch.arange(n, device=ids.device))[:, None] * self.frequency
        rotary = angle.cos().to(self.dtype), angle.sin().to(self.dtype)
        mask = None
        if past is not None:
            mask = torch.ones(n, n_past + n, dtype=torch.bool, device=ids.device).tril(n_past)
        x = F.embedding(ids, self.token_embd)
        keys_values = []
        for i, layer in enumerate(self.layers):
            x, own = layer(x, rotary, mask, None if past is None else past[i])
            keys_values.append(own)
        return F.rms_norm(x, self.output_norm.shape, self.output_norm, self.eps), keys_values

    def keys_values(self, ids):
        """Of one text, ids a list: the `past` of texts that begin with it."""
        return self(torch.tensor([ids], device=self.device))[1]

    def log_p(self, hidden):
        """hidden [n][d] -> log-probabilities of the next token [n][n_vocab], f32"""
        return F.linear(hidden, self.token_embd).float().log_softmax(-1)

    # ---- the adapter alone ----

    def loras(self):
        """(PEFT's name, LoraLinear) of each projection."""
        for i, layer in enumerate(self.layers):
            for name, (_, peft) in PROJECTIONS.items():
                yield f"base_model.model.model.layers.{i}.{peft}", getattr(layer, name)

    def adapter(self):
        """Tensors as PEFT names them, f32 on the CPU."""
        out = {}
        for name, lora in self.loras():
            out[f"{name}.lora_A.weight"] = lora.a.detach().float().cpu().contiguous()
            out[f"{name}.lora_B.weight"] = lora.b.detach().float().cpu().contiguous()
        return out

    @torch.no_grad()
    def adapter_set(self, tensors):
        for name, lora in self.loras():
            lora.a.copy_(tensors[f"{name}.lora_A.weight"])
            lora.b.copy_(tensors[f"{name}.lora_B.weight"])


def cut_rank(tensors, rank):
    """The best approximation of every B A by a product of `rank` (Eckart & Young 1936), the
    singular values' roots on both sides. tensors: as Llama.adapter gives."""
    out = {}
    for name in (n for n in tensors if n.endswith(".lora_A.weight")):
        other = name.replace("lora_A", "lora_B")
        a, b = tensors[name].double(), tensors[other].double()
        qa, ra = torch.linalg.qr(a.T)
        qb, rb = torch.linalg.qr(b)
        u, s, vt = torch.linalg.svd(rb @ ra.T)
        root = s[:rank].sqrt()
        out[name] = (root[:, None] * (vt[:rank] @ qa.T)).float().contiguous()
        out[other] = ((qb @ u[:, :rank]) * root).float().contiguous()
    return out
