"""Makes the ONNX export transformers.js is measured with, of the same weights: a llama GGUF ->
OUT/config.json and OUT/onnx/model_quantized.onnx (int8 weights per channel, activations
quantized as they come: what is fastest for it on wasm). The graph is the one ONNX Runtime's own
model builder writes: GroupQueryAttention with rotary inside, packed q, k, v, fused norms; only
the last row goes through the head, as in the other engines of the benchmark.

Needs: pip install onnx onnxruntime gguf==0.19.0 numpy. Run: python make_onnx.py MODEL.gguf OUT
[GOLDEN.json], which then compares the f32 graph with the golden logits (tests/data).
Source: ONNX Runtime, ContribOperators.md."""
import json
import os
import sys

import gguf
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

MS = "com.microsoft"


class Graph:
    def __init__(self, reader):
        self.tensors = {t.name: t for t in reader.tensors}
        self.nodes, self.weights = [], []

    def constant(self, name, value):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def tensor(self, *names):  # [rows][cols], several below each other
        return np.concatenate([gguf.quants.dequantize(self.tensors[n].data, self.tensors[n].tensor_type)
                               .astype(np.float32) for n in names])

    def node(self, op, inputs, outputs, domain="", **attributes):
        outputs = outputs if isinstance(outputs, list) else [outputs]
        name = outputs[0] or op
        self.nodes.append(helper.make_node(op, inputs, outputs, name=f"{op}/{name}", domain=domain, **attributes))
        return outputs[0]

    def product(self, x, name, *tensors):
        w = self.constant(f"{name}.weight", self.tensor(*tensors).T)
        return self.node("MatMul", [x, w], name)


def build(reader):
    get = lambda key: reader.fields["llama." + key].contents()
    n_layers, heads, kv_heads = get("block_count"), get("attention.head_count"), get("attention.head_count_kv")
    d, eps, ctx = get("embedding_length"), get("attention.layer_norm_rms_epsilon"), 2048
    d_head, g = d // heads, Graph(reader)
    angle = np.arange(ctx)[:, None] * get("rope.freq_base") ** -(np.arange(0, d_head, 2) / d_head)
    cos, sin = (g.constant(n, f(angle).astype(np.float32)) for n, f in (("cos", np.cos), ("sin", np.sin)))

    one = g.constant("one", np.array([1], np.int64))
    length = g.node("ReduceSum", ["attention_mask", one], "mask_sum", keepdims=0)
    last = g.node("Sub", [length, g.constant("one_scalar", np.array(1, np.int64))], "last")
    last = g.node("Cast", [last], "seqlens_k", to=T.INT32)
    total = g.node("Gather", [g.node("Shape", ["attention_mask"], "mask_shape"),
                              g.constant("axis1", np.array(1, np.int64))], "total64")
    total = g.node("Cast", [total], "total", to=T.INT32)

    embed = g.constant("embed", g.tensor("token_embd.weight"))
    x = g.node("Gather", [embed, "input_ids"], "x0")
    norm = {"axis": -1, "epsilon": eps, "stash_type": 1}
    h = g.node("SimplifiedLayerNormalization", [x, g.constant("n0", g.tensor("blk.0.attn_norm.weight"))], "h0", **norm)
    inputs, outputs = [], []
    for i in range(n_layers):
        name = f"blk.{i}.%s.weight"
        qkv = g.product(h, f"l{i}.qkv", *(name % f"attn_{n}" for n in "qkv"))
        past, present = ([f"{p}.{i}.{kv}" for kv in ("key", "value")] for p in ("past_key_values", "present"))
        inputs += past
        outputs += present
        a = g.node("GroupQueryAttention", [qkv, "", "", *past, last, total, cos, sin], [f"l{i}.attention", *present],
                   MS, num_heads=heads, kv_num_heads=kv_heads, do_rotary=1, rotary_interleaved=1, scale=d_head**-0.5)
        a = g.product(a, f"l{i}.out", name % "attn_output")
        w = g.constant(f"l{i}.ffn_norm", g.tensor(name % "ffn_norm"))
        h = g.node("SkipSimplifiedLayerNormalization", [x, a, w], [f"l{i}.h", "", "", f"l{i}.x"], MS, epsilon=eps)
        gate, up = (g.product(h, f"l{i}.{n}", name % f"ffn_{n}") for n in ("gate", "up"))
        silu = g.node("Mul", [gate, g.node("Sigmoid", [gate], f"l{i}.sigmoid")], f"l{i}.silu")
        m = g.product(g.node("Mul", [silu, up], f"l{i}.act"), f"l{i}.down", name % "ffn_down")
        after = f"blk.{i + 1}.attn_norm.weight" if i + 1 < n_layers else "output_norm.weight"
        w = g.constant(f"l{i}.next_norm", g.tensor(after))
        h = g.node("SkipSimplifiedLayerNormalization", [f"l{i}.x", m, w], [f"l{i + 1}.h0", "", "", f"l{i + 1}.x0"], MS, epsilon=eps)
        x = f"l{i + 1}.x0"
    minus, huge = g.constant("from", np.array([-1], np.int64)), g.constant("to", np.array([2**62], np.int64))
    h = g.node("Slice", [h, minus, huge, one], "last_row")
    head = "output.weight" if "output.weight" in g.tensors else "token_embd.weight"
    g.product(h, "logits", head)

    value = helper.make_tensor_value_info
    cache = ["batch_size", kv_heads, "past", d_head]
    graph = helper.make_graph(
        g.nodes, "llama",
        [value("input_ids", T.INT64, ["batch_size", "rows"]), value("attention_mask", T.INT64, ["batch_size", "total_length"])]
        + [value(n, T.FLOAT, cache) for n in inputs],
        [value("logits", T.FLOAT, ["batch_size", 1, len(g.tensor("token_embd.weight"))])]
        + [value(n, T.FLOAT, ["batch_size", kv_heads, "total_length", d_head]) for n in outputs], g.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(MS, 1)])
    model.ir_version = 10
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": d, "num_hidden_layers": n_layers,
        "num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": d_head, "vocab_size": len(g.tensor("token_embd.weight")),
        "intermediate_size": get("feed_forward_length"), "max_position_embeddings": ctx, "rms_norm_eps": eps,
        "bos_token_id": 1, "eos_token_id": 2,
    }
    return model, config


def last_logits(path, tokens, config):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    empty = np.zeros((1, config["num_key_value_heads"], 0, config["head_dim"]), np.float32)
    feed = {i.name: empty for i in session.get_inputs() if i.name.startswith("past")}
    feed |= {"input_ids": np.array([tokens]), "attention_mask": np.ones((1, len(tokens)), np.int64)}
    return session.run(["logits"], feed)[0][0, -1]


def main(source, out, golden=None):
    os.makedirs(f"{out}/onnx", exist_ok=True)
    model, config = build(gguf.GGUFReader(source))
    f32, int8 = f"{out}/onnx/f32.onnx", f"{out}/onnx/model_quantized.onnx"
    onnx.save(model, f32)
    quantize_dynamic(f32, int8, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"],
                     extra_options={"DefaultTensorType": T.FLOAT})
    json.dump(config, open(f"{out}/config.json", "w"))
    for prompt in json.load(open(golden))["prompts"] if golden else []:
        wanted, ids = (np.array(prompt["oracle"][k][:20]) for k in ("top_logits", "top_ids"))
        for path in (f32, int8):
            got = last_logits(path, prompt["tokens"], config)
            print(prompt["name"], os.path.basename(path), f"off by max {np.abs(got[ids] - wanted).max():.5f} over the "
                  f"20 largest, top-1 {'agrees' if got.argmax() == ids[0] else 'differs'}")
    os.remove(f32)


main(*sys.argv[1:])
