#!/usr/bin/env python3
"""Makes golden_smollm2.json and .gguf (the same values; C tests read the GGUF): what the real
model answers, by two implementations that share no code with ours.

  oracle    a forward pass in numpy, f64 throughout, over weights dequantized by gguf-py:
            the definition. Top-1 and logits of ours are compared with it.
  llamacpp  llama.cpp, f32 with activations quantized to int8 blocks, as our kernels do: shows
            how far a sound int8 engine lies from the definition.
  check     llama.cpp again, over the same weights written out as F32 and with an f32 KV
            cache: must agree with the oracle to rounding, which is asserted here.

Each prompt p: text, tokens, positions (the last first), and for each position the 20 largest
logits (top_ids, top_logits) and lse = log(sum(exp(logits))), which a wrong logit anywhere
moves; greedy = 24 tokens chosen by argmax (end tokens do not stop it), margin = how far the
best logit was above the second at each of them.

Needs: pip install gguf==0.19.0 numpy==2.4.6 llama-cpp-python==0.3.36
Run:   python make_golden.py MODEL.gguf BENCH_EDITS.json    (one minute, 2 GB)
"""
import hashlib
import json
import sys
import tempfile

import gguf
import llama_cpp
import numpy as np

TOP, N_GREEDY = 20, 24
QUESTION = ("<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
            "Face<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
            "<|im_start|>assistant\n")


class Oracle:
    """Llama in f64: RMS norm, rotary on adjacent pairs, grouped heads, SwiGLU, tied head."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.w = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64)
                  for t in reader.tensors}
        get = lambda key: reader.fields["llama." + key].contents()
        self.layers, self.heads = get("block_count"), get("attention.head_count")
        self.kv_heads = get("attention.head_count_kv")
        self.eps = np.float64(np.float32(get("attention.layer_norm_rms_epsilon")))
        self.d_head = get("embedding_length") // self.heads
        pair = np.arange(0, self.d_head, 2) / self.d_head
        self.frequency = get("rope.freq_base") ** -pair
        self.reset()

    def reset(self):
        self.k = [np.zeros((0, self.kv_heads, self.d_head))] * self.layers
        self.v = list(self.k)

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.w[name]

    def rotate(self, x, pos):  # x[m][head][d_head]
        angle = (pos[:, None] * self.frequency)[:, None, :]
        a, b, out = x[..., 0::2], x[..., 1::2], np.empty_like(x)
        out[..., 0::2] = a * np.cos(angle) - b * np.sin(angle)
        out[..., 1::2] = a * np.sin(angle) + b * np.cos(angle)
        return out

    def attend(self, layer, x, pos):
        m, name = len(x), f"blk.{layer}.attn_%s.weight"
        q, k, v = (x @ self.w[name % n].T for n in "qkv")
        q = self.rotate(q.reshape(m, self.heads, -1), pos)
        k = self.rotate(k.reshape(m, self.kv_heads, -1), pos)
        self.k[layer] = np.concatenate([self.k[layer], k])
        self.v[layer] = np.concatenate([self.v[layer], v.reshape(m, self.kv_heads, -1)])
        group = self.heads // self.kv_heads
        keys, values = (c[layer].repeat(group, axis=1) for c in (self.k, self.v))
        score = np.einsum("mhd,nhd->hmn", q, keys) / np.sqrt(self.d_head)
        score[:, np.arange(len(keys))[None, :] > pos[:, None]] = -np.inf
        p = np.exp(score - score.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        out = np.einsum("hmn,nhd->mhd", p, values).reshape(m, -1)
        return out @ self.w[name % "output"].T

    def forward(self, tokens):
        pos = len(self.k[0]) + np.arange(len(tokens))
        x = self.w["token_embd.weight"][tokens]
        for i in range(self.layers):
            x = x + self.attend(i, self.norm(x, f"blk.{i}.attn_norm.weight"), pos)
            h = self.norm(x, f"blk.{i}.ffn_norm.weight")
            gate = h @ self.w[f"blk.{i}.ffn_gate.weight"].T
            up = h @ self.w[f"blk.{i}.ffn_up.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ self.w[f"blk.{i}.ffn_down.weight"].T
        head = self.w.get("output.weight", self.w["token_embd.weight"])
        return self.norm(x, "output_norm.weight") @ head.T


class LlamaCpp:
    def __init__(self, path, **options):
        self.llm = llama_cpp.Llama(path, n_ctx=512, n_batch=512, n_threads=2, n_threads_batch=2,
                                   logits_all=True, verbose=False, **options)

    def tokenize(self, text):
        return self.llm.tokenize(text.encode(), add_bos=False, special=True)

    def reset(self):
        self.llm.reset()

    def forward(self, tokens):
        before = self.llm.n_tokens
        self.llm.eval(tokens)
        return self.llm.scores[before:self.llm.n_tokens].astype(np.float64)


def f32_copy(path, to):
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(to, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        array = field.types[0] == gguf.GGUFValueType.ARRAY
        writer.add_key_value(name, field.contents(), field.types[0],
                             sub_type=field.types[-1] if array else None)
    for t in reader.tensors:
        writer.add_tensor(t.name, gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def answers(engine, tokens, positions):
    engine.reset()
    logits = engine.forward(tokens)
    rows = logits[positions]
    ids = np.argsort(-rows, axis=-1, kind="stable")[:, :TOP]
    largest = rows.max(-1)
    lse = largest + np.log(np.exp(rows - largest[:, None]).sum(-1))
    greedy, margin, row = [], [], logits[-1]
    for _ in range(N_GREEDY):
        second, best = np.sort(row)[-2:]
        greedy.append(int(row.argmax()))
        margin.append(float(np.float32(best - second)))
        row = engine.forward([greedy[-1]])[-1]
    f32 = lambda x: [float(v) for v in np.float32(x).reshape(-1)]
    return {"top_ids": ids.reshape(-1).tolist(), "lse": f32(lse), "greedy": greedy,
            "margin": margin, "top_logits": f32(np.take_along_axis(rows, ids, -1))}, logits


def main(path, bench):
    edits = json.load(open(bench))
    text = {e["id"]: e["prompt"] for e in edits["edits"]}
    prompts = [("warm", edits["warm_prompt"])] + [(f"edit{i}", text[i]) for i in (0, 8, 16, 26)]
    prompts += [("question", QUESTION), ("one", "Hello"),
                ("plain", "The quick brown fox jumps over the lazy dog. Once upon a time, in 1984,"),
                ("mixed", "naïve café — 12.5 % ünïcode \U0001f642 日本語\n\tdef f(x):\n        return x ** 2\n")]
    out = {"made_by": f"make_golden.py, gguf 0.19.0, numpy {np.__version__}, "
                      f"llama-cpp-python {llama_cpp.__version__}",
           "model": path.rsplit("/", 1)[-1],
           "model_sha256": hashlib.sha256(open(path, "rb").read()).hexdigest(),
           "top": TOP, "prompts": []}
    oracle, other = Oracle(path), LlamaCpp(path)
    with tempfile.TemporaryDirectory() as folder:
        f32_copy(path, folder + "/f32.gguf")
        f32 = llama_cpp.GGML_TYPE_F32
        check = LlamaCpp(folder + "/f32.gguf", type_k=f32, type_v=f32, flash_attn=False)
    for name, prompt in prompts:
        tokens = other.tokenize(prompt)
        n = len(tokens)
        positions = sorted({n - 1, n - 2, 3 * n // 4, n // 2, n // 4, 0} - {-1}, reverse=True)
        ours, exact = answers(oracle, tokens, positions)
        theirs, rough = answers(other, tokens, positions)
        check.reset()
        check_error = float(np.abs(exact - check.forward(tokens)).max())
        assert check_error < 0.005, check_error
        error = np.abs(exact - rough)
        agree = float((exact.argmax(-1) == rough.argmax(-1)).mean())
        same = next((i for i in range(N_GREEDY) if ours["greedy"][i] != theirs["greedy"][i]), N_GREEDY)
        print(f"{name}: {n} tokens, llama.cpp off by max {error.max():.3f} mean {error.mean():.4f}, "
              f"top-1 agrees {agree:.3f}, greedy agrees for {same} of {N_GREEDY}; "
              f"in f32 off by max {check_error:.6f}", flush=True)
        print("  ", repr(other.llm.detokenize(ours["greedy"], special=True).decode(errors="replace")))
        out["prompts"].append({"name": name, "text": prompt, "tokens": tokens, "positions": positions,
                               "oracle": ours, "llamacpp": theirs | {
                                   "f32_max_error": check_error,
                                   "max_error": float(error.max()), "mean_error": float(error.mean()),
                                   "top1_agreement": agree}})
    with open("golden_smollm2.json", "w") as f:
        head = {k: v for k, v in out.items() if k != "prompts"}
        f.write(json.dumps(head)[:-1] + ', "prompts": [\n')
        f.write(",\n".join(json.dumps(p, ensure_ascii=False) for p in out["prompts"]) + "\n]}\n")
    write_gguf(out)


def write_gguf(out):
    g = gguf.GGUFWriter("golden_smollm2.gguf", "nearfield-test")
    for key in ("made_by", "model", "model_sha256"):
        g.add_string(key, out[key])
    g.add_uint32("n_prompts", len(out["prompts"]))
    g.add_uint32("top", TOP)
    array = lambda key, values, kind: g.add_key_value(
        key, values, gguf.GGUFValueType.ARRAY, sub_type=kind)
    I32, F32 = gguf.GGUFValueType.INT32, gguf.GGUFValueType.FLOAT32
    for i, p in enumerate(out["prompts"]):
        g.add_string(f"p{i}.name", p["name"])
        g.add_string(f"p{i}.text", p["text"])
        array(f"p{i}.tokens", p["tokens"], I32)
        array(f"p{i}.positions", p["positions"], I32)
        for who in ("oracle", "llamacpp"):
            for key, kind in (("top_ids", I32), ("top_logits", F32), ("lse", F32),
                              ("greedy", I32), ("margin", F32)):
                array(f"p{i}.{who}.{key}", p[who][key], kind)
    g.write_header_to_file()
    g.write_kv_data_to_file()
    g.write_tensors_to_file()
    g.close()


main(*sys.argv[1:])
