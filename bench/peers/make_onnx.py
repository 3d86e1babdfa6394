"""Makes the ONNX models transformers.js is measured with, of the same weights, by
onnxruntime-genai's model builder: a llama GGUF -> OUT/config.json, tokenizer.json,
onnx/model_q4.onnx (int4, blocks of 32, for WebGPU) and onnx/model_quantized.onnx (int8 per
channel, activations quantized as they come, for wasm). Only the last row goes through the head,
as in the other engines. Each file holds its weights itself: no external data.

Run: python make_onnx.py MODEL.gguf OUT (a few minutes, 4 GB of memory).
Needs what install.mjs installs. Owns nothing but OUT; the GGUF is only read."""
import json
import os
import shutil
import subprocess
import sys

import gguf
import numpy as np
import onnx
import onnxruntime
import tokenizers
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import save_file
from tokenizers import decoders, models, pre_tokenizers

CONTROL = 3  # tokenizer.ggml.token_type of <|im_start|> and its like


def fields(reader):
    return {key: field.contents() for key, field in reader.fields.items()}


def write_tokenizer(f, out):
    """SmolLM2's: digits one by one, then GPT-2's byte-level BPE."""
    tokens = f["tokenizer.ggml.tokens"]
    if f["tokenizer.ggml.pre"] != "smollm":
        raise SystemExit(f"make_onnx: pre-tokenizer {f['tokenizer.ggml.pre']}: only smollm is written here")
    merges = [tuple(m.split(" ")) for m in f["tokenizer.ggml.merges"]]
    t = tokenizers.Tokenizer(models.BPE({s: i for i, s in enumerate(tokens)}, merges))
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([s for s, kind in zip(tokens, f["tokenizer.ggml.token_type"]) if kind == CONTROL])
    t.save(f"{out}/tokenizer.json")
    json.dump({"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>",
               "pad_token": "<|im_end|>", "clean_up_tokenization_spaces": False, "model_max_length": 8192},
              open(f"{out}/tokenizer_config.json", "w"))


def config_of(f):
    get = lambda key: f["llama." + key]
    d, heads = get("embedding_length"), get("attention.head_count")
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": d, "num_hidden_layers": get("block_count"),
        "num_attention_heads": heads, "num_key_value_heads": get("attention.head_count_kv"), "head_dim": d // heads,
        "intermediate_size": get("feed_forward_length"), "vocab_size": get("vocab_size"), "hidden_act": "silu",
        "max_position_embeddings": get("context_length"), "rms_norm_eps": get("attention.layer_norm_rms_epsilon"),
        "rope_theta": get("rope.freq_base"), "rope_scaling": None, "attention_bias": False, "mlp_bias": False,
        "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "torch_dtype": "float32",
    }


def write_hf_folder(reader, f, out):
    """The dequantized weights as a Hugging Face folder. GGUF interleaves the rows of q and k for
    its rotary embedding (llama.cpp, convert_hf_to_gguf.py, LlamaModel.permute): undone here."""
    config = config_of(f)
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
             "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    weights = {}
    for t in reader.tensors:
        w = gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32)
        parts = t.name.removesuffix(".weight").split(".")
        kind = parts[-1]
        if kind in heads:
            w = w.reshape(heads[kind], w.shape[0] // heads[kind] // 2, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)
        name = names[kind] if len(parts) == 1 else f"model.layers.{parts[1]}.{names[kind]}"
        weights[name + ".weight"] = np.ascontiguousarray(w)
    os.makedirs(out, exist_ok=True)
    save_file(weights, f"{out}/model.safetensors", metadata={"format": "pt"})
    json.dump(config, open(f"{out}/config.json", "w"))
    write_tokenizer(f, out)
    return config


def builder(hf, out, precision, provider, *extra):
    """The model builder, as its users run it; then weights and graph in one file."""
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", hf, "-o", out, "-p", precision, "-e", provider, "-c", f"{out}.cache"]
    subprocess.run(command + (["--extra_options", *extra] if extra else []), check=True, stdout=sys.stderr)
    model = onnx.load(f"{out}/model.onnx")
    for value in [*model.graph.input, *model.graph.output]:  # transformers.js reads no symbol here
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == "kv_cache_dim":
                dim.dim_value = json.load(open(f"{hf}/config.json"))["head_dim"]
    return model


def check(path, config, ids):
    """Runs the graph on the CPU once -> the most likely token after ids."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    empty = np.zeros((1, config["num_key_value_heads"], 0, config["head_dim"]), np.float32)
    feed = {i.name: empty for i in session.get_inputs() if i.name.startswith("past")}
    feed |= {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), np.int64)}
    logits = session.run(["logits"], {k: v for k, v in feed.items() if k in {i.name for i in session.get_inputs()}})[0]
    return int(logits[0, -1].argmax()), logits.shape


def main(source, out):
    reader = gguf.GGUFReader(source)
    f = fields(reader)
    work = f"{out}/work"
    os.makedirs(f"{out}/onnx", exist_ok=True)
    config = write_hf_folder(reader, f, f"{work}/hf")
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(f"{work}/hf/{name}", f"{out}/{name}")

    q4 = builder(f"{work}/hf", f"{work}/q4", "int4", "webgpu", "use_webgpu_fp32=true", "int4_block_size=32", "prune_lm_head=true")
    onnx.save(q4, f"{out}/onnx/model_q4.onnx")
    f32 = builder(f"{work}/hf", f"{work}/f32", "fp32", "cpu", "prune_lm_head=true", "shared_embeddings=false")
    onnx.save(f32, f"{work}/f32.onnx")
    quantize_dynamic(f"{work}/f32.onnx", f"{out}/onnx/model_quantized.onnx", per_channel=True, weight_type=QuantType.QInt8,
                     op_types_to_quantize=["MatMul"], extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
    tokenizer = tokenizers.Tokenizer.from_file(f"{out}/tokenizer.json")
    prompt = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\nThe capital of France is"
    ids = tokenizer.encode(prompt).ids
    for path in (f"{work}/f32.onnx", f"{out}/onnx/model_q4.onnx", f"{out}/onnx/model_quantized.onnx"):
        try:
            token, shape = check(path, config, ids)
            print(f"make_onnx: {os.path.basename(path)}: {os.path.getsize(path)} bytes, logits {shape}, says {tokenizer.decode([token])!r}", file=sys.stderr)
        except Exception as error:  # the CPU may lack an operator the WebGPU graph uses
            print(f"make_onnx: {os.path.basename(path)} was not run on the CPU: {error}", file=sys.stderr)
    shutil.rmtree(work)


main(*sys.argv[1:])
