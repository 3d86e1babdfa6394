#!/usr/bin/env bash
# What a bare CUDA machine without a network needs to train, cut into parts of 40 MiB for machines
# that take files only in small loads; prints the commands to run there. Owns no recipe.
#   pack.sh BASE.gguf train.tsv fix.dev.tsv OUT      -> OUT/a/part, OUT/b/part, OUT/c/part
set -euo pipefail
[ $# -eq 4 ] || { sed -n '2,4p' "$0"; exit 2; }
base=$1 data=$2 dev=$3 out=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/pack" "$out"
cp "$base" "$work/pack/base.gguf"
cp "$dev" "$work/pack/dev.tsv"
xz -T0 -4 -c "$data" >"$work/pack/train.tsv.xz"
cp "$here"/{edits,gguf,greedy,labels,llama,prompt,train}.py "$work/pack/"
(cd "$work/pack" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
tar -C "$work" -cf - pack | split -b 40M -a 1 - "$work/part."
for part in "$work"/part.?; do
  mkdir -p "$out/${part##*.}"
  mv "$part" "$out/${part##*.}/part"
done
du -m "$out"/?/part
cat <<'COMMANDS'
there, with all parts in PARTS and results wanted in OUT:
  cat PARTS/?/part | tar -xf - -C /tmp && cd /tmp/pack &&
  sha256sum -c --quiet SHA256SUMS && xz -d train.tsv.xz &&
  python3 train.py --base base.gguf --data train.tsv --dev dev.tsv --out OUT \
    --state /tmp/state --minutes 6 --variant ...
COMMANDS
