#!/usr/bin/env bash
# Pack the edit benchmark for a bare GPU machine: a static site in pieces small enough to carry.
#   bench/edit/device/pack.sh OUT GPU_TOOLS    GPU_TOOLS: the folder of pack-chromium.sh, browser.py
# Needs ./dev build sdk, the model, and (for the peers) one earlier `./dev bench edit`, which fetches
# them. Writes folders of at most 60 MiB, one or two a call: what is in them and the order of calls
# is device/README.md's. PEERS=0 leaves the peers out (two folders fewer).
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")") root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../..")
out=$(realpath -m "${1:?usage: pack.sh OUT GPU_TOOLS}") tools=$(realpath "${2:?usage: pack.sh OUT GPU_TOOLS}")
cache=${NEARFIELD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nearfield}
model=${NEARFIELD_MODEL:-$cache/models/SmolLM2-135M-Instruct.Q4_1.gguf}
mkdir -p "$out"/{site,gguf,peers,onnx_a,onnx_b,scripts}

# parts PREFIX BYTES FOLDER... : standard input, compressed, cut over the folders in turn.
parts() {
  local prefix=$1 bytes=$2; shift 2
  local work; work=$(mktemp -d)
  xz -T2 -3 | split -b "$bytes" - "$work/$prefix.part."
  local i=0 folders=("$@")
  for part in "$work/$prefix".part.*; do
    mv "$part" "${folders[$i]}/"; [ $((i + 1)) -ge ${#folders[@]} ] || i=$((i + 1))
  done
  rm -r "$work"
}

# The site without models: pages, captions, SDK, and the model's manifest (its file is unpacked there).
site=$(mktemp -d); trap 'rm -rf "$site"' EXIT
cp "$root"/bench/{peers,edit}/page/* "$root"/bench/peers/captions.json "$site"/
mkdir -p "$site"/{sdk,model,onnx/onnx}
cp "$root"/sdk/dist/*.{js,wasm} "$site/sdk/"
node --input-type=module -e "
import { modelManifest } from '$root/bench/peers/serve.mjs'
console.log(JSON.stringify({ ...modelManifest('$model'), file: 'model.gguf' }))" > "$site/model/manifest.json"
tar -C "$site" -czf "$out/site/site.tar.gz" .
parts gguf 60m "$out/gguf" "$out/gguf" < "$model" # 90 MB: one part a call; see README.md
mkdir -p "$out/gguf_b"; for part in "$out"/gguf/gguf.part.a[b-z]; do [ ! -e "$part" ] || mv "$part" "$out/gguf_b/"; done

if [ "${PEERS:-1}" != 0 ]; then
  bench=$cache/bench
  tjs=$(echo "$bench"/huggingface-transformers-*/node_modules) wllama=$(echo "$bench"/wllama-wllama-*/node_modules/@wllama/wllama/esm)
  onnx=$(echo "$bench"/onnx-edit-*)
  peers=$(mktemp -d)
  mkdir -p "$peers"/npm/@huggingface/transformers/dist "$peers"/npm/onnxruntime-web/dist "$peers"/npm/onnxruntime-common/dist "$peers"/wllama/wasm "$peers"/onnx
  cp "$tjs"/@huggingface/transformers/dist/transformers.web.js "$peers"/npm/@huggingface/transformers/dist/
  cp "$tjs"/onnxruntime-web/dist/{ort.jspi.bundle.min.mjs,ort-wasm-simd-threaded.jspi.mjs,ort-wasm-simd-threaded.jspi.wasm} "$peers"/npm/onnxruntime-web/dist/
  cp -r "$tjs"/onnxruntime-common/dist/esm "$peers"/npm/onnxruntime-common/dist/
  cp "$wllama"/index.js "$peers"/wllama/; cp "$wllama"/wasm/wllama.wasm "$peers"/wllama/wasm/
  cp "$onnx"/{config.json,tokenizer.json,tokenizer_config.json} "$peers"/onnx/
  tar -C "$peers" -cf - . | xz -T2 -6 > "$out/peers/peers.tar.xz"
  rm -r "$peers"
  parts q4 45m "$out/onnx_a" "$out/onnx_b" < "$onnx/onnx/model_q4.onnx"
fi
cp "$tools"/{browser.py,unpack.sh} "$here"/{unpack_bench.sh,measure.sh} "$out/scripts/"
du -sh "$out"/*
