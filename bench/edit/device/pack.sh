#!/usr/bin/env bash
# Pack the edit benchmark for a bare GPU machine: Chromium, page, SDK, model and peers, cut into
# folders that travel one a call.   bench/edit/device/pack.sh OUT [site|own]
# Needs Debian's chromium-headless-shell, ./dev build sdk, the model, and one earlier `./dev bench
# edit`, which fetches the peers. Writes OUT/site (small; goes with every call) and OUT/part1 ...,
# at most PART_MIB each. `site`: only that one again, after SDK or pages changed; `own`: no peers.
# What to call there: README.md. Does not run anything.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")") root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../..")
out=$(realpath -m "${1:?usage: pack.sh OUT [site]}") only=${2:-}
cache=${NEARFIELD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nearfield}
model=${NEARFIELD_MODEL:-$cache/models/SmolLM2-135M-Instruct.Q4_1.gguf}
PART_MIB=${PART_MIB:-48} # with the tree and OUT/site under the 64 MiB of a call
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

# Pages, captions, SDK, the model's manifest, and the scripts that run there.
site=$work/site
mkdir -p "$site"/{sdk,model} "$out/site"
cp "$root"/bench/{peers,edit}/page/* "$root"/bench/peers/captions.json "$site"/
cp "$root"/sdk/dist/*.{js,wasm} "$site/sdk/"
node --input-type=module -e "
import { modelManifest } from '$root/bench/peers/serve.mjs'
console.log(JSON.stringify({ ...modelManifest('$model'), file: 'model.gguf' }))" > "$site/model/manifest.json"
# parity.html, profile.html: our tests' module and drivers in a page.
mkdir "$site/parity"
cmake --build "$root/build/wasm" --target test_gpu_model >/dev/null
cp "$root"/build/wasm/test_gpu_model.wasm "$site/parity/"
cp "$root"/tests/data/{edit_lines.txt,golden_smollm2.json,agreement_smollm2.txt} "$site/parity/"
node --input-type=module -e "
import { rolldown } from '$root/node_modules/rolldown/dist/index.mjs'
for (const page of ['parity', 'profile']) {
  const bundle = await rolldown({ input: \`$root/bench/edit/page/\${page}.mjs\`, platform: 'browser' })
  await bundle.write({ file: \`$site/\${page}.js\`, format: 'es', codeSplitting: false })
}"
git -C "$root" describe --always --dirty > "$site/commit.txt"
tar -C "$site" -czf "$out/site/site.tar.gz" .
cp "$here"/{unpack.sh,measure.py} "$out/site/"
if [ "$only" = site ]; then du -sh "$out/site"; exit; fi

# Chromium with its libraries, and the loaders through which it finds the GPU.
chromium=/usr/lib/chromium headless=$work/headless
mkdir -p "$headless"/{chromium,lib} "$work/gl"
(cd $chromium && cp chromium-headless-shell headless_*.pak icudtl.dat v8_context_snapshot.bin \
  snapshot_blob.bin libEGL.so libGLESv2.so libvk_swiftshader.so vk_swiftshader_icd.json \
  libvulkan.so.1 "$headless/chromium/")
ldd $chromium/chromium-headless-shell | awk '/=> \//{print $3}' |
  grep -vE '/(libc|libm|libdl|libpthread|librt|libresolv|ld-linux[^/]*)\.so' |
  xargs -I{} cp -L {} "$headless/lib/"
(cd "$work/gl" && apt-get download -qq libvulkan1 libegl1 libglvnd0 libopengl0 libgl1 libglx0 libgles2)

# The peers' files that the page loads.
peers_copy() {
  bench=$cache/bench peers=$work/peers
  tjs=$(echo "$bench"/huggingface-transformers-*/node_modules)
  wllama=$(echo "$bench"/wllama-wllama-*/node_modules/@wllama/wllama/esm)
  onnx=$(echo "$bench"/onnx-edit-*)
  mkdir -p "$peers"/npm/@huggingface/transformers/dist "$peers"/npm/onnxruntime-web/dist \
    "$peers"/npm/onnxruntime-common/dist "$peers"/wllama/wasm "$peers"/onnx/onnx
  cp "$tjs"/@huggingface/transformers/dist/transformers.web.js "$peers"/npm/@huggingface/transformers/dist/
  (cd "$tjs"/onnxruntime-web/dist && cp ort.jspi.bundle.min.mjs ort-wasm-simd-threaded.jspi.{mjs,wasm} \
    "$peers"/npm/onnxruntime-web/dist/)
  cp -r "$tjs"/onnxruntime-common/dist/esm "$peers"/npm/onnxruntime-common/dist/
  cp "$wllama"/index.js "$peers"/wllama/
  cp "$wllama"/wasm/wllama.wasm "$peers"/wllama/wasm/
  cp "$onnx"/{config.json,tokenizer.json,tokenizer_config.json} "$peers"/onnx/
  cp "$onnx"/onnx/model_q4.onnx "$peers"/onnx/onnx/
}

# stream NAME MIB FILE... : a compressed archive, cut. own: Chromium and the model, enough for
# nearfield alone; peers: the rest.
mkdir "$work/cut" "$work/model"
ln -s "$(realpath "$model")" "$work/model/model.gguf"
stream() {
  local name=$1 mib=$2; shift 2
  tar -C "$work" -chf - "$@" | xz -T0 -3 | split -d -b "${mib}m" - "$work/cut/$name.xz."
  (cd "$work/cut" && sha256sum "$name".xz.*) > "$out/site/$name.sha256"
}
stream own "$PART_MIB" headless gl model
if [ "$only" != own ]; then
  peers_copy
  stream peers $((PART_MIB * 2 / 3)) peers
fi

# One folder a call: pieces in order, as many as fit.
rm -rf "$out"/part*
i=0 room=0
for piece in "$work"/cut/*.xz.*; do # own before peers
  bytes=$(stat -c %s "$piece")
  if [ "$bytes" -gt "$room" ]; then
    i=$((i + 1)) room=$((PART_MIB << 20))
    mkdir "$out/part$i"
  fi
  mv "$piece" "$out/part$i/"
  room=$((room - bytes))
done
du -sh "$out"/*
