#!/usr/bin/env bash
# What a bare CUDA machine without a network needs to train, cut into parts of 45 MiB for machines
# that take files only in small loads; prints the commands to run there. Owns no recipe.
#   pack.sh BASE.gguf train.tsv fix.dev.tsv OUT      -> OUT/part1/piece, OUT/part2/piece, ...
# needs: python3 (or $PYTHON) with numpy and tokenizers
set -euo pipefail
[ $# -eq 4 ] || { sed -n '2,5p' "$0"; exit 2; }
base=$1 data=$2 dev=$3 out=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/pack" "$out"
"${PYTHON:-python3}" "$here/encode.py" "$base" "$data" "$work/pack/train.npz"
xz -T0 -4 "$work/pack/train.npz"
cp "$base" "$work/pack/base.gguf"
cp "$dev" "$work/pack/dev.tsv"
cp "$here"/{edits,encode,examples,gguf,greedy,labels,llama,prompt,train}.py "$work/pack/"
(cd "$work/pack" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
rm -rf "$out"/part*
tar -C "$work" -cf - pack | split -b 45M -a 1 --numeric-suffixes=1 - "$work/piece."
for piece in "$work"/piece.?; do
  mkdir -p "$out/part${piece##*.}"
  mv "$piece" "$out/part${piece##*.}/piece"
done
du -m "$out"/part?/piece
cat <<'COMMANDS'
there, with all parts in PARTS and results wanted in OUT:
  cat PARTS/part?/piece | tar -xf - -C /tmp && cd /tmp/pack &&
  sha256sum -c --quiet SHA256SUMS && xz -d train.npz.xz &&
  python3 train.py --base base.gguf --data train.npz --dev dev.tsv --out OUT \
    --state /tmp/state --minutes 8 --variant ...
COMMANDS
