#!/usr/bin/env bash
# On the bare machine, when all folders are in STORE:
#   measure.sh STORE RESULTS QUERY    e.g. 'engines=nearfield&vendor=nvidia&repeats=3'
# Unpacks once, runs the page in Chromium through browser.py, samples the memory of Chromium's
# processes and of the GPU beside it. FLAGS adds Chromium flags. Writes RESULTS/NAME.{json,memory}.
set -euo pipefail
store=$1 results=$2 query=$3
name=$(echo "$query" | tr -c 'a-zA-Z0-9\n' _ | cut -c1-60)
mkdir -p "$results"
site=$store/www
mkdir -p "$site/model" "$site/onnx/onnx"
tar -C "$site" -xzf "$store/site/site.tar.gz"
# whole OUT PART...: joins and unpacks the parts once; leaves OUT out when its last part is not here.
whole() {
  local to=$1; shift
  [ ! -e "$to" ] && [ -e "${*: -1}" ] || return 0
  cat "$@" | xz -dc > "$to.tmp" && mv "$to.tmp" "$to"
}
whole "$site/model/model.gguf" "$store"/gguf/gguf.part.* "$store"/gguf_b/gguf.part.*
whole "$site/onnx/onnx/model_q4.onnx" "$store"/onnx_a/q4.part.* "$store"/onnx_b/q4.part.*
[ ! -e "$store/peers/peers.tar.xz" ] || xz -dc "$store/peers/peers.tar.xz" | tar -C "$site" -xf -
if [ -z "${CHROME:-}" ]; then # unpack.sh wants Chromium's parts in one folder
  mkdir -p "$store/chrome"; cp -n "$store"/a/chrome.part.* "$store"/b/chrome.part.* "$store/chrome/" 2>/dev/null || true
  set +u; . "$store/scripts/unpack.sh" "$store/chrome" "$store/gl"; set -u
fi
(
  while sleep 0.5; do
    for status in /proc/[0-9]*/status; do
      [[ $({ tr "\0" " " < "${status%status}cmdline"; } 2>/dev/null || true) =~ --type=(renderer|gpu-process) ]] || continue
      echo "${BASH_REMATCH[1]} $(awk '/VmRSS/ {print $2}' "$status" 2>/dev/null) kB"
    done
    command -v nvidia-smi >/dev/null && echo "gpu $(nvidia-smi --query-gpu=memory.used --format=csv,noheader)"
  done > "$results/$name.samples"
) & sampler=$!
# shellcheck disable=SC2086
python3 "$store/scripts/browser.py" "$CHROME" "$site" "bench.html?$query" --timeout "${TIMEOUT:-500}" -- ${CHROME_GPU_FLAGS:-} ${FLAGS:-} | tee "$results/$name.json"
kill "$sampler"
awk '{ if ($2 + 0 > most[$1]) most[$1] = $2 + 0; unit[$1] = $3 } END { for (what in most) print what, most[what], unit[what] }' \
  "$results/$name.samples" | tee "$results/$name.memory"
rm "$results/$name.samples"
